/** rdump of small images in memory, sound and hostile. */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../../../src/db/commands/table.ts';
import { isPlainName } from '../../../src/db/copy/folder.ts';
import { deviceNumbers } from '../../../src/db/copy/node.ts';
import { posixAcl } from '../../../src/db/copy/xattr.ts';
import { openFilesystem } from '../../../src/db/filesystem.ts';
import { type Result, Session } from '../../../src/db/session.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { sealCrc } from '../../../src/format/checksum.ts';
import { DINODE, FORK, INODE_CORE_BYTES, INODE_CRC_OFFSET } from '../../../src/format/inode.ts';
import { temporaryDirectory } from '../../support/oracle.ts';
import { smallImage } from '../../support/smallimage.ts';

const { device, geometry, files } = smallImage();
const DIRECTORY = 0o040755;
const SYMLINK = 0o120777;

interface Entry {
  readonly name: string;
  readonly ino: number;
}

/** A copy of the image in which the root directory, and what else `change` writes, is another. */
function imageWith(root: readonly Entry[], change: (image: Hostile) => void = () => undefined): MemoryDevice {
  const image = new MemoryDevice(device.bytes.slice(), 'hostile');
  const hostile = new Hostile(image);
  hostile.directory(geometry.rootino, root);
  change(hostile);
  return image;
}

class Hostile {
  private readonly image: MemoryDevice;
  constructor(image: MemoryDevice) {
    this.image = image;
  }

  private inode(ino: number, mode: number, content: Uint8Array): void {
    const at = geometry.inoByte(ino);
    const bytes = this.image.bytes.subarray(at, at + geometry.inodesize);
    const root = geometry.inoByte(geometry.rootino);
    if (ino !== geometry.rootino) {
      bytes.set(this.image.bytes.subarray(root, root + INODE_CORE_BYTES));
      DINODE.over(bytes).ino = ino;
    }
    const core = DINODE.over(bytes);
    core.mode = mode;
    core.format = FORK.LOCAL;
    core.size = BigInt(content.length);
    bytes.fill(0, INODE_CORE_BYTES);
    bytes.set(content, INODE_CORE_BYTES);
    sealCrc(bytes, INODE_CRC_OFFSET);
  }

  directory(ino: number, entries: readonly Entry[]): void {
    const parts = [Buffer.from([entries.length, 0, 0, 0, 0, geometry.rootino])];
    for (const { name, ino: child } of entries) {
      const text = Buffer.from(name, 'latin1');
      const number = Buffer.alloc(4);
      number.writeUInt32BE(child);
      parts.push(Buffer.from([text.length, 0, 0x60]), text, Buffer.from([0]), number);
    }
    this.inode(ino, DIRECTORY, Buffer.concat(parts));
  }

  symlink(ino: number, target: string): void {
    this.inode(ino, SYMLINK, Buffer.from(target));
  }
}

const folder = () => mkdtempSync(join(temporaryDirectory(), 'out-'));
function rdump(image: MemoryDevice, ...args: string[]): Result & { readonly failed: boolean } {
  const session = new Session(openFilesystem(image), COMMANDS);
  const result = session.run(['rdump', ...args].join(' '));
  return Object.assign(result, { failed: session.failed });
}
const FREE = 40;
const at = (n: number) => geometry.rootino + FREE + n;

test('files come out with content, size and mode; one that exists is not overwritten', () => {
  const out = folder();
  writeFileSync(join(out, 'shared'), 'mine');
  const result = rdump(device, out);
  expect(result.text).toContain('shared: open: EEXIST\n');
  expect(result.failed).toBe(true);
  expect(readFileSync(join(out, 'shared'), 'utf8')).toBe('mine');
  expect(readdirSync(out).sort()).toEqual(['alone', 'clone', 'shared']);
  const alone = readFileSync(join(out, 'alone'));
  expect(alone).toHaveLength(13 * geometry.blocksize);
  const from = geometry.agbnoByte(0, 700);
  expect(alone.subarray(0, 4096).equals(Buffer.from(device.bytes.subarray(from, from + 4096)))).toBe(true);
  expect(statSync(join(out, 'alone')).mode & 0o7777).toBe(0o644);
});

test('one path, several paths, a path that is not there', () => {
  const out = folder();
  expect(rdump(device, '/alone', '/clone', out).failed).toBe(false);
  expect(readdirSync(out).sort()).toEqual(['alone', 'clone']);
  expect(rdump(device, '/alone/x', out)).toMatchObject({ text: '/alone/x: Not a directory\n', failed: true });
  const some = rdump(device, '/none', 'shared', out);
  expect(some).toMatchObject({ text: '/none: No such file or directory\n', failed: true });
  expect(existsSync(join(out, 'shared'))).toBe(true);
  const strict = rdump(device, '-s', '/none', 'shared', folder());
  expect(strict).toMatchObject({ text: '/none: No such file or directory\n', failed: true });
  expect(rdump(device).error).toBe('Must supply destination directory.');
});

