/**
 * Shortform directories. Entries keep the offset they would have in a block, so that a conversion keeps readers'
 * positions; a new entry takes the first gap of offsets that is wide enough, else the end.
 */
import { DIR_DATA_START, dirEntryBytes } from '../../format/dir.ts';
import { readCount64, writeCount64 } from '../../format/kinds.ts';
import type { Inode } from '../inode/inode.ts';
import type { Directory } from './context.ts';
import { sameName } from './context.ts';
import type { DirEntry } from './data.ts';

const FIRST_OFFSET = DIR_DATA_START + 32;
const TAIL_BYTES = 8;
const LEAF_BYTES = 8;
const NARROW = 2 ** 32;

export interface ShortEntry extends DirEntry {
  /** Byte it would have in a block. */
  readonly offset: number;
}

export interface ShortDirectory {
  readonly parent: number;
  readonly entries: readonly ShortEntry[];
}

/** Reads a shortform directory. Throws CorruptionError. */
export function readShort(directory: Directory): ShortDirectory {
  const bytes = directory.inode.data.local;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 6) directory.bad(`${bytes.length} bytes of shortform`);
  const count = bytes[0]!;
  const wide = bytes[1]! !== 0;
  const inoBytes = wide ? 8 : 4;
  const ino = (at: number): number => (wide ? readCount64(view, at) : view.getUint32(at));
  let at = 2 + inoBytes;
  const typeBytes = directory.ftype ? 1 : 0;
  const entries: ShortEntry[] = [];
  if (at > bytes.length) directory.bad('shortform header is cut off');
  const parent = ino(2);
  for (let i = 0; i < count; i++) {
    const length = bytes[at] ?? 0;
    const end = at + 3 + length + typeBytes + inoBytes;
    if (length === 0 || end > bytes.length) directory.bad(`shortform entry ${i} leaves the directory`);
    const name = bytes.slice(at + 3, at + 3 + length);
    const type = directory.ftype ? bytes[at + 3 + length]! : 0;
    entries.push({ name, type, offset: view.getUint16(at + 1), ino: ino(end - inoBytes) });
    at = end;
  }
  if (at !== bytes.length) directory.bad(`${bytes.length} bytes of shortform, entries take ${at}`);
  return { parent, entries };
}

/** Bytes of a shortform directory. */
export function shortBytes(directory: Directory, { parent, entries }: ShortDirectory): number {
  const wide = parent >= NARROW || entries.some(({ ino }) => ino >= NARROW);
  const inoBytes = wide ? 8 : 4;
  const fixed = 3 + (directory.ftype ? 1 : 0) + inoBytes;
  return entries.reduce((sum, { name }) => sum + fixed + name.length, 2 + inoBytes);
}

/** Writes a shortform directory into the inode; its size with it. */
export function writeShort(directory: Directory, content: ShortDirectory): void {
  const { parent, entries } = content;
  const numbers = [parent, ...entries.map(({ ino }) => ino)];
  const large = numbers.filter((ino) => ino >= NARROW).length;
  const inoBytes = large ? 8 : 4;
  const bytes = new Uint8Array(shortBytes(directory, content));
  const view = new DataView(bytes.buffer);
  const putIno = (at: number, ino: number): void => {
    if (large) writeCount64(view, at, ino);
    else view.setUint32(at, ino);
  };
  bytes[0] = entries.length;
  bytes[1] = large;
  putIno(2, parent);
  let at = 2 + inoBytes;
  for (const { name, type, offset, ino } of entries) {
    bytes[at] = name.length;
    view.setUint16(at + 1, offset);
    bytes.set(name, at + 3);
    at += 3 + name.length;
    if (directory.ftype) bytes[at++] = type;
    putIno(at, ino);
    at += inoBytes;
  }
  storeShort(directory.inode, bytes);
}

function storeShort(inode: Inode, bytes: Uint8Array): void {
  const { data } = inode;
  inode.changed();
  inode.core.size = BigInt(bytes.length);
  data.becomeLocal(bytes);
}

/** Adds an entry; false when it does not fit the inode, or would not fit a block. */
export function addShort(directory: Directory, entry: DirEntry): boolean {
  const content = readShort(directory);
  const { entries, parent } = content;
  const size = dirEntryBytes(entry.name.length, directory.ftype);
  const bytesOf = (one: ShortEntry): number => dirEntryBytes(one.name.length, directory.ftype);
  if (entries.length >= 255) return false;
  const last = entries.at(-1);
  const end = last ? last.offset + bytesOf(last) : FIRST_OFFSET;
  let index = entries.length;
  let offset = end;
  const limit = directory.bytes - TAIL_BYTES - (entries.length + 3) * LEAF_BYTES;
  const room = (free: number): boolean => free + size <= limit;
  const wide = (list: readonly DirEntry[]): boolean => list.some(({ ino }) => ino >= NARROW);
  const widens = entry.ino >= NARROW && parent < NARROW && !wide(entries);
  // A gap is only used when the end has no room, or when every entry has to be written anew.
  if (!room(end) || widens) {
    let from = FIRST_OFFSET;
    const gap = entries.findIndex((one) => {
      if (one.offset - from >= size) return true;
      from = one.offset + bytesOf(one);
      return false;
    });
    if (gap < 0 && !room(end)) return false;
    if (gap >= 0) {
      index = gap;
      offset = from;
    }
  }
  const added = [...entries.slice(0, index), { ...entry, offset }, ...entries.slice(index)];
  const fits = shortBytes(directory, { parent, entries: added }) <= directory.inode.data.bytes;
  if (!fits) return false;
  writeShort(directory, { parent, entries: added });
  return true;
}

/** Removes a name; false when it is not there. */
export function removeShort(directory: Directory, name: Uint8Array): boolean {
  const { parent, entries } = readShort(directory);
  const kept = entries.filter((entry) => !sameName(entry.name, name));
  if (kept.length === entries.length) return false;
  writeShort(directory, { parent, entries: kept });
  return true;
}
