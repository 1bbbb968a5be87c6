/** Two-way cases of the rmapbt: every kind of owner without its record, records of nobody, and records that lie. */
import { OWNER } from '../../../src/format/btree.ts';
import { FLAG_ATTR, FLAG_BMBT, FLAG_UNWRITTEN } from '../../../src/fs/space/columns.ts';
import {
  type RmapRow,
  type RunRow,
  rmapColumns,
  rmapRows,
  runRows,
} from '../../../src/repair/inject/columnedit.ts';
import { POSITIONS, type Position, rowAt, type Spot, swapped, type TwoWayCase } from './row.ts';

/** Rows in rmapbt order, without merging any. */
function ordered(rows: readonly RmapRow[]): RmapRow[] {
  const owner = (row: RmapRow): number => (row.owner < 0 ? 2 ** 60 + 1024 + row.owner : row.owner);
  const fork = (row: RmapRow): number => (row.flags & FLAG_ATTR ? 2 : 0) + (row.flags & FLAG_BMBT ? 1 : 0);
  return [...rows].sort(
    (a, b) => a.start - b.start || owner(a) - owner(b) || fork(a) - fork(b) || a.offset - b.offset,
  );
}

function spotOf(row: RmapRow): Spot {
  const file = row.owner >= 0 ? { ino: row.owner, fileoff: row.offset } : {};
  return { agbno: row.start, blocks: row.count, ...file };
}

const isData = (row: RmapRow): boolean => row.owner >= 0 && (row.flags & (FLAG_ATTR | FLAG_BMBT)) === 0;

/** One record replaced by others; the finding names what the owner holds. */
function change(
  what: string,
  code: 'RMAP_MISSING' | 'RMAP_WRONG' | 'RMAP_UNMERGED',
  agno: number,
  position: Position,
  fits: (row: RmapRow, alone: boolean) => boolean,
  by: (row: RmapRow) => readonly RmapRow[],
  spot: (row: RmapRow) => Spot = spotOf,
): TwoWayCase {
  return {
    name: `rmapbt: ${what} (${position}, AG ${agno})`,
    agno,
    code,
    spoil: (records) => {
      const rows = rmapRows(records.rmapbt);
      const alone = (row: RmapRow): boolean =>
        rows.every(
          (one) => one === row || one.start >= row.start + row.count || row.start >= one.start + one.count,
        );
      const target = rowAt(rows, position, (row) => fits(row, alone(row)));
      if (!target) return undefined;
      records.rmapbt = rmapColumns(ordered(swapped(rows, target, by)));
      return spot(target);
    },
  };
}

const missing = (
  what: string,
  agno: number,
  position: Position,
  fits: (row: RmapRow) => boolean,
): TwoWayCase => change(`no record of ${what}`, 'RMAP_MISSING', agno, position, fits, () => []);

const ownedBy =
  (owner: number) =>
  (row: RmapRow): boolean =>
    row.owner === owner;

/** A record over blocks that somebody else, or nobody, holds. */
function surplus(
  what: string,
  agno: number,
  make: (rows: readonly RmapRow[], free: readonly RunRow[]) => RmapRow | undefined,
): TwoWayCase {
  return {
    name: `rmapbt: ${what} (AG ${agno})`,
    agno,
    code: 'RMAP_SURPLUS',
    spoil: (records) => {
      const rows = rmapRows(records.rmapbt);
      const made = make(rows, runRows(records.bnobt));
      if (!made) return undefined;
      records.rmapbt = rmapColumns(ordered([...rows, made]));
      return spotOf(made);
    },
  };
}

const MISSING: readonly TwoWayCase[] = [
  ...POSITIONS.map((position, agno) => missing('a data extent', agno, position, isData)),
  missing('one of several sharers', 1, 'middle', isData),
  missing('an unwritten extent', 2, 'first', (row) => (row.flags & FLAG_UNWRITTEN) !== 0),
  missing('an extent of an attribute fork', 1, 'last', (row) => row.flags === FLAG_ATTR),
  missing('a bmbt block', 1, 'first', (row) => (row.flags & FLAG_BMBT) !== 0),
  missing('the AG headers', 2, 'first', ownedBy(OWNER.FS)),
  missing('the log', 1, 'first', ownedBy(OWNER.LOG)),
  missing('inode chunks', 1, 'last', ownedBy(OWNER.INODES)),
  missing('blocks of AG btrees', 1, 'first', ownedBy(OWNER.AG)),
  missing('blocks of inode btrees', 0, 'first', ownedBy(OWNER.INOBT)),
  missing('blocks of the refcount btree', 1, 'last', ownedBy(OWNER.REFC)),
];

const alone = (row: RmapRow, isAlone: boolean): boolean => isData(row) && isAlone && row.flags === 0;

