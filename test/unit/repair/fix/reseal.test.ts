/** Checksums over sane content are put right; where the content is damaged too, they go on telling so. */
import { describe, expect, test } from '@jest/globals';
import { DISK_DQUOT, DQBLK, DQUOT_CRC_OFFSET } from '../../../../src/format/dquot.ts';
import type { FindingCode } from '../../../../src/format/findings.ts';
import { SYMLINK_HEADER } from '../../../../src/format/symlink.ts';
import { attrImage } from '../../../support/attrimage.ts';
import { type DirForm, dirImage } from '../../../support/dirimage.ts';
import { type Place, withEdit } from '../../../support/edit.ts';
import { expectLeft, expectMended } from '../../../support/mends.ts';
import { quotaImage } from '../../../support/specialimage.ts';

type Image = ReturnType<typeof attrImage>['device'];

/** The CRC of a block is wrong, and after the repair as it was. */
function expectSealed(device: Image, place: Place, code: FindingCode): void {
  const bytes = () => Buffer.from(device.bytes.slice(place.offset, place.offset + place.length));
  const before = bytes();
  const spoil = (_: DataView, b: Uint8Array) => {
    b[place.crcOffset]! ^= 0x40;
  };
  withEdit(
    device,
    place,
    spoil,
    () => expectMended(device, [code], () => expect(bytes()).toEqual(before)),
    false,
  );
}

describe('attributes and symlinks', () => {
  const image = attrImage();
  const { device } = image;
  test.each([
    ['leaf', image.leaf, 0],
    ['root node', image.node, 0],
    ['leaf below a node', image.node, 1],
  ])('%s', (_, ino, fileoff) => expectSealed(device, image.block(ino, fileoff), 'ATTR_CRC'));

  test('target of a symlink', () => expectSealed(device, image.target(), 'SYMLINK_CRC'));

  test('a symlink that says another length is no sane content', () => {
    const shorten = (view: DataView) => view.setUint32(SYMLINK_HEADER.offset.bytes, 7);
    withEdit(device, image.target(), shorten, () => expectLeft(device, 'SYMLINK_CRC', /damaged|sane/), false);
  });

  test('a name that its hash does not fit is no sane content', () => {
    const place = image.block(image.leaf, 0);
    const spoil = (view: DataView) => view.setUint32(80, 5);
    withEdit(device, place, spoil, () => expectLeft(device, 'ATTR_CRC', /damaged|sane/), false);
  });
});

const FORMS: readonly [string, DirForm, number, number][] = [
  ['block', 'block', 0, 4],
  ['data block', 'leaf', 0, 4],
  ['leaf', 'leaf', 2 ** 23, 12],
  ['node', 'node', 2 ** 23, 12],
  ['free index', 'node', 2 ** 24, 4],
];

test.each(FORMS)('directory: %s', (_, form, fileoff, crcOffset) => {
  const image = dirImage(form);
  expectSealed(image.device, image.block(fileoff, crcOffset), 'DIR_CRC');
});

test('directory blocks of several filesystem blocks', () => {
  const image = dirImage('leaf', ['n.size=16384'], 700);
  expectSealed(image.device, image.block(0), 'DIR_CRC');
});

test('a quota record', () => {
  const { device, dquotByte } = quotaImage();
  const place = { offset: dquotByte('user', 7), length: DQBLK.size, crcOffset: DQUOT_CRC_OFFSET };
  expectSealed(device, place, 'DQUOT_CRC');
  const count = (view: DataView) => view.setUint8(DISK_DQUOT.offset.bcount + 7, 99);
  withEdit(device, place, count, () => expectLeft(device, 'DQUOT_CRC', /damaged|sane/), false);
});
