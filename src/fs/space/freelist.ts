/**
 * How many blocks the AGFL must hold at least: enough for every free-space btree (and the rmapbt) to split from
 * leaf to root once, the allocator refuses to work with less. Facts: format-facts 7.1.
 */
import { BTREE, type BtreeFamily, maxRecords } from '../../format/btree.ts';
import type { Geometry } from '../../format/geometry.ts';

/** Height of a tree of `records` records whose blocks are all at minimum fill. */
function tallestHeight(family: BtreeFamily, records: number, blockBytes: number): number {
  const minLeaf = Math.floor(maxRecords(family, 0, blockBytes) / 2);
  const minNode = Math.floor(maxRecords(family, 1, blockBytes) / 2);
  let blocks = Math.ceil(records / minLeaf);
  let height = 1;
  while (blocks > 1) {
    blocks = Math.ceil(blocks / minNode);
    height++;
  }
  return height;
}

/** Height that an rmapbt reaches when its own blocks fill the AG (shared blocks allow more records than blocks). */
function rmapHeight(geometry: Geometry): number {
  if (!geometry.features.reflink) return tallestHeight(BTREE.rmapbt, geometry.agblocks, geometry.blocksize);
  const minNode = Math.floor(maxRecords(BTREE.rmapbt, 1, geometry.blocksize) / 2);
  let left = geometry.agblocks;
  let height = 0;
  for (let blocks = 1; left > 0; blocks *= minNode) {
    left -= blocks;
    height++;
  }
  return height;
}

export interface FreeSpaceLevels {
  readonly bnobt: number;
  readonly cntbt: number;
  readonly rmapbt: number;
}

/** Least AGFL length for trees of these levels, in blocks. */
export function minFreeList(geometry: Geometry, levels: FreeSpaceLevels): number {
  const alloc = tallestHeight(BTREE.bnobt, Math.ceil((geometry.agblocks + 1) / 2), geometry.blocksize);
  const splits = (level: number, most: number): number => 2 * Math.min(level + 1, most) - 2;
  let blocks = splits(levels.bnobt, alloc) + splits(levels.cntbt, alloc);
  if (geometry.features.rmapbt) blocks += splits(levels.rmapbt, rmapHeight(geometry));
  return blocks;
}
