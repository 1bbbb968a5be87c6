/** Field paths, numbers and words of a command line. */
import { expect, test } from '@jest/globals';
import { parseNumber, parsePath } from '../../../src/db/path.ts';
import { splitLine } from '../../../src/db/session.ts';

test('a path is names with indices or ranges', () => {
  expect(parsePath('magicnum')).toEqual([{ name: 'magicnum' }]);
  expect(parsePath('u3.bmx[0x10-020].startblock')).toEqual([
    { name: 'u3' },
    { name: 'bmx', low: 16, high: 16 },
    { name: 'startblock' },
  ]);
  expect(parsePath('recs[3]')).toEqual([{ name: 'recs', low: 3 }]);
  expect(parsePath('recs[3]startblock')).toEqual([{ name: 'recs', low: 3 }, { name: 'startblock' }]);
  expect(parsePath('a[4294967297]')).toEqual([{ name: 'a', low: 1 }]);
});

test.each([
  '',
  '.',
  'a.',
  '.a',
  'a[',
  'a[]',
  'a[1',
  'a[1-]',
  'a[-1]',
  'a[0x]',
  'a[08]',
  'a[0xf]',
  'a..b',
  '"a"',
  '1',
])('bad syntax: %p', (text) => {
  expect(() => parsePath(text)).toThrow(`bad syntax in field name ${text}`);
});

test.each([
  ['A', 'bad character in field A'],
  ['a b', 'bad character in field  b'],
  ['a."b', 'missing closing quote b'],
])('bad characters: %p', (text, message) => {
  expect(() => parsePath(text)).toThrow(message);
});

test('numbers are those of C, 64 bits', () => {
  const read = ['0', '12', '0x1F', '010', '-1', '18446744073709551615', '99999999999999999999'].map(
    parseNumber,
  );
  expect(read).toEqual([0n, 12n, 31n, 8n, 2n ** 64n - 1n, 2n ** 64n - 1n, 2n ** 64n - 1n]);
  for (const text of ['', 'x', '12a', '0x', '08', '1.5', ' 1']) expect(parseNumber(text)).toBeUndefined();
});

test('words of a line; quotes hold blanks together', () => {
  expect(splitLine('  print  a.b\tc ')).toEqual(['print', 'a.b', 'c']);
  expect(splitLine('echo "a b" c\\ d "open')).toEqual(['echo', '"a b"', 'c\\ d', '"open']);
  expect(splitLine('   ')).toEqual([]);
});
