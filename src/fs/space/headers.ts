/**
 * Header sectors of a built AG: AGF, AGI, AGFL, sealed. LSNs stay 0, which the kernel accepts at any log position.
 */
import { AGF, AGF_CRC_OFFSET, AGF_MAGIC } from '../../format/agf.ts';
import { AGFL_CRC_OFFSET, AGFL_HEADER, AGFL_MAGIC, agflSlots } from '../../format/agfl.ts';
import { AGI, AGI_CRC_OFFSET, AGI_MAGIC } from '../../format/agi.ts';
import type { AgBtreeName } from '../../format/btree.ts';
import { sealCrc } from '../../format/checksum.ts';
import type { Geometry } from '../../format/geometry.ts';
import type { LoadedTree } from '../btree/bulk.ts';
import type { ChunkColumns, RunColumns } from './columns.ts';

/** Inode-side contents of an AG that its AGI records. */
export interface AgInodes {
  readonly agno: number;
  readonly chunks: ChunkColumns;
  /** Heads of the 64 unlinked lists, agino or all ones. */
  readonly unlinked: readonly number[];
  /** Last allocated chunk, agino or all ones. */
  readonly newino: number;
}

export function buildAgf(
  geometry: Geometry,
  agno: number,
  free: RunColumns,
  flcount: number,
  trees: ReadonlyMap<AgBtreeName, LoadedTree>,
): Uint8Array {
  const sector = new Uint8Array(geometry.sectsize);
  const agf = AGF.over(sector);
  agf.magicnum = AGF_MAGIC;
  agf.versionnum = 1;
  agf.seqno = agno;
  agf.length = geometry.agLength(agno);
  agf.uuid = geometry.metaUuid;
  const bnobt = trees.get('bnobt')!;
  const cntbt = trees.get('cntbt')!;
  agf.bnoroot = bnobt.root;
  agf.bnolevel = bnobt.levels;
  agf.cntroot = cntbt.root;
  agf.cntlevel = cntbt.levels;
  let btreeblks = bnobt.blocks.length - 1 + cntbt.blocks.length - 1;
  const rmapbt = trees.get('rmapbt');
  if (rmapbt) {
    agf.rmaproot = rmapbt.root;
    agf.rmaplevel = rmapbt.levels;
    agf.rmapblocks = rmapbt.blocks.length;
    btreeblks += rmapbt.blocks.length - 1;
  }
  const refcntbt = trees.get('refcntbt');
  if (refcntbt) {
    agf.refcntroot = refcntbt.root;
    agf.refcntlevel = refcntbt.levels;
    agf.refcntblocks = refcntbt.blocks.length;
  }
  agf.btreeblks = btreeblks;
  agf.flfirst = freeListFirst(geometry, flcount);
  agf.fllast = flcount === 0 ? 0 : agf.flfirst + flcount - 1;
  agf.flcount = flcount;
  for (let i = 0; i < free.length; i++) {
    agf.freeblks += free.count[i]!;
    if (free.count[i]! > agf.longest) agf.longest = free.count[i]!;
  }
  sealCrc(sector, AGF_CRC_OFFSET);
  return sector;
}

export function buildAgi(
  geometry: Geometry,
  contents: AgInodes,
  trees: ReadonlyMap<AgBtreeName, LoadedTree>,
): Uint8Array {
  const sector = new Uint8Array(geometry.sectsize);
  const agi = AGI.over(sector);
  const { chunks } = contents;
  agi.magicnum = AGI_MAGIC;
  agi.versionnum = 1;
  agi.seqno = contents.agno;
  agi.length = geometry.agLength(contents.agno);
  agi.uuid = geometry.metaUuid;
  for (let i = 0; i < chunks.length; i++) {
    agi.count += chunks.count[i]!;
    agi.freecount += chunks.freecount[i]!;
  }
  agi.newino = contents.newino;
  agi.dirino = 0xffffffff;
  agi.unlinked = [...contents.unlinked];
  const inobt = trees.get('inobt')!;
  agi.root = inobt.root;
  agi.level = inobt.levels;
  const finobt = trees.get('finobt');
  if (finobt) {
    agi.free_root = finobt.root;
    agi.free_level = finobt.levels;
  }
  if (geometry.features.inobtcnt) {
    agi.ino_blocks = inobt.blocks.length;
    agi.fino_blocks = finobt?.blocks.length ?? 0;
  }
  sealCrc(sector, AGI_CRC_OFFSET);
  return sector;
}

/** mkfs leaves slot 0 unused, and so do we while the list is not full. */
function freeListFirst(geometry: Geometry, flcount: number): number {
  return flcount < agflSlots(geometry.sectsize) ? 1 : 0;
}

export function buildAgfl(geometry: Geometry, agno: number, freeList: readonly number[]): Uint8Array {
  const sector = new Uint8Array(geometry.sectsize).fill(0xff);
  sector.fill(0, 0, AGFL_HEADER.size);
  const header = AGFL_HEADER.over(sector);
  header.magicnum = AGFL_MAGIC;
  header.seqno = agno;
  header.uuid = geometry.metaUuid;
  const slots = new DataView(sector.buffer, AGFL_HEADER.size);
  const first = freeListFirst(geometry, freeList.length);
  freeList.forEach((agbno, i) => {
    slots.setUint32((first + i) * 4, agbno);
  });
  sealCrc(sector, AGFL_CRC_OFFSET);
  return sector;
}
