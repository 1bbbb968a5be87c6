/**
 * One leaf of attributes: table of entries sorted by hash growing up from the header, names and values growing down
 * from the end. The header keeps three of the free areas; what is free beyond them is found again by compaction,
 * which `holes` asks for.
 *
 * An instance is a view of a block; `save` writes its header back.
 */
import {
  ATTR_INCOMPLETE,
  ATTR_LEAF_HEADER,
  ATTR_LOCAL,
  ATTR_PARENT,
  ATTR_ROOT,
  ATTR_SECURE,
  attrEntryByte,
  attrNameBytes,
} from '../../format/attr.ts';
import type { MetaBuffer } from '../buffer.ts';
import { type AttrEntry, isLocalValue, leafBytes, sameBytes, sameValueIfParent } from './entry.ts';

const AT = ATTR_LEAF_HEADER.offset;
const HEADER_BYTES = ATTR_LEAF_HEADER.size;
const ENTRY_BYTES = 8;
const MAPS = 3;
/** Fields of a name in the leaf. */
const LOCAL_NAME = 3;
const REMOTE_NAME = 9;
/** Flags that tell two attributes of the same name apart. */
export const NAMESPACES = ATTR_ROOT | ATTR_SECURE | ATTR_PARENT;

interface FreeArea {
  base: number;
  size: number;
}

/** Where the value of an entry is. */
export interface RemoteValue {
  readonly block: number;
  readonly bytes: number;
}

export class AttrLeaf {
  readonly buffer: MetaBuffer;
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  count: number;
  usedbytes: number;
  firstused: number;
  holes: number;
  freemap: FreeArea[];

  constructor(buffer: MetaBuffer) {
    this.buffer = buffer;
    this.view = buffer.view;
    this.bytes = buffer.bytes;
    this.count = this.view.getUint16(AT.count);
    this.usedbytes = this.view.getUint16(AT.usedbytes);
    this.firstused = this.view.getUint16(AT.firstused) || 65536;
    this.holes = this.view.getUint8(AT.holes);
    this.freemap = [];
    for (let i = 0; i < MAPS; i++) {
      const at = AT.freemap + 4 * i;
      this.freemap.push({ base: this.view.getUint16(at), size: this.view.getUint16(at + 2) });
    }
  }

  get blocksize(): number {
    return this.bytes.length;
  }

  /** Makes the header that of an empty leaf. */
  clear(): void {
    this.count = 0;
    this.usedbytes = 0;
    this.firstused = this.blocksize;
    this.holes = 0;
    this.setFree(HEADER_BYTES, this.blocksize - HEADER_BYTES);
  }

  /** Writes the header. */
  save(): void {
    const { view } = this;
    view.setUint16(AT.count, this.count);
    view.setUint16(AT.usedbytes, this.usedbytes);
    view.setUint16(AT.firstused, this.firstused === 65536 ? 0 : this.firstused);
    view.setUint8(AT.holes, this.holes);
    view.setUint8(AT.pad1, 0);
    this.freemap.forEach(({ base, size }, i) => {
      view.setUint16(AT.freemap + 4 * i, base);
      view.setUint16(AT.freemap + 4 * i + 2, size);
    });
  }

  hash(index: number): number {
    return this.view.getUint32(attrEntryByte(index));
  }
  nameByte(index: number): number {
    return this.view.getUint16(attrEntryByte(index) + 4);
  }
  flags(index: number): number {
    return this.view.getUint8(attrEntryByte(index) + 6);
  }
  setFlags(index: number, flags: number): void {
    this.view.setUint8(attrEntryByte(index) + 6, flags);
  }
  isLocal(index: number): boolean {
    return (this.flags(index) & ATTR_LOCAL) !== 0;
  }
  get lastHash(): number {
    return this.count === 0 ? 0 : this.hash(this.count - 1);
  }

  name(index: number): Uint8Array {
    const at = this.nameByte(index);
    const local = this.isLocal(index);
    const length = this.byte(at + (local ? 2 : 8));
    const start = at + (local ? LOCAL_NAME : REMOTE_NAME);
    return this.bytes.subarray(start, start + length);
  }
  /** A value that is kept here. */
  localValue(index: number): Uint8Array {
    const at = this.nameByte(index);
    const start = at + LOCAL_NAME + this.byte(at + 2);
    return this.bytes.subarray(start, start + this.byte(at) * 256 + this.byte(at + 1));
  }
  remote(index: number): RemoteValue {
    const at = Math.min(this.nameByte(index), this.blocksize - REMOTE_NAME);
    return { block: this.view.getUint32(at), bytes: this.view.getUint32(at + 4) };
  }
  setRemote(index: number, { block, bytes }: RemoteValue): void {
    const at = this.nameByte(index);
    this.view.setUint32(at, block);
    this.view.setUint32(at + 4, bytes);
  }
  /** Bytes of name and value, rounded as they are kept. */
  entryBytes(index: number): number {
    const local = this.isLocal(index);
    return attrNameBytes(local, this.name(index).length, local ? this.localValue(index).length : 0);
  }

