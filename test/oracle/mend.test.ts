/**
 * Random bits changed in superblocks, inodes and blocks of forks, with valid checksums and without: what repair says
 * it has mended is clean for our check and for xfs_repair -n, and what it leaves is no more damaged than it was.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { unlink } from '../../src/fs/dir/dir.ts';
import { openFileSystem } from '../../src/fs/filesystem.ts';
import { isDamaged } from '../../src/repair/check.ts';
import { applyRepair, planRepair } from '../../src/repair/repair.ts';
import { type AttrImage, attrImage } from '../support/attrimage.ts';
import { type DirImage, dirImage } from '../support/dirimage.ts';
import { type Place, withEdit } from '../support/edit.ts';
import { damageOf } from '../support/mends.ts';
import { describeXfsprogs, run, temporaryDirectory } from '../support/oracle.ts';
import { Random } from '../support/random.ts';

/** Bits that are changed in each kind of object. */
const ROUNDS = process.env.XFSKIT_LONG ? 60 : 5;
const PLAIN = { optimize: false };

type Target = readonly [string, Place, number];

function objectsOf(image: AttrImage): readonly Target[] {
  const { geometry, node, leaf, short, remote } = image;
  const sector = (agno: number): Place => ({
    offset: geometry.headerByte(agno, 0),
    length: geometry.sectsize,
    crcOffset: 224,
  });
  return [
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
}

function blocksOf(image: DirImage): readonly Target[] {
  const data: readonly Target[] = [
    ['header', image.block(0), 64],
    ['entries', image.block(0), 300],
    ['data', image.block(0), 4096],
  ];
  const isMapped = (fileoff: number, crc: number): Target[] => {
    try {
      return [[`block ${fileoff}`, image.block(fileoff, crc), 100]];
    } catch {
      return [];
    }
  };
  return [...data, ...isMapped(2 ** 23, 12), ...isMapped(2 ** 23 + 1, 12), ...isMapped(2 ** 24, 4)];
}

describeXfsprogs('mended objects', () => {
  test.each([
    ['sealed', true, 'objects'],
    ['with checksums that do not fit', false, 'objects'],
    ['sealed, of a directory in a block', true, 'block'],
    ['sealed, of a directory with a leaf', true, 'leaf'],
    ['sealed, of a directory with nodes', true, 'node'],
    ['with checksums that do not fit, of a directory with nodes', false, 'node'],
  ] as const)(
    '%s',
    (_, seal, what) => {
      const directory = what === 'objects' ? undefined : dirImage(what);
      const image = directory ? undefined : attrImage();
      const { device } = (directory ?? image)!;
      const path = join(temporaryDirectory(), 'mended.img');
      const judge = () => {
        writeFileSync(path, device.bytes);
        const { status, stdout, stderr } = run('xfs_repair', ['-n', '-f', path]);
        return status === 0 ? '' : stdout + stderr;
      };
      const sound = device.bytes.slice();
      const random = new Random(seal ? 31 : 32);
      const targets = image ? objectsOf(image) : blocksOf(directory!);
      let mended = 0;
      for (const [name, place, bytes] of targets) {
        for (let round = 0; round < ROUNDS; round++) {
          const at = random.below(bytes);
          const bit = random.below(8);
          const change = `${name}, byte ${at} bit ${bit}`;
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
      expect(mended).toBeGreaterThan(image ? 10 : 2);
    },
    300_000,
  );

  test('freed inodes without a name', () => {
    const { device, geometry } = attrImage();
    const fs = openFileSystem(device);
    unlink(fs, geometry.rootino, 'alone', false, true);
    unlink(fs, geometry.rootino, 'shared', false, false);
    applyRepair(planRepair(device, PLAIN), device);
    expect(damageOf(device)).toEqual([]);
    const path = join(temporaryDirectory(), 'freed.img');
    writeFileSync(path, device.bytes);
    const { status, stdout, stderr } = run('xfs_repair', ['-n', '-f', path]);
    expect([status, status === 0 ? '' : stdout + stderr]).toEqual([0, '']);
  });
});
