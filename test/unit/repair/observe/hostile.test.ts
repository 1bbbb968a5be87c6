/** Observe over corrupted images and failing devices: named errors, bounded findings, no claim out of its AG. */
import { expect, test } from '@jest/globals';
import { type Device, DeviceError } from '../../../../src/device/device.ts';
import { FaultyDevice } from '../../../../src/device/faulty.ts';
import { OverlayDevice } from '../../../../src/device/overlay.ts';
import { CorruptionError, UnsupportedFeature } from '../../../../src/format/errors.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { FindingSink } from '../../../../src/repair/sink.ts';
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
  for (let i = 0; i < 15_000; i++) sink.add('INODE_CRC', { agno: 3, ino: i }, `inode ${i}`);
  sink.add('INODE_CRC', { agno: 4 }, 'another AG');
  const all = sink.take();
  expect(all.length).toBe(10_002);
  expect(all.at(-1)!.message).toBe('AG 3: 5000 more of this kind are not listed');
});

test('any one read that fails is a finding, not an end; only the superblock must be readable', () => {
  const { device } = smallImage();
  const counting = new FaultyDevice(device, []);
  observe(counting);
  expect(counting.reads).toBeGreaterThan(40);
  for (let nth = 0; nth < counting.reads; nth++) {
    const faulty = new FaultyDevice(device, [{ on: 'read', nth, kind: 'fail' }]);
    if (nth < 2) {
      expect(() => observe(faulty)).toThrow(DeviceError);
      continue;
    }
    const codes = observe(faulty).findings.map((f) => f.code);
    expect(codes.some((code) => code === 'READ_FAILED' || code === 'LOG_UNREADABLE')).toBe(true);
  }
});

test('an inode chunk that cannot be read leaves the files incomplete', () => {
  const { device, geometry } = smallImage();
  const whole = 64 * geometry.inodesize;
  const broken: Device = {
    name: 'broken',
    size: device.size,
    writable: false,
    read: (offset, into) => {
      if (into.length === whole) throw new DeviceError('IO', 'broken: input/output error');
      device.read(offset, into);
    },
    write: () => undefined,
    flush: () => undefined,
    close: () => undefined,
  };
  const seen = observe(broken);
  expect(seen.findings.map((f) => f.code)).toContain('READ_FAILED');
  expect(seen.filesComplete).toBe(false);
  expect(seen.ags[0]!.chunks.length).toBe(1);
});
