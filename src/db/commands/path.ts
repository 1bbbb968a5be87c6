/** `ls` and `path`: directories by name. Errors are the system's texts for what the reference runs into. */
import { crcIsGood } from '../../format/checksum.ts';
import { DADDR_BYTES } from '../../format/geometry.ts';
import { DINODE, FORK, INODE_CRC_OFFSET, INODE_MAGIC, S_IFDIR, S_IFMT } from '../../format/inode.ts';
import { viewOf } from '../../format/struct.ts';
import { readInode } from '../../fs/read/inode.ts';
import type { Cursor } from '../cursor.ts';
import { DbError } from '../error.ts';
import { CORRUPT, isIno } from '../gate.ts';
import { IO_ERROR, isNameGood, isShortSound, listDirectory, lookupEntry } from '../listing.ts';
import { parseOptions } from '../options.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import type { Json } from '../value.ts';

const NOT_DIRECTORY = 'Not a directory';
const MISSING = 'No such file or directory';
const FTYPES = [
  'unknown',
  'regular',
  'directory',
  'chardev',
  'blkdev',
  'fifo',
  'socket',
  'symlink',
  'whiteout',
];

const isDirectory = (mode: number) => (mode & S_IFMT) === S_IFDIR;

/** What the kinds of files are in the four upper bits of a mode; 0 is a free inode. */
const MODE_KINDS = new Set([0, 1, 2, 4, 6, 8, 10, 12]);
const KIND_DIRECTORY = 4;
const KIND_SYMLINK = 10;

/** Whether an inode's own fields can be: whose it is, kind, size, and where its attribute fork begins. */
function isCoreSound(view: DataView, ino: number): boolean {
  const { offset } = DINODE;
  const kind = view.getUint16(offset.mode) >>> 12;
  const size = view.getBigInt64(offset.size);
  if (view.getBigUint64(offset.ino) !== BigInt(ino) || size < 0n || !MODE_KINDS.has(kind)) return false;
  if (size === 0n && (kind === KIND_DIRECTORY || kind === KIND_SYMLINK)) return false;
  return view.getUint8(offset.forkoff) * 8 < view.byteLength - DINODE.size;
}

/** An inode that can be worked with, or why it cannot. */
function takeInode(cursor: Cursor, ino: number): { bytes?: Uint8Array; error: string } {
  const { filesystem } = cursor;
  const { daddr, bbs } = cursor.inodeBuffer(ino);
  if ((daddr + bbs) * DADDR_BYTES > filesystem.device.size) return { error: IO_ERROR };
  const inode = readInode(filesystem, ino);
  const corrupt = (what: string) => {
    const hex = ino.toString(16);
    cursor.complaints.push(`Metadata corruption detected at 0x0, inode 0x${hex} ${what}`);
    return { error: CORRUPT };
  };
  const isGood = inode && viewOf(inode.bytes).getUint16(0) === INODE_MAGIC;
  if (!isGood || !crcIsGood(inode.bytes, INODE_CRC_OFFSET) || !isCoreSound(inode.view, ino))
    return corrupt('dinode');
  const isShort = isDirectory(inode.view.getUint16(2)) && inode.bytes[DINODE.offset.format] === FORK.LOCAL;
  if (isShort && !isShortSound(filesystem, ino, inode.bytes)) return corrupt('data fork');
  return { bytes: inode.bytes, error: '' };
}

/** Where a walk starts: the root, or the current inode if that is a directory. */
function startOf({ top, filesystem }: Cursor, path: string): number | undefined {
  if (path.startsWith('/')) return filesystem.superblock.rootino;
  return top.type?.name === 'inode' && isDirectory(top.mode) ? top.ino : undefined;
}

/** Goes to what a path leads to; returns the text of an error, after which the cursor may have moved all the same. */
function walk(cursor: Cursor, path: string): string | undefined {
  const { filesystem } = cursor;
  let ino = startOf(cursor, path);
  if (ino === undefined) return NOT_DIRECTORY;
  let { bytes, error } = takeInode(cursor, ino);
  if (!bytes) return error;
  for (const part of path.split('/')) {
    if (part === '') continue;
    if (!bytes) return error;
    if (!isDirectory(viewOf(bytes).getUint16(2))) return NOT_DIRECTORY;
    const found = lookupEntry(filesystem, ino, bytes, Buffer.from(part));
    if (found.ino === undefined) return found.error ?? MISSING;
    ino = found.ino;
    if (!isIno(filesystem.geometry, ino)) return CORRUPT;
    ({ bytes, error } = takeInode(cursor, ino));
    if (error === IO_ERROR) return error;
  }
  cursor.tryInode(ino);
  return bytes ? undefined : error;
}

const path: CommandRow = {
  name: 'path',
  args: '',
  least: 1,
  most: 1,
  summary: 'go to the inode that a path names',
  help: ['/a/b from the root directory, a/b from the current one. Symlinks are not followed.'],
  run: (session, args) => {
    const { cursor } = session;
    const given = usage(path, args, '');
    if ('text' in given) return given;
    const text = given.rest[0] ?? '';
    const error = walk(cursor, text);
    if (error !== undefined) return failure(`${text}: ${error}\n`);
    return { text: '', json: { ino: cursor.top.ino } };
  },
};

