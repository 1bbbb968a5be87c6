/** Symlinks, with the target in the inode and in a block: one field changed, that finding expected. */
import { describe, expect, test } from '@jest/globals';
import { DINODE, INODE_CORE_BYTES } from '../../../../src/format/inode.ts';
import { type Case, damage, type Edit, expectChanges, flip, type Target } from '../../../support/attrcase.ts';
import { attrImage, INLINE_TARGET } from '../../../support/attrimage.ts';
import { withEdit } from '../../../support/edit.ts';

const image = attrImage();
const { device } = image;
const look = () => damage(device);
const expectEach = (target: Target, cases: readonly Case[]) => expectChanges(image, target, cases);

describe('a symlink', () => {
  expectEach(
    ['inline'],
    [
      ['NUL in the target', (v) => v.setUint8(INODE_CORE_BYTES + 3, 0), 'SYMLINK_TARGET', /symlink/],
      [
        'longer than its target',
        (v) => v.setUint8(DINODE.offset.size + 7, INLINE_TARGET.length + 1),
        'SYMLINK_TARGET',
        /symlink/,
      ],
    ],
  );
  expectEach(
    ['remote', 0],
    [
      ['magic', (v) => v.setUint32(0, 0), 'SYMLINK_BLOCK', /magic/],
      ['offset', (v) => v.setUint32(4, 8), 'SYMLINK_HEADER', /offset/],
      ['bytes', (v) => v.setUint32(8, 100), 'SYMLINK_HEADER', /bytes/],
      ['more bytes than any', (v) => v.setUint32(8, 1024), 'SYMLINK_BLOCK', /bytes/],
      ['UUID', flip(20), 'SYMLINK_HEADER', /uuid/],
      ['owner', flip(39), 'SYMLINK_HEADER', /owner/],
      ['address', flip(47), 'SYMLINK_BLOCK', /bno/],
      ['NUL in the target', (v) => v.setUint8(56 + 7, 0), 'SYMLINK_TARGET', /data/],
      ['LSN', (v) => v.setUint32(48, 99), 'LSN_AHEAD', /lsn/],
    ],
  );

  test('in a block though the inode has room', () => {
    const change: Edit = (v) => v.setUint8(DINODE.offset.forkoff, 0);
    const size = (v: DataView) => v.setUint32(DINODE.offset.size + 4, 300);
    const both: Edit = (v, b) => {
      change(v, b);
      size(v);
    };
    withEdit(device, image.inode(image.remote), both, () => {
      expect(look()).toContainEqual(expect.objectContaining({ code: 'SYMLINK_FORMAT', severity: 'warning' }));
    });
  });

  test('a wrong checksum', () => {
    const found = withEdit(device, image.target(), flip(60), look, false);
    expect(found).toMatchObject([
      { code: 'SYMLINK_CRC', where: { ino: image.remote, structure: 'symlink' } },
    ]);
  });

  test.each([400, 1024, 5000])('a length of %i', (size) => {
    const change: Edit = (v) => v.setUint32(DINODE.offset.size + 4, size);
    withEdit(device, image.inode(image.remote), change, () => {
      const found = look();
      expect(found).toHaveLength(1);
      expect(found[0]!.code).toMatch(/^SYMLINK/);
      expect(found[0]!.where.ino).toBe(image.remote);
    });
  });
});
