/** The classic realtime section: sound images give no finding, and each damage the findings meant for it. */
import { describe, expect, test } from '@jest/globals';
import { UnsupportedFeature } from '../../../../src/format/errors.ts';
import { checkImage } from '../../../../src/repair/check.ts';
import { changeDquot } from '../../../support/quotadefects.ts';
import { REALTIME_DEFECTS, REALTIME_LAYOUTS } from '../../../support/realtimedefects.ts';
import { realtimeImage } from '../../../support/realtimeimage.ts';
import { addQuota, changeSuperblock } from '../../../support/specialimage.ts';

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
    // What the same damage is to others (a directory without content, a lost name) is tested there.
    const codes = checkImage(image.device).findings.map(({ code }) => code);
    expect(codes.filter((code) => code.startsWith('RT_') || defect.codes.includes(code))).toEqual(
      defect.codes,
    );
  });

  test('realtime blocks count for quota as such', () => {
    const { device, geometry, files } = realtimeImage();
    const image = addQuota(device, geometry, files);
    expect(checkImage(device).findings).toEqual([]);
    changeDquot(image, 'user', 7, (record) => {
      record.bcount = record.rtbcount;
      record.rtbcount = 0n;
    });
    const [finding, ...rest] = checkImage(device).findings;
    expect([finding!.code, finding!.where.ino, rest]).toEqual(['QUOTA_COUNT', image.inodes.user, []]);
    expect(finding!.message).toMatch(/id 7: bcount 16, counted 0; rtbcount 0, counted 16/);
  });

  test('metadata directories, realtime groups and zones are refused by name', () => {
    for (const [bit, name] of [
      [0x100, 'METADIR'],
      [0x200, 'ZONED'],
    ] as const) {
      const { device, geometry } = realtimeImage();
      for (let agno = 0; agno < geometry.agcount; agno++) {
        changeSuperblock(device, (sb) => (sb.features_incompat |= bit), agno);
      }
      expect(() => checkImage(device)).toThrow(UnsupportedFeature);
      expect(() => checkImage(device)).toThrow(
        new RegExp(`incompat feature bits 0x${bit.toString(16)}: ${name} \\(`),
      );
    }
  });
});
