/**
 * Deleting the current record. A block that falls below half borrows one entry from its right neighbour, then from
 * its left; failing both it is joined with the left, or else the right, if one block holds both. A root with a single
 * child gives its place to that child; an inode's root takes the child's entries in as soon as they fit.
 */
import { shiftLeft, shiftRight } from './balance.ts';
import type { TreeBlock } from './block.ts';
import type { Cursor } from './cursor.ts';
import { needsKeyUpdate, overlaps, updateKeys } from './key.ts';
import { damaged, isBlock, isRootInInode } from './tree.ts';

/** Deletes the record the cursor is on; afterwards it is on the one that followed, or past the end. */
export function deleteRecord(cursor: Cursor): void {
  if (!cursor.valid) damaged(cursor.tree, 'no record to delete');
  let joined = false;
  for (let level = 0; deleteEntry(cursor, level); level++) joined = true;
  if (joined && overlaps(cursor.tree)) updateKeys(cursor, 0, true);
}

/** Deletes the entry at a level; true when blocks were joined, so that one entry above has to go too. */
function deleteEntry(cursor: Cursor, level: number): boolean {
  const { tree } = cursor;
  const { block, slot } = cursor.step(level);
  if (slot === 0 || slot > block.numrecs) damaged(tree, `no entry to delete at level ${level}`);
  cursor.change(block);
  block.shift(slot + 1, -1);
  block.numrecs--;
  if (level === 0 && tree.lastChanged && !isBlock(block.sibling('right')) && slot === block.numrecs + 1) {
    tree.lastChanged(block);
  }
  if (level === cursor.levels - 1) {
    if (isRootInInode(tree)) takeInChild(cursor);
    else if (block.numrecs === 1 && level > 0) dropRoot(cursor, level);
    else if (level > 0) settle(cursor, level);
    if (isRootInInode(tree)) settle(cursor, Math.min(level, cursor.levels - 1));
    return false;
  }
  if (needsKeyUpdate(tree, slot)) updateKeys(cursor, level);
  if (block.numrecs >= tree.minRecords(level)) {
    settle(cursor, level);
    return false;
  }
  return refill(cursor, level);
}

/** The slot at a level was that of the deleted entry: step back on it, so that the path is whole. */
function settle(cursor: Cursor, level: number): void {
  if (level > 0 && level < cursor.levels) cursor.decrement(level);
}

function refill(cursor: Cursor, level: number): boolean {
  const { tree } = cursor;
  const { block } = cursor.step(level);
  const rightPointer = block.sibling('right');
  const leftPointer = block.sibling('left');
  if (isRootInInode(tree) && !isBlock(rightPointer) && !isBlock(leftPointer) && level === cursor.levels - 2) {
    takeInChild(cursor);
    settle(cursor, level);
    return false;
  }
  const least = tree.minRecords(level);
  const most = tree.maxRecords(level);
  let left: TreeBlock | undefined;
  let right: TreeBlock | undefined;
  if (isBlock(rightPointer)) {
    right = cursor.sibling(block, 'right');
    if (right.numrecs - 1 >= least && borrowFromRight(cursor, level)) {
      settle(cursor, level);
      return false;
    }
  }
  if (isBlock(leftPointer)) {
    left = cursor.sibling(block, 'left');
    if (left.numrecs - 1 >= least && borrowFromLeft(cursor, level)) {
      if (level === 0) cursor.step(0).slot++;
      return false;
    }
  }
  if (left && left.numrecs + block.numrecs <= most) join(cursor, level, left, block);
  else if (right && right.numrecs + block.numrecs <= most) join(cursor, level, block, right);
  else {
    settle(cursor, level);
    return false;
  }
  return true;
}

function borrowFromRight(cursor: Cursor, level: number): boolean {
  const beside = cursor.copy();
  beside.toLast(level);
  if (!beside.increment(level)) damaged(cursor.tree, 'right sibling is not reached');
  // shiftLeft moves the first entry and lets the cursor's own be, so it may not stand there.
  beside.step(level).slot = Math.max(2, beside.step(level).slot);
  return shiftLeft(beside, level);
}

function borrowFromLeft(cursor: Cursor, level: number): boolean {
  const beside = cursor.copy();
  beside.toFirst(level);
  if (!beside.decrement(level)) damaged(cursor.tree, 'left sibling is not reached');
  beside.toFirst(level);
  return shiftRight(beside, level);
}

/** Appends the right block to the left and frees it. */
function join(cursor: Cursor, level: number, left: TreeBlock, right: TreeBlock): void {
  const { tree } = cursor;
  const step = cursor.step(level);
  const before = left.numrecs;
  cursor.change(left);
  left.take(right, 1, right.numrecs, before + 1);
  left.numrecs = before + right.numrecs;
  const beyond = right.sibling('right');
  if (isBlock(beyond)) cursor.change(cursor.sibling(right, 'right')).setSibling('left', left.pointer);
  left.setSibling('right', beyond);
  tree.release(right);
  if (step.block === right) {
    step.block = left;
    step.slot += before;
  } else cursor.increment(level + 1);
  if (level > 0) step.slot--;
}

/** A root of one child: the child becomes the root. */
function dropRoot(cursor: Cursor, level: number): void {
  const { tree } = cursor;
  const { block } = cursor.step(level);
  tree.setRoot(block.child(1), cursor.levels - 1);
  cursor.path.pop();
  tree.release(block);
}

/** An inode's root of one child takes that child's entries in, when they fit. */
function takeInChild(cursor: Cursor): void {
  const { tree } = cursor;
  const level = cursor.levels - 1;
  const root = cursor.step(level).block;
  // A leaf's records are no keys: such a root stays until the fork can list its extents.
  if (level === 1 || root.numrecs !== 1) return;
  const child = cursor.step(level - 1).block;
  if (child.numrecs > tree.rootKeys!()) return;
  cursor.change(root);
  root.level = level - 1;
  root.numrecs = child.numrecs;
  root.take(child, 1, child.numrecs, 1);
  tree.release(child);
  const { slot } = cursor.step(level - 1);
  cursor.path.pop();
  cursor.path[level - 1] = { block: root, slot };
}
