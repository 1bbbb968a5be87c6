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
