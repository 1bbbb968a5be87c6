/** The parts that scans are made of, each by itself: options, numbers, maps, hashes, sorted runs, ASCII lines. */
import { expect, test } from '@jest/globals';
import { AsciiWriter } from '../../../../src/db/ascii.ts';
import { DbError } from '../../../../src/db/error.ts';
import { fixed, general, hex, octal } from '../../../../src/db/number.ts';
import { leadingInt, parseOptions } from '../../../../src/db/options.ts';
import { BlockMap } from '../../../../src/db/scan/check/blockmap.ts';
import { DirHashes } from '../../../../src/db/scan/check/dirhash.ts';
import { makeBuckets } from '../../../../src/db/scan/freespace.ts';
import { SortedRuns } from '../../../../src/fs/scan/sortedruns.ts';
import { wordAgbno, wordAgno } from '../../../../src/fs/scan/tree.ts';
import { Random } from '../../../support/random.ts';

const options = (letters: string, ...args: string[]) => parseOptions(args, letters, () => new DbError('bad'));

test('options are taken as getopt takes them', () => {
  expect(options('ab:c', '-a', '-b', '5', '-cb7', 'rest', '-a')).toEqual({
    options: [
      ['a', undefined],
      ['b', '5'],
      ['c', undefined],
      ['b', '7'],
      ['a', undefined],
    ],
    rest: ['rest'],
  });
  expect(options('a', '--', '-a').rest).toEqual(['-a']);
  expect(options('a', '-').rest).toEqual(['-']);
  expect(() => options('a', '-x')).toThrow('bad');
  expect(() => options('b:', '-b')).toThrow('bad');
  expect(() => options('b:', '-:')).toThrow('bad');
});

test.each([
  ['12', 12],
  ['12x', 12],
  [' -3', -3],
  ['x', 0],
  ['', 0],
  ['4294967295', -1],
])('the int at the head of "%s" is %d', (word, value) => {
  expect(leadingInt(word)).toBe(value);
});

test.each([
  [0, '0'],
  [1, '1'],
  [98.5, '98.5'],
  [123456, '123456'],
  [1234567, '1.23457e+06'],
  [0.0001234, '0.0001234'],
  [0.00001, '1e-05'],
  [999999.9, '1e+06'],
  [Number.NaN, '-nan'],
])('%%g of %d is %s', (value, expected) => {
  expect(general(value)).toBe(expected);
});

test('%.2f, %#x and %#o', () => {
  expect([fixed(1.005, 2), fixed(Number.NaN, 2), fixed(2, 2)]).toEqual(['1.00', '-nan', '2.00']);
  expect([hex(0), hex(255), octal(0), octal(8)]).toEqual(['0', '0xff', '0', '010']);
});

test('lines of ASCII are what templates would give', () => {
  const out = new AsciiWriter();
  let expected = '';
  const random = new Random(3);
  for (let i = 0; i < 60_000; i++) {
    const value = random.next() >>> random.below(32);
    out.number(value);
    out.text(' x\n');
    expected += `${value} x\n`;
  }
  for (const value of [0, -9, 2 ** 40, 99999, 100000, 9999999, 10000000, 0xffffffff]) {
    out.number(value);
    expected += value;
  }
  expect(out.toString()).toBe(expected);
});

test('a block map gives the blocks that were added last', () => {
  const random = new Random(11);
  for (let round = 0; round < 50; round++) {
    const map = new BlockMap();
    const plain = new Map<number, number>();
    for (let i = 0; i < 12; i++) {
      const [fileoff, fsbno, blocks] = [random.below(40), 1000 * i + random.below(50), random.below(12)];
      map.add(fileoff, fsbno, blocks);
      for (let b = 0; b < blocks; b++) plain.set(fileoff + b, fsbno + b);
    }
    const sorted = [...plain].sort(([a], [b]) => a - b);
    expect([...map.blocks()]).toEqual(sorted);
    expect(map.end).toBe(sorted.at(-1)![0] + 1);
    const pieces = map
      .pieces(10, 20)
      .flatMap(({ fileoff, fsbno, blocks }) =>
        Array.from({ length: blocks }, (_, i) => [fileoff + i, fsbno + i]),
      );
    expect(pieces).toEqual(sorted.filter(([fileoff]) => fileoff >= 10 && fileoff < 30));
    expect(map.nextFrom(15)).toBe(sorted.find(([fileoff]) => fileoff >= 15)?.[0]);
  }
  expect(new BlockMap().end).toBe(Number.POSITIVE_INFINITY);
});

test('directory hashes are seen once each', () => {
  const hashes = new DirHashes();
  for (let i = 0; i < 3000; i++) hashes.add(i * 7919, i);
  for (let i = 0; i < 2999; i++) expect(hashes.see(i * 7919, i)).toBe(true);
  expect(hashes.see(0, 0)).toBe(false);
  expect(hashes.see(5, 5)).toBe(false);
  expect([...hashes.unseen()]).toEqual([[2999 * 7919, 2999]]);
  hashes.clear();
  expect([...hashes.unseen()]).toEqual([]);
});

test('sorted runs find what touches a range, overlaps and all', () => {
  const random = new Random(5);
  const length = 300;
  const start = Uint32Array.from({ length }, () => random.below(5000));
  const count = Uint32Array.from({ length }, () => 1 + random.below(random.below(10) === 0 ? 2000 : 20));
  const runs = new SortedRuns({ length, start, count });
  for (let i = 0; i < 200; i++) {
    const [from, blocks] = [random.below(5200), 1 + random.below(50)];
    const expected = [...start.keys()].filter(
      (k) => start[k]! < from + blocks && start[k]! + count[k]! > from,
    );
    expect([...runs.over(from, blocks)].sort((a, b) => a - b)).toEqual(expected);
  }
  expect([...new SortedRuns({ length: 0, start, count }).over(0, 9)]).toEqual([]);
});

test('block numbers of 64 bits fall apart exactly', () => {
  const view = new DataView(new ArrayBuffer(8));
  for (const [word, log] of [
    [0x123456789n, 14],
    [2n ** 64n - 1n, 13],
    [(7n << 31n) | 5n, 31],
    [99n, 4],
  ] as const) {
    view.setBigUint64(0, word);
    expect(wordAgno(view, 0, log)).toBe(Number(BigInt.asUintN(32, word >> BigInt(log))));
    expect(wordAgbno(view, 0, log)).toBe(Number(BigInt.asUintN(log, word)));
  }
});

test('histogram ranges end at the longest extent, and never run on', () => {
  const lows = (rule: Parameters<typeof makeBuckets>[0]) =>
    makeBuckets(rule, 100)?.map(({ low, high }) => [low, high]);
  expect(lows({ factor: 4 })).toEqual([
    [1, 3],
    [4, 15],
    [16, 63],
    [64, 100],
  ]);
  expect(lows({ step: 60 })).toEqual([
    [1, 60],
    [61, 100],
  ]);
  expect(lows({ starts: [9, 1] })).toEqual([
    [1, 8],
    [9, 100],
  ]);
  expect(makeBuckets({ factor: 1 }, 100)).toBeUndefined();
  expect(makeBuckets({ step: -1 }, 100)).toBeUndefined();
});
