/**
 * The entries and free areas of a data block, as its own bytes have them: do they fill it exactly, does every tag give
 * its own place, are there free areas side by side, and are the three longest ones those in the header.
 *
 * The tag at the end of an area makes up for a wrong length, and a length that leads on to a sound area for a wrong
 * tag: neither hides what follows. Where both fail the block cannot be followed any further.
 */
import { DIR_DATA_FREE, DIR_DATA_HEADER, DIR_DATA_START, DIR_FREE_TAG } from '../../../format/dir.ts';

const BEST = DIR_DATA_HEADER.offset.bestfree;
const BEST_BYTES = DIR_DATA_FREE.size;
/** Shortest and longest entry. */
const ENTRY_BYTES = 16;
const LONGEST_ENTRY = 272;
/** Wrong lengths that are made up for in a block. */
const MOST_WRONG = 8;
const NONE = -1;

export class DirAreas {
  /** Longest free area; 0: there is none. */
  longest = 0;
  /** Entries met. */
  entries = 0;
  /** Number of areas whose tag is wrong, and the first of them. */
  badTags = 0;
  badTag = NONE;
  /** Areas whose length is wrong, and their true ends, in ascending order; an entry among them has no sure name. */
  readonly wrongAt: number[] = [];
  readonly wrongEnd: number[] = [];
  /** Whether it is a free area, by its own account or that of the header. */
  readonly wrongFree: boolean[] = [];
  /** The second of two free areas side by side. */
  adjacent = NONE;
  /** What looks like an entry where `bestfree` has a free area of the same length. */
  notFree = NONE;
  /** What `bestfree` should hold: the three longest lengths. */
  readonly best = new Uint16Array(3);
  private second = 0;
  private third = 0;
  private mendedFree = false;
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
      let isFree = view.getUint16(at) === DIR_FREE_TAG;
      let length = 0;
      if (isFree) length = view.getUint16(at + 2);
      else if (at + ENTRY_BYTES <= end) length = (view.getUint8(at + 8) + this.overhead) & ~7;
      const possible = length !== 0 && length % 8 === 0 && at + length <= end;
      if (possible && view.getUint16(at + length - 2) === at) {
        if (doubtful !== NONE) this.noteTag(doubtful);
        doubtful = NONE;
      } else {
        const byTag = this.mend(view, at, isFree, end);
        if (byTag !== 0 && this.wrongAt.length < MOST_WRONG) {
          if (doubtful !== NONE) this.noteTag(doubtful);
          doubtful = NONE;
          length = byTag;
          isFree = this.mendedFree;
          this.wrongAt.push(at);
          this.wrongEnd.push(at + length);
          this.wrongFree.push(isFree);
        } else if (possible && doubtful === NONE) doubtful = at;
        else break;
      }
      if (isFree) {
        if (afterFree && this.adjacent === NONE) this.adjacent = at;
        this.noteFree(length);
        if (at === at0 || at === at1 || at === at2) this.noteSeen(view, at, length);
      } else {
        this.entries++;
        if ((at === at0 || at === at1 || at === at2) && this.isBest(view, at, length)) this.notFree = at;
      }
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
    this.notFree = NONE;
    this.wrongAt.length = 0;
    this.wrongEnd.length = 0;
    this.wrongFree.length = 0;
  }

  /**
   * Length of an area whose own account of it is wrong; 0: nothing tells. Sets `mendedFree`: a tag of free areas may be
   * the fault, in both directions, and then what the header lists decides.
   */
  private mend(view: DataView, at: number, isFree: boolean, end: number): number {
    const listed = this.freeLength(view, at, end);
    this.mendedFree = isFree || listed !== 0;
    if (listed !== 0) return listed;
    if (!isFree) return this.findTag(view, at, LONGEST_ENTRY, end);
    const length = at + ENTRY_BYTES <= end ? (view.getUint8(at + 8) + this.overhead) & ~7 : 0;
    if (length !== 0 && at + length <= end && view.getUint16(at + length - 2) === at) {
      if (this.isSound(view, at + length, end)) {
        this.mendedFree = false;
        return length;
      }
    }
    return this.findTag(view, at, end - at, end);
  }

  /** Length of the area at `at` by a tag that gives its place, with a sound area behind it; 0: there is none. */
  private findTag(view: DataView, at: number, longest: number, end: number): number {
    const most = Math.min(longest, end - at);
    for (let length = 8; length <= most; length += 8) {
      if (view.getUint16(at + length - 2) === at && this.isSound(view, at + length, end)) return length;
    }
    return 0;
  }

  /** Length of what the header calls a free area at `at`, if a tag says so too; 0: none. */
  private freeLength(view: DataView, at: number, end: number): number {
    for (let i = BEST; i < BEST + 3 * BEST_BYTES; i += BEST_BYTES) {
      const length = view.getUint16(i + 2);
      if (view.getUint16(i) !== at || length < 8 || length % 8 !== 0 || at + length > end) continue;
      if (view.getUint16(at + length - 2) === at && this.isSound(view, at + length, end)) return length;
    }
    return 0;
  }

  /** Whether an area with the right tag begins at `at`, or the areas end there. */
  private isSound(view: DataView, at: number, end: number): boolean {
    if (at === end) return true;
    const length = this.lengthAt(view, at, end);
    return length !== 0 && length % 8 === 0 && at + length <= end && view.getUint16(at + length - 2) === at;
  }

  /** Length of an area by its own account. */
  private lengthAt(view: DataView, at: number, end: number): number {
    if (view.getUint16(at) === DIR_FREE_TAG) return view.getUint16(at + 2);
    return at + ENTRY_BYTES <= end ? (view.getUint8(at + 8) + this.overhead) & ~7 : 0;
  }

  private isBest(view: DataView, at: number, length: number): boolean {
    for (let i = BEST; i < BEST + 3 * BEST_BYTES; i += BEST_BYTES) {
      if (view.getUint16(i) === at && view.getUint16(i + 2) === length) return true;
    }
    return false;
  }

  private noteTag(at: number): void {
    if (this.badTags++ === 0) this.badTag = at;
  }

  private noteSeen(view: DataView, at: number, length: number): void {
    for (let i = 0; i < 3; i++) {
      const best = BEST + BEST_BYTES * i;
      if (view.getUint16(best) === at && view.getUint16(best + 2) === length) this.seen |= 1 << i;
    }
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