  /** Whether every name and value lies inside the block; a leaf that does not hold this must not be worked on. */
  isSound(): boolean {
    if (HEADER_BYTES + this.count * ENTRY_BYTES > this.firstused) return false;
    if (this.firstused > this.blocksize) return false;
    for (let i = 0; i < this.count; i++) {
      const at = this.nameByte(i);
      if (at < this.firstused) return false;
      if (at + this.entryBytes(i) > this.blocksize) return false;
    }
    return this.freemap.every(({ base, size }) => base + size <= this.blocksize && size % 4 === 0);
  }

  /** Where the attribute is, or where it belongs. `incomplete` looks for one that is being made or removed. */
  find(entry: AttrEntry, incomplete = false): { index: number; found: boolean } {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.hash(middle) < entry.hash) low = middle + 1;
      else high = middle;
    }
    const wanted = entry.flags | (incomplete ? ATTR_INCOMPLETE : 0);
    let index = low;
    for (; index < this.count && this.hash(index) === entry.hash; index++) {
      if ((this.flags(index) & (NAMESPACES | ATTR_INCOMPLETE)) !== wanted) continue;
      if (!sameBytes(this.name(index), entry.name)) continue;
      if (sameValueIfParent(entry, () => this.localValue(index))) return { index, found: true };
    }
    return { index, found: false };
  }

  /**
   * Puts an entry in at `index`; false, with the leaf perhaps compacted, when there is no room. A remote value's
   * entry is marked incomplete until the value is written; so is any with `flags` that say it.
   */
  add(index: number, entry: AttrEntry, flags: number): boolean {
    const bytes = leafBytes(entry, this.blocksize);
    const table = HEADER_BYTES + (this.count + 1) * ENTRY_BYTES;
    let free = 0;
    for (let i = MAPS - 1; i >= 0; i--) {
      const { base, size } = this.freemap[i]!;
      if (table > this.firstused) {
        free += size;
        continue;
      }
      if (size === 0) continue;
      // An area below the names is also where the table grows.
      if (size >= bytes + (base < this.firstused ? ENTRY_BYTES : 0)) {
        this.put(index, entry, flags, i);
        return true;
      }
      free += size;
    }
    if (!this.holes && free < bytes) return false;
    this.compact();
    if (this.freemap[0]!.size < bytes + ENTRY_BYTES) {
      this.save();
      return false;
    }
    this.put(index, entry, flags, 0);
    return true;
  }

  private put(index: number, entry: AttrEntry, flags: number, area: number): void {
    const at = attrEntryByte(index);
    this.bytes.copyWithin(at + ENTRY_BYTES, at, attrEntryByte(this.count));
    this.count++;
    const local = isLocalValue(entry, this.blocksize);
    const bytes = leafBytes(entry, this.blocksize);
    const free = this.freemap[area]!;
    free.size -= bytes;
    const name = free.base + free.size;
    this.view.setUint32(at, entry.hash);
    this.view.setUint16(at + 4, name);
    this.setFlags(index, flags | (local ? ATTR_LOCAL : ATTR_INCOMPLETE));
    this.writeName(name, entry, local);
    this.firstused = Math.min(this.firstused, name);
    const end = attrEntryByte(this.count - 1);
    for (const map of this.freemap) {
      if (map.base !== end) continue;
      map.base += ENTRY_BYTES;
      map.size -= Math.min(map.size, ENTRY_BYTES);
    }
    this.usedbytes += bytes;
    this.save();
  }

  private writeName(at: number, entry: AttrEntry, local: boolean): void {
    const { view, bytes } = this;
    if (local) {
      view.setUint16(at, entry.value.length);
      view.setUint8(at + 2, entry.name.length);
      bytes.set(entry.name, at + LOCAL_NAME);
      bytes.set(entry.value, at + LOCAL_NAME + entry.name.length);
      return;
    }
    view.setUint32(at, 0);
    view.setUint32(at + 4, 0);
    view.setUint8(at + 8, entry.name.length);
    bytes.set(entry.name, at + REMOTE_NAME);
  }

  remove(index: number): void {
    const bytes = this.entryBytes(index);
    const name = this.nameByte(index);
    this.giveBack(name, bytes);
    this.bytes.fill(0, name, name + bytes);
    this.usedbytes -= bytes;
    const at = attrEntryByte(index);
    this.bytes.copyWithin(at, at + ENTRY_BYTES, attrEntryByte(this.count));
    this.count--;
    this.bytes.fill(0, attrEntryByte(this.count), attrEntryByte(this.count + 1));
    if (name === this.firstused) {
      let first = this.blocksize;
      for (let i = 0; i < this.count; i++) first = Math.min(first, this.nameByte(i));
      this.firstused = first;
    } else this.holes = 1;
    this.save();
  }

  /** Free areas beside the bytes grow; with none beside, the smallest of the three is given up for them. */
  private giveBack(name: number, bytes: number): void {
    const table = attrEntryByte(this.count);
    let before: FreeArea | undefined;
    let after: FreeArea | undefined;
    let smallest = this.freemap[MAPS - 1]!;
    let least = this.freemap[0]!.size;
    for (const map of this.freemap) {
      if (map.base === table) {
        map.base -= ENTRY_BYTES;
        map.size += ENTRY_BYTES;
      }
      if (map.base + map.size === name) before = map;
      else if (map.base === name + bytes) after = map;
      else if (map.size < least) {
        least = map.size;
        smallest = map;
      }
    }
    if (before && after) {
      before.size += bytes + after.size;
      after.base = 0;
      after.size = 0;
    } else if (before) before.size += bytes;
    else if (after) {
      after.base = name;
      after.size += bytes;
    } else if (smallest.size < bytes) {
      smallest.base = name;
      smallest.size = bytes;
    }
  }

  /** Moves all names together at the end of the block. */
  compact(): void {
    const old = this.copy();
    this.bytes.fill(0, HEADER_BYTES);
    this.clear();
    this.save();
    this.take(old, 0, 0, old.count);
  }

  /** The same leaf over bytes of its own. */
  copy(): AttrLeaf {
    const bytes = this.bytes.slice();
    const { type, place, pieces } = this.buffer;
    const twin = new AttrLeaf({ type, place, pieces, bytes, view: new DataView(bytes.buffer) } as MetaBuffer);
    twin.count = this.count;
    twin.usedbytes = this.usedbytes;
    twin.firstused = this.firstused;
    twin.holes = this.holes;
    twin.freemap = this.freemap.map((map) => ({ ...map }));
    return twin;
  }

  /** Moves `count` entries of another leaf, from its `start`, to our `to`. Headers are not saved. */
  take(from: AttrLeaf, start: number, to: number, count: number): void {
    if (count === 0) return;
    if (to < this.count) {
      this.bytes.copyWithin(attrEntryByte(to + count), attrEntryByte(to), attrEntryByte(this.count));
    }
    for (let i = 0; i < count; i++) {
      const bytes = from.entryBytes(start + i);
      const name = from.nameByte(start + i);
      this.firstused -= bytes;
      const at = attrEntryByte(to + i);
      this.view.setUint32(at, from.hash(start + i));
      this.view.setUint16(at + 4, this.firstused);
      this.setFlags(to + i, from.flags(start + i));
      this.bytes.set(from.bytes.subarray(name, name + bytes), this.firstused);
      from.bytes.fill(0, name, name + bytes);
      from.usedbytes -= bytes;
      this.usedbytes += bytes;
      this.count++;
    }
    const end = attrEntryByte(from.count);
    from.bytes.copyWithin(attrEntryByte(start), attrEntryByte(start + count), end);
    from.bytes.fill(0, attrEntryByte(from.count - count), end);
    from.count -= count;
    from.holes = 1;
    const base = attrEntryByte(this.count);
    this.setFree(base, this.firstused - base);
  }

  private setFree(base: number, size: number): void {
    this.freemap = [
      { base, size },
      { base: 0, size: 0 },
      { base: 0, size: 0 },
    ];
  }

  private byte(at: number): number {
    return this.bytes[at] ?? 0;
  }
}

/** Whether the second leaf's hashes belong before the first's. */
export function leafIsBefore(first: AttrLeaf, second: AttrLeaf): boolean {
  if (first.count === 0 || second.count === 0) return false;
  return second.hash(0) < first.hash(0) || second.lastHash < first.lastHash;
}
