/**
 * Where a directory has entries: a slot for every eight bytes of the data blocks that could be read, with the hash of
 * the name that begins there. Holding a hash index against it is then a lookup an entry, whatever its order.
 *
 * Only blocks that proved to be this directory's own take slots, so the size follows from what is really there. The
 * arrays are kept from one directory to the next.
 */
import type { Geometry } from '../../../format/geometry.ts';

/** What a slot holds: nothing, an entry, one that was told to be wrong, one that the index has, or what is not known. */
export const SLOT = { NOTHING: 0, ENTRY: 1, TOLD: 2, INDEXED: 3, UNKNOWN: 4 } as const;

/** `find` of an address in a block that is not there, or that could not be read. */
export const NO_SLOT = -1;
export const LOST_SLOT = -2;
/** Longest free area of a block that could not be read. */
export const UNKNOWN_BEST = -1;

export class EntrySlots {
  /** Data blocks in use: number in units of directory blocks, fsbno, longest free area. */
  blocks = 0;
  number = new Uint32Array(16);
  fsbno = new Float64Array(16);
  best = new Int32Array(16);
  hash = new Uint32Array(0);
  state = new Uint8Array(0);
  /** Entries, and those of them that the index has. */
  entries = 0;
  indexed = 0;
  /** Slots in a block. */
  readonly perBlock: number;
  /** Blocks beyond those known may exist. */
  partial = false;
  private readonly lost = new Set<number>();
  private readonly shift: number;

  constructor(geometry: Geometry) {
    this.perBlock = geometry.dirblocksize / 8;
    this.shift = Math.log2(this.perBlock);
  }

  clear(): void {
    this.blocks = 0;
    this.entries = 0;
    this.indexed = 0;
    this.partial = false;
    if (this.lost.size > 0) this.lost.clear();
  }

  /** Adds data block `number`; they come in ascending order. Returns its first slot. */
  add(number: number, fsbno: number): number {
    if (this.blocks === this.number.length) this.growBlocks();
    const i = this.blocks++;
    this.number[i] = number;
    this.fsbno[i] = fsbno;
    this.best[i] = UNKNOWN_BEST;
    const from = i * this.perBlock;
    const to = from + this.perBlock;
    if (to > this.state.length) this.growSlots(to);
    this.state.fill(SLOT.NOTHING, from, to);
    return from;
  }

  /** Data block `number` is there and could not be read. */
  lose(number: number): void {
    this.lost.add(number);
  }
  get lostBlocks(): number {
    return this.lost.size;
  }

  /** The slot of an address; NO_SLOT or LOST_SLOT. */
  find(address: number): number {
    const block = this.indexOf(address >>> this.shift);
    return block < 0 ? block : block * this.perBlock + (address & (this.perBlock - 1));
  }

  /** Index of data block `number`; NO_SLOT or LOST_SLOT. */
  indexOf(number: number): number {
    if (number < this.blocks && this.number[number] === number) return number;
    let low = 0;
    let high = this.blocks;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.number[middle]! < number) low = middle + 1;
      else high = middle;
    }
    if (low < this.blocks && this.number[low] === number) return low;
    return this.partial || this.lost.has(number) ? LOST_SLOT : NO_SLOT;
  }

  /** The address of a slot. */
  address(slot: number): number {
    const block = Math.floor(slot / this.perBlock);
    return this.number[block]! * this.perBlock + (slot % this.perBlock);
  }

  /** Takes up the entry that an index has at `slot`. */
  take(slot: number): void {
    this.state[slot] = SLOT.INDEXED;
    this.indexed++;
  }

  private growBlocks(): void {
    const { number, fsbno, best } = this;
    (this.number = new Uint32Array(number.length * 2)).set(number);
    (this.fsbno = new Float64Array(fsbno.length * 2)).set(fsbno);
    (this.best = new Int32Array(best.length * 2)).set(best);
  }

  private growSlots(needed: number): void {
    const { hash, state } = this;
    const length = Math.max(needed, hash.length + (hash.length >>> 1));
    (this.hash = new Uint32Array(length)).set(hash);
    (this.state = new Uint8Array(length)).set(state);
  }
}
