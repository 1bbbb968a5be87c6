/**
 * Where the realtime bitmap and summary go: the free run of AG 0 nearest to their inode, as the allocator of
 * mkfs.xfs picks it. A run behind the inode is used from its start. So is one before it, unless the file would reach
 * past the inode in it; from xfsprogs 6.12 on, which allocates the files as metadata, its end is used.
 *
 * A file that AG 0 has no run for goes into the smallest run that holds it in the first AG that has one. Where none
 * has, it is spread: the largest run of AG 0, then what is nearest to the end of that, AG after AG.
 */
import { UsageError } from '../format/errors.ts';
import { INODE_CORE_BYTES } from '../format/inode.ts';
import { freeListOf, freeRuns } from './ownership.ts';
import {
  chunkBlocks,
  type PlacedExtent,
  type RealtimeFiles,
  type RealtimePlan,
  type Rootless,
  rootBlocksEnd,
} from './plan.ts';
import { isSince } from './profile.ts';

/** Of what an AG has behind its roots no extent takes all. */
const usableBlocks = (plan: Rootless): number => plan.agblocks - rootBlocksEnd(plan) - 4;

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

const shortestFirst = (a: Run, b: Run): number => a.count - b.count || a.start - b.start;

/** What is free in each AG while files are placed. */
class FreeSpace {
  private readonly plan: Rootless;
  private readonly rootAgbno: number;
  private readonly known = new Map<number, Run[]>();

  constructor(plan: Rootless, rootAgbno: number) {
    this.plan = plan;
    this.rootAgbno = rootAgbno;
  }

  /** Free runs of an AG by start. */
  runs(agno: number): readonly Run[] {
    const { plan } = this;
    const known = this.known.get(agno);
    if (known) return known;
    const length = agno < plan.agcount - 1 ? plan.agblocks : plan.dblocks - agno * plan.agblocks;
    let runs: Run[] = freeRuns(plan, agno, length).map(([start, count]) => ({ start, count }));
    for (const block of freeListOf(plan, agno, length)) runs = cut(runs, { start: block, count: 1 });
    if (agno === 0) runs = cut(runs, { start: this.rootAgbno, count: chunkBlocks(plan) });
    this.known.set(agno, runs);
    return runs;
  }

  free(agno: number): number {
    return this.runs(agno).reduce((sum, run) => sum + run.count, 0);
  }

  take({ agno, agbno, count }: PlacedExtent): void {
    this.known.set(agno, cut(this.runs(agno), { start: agbno, count }));
  }
}

/** One extent for all of the wish, if an AG from `first` on has it; every AG keeps a block, for a mapping btree. */
function placeWhole(plan: Rootless, space: FreeSpace, wish: Wish, first = 0): PlacedExtent | undefined {
  const { align, blocks } = wish;
  for (let i = 0; i < plan.agcount; i++) {
    const agno = (first + i) % plan.agcount;
    if (space.free(agno) <= blocks || (wish.metadata && blocks > usableBlocks(plan))) continue;
    const runs = space.runs(agno);
    const run = [...runs].sort(shortestFirst).find(({ count }) => count >= blocks + align - 1);
    const inOther = run && Math.ceil(run.start / align) * align;
    const agbno = agno === first ? nearest(runs, wish) : inOther;
    if (agbno !== undefined) return { agno, agbno, count: blocks };
  }
  return undefined;
}

/** Extents as large as can be had, each for itself: how releases from 6.12 on spread a file. */
function spreadSingly(plan: Rootless, space: FreeSpace, wish: Wish): PlacedExtent[] {
  const usable = usableBlocks(plan);
  const extents: PlacedExtent[] = [];
  for (let rest = wish.blocks; rest > 0; ) {
    let longest = 0;
    for (let agno = 0; agno < plan.agcount && longest < Math.min(rest, usable); agno++) {
      const run = Math.max(0, ...space.runs(agno).map(({ count }) => count));
      longest = Math.max(longest, Math.min(run, space.free(agno) - 1));
    }
    const last = extents.at(-1);
    const adjacent = last && last.agbno + last.count < plan.agblocks;
    const wanted = adjacent ? last.agbno + last.count : wish.wanted;
    const blocks = Math.min(rest, usable, longest);
    const extent =
      blocks > 0 && placeWhole(plan, space, { ...wish, wanted, blocks }, adjacent ? last.agno : 0);
    if (!extent) noRoom(wish.blocks);
    space.take(extent);
    extents.push(extent);
    rest -= blocks;
  }
  return extents;
}

