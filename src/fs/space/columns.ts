/**
 * Columns: records as structs of typed arrays. A large image has millions of extents, and an object or a bigint
 * for each would cost more than reading them (performance notes in docs/DESIGN.md), so every list of records
 * that check, repair and mkfs pass around is one of these.
 *
 * Units: `start` and `count` are blocks inside one AG; `offset` is a file offset in blocks.
 */

export const FLAG_ATTR = 1;
export const FLAG_BMBT = 2;
export const FLAG_UNWRITTEN = 4;

/** Doubles capacity; typed arrays cannot grow in place. */
function grown<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array>(old: T, capacity: number): T {
  const larger = new (old.constructor as new (n: number) => T)(capacity);
  larger.set(old);
  return larger;
}

/** Who owns which blocks of one AG: what inodes claim, and what the rmapbt says. */
export class ExtentColumns {
  length = 0;
  start: Uint32Array;
  count: Uint32Array;
  /** Inode number, or a negative OWNER. */
  owner: Float64Array;
  offset: Float64Array;
  flags: Uint8Array;

  /** `capacity`: rows there is room for before anything has to grow; where it is known, nothing is copied. */
  constructor(capacity = 64) {
    this.start = new Uint32Array(capacity);
    this.count = new Uint32Array(capacity);
    this.owner = new Float64Array(capacity);
    this.offset = new Float64Array(capacity);
    this.flags = new Uint8Array(capacity);
  }

  push(start: number, count: number, owner: number, offset: number, flags: number): void {
    if (this.length === this.start.length) this.reserve(Math.max(64, this.length * 2));
    const i = this.length++;
    this.start[i] = start;
    this.count[i] = count;
    this.owner[i] = owner;
    this.offset[i] = offset;
    this.flags[i] = flags;
  }

  /** Makes room for `capacity` rows in all. */
  reserve(capacity: number): void {
    if (capacity <= this.start.length) return;
    this.start = grown(this.start, capacity);
    this.count = grown(this.count, capacity);
    this.owner = grown(this.owner, capacity);
    this.offset = grown(this.offset, capacity);
    this.flags = grown(this.flags, capacity);
  }
}

/** Free extents, or any other plain runs of blocks of one AG. */
export class RunColumns {
  length = 0;
  start: Uint32Array;
  count: Uint32Array;

  constructor(capacity = 64) {
    this.start = new Uint32Array(capacity);
    this.count = new Uint32Array(capacity);
  }

  push(start: number, count: number): void {
    if (this.length === this.start.length) {
      const capacity = Math.max(64, this.length * 2);
      this.start = grown(this.start, capacity);
      this.count = grown(this.count, capacity);
    }
    const i = this.length++;
    this.start[i] = start;
    this.count[i] = count;
  }
}

/** Records of the refcountbt. `start` is without the CoW bit; staging records have `cow` 1 and refcount 1. */
export class RefcountColumns {
  length = 0;
  start = new Uint32Array(64);
  count = new Uint32Array(64);
  refcount = new Uint32Array(64);
  cow = new Uint8Array(64);

  push(start: number, count: number, refcount: number, cow: number): void {
    if (this.length === this.start.length) {
      const capacity = this.length * 2;
      this.start = grown(this.start, capacity);
      this.count = grown(this.count, capacity);
      this.refcount = grown(this.refcount, capacity);
      this.cow = grown(this.cow, capacity);
    }
    const i = this.length++;
    this.start[i] = start;
    this.count[i] = count;
    this.refcount[i] = refcount;
    this.cow[i] = cow;
  }
}

/** Inode chunks: records of inobt or finobt, or chunks as their inodes tell them. 64 inodes from `startino` (agino). */
export class ChunkColumns {
  length = 0;
  startino = new Uint32Array(64);
  /** Bit j: inodes 4j..4j+3 do not exist. 0 without sparse chunks. */
  holemask = new Uint16Array(64);
  /** Inodes that exist. */
  count = new Uint8Array(64);
  freecount = new Uint8Array(64);
  /** Free mask, inodes 32..63 and 0..31; set in holes. */
  freeHigh = new Uint32Array(64);
  freeLow = new Uint32Array(64);

  push(
    startino: number,
    holemask: number,
    count: number,
    freecount: number,
    freeHigh: number,
    freeLow: number,
  ): void {
    if (this.length === this.startino.length) {
      const capacity = this.length * 2;
      this.startino = grown(this.startino, capacity);
      this.holemask = grown(this.holemask, capacity);
      this.count = grown(this.count, capacity);
      this.freecount = grown(this.freecount, capacity);
      this.freeHigh = grown(this.freeHigh, capacity);
      this.freeLow = grown(this.freeLow, capacity);
    }
    const i = this.length++;
    this.startino[i] = startino;
    this.holemask[i] = holemask;
    this.count[i] = count;
    this.freecount[i] = freecount;
    this.freeHigh[i] = freeHigh;
    this.freeLow[i] = freeLow;
  }
}
