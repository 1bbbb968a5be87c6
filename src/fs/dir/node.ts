/**
 * Node form directories: leaves under a da tree, and the longest free areas of data blocks in blocks of their own,
 * the free index. A new entry goes where one of the same hash lives, if there is room, else to the last data block
 * that has some.
 */
import { DIR_FREE_HEADER } from '../../format/dir.ts';
import type { MetaBuffer } from '../buffer.ts';
import { chooseNeighbour, joinLeaf } from '../da/join.ts';
import { DaState, type DaStep, type LeafOps } from '../da/path.ts';
import { link, splitLeaf } from '../da/split.ts';
import { type Directory, sameName } from './context.ts';
import type { DirData, DirEntry } from './data.ts';
import { LEAF_HEADER_BYTES, LeafDirectory, leafTable, NO_BLOCK, saveTable } from './leaf.ts';
import type { LeafTable } from './table.ts';

const AT = DIR_FREE_HEADER.offset;
const HEADER_BYTES = DIR_FREE_HEADER.size;
const ENTRY_BYTES = 8;
/** A leaf below this share of its block, in percent, may be joined. */
const SPARSE_PERCENT = 37;

/** One block of the free index. */
class FreeIndex {
  readonly buffer: MetaBuffer;
  constructor(buffer: MetaBuffer) {
    this.buffer = buffer;
  }
  get first(): number {
    return this.buffer.view.getUint32(AT.firstdb);
  }
  set first(block: number) {
    this.buffer.view.setUint32(AT.firstdb, block);
  }
  get valid(): number {
    return this.buffer.view.getUint32(AT.nvalid);
  }
  set valid(count: number) {
    this.buffer.view.setUint32(AT.nvalid, count);
  }
  get used(): number {
    return this.buffer.view.getUint32(AT.nused);
  }
  set used(count: number) {
    this.buffer.view.setUint32(AT.nused, count);
  }
  best(i: number): number {
    return this.buffer.view.getUint16(HEADER_BYTES + 2 * i);
  }
  setBest(i: number, length: number): void {
    this.buffer.view.setUint16(HEADER_BYTES + 2 * i, length);
  }
}

interface Found {
  readonly block: number;
  readonly at: number;
  readonly data: DirData;
}

export class NodeDirectory {
  readonly directory: Directory;
  private readonly perIndex: number;
  /** Where the last lookup found its entry. */
  private found: Found | undefined;
  /** Address and hash of the entry being added. */
  private added = { hash: 0, address: 0 };

  constructor(directory: Directory) {
    this.directory = directory;
    this.perIndex = Math.floor((directory.bytes - HEADER_BYTES) / 2);
  }

  private indexOffset(block: number): number {
    const { directory } = this;
    return directory.freeStart + Math.floor(block / this.perIndex) * directory.fork.blocks;
  }
  private readIndex(fileoff: number): FreeIndex | undefined {
    const { directory } = this;
    if (!directory.isMapped(fileoff)) return undefined;
    const index = new FreeIndex(directory.fork.read(fileoff, 'free'));
    if (index.valid > this.perIndex || index.used > index.valid)
      directory.bad(`free index of ${index.valid}`);
    return index;
  }
  private change<T extends { buffer: MetaBuffer }>(object: T): T {
    this.directory.inode.tr.change(object.buffer);
    return object;
  }

  private walk(name: Uint8Array, adding: boolean): DaState {
    const { directory } = this;
    const hash = directory.hash(name);
    return new DaState(directory.fork, this.leafOps(name, adding), directory.leafStart, hash);
  }

  private leafOps(name: Uint8Array, adding: boolean): LeafOps {
    return {
      form: 'leafn',
      lastHash: (buffer) => leafTable(buffer).lastHash,
      isEmpty: (buffer) => buffer.view.getUint16(56) === 0,
      isBefore: (first, second) => isBefore(leafTable(first), leafTable(second)),
      search: (state, step) => this.search(state, step, name, adding),
      split: (state, old, put) => this.split(state, old, put),
      tooSmall: (state) => this.tooSmall(state),
      merge: (_state, drop, save) => merge(drop, save),
    };
  }

