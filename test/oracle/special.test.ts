/**
 * Images with quota and with a realtime section, written by hand, are sound in the eyes of xfs_repair; and each
 * edit of them that it notices is noticed here. The kernel of a test machine may know neither.
 */
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { checkImage } from '../../src/repair/check.ts';
import { describeXfsprogs, run, temporaryDirectory } from '../support/oracle.ts';
import { changeDquot, QUOTA_DEFECTS } from '../support/quotadefects.ts';
import { REALTIME_DEFECTS, REALTIME_LAYOUTS } from '../support/realtimedefects.ts';
import { type RealtimeImage, realtimeImage } from '../support/realtimeimage.ts';
import { addQuota, quotaImage } from '../support/specialimage.ts';

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

/** xfs_repair wants the realtime device, though nothing on it matters. */
function judgeRealtime({ device, bytes }: RealtimeImage): { status: number | null; text: string } {
  const folder = temporaryDirectory();
  const [path, section] = [join(folder, 'special.img'), join(folder, 'section.img')];
  writeFileSync(path, device.bytes);
  writeFileSync(section, '');
  truncateSync(section, bytes);
  const { status, stdout, stderr } = run('xfs_repair', ['-n', '-f', '-r', section, path]);
  return { status, text: stdout + stderr };
}

describeXfsprogs('a realtime section', () => {
  test.each([[[]], [['b.size=1024']], [['i.nrext64=0', 'm.bigtime=0']]])('a clean image, %j', (options) => {
    const image = realtimeImage(options);
    const judged = judgeRealtime(image);
    expect([judged.status, judged.text.match(/.*(bad|would|discrep|expected).*/gi)]).toEqual([0, null]);
  });

  test('with quota', () => {
    const image = realtimeImage();
    const quota = addQuota(image.device, image.geometry, image.files);
    const judged = judgeRealtime(image);
    expect([judged.status, judged.text.match(/.*(bad|would|expected).*/gi)]).toEqual([0, null]);
    changeDquot(quota, 'group', 100, (record) => record.rtbcount++);
    expect(judgeRealtime(image).status).toBe(1);
  });

  test.each(REALTIME_LAYOUTS.map((layout) => [layout.name, layout] as const))('clean: %s', (_, layout) => {
    const image = realtimeImage(['b.size=1024'], 80 << 20);
    layout.plant(image);
    const judged = judgeRealtime(image);
    expect([judged.status, judged.text.match(/.*(bad|would|discrep|expected).*/gi)]).toEqual([0, null]);
  });

  test.each(REALTIME_DEFECTS.map((defect) => [defect.name, defect] as const))('%s', (_, defect) => {
    const image = realtimeImage(defect.options);
    defect.plant(image);
    expect(judgeRealtime(image).status).toBe(defect.missedByRepair ? 0 : 1);
  });
});
