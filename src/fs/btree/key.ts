/**
 * Keys in the nodes above a change. A node's entry repeats the low key of its child's first entry; in an overlapping
 * tree also the greatest high key anywhere below the child, so there any change can reach up to the root.
 */
import type { TreeBlock } from './block.ts';
import { type Cursor, compareWords } from './cursor.ts';
import type { Tree } from './tree.ts';

/** Key of a child as its parent keeps it: low key, and high key after it where the tree has one. */
export function blockKey(tree: Tree, block: TreeBlock): Uint8Array {
  const { row } = tree;
  const key = new Uint8Array(row.family.keyBytes);
  const view = new DataView(key.buffer);
  if (block.level === 0) row.writeKey(block.view, block.recordByte(1), view, 0);
  else key.set(block.bytes.subarray(block.keyByte(1), block.keyByte(1) + row.lowBytes));
  if (row.writeHighKey) writeHighest(tree, block, view);
  return key;
}

function writeHighest(tree: Tree, block: TreeBlock, view: DataView): void {
  const { row } = tree;
  const best = new Uint32Array(row.words);
  const seen = new Uint32Array(row.words);
  const one = new DataView(new ArrayBuffer(row.lowBytes));
  const target = new Uint8Array(view.buffer, row.lowBytes, row.lowBytes);
  const leaf = block.level === 0;
  for (let slot = 1; slot <= block.numrecs; slot++) {
    let bytes: Uint8Array;
    if (leaf) {
      row.writeHighKey!(block.view, block.recordByte(slot), one, 0);
      bytes = new Uint8Array(one.buffer);
    } else {
      const at = block.keyByte(slot) + row.lowBytes;
      bytes = block.bytes.subarray(at, at + row.lowBytes);
    }
    row.keyWords(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, seen);
    if (slot === 1 || compareWords(seen, best) > 0) {
      best.set(seen);
      target.set(bytes);
    }
  }
}

export function overlaps(tree: Tree): boolean {
  return tree.row.writeHighKey !== undefined;
}

/** Whether a change at `slot` of a block shows in the nodes above. */
export function needsKeyUpdate(tree: Tree, slot: number): boolean {
  return overlaps(tree) || slot === 1;
}

/** Brings the keys above the block at `level` up to date; stops where nothing changes unless `all`. */
export function updateKeys(cursor: Cursor, level: number, all = false): void {
  const { tree } = cursor;
  if (overlaps(tree)) {
    for (let above = level + 1; above < cursor.levels; above++) {
      const key = blockKey(tree, cursor.step(above - 1).block);
      const { block, slot } = cursor.step(above);
      const at = block.keyByte(slot);
      if (!all && sameKeys(tree, block, at, key)) return;
      cursor.change(block).bytes.set(key, at);
    }
    return;
  }
  const key = blockKey(tree, cursor.step(level).block);
  for (let above = level + 1; above < cursor.levels; above++) {
    const { block, slot } = cursor.step(above);
    cursor.change(block).bytes.set(key, block.keyByte(slot));
    if (slot !== 1) return;
  }
}

/** Whether low and high keys compare as equal: a flag that takes no part in the order is no reason to write. */
function sameKeys({ row }: Tree, block: TreeBlock, at: number, key: Uint8Array): boolean {
  const view = new DataView(key.buffer);
  const was = new Uint32Array(row.words);
  const is = new Uint32Array(row.words);
  for (let from = 0; from < key.length; from += row.lowBytes) {
    row.keyWords(block.view, at + from, was);
    row.keyWords(view, from, is);
    if (compareWords(was, is) !== 0) return false;
  }
  return true;
}
