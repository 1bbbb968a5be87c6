/** Inodes without a name are emptied and freed, but not while something else is wrong. */
import { expect, test } from '@jest/globals';
import { DINODE, INODE_CRC_OFFSET } from '../../../../src/format/inode.ts';
import { SUPERBLOCK } from '../../../../src/format/superblock.ts';
import { unlink } from '../../../../src/fs/dir/dir.ts';
import { openFileSystem } from '../../../../src/fs/filesystem.ts';
import { attrImage } from '../../../support/attrimage.ts';
import { withEdit } from '../../../support/edit.ts';
import { damageOf, expectLeft, expectMended } from '../../../support/mends.ts';
import { smallImage } from '../../../support/smallimage.ts';
import { quotaImage } from '../../../support/specialimage.ts';

const NAMES = ['alone', 'shared', 'clone'];

test.each([
  ['on its list', true, 'UNLINKED_INODE'],
  ['on no list', false, 'UNLINKED_STRAY'],
] as const)('%s', (_, listed, code) => {
  const { device, geometry, files } = smallImage();
  const fs = openFileSystem(device);
  for (const name of NAMES) unlink(fs, geometry.rootino, name, false, listed);
  expect(damageOf(device).map((finding) => finding.code)).toEqual([code, code, code]);
  const { actions } = expectMended(device, [code], () => {
    for (const { ino } of files) {
      const at = geometry.inoByte(ino);
      const core = DINODE.over(device.bytes.slice(at, at + geometry.inodesize));
      expect([core.mode, core.nblocks]).toEqual([0, 0]);
    }
  });
  expect(actions).toHaveLength(3);
});

test('with attributes in blocks, values of their own among them', () => {
  const { device, geometry } = attrImage();
  const fs = openFileSystem(device);
  for (const name of NAMES) unlink(fs, geometry.rootino, name, false, true);
  expectMended(device, ['UNLINKED_INODE']);
});

test('damage that can be mended is mended before', () => {
  const { device, geometry, files } = smallImage();
  unlink(openFileSystem(device), geometry.rootino, 'shared', false, true);
  const place = {
    offset: geometry.inoByte(files[1]!.ino),
    length: geometry.inodesize,
    crcOffset: INODE_CRC_OFFSET,
  };
  const spoil = (_: DataView, bytes: Uint8Array) => {
    DINODE.over(bytes).dmstate = 3;
  };
  withEdit(device, place, spoil, () => expectMended(device, ['UNLINKED_INODE', 'INODE_CORE']));
});

test('nothing is freed while another inode is lost', () => {
  const { device, geometry, files } = smallImage();
  unlink(openFileSystem(device), geometry.rootino, 'shared', false, true);
  const at = geometry.inoByte(files[0]!.ino);
  device.bytes.fill(0, at, at + 2);
  expectLeft(device, 'UNLINKED_INODE', /other damage/);
});

test('an inode that a directory still names gets its links back', () => {
  const { device, geometry, files } = smallImage();
  const place = {
    offset: geometry.inoByte(files[0]!.ino),
    length: geometry.inodesize,
    crcOffset: INODE_CRC_OFFSET,
  };
  const unname = (_: DataView, bytes: Uint8Array) => {
    DINODE.over(bytes).nlink = 0;
  };
  const before = device.bytes.slice();
  withEdit(device, place, unname, () => {
    expectMended(device, ['LINK_COUNT'], () => expect(Buffer.compare(device.bytes, before)).toBe(0));
  });
});

test('quota is to be counted again', () => {
  const { device, geometry } = quotaImage();
  unlink(openFileSystem(device), geometry.rootino, 'alone', false, true);
  expectMended(device, ['UNLINKED_INODE'], () => {
    const { qflags } = SUPERBLOCK.over(device.bytes.slice(0, 512));
    expect([qflags & 0x504, qflags & 1]).toEqual([0, 1]);
  });
});
