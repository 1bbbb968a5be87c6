/**
 * The rmapbt against the claims of all owners, both ways: every claim must have its record, and every record its
 * claim. A missing and a surplus record over the same blocks are told as one wrong record.
 */

import { canonicalRmaps, continues } from '../../fs/space/canonical.ts';
import { ExtentColumns } from '../../fs/space/columns.ts';
import { orderByOwner } from '../../fs/space/sort.ts';
import type { FindingSink } from '../sink.ts';
import type { AgExpectation } from './ag.ts';
import { claimName } from './owner.ts';

/** More comparisons than this are not made to pair records up: the tree is beyond naming single mistakes. */
const MAX_PAIRINGS = 1_000_000;

export function compareRmaps(expected: AgExpectation, filesComplete: boolean, findings: FindingSink): void {
  const { ag, space } = expected;
  if (!ag.rmapbt?.sound || ag.rmapbt.holds(space.rmaps)) return;
  const held = new ExtentColumns();
  const pieces = new ExtentColumns();
  takeUnmatched(space.rmaps, ag.rmapbt.records, held, pieces);
  // Only what is wrong is merged: a wrong record that happens to go on where a right one ends is one mistake.
  const merged = canonicalRmaps(pieces);
  if (merged.length < pieces.length) reportUnmerged(ag.agno, pieces, findings);
  const missing = new ExtentColumns();
  const surplus = new ExtentColumns();
  takeUnmatched(held, merged, missing, surplus);
  const paired = new Set<number>();
  const pairable = missing.length * surplus.length <= MAX_PAIRINGS;
  for (let m = 0; m < missing.length; m++) {
    const s = pairable ? partnerOf(missing, m, surplus, paired) : undefined;
    if (s !== undefined) paired.add(s);
    reportMissing(ag.agno, missing, m, surplus, s, findings);
  }
  for (let s = 0; s < surplus.length; s++) {
    // An owner that could not be read in full may hold these blocks.
    const unknowable = surplus.owner[s]! >= 0 ? !filesComplete : !expected.treesSound;
    if (!paired.has(s) && !unknowable) reportSurplus(ag.agno, surplus, s, findings);
  }
}

/** The surplus record, not yet taken, that is the other account of a missing one. */
function partnerOf(
  missing: ExtentColumns,
  m: number,
  surplus: ExtentColumns,
  taken: ReadonlySet<number>,
): number | undefined {
  for (let s = 0; s < surplus.length; s++) {
    if (!taken.has(s) && sameBlocks(missing, m, surplus, s)) return s;
  }
  return undefined;
}

/** Names every record that goes on where another ends. */
function reportUnmerged(agno: number, listed: ExtentColumns, findings: FindingSink): void {
  const order = orderByOwner(listed);
  for (let k = 1; k < order.length; k++) {
    const i = order[k]!;
    const before = order[k - 1]!;
    if (!continues(listed, before, listed, i)) continue;
    findings.add(
      'RMAP_UNMERGED',
      whereOf(agno, listed, i),
      `AG ${agno} rmapbt: the record of ${describe(listed, i)} continues the one at block ${listed.start[before]}`,
    );
  }
}

/** Rows of two sorted lists without an equal in the other. */
function takeUnmatched(a: ExtentColumns, b: ExtentColumns, onlyA: ExtentColumns, onlyB: ExtentColumns): void {
  const take = (from: ExtentColumns, i: number, into: ExtentColumns): void =>
    into.push(from.start[i]!, from.count[i]!, from.owner[i]!, from.offset[i]!, from.flags[i]!);
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const order = i === a.length ? 1 : j === b.length ? -1 : compareRows(a, i, b, j);
    if (order === 0) {
      i++;
      j++;
    } else if (order < 0) take(a, i++, onlyA);
    else take(b, j++, onlyB);
  }
}

/** Total order over whole records that agrees with rmapbt order. */
function compareRows(a: ExtentColumns, i: number, b: ExtentColumns, j: number): number {
  const unsigned = (owner: number): number => (owner < 0 ? 2 ** 60 + owner + 1024 : owner);
  const fork = (flags: number): number => ((flags & 1) << 1) | ((flags & 2) >> 1);
  return (
    a.start[i]! - b.start[j]! ||
    Math.sign(unsigned(a.owner[i]!) - unsigned(b.owner[j]!)) ||
    a.owner[i]! - b.owner[j]! ||
    fork(a.flags[i]!) - fork(b.flags[j]!) ||
    a.offset[i]! - b.offset[j]! ||
    a.count[i]! - b.count[j]! ||
    a.flags[i]! - b.flags[j]!
  );
}

/** Whether two records that differ are two accounts of one thing: the same blocks, or some of them for one owner. */
function sameBlocks(a: ExtentColumns, i: number, b: ExtentColumns, j: number): boolean {
  if (a.start[i] === b.start[j] && a.count[i] === b.count[j]) return true;
  if (a.owner[i] !== b.owner[j]) return false;
  return a.start[i]! < b.start[j]! + b.count[j]! && b.start[j]! < a.start[i]! + a.count[i]!;
}

function describe(rmaps: ExtentColumns, i: number): string {
  const claim = claimName(rmaps.owner[i]!, rmaps.offset[i]!, rmaps.flags[i]!);
  return `${claim}, blocks ${rmaps.start[i]}+${rmaps.count[i]}`;
}

function whereOf(agno: number, rmaps: ExtentColumns, i: number): object {
  return {
    agno,
    agbno: rmaps.start[i]!,
    blocks: rmaps.count[i]!,
    structure: 'rmapbt',
    ...(rmaps.owner[i]! >= 0 ? { ino: rmaps.owner[i]!, fileoff: rmaps.offset[i]! } : {}),
  };
}

function reportMissing(
  agno: number,
  held: ExtentColumns,
  m: number,
  listed: ExtentColumns,
  s: number | undefined,
  findings: FindingSink,
): void {
  const expected = describe(held, m);
  const where = whereOf(agno, held, m);
  if (s === undefined) {
    findings.add('RMAP_MISSING', where, `AG ${agno} rmapbt: no record of ${expected}`, { expected });
    return;
  }
  const found = describe(listed, s);
  findings.add(
    'RMAP_WRONG',
    { ...where, ...reachOf(held, m, listed, s) },
    `AG ${agno} rmapbt: record says ${found}; held by ${expected}`,
    {
      found,
      expected,
    },
  );
}

/** Blocks of both, where they lie over each other; else those that are held. */
function reachOf(held: ExtentColumns, m: number, listed: ExtentColumns, s: number) {
  const agbno = held.start[m]!;
  const end = agbno + held.count[m]!;
  const from = listed.start[s]!;
  const to = from + listed.count[s]!;
  if (from >= end || to <= agbno) return { agbno, blocks: end - agbno };
  return { agbno: Math.min(agbno, from), blocks: Math.max(end, to) - Math.min(agbno, from) };
}

function reportSurplus(agno: number, listed: ExtentColumns, s: number, findings: FindingSink): void {
  const found = describe(listed, s);
  findings.add(
    'RMAP_SURPLUS',
    whereOf(agno, listed, s),
    `AG ${agno} rmapbt: record of ${found}, which that owner does not hold`,
    { found },
  );
}
