/**
 * The two-way cases against xfs_repair -n: what it notices we notice, and some of what we notice it calls clean. And
 * the same cases in images that the kernel made.
 */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { MemoryDevice } from '../../src/device/memory.ts';
import { OverlayDevice } from '../../src/device/overlay.ts';
import { checkImage } from '../../src/repair/check.ts';
import { flatten } from '../../src/report/consequence.ts';
import { busyImage } from '../support/busyimage.ts';
import { corpusImage } from '../support/corpus.ts';
import { describeKernel, describeXfsprogs, repairCheck, temporaryDirectory } from '../support/oracle.ts';
import { plant, TWO_WAY_CASES, type TwoWayCase } from '../support/twoway/cases.ts';

const LONG = process.env.XFSKIT_LONG === '1';

/** Cases that xfs_repair -n calls clean. */
const CALLED_CLEAN: readonly RegExp[] = [
  /^rmapbt: a file named for free blocks/,
  /^rmapbt: (AG btrees|inodes) named for free blocks/,
  /^rmapbt: a sharer too many/,
  /^rmapbt: a second offset of the same file/,
  /^rmapbt: no record of blocks of (AG btrees|inode btrees|the refcount btree)/,
  /^refcountbt: shared, say free blocks/,
  /^refcountbt: shared, say blocks of (one file|the log)/,
  /^bnobt: a free extent cut in two/,
];

const isCalledClean = (row: TwoWayCase): boolean => CALLED_CLEAN.some((pattern) => pattern.test(row.name));

describeXfsprogs('xfs_repair -n on the two-way cases', () => {
  const image = busyImage();
  const sound = checkImage(image.device);
  let path: string;
  beforeAll(() => {
    path = join(temporaryDirectory(), 'busy');
    writeFileSync(path, image.device.bytes);
  });

  test('calls the image clean', () => {
    expect(repairCheck(path).status).toBe(0);
    expect(sound.findings).toEqual([]);
  });

  const chosen = TWO_WAY_CASES.filter((row, i) => LONG || i % 5 === 0 || isCalledClean(row));
  test.each(chosen.map((row) => [row.name, row] as const))('%s', (_, row) => {
    const device = new OverlayDevice(image.device);
    plant(device, sound, row);
    const file = openSync(path, 'r+');
    const runs = [...device.runs()];
    for (const { offset, bytes } of runs) writeSync(file, bytes, 0, bytes.length, offset);
    const { status } = repairCheck(path);
    for (const { offset, bytes } of runs) writeSync(file, image.device.bytes, offset, bytes.length, offset);
    closeSync(file);
    expect(status).toBe(isCalledClean(row) ? 0 : 1);
  });
});

/** What goes wrong with the cases in one image; how many were planted. */
function sweep(path: string): { planted: number; wrong: string[] } {
  const device = new MemoryDevice(readFileSync(path));
  const sound = checkImage(device);
  const wrong: string[] = [];
  let planted = 0;
  for (const [i, row] of TWO_WAY_CASES.entries()) {
    if (!LONG && i % 4 !== 0) continue;
    if (row.agno >= sound.observation.geometry.agcount) continue;
    const overlay = new OverlayDevice(device);
    const where = plant(overlay, sound, row);
    if (where === undefined) continue;
    planted++;
    const damage = [...flatten(checkImage(overlay).findings)].filter((one) => one.severity !== 'note');
    const codes = damage.map((one) => one.code).sort();
    const expected = [row.code, ...(row.also ?? [])].sort();
    const main = damage.find((one) => one.code === row.code);
    const atPlace = Object.entries(where).every(([key, value]) => main?.where[key as 'agno'] === value);
    if (codes.join() !== expected.join() || !atPlace) {
      wrong.push(`${row.name}: ${JSON.stringify(where)}: ${damage.map((one) => one.message).join('; ')}`);
    }
  }
  return { planted, wrong };
}

describeKernel('the two-way cases in images that the kernel made', () => {
  test.each(
    LONG ? ['rmap4k', 'b1k', 'i2048', 's4096', 'ag5odd', 'nrext64', 'b64k', 'sparse', 'stripe'] : ['b1k'],
  )(
    '%s',
    async (name) => {
      const { planted, wrong } = sweep(await corpusImage(name));
      expect(wrong).toEqual([]);
      expect(planted).toBeGreaterThan(LONG ? 60 : 20);
    },
    600_000,
  );
});
