/** bnobt and cntbt against the blocks that nobody owns, each in both directions; CoW staging that leaked. */
import { RunColumns } from '../../fs/space/columns.ts';
import { normalizeRuns, subtractRuns } from '../../fs/space/runs.ts';
import { orderOf, radixOrder } from '../../fs/space/sort.ts';
import type { TreeObservation } from '../observation.ts';
import type { FindingSink } from '../sink.ts';
import { type AgExpectation, stagingRecords } from './ag.ts';
import { claimName } from './owner.ts';

export function compareFreeSpace(
  expected: AgExpectation,
  filesComplete: boolean,
  findings: FindingSink,
): void {
  compareTree(expected, expected.ag.bnobt, 'BNOBT', filesComplete, findings);
  compareTree(expected, expected.ag.cntbt, 'CNTBT', filesComplete, findings);
}

function compareTree(
  expected: AgExpectation,
  tree: TreeObservation<RunColumns>,
  code: 'BNOBT' | 'CNTBT',
  filesComplete: boolean,
  findings: FindingSink,
): void {
  if (!tree.sound) return;
  const { agno } = expected.ag;
  if (listsJust(tree, expected.space.free)) return;
  const listed = normalizeRuns(tree.records);
  const at = (i: number, runs: RunColumns) => ({
    agno,
    agbno: runs.start[i]!,
    blocks: runs.count[i]!,
    structure: tree.name,
  });
  if (listed.length < tree.records.length) {
    reportTouching(agno, tree, code, findings);
  }
  const surplus = subtractRuns(listed, expected.space.free);
  const owner = ownerFinder(expected);
  for (let i = 0; i < surplus.length; i++) {
    const start = surplus.start[i]!;
    const { name, ino } = owner(start);
    findings.add(
      `${code}_SURPLUS`,
      { ...at(i, surplus), ...(ino === undefined ? {} : { ino }) },
      `AG ${agno} ${tree.name}: blocks ${start}+${surplus.count[i]} are listed free but belong to ${name}`,
    );
  }
  // Blocks of an unreadable tree or file look unowned, so nothing can be said to be missing.
  if (!filesComplete || !expected.treesSound) return;
  const missing = subtractRuns(expected.space.free, listed);
  for (let i = 0; i < missing.length; i++) {
    findings.add(
      `${code}_MISSING`,
      at(i, missing),
      `AG ${agno} ${tree.name}: blocks ${missing.start[i]}+${missing.count[i]} have no owner but are not listed free`,
    );
  }
}

/** Names every record that touches the one before it, or (in the cntbt, whose order does not show it) overlaps one. */
function reportTouching(
  agno: number,
  tree: TreeObservation<RunColumns>,
  code: 'BNOBT' | 'CNTBT',
  findings: FindingSink,
): void {
  const { records } = tree;
  const order = radixOrder(records.length, [records.start.subarray(0, records.length)]);
  let reaching = 0;
  for (let k = 0; k < order.length; k++) {
    const agbno = records.start[order[k]!]!;
    const blocks = records.count[order[k]!]!;
    if (k > 0 && agbno <= reaching) {
      findings.add(
        `${code}_${agbno < reaching ? 'SURPLUS' : 'UNMERGED'}`,
        { agno, agbno, blocks, structure: tree.name },
        agbno < reaching
          ? `AG ${agno} ${tree.name}: free extent ${agbno}+${blocks} overlaps another`
          : `AG ${agno} ${tree.name}: free extent ${agbno}+${blocks} continues the one before it`,
      );
    }
    reaching = Math.max(reaching, agbno + blocks);
  }
}

/** Whether a tree lists just these blocks, a record for each run: nearly always, and then there is nothing to say. */
export function listsJust({ records }: TreeObservation<RunColumns>, free: RunColumns): boolean {
  if (records.length !== free.length) return false;
  const { start, count } = records;
  const order = orderOf(start.subarray(0, records.length));
  for (let k = 0; k < free.length; k++) {
    const i = order ? order[k]! : k;
    if (start[i] !== free.start[k] || count[i] !== free.count[k]) return false;
  }
  return true;
}

interface BlockOwner {
  readonly name: string;
  readonly ino?: number;
}

/** Names an owner of a block, for messages; blocks must be asked for in ascending order. */
function ownerFinder(expected: AgExpectation): (agbno: number) => BlockOwner {
  const { rmaps } = expected.space;
  const stop = (i: number): number => (i < 0 ? 0 : rmaps.start[i]! + rmaps.count[i]!);
  let next = 0;
  // Of the rows that begin at or before the block, the one that reaches furthest.
  let reaching = -1;
  return (agbno) => {
    for (; next < rmaps.length && rmaps.start[next]! <= agbno; next++) {
      if (stop(next) > stop(reaching)) reaching = next;
    }
    if (stop(reaching) <= agbno) return { name: 'nobody' };
    const owner = rmaps.owner[reaching]!;
    const name = claimName(owner, rmaps.offset[reaching]!, rmaps.flags[reaching]!);
    return owner >= 0 ? { name, ino: owner } : { name };
  };
}

/**
 * Every staging extent that no mount will ever free, cut where a refcount record begins or ends: each block of the
 * staging is named exactly once, whatever part of a record is believed.
 */
export function reportStaging(expected: AgExpectation, findings: FindingSink): void {
  const { agno, refcntbt } = expected.ag;
  const { staging } = expected;
  const cuts = recordBounds(refcntbt ? stagingRecords(refcntbt.records) : new RunColumns());
  let c = 0;
  for (let i = 0; i < staging.length; i++) {
    let agbno = staging.start[i]!;
    const end = agbno + staging.count[i]!;
    while (agbno < end) {
      while (c < cuts.length && cuts[c]! <= agbno) c++;
      const stop = c < cuts.length ? Math.min(cuts[c]!, end) : end;
      const blocks = stop - agbno;
      findings.add(
        'LEAKED_COW',
        { agno, agbno, blocks, structure: 'refcntbt' },
        `AG ${agno}: leaked CoW staging extent at block ${agbno}, ${blocks} block${blocks === 1 ? '' : 's'}`,
      );
      agbno = stop;
    }
  }
}

/** First blocks of the runs and of what follows them, ascending. */
function recordBounds(runs: RunColumns): Float64Array {
  const bounds = new Float64Array(runs.length * 2);
  for (let i = 0; i < runs.length; i++) {
    bounds[2 * i] = runs.start[i]!;
    bounds[2 * i + 1] = runs.start[i]! + runs.count[i]!;
  }
  return bounds.sort();
}
