/**
 * A btree block as the engine sees it: header fields, records, keys and pointers by slot. Slots count from 1, as
 * xfs_db prints them; slot 0 is before the first.
 *
 * The root of an inode's btree has no block of its own: it is kept in memory in the form of a long block whose
 * capacity is what the fork holds, and has no buffer.
 */
import { type BtreeFamily, LONG_HEADER, pointerOffset, SHORT_HEADER } from '../../format/btree.ts';
import { readCount64, writeCount64 } from '../../format/kinds.ts';
import type { MetaBuffer } from '../buffer.ts';

/** No block. */
export const NO_BLOCK = -1;

const AT = { level: SHORT_HEADER.offset.level, numrecs: SHORT_HEADER.offset.numrecs } as const;
const SIBLING = {
  short: { left: SHORT_HEADER.offset.leftsib, right: SHORT_HEADER.offset.rightsib },
  long: { left: LONG_HEADER.offset.leftsib, right: LONG_HEADER.offset.rightsib },
} as const;

export type Side = 'left' | 'right';

export class TreeBlock {
  readonly family: BtreeFamily;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Absent: the root in an inode. */
  readonly buffer: MetaBuffer | undefined;
  /** agbno or fsbno; NO_BLOCK for the root in an inode. */
  readonly pointer: number;
  /** First byte of the pointers, when this is a node. */
  private readonly pointers: number;

  constructor(
    family: BtreeFamily,
    bytes: Uint8Array,
    pointer: number,
    buffer?: MetaBuffer,
    /** Keys that an inode's root has room for. */
    rootKeys?: number,
  ) {
    this.family = family;
    this.bytes = bytes;
    this.view = buffer?.view ?? new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.buffer = buffer;
    this.pointer = pointer;
    this.pointers =
      rootKeys === undefined
        ? pointerOffset(family, 0, bytes.length)
        : family.headerBytes + rootKeys * family.keyBytes;
  }

  get level(): number {
    return this.view.getUint16(AT.level);
  }
  set level(value: number) {
    this.view.setUint16(AT.level, value);
  }
  get numrecs(): number {
    return this.view.getUint16(AT.numrecs);
  }
  set numrecs(value: number) {
    this.view.setUint16(AT.numrecs, value);
  }

  sibling(side: Side): number {
    if (this.family.long) return readCount64(this.view, SIBLING.long[side]);
    const agbno = this.view.getUint32(SIBLING.short[side]);
    return agbno === 0xffffffff ? NO_BLOCK : agbno;
  }
  setSibling(side: Side, pointer: number): void {
    if (this.family.long) writeCount64(this.view, SIBLING.long[side], pointer);
    else this.view.setUint32(SIBLING.short[side], pointer === NO_BLOCK ? 0xffffffff : pointer);
  }

  recordByte(slot: number): number {
    return this.family.headerBytes + (slot - 1) * this.family.recordBytes;
  }
  keyByte(slot: number): number {
    return this.family.headerBytes + (slot - 1) * this.family.keyBytes;
  }
  private pointerByte(slot: number): number {
    return this.pointers + (slot - 1) * this.family.pointerBytes;
  }
  child(slot: number): number {
    const byte = this.pointerByte(slot);
    return this.family.long ? readCount64(this.view, byte) : this.view.getUint32(byte);
  }
  setChild(slot: number, pointer: number): void {
    const byte = this.pointerByte(slot);
    if (this.family.long) writeCount64(this.view, byte, pointer);
    else this.view.setUint32(byte, pointer);
  }

  /** Moves the entries from `slot` up to the last by `by` slots (negative: down, over those before). */
  shift(slot: number, by: number): void {
    const count = this.numrecs - slot + 1;
    if (count > 0) this.take(this, slot, count, slot + by);
  }

  /** Copies `count` entries of `from`, which is of the same level, from its `slot` to our `to`. */
  take(from: TreeBlock, slot: number, count: number, to: number): void {
    const { recordBytes, keyBytes, pointerBytes } = this.family;
    if (from.level === 0) {
      this.copy(from, from.recordByte(slot), count * recordBytes, this.recordByte(to));
      return;
    }
    this.copy(from, from.keyByte(slot), count * keyBytes, this.keyByte(to));
    this.copy(from, from.pointerByte(slot), count * pointerBytes, this.pointerByte(to));
  }

  private copy(from: TreeBlock, at: number, length: number, to: number): void {
    if (from === this) this.bytes.copyWithin(to, at, at + length);
    else this.bytes.set(from.bytes.subarray(at, at + length), to);
  }
}
