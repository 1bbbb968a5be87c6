/**
 * Verifiers of the AG headers: AGF, AGI and AGFL, each one sector. They look at one
 * object alone; whether its counts are true is for check, which has counted.
 */
import { AGF, AGF_CRC_OFFSET, AGF_MAGIC } from './agf.ts';
import { AGFL_CRC_OFFSET, AGFL_HEADER, AGFL_MAGIC, agflSlots } from './agfl.ts';
import { AGI, AGI_CRC_OFFSET, AGI_MAGIC, AGI_UNLINKED_BUCKETS } from './agi.ts';
import type { AgBtreeName } from './btree.ts';
import { maxLevels } from './btreeheight.ts';
import { computeCrc, storedCrc } from './checksum.ts';
import { CHUNK_INODES, type Geometry, NULL_AGBNO, NULL_AGINO } from './geometry.ts';
import { formatUuid } from './kinds.ts';
import { hex, type Problem, Problems } from './problem.ts';
import { viewOf } from './struct.ts';

/** Checks a CRC over `bytes[start, start + length)`. */
export function needCrc(
  problems: Problems,
  bytes: Uint8Array,
  crcOffset: number,
  start = 0,
  length = bytes.length - start,
): void {
  const stored = storedCrc(bytes, crcOffset, start);
  const computed = computeCrc(bytes, crcOffset, start, length);
  if (stored !== computed) problems.add('crc', hex(stored), hex(computed));
}

/** Checks the metadata UUID at `byte`. */
export function needUuid(problems: Problems, view: DataView, byte: number, geometry: Geometry): void {
  if (geometry.isMetaUuid(view, byte)) return;
  const found = formatUuid(new Uint8Array(view.buffer, view.byteOffset + byte, 16));
  problems.add('uuid', found, geometry.metaUuid);
}

function needMagic(problems: Problems, found: number, expected: number): boolean {
  if (found !== expected) problems.stop('magicnum', hex(found), hex(expected));
  return found === expected;
}

function needPlace(
  problems: Problems,
  fields: { seqno: number; length: number },
  geometry: Geometry,
  agno: number,
): void {
  if (fields.seqno !== agno) problems.add('seqno', fields.seqno, agno);
  const expected = geometry.agLength(agno);
  if (fields.length !== expected) problems.add('length', fields.length, expected);
}

/** Fields of a feature that the filesystem does not have, and bytes without a meaning, were never written. */
function needZero(problems: Problems, field: string, found: number): void {
  if (found !== 0) problems.add(field, found, '0, it is not in use');
}

/** Bytes from `from` up to, not with, `to` that are not zero. */
export function countUsed(bytes: Uint8Array, from: number, to: number): number {
  let used = 0;
  for (let i = from; i < to; i++) if (bytes[i] !== 0) used++;
  return used;
}

/**
 * Whether the AGI may name `agino` as the chunk that was allocated last. The chunk may have been freed since, but
 * inodes begin where the alignment of (sparse) chunks lets them.
 */
export function isNewino(geometry: Geometry, agno: number, agino: number): boolean {
  if (agino === NULL_AGINO) return true;
  const agbno = geometry.aginoAgbno(agino);
  if (!geometry.isAgbno(agno, agbno) || agbno < geometry.headerBlocks) return false;
  const { inopblock, spinoAlign, inoalignmt, features } = geometry;
  if (agino % Math.min(CHUNK_INODES, inopblock) !== 0) return false;
  const align = features.sparse && spinoAlign > 0 ? spinoAlign : inoalignmt;
  return inopblock >= CHUNK_INODES || align === 0 || agbno % align === 0;
}

function needAtMost(problems: Problems, field: string, found: number, most: number, what: string): void {
  if (found > most) problems.add(field, found, `at most ${what} ${most}`);
}

function needTree(
  problems: Problems,
  names: { root: string; level: string; tree: AgBtreeName },
  values: { root: number; level: number },
  geometry: Geometry,
  agno: number,
): void {
  const most = maxLevels(names.tree, geometry);
  if (values.level < 1 || values.level > most) problems.add(names.level, values.level, `1 to ${most}`);
  if (!geometry.isAgbno(agno, values.root) || values.root < geometry.headerBlocks) {
    problems.add(names.root, values.root, 'a block of the AG');
  }
}

