/**
 * The refcount btree against how many files really share each block, both ways and block by block: shared extents
 * and CoW staging are two domains with a sweep each.
 */
import type { RefcountColumns } from '../../fs/space/columns.ts';
import type { FindingSink } from '../sink.ts';
import type { AgExpectation } from './ag.ts';

export function compareRefcounts(
  expected: AgExpectation,
  filesComplete: boolean,
  findings: FindingSink,
): void {
  const { ag, space } = expected;
  if (!ag.refcntbt?.sound) return;
  const listed = ag.refcntbt.records;
  if (isSame(space.refcounts, listed)) return;
  reportUnmerged(ag.agno, listed, findings);
  for (const cow of [0, 1]) {
    const difference = (start: number, count: number, want: number, found: number): void => {
      // With a file unread, more sharers than were seen are possible; fewer are not.
      if (found > want && !cow && !filesComplete) return;
      report(ag.agno, start, count, want, found, cow, findings);
    };
    sweep(domain(space.refcounts, cow), domain(listed, cow), difference);
  }
}

/** Whether the tree holds just what is expected, record by record. */
function isSame(a: RefcountColumns, b: RefcountColumns): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a.start[i] !== b.start[i] || a.count[i] !== b.count[i]) return false;
    if (a.refcount[i] !== b.refcount[i] || a.cow[i] !== b.cow[i]) return false;
  }
  return true;
}

interface Domain {
  readonly rows: RefcountColumns;
  readonly from: number;
  readonly to: number;
}

/** Rows of one domain: shared rows come first, staging rows last. */
function domain(rows: RefcountColumns, cow: number): Domain {
  let split = 0;
  while (split < rows.length && !rows.cow[split]) split++;
  return cow ? { rows, from: split, to: rows.length } : { rows, from: 0, to: split };
}

/** Walks both lists by block and tells every stretch where they differ, as long as possible. */
function sweep(
  want: Domain,
  have: Domain,
  tell: (start: number, count: number, want: number, have: number) => void,
): void {
  let i = want.from;
  let j = have.from;
  let at = 0;
  let pending: { start: number; stop: number; want: number; have: number } | undefined;
  const flush = (): void => {
    if (pending) tell(pending.start, pending.stop - pending.start, pending.want, pending.have);
    pending = undefined;
  };
  while (i < want.to || j < have.to) {
    const a = span(want, i, at);
    const b = span(have, j, at);
    const stop = Math.min(a.stop, b.stop);
    if (a.count !== b.count) {
      if (pending && pending.stop === at && pending.want === a.count && pending.have === b.count)
        pending.stop = stop;
      else {
        flush();
        pending = { start: at, stop, want: a.count, have: b.count };
      }
    }
    at = stop;
    while (i < want.to && rowStop(want, i) <= at) i++;
    while (j < have.to && rowStop(have, j) <= at) j++;
  }
  flush();
}

function rowStop(d: Domain, i: number): number {
  return d.rows.start[i]! + d.rows.count[i]!;
}

/** Refcount at block `at` (0: no record) and where that ends. */
function span(d: Domain, i: number, at: number): { count: number; stop: number } {
  if (i >= d.to) return { count: 0, stop: Number.POSITIVE_INFINITY };
  if (d.rows.start[i]! > at) return { count: 0, stop: d.rows.start[i]! };
  return { count: d.rows.refcount[i]!, stop: rowStop(d, i) };
}

function report(
  agno: number,
  agbno: number,
  blocks: number,
  want: number,
  have: number,
  cow: number,
  findings: FindingSink,
): void {
  const where = { agno, agbno, blocks, structure: 'refcntbt' };
  const place = `AG ${agno} refcntbt: blocks ${agbno}+${blocks}`;
  const numbers = { found: have, expected: want };
  if (cow) {
    if (have === 0)
      findings.add(
        'REFCOUNT_MISSING',
        where,
        `${place} are CoW staging by the rmapbt, no record here`,
        numbers,
      );
    else if (want === 0)
      findings.add('REFCOUNT_SURPLUS', where, `${place} are recorded as CoW staging but are not`, numbers);
    else
      findings.add(
        'REFCOUNT_WRONG',
        where,
        `${place} are CoW staging with refcount ${have}, must be 1`,
        numbers,
      );
    return;
  }
  if (have === 0)
    findings.add('REFCOUNT_MISSING', where, `${place} are shared by ${want}, no record`, numbers);
  else if (want === 0)
    findings.add('REFCOUNT_SURPLUS', where, `${place} have refcount ${have}, nobody shares them`, numbers);
  else findings.add('REFCOUNT_WRONG', where, `${place} have refcount ${have}, shared by ${want}`, numbers);
}

function reportUnmerged(agno: number, listed: RefcountColumns, findings: FindingSink): void {
  for (let i = 1; i < listed.length; i++) {
    if (listed.cow[i] !== listed.cow[i - 1] || listed.refcount[i] !== listed.refcount[i - 1]) continue;
    if (listed.start[i - 1]! + listed.count[i - 1]! !== listed.start[i]) continue;
    findings.add(
      'REFCOUNT_UNMERGED',
      { agno, agbno: listed.start[i]!, blocks: listed.count[i]!, structure: 'refcntbt' },
      `AG ${agno} refcntbt: the record at block ${listed.start[i]} continues the one at ${listed.start[i - 1]}`,
    );
  }
}
