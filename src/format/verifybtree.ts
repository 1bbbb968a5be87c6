/**
 * Verifiers of btree block headers, short and long form: is this the block it should
 * be, here, in this tree, and may its count be used to walk it. Order and content of records are for the walker.
 */
import { type AgBtreeName, BTREE, type BtreeFamily, LONG_HEADER, maxRecords, SHORT_HEADER } from './btree.ts';
import { maxLevels } from './btreeheight.ts';
import { type Geometry, NULL_AGBNO } from './geometry.ts';
import { readCount64 } from './kinds.ts';
import { hex, type Problem, Problems } from './problem.ts';
import { viewOf } from './struct.ts';
import { needCrc, needUuid } from './verifyag.ts';

export interface BlockPlace {
  /** Level the block should be at; absent: any. */
  readonly level?: number;
  /** The block must be at least half full: it is not the root, nor the only child of a root in an inode. */
  readonly halfFull?: boolean;
}

function needCounts(
  problems: Problems,
  view: DataView,
  family: BtreeFamily,
  geometry: Geometry,
  place: BlockPlace,
): void {
  const level = view.getUint16(SHORT_HEADER.offset.level);
  const count = view.getUint16(SHORT_HEADER.offset.numrecs);
  if (place.level !== undefined && level !== place.level) problems.stop('level', level, place.level);
  const most = maxRecords(family, level, geometry.blocksize);
  if (count > most) problems.stop('numrecs', count, `at most ${most}`);
  else if (place.halfFull && count < most >>> 1) problems.add('numrecs', count, `at least ${most >>> 1}`);
  else if (level > 0 && count === 0) problems.stop('numrecs', count, 'at least 1 in a node');
}

function needMagic(problems: Problems, view: DataView, family: BtreeFamily): boolean {
  const magic = view.getUint32(0);
  if (magic !== family.magic) problems.stop('magic', hex(magic), hex(family.magic));
  return magic === family.magic;
}

/** Verifies the header of a block of an AG btree. `block` holds exactly one block. */
export function verifyShortBlock(
  block: Uint8Array,
  geometry: Geometry,
  name: AgBtreeName,
  agno: number,
  agbno: number,
  place: BlockPlace = {},
): readonly Problem[] {
  const problems = new Problems();
  const view = viewOf(block);
  const family = BTREE[name];
  if (!needMagic(problems, view, family)) return problems.take();
  const at = SHORT_HEADER.offset;
  needUuid(problems, view, at.uuid, geometry);
  const daddr = geometry.agbnoDaddr(agno, agbno);
  const bno = readCount64(view, at.bno);
  if (bno !== daddr) problems.add('bno', bno, daddr);
  const owner = view.getUint32(at.owner);
  if (owner !== agno) problems.add('owner', owner, agno);
  const most = maxLevels(name, geometry);
  if (view.getUint16(at.level) >= most) problems.add('level', view.getUint16(at.level), `below ${most}`);
  needCounts(problems, view, family, geometry, place);
  for (const side of ['leftsib', 'rightsib'] as const) {
    const sibling = view.getUint32(at[side]);
    if (sibling === NULL_AGBNO) continue;
    if (!geometry.isAgbno(agno, sibling) || sibling === agbno || sibling < geometry.headerBlocks) {
      problems.add(side, sibling, 'null or another block of the AG');
    }
  }
  needCrc(problems, block, at.crc);
  return problems.take();
}

/** Verifies the header of a block of a bmbt of inode `owner`. `block` holds exactly one block. */
export function verifyLongBlock(
  block: Uint8Array,
  geometry: Geometry,
  fsbno: number,
  owner: number,
  place: BlockPlace = {},
): readonly Problem[] {
  const problems = new Problems();
  const view = viewOf(block);
  if (!needMagic(problems, view, BTREE.bmapbt)) return problems.take();
  const at = LONG_HEADER.offset;
  needUuid(problems, view, at.uuid, geometry);
  const daddr = geometry.fsbnoDaddr(fsbno);
  const bno = readCount64(view, at.bno);
  if (bno !== daddr) problems.add('bno', bno, daddr);
  const found = readCount64(view, at.owner);
  if (found !== owner) problems.add('owner', found, owner);
  needCounts(problems, view, BTREE.bmapbt, geometry, place);
  for (const side of ['leftsib', 'rightsib'] as const) {
    const sibling = readCount64(view, at[side]);
    if (sibling !== -1 && (sibling === fsbno || !geometry.isFsbnoRange(sibling, 1))) {
      problems.add(side, sibling, 'null or another block of the filesystem');
    }
  }
  needCrc(problems, block, at.crc);
  return problems.take();
}
