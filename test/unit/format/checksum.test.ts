/** What a checksum covers: every byte of the range but its own four, which count as zeros; and nothing else. */
import { expect, test } from '@jest/globals';
import { computeCrc, crcIsGood, sealCrc, storedCrc } from '../../../src/format/checksum.ts';
import { crc32c } from '../../../src/format/crc32c.ts';

const LENGTH = 64;
const AT = 20;

function block(): Uint8Array {
  return Uint8Array.from({ length: LENGTH }, (_, i) => i * 7 + 1);
}

test('the checksum is that of the whole block with zeros in its own place', () => {
  const bytes = block();
  const zeroed = bytes.slice().fill(0, AT, AT + 4);
  expect(computeCrc(bytes, AT)).toBe(crc32c(zeroed));
  sealCrc(bytes, AT);
  expect(storedCrc(bytes, AT)).toBe(crc32c(zeroed));
});

test('each byte of the block counts, from the first to the last', () => {
  const bytes = block();
  sealCrc(bytes, AT);
  expect(crcIsGood(bytes, AT)).toBe(true);
  for (let i = 0; i < LENGTH; i++) {
    bytes[i]! ^= 0x10;
    expect([i, crcIsGood(bytes, AT)]).toEqual([i, false]);
    bytes[i]! ^= 0x10;
  }
});

test('of a block inside a larger buffer, its neighbours do not count', () => {
  const bytes = new Uint8Array(3 * LENGTH).fill(0xaa);
  bytes.set(block(), LENGTH);
  sealCrc(bytes, AT, LENGTH, LENGTH);
  expect(storedCrc(bytes, AT, LENGTH)).toBe(computeCrc(block(), AT));
  bytes[LENGTH - 1]! ^= 1;
  bytes[2 * LENGTH]! ^= 1;
  expect(crcIsGood(bytes, AT, LENGTH, LENGTH)).toBe(true);
  bytes[2 * LENGTH - 1]! ^= 1;
  expect(crcIsGood(bytes, AT, LENGTH, LENGTH)).toBe(false);
});

test('sealing, which skips zeros at the end, agrees with the plain rule wherever those begin', () => {
  for (const shift of [0, 1, 3, 4]) {
    for (const length of [24, 25, 63, 64]) {
      for (let used = 0; used <= length; used++) {
        const bytes = new Uint8Array(96).fill(0xaa);
        bytes.set(block().subarray(0, used), shift);
        bytes.fill(0, shift + used, shift + length);
        const expected = computeCrc(bytes, AT, shift, length);
        sealCrc(bytes, AT, shift, length);
        expect([shift, length, used, storedCrc(bytes, AT, shift)]).toEqual([shift, length, used, expected]);
      }
    }
  }
});
