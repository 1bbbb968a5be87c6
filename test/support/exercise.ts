/**
 * Uses a mounted, empty filesystem the way a busy month would: directories that outgrow the inode and their first
 * block, extended attributes of every form, links, symbolic links, devices, shared extents that part again, holes,
 * unwritten extents, truncations, and deletions of some of it all.
 *
 * What is made fits the room there is, so the same code serves 16 MiB and 16 TiB; a filesystem below some 2 MiB of
 * room is used less, never not at all.
 */
import {
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TarEntry, unpack } from './tar.ts';
import { xfsIo } from './xfsio.ts';

const MIB = 2 ** 20;

export interface Exercise {
  /** Shares extents and writes to shared ones. */
  readonly reflink: boolean;
}

/** Entries whose names are so long that some hundred of them fill several directory blocks. */
function crowd(folder: string, count: number): TarEntry[] {
  const entries: TarEntry[] = [{ name: folder, type: '5' }];
  for (let i = 0; i < count; i++) entries.push({ name: `${folder}/${`${i}-`.padEnd(120, 'entry')}` });
  return entries;
}

/** A file for each form in which attributes are kept: in the inode, in leaves, in blocks of their own. */
function attributed(blocksize: number): TarEntry[] {
  const value = (length: number): Buffer => Buffer.alloc(length, 'value ');
  const several = (count: number, length: number): [string, Buffer][] =>
    Array.from({ length: count }, (_, i) => [`user.name-${i}`, value(length + i)]);
  return [
    { name: 'attr-inode', xattrs: several(2, 10) },
    { name: 'attr-leaf', xattrs: several(6, 150) },
    { name: 'attr-node', xattrs: several(Math.min(60, blocksize / 64), 200) },
    { name: 'attr-remote', xattrs: several(2, Math.min(4 * blocksize, 60_000)) },
    { name: 'attr-folder', type: '5', xattrs: several(3, 100) },
  ];
}

function unpackTree(dir: string, blocksize: number, entries: number): void {
  const data = Buffer.alloc(3 * blocksize + 17, 'xfskit ');
  unpack(dir, [
    ...crowd('many', entries),
    { name: 'few', type: '5' },
    { name: 'few/short', data: data.subarray(0, 100) },
    { name: 'few/fifo', type: '6' },
    { name: 'few/device', type: '3', major: 1, minor: 3 },
    { name: 'few/link', type: '2', link: 'short' },
    { name: 'few/link-far', type: '2', link: 'x'.repeat(1000) },
    { name: 'few/owned', data, uid: 70_000, gid: 4_000_000_000, mtimeSeconds: 5_000_000_000 },
    ...attributed(blocksize),
  ]);
}

/** Extents of a file come, are shared, part, and go. `blocks` is the size of a file. */
function rework(dir: string, blocksize: number, blocks: number, reflink: boolean): void {
  const bytes = (count: number): number => count * blocksize;
  const half = Math.floor(blocks / 2);
  xfsIo(dir, [
    `open -f data`,
    `pwrite -q -S 0x41 0 ${bytes(blocks)}`,
    `fpunch ${bytes(2)} ${bytes(1)}`,
    'fsync',
    `open -f prepared`,
    `falloc 0 ${bytes(blocks)}`,
    `pwrite -q -S 0x42 ${bytes(1)} ${bytes(1)}`,
    `truncate ${bytes(blocks - 1) - 5}`,
    'fsync',
    ...Array.from({ length: 12 }, (_, i) => `pwrite -q -S 0x43 ${bytes(blocks + 2 * i)} 100`),
    'fsync',
    `truncate ${bytes(blocks + 9)}`,
    ...(reflink
      ? [
          'open -f clone',
          `reflink data 0 0 ${bytes(blocks)}`,
          `pwrite -q -S 0x55 ${bytes(half)} ${bytes(1)}`,
          'fsync',
          `open -f piece`,
          `reflink data ${bytes(half)} ${bytes(3)} ${bytes(2)}`,
          `fcollapse 0 ${bytes(1)}`,
          'fsync',
        ]
      : []),
  ]);
  if (!reflink) return;
  const [data, clone] = ['data', 'clone'].map((name) => readFileSync(join(dir, name)));
  const apart = clone!.subarray(bytes(half), bytes(half + 1)).every((byte) => byte === 0x55);
  data!.copy(clone!, bytes(half), bytes(half), bytes(half + 1));
  if (!apart || !clone!.equals(data!)) throw new Error(`${dir}: a clone does not hold what was written`);
}

/** Works through it all; what is left is a filesystem with something of everything. */
export function exerciseFilesystem(dir: string, { reflink }: Exercise): void {
  const { bsize, bavail } = statfsSync(dir);
  const isRoomy = bavail * bsize > 6 * MIB && bavail > 400;
  unpackTree(dir, bsize, isRoomy ? 700 : 60);
  // More than the inode holds, and in a roomy filesystem than one block, however large.
  const { size } = statSync(join(dir, 'many'));
  if (size < (isRoomy ? 65537 : 4096))
    throw new Error(`${dir}/many: a directory of ${size} bytes is none to speak of`);
  linkSync(join(dir, 'few', 'short'), join(dir, 'hard-link'));
  rework(dir, bsize, isRoomy ? 24 : 8, reflink);
  mkdirSync(join(dir, 'deep', 'er', 'still'), { recursive: true });
  writeFileSync(join(dir, 'deep', 'er', 'still', 'file'), Buffer.alloc(bsize + 1, 7));
  truncateSync(join(dir, 'few', 'owned'), 10);
  for (let i = 0; i < 60; i += 2) rmSync(join(dir, 'many', `${i}-`.padEnd(120, 'entry')));
  rmSync(join(dir, 'attr-leaf'));
}
