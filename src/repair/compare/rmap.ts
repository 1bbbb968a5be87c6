/**
 * The rmapbt against the claims of all owners, both ways: every claim must have its record, and every record its
 * claim. A missing and a surplus record over the same blocks are told as one wrong record.
 */
import type { ExtentColumns } from '../../fs/space/columns.ts';
import { canonicalRmaps } from '../../fs/space/derive.ts';
import type { FindingSink } from '../sink.ts';
import type { AgExpectation } from './ag.ts';
import { claimName } from './owner.ts';

/** More comparisons than this are not made to pair records up: the tree is beyond naming single mistakes. */
const MAX_PAIRINGS = 1_000_000;

export function compareRmaps(expected: AgExpectation, filesComplete: boolean, findings: FindingSink): void {
  const { ag, space } = expected;
  if (!ag.rmapbt?.sound) return;
  const listed = canonicalRmaps(ag.rmapbt.records);
  if (listed.length < ag.rmapbt.records.length) {
    findings.add(
      'RMAP_UNMERGED',
      { agno: ag.agno, structure: 'rmapbt' },
      `AG ${ag.agno} rmapbt: ${ag.rmapbt.records.length} records where ${listed.length} would do`,
      { found: ag.rmapbt.records.length, expected: listed.length },
    );
  }
  const { missing, surplus } = unmatched(space.rmaps, listed);
  const paired = new Set<number>();
  for (const m of missing) {
    const s =
      missing.length * surplus.length <= MAX_PAIRINGS
        ? surplus.find((k) => !paired.has(k) && sameBlocks(space.rmaps, m, listed, k))
        : undefined;
    if (s !== undefined) paired.add(s);
    reportMissing(ag.agno, space.rmaps, m, listed, s, findings);
  }
  for (const s of surplus) {
    // An owner that could not be read in full may hold these blocks.
    const unknowable = listed.owner[s]! >= 0 ? !filesComplete : !expected.treesSound;
    if (!paired.has(s) && !unknowable) reportSurplus(ag.agno, listed, s, findings);
  }
}

/** Rows of two sorted lists without an equal in the other. */
function unmatched(a: ExtentColumns, b: ExtentColumns): { missing: number[]; surplus: number[] } {
  const missing: number[] = [];
  const surplus: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    const order = i === a.length ? 1 : j === b.length ? -1 : compareRows(a, i, b, j);
    if (order === 0) {
      i++;
      j++;
    } else if (order < 0) missing.push(i++);
    else surplus.push(j++);
  }
  return { missing, surplus };
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

function sameBlocks(a: ExtentColumns, i: number, b: ExtentColumns, j: number): boolean {
  if (a.start[i] !== b.start[j]) return false;
  return a.count[i] === b.count[j] || a.owner[i] === b.owner[j];
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
  findings.add('RMAP_WRONG', where, `AG ${agno} rmapbt: record says ${found}; held by ${expected}`, {
    found,
    expected,
  });
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