test('names that lead elsewhere are refused, the rest is copied', () => {
  const out = join(folder(), 'deep', 'er');
  mkdirSync(join(out, '..'));
  const names = ['..', '.', '/etc', '../x', 'a/b', 'a\0b', 'good'];
  const image = imageWith(names.map((name) => ({ name, ino: files[0]!.ino })));
  const result = rdump(image, out);
  expect(readdirSync(out)).toEqual(['good']);
  expect(readdirSync(join(out, '..'))).toEqual(['er']);
  expect(result.text.match(/is no name for a file/g)).toHaveLength(names.length - 1);
  expect(result.text).not.toContain('\0');
});

test('a symlink is no way out, neither of the image nor one that is there already', () => {
  const outside = folder();
  const out = folder();
  symlinkSync(outside, join(out, 'there'));
  const entries = [
    { name: 'way', ino: at(0) },
    { name: 'way', ino: at(1) },
    { name: 'there', ino: at(2) },
  ];
  const image = imageWith(entries, (hostile) => {
    hostile.symlink(at(0), outside);
    hostile.directory(at(1), [{ name: 'planted', ino: files[0]!.ino }]);
    hostile.directory(at(2), [{ name: 'planted', ino: files[0]!.ino }]);
  });
  const result = rdump(image, out);
  expect(readdirSync(outside)).toEqual([]);
  expect(readlinkSync(join(out, 'way'))).toBe(outside);
  expect(result.text).toMatch(/way: open: (ENOTDIR|ELOOP)\n.*there: open: (ENOTDIR|ELOOP)\n/s);
});

test('directories that hold themselves are entered once', () => {
  const out = folder();
  const image = imageWith(
    [
      { name: 'a', ino: at(0) },
      { name: 'root', ino: geometry.rootino },
    ],
    (hostile) => {
      hostile.directory(at(0), [
        { name: 'self', ino: at(0) },
        { name: 'file', ino: files[0]!.ino },
      ]);
    },
  );
  const result = rdump(image, out);
  expect(result.text.match(/is in two places/g)).toHaveLength(2);
  expect(readdirSync(join(out, 'a'))).toEqual(['file']);
  const strict = rdump(image, '-s', folder());
  expect(strict.error).toContain('is in two places');
});

test('inodes that are not there, sizes that cannot be', () => {
  const image = imageWith([
    { name: 'beyond', ino: 0x7fffffff },
    { name: 'free', ino: at(3) },
    { name: 'huge', ino: files[0]!.ino },
  ]);
  const start = geometry.inoByte(files[0]!.ino);
  const bytes = image.bytes.subarray(start, start + geometry.inodesize);
  DINODE.over(bytes).size = 2n ** 62n;
  sealCrc(bytes, INODE_CRC_OFFSET);
  const out = folder();
  const { text } = rdump(image, out);
  expect(text).toContain('beyond: inode 2147483647 cannot be read\n');
  expect(text).toContain(`free: inode ${at(3)} cannot be read\n`);
  expect(text).toContain('huge: its size is negative or too large to be copied\n');
  expect(readdirSync(out)).toEqual([]);
});

test('a file with several names is one file', () => {
  const ino = files[0]!.ino;
  const image = imageWith([
    { name: 'one', ino },
    { name: 'two', ino },
  ]);
  const start = geometry.inoByte(ino);
  const bytes = image.bytes.subarray(start, start + geometry.inodesize);
  DINODE.over(bytes).nlink = 2;
  sealCrc(bytes, INODE_CRC_OFFSET);
  const out = folder();
  rdump(image, out);
  expect(lstatSync(join(out, 'one')).ino).toBe(lstatSync(join(out, 'two')).ino);
});

test('plain names, device numbers, ACLs', () => {
  const plain = (name: string) => isPlainName(Buffer.from(name, 'latin1'));
  expect(['a', '...', ' ', '\xff', '.x', 'x'.repeat(255)].every(plain)).toBe(true);
  expect(['', '.', '..', '/', 'a/', '\0', 'x'.repeat(256)].some(plain)).toBe(false);
  expect(deviceNumbers(0x00200003)).toEqual(['8', '3']);
  const value = Buffer.alloc(4 + 12);
  value.writeUInt32BE(1, 0);
  value.writeUInt32BE(2, 4); // a named user
  value.writeUInt32BE(1000, 8);
  value.writeUInt16BE(7, 12);
  expect(Buffer.from(posixAcl(value)!).toString('hex')).toBe('0200000002000700e8030000');
  expect(posixAcl(value.subarray(0, 10))).toBeUndefined();
});
