/** Leaked CoW staging: every block that is believed to be staging is named once, whatever its records look like. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RefcountColumns, RunColumns } from '../../../src/fs/space/columns.ts';
import { normalizeRuns } from '../../../src/fs/space/runs.ts';
import type { AgExpectation } from '../../../src/repair/compare/ag.ts';
import { reportStaging } from '../../../src/repair/compare/freespace.ts';
import { FindingSink } from '../../../src/repair/sink.ts';

type Run = readonly [start: number, count: number];

/** Extents that are reported when `staging` is believed and the refcount btree holds `records`. */
function reported(staging: readonly Run[], records: readonly Run[]): Run[] {
  const believed = new RunColumns();
  for (const [start, count] of staging) believed.push(start, count);
  const refcounts = new RefcountColumns();
  for (const [start, count] of records) refcounts.push(start, count, 1, 1);
  const sink = new FindingSink();
  const expected = {
    ag: { agno: 3, refcntbt: { records: refcounts } },
    staging: normalizeRuns(believed),
  } as unknown as AgExpectation;
  reportStaging(expected, sink);
  return sink.take().map(({ where }) => [where.agbno!, where.blocks!]);
}

test('a record is an extent, also beside another', () => {
  expect(
    reported(
      [[100, 15]],
      [
        [100, 10],
        [110, 5],
      ],
    ),
  ).toEqual([
    [100, 10],
    [110, 5],
  ]);
});

test('of a record that is believed in part, that part', () => {
  expect(reported([[100, 4]], [[100, 10]])).toEqual([[100, 4]]);
  expect(reported([[106, 4]], [[100, 10]])).toEqual([[106, 4]]);
  expect(
    reported(
      [
        [100, 2],
        [108, 2],
      ],
      [[100, 10]],
    ),
  ).toEqual([
    [100, 2],
    [108, 2],
  ]);
});

test('what the rmapbt alone knows', () => {
  expect(reported([[100, 12]], [[102, 5]])).toEqual([
    [100, 2],
    [102, 5],
    [107, 5],
  ]);
});

test('the blocks that are named are the blocks that are staged', () => {
  const runs = fc.array(fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 9 })), { maxLength: 8 });
  const blocksOf = (list: readonly Run[]): number[] =>
    list
      .flatMap(([start, count]) => Array.from({ length: count }, (_, i) => start + i))
      .sort((a, b) => a - b);
  fc.assert(
    fc.property(runs, runs, (staging, records) => {
      expect(blocksOf(reported(staging, records))).toEqual([...new Set(blocksOf(staging))]);
    }),
    { numRuns: 1000 },
  );
});
