/**
 * Changes of attributes that an intent in the log announces, at whatever point they were cut off: an entry may be there
 * whole, or marked incomplete, or not at all. What is incomplete is taken away first. Times of the inode were logged
 * with the intent.
 */
import { FORK } from '../../format/inode.ts';
import type { Inode } from '../inode/inode.ts';
import { putEntry } from './attr.ts';
import { ATTR_CHANGE, isShort, removeStep } from './change.ts';
import type { AttrEntry } from './entry.ts';
import { AttrOperation } from './operation.ts';
import { findShort } from './short.ts';

/** Removes all that bears the entry's name. */
export function removeLogged(inode: Inode, entry: AttrEntry): void {
  dropEntries(inode, entry, false);
  dropEntries(inode, entry, true);
}

function dropEntries(inode: Inode, entry: AttrEntry, incomplete: boolean): void {
  while (isThere(inode, entry, incomplete)) {
    const op = new AttrOperation(inode, entry, removeStep(inode));
    op.incomplete = incomplete;
    inode.tr.defer(ATTR_CHANGE, op);
    inode.tr.finish();
  }
}

/** Adds the entry, in place of what bears its name. */
export function setLogged(inode: Inode, entry: AttrEntry): void {
  dropEntries(inode, entry, true);
  putEntry(inode, entry, isThere(inode, entry, false), true);
}

function isThere(inode: Inode, entry: AttrEntry, incomplete: boolean): boolean {
  const { forkoff, aformat } = inode.core;
  if (forkoff === 0) return false;
  if (isShort(inode)) {
    return !incomplete && aformat === FORK.LOCAL && findShort(inode, entry) !== undefined;
  }
  const op = new AttrOperation(inode, entry, '');
  op.incomplete = incomplete;
  return op.walk().lookup();
}
