/** Directories against a set of names: random linking and unlinking through all four forms and back. */
import { describe, expect, test } from '@jest/globals';
import { FORK } from '../../../../src/format/inode.ts';
import { DirError, link, lookupName, unlink } from '../../../../src/fs/dir/dir.ts';
import { openFileSystem } from '../../../../src/fs/filesystem.ts';
import { readInode } from '../../../../src/fs/inode/inode.ts';
import { transact } from '../../../../src/fs/transaction.ts';
import { checkImage } from '../../../../src/repair/check.ts';
import { Random } from '../../../support/random.ts';
import { smallImage } from '../../../support/smallimage.ts';

describe.each([
  ['4 KiB blocks', 1100, []],
  ['1 KiB blocks, reverse mappings', 900, ['b.size=1024', 'm.rmapbt=1']],
  ['directory blocks of 8 blocks', 300, ['b.size=1024', 'n.size=8192', 'm.rmapbt=1']],
] as const)('%s', (_name, most, options) => {
  test('names that were put in are found, others are not', () => {
    const { device, files, geometry } = smallImage(options);
    const fs = openFileSystem(device);
    const random = new Random(most);
    const root = geometry.rootino;
    const { ino } = files[0]!;
    const names: string[] = [];
    const add = (): void => {
      const name = `${random.next()}${'x'.repeat(random.below(5) ? random.below(20) : random.below(200))}`;
      link(fs, root, name, ino);
      names.push(name);
    };
    const drop = (): void => {
      const [name] = names.splice(random.below(names.length), 1);
      expect(unlink(fs, root, name!)).toBe(ino);
    };
    const look = (): void =>
      transact(fs, (tr) => {
        const inode = readInode(tr, root);
        for (const name of names) expect(lookupName(inode, name)).toBe(ino);
        expect(lookupName(inode, 'nowhere')).toBeUndefined();
      });
    const clean = (): void =>
      expect(checkImage(device).findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
    while (names.length < most) random.below(5) === 0 && names.length > 0 ? drop() : add();
    look();
    clean();
    while (names.length > 0) random.below(6) === 0 ? add() : drop();
    clean();
    transact(fs, (tr) => {
      const inode = readInode(tr, root);
      expect(inode.core.format).toBe(FORK.LOCAL);
      expect(readInode(tr, ino).core.nlink).toBe(1);
      for (const { name, ino: number } of files) expect(lookupName(inode, name)).toBe(number);
    });
  });
});

test('a name twice, a name that is not there, a directory as target', () => {
  const { device, files, geometry } = smallImage();
  const fs = openFileSystem(device);
  const root = geometry.rootino;
  const before = device.bytes.slice();
  expect(() => link(fs, root, files[0]!.name, files[0]!.ino)).toThrow(DirError);
  expect(() => unlink(fs, root, 'nowhere')).toThrow(DirError);
  expect(() => link(fs, root, 'again', root)).toThrow(DirError);
  expect(() => link(fs, files[0]!.ino, 'x', files[0]!.ino)).toThrow(DirError);
  expect(() => link(fs, root, 'a/b', files[0]!.ino)).toThrow(/no name/);
  expect(Buffer.from(device.bytes).equals(before)).toBe(true);
});
