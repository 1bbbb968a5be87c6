/**
 * `iunlink` (of later versions): makes inodes that have no name and puts them on the unlinked lists, as a file is that
 * is deleted while it is open. Each is a transaction of its own; what was made before a failure stays.
 */
import { XfskitError } from '../../format/errors.ts';
import { S_IFREG } from '../../format/inode.ts';
import { type FileSystem, openFileSystem } from '../../fs/filesystem.ts';
import { createInode, inodeReserve } from '../../fs/inode/create.ts';
import { insertUnlinked } from '../../fs/inode/unlinked.ts';
import { NoSpaceError } from '../../fs/nospace.ts';
import { type Transaction, transact } from '../../fs/transaction.ts';
import { DbError } from '../error.ts';
import { leadingInt, parseOptions } from '../options.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import type { Json } from '../value.ts';

const PRIVATE = 0o600;

function countOf(args: readonly string[]): number {
  const bad = () => new DbError('Bad option for iunlink command.');
  let count = 1;
  for (const [, value] of parseOptions(args, 'n:', bad).options) {
    count = leadingInt(value!);
    if (count <= 0) throw new DbError('iunlink: need positive number');
  }
  return count;
}

function createUnlinked(tr: Transaction): number {
  const inode = createInode(tr, { mode: S_IFREG | PRIVATE, nlink: 0 });
  insertUnlinked(inode);
  return inode.ino;
}

/** One inode; a text when there is none to be had, and why. */
function tryOne(fs: FileSystem): number | string {
  try {
    return transact(fs, (tr) => {
      if (Number(tr.sb.fdblocks) < inodeReserve(fs.geometry))
        throw new DbError('alloc trans: No space left on device');
      return createUnlinked(tr);
    });
  } catch (error) {
    if (error instanceof NoSpaceError) return 'alloc inode: No space left on device';
    if (error instanceof XfskitError)
      return error instanceof DbError ? error.message : `alloc inode: ${error.message}`;
    throw error;
  }
}

function run({ cursor, writable, program }: Session, args: readonly string[]): Output {
  const count = countOf(args);
  if (!writable) throw new DbError(`${program} started in read only mode, writing disabled`);
  const { filesystem } = cursor;
  let text = '';
  const json: Json[] = [];
  let failed = false;
  const fs = openFileSystem(filesystem.device, { freeListRule: 'double' });
  for (let i = 0; i < count && !failed; i++) {
    const made = tryOne(fs);
    if (typeof made === 'string') {
      text += `${made}\n`;
      failed = true;
      continue;
    }
    const agno = filesystem.geometry.inoAgno(made);
    text += `Created unlinked inode ${made} in agno ${agno}\n`;
    json.push({ ino: made, agno });
  }
  return { text, json, ...(failed ? { failed } : {}) };
}

export const IUNLINK_COMMANDS: readonly CommandRow[] = [
  {
    name: 'iunlink',
    args: '[-n nr]',
    least: 0,
    most: Number.POSITIVE_INFINITY,
    expert: true,
    summary: 'allocate inodes and put them on the unlinked list',
    help: ['-n NR: so many; one, if not said. They are regular files, empty, of root.'],
    run,
  },
];
