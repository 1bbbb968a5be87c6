/** The readers of an untrusted filesystem: what is there, and bounds where the bytes lie. */
import { expect, test } from '@jest/globals';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { BTREE, LONG_HEADER } from '../../../src/format/btree.ts';
import type { Geometry } from '../../../src/format/geometry.ts';
import { DIFLAG, DINODE, FORK, INODE_CORE_BYTES } from '../../../src/format/inode.ts';
import { writeCount64 } from '../../../src/format/kinds.ts';
import { walkAttrs } from '../../../src/fs/read/attr.ts';
import { isDots, walkDir } from '../../../src/fs/read/dir.ts';
import { blockAt, forkExtents } from '../../../src/fs/read/extent.ts';
import { inodeFacts, isInoInside, readInode } from '../../../src/fs/read/inode.ts';
import { lookupPath } from '../../../src/fs/read/path.ts';
import { readSymlink } from '../../../src/fs/read/symlink.ts';
import { tryRead, type Volume } from '../../../src/fs/read/volume.ts';
import { smallImage } from '../../support/smallimage.ts';

const { device, geometry, files } = smallImage();
const volume: Volume = { device, geometry };

/** The volume with the bytes of one inode changed. */
function withInode(
  ino: number,
  change: (bytes: Uint8Array, view: DataView, image: Uint8Array) => void,
): Volume {
  const image = device.bytes.slice();
  const at = geometry.inoByte(ino);
  const bytes = image.subarray(at, at + geometry.inodesize);
  change(bytes, new DataView(image.buffer, at, geometry.inodesize), image);
  return { device: new MemoryDevice(image, 'changed'), geometry };
}

function extentsOf(of: Volume, ino: number): { extents: object[]; reports: string[] } {
  const reports: string[] = [];
  const extents = [...forkExtents(of, readInode(of, ino)!, 'data', 0, (text) => reports.push(text))];
  return { extents, reports };
}

const ALONE = files[0]!.ino;
const FIRST = { fileoff: 0, blocks: 9, unwritten: false };

test('a directory, its files and their extents', () => {
  const root = readInode(volume, geometry.rootino)!;
  expect(root.crcGood).toBe(true);
  const entries = [...walkDir(volume, root)].map(({ name, ino, ftype }) => [
    String(Buffer.from(name)),
    ino,
    ftype,
  ]);
  expect(entries).toEqual(files.map(({ name, ino }) => [name, ino, 1]));
  const { extents, reports } = extentsOf(volume, ALONE);
  expect(extents).toMatchObject([
    { ...FIRST, fsbno: geometry.fsbno(0, 700) },
    { fileoff: 9, blocks: 4, fsbno: geometry.fsbno(2, 600) },
  ]);
  expect(reports).toEqual([]);
  expect(blockAt(volume, readInode(volume, ALONE)!, 'data', 10)?.at).toBe(geometry.fsbno(2, 601));
  expect(blockAt(volume, readInode(volume, ALONE)!, 'data', 13)).toBeUndefined();
  expect(inodeFacts(readInode(volume, ALONE)!)).toMatchObject({ mode: 0o100644, nlink: 1, size: 13 * 4096 });
});

test('paths', () => {
  const found = lookupPath(volume, '//./alone/');
  expect('inode' in found && found.inode.ino).toBe(ALONE);
  expect(lookupPath(volume, '')).toMatchObject({ inode: { ino: geometry.rootino } });
  expect(lookupPath(volume, '/none')).toEqual({ missing: '/none: No such file or directory' });
  expect(lookupPath(volume, '/alone/x')).toEqual({ missing: '/alone/x: Not a directory' });
  expect(lookupPath(volume, '/../alone')).toEqual({ missing: '/../alone: ".." is not followed' });
});

test('inode numbers and bytes outside', () => {
  for (const ino of [-1, 0.5, 2 ** 53, geometry.ino(geometry.agcount, 0), Number.NaN]) {
    expect(isInoInside(volume, ino)).toBe(false);
    expect(readInode(volume, ino)).toBeUndefined();
  }
  expect(readInode(volume, 0)).toBeUndefined();
  expect(tryRead(device, device.size - 10, 11)).toBeUndefined();
  expect(tryRead(device, -1, 4)).toBeUndefined();
  expect([isDots(Buffer.from('.')), isDots(Buffer.from('..')), isDots(Buffer.from('.a'))]).toEqual([
    true,
    true,
    false,
  ]);
});

test('extents that overlap, leave the filesystem or are more than there is room for', () => {
  const overlapping = withInode(ALONE, (_, view) => {
    // File offset of the second extent: 9 becomes 3.
    view.setUint32(INODE_CORE_BYTES + 16 + 4, 3 << 9);
  });
  expect(extentsOf(overlapping, ALONE)).toMatchObject({
    extents: [FIRST],
    reports: [expect.stringContaining('out of order')],
  });
  const outside = withInode(ALONE, (bytes) => {
    bytes[INODE_CORE_BYTES + 7]! |= 1; // startblock + 2^51
  });
  expect(extentsOf(outside, ALONE).extents).toHaveLength(1);
  const many = withInode(ALONE, (_, view) => {
    view.setUint32(DINODE.offset.nextents, 0x7fffffff);
    view.setBigUint64(DINODE.offset.big_nextents, 2n ** 47n);
  });
  const { extents, reports } = extentsOf(many, ALONE);
  expect(extents).toHaveLength(2);
  expect(reports[0]).toMatch(/extents, but room for \d+ in the inode/);
});

