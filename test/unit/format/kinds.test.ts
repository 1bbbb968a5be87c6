/** Kinds, structures, times and name hashes: every value written is the value read, and nothing beside it changes. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { hashName, hashNameIgnoringCase, hashParentPointer } from '../../../src/format/dahash.ts';
import * as kinds from '../../../src/format/kinds.ts';
import { row, struct } from '../../../src/format/struct.ts';
import { BIGTIME_MAX_SECONDS, decodeTimestamp, encodeTimestamp } from '../../../src/format/time.ts';

const WHOLE = [
  kinds.u8, kinds.u16, kinds.u32, kinds.i8, kinds.i16, kinds.i32, kinds.le16, kinds.le32, kinds.lei32, kinds.u64,
  kinds.i64, kinds.le64, kinds.lei64, kinds.count64,
]; // biome-ignore format: pairs

describe('raw bits', () => {
  test.each(WHOLE.map((k) => [k.name, k as kinds.Kind<unknown>] as const))('%s', (_name, kind) => {
    fc.assert(
      fc.property(fc.bigInt(0n, (1n << BigInt(kind.bits)) - 1n), (raw) => {
        const view = new DataView(new ArrayBuffer(24));
        kind.setRaw(view, 64, raw);
        expect(kind.raw(view, 64)).toBe(raw);
        expect(view.getBigUint64(0)).toBe(0n);
        expect(view.getBigUint64(16)).toBe(0n);
        if (kind.name !== 'count64' || raw < 1n << 53n) {
          const value = kind.read(view, 64);
          const copy = new DataView(new ArrayBuffer(24));
          kind.write(copy, 64, value);
          expect(kind.raw(copy, 64)).toBe(raw);
        }
      }),
    );
  });

  test('bits below and across bytes leave their neighbours alone', () => {
    const field = fc.integer({ min: 1, max: 54 }).chain((width) =>
      fc.record({
        width: fc.constant(width),
        at: fc.integer({ min: 0, max: 72 - width }),
        value: fc.bigInt(0n, (1n << BigInt(width)) - 1n),
        before: fc.uint8Array({ minLength: 9, maxLength: 9 }),
      }),
    );
    fc.assert(
      fc.property(field, ({ width, at, value, before }) => {
        const bytes = before.slice();
        const view = new DataView(bytes.buffer);
        kinds.bits(width).setRaw(view, at, value);
        const text = (b: Uint8Array) => [...b].map((x) => x.toString(2).padStart(8, '0')).join('');
        const expected = text(before);
        const written = value.toString(2).padStart(width, '0');
        expect(text(bytes)).toBe(expected.slice(0, at) + written + expected.slice(at + width));
        expect(kinds.bits(width).raw(view, at)).toBe(value);
      }),
    );
  });
});

test('text, bytes, uuid', () => {
  const view = new DataView(new ArrayBuffer(20));
  kinds.text(4).write(view, 0, 'ab');
  expect(kinds.text(4).read(view, 0)).toBe('ab');
  kinds.bytes(2).write(view, 16, Uint8Array.of(7, 8));
  expect([...kinds.bytes(4).read(view, 0)]).toEqual([0x61, 0x62, 7, 8]);
  const uuid = '01234567-89ab-cdef-0123-456789abcdef';
  kinds.uuid.write(view, 32, uuid);
  expect(kinds.uuid.read(view, 32)).toBe(uuid);
  expect(() => kinds.parseUuid('xyz')).toThrow(TypeError);
  expect(() => kinds.uuid.raw(view, 0)).toThrow(TypeError);
});

test('a structure whose rows do not add up, or repeat a name, cannot be declared', () => {
  expect(() => struct('s', 3, '', [row('a', kinds.u16, '')])).toThrow(/add up to 2/);
  expect(() => struct('s', 2, '', [row('a', kinds.u8, ''), row('a', kinds.u8, '')])).toThrow(/twice/);
  expect(() => struct('s', 1, '', [row('a', kinds.u8, '', { count: () => 1 })])).toThrow(/dynamic/);
});

describe('time', () => {
  test('facts', () => {
    expect(decodeTimestamp(0x1dcd650000000000n, true)).toEqual({ seconds: 0, nanoseconds: 0 });
    expect(decodeTimestamp(0xffffffff_00000005n, false)).toEqual({ seconds: -1, nanoseconds: 5 });
  });
  test.each([true, false])('round trip, bigtime %s', (bigtime) => {
    const most = bigtime ? BIGTIME_MAX_SECONDS : 2 ** 31 - 1;
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 31), max: most }), fc.nat(999_999_999), (seconds, nanoseconds) => {
        const raw = encodeTimestamp({ seconds, nanoseconds }, bigtime);
        expect(decodeTimestamp(raw, bigtime)).toEqual({ seconds, nanoseconds });
      }),
    );
  });
});

test('name hashes, as on real directories', () => {
  const hash = (name: string) => hashName(new TextEncoder().encode(name));
  // From directories that the kernel wrote: "." and ".." and a long name.
  expect([hash('.'), hash('..')]).toEqual([0x2e, 0x172e]);
  expect(hashNameIgnoringCase(new TextEncoder().encode('AbC'))).toBe(
    hashNameIgnoringCase(new TextEncoder().encode('aBc')),
  );
  expect(hashParentPointer(new TextEncoder().encode('.'), 2 ** 32 + 5)).toBe(0x2e ^ 1 ^ 5);
});
