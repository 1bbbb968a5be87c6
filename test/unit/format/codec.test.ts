/** Codec: what goes through plain data comes back byte for byte, whatever the bytes were. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decode, encode } from '../../../src/format/codec.ts';
import { decodeFeatures } from '../../../src/format/features.ts';
import { Geometry } from '../../../src/format/geometry.ts';
import { DINODE, INODE } from '../../../src/format/inode.ts';
import { bits, char, u8, u16 } from '../../../src/format/kinds.ts';
import { LOG_ITEMS } from '../../../src/format/logitem.ts';
import { BLOCK_TYPES } from '../../../src/format/registry.ts';
import { layout, row, type Shape, scopeOf } from '../../../src/format/struct.ts';

const geometry = new Geometry({
  blocksize: 4096, sectsize: 512, inodesize: 512, dblocks: 49152, agblocks: 12288, agcount: 4, agblklog: 14,
  dirblklog: 0, logstart: 32775, logblocks: 2560, rootino: 128, inoalignmt: 8, spinoAlign: 4, rblocks: 0,
  features: decodeFeatures({ versionnum: 0xb4a5, features_ro_compat: 15, features_incompat: 0x2b }),
  metaUuid: '01234567-89ab-cdef-0123-456789abcdef',
}); // biome-ignore format: pairs

function roundTrip(shape: Shape, bytes: Uint8Array): Uint8Array {
  const plain = JSON.parse(JSON.stringify(decode(shape, scopeOf(bytes, geometry))));
  const again = new Uint8Array(bytes.length).fill(0xa5);
  encode(shape, plain, again, geometry);
  return again;
}

describe('any bytes under any magic', () => {
  const shapes = BLOCK_TYPES.filter((t) => t.shape !== undefined);
  test.each(shapes.map((t) => [`${t.name} ${t.form}`, t] as const))('%s', (_name, type) => {
    const size = type.bytes(geometry);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: size, maxLength: size }), (bytes) => {
        if (type.magic) {
          const view = new DataView(bytes.buffer, bytes.byteOffset);
          if (type.magic.bytes === 4) view.setUint32(type.magic.at, type.magic.value);
          else view.setUint16(type.magic.at, type.magic.value);
        }
        expect(Buffer.from(roundTrip(type.shape!, bytes)).equals(bytes)).toBe(true);
      }),
      { numRuns: 6, endOnFailure: true },
    );
  });
});

describe('log items', () => {
  test.each(LOG_ITEMS.map((i) => [i.name, i.shape] as const))('%s', (_name, shape) => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 96, maxLength: 96 }), (bytes) => {
        expect(Buffer.from(roundTrip(shape, bytes)).equals(bytes)).toBe(true);
      }),
      { numRuns: 20, endOnFailure: true },
    );
  });
});

test('an inode is told by xfs_db names, bits of flags left to the flag word', () => {
  const bytes = new Uint8Array(512);
  const core = DINODE.over(bytes);
  core.magic = 0x494e;
  core.mode = 0o100644;
  core.format = 2;
  core.aformat = 2;
  core.size = 5n;
  core.flags2 = 0x8n;
  bytes[300] = 7;
  const { fields, slack } = decode(INODE, scopeOf(bytes, geometry));
  expect(fields).toMatchObject({ core: { magic: 0x494e, mode: 0o100644, size: 5 }, v3: { flags2: 8 } });
  expect(fields.core).not.toHaveProperty('newrtbm');
  expect(slack).toEqual([{ at: 300, hex: '07' }]);
});

test('integers above 2^53 and signed ones stay exact', () => {
  const bytes = new Uint8Array(512);
  DINODE.over(bytes).size = -2n;
  DINODE.over(bytes).lsn = 0xffff_ffff_ffff_fffen;
  const { fields } = decode(DINODE, scopeOf(bytes.subarray(0, 176), geometry));
  expect(fields).toMatchObject({ size: -2, lsn: '18446744073709551614' });
});

test('a value of the wrong sort is refused', () => {
  const shape = layout('s', 'test', [
    row('a', u8, ''),
    row('n', char, '', { count: 2 }),
    row('b', bits(8), ''),
  ]);
  const into = new Uint8Array(4);
  expect(() => encode(shape, { fields: { a: [1] }, slack: [] }, into, geometry)).toThrow(TypeError);
  expect(() => encode(shape, { fields: { a: 'x' }, slack: [] }, into, geometry)).toThrow();
  encode(shape, { fields: { a: 1, n: 'hi', b: 255 }, slack: [] }, into, geometry);
  expect([...into]).toEqual([1, 0x68, 0x69, 255]);
});

test('a row whose presence its own value decides', () => {
  const isTwo = (s: { view: DataView }) => s.view.getUint8(0) === 2;
  const shape = layout('s', 'test', [
    row('x', u16, 'one form', { when: (s) => !isTwo(s) }),
    row('x', layout('inner', '', [row('tag', u8, ''), row('rest', u8, '')]), 'other', { when: isTwo }),
  ]);
  expect([...roundTrip(shape, Uint8Array.of(2, 9))]).toEqual([2, 9]);
  expect([...roundTrip(shape, Uint8Array.of(3, 9))]).toEqual([3, 9]);
});
