/**
 * Hostile images: whatever is done to an image, check ends in findings or in a documented error, in bounded time and
 * memory. Mutations that led to findings or code that nothing led to before are mutated further.
 *
 * A failing case is printed as `XFSKIT_HOSTILE=image:seeds`; set in the environment, that case alone is run.
 */
import { expect, test } from '@jest/globals';
import { corpusImage, corpusRow } from '../support/corpus.ts';
import { runCase, runHostile } from '../support/hostile.ts';
import type { Ground } from '../support/hostilerun.ts';
import { whyNoKernel } from '../support/oracle.ts';

const LONG = process.env.XFSKIT_LONG === '1';
const ONE = process.env.XFSKIT_HOSTILE;
const COUNT = Number(process.env.XFSKIT_HOSTILE_COUNT ?? (LONG ? 2000 : 150));
const SEED = Number(process.env.XFSKIT_HOSTILE_SEED ?? 1);

const MADE: readonly Ground[] = [
  {
    name: 'busy1k',
    busy: { options: ['b.size=1024', 'm.rmapbt=1'], pieces: 90, chunks: 4, names: 700 },
  },
  {
    name: 'busy4k',
    busy: { options: ['m.rmapbt=1', 'i.nrext64=1'], pieces: 40, chunks: 2 },
  },
  {
    name: 'plain2k',
    busy: {
      options: ['b.size=2048', 'm.rmapbt=0,reflink=0,finobt=0,inobtcount=0', 'i.sparse=0'],
      pieces: 60,
      chunks: 3,
      names: 150,
    },
  },
  {
    name: 'large2k',
    busy: {
      options: ['b.size=2048', 'i.size=1024', 'm.rmapbt=0', 'n.size=8192'],
      pieces: 30,
      chunks: 2,
    },
  },
];

/** Images that the kernel made, where there is one: symbolic links, attributes and directories of every form. */
async function grounds(): Promise<Ground[]> {
  const all = [...MADE];
  if (!LONG && ONE === undefined) return all;
  if (whyNoKernel() !== undefined) return all;
  for (const name of ['rmap4k', 'b1k', 'b1k_n8k', 'i2048', 'sparse', 'alloff']) {
    all.push({ name: corpusRow(name).name, path: await corpusImage(name) });
  }
  return all;
}

test.each([
  ['throw', /TypeError: a canary/],
  ['array', /an array of \d+ bytes for an image of/],
  ['end', /the process ended \(3\)/],
  ['work', /\d+ ms, a sound image \d+ ms/],
] as const)('the harness notices: %s', async (canary, told) => {
  const { failure } = await runCase(MADE, 'large2k:1', canary);
  expect(failure).toMatch(told);
});

if (ONE !== undefined) {
  test(`the case ${ONE}`, async () => {
    const { failure, outcome } = await runCase(await grounds(), ONE);
    process.stderr.write(`${JSON.stringify(outcome, undefined, 1)}\n`);
    expect(failure).toBeUndefined();
  }, 600_000);
} else {
  test(`${COUNT} hostile images`, async () => {
    const result = await runHostile(await grounds(), COUNT, SEED);
    expect(result.failures).toEqual([]);
    expect(result.ran).toBe(COUNT);
    // That the mutations reach anything: most are noticed, by many codes.
    expect(result.noticed).toBeGreaterThan(0.7);
    expect(result.codes.length).toBeGreaterThan(25);
    if (LONG)
      process.stderr.write(
        `${result.sets} sets of ${result.codes.length} codes: ${result.codes.join(' ')}\n`,
      );
  }, 3_600_000);
}
