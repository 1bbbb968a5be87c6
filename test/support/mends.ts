/** What every repair must hold to: planned without a write, applied, clean, done with, and taken back byte by byte. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { MemoryDevice } from '../../src/device/memory.ts';
import { applyUndo, writeUndo } from '../../src/device/undo.ts';
import type { Finding, FindingCode } from '../../src/format/findings.ts';
import { checkImage } from '../../src/repair/check.ts';
import { applyRepair, finalRuns, type PlannedRepair, planRepair } from '../../src/repair/repair.ts';

const PLAIN = { optimize: false };

export function damageOf(device: MemoryDevice): readonly Finding[] {
  return checkImage(device).findings.filter(({ severity }) => severity !== 'note');
}

/**
 * The image has damage, `codes` among it, and a repair mends all of it. The image is damaged again afterwards. `mended`
 * looks at the image when it is mended.
 */
export function expectMended(
  device: MemoryDevice,
  codes: readonly FindingCode[],
  mended: () => void = () => {},
): PlannedRepair {
  const damaged = device.bytes.slice();
  const planned = planRepair(device, PLAIN);
  expect(planned.before.findings.map(({ code }) => code)).toEqual(expect.arrayContaining([...codes]));
  expect(planned.left.map(({ finding, reason }) => `${finding.message}: ${reason}`)).toEqual([]);
  expect(Buffer.compare(device.bytes, damaged)).toBe(0);
  const folder = mkdtempSync(join(tmpdir(), 'xfskit-mends-'));
  const journal = join(folder, 'journal');
  try {
    writeUndo(journal, device, finalRuns(planned, device).data);
    applyRepair(planned, device);
    expect(damageOf(device).map(({ message }) => message)).toEqual([]);
    expect(planRepair(device, PLAIN).actions).toEqual([]);
    mended();
    applyUndo(journal, device);
    expect(existsSync(journal)).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
  expect(Buffer.compare(device.bytes, damaged)).toBe(0);
  return planned;
}

/** A repair changes nothing, and says why with words that match `reason`. */
export function expectLeft(device: MemoryDevice, code: FindingCode, reason: RegExp): PlannedRepair {
  const planned = planRepair(device, PLAIN);
  expect([...planned.overlay.runs()].map(({ offset }) => offset)).toEqual([]);
  expect(planned.actions).toEqual([]);
  const reasons = planned.left.filter(({ finding }) => finding.code === code).map((left) => left.reason);
  expect(reasons).toContainEqual(expect.stringMatching(reason));
  return planned;
}
