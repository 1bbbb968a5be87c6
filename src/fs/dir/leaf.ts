/**
 * Leaf form directories: data blocks, and one leaf with the table of hashes and, at its end, the longest free area of
 * every data block (0xffff: the block does not exist). Grows into node form, and goes back to block form when one
 * block is left and the table fits into it.
 */
import { DIR_LEAF_TAIL } from '../../format/dir.ts';
import type { MetaBuffer } from '../buffer.ts';
import { BlockDirectory, returnToInode } from './block.ts';
import { type Directory, sameName } from './context.ts';
import { DirData, type DirEntry } from './data.ts';
import { LeafTable } from './table.ts';

export const LEAF_HEADER_BYTES = 64;
export const COUNT = 56;
export const STALE = 58;
export const NO_BLOCK = 0xffff;
const ENTRY_BYTES = 8;
const BEST_BYTES = 2;
const TAIL_BYTES = DIR_LEAF_TAIL.size;

/** The table of a leaf of either form. */
export function leafTable(buffer: MetaBuffer): LeafTable {
  const { view } = buffer;
  return new LeafTable(buffer.bytes, LEAF_HEADER_BYTES, view.getUint16(COUNT), view.getUint16(STALE));
}

export function saveTable(buffer: MetaBuffer, table: LeafTable): void {
  buffer.view.setUint16(COUNT, table.count);
  buffer.view.setUint16(STALE, table.stale);
}

export class LeafDirectory {
  readonly directory: Directory;
  readonly buffer: MetaBuffer;
  readonly table: LeafTable;

  constructor(directory: Directory, buffer: MetaBuffer) {
    this.directory = directory;
    this.buffer = buffer;
    this.table = leafTable(buffer);
    const end = LEAF_HEADER_BYTES + this.table.count * ENTRY_BYTES;
    if (end > this.bestByte(0) || this.table.stale > this.table.count) directory.bad('leaf that overflows');
  }

  static read(directory: Directory): LeafDirectory {
    return new LeafDirectory(directory, directory.fork.read(directory.leafStart, 'leaf1'));
  }

  change(): void {
    this.directory.inode.tr.change(this.buffer);
  }
  get bestCount(): number {
    return this.buffer.view.getUint32(this.directory.bytes - TAIL_BYTES);
  }
  set bestCount(count: number) {
    this.buffer.view.setUint32(this.directory.bytes - TAIL_BYTES, count);
  }
  private bestByte(block: number): number {
    return this.directory.bytes - TAIL_BYTES - (this.bestCount - block) * BEST_BYTES;
  }
  best(block: number): number {
    return this.buffer.view.getUint16(this.bestByte(block));
  }
  setBest(block: number, length: number): void {
    this.buffer.view.setUint16(this.bestByte(block), length);
  }
  /** Bytes between the table and the lengths. */
  private get room(): number {
    return this.bestByte(0) - LEAF_HEADER_BYTES - this.table.count * ENTRY_BYTES;
  }

  find(name: Uint8Array): { index: number; data: DirData; block: number; at: number } | undefined {
    const { table, directory } = this;
    const hash = directory.hash(name);
    for (let index = table.find(hash); index < table.count && table.hash(index) === hash; index++) {
      const address = table.address(index);
      if (address === 0) continue;
      const block = directory.addressBlock(address);
      const at = directory.addressByte(address);
      const data = directory.data(block);
      if (!data.isEntry(at)) directory.bad(`hash ${index} points to byte ${at} of block ${block}`);
      if (sameName(data.entry(at).name, name)) return { index, data, block, at };
    }
    return undefined;
  }

  /** Adds an entry; false when the leaf has no room for its hash. */
  add(entry: DirEntry): boolean {
    const { table, directory } = this;
    const length = directory.entryBytes(entry.name);
    const hash = directory.hash(entry.name);
    let index = table.find(hash);
    let block = this.chooseBlock(index, hash, length);
    const needed = (table.stale ? 0 : ENTRY_BYTES) + (block < 0 ? BEST_BYTES : 0);
    if (block >= 0 && this.best(block) === NO_BLOCK) block = -1;
    const compact = this.room < needed;
    if (compact && table.stale <= 1) return false;
    this.change();
    if (compact) index = table.compact(index);
    let data: DirData;
    if (block < 0) ({ block, data } = this.growData());
    else data = directory.data(block);
    directory.inode.tr.change(data.buffer);
    const { at } = data.best(0);
    data.put(at, entry);
    this.setBest(block, data.longest);
    table.insert(index, hash, directory.address(block, at));
    saveTable(this.buffer, table);
    return true;
  }

