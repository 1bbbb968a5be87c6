/** Directories: damage to an index, a file type, a tag or ".." costs no name. */
import { describe, expect, test } from '@jest/globals';
import type { FindingCode } from '../../../../src/format/findings.ts';
import { DINODE, INODE_CORE_BYTES } from '../../../../src/format/inode.ts';
import { walkDir } from '../../../../src/fs/read/dir.ts';
import { readInode } from '../../../../src/fs/read/inode.ts';
import {
  type DirForm,
  type DirImage,
  dirImage,
  entryByte,
  freeByte,
  tagByte,
} from '../../../support/dirimage.ts';
import { type Place, withEdit } from '../../../support/edit.ts';
import { expectLeft, expectMended } from '../../../support/mends.ts';

type Edit = (view: DataView, bytes: Uint8Array) => void;

const LEAF = 2 ** 23;
const FREE = 2 ** 24;

function namesOf({ device, geometry, ino }: DirImage): string[] {
  const volume = { device, geometry };
  const names = [...walkDir(volume, readInode(volume, ino)!)].map(
    (e) => `${Buffer.from(e.name)} ${e.ino} ${e.ftype}`,
  );
  return names.sort();
}

/** Damaged so, the directory is mended and names what it named. */
function expectKept(image: DirImage, place: Place, change: Edit, code: FindingCode, seal = true): void {
  const before = namesOf(image);
  const same = () => expect(namesOf(image)).toEqual(before);
  withEdit(image.device, place, change, () => expectMended(image.device, [code], same), seal);
}

const images = new Map<string, DirImage>();
function imageOf(form: DirForm, ...options: string[]): DirImage {
  const key = `${form} ${options}`;
  const image = images.get(key) ?? dirImage(form, options);
  images.set(key, image);
  return image;
}

const tailCount = (v: DataView) => v.getUint32(v.byteLength - 8);
const table = (v: DataView, i: number) => v.byteLength - 8 - 8 * (tailCount(v) - i);
const ANY = 'name-3xx';

type Row = [string, Edit, FindingCode];

const DATA: readonly Row[] = [
  ['file type', (v) => v.setUint8(entryByte(v, 'name-2xxxx') + 9 + 10, 2), 'DIR_FTYPE'],
  ['type of ".."', (v) => v.setUint8(91, 1), 'DIR_FTYPE'],
  ['".." elsewhere', (v) => v.setUint8(87, 131), 'DIR_PARENT'],
  ['"." elsewhere', (v) => v.setUint8(71, 131), 'DIR_DOT'],
  ['a tag', (v) => v.setUint16(tagByte(v, 'name-2xxxx'), 8), 'DIR_ENTRY'],
  ['bestfree', (v) => v.setUint16(50, 8), 'DIR_BESTFREE'],
  ['bestfree elsewhere', (v) => v.setUint16(48, v.getUint16(48) + 8), 'DIR_BESTFREE'],
]; // biome-ignore format: one row a line

const BLOCK: readonly Row[] = [
  ['a hash', (v) => v.setUint32(table(v, 4), v.getUint32(table(v, 4)) + 1), 'DIR_HASH'],
  ['hashes out of order', (v) => v.setUint32(table(v, 4), 0), 'DIR_HASH'],
  ['an address', (v) => v.setUint32(table(v, 4) + 4, 5), 'DIR_HASH'],
  ['all hashes', (_, b) => b.fill(7, b.length - 8 - 8 * 10, b.length - 8), 'DIR_HASH'],
  ['stale count', (v) => v.setUint32(v.byteLength - 4, 3), 'DIR_LEAF'],
]; // biome-ignore format: one row a line

test('the entries that are spoiled are there', () =>
  expect(namesOf(imageOf('block')).join()).toContain(ANY.slice(0, 6)));

describe.each(['block', 'leaf', 'node'] as const)('data of %s form', (form) => {
  const image = imageOf(form);
  test.each(DATA)('%s', (_, change, code) => expectKept(image, image.block(0), change, code));
});

