/**
 * Blocks that the indexes give to a file and the file does not hold. A mapping that was damaged into another valid
 * one looks, from the forks alone, like indexes that are wrong; a repair that believed it would call the file's
 * true blocks free and might build a btree over them. So where witnesses that are kept apart on disk agree with
 * each other against the fork, nothing is rebuilt.
 *
 * With an rmapbt: it names an inode for the blocks, and no free-space tree lists them. Without one: both free-space
 * trees leave blocks out that nobody owns, while somewhere files hold more than the indexes grant them.
 */

import type { ExtentColumns, RefcountColumns } from '../../fs/space/columns.ts';
import { RunColumns } from '../../fs/space/columns.ts';
import { intersectRuns, normalizeRuns, runBlocks, subtractRuns } from '../../fs/space/runs.ts';
import type { FindingSink } from '../sink.ts';
import type { AgExpectation } from './ag.ts';
import { listsJust } from './freespace.ts';

/** What of one AG decides whether mappings are contested; lists of blocks alone. */
export interface AgDoubt {
  readonly agno: number;
  /** With an rmapbt: blocks it gives to inodes that nobody holds. Without: blocks that both free-space trees leave
   * out though nobody holds them, which counts only if something is `overclaimed` somewhere. */
  readonly blocks: RunColumns | undefined;
  /** The inode that the rmapbt gives each run to; empty without an rmapbt. */
  readonly inodes: readonly number[];
  readonly byRmaps: boolean;
  readonly overclaimed: boolean;
}

export function doubtOf(expected: AgExpectation): AgDoubt {
  const { agno, rmapbt } = expected.ag;
  const byRmaps = rmapbt !== undefined;
  const blocks = byRmaps ? namedByRmaps(expected) : leftOutByBoth(expected);
  return {
    agno,
    byRmaps,
    blocks,
    inodes: rmapbt && blocks ? ownersOf(blocks, rmapbt.records) : [],
    overclaimed: !byRmaps && isOverclaimed(expected),
  };
}

/** Reports contested blocks of all AGs; whether there are any. */
export function compareContested(ags: readonly AgDoubt[], findings: FindingSink): boolean {
  let contested = false;
  const overclaimed = ags.some((ag) => ag.overclaimed);
  for (const { agno, byRmaps, blocks: doubted, inodes } of ags) {
    if (!doubted || !(byRmaps || overclaimed)) continue;
    for (let i = 0; i < doubted.length; i++) {
      const agbno = doubted.start[i]!;
      const blocks = doubted.count[i]!;
      const ino = inodes[i];
      const who = byRmaps ? `to inode ${ino}` : 'to somebody';
      contested = true;
      findings.add(
        'MAPPING_CONTESTED',
        { agno, agbno, blocks, ...(ino === undefined ? {} : { ino }) },
        `AG ${agno}: the indexes give blocks ${agbno}+${blocks} ${who}, but no mapping holds them`,
      );
    }
  }
  return contested;
}

/** Of each run, an inode that has its first block. */
function ownersOf(runs: RunColumns, rmaps: ExtentColumns): number[] {
  const owners: number[] = [];
  let reached = 0;
  for (let i = 0; i < rmaps.length && reached < runs.length; i++) {
    const end = rmaps.start[i]! + rmaps.count[i]!;
    // Both are sorted by their first block, so a record belongs to the first run that it reaches.
    while (reached < runs.length && owners[reached] !== undefined) reached++;
    if (rmaps.owner[i]! >= 0 && reached < runs.length && end > runs.start[reached]!) {
      if (rmaps.start[i]! <= runs.start[reached]!) owners[reached] = rmaps.owner[i]!;
    }
  }
  return owners;
}

/** Blocks without an owner that the rmapbt gives to inodes and that no sound free-space tree lists. */
function namedByRmaps(expected: AgExpectation): RunColumns | undefined {
  const { ag, space } = expected;
  if (!ag.rmapbt?.sound) return undefined;
  let used = space.free;
  if (ag.bnobt.sound && listsJust(ag.bnobt, used)) return undefined;
  for (const tree of [ag.bnobt, ag.cntbt]) {
    if (tree.sound) used = subtractRuns(used, normalizeRuns(tree.records));
  }
  return used.length === 0 ? used : intersectRuns(used, inodeRuns(ag.rmapbt.records));
}

/** Blocks without an owner that are missing in bnobt and cntbt alike. */
function leftOutByBoth({ ag, space }: AgExpectation): RunColumns | undefined {
  if (!ag.bnobt.sound || !ag.cntbt.sound) return undefined;
  const byStart = normalizeRuns(ag.bnobt.records);
  const bySize = normalizeRuns(ag.cntbt.records);
  if (runBlocks(subtractRuns(byStart, bySize)) + runBlocks(subtractRuns(bySize, byStart)) > 0)
    return undefined;
  return subtractRuns(space.free, byStart);
}

/** Whether files hold blocks that are listed free, exclude each other, or share more than the refcountbt knows. */
function isOverclaimed({ ag, space, ownersConflict }: AgExpectation): boolean {
  if (ownersConflict) return true;
  if (ag.bnobt.sound && ag.cntbt.sound) {
    const listed = intersectRuns(normalizeRuns(ag.bnobt.records), normalizeRuns(ag.cntbt.records));
    if (intersectRuns(listed, inodeRuns(space.rmaps)).length > 0) return true;
  }
  return ag.refcntbt?.sound === true && shares(space.refcounts) > shares(ag.refcntbt.records);
}

function inodeRuns(extents: ExtentColumns): RunColumns {
  const runs = new RunColumns();
  for (let i = 0; i < extents.length; i++) {
    if (extents.owner[i]! >= 0) runs.push(extents.start[i]!, extents.count[i]!);
  }
  return normalizeRuns(runs);
}

/** Mappings of shared blocks, in blocks. */
function shares(refcounts: RefcountColumns): number {
  let sum = 0;
  for (let i = 0; i < refcounts.length; i++) {
    if (!refcounts.cow[i]) sum += refcounts.count[i]! * refcounts.refcount[i]!;
  }
  return sum;
}
