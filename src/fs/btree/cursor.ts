/**
 * A position in a btree: the block and slot on every level, from the leaf (level 0) up. Slots count from 1; slot 0
 * or one past the last is next to a record. The scratch record is what is looked up or inserted.
 *
 * Every step down checks level and count of the block, so damage ends the walk and not the process; a walk cannot be
 * longer than the tree is high.
 */
import type { Side, TreeBlock } from './block.ts';
import { changeBlock, damaged, isBlock, isRootInInode, type Tree } from './tree.ts';

export type Direction = 'LE' | 'EQ' | 'GE';

interface Step {
  block: TreeBlock;
  slot: number;
}

const RECORD_BYTES = 24;

export class Cursor {
  readonly tree: Tree;
  /** What is looked up or put. */
  readonly record = new DataView(new ArrayBuffer(RECORD_BYTES));
  /** Index is the level. */
  readonly path: Step[] = [];
  private readonly want: Uint32Array;
  private readonly seen: Uint32Array;

  constructor(tree: Tree) {
    this.tree = tree;
    this.want = new Uint32Array(tree.row.words);
    this.seen = new Uint32Array(tree.row.words);
  }

  get levels(): number {
    return this.path.length;
  }
  step(level: number): Step {
    const step = this.path[level];
    if (!step) damaged(this.tree, `cursor has no level ${level}`);
    return step;
  }
  /** Whether a level is the root, and the root is in an inode. */
  isInodeRoot(level: number): boolean {
    return isRootInInode(this.tree) && level === this.levels - 1;
  }

  copy(): Cursor {
    const twin = new Cursor(this.tree);
    for (const { block, slot } of this.path) twin.path.push({ block, slot });
    return twin;
  }

  change(block: TreeBlock): TreeBlock {
    changeBlock(this.tree, block);
    return block;
  }

  /**
   * Goes to the record that equals the scratch record, or the last before (LE) or first after (GE) it. False: there
   * is none; for EQ the cursor is then where it would be inserted.
   */
  lookup(direction: Direction): boolean {
    const { tree } = this;
    tree.row.recordWords(this.record, 0, this.want);
    this.path.length = tree.levels();
    let block = tree.root();
    let order = 0;
    for (let level = this.levels - 1; ; level--) {
      this.need(block, level);
      let slot = this.search(block, level);
      order = slot > 0 ? this.compare(block, level, slot) : 1;
      if (level === 0) return this.settle(block, slot, order, direction);
      if (order > 0 && --slot < 1) slot = 1;
      this.path[level] = { block, slot };
      block = this.blockAt(block.child(slot));
    }
  }

  /** First slot whose key is not below what is wanted, or the last slot; 0 in an empty block. */
  private search(block: TreeBlock, level: number): number {
    let low = 1;
    let high = block.numrecs;
    if (high === 0) return 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compare(block, level, middle) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private settle(block: TreeBlock, found: number, order: number, direction: Direction): boolean {
    let slot = found;
    if (slot === 0) {
      this.path[0] = { block, slot: direction === 'LE' ? 0 : 1 };
      return false;
    }
    if (direction !== 'LE' && order < 0) {
      slot++;
      this.path[0] = { block, slot };
      if (direction === 'GE' && slot > block.numrecs && isBlock(block.sibling('right'))) {
        return this.increment();
      }
    } else {
      if (direction === 'LE' && order > 0) slot--;
      this.path[0] = { block, slot };
    }
    if (slot === 0 || slot > block.numrecs) return false;
    return direction !== 'EQ' || order === 0;
  }

  /** Sign of the entry at a slot against what is wanted. */
  private compare(block: TreeBlock, level: number, slot: number): number {
    const { row } = this.tree;
    if (level === 0) row.recordWords(block.view, block.recordByte(slot), this.seen);
    else row.keyWords(block.view, block.keyByte(slot), this.seen);
    return compareWords(this.seen, this.want);
  }

  /** Reads a block of the tree, one level below or beside one that is known. */
  blockAt(pointer: number): TreeBlock {
    return this.tree.block(pointer);
  }

  /** The block beside another on its level. Throws when it is not there, or is not a sibling. */
  sibling(block: TreeBlock, side: Side): TreeBlock {
    const beside = this.blockAt(block.sibling(side));
    const back = beside.sibling(side === 'left' ? 'right' : 'left');
    if (beside.level !== block.level || back !== block.pointer) {
      damaged(this.tree, `block ${beside.pointer} is no ${side} sibling of ${block.pointer}`);
    }
    return beside;
  }

  private need(block: TreeBlock, level: number): void {
    if (block.level !== level) damaged(this.tree, `block at level ${block.level}, expected ${level}`);
    const most = this.tree.maxRecords(level);
    if (block.numrecs > most) damaged(this.tree, `${block.numrecs} records in a block for ${most}`);
  }

  /** Next record, or at a higher level the next child; false at the end. */
  increment(from = 0): boolean {
    const first = this.step(from);
    if (++first.slot <= first.block.numrecs) return true;
    if (!isBlock(first.block.sibling('right'))) return false;
    let level = from + 1;
    for (; level < this.levels; level++) {
      const step = this.step(level);
      if (++step.slot <= step.block.numrecs) break;
    }
    if (level === this.levels) {
      if (isRootInInode(this.tree)) return false;
      damaged(this.tree, 'a right sibling that no node points to');
    }
    this.descend(level, from, 'left');
    return true;
  }

  /** Record before, or at a higher level the child before; false at the start. */
  decrement(from = 0): boolean {
    const first = this.step(from);
    if (--first.slot > 0) return true;
    if (!isBlock(first.block.sibling('left'))) return false;
    let level = from + 1;
    for (; level < this.levels; level++) {
      if (--this.step(level).slot > 0) break;
    }
    if (level === this.levels) {
      if (isRootInInode(this.tree)) return false;
      damaged(this.tree, 'a left sibling that no node points to');
    }
    this.descend(level, from, 'right');
    return true;
  }

  /** From the slot at `level` down to `to`, along the given edge. */
  private descend(level: number, to: number, edge: Side): void {
    for (let at = level; at > to; at--) {
      const { block, slot } = this.step(at);
      const below = this.blockAt(block.child(slot));
      this.need(below, at - 1);
      this.path[at - 1] = { block: below, slot: edge === 'left' ? 1 : below.numrecs };
    }
  }

  /** First or last entry of the block at a level. */
  toFirst(level: number): void {
    this.step(level).slot = 1;
  }
  toLast(level: number): void {
    const step = this.step(level);
    step.slot = step.block.numrecs;
  }

  /** Whether the cursor is on a record. */
  get valid(): boolean {
    const { block, slot } = this.step(0);
    return slot > 0 && slot <= block.numrecs;
  }

  /** Byte of the current record in `view`. Throws when there is none. */
  current(): { view: DataView; byte: number } {
    if (!this.valid) damaged(this.tree, 'no record where there must be one');
    const { block, slot } = this.step(0);
    return { view: block.view, byte: block.recordByte(slot) };
  }

  /** Writes the scratch record to a record's place. */
  store(block: TreeBlock, slot: number): void {
    const at = block.recordByte(slot);
    const bytes = new Uint8Array(this.record.buffer, 0, this.tree.row.family.recordBytes);
    block.bytes.set(bytes, at);
  }
}

export function compareWords(a: Uint32Array, b: Uint32Array): number {
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i]) return a[i]! < b[i]! ? -1 : 1;
  }
  return 0;
}
