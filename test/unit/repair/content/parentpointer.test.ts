/** Parent pointers and directory entries, held against each other: each side changed, that finding expected. */
import { describe, expect, test } from '@jest/globals';
import { sealCrc } from '../../../../src/format/checksum.ts';
import { hashName, hashParentPointer } from '../../../../src/format/dahash.ts';
import { DINODE, FORK, INODE_CORE_BYTES, INODE_CRC_OFFSET } from '../../../../src/format/inode.ts';
import { checkImage } from '../../../../src/repair/check.ts';
import { ParentRecords } from '../../../../src/repair/content/parentrecords.ts';
import { withEdit } from '../../../support/edit.ts';
import { smallImage } from '../../../support/smallimage.ts';

const FORKOFF = 12;
const { device, geometry, files } = smallImage(['n.parent=1']);
const FORK_BYTE = INODE_CORE_BYTES + 8 * FORKOFF;
const inodeAt = (ino: number) => ({
  offset: geometry.inoByte(ino),
  length: geometry.inodesize,
  crcOffset: INODE_CRC_OFFSET,
});

interface Pointer {
  readonly name: string;
  readonly parent?: number;
  readonly gen?: number;
}

const rootGen = (() => {
  const at = geometry.inoByte(geometry.rootino) + DINODE.offset.gen;
  return new DataView(device.bytes.buffer, device.bytes.byteOffset).getUint32(at);
})();

/** Writes shortform PARENT attributes into an inode's bytes. */
function writePointers(view: DataView, bytes: Uint8Array, pointers: readonly Pointer[]): void {
  view.setUint8(DINODE.offset.forkoff, FORKOFF);
  view.setUint8(DINODE.offset.aformat, FORK.LOCAL);
  let at = FORK_BYTE + 4;
  for (const { name, parent = geometry.rootino, gen = rootGen } of pointers) {
    bytes[at] = name.length;
    bytes[at + 1] = 12;
    bytes[at + 2] = 8;
    for (let i = 0; i < name.length; i++) bytes[at + 3 + i] = name.charCodeAt(i);
    view.setBigUint64(at + 3 + name.length, BigInt(parent));
    view.setUint32(at + 11 + name.length, gen);
    at += 15 + name.length;
  }
  view.setUint16(FORK_BYTE, at - FORK_BYTE);
  view.setUint8(FORK_BYTE + 2, pointers.length);
}

for (const { name, ino } of files) {
  const { offset, length } = inodeAt(ino);
  const bytes = device.bytes.subarray(offset, offset + length);
  writePointers(new DataView(bytes.buffer, bytes.byteOffset, length), bytes, [{ name }]);
  sealCrc(bytes, INODE_CRC_OFFSET);
}

function look() {
  return checkImage(device).findings.filter(({ severity }) => severity !== 'note');
}

const { ino: child, name } = files[0]!;
/** What is found while a file has these pointers. */
function withPointers(pointers: readonly Pointer[]) {
  return withEdit(device, inodeAt(child), (v, b) => writePointers(v, b, pointers), look);
}

test('entries and pointers that agree are no finding', () => expect(look()).toEqual([]));

describe('a pointer', () => {
  test.each<[string, readonly Pointer[], string]>([
    ['that is missing', [], 'PARENT_MISSING'],
    ['with no entry', [{ name }, { name: 'more' }], 'PARENT_SURPLUS'],
    ['with no directory', [{ name }, { name, parent: geometry.rootino + 40 }], 'PARENT_SURPLUS'],
    ['with no inode at all', [{ name }, { name, parent: 2 ** 40 }], 'PARENT_SURPLUS'],
    ['with another name', [{ name: 'other' }], 'PARENT_WRONG'],
    ['to a file', [{ name, parent: files[1]!.ino }], 'PARENT_WRONG'],
    ['of another generation', [{ name, gen: rootGen + 1 }], 'PARENT_WRONG'],
  ])('%s', (_what, pointers, code) => {
    expect(withPointers(pointers)).toMatchObject([{ code, where: { ino: child, field: 'parent' } }]);
  });

  test('twice the same is a duplicate', () => {
    expect(withPointers([{ name }, { name }]).map(({ code }) => code)).toContain('ATTR_DUPLICATE');
  });

  test.each<[string, (v: DataView) => void, string]>([
    ['a value of another length', (v) => v.setUint8(FORK_BYTE + 5, 11), 'ATTR_SHORT'],
    ['a slash in its name', (v) => v.setUint8(FORK_BYTE + 7, 0x2f), 'ATTR_ENTRY'],
    ['not marked as such', (v) => v.setUint8(FORK_BYTE + 6, 0), 'PARENT_MISSING'],
  ])('with %s', (_what, change, code) => {
    expect(withEdit(device, inodeAt(child), change, look).map((f) => f.code)).toContain(code);
  });
});

describe('an entry', () => {
  const entry = INODE_CORE_BYTES + 6;
  test('with another name', () => {
    const found = withEdit(device, inodeAt(geometry.rootino), (v) => v.setUint8(entry + 3, 0x7a), look);
    expect(found).toMatchObject([{ code: 'PARENT_WRONG', where: { ino: child } }]);
  });

  test('in a directory that cannot be read proves nothing', () => {
    const found = withEdit(device, inodeAt(geometry.rootino), (v) => v.setUint8(entry, 250), look);
    expect(found.map(({ code }) => code).filter((code) => code.startsWith('PARENT'))).toEqual([]);
  });

  test('whose inode has forks of no shape needs no pointer', () => {
    const change = (v: DataView) => v.setUint8(DINODE.offset.aformat, 7);
    const found = withEdit(device, inodeAt(child), change, look);
    expect(found.map(({ code }) => code).filter((code) => code.startsWith('PARENT'))).toEqual([]);
  });

  test('whose inode cannot be read needs no pointer', () => {
    const found = withEdit(device, inodeAt(child), (v) => v.setUint16(0, 0), look);
    expect(found.map(({ code }) => code).filter((code) => code.startsWith('PARENT'))).toEqual([]);
  });
});

test('records grow, and keep numbers beyond 32 bits', () => {
  const records = new ParentRecords();
  const bytes = new TextEncoder().encode('some name');
  for (let i = 0; i < 1000; i++) records.attribute(i, 2 ** 40 + i, i, bytes, 5, 4);
  expect(records.attributes.length).toBe(1000);
  expect(records.attributes.parent(999)).toBe(2 ** 40 + 999);
  expect(records.attributes.gen[999]).toBe(999);
  expect(records.attributes.hash[0]).toBe(hashName(new TextEncoder().encode('name')));
  expect(hashParentPointer(bytes, 2 ** 40 + 1)).toBe((hashName(bytes) ^ 0x100 ^ 1) >>> 0);
});