function failure(text: string): Output {
  return { text, exitCode: 1, failed: true, json: { error: text.trimEnd() } };
}

/** The words of a line, or the command's help where an option is none of its own. */
function usage(row: CommandRow, args: readonly string[], letters: string) {
  try {
    return parseOptions(args, letters, () => new DbError(''));
  } catch (error) {
    if (!(error instanceof DbError)) throw error;
    const help = `\n${(row.help ?? []).map((line) => ` ${line}\n`).join('')}`;
    return { text: help, stderr: `${row.name}: ${error.option}\n`, failed: true } satisfies Output;
  }
}

interface Listed {
  /** A character a byte. */
  readonly text: string;
  readonly rows: readonly Json[];
  readonly error?: string;
}

/** Lists the current directory. */
function listCurrent(cursor: Cursor, tag: string | undefined): Listed {
  const { top, filesystem } = cursor;
  const nothing = (error: string): Listed => ({ text: '', rows: [], error });
  if (top.type?.name !== 'inode' || !isDirectory(top.mode)) return nothing(NOT_DIRECTORY);
  const { bytes, error: why } = takeInode(cursor, top.ino);
  if (!bytes) return nothing(why);
  if (!isDirectory(viewOf(bytes).getUint16(2))) return nothing(NOT_DIRECTORY);
  const { entries, error } = listDirectory(filesystem, top.ino, bytes);
  let text = tag === undefined ? '' : `${Buffer.from(tag).toString('latin1')}:\n`;
  const rows: Json[] = [];
  for (const { cookie, ino, ftype, hash, name } of entries) {
    const latin = Buffer.from(name).toString('latin1');
    const type = FTYPES[ftype] ?? FTYPES[0]!;
    const isGood = isNameGood(name);
    const head = `${String(cookie).padEnd(10)} ${String(ino).padEnd(18)} ${type.padEnd(14)}`;
    const shown = latin.split('\0')[0]!;
    const hex = hash.toString(16).padStart(8, '0');
    text += `${head} 0x${hex} ${String(name.length).padStart(3)} ${shown} ${isGood ? '(good)' : '(corrupt)'}\n`;
    rows.push({ ...(tag === undefined ? {} : { path: tag }), cookie, ino, type, hash, name: nameJson(name) });
  }
  return { text, rows, ...(error === undefined ? {} : { error }) };
}

function nameJson(name: Uint8Array): string {
  const text = Buffer.from(name).toString('utf8');
  return text.includes('\ufffd') ? Buffer.from(name).toString('latin1') : text;
}

function listOne(cursor: Cursor, onlyNumber: boolean, tag: string | undefined): Listed {
  if (!onlyNumber) return listCurrent(cursor, tag);
  const { type, ino } = cursor.top;
  if (type?.name !== 'inode') return { text: '', rows: [], error: MISSING };
  return { text: `${ino}\n`, rows: [{ ...(tag === undefined ? {} : { path: tag }), ino }] };
}

function outputOf(text: string, rows: readonly Json[], error: string | undefined): Output {
  const list = error === undefined ? rows : [...rows, { error }];
  return {
    text: error === undefined ? text : `${text}${Buffer.from(error).toString('latin1')}\n`,
    bytes: true,
    rows: () => list,
    ...(error === undefined ? {} : { exitCode: 1, failed: true }),
  };
}

const ls: CommandRow = {
  name: 'ls',
  alias: 'l',
  args: '[-i] [paths...]',
  least: 0,
  most: Number.POSITIVE_INFINITY,
  summary: 'list the current directory, or those named',
  help: [
    '-i  only inode numbers: of the current inode, or of what the paths name',
    'Columns: cookie, inode, type, name hash, length of the name, name, whether such a name may be.',
    'Paths start with "/".',
  ],
  run: ({ cursor }: Session, args) => {
    const given = usage(ls, args, 'i');
    if ('text' in given) return given;
    const onlyNumber = given.options.length > 0;
    if (given.rest.length === 0) {
      const { text, rows, error } = listOne(cursor, onlyNumber, undefined);
      return outputOf(text, rows, error);
    }
    let text = '';
    const rows: Json[] = [];
    for (const word of given.rest) {
      cursor.pushEmpty();
      const wrong = walk(cursor, word);
      const listed: Listed =
        wrong === undefined ? listOne(cursor, onlyNumber, word) : { text: '', rows: [], error: wrong };
      cursor.pop();
      text += listed.text;
      rows.push(...listed.rows);
      if (listed.error !== undefined) return outputOf(text, rows, `${word}: ${listed.error}`);
    }
    return outputOf(text, rows, undefined);
  },
};

export const PATH_COMMANDS: readonly CommandRow[] = [ls, path];
