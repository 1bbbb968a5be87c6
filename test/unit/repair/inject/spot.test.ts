/** Where defects go: inside wide free extents, and where free space lies in crumbs, inside what there is. */
import { expect, test } from '@jest/globals';
import { RunColumns } from '../../../../src/fs/space/columns.ts';
import { checkImage } from '../../../../src/repair/check.ts';
import { Site } from '../../../../src/repair/inject/site.ts';
import { someFreeRun } from '../../../../src/repair/inject/spot.ts';
import { emptyImage } from '../../../support/smallimage.ts';

const device = emptyImage(48 << 20);
const check = checkImage(device);

/** Runs chosen with 50 seeds among free extents [start, count]. */
function chosen(free: readonly (readonly [number, number])[], wanted: number) {
  const records = new RunColumns();
  for (const [start, count] of free) records.push(start, count);
  const ag = check.observation.ags[1]!;
  const there = { ...ag, bnobt: { ...ag.bnobt, records } };
  return Array.from({ length: 50 }, (_, seed) => someFreeRun(new Site(device, check, seed), there, wanted));
}

test.each([
  [
    'wide',
    [
      [100, 5],
      [200, 4000],
    ],
    32,
    32,
  ],
  [
    'fragmented',
    [
      [100, 5],
      [200, 24],
      [300, 8],
    ],
    32,
    15,
  ],
  ['barely', [[200, 10]], 32, 1],
] as const)('%s free space: a run with free blocks on both sides', (_, free, wanted, most) => {
  for (const run of chosen(free, wanted)) {
    expect(run).toBeDefined();
    const around = free.find(
      ([start, count]) => run!.start > start && run!.start + run!.count < start + count,
    );
    expect(around).toBeDefined();
    expect(run!.count).toBeGreaterThan(0);
    expect(run!.count).toBeLessThanOrEqual(most);
  }
});

test('nothing in crumbs of 9 blocks, nor in a full AG', () => {
  const none = new Array(50).fill(undefined);
  expect(
    chosen(
      [
        [100, 9],
        [200, 9],
      ],
      8,
    ),
  ).toEqual(none);
  expect(chosen([], 8)).toEqual(none);
});