  /** Looks for the name in a leaf; while adding, for a block with room among entries of its hash. */
  private search(state: DaState, step: DaStep, name: Uint8Array, adding: boolean): boolean {
    const { directory } = this;
    const table = this.table(step.buffer);
    const length = directory.entryBytes(name);
    let index = table.find(state.hash);
    for (; index < table.count && table.hash(index) === state.hash; index++) {
      const address = table.address(index);
      if (address === 0) continue;
      const block = directory.addressBlock(address);
      if (adding) {
        const free = this.readIndex(this.indexOffset(block));
        const best = free?.best(block - free.first) ?? NO_BLOCK;
        if (best === NO_BLOCK || best < length) continue;
        this.room = block;
        break;
      }
      const at = directory.addressByte(address);
      const data = directory.data(block);
      if (!data.isEntry(at)) directory.bad(`hash points to byte ${at} of block ${block}`);
      if (!sameName(data.entry(at).name, name)) continue;
      this.found = { block, at, data };
      step.index = index;
      return true;
    }
    step.index = index;
    return false;
  }
  /** Data block with room, as the lookup for adding found it; -1: none. */
  private room = -1;

  private table(buffer: MetaBuffer): LeafTable {
    const table = leafTable(buffer);
    if (LEAF_HEADER_BYTES + table.count * ENTRY_BYTES > this.directory.bytes || table.stale > table.count) {
      this.directory.bad('leaf that overflows');
    }
    return table;
  }

  lookup(name: Uint8Array): number | undefined {
    return this.walk(name, false).lookup() ? this.found!.data.entry(this.found!.at).ino : undefined;
  }

  add(entry: DirEntry): void {
    const state = this.walk(entry.name, true);
    this.room = -1;
    state.lookup();
    this.added = { hash: state.hash, address: this.addData(entry) };
    const step = state.path.at(-1)!;
    if (this.addHash(step)) state.fixHashes(state.path);
    else splitLeaf(state);
  }

  /** Puts the entry into a data block; its address. */
  private addData(entry: DirEntry): number {
    const { directory } = this;
    const block = this.room >= 0 ? this.room : this.findRoom(directory.entryBytes(entry.name));
    const place = block >= 0 ? { block, data: directory.data(block) } : this.growData();
    const { data } = place;
    this.change(data);
    const { at } = data.best(0);
    data.put(at, entry);
    const index = this.readIndex(this.indexOffset(place.block))!;
    this.change(index).setBest(place.block - index.first, data.longest);
    return directory.address(place.block, at);
  }

  /** The last data block that has room, the last block of the free index first; -1: none. */
  private findRoom(length: number): number {
    const { directory } = this;
    const { freeStart, fork } = directory;
    for (let at = directory.lastOffset - fork.blocks; at >= freeStart; at -= fork.blocks) {
      const index = this.readIndex(at);
      if (!index) continue;
      for (let i = index.valid - 1; i >= 0; i--) {
        if (index.best(i) !== NO_BLOCK && index.best(i) >= length) return index.first + i;
      }
    }
    return -1;
  }

  private growData(): { block: number; data: DirData } {
    const { directory } = this;
    const { block, data } = directory.growData();
    const offset = this.indexOffset(block);
    let index = this.readIndex(offset);
    if (!index) {
      directory.fork.growAt(offset);
      index = new FreeIndex(directory.fork.create(offset, 'free'));
      index.first = Math.floor(block / this.perIndex) * this.perIndex;
    }
    this.change(index);
    const i = block - index.first;
    if (i >= index.valid) {
      for (let hole = index.valid; hole < i; hole++) index.setBest(hole, NO_BLOCK);
      index.valid = i + 1;
      index.setBest(i, NO_BLOCK);
    }
    if (index.best(i) === NO_BLOCK) index.used++;
    index.setBest(i, data.longest);
    return { block, data };
  }