const WRONG: readonly TwoWayCase[] = [
  ...POSITIONS.map((position, agno) =>
    change('the next inode as owner', 'RMAP_WRONG', agno, position, alone, (row) => [
      { ...row, owner: row.owner + 1 },
    ]),
  ),
  change('another file offset', 'RMAP_WRONG', 1, 'middle', alone, (row) => [
    { ...row, offset: row.offset + 7 },
  ]),
  change('an offset far behind', 'RMAP_WRONG', 2, 'last', alone, (row) => [
    { ...row, offset: row.offset + 2 ** 33 },
  ]),
  change(
    'one block short',
    'RMAP_WRONG',
    0,
    'first',
    (row, is) => alone(row, is) && row.count > 1,
    (row) => [{ ...row, count: row.count - 1 }],
  ),
  change(
    'beginning a block late',
    'RMAP_WRONG',
    1,
    'last',
    (row, is) => alone(row, is) && row.count > 1,
    (row) => [{ ...row, start: row.start + 1, offset: row.offset + 1, count: row.count - 1 }],
  ),
  change('written extent flagged unwritten', 'RMAP_WRONG', 1, 'first', alone, (row) => [
    { ...row, flags: FLAG_UNWRITTEN },
  ]),
  change(
    'unwritten extent without its flag',
    'RMAP_WRONG',
    2,
    'first',
    (row) => row.flags === FLAG_UNWRITTEN,
    (row) => [{ ...row, flags: 0 }],
  ),
  change('data extent flagged as attributes', 'RMAP_WRONG', 2, 'middle', alone, (row) => [
    { ...row, flags: FLAG_ATTR },
  ]),
  change(
    'attribute extent flagged as data',
    'RMAP_WRONG',
    0,
    'first',
    (row) => row.flags === FLAG_ATTR,
    (row) => [{ ...row, flags: 0 }],
  ),
  change('data extent flagged as bmbt', 'RMAP_WRONG', 0, 'middle', alone, (row) => [
    { ...row, flags: FLAG_BMBT, offset: 0 },
  ]),
  change(
    'bmbt block of the other fork',
    'RMAP_WRONG',
    1,
    'first',
    (row) => row.flags === FLAG_BMBT,
    (row) => [{ ...row, flags: FLAG_BMBT | FLAG_ATTR }],
  ),
  change('inode chunks as AG btrees', 'RMAP_WRONG', 2, 'first', ownedBy(OWNER.INODES), (row) => [
    { ...row, owner: OWNER.AG },
  ]),
  change(
    'blocks of the refcount btree as inode btrees',
    'RMAP_WRONG',
    2,
    'first',
    ownedBy(OWNER.REFC),
    (row) => [{ ...row, owner: OWNER.INOBT }],
  ),
];

const rest = (row: RmapRow): Spot => ({ agbno: row.start + 1, blocks: row.count - 1 });
const cut = (row: RmapRow): RmapRow[] => [
  { ...row, count: 1 },
  {
    ...row,
    start: row.start + 1,
    count: row.count - 1,
    offset: row.owner < 0 || row.flags & FLAG_BMBT ? 0 : row.offset + 1,
  },
];
const long = (row: RmapRow): boolean => row.count > 1;

const UNMERGED: readonly TwoWayCase[] = [
  ...POSITIONS.map((position, agno) =>
    change(
      'a data extent cut in two',
      'RMAP_UNMERGED',
      agno,
      position,
      (row) => isData(row) && long(row),
      cut,
      (row) => ({
        ...rest(row),
        ino: row.owner,
        fileoff: row.offset + 1,
      }),
    ),
  ),
  change(
    'inode chunks cut in two',
    'RMAP_UNMERGED',
    1,
    'last',
    (row) => row.owner === OWNER.INODES && long(row),
    cut,
    rest,
  ),
  change(
    'AG btree blocks cut in two',
    'RMAP_UNMERGED',
    1,
    'first',
    (row) => row.owner === OWNER.AG && long(row),
    cut,
    rest,
  ),
  change(
    'the log cut in two',
    'RMAP_UNMERGED',
    1,
    'first',
    (row) => row.owner === OWNER.LOG && long(row),
    cut,
    rest,
  ),
];

const SURPLUS: readonly TwoWayCase[] = [
  ...POSITIONS.map((position, agno) =>
    surplus(`a file named for free blocks, ${position}`, agno, (rows, free) => {
      const run = rowAt(free, position);
      const file = rowAt(rows, 'middle', isData);
      return run && file && { start: run.start, count: 1, owner: file.owner, offset: 12345, flags: 0 };
    }),
  ),
  surplus('AG btrees named for free blocks', 1, (_, free) => {
    const run = rowAt(free, 'middle');
    return run && { start: run.start, count: run.count, owner: OWNER.AG, offset: 0, flags: 0 };
  }),
  surplus('inodes named for free blocks', 0, (_, free) => {
    const run = rowAt(free, 'middle');
    return run && { start: run.start, count: run.count, owner: OWNER.INODES, offset: 0, flags: 0 };
  }),
  surplus('a sharer too many', 1, (rows) => {
    const run = rowAt(rows, 'middle', (row) => isData(row) && row.flags === 0);
    const other = rowAt(rows, 'last', (row) => isData(row) && row.owner !== run?.owner);
    return run && other && { ...run, owner: other.owner, offset: 54321 };
  }),
  surplus('a second offset of the same file', 2, (rows) => {
    const run = rowAt(rows, 'last', (row) => isData(row) && row.flags === 0);
    return run && { ...run, offset: run.offset + 100_000 };
  }),
];

export const RMAP_CASES: readonly TwoWayCase[] = [...MISSING, ...WRONG, ...UNMERGED, ...SURPLUS];
