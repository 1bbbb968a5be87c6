/**
 * How many blocks the AGFL must hold at least: enough for every free-space btree (and the rmapbt) to split from
 * leaf to root once, the allocator refuses to work with less.
 */
import { maxLevels } from '../../format/btreeheight.ts';
import type { Geometry } from '../../format/geometry.ts';

export interface FreeSpaceLevels {
  readonly bnobt: number;
  readonly cntbt: number;
  readonly rmapbt: number;
}

/** Least AGFL length for trees of these levels, in blocks. */
export function minFreeList(geometry: Geometry, levels: FreeSpaceLevels): number {
  const splits = (tree: keyof FreeSpaceLevels): number =>
    2 * Math.min(levels[tree] + 1, maxLevels(tree, geometry)) - 2;
  return splits('bnobt') + splits('cntbt') + (geometry.features.rmapbt ? splits('rmapbt') : 0);
}
