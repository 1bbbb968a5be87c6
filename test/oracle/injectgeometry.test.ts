/**
 * Every kind of defect that `inject` plants, in images of many geometries: planted, found, mended and planned again
 * in process, judged by xfs_repair -n. The commands themselves are tried in inject.test.ts.
 */
import { readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from '@jest/globals';
import { openDevice } from '../../src/device/open.ts';
import { OverlayDevice } from '../../src/device/overlay.ts';
import { checkImage, isDamaged } from '../../src/repair/check.ts';
import { INJECT_KINDS, inject } from '../../src/repair/inject/inject.ts';
import type { InjectKind } from '../../src/repair/inject/kind.ts';
import { applyRepair, planRepair } from '../../src/repair/repair.ts';
import { messages } from '../support/cli.ts';
import { CORPUS, corpusCopy, corpusRow } from '../support/corpus.ts';
import { describeKernel, repairCheck } from '../support/oracle.ts';

const LONG = process.env.XFSKIT_LONG === '1';

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
