/** The classic realtime section: sound images give no finding, and each damage the findings meant for it. */
import { describe, expect, test } from '@jest/globals';
import { checkImage } from '../../../../src/repair/check.ts';
import { REALTIME_DEFECTS, REALTIME_LAYOUTS } from '../../../support/realtimedefects.ts';
import { realtimeImage } from '../../../support/realtimeimage.ts';

describe('a realtime section', () => {
  test.each([[[]], [['b.size=1024']], [['i.nrext64=0', 'm.bigtime=0']]])('a sound image, %j', (options) => {
    expect(checkImage(realtimeImage(options).device).findings).toEqual([]);
  });

  test.each(REALTIME_LAYOUTS.map((layout) => [layout.name, layout] as const))('sound: %s', (_, layout) => {
    const image = realtimeImage(['b.size=1024'], 80 << 20);
    layout.plant(image);
    expect(checkImage(image.device).findings).toEqual([]);
  });

  test.each(REALTIME_DEFECTS.map((defect) => [defect.name, defect] as const))('%s', (_, defect) => {
    const image = realtimeImage(defect.options);
    defect.plant(image);
    expect(checkImage(image.device).findings.map(({ code }) => code)).toEqual(defect.codes);
  });
});
