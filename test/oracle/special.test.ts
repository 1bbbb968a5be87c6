/**
 * Images with quota and with a realtime section, written by hand, are sound in the eyes of xfs_repair; and each
 * edit of them that it notices is noticed here. The kernel of a test machine may know neither.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { checkImage } from '../../src/repair/check.ts';
import { describeXfsprogs, run, temporaryDirectory } from '../support/oracle.ts';
import { QUOTA_DEFECTS } from '../support/quotadefects.ts';
import { quotaImage } from '../support/specialimage.ts';

const VARIANTS: readonly (readonly string[])[] = [
  [],
  ['m.bigtime=0'],
  ['m.rmapbt=0,reflink=0'],
  ['b.size=1024', 'i.nrext64=0'],
];

function judge(bytes: Uint8Array): { status: number | null; text: string } {
  const path = join(temporaryDirectory(), 'special.img');
  writeFileSync(path, bytes);
  const { status, stdout, stderr } = run('xfs_repair', ['-n', '-f', path]);
  return { status, text: stdout + stderr };
}

describeXfsprogs('quota', () => {
  test.each(VARIANTS.map((options) => [options.join(' ') || 'defaults', options] as const))(
    'a clean image: %s',
    (_, options) => {
      const { device } = quotaImage(options);
      expect(checkImage(device).findings).toEqual([]);
      const judged = judge(device.bytes);
      expect([judged.status, judged.text.match(/.*(bad|would|quota).*/gi)]).toEqual([0, null]);
    },
  );

  test.each(QUOTA_DEFECTS.map((defect) => [defect.name, defect] as const))('%s', (_, defect) => {
    const image = quotaImage(defect.options);
    defect.plant(image);
    const codes = checkImage(image.device).findings.map(({ code }) => code);
    const judged = judge(image.device.bytes);
    expect([judged.status, codes.includes(defect.code)]).toEqual([defect.missedByRepair ? 0 : 1, true]);
  });
});
