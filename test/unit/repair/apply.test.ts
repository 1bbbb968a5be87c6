/** The order in which a repair reaches the disk: new blocks, then what points to them, then the totals. */
import { expect, test } from '@jest/globals';
import type { Device } from '../../../src/device/device.ts';
import { inject } from '../../../src/repair/inject/inject.ts';
import { applyRepair, planRepair } from '../../../src/repair/repair.ts';
import { smallImage } from '../../support/smallimage.ts';

test('btree blocks are flushed before the AG headers, these before the superblock, and that at the end', () => {
  const { device, geometry } = smallImage();
  inject(device, 'leaked-cow', 5);
  const agBytes = geometry.agblocks * geometry.blocksize;
  const kindOf = (offset: number): string => {
    if (offset < geometry.sectsize) return 'superblock';
    return offset % agBytes < 4 * geometry.sectsize ? 'header' : 'block';
  };
  const log: string[] = [];
  const told: Device = {
    name: device.name,
    size: device.size,
    writable: true,
    read: (offset, into) => device.read(offset, into),
    write: (offset, from) => {
      // A write may not run from one kind into another: it would tear their order apart.
      expect(kindOf(offset + from.length - 1)).toBe(kindOf(offset));
      log.push(kindOf(offset));
      device.write(offset, from);
    },
    flush: () => {
      log.push('flush');
    },
    close: () => {},
  };
  applyRepair(planRepair(told, { optimize: false }), told);
  const order = log.filter((what, i) => what !== log[i - 1]);
  expect(order).toEqual(['block', 'flush', 'header', 'flush', 'superblock', 'flush']);
});
