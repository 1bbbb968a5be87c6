/** Two-way cases of the refcount btree: shared extents, and CoW staging in it, in the rmapbt, or in both. */
import { OWNER } from '../../../src/format/btree.ts';
import type { AgRecords } from '../../../src/fs/space/build.ts';
import { ExtentColumns } from '../../../src/fs/space/columns.ts';
import {
  type RefcountRow,
  type RmapRow,
  refcountColumns,
  refcountRows,
  rmapColumns,
  rmapRows,
  runRows,
} from '../../../src/repair/inject/columnedit.ts';
import { POSITIONS, type Position, rowAt, type Scene, type Spot, swapped, type TwoWayCase } from './row.ts';

const spotOf = (row: { start: number; count: number }): Spot => ({ agbno: row.start, blocks: row.count });

function change(
  what: string,
  code: 'REFCOUNT_MISSING' | 'REFCOUNT_WRONG' | 'REFCOUNT_SURPLUS' | 'REFCOUNT_UNMERGED',
  agno: number,
  position: Position,
  fits: (row: RefcountRow, rows: readonly RefcountRow[]) => boolean,
  by: (row: RefcountRow) => readonly RefcountRow[],
  spot: (row: RefcountRow) => Spot = spotOf,
): TwoWayCase {
  return {
    name: `refcountbt: ${what} (${position}, AG ${agno})`,
    agno,
    code,
    spoil: (records) => {
      const rows = refcountRows(records.refcntbt);
      const target = rowAt(rows, position, (row) => fits(row, rows));
      if (!target) return undefined;
      records.refcntbt = refcountColumns(swapped(rows, target, by));
      return spot(target);
    },
  };
}

function surplus(
  what: string,
  agno: number,
  make: (records: AgRecords) => RefcountRow | undefined,
): TwoWayCase {
  return {
    name: `refcountbt: ${what} (AG ${agno})`,
    agno,
    code: 'REFCOUNT_SURPLUS',
    spoil: (records) => {
      const made = make(records);
      if (!made) return undefined;
      records.refcntbt = refcountColumns([...refcountRows(records.refcntbt), made]);
      return spotOf(made);
    },
  };
}

const any = (): boolean => true;
/** Whether the record behind begins where this one ends. */
const isFollowed = (row: RefcountRow, rows: readonly RefcountRow[]): boolean =>
  rows.some((one) => one.start === row.start + row.count);
const long = (row: RefcountRow): boolean => row.count > 1;

/** A record of a file's extent that nobody shares, clear of shared blocks. */
function unshared(records: AgRecords, position: Position): RmapRow | undefined {
  const shared = refcountRows(records.refcntbt);
  return rowAt(
    rmapRows(records.rmapbt),
    position,
    (row) =>
      row.owner >= 0 &&
      row.flags === 0 &&
      shared.every((one) => one.start > row.start + row.count || one.start + one.count < row.start),
  );
}

const SHARED: readonly TwoWayCase[] = [
  ...POSITIONS.map((position, agno) =>
    change('no record', 'REFCOUNT_MISSING', agno, position, any, () => []),
  ),
  ...POSITIONS.map((position, agno) =>
    change('one too high', 'REFCOUNT_WRONG', (agno + 1) % 3, position, any, (row) => [
      { ...row, refcount: row.refcount + 1 },
    ]),
  ),
  change(
    'one too low',
    'REFCOUNT_WRONG',
    1,
    'middle',
    (row) => row.refcount > 2,
    (row) => [{ ...row, refcount: row.refcount - 1 }],
  ),
  change('the highest count there is', 'REFCOUNT_WRONG', 2, 'last', any, (row) => [
    { ...row, refcount: 0xffffffff },
  ]),
  change(
    'one block short',
    'REFCOUNT_MISSING',
    0,
    'middle',
    long,
    (row) => [{ ...row, count: row.count - 1 }],
    (row) => ({
      agbno: row.start + row.count - 1,
      blocks: 1,
    }),
  ),
  change(
    'beginning a block late',
    'REFCOUNT_MISSING',
    1,
    'last',
    long,
    (row) => [{ ...row, start: row.start + 1, count: row.count - 1 }],
    (row) => ({ agbno: row.start, blocks: 1 }),
  ),
  change(
    'one block long',
    'REFCOUNT_SURPLUS',
    1,
    'first',
    (row, rows) => !isFollowed(row, rows),
    (row) => [{ ...row, count: row.count + 1 }],
    (row) => ({
      agbno: row.start + row.count,
      blocks: 1,
    }),
  ),
  ...POSITIONS.map((position, agno) =>
    change(
      'cut in two',
      'REFCOUNT_UNMERGED',
      agno,
      position,
      long,
      (row) => [
        { ...row, count: 1 },
        { ...row, start: row.start + 1, count: row.count - 1 },
      ],
      (row) => ({ agbno: row.start + 1, blocks: row.count - 1 }),
    ),
  ),
  ...POSITIONS.map((position, agno) =>
    surplus(`shared, say free blocks, ${position}`, agno, (records) => {
      const run = rowAt(runRows(records.bnobt), position, (row) => row.count > 2);
      return run && { start: run.start + 1, count: 1, refcount: 2, cow: 0 };
    }),
  ),
  ...POSITIONS.map((position, agno) =>
    surplus(`shared, say blocks of one file, ${position}`, agno, (records) => {
      const run = unshared(records, position);
      return run && { start: run.start, count: run.count, refcount: 2, cow: 0 };
    }),
  ),
  surplus('shared, say blocks of the log', 1, (records) => {
    const log = rowAt(rmapRows(records.rmapbt), 'first', (row) => row.owner === OWNER.LOG);
    return log && { start: log.start + 1, count: 2, refcount: 2, cow: 0 };
  }),
  surplus('staging over the blocks of a file', 1, (records) => {
    const run = unshared(records, 'middle');
    return run && { start: run.start, count: run.count, refcount: 1, cow: 1 };
  }),
  surplus('staging over shared blocks', 2, (records) => {
    const run = rowAt(refcountRows(records.refcntbt), 'middle');
    return run && { start: run.start, count: run.count, refcount: 1, cow: 1 };
  }),
  surplus('staging over free blocks', 0, (records) => {
    const run = rowAt(runRows(records.bnobt), 'last', (row) => row.count > 4);
    return run && { start: run.start + 1, count: 2, refcount: 1, cow: 1 };
  }),
  surplus('staging over the blocks of inodes', 1, (records) => {
    const run = rowAt(rmapRows(records.rmapbt), 'last', (row) => row.owner === OWNER.INODES);
    return run && { start: run.start, count: run.count, refcount: 1, cow: 1 };
  }),
];

