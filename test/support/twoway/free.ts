/** Two-way cases of the free-space btrees: one of the pair, the other, or both. */
import { OWNER } from '../../../src/format/btree.ts';
import type { AgRecords } from '../../../src/fs/space/build.ts';
import { byLength } from '../../../src/fs/space/build.ts';
import {
  type RmapRow,
  type RunRow,
  rmapRows,
  runColumns,
  runRows,
} from '../../../src/repair/inject/columnedit.ts';
import { POSITIONS, type Position, rowAt, type Spot, swapped, type TwoWayCase } from './row.ts';

type Side = 'bnobt' | 'cntbt' | 'both';
const SIDES: readonly Side[] = ['bnobt', 'cntbt', 'both'];
type Kind = 'MISSING' | 'SURPLUS' | 'UNMERGED';

/** Writes the free extents, in order of blocks, into the trees of a side. */
function write(records: AgRecords, side: Side, rows: RunRow[]): void {
  const sorted = runColumns([...rows].sort((a, b) => a.start - b.start));
  if (side !== 'cntbt') records.bnobt = sorted;
  if (side !== 'bnobt') records.cntbt = byLength(sorted);
}

function codes(side: Side, kind: Kind): Pick<TwoWayCase, 'code' | 'also'> {
  if (side === 'cntbt') return { code: `CNTBT_${kind}` };
  return { code: `BNOBT_${kind}`, also: side === 'both' ? [`CNTBT_${kind}`] : [] };
}

interface Change {
  readonly what: string;
  readonly kind: Kind;
  readonly fits: (row: RunRow) => boolean;
  readonly by: (row: RunRow) => readonly RunRow[];
  readonly spot: (row: RunRow) => Spot;
}

const CHANGES: readonly Change[] = [
  {
    what: 'a free extent missing',
    kind: 'MISSING',
    fits: () => true,
    by: () => [],
    spot: (row) => ({ agbno: row.start, blocks: row.count }),
  },
  {
    what: 'a free extent one block short at its end',
    kind: 'MISSING',
    fits: (row) => row.count > 1,
    by: (row) => [{ start: row.start, count: row.count - 1 }],
    spot: (row) => ({ agbno: row.start + row.count - 1, blocks: 1 }),
  },
  {
    what: 'a free extent one block short at its beginning',
    kind: 'MISSING',
    fits: (row) => row.count > 1,
    by: (row) => [{ start: row.start + 1, count: row.count - 1 }],
    spot: (row) => ({ agbno: row.start, blocks: 1 }),
  },
  {
    what: 'a free extent without its middle block',
    kind: 'MISSING',
    fits: (row) => row.count > 2,
    by: (row) => [
      { start: row.start, count: 1 },
      { start: row.start + 2, count: row.count - 2 },
    ],
    spot: (row) => ({ agbno: row.start + 1, blocks: 1 }),
  },
  {
    what: 'a free extent cut in two',
    kind: 'UNMERGED',
    fits: (row) => row.count > 1,
    by: (row) => [
      { start: row.start, count: 1 },
      { start: row.start + 1, count: row.count - 1 },
    ],
    spot: (row) => ({ agbno: row.start + 1, blocks: row.count - 1 }),
  },
];

function changed(change: Change, side: Side, position: Position, agno: number): TwoWayCase {
  return {
    name: `${side}: ${change.what} (${position}, AG ${agno})`,
    agno,
    ...codes(side, change.kind),
    spoil: (records) => {
      // The position is one in the tree that is changed.
      const target = rowAt(runRows(side === 'cntbt' ? records.cntbt : records.bnobt), position, change.fits);
      if (!target) return undefined;
      const rows = runRows(records.bnobt);
      const same = rows.find((row) => row.start === target.start)!;
      write(records, side, swapped(rows, same, change.by));
      return change.spot(target);
    },
  };
}

/** Blocks inside of an owner's, so that the surplus record touches no free extent. */
function inside(what: string, side: Side, agno: number, fits: (row: RmapRow) => boolean): TwoWayCase {
  return {
    name: `${side}: ${what} listed free (AG ${agno})`,
    agno,
    ...codes(side, 'SURPLUS'),
    spoil: (records) => {
      const owner = rowAt(rmapRows(records.rmapbt), 'middle', (row) => row.count > 2 && fits(row));
      if (!owner) return undefined;
      const run = { start: owner.start + 1, count: Math.min(3, owner.count - 2) };
      write(records, side, [...runRows(records.bnobt), run]);
      return { agbno: run.start, blocks: run.count };
    },
  };
}

/** A free extent that goes on into blocks of the next owner. */
function intoOwner(side: Side, position: Position, agno: number): TwoWayCase {
  return {
    name: `${side}: a free extent that reaches into used blocks (${position}, AG ${agno})`,
    agno,
    ...codes(side, 'SURPLUS'),
    spoil: (records, { geometry }) => {
      const rows = runRows(records.bnobt);
      const starts = new Set(rows.map((row) => row.start));
      const end = geometry.agLength(agno);
      const target = rowAt(rows, position, (row) => {
        const stop = row.start + row.count;
        return stop + 1 < end && !starts.has(stop + 1);
      });
      if (!target) return undefined;
      write(
        records,
        side,
        swapped(rows, target, (row) => [{ ...row, count: row.count + 1 }]),
      );
      return { agbno: target.start + target.count, blocks: 1 };
    },
  };
}

/** A record of the cntbt inside another: by length, its order does not show that. */
const OVERLAP: TwoWayCase = {
  name: 'cntbt: a free extent inside another (AG 1)',
  agno: 1,
  code: 'CNTBT_SURPLUS',
  spoil: (records) => {
    const rows = runRows(records.bnobt);
    const target = rowAt(rows, 'last', (row) => row.count > 4);
    if (!target) return undefined;
    records.cntbt = byLength(runColumns([...rows, { start: target.start + 1, count: 2 }]));
    return { agbno: target.start + 1, blocks: 2 };
  },
};

export const FREE_CASES: readonly TwoWayCase[] = [
  ...CHANGES.flatMap((change, c) =>
    SIDES.map((side, s) => changed(change, side, POSITIONS[(c + s) % 3]!, (c + 2 * s) % 3)),
  ),
  ...POSITIONS.map((position) => changed(CHANGES[0]!, 'bnobt', position, 1)),
  ...POSITIONS.map((position) => changed(CHANGES[1]!, 'cntbt', position, 1)),
  ...SIDES.map((side, i) => intoOwner(side, POSITIONS[i]!, i)),
  ...SIDES.map((side, i) => inside('blocks of a file', side, i, (row) => row.owner >= 0 && row.flags === 0)),
  inside('blocks of the log', 'both', 1, (row) => row.owner === OWNER.LOG),
  inside('blocks of inodes', 'both', 1, (row) => row.owner === OWNER.INODES),
  inside('blocks of a free-space btree', 'bnobt', 1, (row) => row.owner === OWNER.AG),
  OVERLAP,
];
