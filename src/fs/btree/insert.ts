/**
 * Inserting a record. A full block first tries to give one entry to its right neighbour, then to its left, and is
 * split only when both are full. The root grows a level when it was split; a root in an inode moves its content into
 * a new block when the fork is full.
 */

import { shiftLeft, shiftRight, splitBlock } from './balance.ts';
import { NO_BLOCK, type TreeBlock } from './block.ts';
import type { Cursor } from './cursor.ts';
import { blockKey, needsKeyUpdate, updateKeys } from './key.ts';
import { damaged, isBlock, isRootInInode } from './tree.ts';

/** An entry on its way into a level: a record at level 0, a child above. */
interface Entry {
  key: Uint8Array | undefined;
  pointer: number;
}

interface Carry {
  readonly entry: Entry;
  readonly cursor: Cursor;
}

/**
 * Inserts the scratch record where a lookup without result has left the cursor. Afterwards the cursor knows its record
 * but not the levels above, if blocks were split: look up again before going on.
 */
export function insertRecord(cursor: Cursor): void {
  let at = cursor;
  let entry: Entry = { key: undefined, pointer: NO_BLOCK };
  for (let level = 0; ; level++) {
    const carry = insertEntry(at, level, entry);
    if (at !== cursor && (at.levels !== cursor.levels || !carry)) adopt(cursor, at);
    if (!carry) return;
    at = carry.cursor;
    entry = carry.entry;
  }
}

/** The tree may have become taller under another cursor: take over the levels above. */
function adopt(cursor: Cursor, from: Cursor): void {
  for (let level = cursor.levels; level < from.levels; level++) {
    const { block, slot } = from.step(level);
    cursor.path.push({ block, slot });
  }
}

function insertEntry(cursor: Cursor, level: number, entry: Entry): Carry | undefined {
  const { tree } = cursor;
  if (level >= cursor.levels) {
    if (isRootInInode(tree)) damaged(tree, 'an inode root cannot be split');
    newRoot(cursor);
    return undefined;
  }
  const slot = cursor.step(level).slot;
  if (slot === 0) damaged(tree, 'insertion before the first record');
  const before = cursor.step(level).block;
  let split: { key: Uint8Array; pointer: number; cursor: Cursor | undefined } | undefined;
  if (before.numrecs >= tree.maxRecords(level) || isFullRoot(cursor, level)) split = makeRoom(cursor, level);
  const step = cursor.step(level);
  const block = cursor.change(step.block);
  block.shift(step.slot, 1);
  block.numrecs++;
  if (level === 0) cursor.store(block, step.slot);
  else {
    block.bytes.set(entry.key!, block.keyByte(step.slot));
    block.setChild(step.slot, entry.pointer);
  }
  let key = split?.key;
  if (step.block !== before && split) key = blockKey(tree, block);
  else if (needsKeyUpdate(tree, slot)) updateKeys(cursor, level);
  if (level === 0 && tree.lastChanged && isRightmost(block)) tree.lastChanged(block);
  if (!split) return undefined;
  return { entry: { key, pointer: split.pointer }, cursor: split.cursor ?? cursor };
}

function isRightmost(leaf: TreeBlock): boolean {
  return !isBlock(leaf.sibling('right'));
}

function isFullRoot(cursor: Cursor, level: number): boolean {
  return cursor.isInodeRoot(level) && cursor.step(level).block.numrecs >= cursor.tree.rootKeys!();
}

function makeRoom(cursor: Cursor, level: number): ReturnType<typeof splitBlock> | undefined {
  if (cursor.isInodeRoot(level)) {
    newInodeRoot(cursor);
    return undefined;
  }
  if (shiftRight(cursor, level) || shiftLeft(cursor, level)) return undefined;
  return splitBlock(cursor, level);
}

/** The root was split in two: a new root above both. */
function newRoot(cursor: Cursor): void {
  const { tree } = cursor;
  const level = cursor.levels - 1;
  const { block } = cursor.step(level);
  const root = tree.allocate(tree.root().pointer);
  tree.setRoot(root.pointer, cursor.levels + 1);
  // The cursor may be in either half.
  const inLeft = isBlock(block.sibling('right'));
  const left = inLeft ? block : cursor.sibling(block, 'left');
  const right = inLeft ? cursor.sibling(block, 'right') : block;
  root.level = cursor.levels;
  root.numrecs = 2;
  root.bytes.set(blockKey(tree, left), root.keyByte(1));
  root.bytes.set(blockKey(tree, right), root.keyByte(2));
  root.setChild(1, left.pointer);
  root.setChild(2, right.pointer);
  cursor.path.push({ block: root, slot: inLeft ? 1 : 2 });
}

/** The fork is full: its content moves into a new block, which becomes the only child of the root. */
export function newInodeRoot(cursor: Cursor): void {
  const { tree } = cursor;
  const level = cursor.levels - 1;
  const step = cursor.step(level);
  const root = step.block;
  const child = tree.allocate(root.child(1));
  child.level = root.level;
  child.numrecs = root.numrecs;
  child.take(root, 1, root.numrecs, 1);
  cursor.change(root);
  root.level = level + 1;
  root.numrecs = 1;
  root.setChild(1, child.pointer);
  step.block = child;
  cursor.path.push({ block: root, slot: 1 });
}

/** Overwrites the current record with the scratch record. */
export function updateRecord(cursor: Cursor): void {
  const { tree } = cursor;
  const { block, slot } = cursor.step(0);
  if (!cursor.valid) damaged(tree, 'no record to update');
  cursor.change(block);
  cursor.store(block, slot);
  if (tree.lastChanged && isRightmost(block) && slot === block.numrecs) tree.lastChanged(block);
  if (needsKeyUpdate(tree, slot)) updateKeys(cursor, 0);
}
