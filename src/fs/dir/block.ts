/**
 * Block form directories: one block with entries, then the table of hashes, then its tail. Comes from a shortform
 * directory that has outgrown the inode, and goes back there when it fits again; grows into leaf form.
 */
import { DIR_BLOCK_TAIL, DIR_DATA_START, dirEntryBytes } from '../../format/dir.ts';
import type { MetaBuffer } from '../buffer.ts';
import { type Directory, sameName } from './context.ts';
import { DirData, type DirEntry } from './data.ts';
import { readShort, type ShortEntry, shortBytes, writeShort } from './short.ts';
import { LeafTable } from './table.ts';

const TAIL_BYTES = DIR_BLOCK_TAIL.size;
const ENTRY_BYTES = 8;
const DIR_TYPE = 2;
const DOT = new Uint8Array([0x2e]);
const DOTDOT = new Uint8Array([0x2e, 0x2e]);

export class BlockDirectory {
  readonly directory: Directory;
  readonly buffer: MetaBuffer;
  readonly data: DirData;
  readonly table: LeafTable;

  constructor(directory: Directory, buffer: MetaBuffer) {
    this.directory = directory;
    this.buffer = buffer;
    const tail = directory.bytes - TAIL_BYTES;
    const count = buffer.view.getUint32(tail);
    const stale = buffer.view.getUint32(tail + 4);
    const start = tail - count * ENTRY_BYTES;
    if (start < DIR_DATA_START || stale > count) directory.bad(`block with ${count} hashes, ${stale} stale`);
    this.data = new DirData(buffer, directory.ftype, start);
    this.data.check(directory.inode.ino);
    this.table = new LeafTable(buffer.bytes, start, count, stale);
  }

  static read(directory: Directory): BlockDirectory {
    return new BlockDirectory(directory, directory.fork.read(0, 'block'));
  }

  change(): void {
    this.directory.inode.tr.change(this.buffer);
  }

  private saveTail(): void {
    const tail = this.directory.bytes - TAIL_BYTES;
    this.buffer.view.setUint32(tail, this.table.count);
    this.buffer.view.setUint32(tail + 4, this.table.stale);
  }

  /** Index in the table of a name; -1: it is not there. */
  find(name: Uint8Array): number {
    const { table, data, directory } = this;
    const hash = directory.hash(name);
    for (let i = table.find(hash); i < table.count && table.hash(i) === hash; i++) {
      const at = table.address(i) * 8;
      if (at === 0) continue;
      if (!data.isEntry(at)) directory.bad(`hash ${i} points to byte ${at}`);
      if (sameName(data.entry(at).name, name)) return i;
    }
    return -1;
  }

  /** Adds an entry; false when the block is full. */
  add(entry: DirEntry): boolean {
    const { table, data, directory } = this;
    const length = directory.entryBytes(entry.name);
    const place = this.findRoom(length);
    if (place === undefined) return false;
    this.change();
    const hash = directory.hash(entry.name);
    if (place.compact) this.compact();
    const index = table.find(hash);
    if (table.stale === 0) this.growTable(index, hash, place.at);
    else table.insert(index, hash, place.at / 8, 1);
    data.put(place.at, entry);
    this.saveTail();
    return true;
  }

  /** Where an entry of `length` bytes goes, so that the table has room as well. */
  private findRoom(length: number): { at: number; compact: boolean } | undefined {
    const { data, table } = this;
    const best = data.best(0);
    const last = data.lastFree;
    if (table.stale > 0) {
      if (best.length >= length) return { at: best.at, compact: false };
      const gained = (table.stale - 1) * ENTRY_BYTES;
      if ((last?.length ?? 0) + gained < length) return undefined;
      return { at: last?.at ?? data.end, compact: true };
    }
    if (!last) return undefined;
    if (best.at !== last.at) return best.length < length ? undefined : { at: best.at, compact: false };
    if (best.length >= length + ENTRY_BYTES) return { at: best.at, compact: false };
    const second = data.best(1);
    return second.length >= length ? { at: second.at, compact: false } : undefined;
  }