const STAGED = 6;

/** Blocks of the last long free extent, clear of its ends. */
function stagedStart({ ag }: Scene): number {
  const free = rowAt(runRows(ag.bnobt.records), 'last', (row) => row.count > 40)!;
  return free.start + free.count - 30;
}

function staged(scene: Scene): ExtentColumns {
  const owners = new ExtentColumns();
  owners.push(stagedStart(scene), STAGED, OWNER.COW, 0, 0);
  return owners;
}

const isStagingRmap = (row: RmapRow): boolean => row.owner === OWNER.COW;
const isStaging = (row: RefcountRow): boolean => row.cow === 1;

/** CoW staging, leaked, and then its records changed. */
function leak(
  what: string,
  agno: number,
  also: TwoWayCase['also'],
  change: (records: AgRecords) => void,
  spot: (start: number) => Spot = (start) => ({ agbno: start, blocks: STAGED }),
): TwoWayCase {
  return {
    name: `staging: ${what} (AG ${agno})`,
    agno,
    code: 'LEAKED_COW',
    also: also ?? [],
    owners: staged,
    spoil: (records, scene) => {
      change(records);
      return spot(stagedStart(scene));
    },
  };
}

function editRmaps(records: AgRecords, by: (row: RmapRow) => readonly RmapRow[]): void {
  const rows = rmapRows(records.rmapbt);
  records.rmapbt = rmapColumns(swapped(rows, rows.find(isStagingRmap)!, by));
}

function editRefcounts(records: AgRecords, by: (row: RefcountRow) => readonly RefcountRow[]): void {
  const rows = refcountRows(records.refcntbt);
  records.refcntbt = refcountColumns(swapped(rows, rows.find(isStaging)!, by));
}

const STAGING: readonly TwoWayCase[] = [
  ...[0, 1, 2].map((agno) => leak('leaked', agno, [], () => undefined)),
  leak('known to the refcountbt alone', 1, ['RMAP_MISSING'], (records) => editRmaps(records, () => [])),
  leak('known to the rmapbt alone', 2, ['REFCOUNT_MISSING'], (records) => editRefcounts(records, () => [])),
  leak('shorter in the rmapbt', 0, ['RMAP_WRONG'], (records) =>
    editRmaps(records, (row) => [{ ...row, count: row.count - 1 }]),
  ),
  // Each record is an extent that leaked.
  {
    ...leak(
      'cut in two in the refcountbt',
      1,
      ['REFCOUNT_UNMERGED', 'LEAKED_COW'],
      (records) =>
        editRefcounts(records, (row) => [
          { ...row, count: 2 },
          { ...row, start: row.start + 2, count: row.count - 2 },
        ]),
      (start) => ({ agbno: start, blocks: 2 }),
    ),
    roots: 2,
  },
  leak('cut in two in the rmapbt', 2, ['RMAP_UNMERGED'], (records) =>
    editRmaps(records, (row) => [
      { ...row, count: 2 },
      { ...row, start: row.start + 2, count: row.count - 2 },
    ]),
  ),
  leak('that the rmapbt gives to the AG btrees', 0, ['RMAP_WRONG'], (records) =>
    editRmaps(records, (row) => [{ ...row, owner: OWNER.AG }]),
  ),
];

export const REFCOUNT_CASES: readonly TwoWayCase[] = [...SHARED, ...STAGING];
