/** The inode that a command is about: `ino N`, a number, a path from the root, or the current one. */
import { lookupPath } from '../../fs/read/path.ts';
import { type Cursor, NO_INO } from '../cursor.ts';
import { DbError } from '../error.ts';
import { parseNumber } from '../path.ts';

/** Throws DbError when there is no such inode. */
export function inoOf(cursor: Cursor, words: readonly string[]): number {
  const [first, second] = words;
  if (first === undefined) {
    if (cursor.top.ino === NO_INO) throw new DbError('no current inode');
    return cursor.top.ino;
  }
  const isNumbered = (first === 'ino' || first === 'inode') && second !== undefined;
  if (second !== undefined && !isNumbered) throw new DbError(`too many words: ${words.join(' ')}`);
  const value = parseNumber(isNumbered ? second : first);
  if (value !== undefined) return Number(value);
  if (isNumbered) throw new DbError(`bad value for inode number ${second}`);
  const found = lookupPath(cursor.filesystem, first.replace(/^"(.*)"$/, '$1'));
  if ('missing' in found) throw new DbError(found.missing);
  return found.inode.ino;
}