  /** Takes all stale hashes but one out; what the table gives up becomes free. */
  private compact(): void {
    const { table, data } = this;
    const old = table.start;
    const tail = this.directory.bytes - TAIL_BYTES;
    let to = table.count - 1;
    let kept = false;
    for (let from = to; from >= 0; from--) {
      if (table.address(from) === 0) {
        if (kept) continue;
        kept = true;
      }
      if (from < to) table.take(table, from, 1, to);
      to--;
    }
    table.count -= table.stale - 1;
    table.stale = 1;
    table.start = tail - table.count * ENTRY_BYTES;
    data.end = table.start;
    data.release(old, table.start - old);
  }

  /** The table takes eight bytes of the free area below it. */
  private growTable(index: number, hash: number, at: number): void {
    const { table, data } = this;
    const last = data.lastFree!;
    const again = data.use(last.at, last.at + last.length - ENTRY_BYTES, ENTRY_BYTES);
    data.end -= ENTRY_BYTES;
    if (again) data.rescan();
    table.start -= ENTRY_BYTES;
    table.count++;
    table.take(table, 1, index, 0);
    table.set(index, hash, at / 8);
  }

  /** Removes the entry of a hash. */
  remove(index: number): void {
    const { table, data } = this;
    this.change();
    const at = table.address(index) * 8;
    data.release(at, data.areaBytes(at));
    table.retire(index);
    this.saveTail();
    returnToInode(this);
  }
}

/** The entries fit the inode again. */
export function returnToInode(block: BlockDirectory): void {
  const { directory, data, buffer } = block;
  const entries: ShortEntry[] = [];
  let parent = -1;
  for (const { at, entry } of data.entries()) {
    if (sameName(entry.name, DOT)) continue;
    if (sameName(entry.name, DOTDOT)) parent = entry.ino;
    else entries.push({ ...entry, name: entry.name.slice(), offset: at });
  }
  if (parent < 0) directory.bad('no entry ".."');
  const content = { parent, entries };
  if (entries.length > 255 || shortBytes(directory, content) > directory.inode.data.bytes) return;
  directory.dropData(0, buffer);
  writeShort(directory, content);
}

/** A shortform directory moves into a block. */
export function leaveInode(directory: Directory): BlockDirectory {
  const { parent, entries } = readShort(directory);
  const { inode, fork } = directory;
  inode.data.becomeExtents();
  inode.core.size = 0n;
  const { block, data: fresh } = directory.growData();
  if (block !== 0) directory.bad('a shortform directory with blocks');
  const { buffer } = fresh;
  fork.setForm(buffer, 'block');
  fork.identify(buffer, 'block');
  const tail = directory.bytes - TAIL_BYTES;
  const count = entries.length + 2;
  const start = tail - count * ENTRY_BYTES;
  buffer.bytes.fill(0, 48, DIR_DATA_START);
  const data = new DirData(buffer, directory.ftype, start);
  const hashes: { hash: number; address: number }[] = [];
  let at = DIR_DATA_START;
  const put = (offset: number, entry: DirEntry): void => {
    if (offset < at || offset + directory.entryBytes(entry.name) > start)
      directory.bad(`entry offset ${offset}`);
    if (offset > at) writeGap(buffer, at, offset - at);
    data.write(offset, entry);
    hashes.push({ hash: directory.hash(entry.name), address: offset / 8 });
    at = offset + dirEntryBytes(entry.name.length, directory.ftype);
  };
  put(at, { ino: inode.ino, name: DOT, type: DIR_TYPE });
  put(at, { ino: parent, name: DOTDOT, type: DIR_TYPE });
  for (const entry of entries) put(entry.offset, entry);
  if (at < start) writeGap(buffer, at, start - at);
  data.rescan();
  hashes.sort((a, b) => a.hash - b.hash || a.address - b.address);
  const table = new LeafTable(buffer.bytes, start, count, 0);
  hashes.forEach(({ hash, address }, i) => {
    table.set(i, hash, address);
  });
  buffer.view.setUint32(tail, count);
  buffer.view.setUint32(tail + 4, 0);
  return new BlockDirectory(directory, buffer);
}

function writeGap(buffer: MetaBuffer, at: number, length: number): void {
  buffer.view.setUint16(at, 0xffff);
  buffer.view.setUint16(at + 2, length);
  buffer.view.setUint16(at + length - 2, at);
}