test('extents of realtime files count in the realtime section', () => {
  const realtime = withInode(ALONE, (_, view) => {
    view.setUint16(DINODE.offset.flags, 1 << DIFLAG.REALTIME);
  });
  expect(extentsOf(realtime, ALONE).extents).toEqual([]);
  const large = new Proxy(geometry, {
    get: (target, name) => (name === 'rblocks' ? 2 ** 40 : Reflect.get(target, name)),
  }) as Geometry;
  expect(extentsOf({ ...realtime, geometry: large }, ALONE).extents).toHaveLength(2);
});

/** A bmbt whose root points to `block`, which points to `children` (level 1) itself. */
function withBmbt(level: number, blockLevel: number, children: readonly number[]): Volume {
  const fsbno = geometry.fsbno(1, 900);
  return withInode(ALONE, (bytes, view, image) => {
    const fork = 8 * Math.floor((geometry.inodesize - INODE_CORE_BYTES) / 8);
    bytes[DINODE.offset.format] = FORK.BTREE;
    bytes.fill(0, INODE_CORE_BYTES);
    view.setUint16(INODE_CORE_BYTES, level);
    view.setUint16(INODE_CORE_BYTES + 2, 1);
    writeCount64(view, INODE_CORE_BYTES + 4 + 8 * Math.floor((fork - 4) / 16), fsbno);
    const at = geometry.fsbnoByte(fsbno);
    const block = new DataView(image.buffer, at, geometry.blocksize);
    block.setUint32(0, BTREE.bmapbt.magic);
    block.setUint16(4, blockLevel);
    block.setUint16(6, children.length);
    const most = Math.floor((geometry.blocksize - LONG_HEADER.size) / 16);
    for (const [i, child] of children.entries()) {
      writeCount64(block, LONG_HEADER.size + most * 8 + i * 8, child);
    }
  });
}

test('a bmbt that leads round in a circle, or grows downwards, ends', () => {
  const self = geometry.fsbno(1, 900);
  for (const image of [
    withBmbt(2, 1, [self, self, self]),
    withBmbt(15, 14, new Array(250).fill(self)),
    withBmbt(1, 1, [self]),
    withBmbt(2, 1, [2 ** 52 - 1, 0]),
    withBmbt(0xffff, 1, []),
    withBmbt(0, 0, []),
  ]) {
    const { extents, reports } = extentsOf(image, ALONE);
    expect(extents).toEqual([]);
    expect(reports.length).toBeGreaterThan(0);
    expect(reports.length).toBeLessThan(300);
  }
});

test('a shortform directory that runs out of its inode', () => {
  const reports: string[] = [];
  const longer = withInode(geometry.rootino, (bytes) => {
    bytes[INODE_CORE_BYTES] = 200;
  });
  const entries = [...walkDir(longer, readInode(longer, geometry.rootino)!, (text) => reports.push(text))];
  expect(entries).toHaveLength(files.length);
  expect(reports).toEqual([expect.stringMatching(/entry \d+ of 200 leaves the inode/)]);
});

test('attributes in the inode: those that fit', () => {
  const forkoff = 24;
  const list = [4, 3, 0].concat([...Buffer.from('nameval')], [1, 2, 2], [...Buffer.from('tXY')], [250, 1, 0]);
  const with3 = withInode(ALONE, (bytes, view) => {
    bytes[DINODE.offset.forkoff] = forkoff;
    bytes[DINODE.offset.aformat] = FORK.LOCAL;
    const at = INODE_CORE_BYTES + forkoff * 8;
    view.setUint16(at, 4 + list.length + 20);
    view.setUint8(at + 2, 3);
    bytes.set(list, at + 4);
  });
  const reports: string[] = [];
  const found = [...walkAttrs(with3, readInode(with3, ALONE)!, (text) => reports.push(text))];
  expect(
    found.map(({ name, namespace, value }) => [
      String(Buffer.from(name)),
      namespace,
      String(Buffer.from(value()!)),
    ]),
  ).toEqual([
    ['name', 'user', 'val'],
    ['t', 'trusted', 'XY'],
  ]);
  expect(reports).toEqual([expect.stringContaining('attribute 2 of 3 leaves the inode')]);
  expect([...walkAttrs(volume, readInode(volume, ALONE)!)]).toEqual([]);
});

test('a symlink without a sensible length has no target', () => {
  for (const size of [0n, 1025n, -1n, 2n ** 60n]) {
    const image = withInode(ALONE, (bytes) => {
      DINODE.over(bytes).size = size;
    });
    expect(readSymlink(image, readInode(image, ALONE)!)).toBeUndefined();
  }
  const local = withInode(ALONE, (bytes) => {
    bytes[DINODE.offset.format] = FORK.LOCAL;
    DINODE.over(bytes).size = 4n;
    bytes.set(Buffer.from('here'), INODE_CORE_BYTES);
  });
  expect(String(Buffer.from(readSymlink(local, readInode(local, ALONE)!)!))).toBe('here');
});
