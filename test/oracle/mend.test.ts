/**
 * Random bits changed in superblocks, inodes and blocks of forks, with valid checksums and without: what repair says
 * it has mended is clean for our check and for xfs_repair -n, and what it leaves is no more damaged than it was.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { isDamaged } from '../../src/repair/check.ts';
import { applyRepair, planRepair } from '../../src/repair/repair.ts';
import { attrImage } from '../support/attrimage.ts';
import { type Place, withEdit } from '../support/edit.ts';
import { damageOf } from '../support/mends.ts';
import { describeXfsprogs, run, temporaryDirectory } from '../support/oracle.ts';
import { Random } from '../support/random.ts';

/** Bits that are changed in each kind of object. */
const ROUNDS = process.env.XFSKIT_LONG ? 60 : 8;
const PLAIN = { optimize: false };

describeXfsprogs('mended objects', () => {
  test.each([
    ['sealed', true],
    ['with checksums that do not fit', false],
  ])(
    '%s',
    (_, seal) => {
      const image = attrImage();
      const { device, geometry, node, leaf, short, remote } = image;
      const path = join(temporaryDirectory(), 'mended.img');
      const judge = () => {
        writeFileSync(path, device.bytes);
        const { status, stdout, stderr } = run('xfs_repair', ['-n', '-f', path]);
        return status === 0 ? '' : stdout + stderr;
      };
      const sound = device.bytes.slice();
      const random = new Random(seal ? 31 : 32);
      const sector = (agno: number): Place => ({
        offset: geometry.headerByte(agno, 0),
        length: geometry.sectsize,
        crcOffset: 224,
      });
      const targets: readonly [string, Place, number][] = [
        ['primary superblock', sector(0), 264],
        ['copy', sector(1), 264],
        ['root directory', image.inode(geometry.rootino), 176],
        ['file with a tree of attributes', image.inode(node), 176],
        ['file with a leaf of attributes', image.inode(leaf), 176],
        ['file with attributes inside', image.inode(short), 176],
        ['symlink', image.inode(remote), 176],
        ['free inode', image.inode(geometry.rootino + 50), 176],
        ['root of attributes', image.block(node, 0), 64],
        ['leaf of attributes', image.block(leaf, 0), 80],
        ['target of a symlink', image.target(), 56],
      ];
      let mended = 0;
      for (const [what, place, bytes] of targets) {
        for (let round = 0; round < ROUNDS; round++) {
          const at = random.below(bytes);
          const bit = random.below(8);
          const change = `${what}, byte ${at} bit ${bit}`;
          withEdit(
            device,
            place,
            (v) => v.setUint8(at, v.getUint8(at) ^ (1 << bit)),
            () => {
              const before = damageOf(device).length;
              let planned: ReturnType<typeof planRepair>;
              try {
                planned = planRepair(device, PLAIN);
              } catch (error) {
                // A feature that we do not know, say.
                expect([change, (error as Error).name]).not.toEqual([change, 'NotConverged']);
                return;
              }
              if (planned.actions.length === 0) return;
              applyRepair(planned, device);
              const after = damageOf(device);
              expect([change, planRepair(device, PLAIN).actions]).toEqual([change, []]);
              expect([change, after.length <= before]).toEqual([change, true]);
              if (isDamaged(after)) return;
              mended++;
              expect([change, judge()]).toEqual([change, '']);
            },
            seal,
          );
          device.bytes.set(sound);
        }
      }
      expect(mended).toBeGreaterThan(15);
    },
    300_000,
  );
});
