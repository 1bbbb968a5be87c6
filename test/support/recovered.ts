/** What the tests of recovery have in common: changes to be logged, and what an image must be afterwards. */
import { expect } from '@jest/globals';
import type { Device } from '../../src/device/device.ts';
import { S_IFREG } from '../../src/format/inode.ts';
import { addName, fileType, lookupName, removeName } from '../../src/fs/dir/dir.ts';
import { createInode } from '../../src/fs/inode/create.ts';
import { readInode } from '../../src/fs/inode/inode.ts';
import { insertUnlinked } from '../../src/fs/inode/unlinked.ts';
import { findLogHead } from '../../src/fs/log/head.ts';
import { applyRecovery } from '../../src/fs/log/recover/recover.ts';
import type { Transaction } from '../../src/fs/transaction.ts';
import { checkImage } from '../../src/repair/check.ts';
import { planFor } from './logwriter.ts';
import { memoryTree } from './memorytree.ts';

export function problemsOf(device: Device): string[] {
  const { findings } = checkImage(device);
  return findings
    .filter(({ severity }) => severity !== 'note')
    .map(({ code, message }) => `${code} ${message}`);
}

/** Recovers the image for good and expects it clean. */
export function recover(device: Device): void {
  applyRecovery(planFor(device), device, device);
  expectClean(device);
}

export function expectClean(device: Device): void {
  expect(findLogHead(device, checkImage(device).observation.geometry).state).toBe('clean');
  expect(problemsOf(device)).toEqual([]);
}

export function expectRecovered(device: Device, tree: readonly string[]): void {
  recover(device);
  expect(memoryTree(device)).toEqual(tree);
}

export function linkIn(tr: Transaction, dir: number, name: string, ino: number): void {
  const inode = readInode(tr, ino);
  addName(readInode(tr, dir), name, ino, fileType(inode));
  inode.touch();
  inode.core.nlink++;
}

/** Makes an empty file; its number. */
export function createIn(tr: Transaction, dir: number, name: string): number {
  const inode = createInode(tr, { mode: S_IFREG | 0o640, nlink: 1, parent: dir });
  addName(readInode(tr, dir), name, inode.ino, fileType(inode));
  return inode.ino;
}

/** Takes a name away; with its last name the inode is left on the unlinked list. */
export function unlinkIn(tr: Transaction, dir: number, name: string): void {
  const directory = readInode(tr, dir);
  const child = readInode(tr, lookupName(directory, name)!);
  directory.changed();
  removeName(directory, name);
  child.touch();
  child.core.nlink--;
  if (child.core.nlink === 0) insertUnlinked(child);
}
