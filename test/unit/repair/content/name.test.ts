/** Names of directory entries: the quick look at one agrees with the slow one, byte by byte. */
import { expect, test } from '@jest/globals';
import { hashName, hashNameIgnoringCase } from '../../../../src/format/dahash.ts';
import { hashEntry, NameScan, nameFault, sameNames } from '../../../../src/repair/content/directory/name.ts';
import { Random } from '../../../support/random.ts';

test('a thousand names of all lengths: the same hash, and no bad byte passes', () => {
  const scan = new NameScan();
  const random = new Random(5);
  for (let round = 0; round < 1000; round++) {
    const length = 1 + random.below(40);
    const bytes = new Uint8Array(64);
    for (let i = 0; i < 64; i++)
      bytes[i] = random.below(4) ? 1 + random.below(255) : random.pick([0x2e, 0x30, 0x80, 1]);
    if (round % 3 === 0) bytes[5 + random.below(length)] = random.pick([0, 0x2f]);
    const name = bytes.subarray(5, 5 + length);
    scan.read(new DataView(bytes.buffer), 5, length);
    expect(scan.hash).toBe(hashName(name));
    expect(hashEntry(bytes, 5, length, false)).toBe(hashName(name));
    expect(hashEntry(bytes, 5, length, true)).toBe(hashNameIgnoringCase(name));
    const bad = name.includes(0) || name.includes(0x2f);
    if (bad) expect(scan.doubtful).toBe(true);
    else expect(scan.doubtful).toBe(name[0] === 0x2e);
    expect(nameFault(bytes, 5, length) !== undefined).toBe(
      bad || /^\.\.?$/.test(Buffer.from(name).toString('latin1')),
    );
  }
});

test('names that differ in case', () => {
  const one = Buffer.from('ReadMe');
  const other = Buffer.from('README');
  expect(sameNames(one, 0, other, 0, 6, true)).toBe(true);
  expect(sameNames(one, 0, other, 0, 6, false)).toBe(false);
});
