/**
 * Every kind of defect that `inject` plants, on images made by the kernel: found by check, mended by repair, clean
 * afterwards by our check and by xfs_repair -n, a second repair changes nothing, and no file has changed.
 */
import { readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { openDevice } from '../../src/device/open.ts';
import { OverlayDevice } from '../../src/device/overlay.ts';
import { checkImage, isDamaged } from '../../src/repair/check.ts';
import { INJECT_KINDS, inject } from '../../src/repair/inject/inject.ts';
import type { InjectKind } from '../../src/repair/inject/kind.ts';
import { applyRepair, planRepair } from '../../src/repair/repair.ts';
import { check, messages } from '../support/cli.ts';
import { CORPUS, copyImage, corpusCopy, corpusImage, corpusRow } from '../support/corpus.ts';
import { describeKernel, mustRun, repairCheck, xfskit } from '../support/oracle.ts';
import { fileDigest, imageTree, type Tree } from '../support/tree.ts';

const LONG = process.env.XFSKIT_LONG === '1';

/** Defects that xfs_repair -n passes over: it calls the image clean while the kernel would trust the records. */
const MISSED_BY_XFS_REPAIR = ['surplus-refcount', 'surplus-rmap'];

describeKernel('inject, through the commands', () => {
  let original: Tree;
  let image: string;
  beforeAll(async () => {
    image = await corpusImage('rmap4k');
    original = imageTree(copyImage(image));
  }, 120_000);

  test('the list names every kind', () => {
    const listed = mustRun(process.execPath, ['bin/xfskit', 'inject', '--list']).stdout;
    const names = listed
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[0]);
    expect(names).toEqual(INJECT_KINDS.map((kind) => kind.name));
    expect(names.length).toBeGreaterThan(12);
  });

  test.each(INJECT_KINDS.map((kind) => [kind.name, kind] as const))(
    '%s: found, repaired, clean',
    (name, kind) => {
      const mine = copyImage(image);
      const planted = xfskit(['inject', name, '--seed', '1', mine]);
      expect([planted.status, planted.stderr]).toEqual([0, '']);
      const found = check(mine);
      expect(found.status).toBe(4);
      expect(found.damage.map((finding) => finding.code)).toContain(kind.finds);
      if (MISSED_BY_XFS_REPAIR.includes(name)) expect(repairCheck(mine).status).toBe(0);

      const repaired = xfskit(['repair', mine]);
      expect([repaired.status, repaired.stderr]).toEqual([1, '']);
      const after = check(mine);
      expect(messages(after.damage)).toEqual([]);
      expect(after.status).toBe(0);
      const once = fileDigest(mine);
      expect(xfskit(['repair', mine]).status).toBe(0);
      expect(fileDigest(mine)).toBe(once);
      // Mounted only if xfs_repair -n calls it clean.
      expect(imageTree(mine)).toEqual(original);
      rmSync(dirname(mine), { recursive: true });
    },
    120_000,
  );
});

/** Geometries that differ in record counts, heights, header places and features. An external log is never repaired. */
const GEOMETRIES = LONG
  ? CORPUS.filter((row) => !row.externalLog).map((row) => row.name)
  : ['base4k', 'b2k', 'i2048', 's4096', 'ag5odd', 'b64k', 'sparse', 'alloff'];
const SEEDS = LONG ? [2, 3, 4] : [2];

describeKernel('inject, in every geometry', () => {
  test.each(GEOMETRIES.flatMap((name) => SEEDS.map((seed) => [name, seed] as const)))(
    '%s, seed %i',
    async (name, seed) => {
      const row = corpusRow(name);
      const mine = await corpusCopy(name);
      const sound = readFileSync(mine);
      const outcomes: string[] = [];
      let planted = 0;
      for (const kind of INJECT_KINDS) {
        const outcome = plantAndMend(mine, kind, seed, sound);
        if (outcome === 'mended') planted++;
        // Without the feature or without any file there may be nothing to spoil; in all other cases there must be.
        else if (outcome !== 'nothing to spoil' || !(kind.needs || row.empty))
          outcomes.push(`${kind.name}: ${outcome}`);
      }
      expect(outcomes).toEqual([]);
      expect(planted).toBeGreaterThan(row.empty ? 8 : 10);
      rmSync(dirname(mine), { recursive: true });
    },
    300_000,
  );
});

/** One defect, planted in the file itself and mended in it; afterwards the file is as it was. */
function plantAndMend(path: string, kind: InjectKind, seed: number, sound: Buffer): string {
  const device = openDevice(path, { write: true });
  const wrote: (readonly [offset: number, length: number])[] = [];
  try {
    const spoiled = new OverlayDevice(device);
    inject(spoiled, kind.name, seed);
    for (const { offset, bytes } of [...spoiled.runs()]) {
      wrote.push([offset, bytes.length]);
      device.write(offset, bytes);
    }
    const found = checkImage(device).findings;
    if (!found.some((finding) => finding.code === kind.finds))
      return `not found: ${messages(found).join('; ')}`;
    const plan = planRepair(device, { optimize: false });
    for (const { offset, bytes } of plan.overlay.runs()) wrote.push([offset, bytes.length]);
    if (plan.left.length > 0) return `left: ${plan.left[0]?.finding.message} (${plan.left[0]?.reason})`;
    applyRepair(plan, device);
    const after = checkImage(device).findings;
    if (isDamaged(after)) return `still damaged: ${messages(after).join('; ')}`;
    if (planRepair(device, { optimize: false }).overlay.pageCount !== 0) return 'a second repair would write';
    const reference = repairCheck(path);
    if (reference.status !== 0)
      return `xfs_repair -n ${reference.status}: ${reference.stderr.slice(0, 1500)}`;
    return 'mended';
  } catch (error) {
    if ((error as { code?: string }).code === 'NOTHING_TO_SPOIL') return 'nothing to spoil';
    return `threw ${error}`;
  } finally {
    for (const [offset, length] of wrote) device.write(offset, sound.subarray(offset, offset + length));
    device.close();
  }
}
