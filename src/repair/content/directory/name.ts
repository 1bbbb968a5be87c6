/** Names in directories: what one may hold, its hash, and when two are the same. */
import { hashNameAt, hashNameIgnoringCaseAt, lowerCase } from '../../../format/dahash.ts';

const SLASH = 0x2f;
const DOT = 0x2e;

/** Why the name may not stand in a directory, other than as its first two entries; undefined: it may. */
export function nameFault(bytes: Uint8Array, from: number, length: number): string | undefined {
  if (length === 0) return 'the name is empty';
  for (let i = from; i < from + length; i++) {
    const byte = bytes[i]!;
    if (byte === SLASH || byte === 0) return `byte ${i - from} of the name is ${byte === 0 ? 'NUL' : '"/"'}`;
  }
  if (bytes[from] === DOT && (length === 1 || (length === 2 && bytes[from + 1] === DOT))) {
    return 'only the first two entries have that name';
  }
  return undefined;
}

const SLASHES = 0x2f2f2f2f;
const ONES = 0x01010101;
const HIGH_BITS = 0x80808080 | 0;

/**
 * The hash of a name, and whether anything in it calls for a closer look: four bytes at a time, since this runs for
 * every entry of every directory.
 */
export class NameScan {
  hash = 0;
  /** The name holds "/" or NUL, begins with a dot, or is empty. */
  doubtful = false;

  read(view: DataView, from: number, length: number): void {
    let hash = 0;
    let zeros = 0;
    const end = from + length;
    let i = from;
    for (; i + 4 <= end; i += 4) {
      const word = view.getInt32(i);
      const slashes = word ^ SLASHES;
      // A byte of zeros leaves its high bit here: of the name, or of the name with every "/" made zero.
      zeros |= ((word - ONES) & ~word) | ((slashes - ONES) & ~slashes);
      hash =
        ((word >>> 24) << 21) ^
        (((word >>> 16) & 0xff) << 14) ^
        (((word >>> 8) & 0xff) << 7) ^
        (word & 0xff) ^
        ((hash << 28) | (hash >>> 4));
    }
    let doubtful = (zeros & HIGH_BITS) !== 0 || length === 0 || view.getUint8(from) === DOT;
    const left = end - i;
    if (left > 0) {
      let tail = 0;
      for (; i < end; i++) {
        const byte = view.getUint8(i);
        doubtful = doubtful || byte === 0 || byte === SLASH;
        tail = (tail << 7) ^ byte;
      }
      const by = 7 * left;
      hash = tail ^ ((hash << by) | (hash >>> (32 - by)));
    }
    this.hash = hash >>> 0;
    this.doubtful = doubtful;
  }
}

export function hashEntry(bytes: Uint8Array, from: number, length: number, ignoresCase: boolean): number {
  return ignoresCase ? hashNameIgnoringCaseAt(bytes, from, length) : hashNameAt(bytes, from, length);
}

/** Whether two names of the same length are the same to the filesystem. */
export function sameNames(
  one: Uint8Array,
  at: number,
  other: Uint8Array,
  otherAt: number,
  length: number,
  ignoresCase: boolean,
): boolean {
  for (let i = 0; i < length; i++) {
    const a = one[at + i]!;
    const b = other[otherAt + i]!;
    if (a !== b && !(ignoresCase && lowerCase(a) === lowerCase(b))) return false;
  }
  return true;
}
