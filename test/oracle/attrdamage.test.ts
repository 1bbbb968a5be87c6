/** Random bits changed in attributes and symlinks, with valid checksums: what xfs_repair -n notices, check notices. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { damage } from '../support/attrcase.ts';
import { attrFork, attrImage } from '../support/attrimage.ts';
import { type Place, withEdit } from '../support/edit.ts';
import { describeXfsprogs, run, temporaryDirectory } from '../support/oracle.ts';
import { Random } from '../support/random.ts';

/** Bits that are changed in each kind of object. */
const ROUNDS = 5;
const HEADER_BYTES = 128;

describeXfsprogs('damaged attributes and symlinks', () => {
  test.each([[], ['b.size=1024']])(
    '%p',
    (...options) => {
      const image = attrImage(options as readonly string[]);
      const { device, node, leaf, short, inline } = image;
      const path = join(temporaryDirectory(), 'attr-damage.img');
      const judge = () => {
        writeFileSync(path, device.bytes);
        return run('xfs_repair', ['-n', '-f', path]).status;
      };
      expect(judge()).toBe(0);
      const random = new Random(20);
      const fork = (v: DataView) => attrFork(v) + random.below(40);
      const header = () => random.below(HEADER_BYTES);
      const anywhere = (v: DataView) => v.byteLength - 1 - random.below(400);
      const targets: readonly [string, Place, (v: DataView) => number][] = [
        ['root of a tree', image.block(node, 0), header],
        ['leaf of a tree', image.block(node, 1), header],
        ['single leaf', image.block(leaf, 0), header],
        ['names of a leaf', image.block(leaf, 0), anywhere],
        ['shortform', image.inode(short), fork],
        ['inline target', image.inode(inline), () => 176 + random.below(13)],
        ['symlink block', image.target(), () => random.below(60)],
      ];
      let noticed = 0;
      for (const [what, place, where] of targets) {
        for (let round = 0; round < ROUNDS; round++) {
          let change = '';
          const edit = (v: DataView) => {
            const at = where(v);
            const value = random.below(3) === 0 ? 0 : v.getUint8(at) ^ (1 << random.below(8));
            change = `${what}, byte ${at}: ${v.getUint8(at)} to ${value}`;
            v.setUint8(at, value);
          };
          withEdit(device, place, edit, () => {
            if (judge() === 0) return;
            noticed++;
            expect([change, damage(device).length > 0]).toEqual([change, true]);
          });
        }
      }
      expect(noticed).toBeGreaterThan(10);
    },
    120_000,
  );
});
