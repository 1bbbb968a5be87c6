/** One field of an attribute, its block or a symlink changed: that finding expected, at that place, and no other. */
import { expect, test } from '@jest/globals';
import type { Device } from '../../src/device/device.ts';
import type { Finding } from '../../src/format/findings.ts';
import { observe } from '../../src/repair/observe/observe.ts';
import type { AttrImage } from './attrimage.ts';
import { type Place, withEdit } from './edit.ts';

export type Edit = (view: DataView, bytes: Uint8Array) => void;
/** [what, change, code, field] */
export type Case = [string, Edit, string, RegExp];
/** Whose attributes or target are changed, and the block; without one, the inode. */
export type Target = ['node' | 'leaf' | 'short' | 'inline' | 'remote', number?];

export const flip =
  (byte: number, mask = 1): Edit =>
  (v) =>
    v.setUint8(byte, v.getUint8(byte) ^ mask);

/** What is found, but for notes. */
export function damage(device: Device): readonly Finding[] {
  return observe(device).findings.filter(({ severity }) => severity !== 'note');
}

function placeOf(image: AttrImage, [file, fileoff]: Target): Place {
  if (fileoff === undefined) return image.inode(image[file]);
  return file === 'remote' ? image.target() : image.block(image[file], fileoff);
}

export function expectChanges(image: AttrImage, target: Target, cases: readonly Case[]): void {
  test.each(cases)('%s', (_what, change, code, field) => {
    const place = placeOf(image, target);
    withEdit(image.device, place, change, () => {
      const found = damage(image.device);
      expect(found.map((f) => `${f.code} ${f.message}`)).toHaveLength(1);
      const [{ where, code: given }] = found as [Finding];
      expect(given).toBe(code);
      expect(where.field ?? '').toMatch(field);
      expect(where.ino).toBe(image[target[0]]);
      if (target[1] === undefined) return;
      expect(where.fileoff).toBe(target[1]);
      expect(image.geometry.agbnoByte(where.agno!, where.agbno!)).toBe(place.offset);
    });
  });
}
