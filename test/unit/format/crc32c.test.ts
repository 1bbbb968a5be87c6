/** CRC-32C against its published check value. */
import { expect, test } from '@jest/globals';
import { crc32c } from '../../../src/format/crc32c.ts';

test('matches the published check value of CRC-32C', () => {
  expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
});
