/**
 * `link`, `unlink`: names in the current directory, given and taken in whole transactions; `parent`: what the parent
 * pointers of the current inode say. Bytes are those of xfs_db 6.12, the first that has them: it leaves the times of
 * the directory alone, and keeps AGFLs as long as kernels since 6.9 do.
 */

import { XfskitError } from '../../format/errors.ts';
import { S_IFDIR, S_IFMT } from '../../format/inode.ts';
import { link, unlink } from '../../fs/dir/dir.ts';
import { type FileSystem, openFileSystem } from '../../fs/filesystem.ts';
import { walkAttrs } from '../../fs/read/attr.ts';
import { readInode } from '../../fs/read/inode.ts';
import { lookupPath } from '../../fs/read/path.ts';
import { DbError } from '../error.ts';
import { parseOptions } from '../options.ts';
import { parseNumber } from '../path.ts';
import type { CommandRow, Output, Session } from '../session.ts';

/** Inode and generation of the parent, in the value of a parent pointer. */
const POINTER_BYTES = 12;

function currentDirectory({ cursor, writable, program }: Session): number {
  const { type, ino, mode } = cursor.top;
  if (!type) throw new DbError('no current type');
  if (type.name !== 'inode') throw new DbError('current type is not inode');
  if ((mode & S_IFMT) !== S_IFDIR) throw new DbError('Not a directory');
  if (!writable) throw new DbError(`${program} started in read only mode, writing disabled`);
  return ino;
}

/** Runs a change; the line that says why it cannot be made names the entry. */
function change<T>(session: Session, name: string, use: (fs: FileSystem) => T): T {
  const { filesystem } = session.cursor;
  if (filesystem.geometry.features.parent) {
    throw new DbError(`${name}: parent pointers are not written`);
  }
  try {
    return use(openFileSystem(filesystem.device, { freeListRule: 'double' }));
  } catch (error) {
    throw error instanceof XfskitError ? new DbError(`${name}: ${error.message}`) : error;
  }
}

function runLink(session: Session, args: readonly string[]): Output {
  const directory = currentDirectory(session);
  const { options, rest } = parseOptions(args, 'i:p:', () => new DbError('bad option for link command'));
  const [name] = rest;
  const target = options.at(-1);
  if (name === undefined || rest.length !== 1 || !target) throw new DbError('link wants -i or -p and a name');
  const [letter, text = ''] = target;
  const ino = letter === 'i' ? Number(parseNumber(text) ?? -1) : inodeOf(session, text);
  if (!(ino >= 0)) throw new DbError(`bad inode number ${text}`);
  change(session, name, (fs) => link(fs, directory, name, ino, true));
  session.cursor.moveInode(directory);
  return { text: '', json: { directory, name, ino } };
}

function inodeOf({ cursor }: Session, path: string): number {
  const found = lookupPath(cursor.filesystem, path);
  if ('missing' in found) throw new DbError(found.missing);
  return found.inode.ino;
}

function runUnlink(session: Session, args: readonly string[]): Output {
  const directory = currentDirectory(session);
  const [name] = args;
  const ino = change(session, name!, (fs) => unlink(fs, directory, name!, true, true));
  session.cursor.moveInode(directory);
  return { text: '', json: { directory, name: name!, ino } };
}

interface Pointer {
  readonly ino: number;
  readonly generation: number;
  readonly name: string;
}

function pointersOf({ cursor }: Session, ino: number): Pointer[] {
  const inode = readInode(cursor.filesystem, ino);
  if (!inode) throw new DbError(`inode ${ino} cannot be read`);
  const found: Pointer[] = [];
  for (const attribute of walkAttrs(cursor.filesystem, inode)) {
    const value = attribute.namespace === 'parent' ? attribute.value() : undefined;
    if (value?.length !== POINTER_BYTES) continue;
    const view = new DataView(value.buffer, value.byteOffset, POINTER_BYTES);
    found.push({
      ino: Number(view.getBigUint64(0)),
      generation: view.getUint32(8),
      name: Buffer.from(attribute.name).toString('latin1'),
    });
  }
  return found;
}

function runParent(session: Session, paths: readonly string[]): Output {
  const { top } = session.cursor;
  if (paths.length === 0 && top.type?.name !== 'inode') throw new DbError('current type is not inode');
  const inodes = paths.length === 0 ? [top.ino] : paths.map((path) => inodeOf(session, path));
  const found = inodes.flatMap((ino) => pointersOf(session, ino));
  const lines = found.map(({ ino, generation, name }) => {
    const stamp = `0x${generation.toString(16).padStart(8, '0')}`;
    return `${String(ino).padStart(18)}:${stamp} ${String(name.length).padStart(3)} ${name}\n`;
  });
  return { text: lines.join(''), bytes: true, json: found.map((pointer) => ({ ...pointer })) };
}

export const LINK_COMMANDS: readonly CommandRow[] = [
  {
    name: 'link',
    args: '[-i ino] [-p path] name',
    least: 1,
    most: 5,
    expert: true,
    summary: 'give an inode one more name, in the current directory',
    help: ['Its link count grows. Directories are not linked.'],
    run: runLink,
  },
  {
    name: 'unlink',
    args: 'name',
    least: 1,
    most: 1,
    expert: true,
    summary: 'take a name away from the current directory',
    help: [
      'The link count of the inode falls; at 0 it goes on the unlinked list of its AG, and is not freed.',
    ],
    run: runUnlink,
  },
  {
    name: 'parent',
    args: '[path]...',
    least: 0,
    most: Number.POSITIVE_INFINITY,
    summary: 'list the parent pointers of the current inode, or of paths',
    run: runParent,
  },
];
