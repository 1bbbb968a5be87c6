/** Values as xfs_db prints them. */
import { expect, test } from '@jest/globals';
import { listAll } from '../../../src/db/field.ts';
import { dumpData, dumpText, fieldsJson, MISMATCH, printFields } from '../../../src/db/print.ts';
import { formatTime, quoteBytes } from '../../../src/db/value.ts';
import type { Geometry } from '../../../src/format/geometry.ts';
import { bits, bytes, char, count64, i8, le32, u8, u16, u32, u64, uuid } from '../../../src/format/kinds.ts';
import { layout, row, scopeOf, struct } from '../../../src/format/struct.ts';

const geometry = {} as Geometry;
const PAIR = struct('pair', 4, 'pair', [
  row('b', u16, 'second in the listing', { order: 1 }),
  row('a', u16, 'first in the listing', { order: 0, shown: 'hex' }),
]);

function print(shape: Parameters<typeof listAll>[0], content: readonly number[]): string {
  return printFields(listAll(shape, scopeOf(Uint8Array.from(content), geometry)), 'correct');
}

test('each way to show an integer', () => {
  const shape = layout('t', 't', [
    row('hex', u16, '', { shown: 'hex' }),
    row('hexzero', u16, '', { shown: 'hex' }),
    row('oct', u16, '', { shown: 'octal' }),
    row('none', u32, '', { shown: 'null' }),
    row('wide', count64, '', { shown: 'null' }),
    row('blank', u8, '', { shown: 'blank' }),
    row('sign', i8, '', { shown: 'signed' }),
    row('fmt', u8, '', { shown: 'format' }),
    row('odd', u8, '', { shown: 'format' }),
    row('crc', le32, '', { shown: 'crc' }),
    row('secret', u8, '', { hidden: true }),
    row('flag', bits(1), ''),
    row('rest', bits(7), ''),
  ]);
  const content = [
    0xbe, 0xef, 0, 0, 0x41, 0xed, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 0, 0xfe, 2, 9,
    1, 2, 3, 4, 7, 0x85,
  ];
  expect(print(shape, content)).toBe(
    'hex = 0xbeef\nhexzero = 0\noct = 040755\nnone = null\nwide = null\nblank = \nsign = -2\n' +
      'fmt = 2 (extents)\nodd = 9\ncrc = 0x1020304 (correct)\nflag = 1\nrest = 5\n',
  );
});

test('arrays: index and value, what is left out, and tuples in listing order', () => {
  const shape = layout('t', 't', [
    row('plain', u8, '', { count: 3 }),
    row('one', u8, '', { count: 1, base: 1 }),
    row('heads', u8, '', { count: 4, shown: 'nonnull' }),
    row('free', u8, '', { count: 3, shown: 'blank' }),
    row('recs', PAIR, '', { count: 2, base: 1, shown: 'tuple' }),
    row('parts', PAIR, '', { count: 2 }),
    row('gone', u8, '', { count: 0 }),
  ]);
  const content = [1, 2, 3, 9, 255, 5, 255, 255, 0, 255, 7, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8];
  expect(print(shape, content)).toBe(
    'plain[0-2] = 0:1 1:2 2:3\none[1] = 9\nheads[0-3] = 1:5 \nfree[0-2] = 1:null 2:7\n' +
      'recs[1-2] = [a,b] \n1:[0x2,1] \n2:[0x4,3]\n' +
      'parts[0].a = 0x6\nparts[0].b = 5\nparts[1].a = 0x8\nparts[1].b = 7\n',
  );
  const json = fieldsJson(listAll(shape, scopeOf(Uint8Array.from(content), geometry)), 'correct');
  expect(json).toEqual({
    plain: [1, 2, 3],
    one: [9],
    heads: [null, 5, null, null],
    free: [0, null, 7],
    recs: [
      { a: '0x2', b: 1 },
      { a: '0x4', b: 3 },
    ],
    parts: [
      { a: '0x6', b: 5 },
      { a: '0x8', b: 7 },
    ],
  });
});

test('text keeps every byte, and takes no index', () => {
  const shape = layout('t', 't', [row('name', char, '', { count: 5, shown: 'text' })]);
  expect(print(shape, [0x61, 0x22, 0x0a, 0, 0xff])).toBe('name = "a\\"\\d\\000\\377"\n');
  expect(quoteBytes(Uint8Array.from([7, 8, 9, 13, 14, 27, 32, 63, 92, 127]))).toBe(
    '"\\a\\b\\c\\g\\016\\033 \\?\\\\\\177"',
  );
});

test('of a count that the object has no room for, the elements that are there are shown', () => {
  const shape = layout('t', 't', [row('ptrs', u32, '', { count: 1e9 })]);
  expect(print(shape, [0, 0, 0, 1, 0, 0, 0, 2, 0])).toBe('ptrs[0-999999999] = 0:1 1:2\n');
});

test('a shape in which nothing is present', () => {
  const empty = layout('empty', 'nothing', [row('x', u8, '', { when: () => false })], 1);
  const shape = layout('t', 't', [row('e', empty, '')]);
  expect(print(shape, [1])).toBe(`e = ${MISMATCH}\n`);
});

test('64-bit values are exact, in text and JSON', () => {
  const shape = layout('t', 't', [
    row('n', u64, ''),
    row('id', uuid, ''),
    row('pad', bytes(2), ''),
    row('spare', bytes(2), '', { shown: 'hex' }),
    row('spare', bytes(2), '', { shown: 'hex' }),
  ]);
  const content = [
    255,
    255,
    255,
    255,
    255,
    255,
    255,
    254,
    ...Array.from({ length: 16 }, (_, i) => i),
    0x41,
    0,
    0,
    31,
  ];
  expect(print(shape, content)).toBe(
    'n = 18446744073709551614\nid = 00010203-0405-0607-0809-0a0b0c0d0e0f\npad = "A\\000"\nspare[0-1] = 0:0 1:0x1f\n',
  );
  const json = fieldsJson(listAll(shape, scopeOf(Uint8Array.from(content), geometry)), 'correct');
  expect(json.n).toBe('18446744073709551614');
});

test('times are those of ctime in local time', () => {
  const local = new Date(2026, 0, 5, 3, 4, 9);
  expect(formatTime(local.getTime() / 1000)).toBe('Mon Jan  5 03:04:09 2026');
  expect(formatTime(1e30)).toBe('1e+30');
});

test('bytes as hexadecimal, and with their letters', () => {
  const content = Uint8Array.from({ length: 34 }, (_, i) => 0x3f + i);
  expect(dumpData(content)).toBe(
    '00: 3f404142 43444546 4748494a 4b4c4d4e 4f505152 53545556 5758595a 5b5c5d5e\n20: 5f60\n',
  );
  expect(dumpText(content).split('\n')[0]).toBe(
    '00:  3f 40 41 42 43 44 45 46 47 48 49 4a 4b 4c 4d 4e  ..ABCDEFGHIJKLMN',
  );
});
