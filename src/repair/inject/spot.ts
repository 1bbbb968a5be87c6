/** Seeded choice of blocks: free ones, and blocks that one file holds alone. */
import { FLAG_ATTR, FLAG_BMBT, type RunColumns } from '../../fs/space/columns.ts';
import { deriveSpace } from '../../fs/space/derive.ts';
import type { AgObservation } from '../observation.ts';
import type { Site } from './site.ts';

/** Blocks that btrees of a rewritten AG will take come from the low end, so defects stay clear of it. */
const LOW_END = 4;

/** A run of at most `wanted` free blocks with free blocks around it; undefined when there is none. */
export function someFreeRun(
  site: Site,
  ag: AgObservation,
  wanted: number,
): { start: number; count: number } | undefined {
  const free: RunColumns = ag.bnobt.records;
  let widest = 0;
  for (let i = 0; i < free.length; i++) widest = Math.max(widest, free.count[i]!);
  const most = Math.min(wanted, widest - 2 * LOW_END - 1); // where free space lies in crumbs, less will do
  if (most < 1) return undefined;
  // Only wide runs: the new btree blocks could fill a small one up to its end.
  const wide: number[] = [];
  for (let i = 0; i < free.length; i++) {
    if (free.count[i]! > most + 2 * LOW_END && 2 * free.count[i]! >= widest) wide.push(i);
  }
  const i = wide.length > 0 ? site.pick(wide) : undefined;
  if (i === undefined) return undefined;
  const count = 1 + site.random(most);
  // The upper half of the run: new btree blocks come from the lowest free blocks.
  const room = free.count[i]! - count - 2;
  const start = free.start[i]! + free.count[i]! - 1 - count - site.random(Math.max(1, Math.floor(room / 2)));
  return { start, count };
}

/** Blocks of a data extent that no other mapping covers. */
export function somePrivateRun(site: Site, ag: AgObservation): { start: number; count: number } | undefined {
  const { rmaps, refcounts } = deriveSpace(ag.owners, ag.length, true);
  const shared = (start: number, stop: number): boolean => {
    for (let r = 0; r < refcounts.length; r++) {
      if (
        !refcounts.cow[r] &&
        refcounts.start[r]! < stop + 1 &&
        start - 1 < refcounts.start[r]! + refcounts.count[r]!
      ) {
        return true;
      }
    }
    return false;
  };
  const rows: number[] = [];
  for (let i = 0; i < rmaps.length; i++) {
    if (rmaps.owner[i]! >= 0 && (rmaps.flags[i]! & (FLAG_ATTR | FLAG_BMBT)) === 0) rows.push(i);
  }
  for (let tries = 0; tries < 50 && rows.length > 0; tries++) {
    const i = site.pick(rows)!;
    const count = Math.min(rmaps.count[i]!, 1 + site.random(8));
    const start = rmaps.start[i]! + site.random(rmaps.count[i]! - count + 1);
    if (!shared(start, start + count)) return { start, count };
  }
  return undefined;
}
