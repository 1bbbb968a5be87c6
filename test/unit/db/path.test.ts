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
  expect(parsePath('recs[3]')).toEqual([{ name: 'recs', low: 3, high: 3 }]);
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
  'a[1]b',
  'a..b',
  'A',
  'a b',
  'a[99999999999]',
  '1',
])('bad syntax: %p', (text) => {
  expect(() => parsePath(text)).toThrow(`bad syntax in field name ${text}`);
});

test('numbers are those of C, 64 bits', () => {
  const read = ['0', '12', '0x1F', '010', '-1', '18446744073709551615'].map(parseNumber);
  expect(read).toEqual([0n, 12n, 31n, 8n, 2n ** 64n - 1n, 2n ** 64n - 1n]);
  for (const text of ['', 'x', '12a', '0x', '08', '1.5', ' 1']) expect(parseNumber(text)).toBeUndefined();
});

test('words of a line; quotes hold blanks together', () => {
  expect(splitLine('  print  a.b\tc ')).toEqual(['print', 'a.b', 'c']);
  expect(splitLine('echo "a b" c\\ d "open')).toEqual(['echo', '"a b"', 'c\\ d', '"open']);
  expect(splitLine('   ')).toEqual([]);
});
