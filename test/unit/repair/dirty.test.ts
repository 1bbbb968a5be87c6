/** A log that needs replay: findings are provisional, and nothing is repaired or spoiled, however much is wrong. */
import { expect, test } from '@jest/globals';
import type { Recovery } from '../../../src/fs/log/recover/recover.ts';
import { checkImage } from '../../../src/repair/check.ts';
import { inject } from '../../../src/repair/inject/inject.ts';
import { describeRecovery } from '../../../src/repair/mounted.ts';
import { applyRepair, planRepair } from '../../../src/repair/repair.ts';
import { smallImage } from '../../support/smallimage.ts';

/** Byte of the flags in the first operation of the log's first record: mkfs leaves a single unmount there. */
const FIRST_FLAGS = 512 + 9;
const UNMOUNT = 0x20;

test('a dirty log is told, and repair and inject refuse', () => {
  const { device, geometry } = smallImage();
  inject(device, 'leaked-cow', 1);
  expect(planRepair(device, { optimize: false }).actions).not.toEqual([]);
  const flags = geometry.fsbnoByte(geometry.logstart) + FIRST_FLAGS;
  expect(device.bytes[flags]).toBe(UNMOUNT);
  device.bytes[flags] = 0;
  const check = checkImage(device);
  expect(check.provisional).toBe(true);
  const codes = check.findings.map((finding) => finding.code);
  expect(codes).toEqual(expect.arrayContaining(['LOG_DIRTY', 'LEAKED_COW']));
  const before = device.bytes.slice();
  const planned = planRepair(device, { optimize: false });
  expect(planned.refused).toMatch(/^the log is dirty/);
  expect(planned.actions).toEqual([]);
  applyRepair(planned, device);
  expect(() => inject(device, 'leaked-cow', 2)).toThrow(/log is dirty/);
  expect(Buffer.compare(device.bytes, before)).toBe(0);
});

test('a log that cannot be read is no dirty log, and says so', () => {
  const { device, geometry } = smallImage();
  const log = geometry.fsbnoByte(geometry.logstart);
  device.bytes.fill(0x5a, log, log + geometry.logblocks * geometry.blocksize);
  const planned = planRepair(device, { optimize: false });
  expect(planned.refused).toMatch(/^the log cannot be read/);
  expect(() => inject(device, 'leaked-cow', 2)).toThrow(/the log cannot be read/);
});

test('what a replay did is told in words: one is not many', () => {
  const did = (transactions: number, unlinked: number): string =>
    describeRecovery({
      replay: { transactions },
      intents: {},
      unlinked,
      cutLists: [],
      staging: [],
    } as unknown as Recovery);
  expect(did(1, 0)).toBe('1 transaction replayed');
  expect(did(2, 1)).toBe('2 transactions replayed; 1 deleted inode freed');
});
