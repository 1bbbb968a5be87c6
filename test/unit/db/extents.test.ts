/** Extents of a bmbt that leads round in a circle: looked for once in each block, not once on each way there. */
import { expect, test } from '@jest/globals';
import { extentsFrom, mapRange } from '../../../src/db/extents.ts';
import { openFilesystem } from '../../../src/db/filesystem.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { BTREE, LONG_HEADER } from '../../../src/format/btree.ts';
import { DINODE, FORK, INODE_CORE_BYTES } from '../../../src/format/inode.ts';
import { writeCount64 } from '../../../src/format/kinds.ts';
import { smallImage } from '../../support/smallimage.ts';

test('a node that is its own child, 250 times', () => {
  const { device, files, geometry } = smallImage();
  const image = device.bytes.slice();
  const self = geometry.fsbno(1, 900);
  const inode = image.subarray(geometry.inoByte(files[0]!.ino)).subarray(0, geometry.inodesize);
  const fork = new DataView(inode.buffer, inode.byteOffset + INODE_CORE_BYTES);
  inode[DINODE.offset.format] = FORK.BTREE;
  inode.fill(0, INODE_CORE_BYTES);
  fork.setUint16(0, 12);
  fork.setUint16(2, 1);
  const bytes = Math.min(inode[DINODE.offset.forkoff]! * 8 || 2048, geometry.inodesize - INODE_CORE_BYTES);
  writeCount64(fork, 4 + 8 * Math.floor((bytes - 4) / 16), self);
  const block = new DataView(image.buffer, geometry.fsbnoByte(self), geometry.blocksize);
  block.setUint32(0, BTREE.bmapbt.magic);
  block.setUint16(4, 11);
  block.setUint16(6, 250);
  const most = Math.floor((geometry.blocksize - LONG_HEADER.size) / 16);
  for (let i = 0; i < 250; i++) writeCount64(block, LONG_HEADER.size + most * 8 + i * 8, self);
  const filesystem = openFilesystem(new MemoryDevice(image, 'circle'));
  const started = performance.now();
  expect([...extentsFrom(filesystem, inode, 'data', 0)]).toEqual([]);
  expect(mapRange(filesystem, inode, 'data', { from: 0, count: 9, most: 9 })).toEqual([]);
  expect(performance.now() - started).toBeLessThan(2000);
});
