import { expect, test } from '@jest/globals';
import { DeviceError } from '../../../../src/device/device.ts';
import { OverlayDevice } from '../../../../src/device/overlay.ts';
import { CorruptionError, UnsupportedFeature } from '../../../../src/format/errors.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { FindingSink } from '../../../../src/repair/observe/sink.ts';
import { chooseObjects, corrupt, findMetadata } from '../../../support/metadata.ts';
import { smallImage } from '../../../support/smallimage.ts';

test('400 corruptions: only the named errors, and never a claim outside its AG', () => {
  const { device } = smallImage();
  const image = Buffer.from(device.bytes.buffer);
  const objects = findMetadata(image);
  expect(objects.length).toBeGreaterThan(70);
  let found = 0;
  chooseObjects(objects, 400, 7).forEach((object, seed) => {
    const { bytes, what } = corrupt(image, object, objects, seed);
    const overlay = new OverlayDevice(device);
    overlay.write(object.offset, bytes);
    try {
      const seen = observe(overlay);
      if (seen.findings.length > 0) found++;
      for (const { owners, length } of seen.ags) {
        for (let i = 0; i < owners.length; i++) {
          if (owners.count[i]! < 1 || owners.start[i]! + owners.count[i]! > length) throw new Error(what);
        }
      }
    } catch (error) {
      const named =
        error instanceof DeviceError ||
        error instanceof UnsupportedFeature ||
        error instanceof CorruptionError;
      if (!named) throw new Error(`${what}: ${(error as Error).stack}`);
      found++;
    }
  });
  // What is left are bits that only comparison can judge, or that mean nothing.
  expect(found).toBeGreaterThan(250);
});

test('findings are bounded: what is over the limit is counted', () => {
  const sink = new FindingSink();
  for (let i = 0; i < 5000; i++) sink.add('INODE_CRC', { agno: 3, ino: i }, `inode ${i}`);
  sink.add('INODE_CRC', { agno: 4 }, 'another AG');
  const all = sink.take();
  expect(all.length).toBe(1002);
  expect(all.at(-1)!.message).toBe('AG 3: 4000 more of this kind are not listed');
});