  /** Adds the hash to a leaf at the step's index; false: the leaf is full. */
  private addHash(step: DaStep): boolean {
    const table = this.table(step.buffer);
    const most = Math.floor((this.directory.bytes - LEAF_HEADER_BYTES) / ENTRY_BYTES);
    let { index } = step;
    if (table.count >= most && table.stale === 0) return false;
    this.directory.inode.tr.change(step.buffer);
    if (table.count >= most && table.stale > 1) index = table.compact(index);
    table.insert(index, this.added.hash, this.added.address);
    saveTable(step.buffer, table);
    return true;
  }

  private split(state: DaState, old: DaStep, put: (fresh: DaStep) => void): boolean {
    const { fork, leafStart } = this.directory;
    const block = fork.grow(leafStart);
    const fresh: DaStep = { block, buffer: fork.create(block, 'leafn'), index: 0, hash: 0, leaf: true };
    put(fresh);
    fork.inode.tr.change(old.buffer);
    const left = this.table(old.buffer);
    const right = leafTable(fresh.buffer);
    const middle = left.count >>> 1;
    const isLeft = left.count & 1 ? state.hash <= left.hash(middle) : true;
    moveEntries(left, left.count - middle + (isLeft ? 0 : 1), right);
    saveTable(old.buffer, left);
    saveTable(fresh.buffer, right);
    // The reference prefers the fuller half, and the old one only where the entry could not be anywhere else.
    const even = left.count === right.count;
    state.inOld = even ? old.index <= left.count : left.count > right.count;
    if (old.index < left.count) state.inOld = true;
    else if (old.index > left.count) state.inOld = false;
    fresh.index = Math.max(0, old.index - left.count);
    link(state, old, fresh);
    const added = this.addHash(state.inOld ? old : fresh);
    old.hash = leafTable(old.buffer).lastHash;
    fresh.hash = leafTable(fresh.buffer).lastHash;
    return added;
  }

  private tooSmall(state: DaState): 'keep' | 'join' | 'empty' {
    const live = (buffer: MetaBuffer): number => {
      const table = this.table(buffer);
      return table.count - table.stale;
    };
    const { bytes, fork } = this.directory;
    const count = live(state.path.at(-1)!.buffer);
    if (LEAF_HEADER_BYTES + count * ENTRY_BYTES > bytes >>> 1) return 'keep';
    const room = bytes - (bytes >>> 2) - count * ENTRY_BYTES;
    return chooseNeighbour(state, count === 0, (block) => {
      return room - live(fork.read(block, 'leafn')) * ENTRY_BYTES >= 0;
    });
  }

  /** Removes a name; false when it is not there. */
  remove(name: Uint8Array): boolean {
    const state = this.walk(name, false);
    if (!state.lookup()) return false;
    const { directory } = this;
    const { block, at, data } = this.found!;
    const step = state.path.at(-1)!;
    this.change(data).release(at, data.areaBytes(at));
    directory.inode.tr.change(step.buffer);
    const table = this.table(step.buffer);
    table.retire(step.index);
    saveTable(step.buffer, table);
    this.noteRoom(block, data);
    state.fixHashes(state.path);
    const used = LEAF_HEADER_BYTES + (table.count - table.stale) * ENTRY_BYTES;
    if (used < (directory.bytes * SPARSE_PERCENT) / 100 && state.path.length > 1) joinLeaf(state);
    this.returnToLeaf();
    return true;
  }

  /** The free index follows a data block; one that is empty goes. */
  private noteRoom(block: number, data: DirData): void {
    const { directory } = this;
    const offset = this.indexOffset(block);
    const index = this.readIndex(offset);
    if (!index) {
      directory.bad(`no free index for block ${block}`);
      return;
    }
    this.change(index);
    const i = block - index.first;
    if (!data.isEmpty) {
      index.setBest(i, data.longest);
      return;
    }
    directory.dropData(block, data.buffer);
    index.used--;
    if (i === index.valid - 1) {
      let last = i - 1;
      while (last >= 0 && index.best(last) === NO_BLOCK) last--;
      index.valid = last + 1;
    } else index.setBest(i, NO_BLOCK);
    if (index.used === 0) directory.fork.shrink(offset, index.buffer);
  }

