/**
 * Directory blocks of real images with a few damaged bits, most under a good CRC: whatever xfs_repair -n notices, check
 * notices, and names the directory. 12 cases an image from a seed (XFSKIT_SEED), 60 with XFSKIT_LONG.
 */

import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { openDevice } from '../../src/device/open.ts';
import { sealCrc } from '../../src/format/checksum.ts';
import type { Geometry } from '../../src/format/geometry.ts';
import { FORK } from '../../src/format/inode.ts';
import { forkExtents, forkOf } from '../../src/fs/read/extent.ts';
import { readInode } from '../../src/fs/read/inode.ts';
import { observe } from '../../src/repair/observe/observe.ts';
import { check, messages } from '../support/cli.ts';
import { corpusCopy, corpusImage } from '../support/corpus.ts';
import { describeKernel, repairCheck } from '../support/oracle.ts';
import { Random } from '../support/random.ts';

const IMAGES = ['rmap4k', 'b1k', 'b1k_n8k', 'b4k_n64k'];
const CASES = process.env.XFSKIT_LONG === '1' ? 60 : 12;
const SEED = Number(process.env.XFSKIT_SEED ?? 1);
const HEADER_BYTES = 80;

interface DirBlock {
  readonly ino: number;
  readonly fileoff: number;
  readonly byte: number;
}

/** Blocks of all directories that lie on disk in one piece. */
function directoryBlocks(image: string): { geometry: Geometry; blocks: DirBlock[] } {
  const device = openDevice(image);
  try {
    const { geometry, inodes } = observe(device);
    const volume = { device, geometry };
    const step = 2 ** geometry.dirblklog;
    const blocks: DirBlock[] = [];
    for (let i = 0; i < inodes.directories.length; i++) {
      const ino = inodes.ino(inodes.directories.at(i));
      const inode = readInode(volume, ino)!;
      if (forkOf(inode, 'data', geometry)!.format === FORK.LOCAL) continue;
      for (const { fileoff, fsbno, blocks: count } of forkExtents(volume, inode, 'data')) {
        for (let at = fileoff + (-fileoff & (step - 1)); at + step <= fileoff + count; at += step) {
          blocks.push({ ino, fileoff: at, byte: geometry.fsbnoByte(fsbno + at - fileoff) });
        }
      }
    }
    return { geometry, blocks };
  } finally {
    device.close();
  }
}

/** Flips a bit or two, of the header in every third case; in most the CRC is made good. */
function damage(bytes: Buffer, random: Random): string {
  const told: string[] = [];
  for (let n = random.below(3) === 0 ? 2 : 1; n > 0; n--) {
    const at = random.below(3) === 0 ? random.below(HEADER_BYTES) : random.below(bytes.length);
    const bit = 1 << random.below(8);
    bytes[at] = bytes[at]! ^ bit;
    told.push(`byte ${at} ^ ${bit}`);
  }
  const wide = bytes.readUInt16BE(0) === 0x5844;
  if (random.below(4) !== 0) sealCrc(bytes, wide ? 4 : 12);
  else told.push('CRC not made good');
  return told.join(', ');
}

describeKernel('damaged directory blocks', () => {
  test.each(IMAGES)(
    'of %s',
    async (name) => {
      const { geometry, blocks } = directoryBlocks(await corpusImage(name));
      const image = await corpusCopy(name);
      const file = openSync(image, 'r+');
      const missed: string[] = [];
      const elsewhere: object[] = [];
      let noticed = 0;
      try {
        for (let i = 0; i < CASES; i++) {
          const random = new Random(SEED * 1_000_003 + i);
          const { ino, fileoff, byte } = random.pick(blocks);
          const before = Buffer.alloc(geometry.dirblocksize);
          readSync(file, before, 0, before.length, byte);
          const after = Buffer.from(before);
          const what = `case ${i}, directory ${ino} block ${fileoff}: ${damage(after, random)}`;
          writeSync(file, after, 0, after.length, byte);
          const theirs = repairCheck(image).status !== 0;
          const { damage: found } = check(image);
          writeSync(file, before, 0, before.length, byte);
          if (theirs) noticed++;
          if (theirs && found.length === 0) missed.push(what);
          if (found.length > 0 && !found.some(({ where }) => where.ino === ino)) {
            elsewhere.push({ what, found: messages(found) });
          }
        }
      } finally {
        closeSync(file);
      }
      expect(missed).toEqual([]);
      expect(elsewhere).toEqual([]);
      expect(noticed).toBeGreaterThan(CASES / 4);
    },
    600_000,
  );
});
