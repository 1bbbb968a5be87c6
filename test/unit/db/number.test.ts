/** Numbers as C's printf has them; the expected texts are glibc's. */
import { expect, test } from '@jest/globals';
import { fixed, general } from '../../../src/db/number.ts';

test('%.Nf: the middle goes to the even digit', () => {
  const rows: readonly [number, number, string][] = [
    [2302.125, 2, '2302.12'],
    [2302.375, 2, '2302.38'],
    [12.5, 0, '12'],
    [13.5, 0, '14'],
    [0.5, 0, '0'],
    [-0.125, 2, '-0.12'],
    [1.005, 2, '1.00'],
    [99.995, 2, '100.00'],
    [1e15, 2, '1000000000000000.00'],
    [0, 2, '0.00'],
  ];
  for (const [value, digits, text] of rows) expect(fixed(value, digits)).toBe(text);
  expect([Number.NaN, 1 / 0, -1 / 0].map((value) => fixed(value, 2))).toEqual(['-nan', 'inf', '-inf']);
});

test('%g: the middle goes to the even digit, in both forms', () => {
  const rows: readonly [number, string][] = [
    [2302.125, '2302.12'],
    [2302.375, '2302.38'],
    [1000005, '1e+06'],
    [1000015, '1.00002e+06'],
    [9999995, '1e+07'],
    [-1000025, '-1.00002e+06'],
    [1234567, '1.23457e+06'],
    [0.00001, '1e-05'],
    [100, '100'],
    [0, '0'],
  ];
  for (const [value, text] of rows) expect(general(value)).toBe(text);
});
