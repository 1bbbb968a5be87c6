/**
 * Both directions: an index record missing, surplus, wrong or unmerged, in btrees of one and of several levels, at
 * their beginning, middle and end. Each is told once, by its code and at its place, and nothing else is said.
 */
import { describe, expect, test } from '@jest/globals';
import { OverlayDevice } from '../../../src/device/overlay.ts';
import { byCause } from '../../../src/repair/cause.ts';
import { checkImage, isDamaged } from '../../../src/repair/check.ts';
import { busyImage } from '../../support/busyimage.ts';
import { plant, TWO_WAY_CASES, type TwoWayCase } from '../../support/twoway/cases.ts';

const image = busyImage();
const sound = checkImage(image.device);

test('the image is sound, and its btrees have several levels', () => {
  expect(sound.findings).toEqual([]);
  const ag = sound.observation.ags[1]!;
  for (const tree of [ag.bnobt, ag.cntbt, ag.rmapbt!, ag.refcntbt!, ag.inobt, ag.finobt!]) {
    expect([tree.name, tree.level]).toEqual([tree.name, 2]);
  }
  expect(new Set(TWO_WAY_CASES.map((row) => row.name)).size).toBe(TWO_WAY_CASES.length);
  expect(TWO_WAY_CASES.length).toBeGreaterThan(100);
});

test.each([0, 1, 2])('AG %i built anew, with nothing changed, is sound', (agno) => {
  const device = new OverlayDevice(image.device);
  plant(device, sound, { name: 'nothing', agno, code: 'BNOBT_MISSING', spoil: () => ({}) });
  expect(device.pageCount).toBeGreaterThan(0);
  expect(checkImage(device).findings).toEqual([]);
});

describe('found once, at its place', () => {
  test.each(TWO_WAY_CASES.map((row) => [row.name, row] as const))('%s', (_, row) => {
    expectFound(row);
  });
});

function expectFound(row: TwoWayCase): void {
  const device = new OverlayDevice(image.device);
  const where = plant(device, sound, row);
  if (where === undefined) throw new Error('the image has no place for it');
  const { findings } = checkImage(device);
  expect(isDamaged(findings)).toBe(true);
  const damage = findings.filter((one) => one.severity !== 'note');
  expect(damage.map((one) => one.code).sort()).toEqual([row.code, ...(row.also ?? [])].sort());
  expect(damage.find((one) => one.code === row.code)!.where).toMatchObject(where);
  // What a report shows: one finding, the others under it.
  expect(byCause(damage, false)).toHaveLength(row.roots ?? 1);
}