describe('block form', () => {
  const image = imageOf('block');
  test.each(BLOCK)('%s', (_, change, code) => expectKept(image, image.block(0), change, code));
});

const LEAF1: readonly Row[] = [
  ['a hash', (v) => v.setUint32(64, 1), 'DIR_HASH'],
  ['count', (v) => v.setUint16(56, 100), 'DIR_LEAF'],
  ['best length', (v) => v.setUint16(v.byteLength - 6, 8), 'DIR_FREE'],
  ['all entries', (_, b) => b.fill(0, 64, 1000), 'DIR_HASH'],
  ['magic', (v) => v.setUint16(8, 0), 'DIR_BLOCK'],
]; // biome-ignore format: one row a line

describe('leaf form', () => {
  const image = imageOf('leaf');
  test.each(LEAF1)('%s', (_, change, code) => expectKept(image, image.block(LEAF, 12), change, code));

  test('a checksum over a damaged leaf', () => {
    expectKept(image, image.block(LEAF, 12), (v) => v.setUint32(72, 9), 'DIR_CRC', false);
  });
});

const NODE: readonly [string, number, number, Edit, FindingCode][] = [
  ['key of the root', LEAF, 12, (v) => v.setUint32(64, 1), 'DIR_TREE'],
  ['pointer of the root', LEAF, 12, (v) => v.setUint32(68, 77), 'DIR_TREE'],
  ['magic of the root', LEAF, 12, (v) => v.setUint16(8, 0), 'DIR_BLOCK'],
  ['a hash', LEAF + 1, 12, (v) => v.setUint32(72, 1), 'DIR_HASH'],
  ['a leaf of zeros', LEAF + 1, 12, (_, b) => b.fill(0), 'DIR_BLOCK'],
  ['siblings', LEAF + 1, 12, (v) => v.setUint32(0, 5), 'DIR_TREE'],
  ['a best length', FREE, 4, (v) => v.setUint16(64, 8), 'DIR_FREE'],
  ['a free index of zeros', FREE, 4, (_, b) => b.fill(0), 'DIR_BLOCK'],
]; // biome-ignore format: one row a line

describe('node form', () => {
  const image = imageOf('node');
  test.each(NODE)('%s', (_, fileoff, crc, change, code) => {
    expectKept(image, image.block(fileoff, crc), change, code);
  });
});

test('directory blocks of several filesystem blocks', () => {
  const image = dirImage('leaf', ['n.size=16384'], 700);
  expectKept(
    image,
    image.block(image.geometry.blocksize === 4096 ? LEAF : 0, 12),
    (v) => v.setUint32(64, 1),
    'DIR_HASH',
  );
});

describe('inside the inode', () => {
  const image = imageOf('short');
  test('file type', () => {
    const change: Edit = (v) => v.setUint8(INODE_CORE_BYTES + 6 + 3 + v.getUint8(INODE_CORE_BYTES + 6), 3);
    expectKept(image, image.inode(), change, 'DIR_FTYPE');
  });
  test('".."', () => {
    expectKept(image, image.inode(), (v) => v.setUint8(INODE_CORE_BYTES + 5, 131), 'DIR_PARENT');
  });
  test('and the core at once', () => {
    const change: Edit = (v) => {
      v.setUint8(INODE_CORE_BYTES + 5, 131);
      v.setUint16(DINODE.offset.dmstate, 3);
    };
    expectKept(image, image.inode(), change, 'DIR_PARENT');
  });
});

test('nothing is indexed where entries are in doubt', () => {
  const image = imageOf('leaf');
  const { device } = image;
  const both: Edit = (v) => v.setUint8(entryByte(v, 'name-2xxxx') + 8, 3);
  withEdit(device, image.block(0), both, () => {
    withEdit(
      device,
      image.block(LEAF, 12),
      (v) => v.setUint32(64, 1),
      () => {
        expectLeft(device, 'DIR_HASH', /do not lead on/);
      },
    );
  });
  expect(freeByte(new DataView(device.bytes.buffer, image.block(0).offset, 4096))).toBeGreaterThan(0);
});
