/**
 * Who owns what in a new filesystem, AG by AG: headers, log, first inode chunk. The space indexes follow from it
 * (`fs/space/build.ts`), with one thing chosen here: which blocks the AGFL gets, since mkfs takes them by size.
 */

import { AGI_UNLINKED_BUCKETS } from '../format/agi.ts';
import { OWNER } from '../format/btree.ts';
import { type Geometry, NULL_AGINO } from '../format/geometry.ts';
import type { AgContents } from '../fs/space/build.ts';
import { ChunkColumns, ExtentColumns } from '../fs/space/columns.ts';
import { chunkBlocks, freeListBlocks, type Plan, type Rootless, rootBlocksEnd } from './plan.ts';
import { rootChunks } from './rootchunk.ts';

const NO_UNLINKED: readonly number[] = Array.from({ length: AGI_UNLINKED_BUCKETS }, () => NULL_AGINO);

/** Free runs of an AG behind its btree roots, before the AGFL and the inode chunk are taken: [start, count]. */
export function freeRuns(plan: Rootless, agno: number, length: number): [number, number][] {
  const first = rootBlocksEnd(plan);
  if (agno !== plan.logAgno) return [[first, length - first]];
  const end = plan.logAgbno + plan.logblocks;
  const runs: [number, number][] = [
    [first, plan.logAgbno - first],
    [end, length - end],
  ];
  return runs.filter(([, count]) => count > 0);
}

/**
 * Blocks of the AGFL: from the first free run that holds them all, else from the largest ones; none at all where the
 * AG has too few free blocks (a log may fill its AG). mkfs.xfs looks for the smallest run, but in a btree by length
 * whose two records it has just written by start.
 */
export function freeListOf(plan: Rootless, agno: number, length: number): number[] {
  const wanted = freeListBlocks(plan);
  const runs = freeRuns(plan, agno, length);
  if (runs.reduce((sum, [, count]) => sum + count, 0) < wanted) return [];
  const fitting = runs.find(([, count]) => count >= wanted);
  const sources = fitting ? [fitting] : runs.sort((a, b) => b[1] - a[1] || b[0] - a[0]);
  return sources
    .flatMap(([start, count]) => Array.from({ length: Math.min(count, wanted) }, (_, i) => start + i))
    .slice(0, wanted);
}

/** Contents of AG `agno`, as the builder takes them. */
export function contentsOf(plan: Plan, geometry: Geometry, agno: number): AgContents {
  const owners = new ExtentColumns();
  owners.push(0, geometry.headerBlocks, OWNER.FS, 0, 0);
  if (agno === plan.logAgno) owners.push(plan.logAgbno, plan.logblocks, OWNER.LOG, 0, 0);
  if (agno === 0) owners.push(plan.rootAgbno, chunkBlocks(plan), OWNER.INODES, 0, 0);
  [plan.realtime?.bitmap, plan.realtime?.summary].forEach((file, i) => {
    let fileoff = 0;
    for (const extent of file ?? []) {
      if (extent.agno === agno) owners.push(extent.agbno, extent.count, geometry.rootino + 1 + i, fileoff, 0);
      fileoff += extent.count;
    }
  });
  return {
    agno,
    owners,
    chunks: agno === 0 ? rootChunks(plan) : new ChunkColumns(),
    unlinked: NO_UNLINKED,
    newino: agno === 0 ? geometry.rootino : NULL_AGINO,
    freeList: freeListOf(plan, agno, geometry.agLength(agno)),
  };
}
