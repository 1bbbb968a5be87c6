/**
 * Whatever is asked for, the answer is a UsageError or a plan that holds together: every AG can be built from its
 * ownership, and the blocks add up. Random options; fast-check prints the seed of a failure.
 */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { UsageError } from '../../../src/format/errors.ts';
import { buildAg } from '../../../src/fs/space/build.ts';
import { chooseFilesystem } from '../../../src/mkfs/choose.ts';
import { GivenOptions } from '../../../src/mkfs/given.ts';
import type { OptionGroup } from '../../../src/mkfs/options.ts';
import { contentsOf } from '../../../src/mkfs/ownership.ts';
import { chunkBlocks, geometryOfPlan, type Plan } from '../../../src/mkfs/plan.ts';
import { PLAIN_FILE } from '../../../src/mkfs/stripe.ts';

const power = (from: number, to: number) => fc.integer({ min: from, max: to }).map((log) => String(2 ** log));
const bit = fc.constantFrom('0', '1');
const kib = (...sizes: number[]) => fc.constantFrom(...sizes).map((n) => `${n}k`);
const mib = (min: number, max: number) => fc.integer({ min, max }).map((n) => `${n}m`);

/** Suboptions of a group: mostly none, else each there or not. */
const some = (rows: Record<string, fc.Arbitrary<string>>): fc.Arbitrary<Record<string, string>> =>
  fc.oneof(
    { arbitrary: fc.constant({}), weight: 2 },
    { arbitrary: fc.record(rows, { requiredKeys: [] }), weight: 1 },
  ) as fc.Arbitrary<Record<string, string>>;

const WISHES = fc.record({
  b: some({ size: power(10, 16) }),
  s: some({ size: power(9, 12) }),
  i: some({ size: power(9, 11), sparse: bit, nrext64: bit, maxpct: fc.constantFrom('0', '1', '99') }),
  m: some({ finobt: bit, rmapbt: bit, reflink: bit, bigtime: bit }),
  n: some({ size: power(12, 16) }),
  l: some({
    size: mib(2, 2100),
    su: kib(1, 4, 7, 8, 12, 32, 64, 256, 300),
    agnum: fc.constantFrom('0', '1', '7'),
  }),
  d: fc.oneof(
    some({ agcount: fc.integer({ min: 1, max: 200 }).map(String) }),
    some({ agsize: mib(10, 5000) }),
    fc.record({ su: kib(3, 4, 16, 48, 64, 256, 1024), sw: fc.constantFrom('1', '2', '3', '10') }),
  ),
});

/** Bytes, from below the least to beyond the greatest AG. */
const BYTES = fc.tuple(fc.integer({ min: 23, max: 44 }), fc.double({ min: 1, max: 2, noNaN: true }));

function checkPlan(plan: Plan): void {
  const geometry = geometryOfPlan(plan);
  const special = new Set([0, plan.logAgno, plan.agcount - 1]);
  let length = 0;
  for (let agno = 0; agno < plan.agcount; agno++) length += geometry.agLength(agno);
  expect(length).toBe(plan.dblocks);
  for (const agno of special) {
    const built = buildAg(geometry, contentsOf(plan, geometry, agno));
    const log = agno === plan.logAgno ? plan.logblocks : 0;
    const chunk = agno === 0 ? chunkBlocks(plan) : 0;
    const trees = built.blocks.length;
    // Headers, log, chunk and tree blocks are in use; all else is free (the AGFL counts as free).
    expect(built.fdblocks).toBe(geometry.agLength(agno) - geometry.headerBlocks - log - chunk - trees);
    expect(built.ifree - built.icount).toBe(agno === 0 ? -3 : 0);
  }
  expect(plan.logAgbno + plan.logblocks).toBeLessThanOrEqual(geometry.agLength(plan.logAgno));
}

test('a plan or a refusal, nothing else', () => {
  let plans = 0;
  let refusals = 0;
  fc.assert(
    fc.property(WISHES, BYTES, (wishes, [log, factor]) => {
      const given = new GivenOptions();
      for (const [group, rows] of Object.entries(wishes)) {
        const line = Object.entries(rows).map(([name, value]) => `${name}=${value}`);
        if (line.length > 0) given.add(group as OptionGroup, line.join(','));
      }
      const bytes = Math.floor(2 ** log * factor);
      try {
        const options = {
          label: '',
          makeUuid: () => '00000000-0000-0000-0000-000000000001',
          allowSmall: true,
          processors: 4,
        };
        checkPlan(chooseFilesystem(given, { bytes, topology: PLAIN_FILE }, options).plan);
        plans++;
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        refusals++;
      }
    }),
    { numRuns: 3000 },
  );
  // Both happen often, or the options above no longer try anything.
  expect(plans).toBeGreaterThan(300);
  expect(refusals).toBeGreaterThan(300);
});