  /** One leaf and one block of the free index are left, and both fit one leaf. */
  private returnToLeaf(): void {
    const { directory } = this;
    const { fork, leafStart, freeStart } = directory;
    const leaf = fork.read(leafStart, 'node', 'leafn');
    if (leaf.type.form === 'node') return;
    for (
      let at = directory.lastOffset - fork.blocks;
      at > freeStart;
      at = directory.lastOffset - fork.blocks
    ) {
      const index = this.readIndex(at);
      if (!index || index.used > 0) return;
      fork.shrink(at, index.buffer);
    }
    if (this.blocksBetween(leafStart + fork.blocks, freeStart)) return;
    const index = this.readIndex(freeStart);
    const table = this.table(leaf);
    const valid = index?.valid ?? 0;
    const size = LEAF_HEADER_BYTES + (table.count - table.stale) * ENTRY_BYTES + valid * 2 + 4;
    if (index?.first !== 0 || size > directory.bytes) return;
    directory.inode.tr.change(leaf);
    if (table.stale > 0) table.compact();
    saveTable(leaf, table);
    fork.setForm(leaf, 'leaf1');
    leaf.view.setUint16(8, leaf.type.magic!.value);
    leaf.view.setUint32(directory.bytes - 4, valid);
    for (let i = 0; i < valid; i++) leaf.view.setUint16(directory.bytes - 4 - 2 * (valid - i), index.best(i));
    fork.shrink(freeStart, index.buffer);
    new LeafDirectory(directory, leaf).returnToBlock();
  }

  private blocksBetween(from: number, to: number): boolean {
    const { extents } = this.directory.inode.data;
    const next = extents.at(extents.indexAt(from));
    return next !== undefined && next.fileoff < to;
  }
}

function isBefore(first: LeafTable, second: LeafTable): boolean {
  if (first.count === 0 || second.count === 0) return false;
  return second.hash(0) < first.hash(0) || second.lastHash < first.lastHash;
}

/** Moves the last `count` entries of one leaf to the start of another. */
function moveEntries(from: LeafTable, count: number, to: LeafTable): void {
  const start = from.count - count;
  let stale = 0;
  for (let i = start; i < from.count; i++) if (from.address(i) === 0) stale++;
  to.take(to, 0, to.count, count);
  to.take(from, start, count, 0);
  from.count -= count;
  to.count += count;
  from.stale -= stale;
  to.stale += stale;
}

function merge(drop: DaStep, save: DaStep): void {
  const from = leafTable(drop.buffer);
  const to = leafTable(save.buffer);
  if (from.stale) from.compact();
  if (to.stale) to.compact();
  const first = isBefore(to, from);
  const kept = to.count;
  if (first) to.take(to, 0, kept, from.count);
  to.take(from, 0, from.count, first ? 0 : kept);
  to.count = kept + from.count;
  saveTable(save.buffer, to);
  save.hash = to.lastHash;
}

/** A leaf form directory gets a free index: the lengths move there. */
export function growNode(leaf: LeafDirectory): NodeDirectory {
  const { directory, buffer } = leaf;
  const { fork, freeStart } = directory;
  fork.growAt(freeStart);
  const index = new FreeIndex(fork.create(freeStart, 'free'));
  leaf.change();
  let used = 0;
  for (let block = 0; block < leaf.bestCount; block++) {
    index.setBest(block, leaf.best(block));
    if (leaf.best(block) !== NO_BLOCK) used++;
  }
  index.used = used;
  index.valid = leaf.bestCount;
  fork.setForm(buffer, 'leafn');
  buffer.view.setUint16(8, buffer.type.magic!.value);
  return new NodeDirectory(directory);
}
