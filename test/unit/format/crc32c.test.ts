/** CRC-32C against its published check value, and over zeros against itself. */
import { expect, test } from '@jest/globals';
import { crc32c, updateCrc32c, updateCrc32cZeros } from '../../../src/format/crc32c.ts';

test('matches the published check value of CRC-32C', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
});

test('zeros by their number come to the same as zeros one by one', () => {
  const zeros = new Uint8Array(70_000);
  for (const crc of [0xffffffff, 0, 1, 0x80000000, 0xe3069283]) {
    for (const length of [0, 1, 2, 3, 7, 8, 9, 255, 256, 4000, 4095, 65_536, 69_999]) {
      const byHand = updateCrc32c(crc, zeros, 0, length) >>> 0;
      expect([length, updateCrc32cZeros(crc, length) >>> 0]).toEqual([length, byHand]);
    }
  }
});