  /** A block with room: of entries of the same hash, else any; a missing one; -1: a block behind the last. */
  private chooseBlock(index: number, hash: number, length: number): number {
    const { table, directory } = this;
    for (let i = index; i < table.count && table.hash(i) === hash; i++) {
      if (table.address(i) === 0) continue;
      const block = directory.addressBlock(table.address(i));
      if (block < this.bestCount && this.best(block) !== NO_BLOCK && this.best(block) >= length) return block;
    }
    let missing = -1;
    for (let block = 0; block < this.bestCount; block++) {
      if (this.best(block) === NO_BLOCK) {
        if (missing < 0) missing = block;
      } else if (this.best(block) >= length) return block;
    }
    return missing;
  }

  private growData(): { block: number; data: DirData } {
    const { block, data } = this.directory.growData();
    if (block >= this.bestCount) {
      const { bytes } = this.buffer;
      const end = this.directory.bytes - TAIL_BYTES;
      bytes.copyWithin(this.bestByte(0) - BEST_BYTES, this.bestByte(0), end);
      this.bestCount++;
    }
    this.setBest(block, data.longest);
    return { block, data };
  }

  remove(index: number, data: DirData, block: number, at: number): void {
    const { table, directory } = this;
    this.change();
    directory.inode.tr.change(data.buffer);
    data.release(at, data.areaBytes(at));
    table.retire(index);
    saveTable(this.buffer, table);
    this.setBest(block, data.longest);
    if (data.isEmpty && block !== 0) {
      directory.dropData(block, data.buffer);
      this.forgetBlock(block);
    }
    this.returnToBlock();
  }

  /** A data block is gone: its length too, and those of missing blocks before it when it was the last. */
  private forgetBlock(block: number): void {
    if (block !== this.bestCount - 1) {
      this.setBest(block, NO_BLOCK);
      return;
    }
    let last = block - 1;
    while (last > 0 && this.best(last) === NO_BLOCK) last--;
    const from = this.bestByte(0);
    const dropped = block - last;
    const kept = (this.bestCount - dropped) * BEST_BYTES;
    this.buffer.bytes.copyWithin(from + dropped * BEST_BYTES, from, from + kept);
    this.bestCount -= dropped;
  }

  /** One data block is left and the table fits into it. */
  returnToBlock(): void {
    const { directory, table } = this;
    const { inode, fork } = directory;
    while (inode.core.size > BigInt(directory.bytes)) {
      const last = this.bestCount - 1;
      if (this.best(last) !== directory.bytes - LEAF_HEADER_BYTES) return;
      directory.dropData(last, directory.data(last).buffer);
      this.bestCount--;
      this.buffer.bytes.copyWithin(
        this.bestByte(0),
        this.bestByte(0) - BEST_BYTES,
        directory.bytes - TAIL_BYTES - BEST_BYTES,
      );
    }
    const data = directory.data(0);
    const live = table.count - table.stale;
    const size = 8 + live * ENTRY_BYTES;
    const last = data.lastFree;
    if (!last || last.length < size) return;
    inode.tr.change(data.buffer);
    const again = data.use(last.at, directory.bytes - size, size);
    data.end = directory.bytes - size;
    if (again) data.rescan();
    fork.setForm(data.buffer, 'block');
    fork.identify(data.buffer, 'block');
    const tail = directory.bytes - 8;
    data.buffer.view.setUint32(tail, live);
    data.buffer.view.setUint32(tail + 4, 0);
    const target = new LeafTable(data.buffer.bytes, tail - live * ENTRY_BYTES, live, 0);
    let to = 0;
    for (let i = 0; i < table.count; i++) if (table.address(i) !== 0) target.take(table, i, 1, to++);
    fork.shrink(directory.leafStart, this.buffer);
    returnToInode(new BlockDirectory(directory, data.buffer));
  }
}

/** A block form directory gets a leaf: its table moves there. */
export function growLeaf(block: BlockDirectory): LeafDirectory {
  const { directory, buffer, table, data } = block;
  const { fork } = directory;
  const fileoff = fork.grow(directory.leafStart);
  const leaf = fork.create(fileoff, 'leaf1');
  block.change();
  const target = new LeafTable(leaf.bytes, LEAF_HEADER_BYTES, table.count, table.stale);
  target.take(table, 0, table.count, 0);
  saveTable(leaf, target);
  const old = table.start;
  const fresh = new DirData(buffer, directory.ftype);
  data.end = fresh.end;
  data.release(old, directory.bytes - old);
  fork.setForm(buffer, 'data');
  fork.identify(buffer, 'data');
  leaf.view.setUint32(directory.bytes - TAIL_BYTES, 1);
  leaf.view.setUint16(directory.bytes - TAIL_BYTES - BEST_BYTES, data.longest);
  return new LeafDirectory(directory, leaf);
}
