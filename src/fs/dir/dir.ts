/**
 * Names in directories: look one up, put one in, take one out, in whatever form the directory is; and link and unlink,
 * which keep the link counts as well. Functions that take a filesystem are transactions of their own.
 */
import { UsageError, XfskitError } from '../../format/errors.ts';
import { FORK, S_IFDIR, S_IFMT } from '../../format/inode.ts';
import type { FileSystem } from '../filesystem.ts';
import { type Inode, readInode } from '../inode/inode.ts';
import { insertUnlinked } from '../inode/unlinked.ts';
import { transact } from '../transaction.ts';
import { BlockDirectory, leaveInode } from './block.ts';
import { Directory, sameName } from './context.ts';
import type { DirEntry } from './data.ts';
import { growLeaf, LeafDirectory } from './leaf.ts';
import { growNode, NodeDirectory } from './node.ts';
import { addShort, readShort, removeShort } from './short.ts';

const LONGEST_NAME = 255;
const MOST_LINKS = 2 ** 31 - 1;
/** File types of directory entries, by the type bits of mode. */
const TYPES = [0, 5, 3, 0, 2, 0, 4, 0, 1, 0, 7, 0, 6];

/** A name exists or does not, against what was asked. */
export class DirError extends XfskitError {
  constructor(code: 'EXISTS' | 'NOENT' | 'NOTDIR' | 'LINKS', message: string) {
    super(code, message);
  }
}

type Form = 'short' | 'block' | 'leaf' | 'node';

function formOf(directory: Directory): Form {
  const { data } = directory.inode;
  if (data.format === FORK.LOCAL) return 'short';
  const end = directory.lastOffset;
  if (end === directory.fork.blocks) return 'block';
  return end === directory.leafStart + directory.fork.blocks ? 'leaf' : 'node';
}

function open(inode: Inode): Directory {
  if (inode.type !== S_IFDIR) throw new DirError('NOTDIR', `inode ${inode.ino} is no directory`);
  return new Directory(inode);
}

function nameBytes(name: string | Uint8Array): Uint8Array {
  const bytes = typeof name === 'string' ? new TextEncoder().encode(name) : name;
  if (bytes.length === 0 || bytes.length > LONGEST_NAME || bytes.includes(0x2f) || bytes.includes(0)) {
    throw new UsageError(`no name of a file: ${JSON.stringify(new TextDecoder().decode(bytes))}`);
  }
  return bytes;
}

/** Inode of a name in a directory; undefined when it is not there. */
export function lookupName(inode: Inode, name: string | Uint8Array): number | undefined {
  const directory = open(inode);
  const bytes = nameBytes(name);
  switch (formOf(directory)) {
    case 'short':
      return readShort(directory).entries.find((entry) => sameName(entry.name, bytes))?.ino;
    case 'block': {
      const block = BlockDirectory.read(directory);
      const index = block.find(bytes);
      return index < 0 ? undefined : block.data.entry(block.table.address(index) * 8).ino;
    }
    case 'leaf': {
      const found = LeafDirectory.read(directory).find(bytes);
      return found?.data.entry(found.at).ino;
    }
    case 'node':
      return new NodeDirectory(directory).lookup(bytes);
  }
}

/**
 * Puts a name into a directory. It must not be there. Link counts do not change; times of the directory do unless
 * `keepTimes`, as xfs_db's own link and unlink keep them.
 */
export function addName(
  inode: Inode,
  name: string | Uint8Array,
  ino: number,
  type: number,
  keepTimes = false,
): void {
  const directory = open(inode);
  const entry: DirEntry = { ino, name: nameBytes(name), type };
  if (lookupName(inode, entry.name) !== undefined) {
    throw new DirError('EXISTS', `directory ${inode.ino} has that name already`);
  }
  if (!keepTimes) inode.touch(true);
  const form = formOf(directory);
  if (form === 'node') {
    new NodeDirectory(directory).add(entry);
    return;
  }
  if (form === 'short' && addShort(directory, entry)) return;
  if (form !== 'leaf') {
    const block = form === 'short' ? leaveInode(directory) : BlockDirectory.read(directory);
    if (block.add(entry)) return;
    addToLeaf(growLeaf(block), entry);
    return;
  }
  addToLeaf(LeafDirectory.read(directory), entry);
}

function addToLeaf(leaf: LeafDirectory, entry: DirEntry): void {
  if (!leaf.add(entry)) growNode(leaf).add(entry);
}

/** Takes a name out of a directory; as `addName` for link counts and times. */
export function removeName(inode: Inode, name: string | Uint8Array, keepTimes = false): void {
  const directory = open(inode);
  const bytes = nameBytes(name);
  const missing = (): never => {
    throw new DirError('NOENT', `directory ${inode.ino} has no such name`);
  };
  if (lookupName(inode, bytes) === undefined) missing();
  if (!keepTimes) inode.touch(true);
  switch (formOf(directory)) {
    case 'short':
      removeShort(directory, bytes);
      return;
    case 'block': {
      const block = BlockDirectory.read(directory);
      block.remove(block.find(bytes));
      return;
    }
    case 'leaf': {
      const leaf = LeafDirectory.read(directory);
      const found = leaf.find(bytes)!;
      leaf.remove(found.index, found.data, found.block, found.at);
      return;
    }
    case 'node':
      new NodeDirectory(directory).remove(bytes);
  }
}

/** File type that a directory entry for this inode has. */
export function fileType(inode: Inode): number {
  return TYPES[(inode.core.mode & S_IFMT) >>> 12] ?? 0;
}

/** Gives an inode one more name. Not for directories. `keepTimes`: those of the directory stay, as with xfs_db. */
export function link(
  fs: FileSystem,
  parent: number,
  name: string | Uint8Array,
  ino: number,
  keepTimes = false,
): void {
  transact(fs, (tr) => {
    const child = readInode(tr, ino);
    if (child.type === S_IFDIR) throw new DirError('LINKS', `inode ${ino} is a directory`);
    if (child.core.nlink >= MOST_LINKS) throw new DirError('LINKS', `inode ${ino} has too many links`);
    addName(readInode(tr, parent), name, ino, fileType(child), keepTimes);
    child.touch();
    child.core.nlink++;
  });
}

/**
 * Takes a name away from an inode, whose number is returned; as `link` for directories and times. `listed`: with its
 * last name gone it is put on the unlinked list of its AG.
 */
export function unlink(
  fs: FileSystem,
  parent: number,
  name: string | Uint8Array,
  keepTimes = false,
  listed = false,
): number {
  return transact(fs, (tr) => {
    const directory = readInode(tr, parent);
    const ino = lookupName(directory, name);
    if (ino === undefined) throw new DirError('NOENT', `directory ${parent} has no such name`);
    const child = readInode(tr, ino);
    if (child.type === S_IFDIR) throw new DirError('LINKS', `inode ${ino} is a directory`);
    // It counts as changed even where only a block of it is.
    directory.changed();
    removeName(directory, name, keepTimes);
    child.touch();
    if (child.core.nlink > 0) {
      child.core.nlink--;
      if (listed && child.core.nlink === 0) insertUnlinked(child);
    }
    return ino;
  });
}
