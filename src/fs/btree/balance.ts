/**
 * Moving entries between neighbours: one entry to the left or right sibling, and splitting a full block in two. The
 * new block of a split takes the upper half; when the count is odd the half where the new entry goes gets less.
 */
import type { TreeBlock } from './block.ts';
import type { Cursor } from './cursor.ts';
import { blockKey, overlaps, updateKeys } from './key.ts';
import { isBlock } from './tree.ts';

/** Gives the last entry of the cursor's block to the right sibling; false: not possible. */
export function shiftRight(cursor: Cursor, level: number): boolean {
  if (cursor.isInodeRoot(level)) return false;
  const { block: left, slot } = cursor.step(level);
  const count = left.numrecs;
  // The cursor's own entry stays where it is.
  if (!isBlock(left.sibling('right')) || slot >= count) return false;
  const right = cursor.sibling(left, 'right');
  if (right.numrecs >= cursor.tree.maxRecords(level)) return false;
  cursor.change(left);
  cursor.change(right);
  right.shift(1, 1);
  right.take(left, count, 1, 1);
  left.numrecs = count - 1;
  right.numrecs++;
  const beside = cursor.copy();
  beside.toLast(level);
  beside.increment(level);
  if (overlaps(cursor.tree)) updateKeys(cursor, level);
  updateKeys(beside, level);
  return true;
}

/** Gives the first entry of the cursor's block to the left sibling; false: not possible. */
export function shiftLeft(cursor: Cursor, level: number): boolean {
  if (cursor.isInodeRoot(level)) return false;
  const step = cursor.step(level);
  const right = step.block;
  if (!isBlock(right.sibling('left')) || step.slot <= 1) return false;
  const left = cursor.sibling(right, 'left');
  if (left.numrecs >= cursor.tree.maxRecords(level)) return false;
  cursor.change(left);
  cursor.change(right);
  left.take(right, 1, 1, left.numrecs + 1);
  left.numrecs++;
  right.shift(2, -1);
  right.numrecs--;
  if (overlaps(cursor.tree)) {
    const beside = cursor.copy();
    beside.toFirst(level);
    beside.decrement(level);
    updateKeys(beside, level);
  }
  updateKeys(cursor, level);
  step.slot--;
  return true;
}

/** What a split adds to the level above. */
export interface Split {
  readonly key: Uint8Array;
  readonly pointer: number;
  /** A cursor in the new block, on its place in the level above; absent when there is none. */
  readonly cursor: Cursor | undefined;
}

/** Splits the cursor's block; the cursor stays with its slot, in whichever half that is now. */
export function splitBlock(cursor: Cursor, level: number): Split {
  const { tree } = cursor;
  const step = cursor.step(level);
  const left = step.block;
  const right = tree.allocate(left.pointer);
  cursor.change(left);
  const count = left.numrecs;
  let moved = count >>> 1;
  if (count & 1 && step.slot <= moved + 1) moved++;
  const first = count - moved + 1;
  right.level = level;
  right.numrecs = moved;
  right.take(left, first, moved, 1);
  left.numrecs = count - moved;
  linkAfter(cursor, left, right);
  if (overlaps(tree)) updateKeys(cursor, level);
  if (step.slot > left.numrecs + 1) {
    step.slot -= left.numrecs;
    step.block = right;
  }
  let beside: Cursor | undefined;
  if (level + 1 < cursor.levels) {
    beside = cursor.copy();
    beside.step(level + 1).slot++;
  }
  return { key: blockKey(tree, right), pointer: right.pointer, cursor: beside };
}

function linkAfter(cursor: Cursor, left: TreeBlock, right: TreeBlock): void {
  const beyond = left.sibling('right');
  const next = isBlock(beyond) ? cursor.sibling(left, 'right') : undefined;
  right.setSibling('right', beyond);
  right.setSibling('left', left.pointer);
  left.setSibling('right', right.pointer);
  if (next) cursor.change(next).setSibling('left', right.pointer);
}