/** Verifies an AGF. `sector` holds at least `sectsize` bytes, of which exactly these are looked at. */
export function verifyAgf(sector: Uint8Array, geometry: Geometry, agno: number): readonly Problem[] {
  const problems = new Problems();
  const agf = AGF.over(sector);
  if (!needMagic(problems, agf.magicnum, AGF_MAGIC)) return problems.take();
  if (agf.versionnum !== 1) problems.add('versionnum', agf.versionnum, 1);
  needUuid(problems, agf.view, AGF.offset.uuid, geometry);
  needPlace(problems, agf, geometry, agno);
  const slots = agflSlots(geometry.sectsize);
  if (agf.flfirst >= slots) problems.add('flfirst', agf.flfirst, `below ${slots}`);
  if (agf.fllast >= slots) problems.add('fllast', agf.fllast, `below ${slots}`);
  needAtMost(problems, 'flcount', agf.flcount, slots, 'the slots');
  needAtMost(problems, 'freeblks', agf.freeblks, agf.length, 'length');
  needAtMost(problems, 'longest', agf.longest, agf.freeblks, 'freeblks');
  needAtMost(problems, 'btreeblks', agf.btreeblks, agf.length, 'length');
  const bno = { root: 'bnoroot', level: 'bnolevel', tree: 'bnobt' as const };
  needTree(problems, bno, { root: agf.bnoroot, level: agf.bnolevel }, geometry, agno);
  const cnt = { root: 'cntroot', level: 'cntlevel', tree: 'cntbt' as const };
  needTree(problems, cnt, { root: agf.cntroot, level: agf.cntlevel }, geometry, agno);
  if (geometry.features.rmapbt) {
    const rmap = { root: 'rmaproot', level: 'rmaplevel', tree: 'rmapbt' as const };
    needTree(problems, rmap, { root: agf.rmaproot, level: agf.rmaplevel }, geometry, agno);
    needAtMost(problems, 'rmapblocks', agf.rmapblocks, agf.length, 'length');
  } else {
    needZero(problems, 'rmaproot', agf.rmaproot);
    needZero(problems, 'rmaplevel', agf.rmaplevel);
    needZero(problems, 'rmapblocks', agf.rmapblocks);
  }
  if (geometry.features.reflink) {
    const refcount = { root: 'refcntroot', level: 'refcntlevel', tree: 'refcntbt' as const };
    needTree(problems, refcount, { root: agf.refcntroot, level: agf.refcntlevel }, geometry, agno);
    needAtMost(problems, 'refcntblocks', agf.refcntblocks, agf.length, 'length');
  } else {
    needZero(problems, 'refcntroot', agf.refcntroot);
    needZero(problems, 'refcntlevel', agf.refcntlevel);
    needZero(problems, 'refcntblocks', agf.refcntblocks);
  }
  const { spare, lsn, spare2 } = AGF.offset;
  needZero(problems, 'spare', countUsed(sector, spare, lsn) + countUsed(sector, spare2, geometry.sectsize));
  needCrc(problems, sector, AGF_CRC_OFFSET, 0, geometry.sectsize);
  return problems.take();
}

/** Verifies an AGI. `sector` holds at least `sectsize` bytes. */
export function verifyAgi(sector: Uint8Array, geometry: Geometry, agno: number): readonly Problem[] {
  const problems = new Problems();
  const agi = AGI.over(sector);
  if (!needMagic(problems, agi.magicnum, AGI_MAGIC)) return problems.take();
  if (agi.versionnum !== 1) problems.add('versionnum', agi.versionnum, 1);
  needUuid(problems, agi.view, AGI.offset.uuid, geometry);
  needPlace(problems, agi, geometry, agno);
  const ino = { root: 'root', level: 'level', tree: 'inobt' as const };
  needTree(problems, ino, { root: agi.root, level: agi.level }, geometry, agno);
  if (geometry.features.finobt) {
    const fino = { root: 'free_root', level: 'free_level', tree: 'finobt' as const };
    needTree(problems, fino, { root: agi.free_root, level: agi.free_level }, geometry, agno);
  } else {
    needZero(problems, 'free_root', agi.free_root);
    needZero(problems, 'free_level', agi.free_level);
  }
  if (!geometry.features.inobtcnt) {
    needZero(problems, 'ino_blocks', agi.ino_blocks);
    needZero(problems, 'fino_blocks', agi.fino_blocks);
  }
  needZero(problems, 'pad32', agi.pad32);
  needZero(problems, 'unused', countUsed(sector, AGI.size, geometry.sectsize));
  if (agi.dirino !== NULL_AGINO) problems.add('dirino', agi.dirino, 'null');
  if (!isNewino(geometry, agno, agi.newino))
    problems.add('newino', agi.newino, 'null or an inode chunk of the AG');
  needAtMost(problems, 'freecount', agi.freecount, agi.count, 'count');
  const inodes = geometry.agLength(agno) * geometry.inopblock;
  needAtMost(problems, 'count', agi.count, inodes, 'the inodes that fit,');
  for (let i = 0; i < AGI_UNLINKED_BUCKETS; i++) {
    const agino = agi.view.getUint32(AGI.offset.unlinked + 4 * i);
    if (agino === NULL_AGINO) continue;
    if (!geometry.isAgbno(agno, geometry.aginoAgbno(agino))) {
      problems.add(`unlinked[${i}]`, agino, 'null or an inode of the AG');
    } else if (agino % AGI_UNLINKED_BUCKETS !== i) {
      problems.add(`unlinked[${i}]`, agino, `an inode whose number leaves ${i} over 64`);
    }
  }
  needCrc(problems, sector, AGI_CRC_OFFSET, 0, geometry.sectsize);
  return problems.take();
}

/** Verifies an AGFL: header, and that every slot, live or stale, is null or a block of an AG. */
export function verifyAgfl(sector: Uint8Array, geometry: Geometry, agno: number): readonly Problem[] {
  const problems = new Problems();
  const agfl = AGFL_HEADER.over(sector);
  if (!needMagic(problems, agfl.magicnum, AGFL_MAGIC)) return problems.take();
  if (agfl.seqno !== agno) problems.add('seqno', agfl.seqno, agno);
  const view = viewOf(sector);
  needUuid(problems, view, AGFL_HEADER.offset.uuid, geometry);
  for (let i = 0; i < agflSlots(geometry.sectsize); i++) {
    const agbno = view.getUint32(AGFL_HEADER.size + 4 * i);
    if (agbno !== NULL_AGBNO && agbno >= geometry.agblocks) {
      problems.add(`bno[${i}]`, agbno, `null or below ${geometry.agblocks}`);
    }
  }
  needCrc(problems, sector, AGFL_CRC_OFFSET, 0, geometry.sectsize);
  return problems.take();
}
