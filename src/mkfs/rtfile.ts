/**
 * Where the realtime bitmap and summary go: the free run of AG 0 nearest to their inode, as the allocator of
 * mkfs.xfs picks it. A run behind the inode is used from its start. So is one before it, unless the file would reach
 * past the inode in it; from xfsprogs 6.12 on, which allocates the files as metadata, its end is used.
 */
import { UsageError } from '../format/errors.ts';
import { freeListOf } from './ownership.ts';
import {
  chunkBlocks,
  internalLogBlocks,
  type RealtimeFiles,
  type RealtimePlan,
  type Rootless,
  rootBlocksEnd,
} from './plan.ts';
import { isSince } from './profile.ts';

interface Run {
  readonly start: number;
  readonly count: number;
}

/** What is left of `runs` when `taken` is cut out. */
function cut(runs: readonly Run[], taken: Run): Run[] {
  const end = taken.start + taken.count;
  return runs.flatMap(({ start, count }) => {
    const before = { start, count: Math.min(start + count, taken.start) - start };
    const from = Math.max(start, end);
    const after = { start: from, count: start + count - from };
    return [before, after].filter((run) => run.count > 0);
  });
}

/** What the allocator asks for: `blocks` blocks near `wanted`, on a multiple of `align`. */
interface Wish {
  readonly wanted: number;
  readonly blocks: number;
  readonly align: number;
  /** Blocks of metadata come from the end of a run before `wanted`, those of data from its start. */
  readonly metadata: boolean;
}

/** First block in a run, as near as the rules allow; undefined: none aligned. */
function placeIn(run: Run, { wanted, blocks, align, metadata }: Wish): number | undefined {
  const end = run.start + run.count;
  const up = (block: number): number => Math.ceil(block / align) * align;
  if (run.start >= wanted || end < wanted + blocks) {
    if (metadata && run.start < wanted) return Math.max(run.start, end - blocks);
    const at = up(run.start);
    return at < end ? at : undefined;
  }
  if (align === 1) return wanted;
  const later = up(wanted);
  const earlier = later - align;
  const room = (at: number): number => Math.min(blocks, end - at);
  if (later >= end) return earlier >= run.start ? earlier : undefined;
  if (earlier < run.start) return later;
  const nearer = Math.abs(earlier - wanted) < Math.abs(later - wanted);
  return room(earlier) > room(later) || (room(earlier) === room(later) && nearer) ? earlier : later;
}

function nearest(runs: readonly Run[], wish: Wish): number | undefined {
  const { wanted, blocks } = wish;
  let best: number | undefined;
  for (const run of [...runs].sort((a, b) => a.count - b.count || a.start - b.start)) {
    const at = placeIn(run, wish);
    if (at === undefined || at + blocks > run.start + run.count) continue;
    // Of two as near as each other the allocator keeps the later one.
    if (best === undefined || Math.abs(at - wanted) <= Math.abs(best - wanted)) best = at;
  }
  return best;
}

/** Chooses both places. Throws UsageError where AG 0 has no room for one of them in one piece. */
export function placeRealtimeFiles(plan: Rootless, rootAgbno: number, realtime: RealtimePlan): RealtimeFiles {
  const length = plan.agcount === 1 ? plan.dblocks : plan.agblocks;
  const first = rootBlocksEnd(plan);
  let runs: Run[] = [{ start: first, count: length - first }];
  if (plan.logAgno === 0) runs = cut(runs, { start: plan.logAgbno, count: internalLogBlocks(plan) });
  for (const block of freeListOf(plan, 0, length)) runs = cut(runs, { start: block, count: 1 });
  runs = cut(runs, { start: rootAgbno, count: chunkBlocks(plan) });
  const metadata = isSince(plan.profile, '6.12');
  const place = (index: number, blocks: number): number => {
    const wanted = rootAgbno + Math.floor((index * plan.inodesize) / plan.blocksize);
    // Files of a stripe unit or more started on one, while they were allocated as data.
    const align = !metadata && plan.sunit > 0 && blocks >= plan.sunit ? plan.sunit : 1;
    const wish = { wanted, blocks, align, metadata };
    const at = nearest(runs, wish) ?? nearest(runs, { ...wish, align: 1 });
    if (at === undefined)
      throw new UsageError(
        `allocation group 0 has no room for ${blocks} blocks of the realtime section's files`,
      );
    runs = cut(runs, { start: at, count: blocks });
    return at;
  };
  const bitmapAgbno = place(1, realtime.rbmblocks);
  return { bitmapAgbno, summaryAgbno: place(2, realtime.rsumblocks) };
}
