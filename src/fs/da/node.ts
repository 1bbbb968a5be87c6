/**
 * The fields of da blocks that the tree above the leaves works with: links, and of a node its count, level and
 * (hash, child) entries, the hash being the greatest below the child.
 */
import type { MetaBuffer } from '../buffer.ts';

export const NODE_HEADER_BYTES = 64;
const ENTRY_BYTES = 8;
const COUNT = 56;
const LEVEL = 58;

export const forwOf = (buffer: MetaBuffer): number => buffer.view.getUint32(0);
export const backOf = (buffer: MetaBuffer): number => buffer.view.getUint32(4);
export const setForw = (buffer: MetaBuffer, block: number): void => buffer.view.setUint32(0, block);
export const setBack = (buffer: MetaBuffer, block: number): void => buffer.view.setUint32(4, block);

export class DaNode {
  readonly buffer: MetaBuffer;
  private readonly view: DataView;

  constructor(buffer: MetaBuffer) {
    this.buffer = buffer;
    this.view = buffer.view;
  }

  get count(): number {
    return this.view.getUint16(COUNT);
  }
  set count(value: number) {
    this.view.setUint16(COUNT, value);
  }
  get level(): number {
    return this.view.getUint16(LEVEL);
  }
  set level(value: number) {
    this.view.setUint16(LEVEL, value);
  }
  hash(index: number): number {
    return this.view.getUint32(entryByte(index));
  }
  child(index: number): number {
    return this.view.getUint32(entryByte(index) + 4);
  }
  set(index: number, hash: number, child: number): void {
    this.view.setUint32(entryByte(index), hash);
    this.view.setUint32(entryByte(index) + 4, child);
  }
  setHash(index: number, hash: number): void {
    this.view.setUint32(entryByte(index), hash);
  }
  setChild(index: number, child: number): void {
    this.view.setUint32(entryByte(index) + 4, child);
  }
  get lastHash(): number {
    return this.hash(this.count - 1);
  }
  /** Bytes from the start to the end of the entries. */
  get usedBytes(): number {
    return entryByte(this.count);
  }
  /** Copies entries within this node, or from another. */
  take(from: DaNode, index: number, count: number, to: number): void {
    const bytes = from.buffer.bytes.slice(entryByte(index), entryByte(index + count));
    this.buffer.bytes.set(bytes, entryByte(to));
  }
  erase(index: number): void {
    this.buffer.bytes.fill(0, entryByte(index), entryByte(index + 1));
  }

  /** Entry under which a hash is looked for: the first whose hash is not below it, or the last. */
  find(hash: number): number {
    const { count } = this;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.hash(middle) < hash) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function entryByte(index: number): number {
  return NODE_HEADER_BYTES + index * ENTRY_BYTES;
}

/** Entries that a node of `bytes` holds. */
export function nodeRoom(bytes: number): number {
  return Math.floor((bytes - NODE_HEADER_BYTES) / ENTRY_BYTES);
}
