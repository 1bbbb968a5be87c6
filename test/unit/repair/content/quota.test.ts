/** Quota: a sound image gives no finding, and each damage the one finding that is meant for it. */
import { describe, expect, test } from '@jest/globals';
import { checkImage } from '../../../../src/repair/check.ts';
import { observeSteps } from '../../../../src/repair/observe/observe.ts';
import { finish } from '../../../../src/repair/steps.ts';
import { changeDquot, QUOTA_DEFECTS } from '../../../support/quotadefects.ts';
import { changeSuperblock, quotaImage } from '../../../support/specialimage.ts';

describe('quota', () => {
  test('a sound image gives no finding', () => {
    expect(checkImage(quotaImage().device).findings).toEqual([]);
  });

  test.each(QUOTA_DEFECTS.map((defect) => [defect.name, defect] as const))('%s', (_, defect) => {
    const image = quotaImage(defect.options);
    defect.plant(image);
    const codes = checkImage(image.device).roots.map(({ code }) => code);
    expect(codes).toEqual(defect.codes ?? [defect.code]);
  });

  test('counts mean nothing before they were counted', () => {
    const image = quotaImage();
    changeDquot(image, 'user', 7, (record) => (record.bcount = 99n));
    expect(checkImage(image.device).findings.map(({ code }) => code)).toEqual(['QUOTA_COUNT']);
    changeSuperblock(image.device, (sb) => (sb.qflags &= ~4));
    expect(checkImage(image.device).findings).toEqual([]);
  });

  test('counts are not compared where a recovery went beyond the log', () => {
    const image = quotaImage();
    changeDquot(image, 'user', 7, (record) => (record.bcount = 99n));
    const codes = (quotaBehind: boolean) =>
      finish(observeSteps(image.device, { quotaBehind })).findings.map(({ code }) => code);
    expect([codes(false), codes(true)]).toEqual([['QUOTA_COUNT'], []]);
  });
});