function noRoom(blocks: number): never {
  throw new UsageError(`no room for the ${blocks} blocks of a file of the realtime section`);
}

/** Start of the next piece, up to `most` blocks, in an AG: as near to `wanted` as may be, or the best by length. */
function nextPiece(runs: readonly Run[], most: number, wanted: number | undefined, metadata: boolean): Run {
  const sorted = [...runs].sort(shortestFirst);
  const fitting = sorted.find(({ count }) => count >= most) ?? sorted.at(-1)!;
  if (wanted === undefined) return { start: fitting.start, count: Math.min(most, fitting.count) };
  let best: Run | undefined;
  // Shortest first: a longer one must be as near at least.
  for (const run of fitting.count >= most ? sorted.slice(sorted.indexOf(fitting)) : sorted) {
    const count = Math.min(most, run.count);
    const start = placeIn(run, { wanted, blocks: count, align: 1, metadata })!;
    if (!best || Math.abs(start - wanted) <= Math.abs(best.start - wanted)) best = { start, count };
  }
  return best!;
}

/** Extents wherever there are free blocks. */
function spread(plan: Rootless, space: FreeSpace, { blocks, metadata }: Wish): PlacedExtent[] {
  const MAPPINGS_A_CALL = 4; // during the first call a block is kept in each AG
  const usable = usableBlocks(plan);
  const extents: PlacedExtent[] = [];
  for (let rest = blocks; rest > 0; ) {
    const last = extents.at(-1);
    const kept = extents.length < MAPPINGS_A_CALL ? 1 : 0;
    const adjacent = last && last.agbno + last.count < plan.agblocks;
    const near = adjacent ? { agno: last.agno, agbno: last.agbno + last.count } : extents[0];
    let agno = near?.agno ?? 0;
    while (agno < plan.agcount && space.free(agno) <= kept) agno++;
    if (agno >= plan.agcount) noRoom(blocks);
    const most = Math.min(rest, usable, space.free(agno) - kept);
    const wanted = agno === near?.agno ? near.agbno : undefined;
    const piece = nextPiece(space.runs(agno), most, wanted, metadata);
    const extent = { agno, agbno: piece.start, count: piece.count };
    space.take(extent);
    rest -= piece.count;
    const joins = last?.agno === agno && last.agbno + last.count === piece.start;
    if (joins) extents[extents.length - 1] = { ...last, count: last.count + piece.count };
    else extents.push(extent);
  }
  return extents;
}

/** Chooses both places. Throws UsageError where they have no room, or more extents than an inode holds. */
export function placeRealtimeFiles(plan: Rootless, rootAgbno: number, realtime: RealtimePlan): RealtimeFiles {
  const space = new FreeSpace(plan, rootAgbno);
  const metadata = isSince(plan.profile, '6.12');
  const most = Math.floor((plan.inodesize - INODE_CORE_BYTES) / 16);
  const place = (index: number, blocks: number): PlacedExtent[] => {
    const wanted = rootAgbno + Math.floor((index * plan.inodesize) / plan.blocksize);
    // Files of a stripe unit or more started on one, while they were allocated as data.
    const align = !metadata && plan.sunit > 0 && blocks >= plan.sunit ? plan.sunit : 1;
    const wish = { wanted, blocks, align, metadata };
    const whole = placeWhole(plan, space, wish) ?? placeWhole(plan, space, { ...wish, align: 1 });
    if (whole) space.take(whole);
    const inPieces = metadata ? spreadSingly : spread;
    const extents = whole ? [whole] : inPieces(plan, space, wish);
    if (extents.length <= most) return extents;
    const what = `${blocks} blocks of a file of the realtime section`;
    throw new UsageError(`${what} would be in ${extents.length} pieces, at most ${most}: take larger AGs`);
  };
  const bitmap = place(1, realtime.rbmblocks);
  return { bitmap, summary: place(2, realtime.rsumblocks) };
}
