/** The image in memory that tests without an oracle start from is sound in the eyes of xfs_repair. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { checkImage } from '../../src/repair/check.ts';
import { describeXfsprogs, run, temporaryDirectory } from '../support/oracle.ts';
import { smallImage } from '../support/smallimage.ts';

const VARIANTS: readonly (readonly string[])[] = [
  [],
  ['m.rmapbt=0'],
  ['m.reflink=0'],
  ['m.finobt=0,inobtcount=0', 'i.nrext64=0'],
  ['b.size=1024'],
];

describeXfsprogs('the image that tests without oracle start from', () => {
  test.each(VARIANTS.map((options) => [options.join(' ') || 'defaults', options] as const))(
    '%s',
    (_, options) => {
      const { device } = smallImage(options);
      expect(checkImage(device).findings).toEqual([]);
      const path = join(temporaryDirectory(), 'small.img');
      writeFileSync(path, device.bytes);
      const judged = run('xfs_repair', ['-n', '-f', path]);
      expect([judged.status, judged.stderr.match(/bad|would|missing/g)]).toEqual([0, null]);
    },
  );
});
