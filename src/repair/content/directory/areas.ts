/**
 * The entries and free areas of a data block, as its own bytes have them: do they fill it exactly, does every tag give
 * its own place, are there free areas side by side, and are the three longest ones those in the header.
 *
 * A single wrong tag does not hide what follows; where two in a row are wrong, or a length leads nowhere, the block
 * cannot be followed any further.
 */
import { DIR_DATA_FREE, DIR_DATA_HEADER, DIR_DATA_START, DIR_FREE_TAG } from '../../../format/dir.ts';

const BEST = DIR_DATA_HEADER.offset.bestfree;
const BEST_BYTES = DIR_DATA_FREE.size;
/** Shortest entry. */
const ENTRY_BYTES = 16;
const NONE = -1;

export class DirAreas {
  /** Longest free area; 0: there is none. */
  longest = 0;
  /** Entries met. */
  entries = 0;
  /** Number of areas whose tag is wrong, and the first of them. */
  badTags = 0;
  badTag = NONE;
  /** The second of two free areas side by side. */
  adjacent = NONE;
  /** What `bestfree` should hold: the three longest lengths. */
  readonly best = new Uint16Array(3);
  private second = 0;
  private third = 0;
  /** One bit for each slot of bestfree that names a free area of its length. */
  private seen = 0;
  /** Bytes of an entry besides its name, and what it takes to round up. */
  private readonly overhead: number;

  constructor(ftype: boolean) {
    this.overhead = 8 + 1 + (ftype ? 1 : 0) + 2 + 7;
  }

  /** Walks the areas up to byte `end`; returns where they end, which is `end` when all is well. */
  walk(view: DataView, end: number): number {
    this.clear();
    const at0 = view.getUint16(BEST);
    const at1 = view.getUint16(BEST + BEST_BYTES);
    const at2 = view.getUint16(BEST + 2 * BEST_BYTES);
    // The area before, when its tag was wrong.
    let doubtful = NONE;
    let afterFree = false;
    let at = DIR_DATA_START;
    while (at + 8 <= end) {
      const isFree = view.getUint16(at) === DIR_FREE_TAG;
      let length: number;
      if (isFree) {
        length = view.getUint16(at + 2);
        if (length === 0 || length % 8 !== 0) break;
      } else {
        if (at + ENTRY_BYTES > end) break;
        length = (view.getUint8(at + 8) + this.overhead) & ~7;
      }
      if (at + length > end) break;
      if (view.getUint16(at + length - 2) === at) {
        if (doubtful !== NONE) this.noteTag(doubtful);
        doubtful = NONE;
      } else if (doubtful === NONE) doubtful = at;
      else break;
      if (isFree) {
        if (afterFree && this.adjacent === NONE) this.adjacent = at;
        this.noteFree(length);
        if (at === at0 && length === view.getUint16(BEST + 2)) this.seen |= 1;
        if (at === at1 && length === view.getUint16(BEST + BEST_BYTES + 2)) this.seen |= 2;
        if (at === at2 && length === view.getUint16(BEST + 2 * BEST_BYTES + 2)) this.seen |= 4;
      } else this.entries++;
      afterFree = isFree;
      at += length;
    }
    this.best[0] = this.longest;
    this.best[1] = this.second;
    this.best[2] = this.third;
    if (at === end && doubtful !== NONE) this.noteTag(doubtful);
    return at !== end && doubtful !== NONE ? doubtful : at;
  }

  /** Index of the first entry of `bestfree` that is wrong; -1: none. After a walk that came to the end. */
  wrongBest(view: DataView): number {
    for (let i = 0; i < 3; i++) {
      const at = BEST + BEST_BYTES * i;
      const offset = view.getUint16(at);
      const length = view.getUint16(at + 2);
      if (length !== this.best[i]) return i;
      if (length === 0 ? offset !== 0 : (this.seen & (1 << i)) === 0) return i;
      for (let j = 0; j < i; j++)
        if (length > 0 && view.getUint16(BEST + BEST_BYTES * j) === offset) return i;
    }
    return -1;
  }

  private clear(): void {
    this.longest = 0;
    this.second = 0;
    this.third = 0;
    this.seen = 0;
    this.entries = 0;
    this.badTags = 0;
    this.badTag = NONE;
    this.adjacent = NONE;
  }

  private noteTag(at: number): void {
    if (this.badTags++ === 0) this.badTag = at;
  }

  private noteFree(length: number): void {
    if (length > this.longest) {
      this.third = this.second;
      this.second = this.longest;
      this.longest = length;
    } else if (length > this.second) {
      this.third = this.second;
      this.second = length;
    } else if (length > this.third) this.third = length;
  }
}

/** What stands at byte `at`, where a walk came to its end too early. */
export function describeArea(view: DataView, at: number, end: number): string {
  if (at + 8 > end) return `the areas end at byte ${at} of ${end}`;
  if (view.getUint16(at) === DIR_FREE_TAG)
    return `free area of ${view.getUint16(at + 2)} bytes at byte ${at}`;
  const namelen = at + 8 < view.byteLength ? view.getUint8(at + 8) : 0;
  return `entry at byte ${at} with a name of ${namelen} bytes`;
}
