/**
 * Sorting columns: a least-significant-digit radix sort of row indices. Linear, stable, no objects; digits that are
 * the same in every row cost one counting pass and no move.
 */
import type { ExtentColumns } from './columns.ts';

const DIGIT_BITS = 11;
const BUCKETS = 1 << DIGIT_BITS;
const DIGITS = 3;
const TWO_32 = 2 ** 32;

/** Indices 0..length-1 in order of `keys`, least significant key first; each key is 32 bits a row. */
export function radixOrder(length: number, keys: readonly Uint32Array[]): Uint32Array {
  let order: Uint32Array = new Uint32Array(length);
  for (let i = 0; i < length; i++) order[i] = i; // Uint32Array.from with a function takes ten times as long
  let spare: Uint32Array = new Uint32Array(length);
  const counts = new Uint32Array(BUCKETS);
  for (const key of keys) {
    if (isSorted(order, key)) continue;
    for (let shift = 0; shift < 32; shift += DIGIT_BITS) {
      if (!countDigits(order, key, shift, counts)) continue;
      for (let i = 0; i < length; i++) {
        const row = order[i]!;
        spare[counts[(key[row]! >>> shift) & (BUCKETS - 1)]!++] = row;
      }
      [order, spare] = [spare, order];
    }
  }
  return order;
}

function isSorted(order: Uint32Array, key: Uint32Array): boolean {
  for (let i = 1; i < order.length; i++) if (key[order[i]!]! < key[order[i - 1]!]!) return false;
  return true;
}

/** Fills `counts` with the first position of each digit; false when all rows have the same digit. */
function countDigits(order: Uint32Array, key: Uint32Array, shift: number, counts: Uint32Array): boolean {
  counts.fill(0);
  for (let i = 0; i < order.length; i++) counts[(key[order[i]!]! >>> shift) & (BUCKETS - 1)]!++;
  return toPositions(counts, 0, (key[order[0]!]! >>> shift) & (BUCKETS - 1), order.length);
}

/** Counts of one digit, from `base` on, become first positions; false when all `rows` rows have digit `first`. */
function toPositions(counts: Uint32Array, base: number, first: number, rows: number): boolean {
  if (counts[base + first] === rows) return false;
  let position = 0;
  for (let b = base; b < base + BUCKETS; b++) {
    const here = counts[b]!;
    counts[b] = position;
    position += here;
  }
  return true;
}

/** Counts of all digits of a key, gathered in one pass over it; undefined when the key ascends already. */
function countAll(key: Uint32Array): Uint32Array | undefined {
  const counts = new Uint32Array(DIGITS * BUCKETS);
  let before = 0;
  let ascending = true;
  for (let i = 0; i < key.length; i++) {
    const value = key[i]!;
    if (value < before) ascending = false;
    before = value;
    counts[value & (BUCKETS - 1)]!++;
    counts[BUCKETS + ((value >>> DIGIT_BITS) & (BUCKETS - 1))]!++;
    counts[2 * BUCKETS + (value >>> (2 * DIGIT_BITS))]!++;
  }
  return ascending ? undefined : counts;
}

/**
 * Memory for what lasts no longer than one call, kept for the next: AG after AG needs the same, and what is given up
 * is not given back to the system at once. Whoever asks for an area again takes it from its last user.
 */
const areas = [new Uint32Array(0), new Uint32Array(0), new Uint32Array(0)];

export function workArea(area: 0 | 1 | 2, length: number): Uint32Array {
  if (areas[area]!.length < length) areas[area] = new Uint32Array(length);
  return areas[area]!.subarray(0, length);
}

/**
 * As radixOrder by one key, which is read in its own order once instead of in the rows' order three times; undefined
 * when the rows are in order. Lies in work area 0 or 1 and uses both.
 */
export function orderOf(key: Uint32Array): Uint32Array | undefined {
  const counts = countAll(key);
  if (!counts) return undefined;
  let order = workArea(0, key.length);
  let spare = workArea(1, key.length);
  for (let i = 0; i < order.length; i++) order[i] = i;
  for (let digit = 0; digit < DIGITS; digit++) {
    const shift = digit * DIGIT_BITS;
    const base = digit * BUCKETS;
    if (!toPositions(counts, base, (key[0]! >>> shift) & (BUCKETS - 1), key.length)) continue;
    for (let i = 0; i < order.length; i++) {
      const row = order[i]!;
      spare[counts[base + ((key[row]! >>> shift) & (BUCKETS - 1))]!++] = row;
    }
    [order, spare] = [spare, order];
  }
  return order;
}

/** The values in ascending order, in their own memory or in `spare`, which is as long. */
export function sortedValues(values: Uint32Array, spare: Uint32Array): Uint32Array {
  const counts = countAll(values);
  if (!counts) return values;
  let sorted = values;
  let other = spare;
  for (let digit = 0; digit < DIGITS; digit++) {
    const shift = digit * DIGIT_BITS;
    const base = digit * BUCKETS;
    if (!toPositions(counts, base, (sorted[0]! >>> shift) & (BUCKETS - 1), sorted.length)) continue;
    for (let i = 0; i < sorted.length; i++) {
      const value = sorted[i]!;
      other[counts[base + ((value >>> shift) & (BUCKETS - 1))]!++] = value;
    }
    [sorted, other] = [other, sorted];
  }
  return sorted;
}

function low32(values: Float64Array, length: number): Uint32Array {
  const low = new Uint32Array(length);
  for (let i = 0; i < length; i++) low[i] = values[i]! < 0 ? values[i]! >>> 0 : values[i]! % TWO_32;
  return low;
}

/** High words; negative owners order after every inode number, as their unsigned 64-bit form does. */
function high32(values: Float64Array, length: number): Uint32Array {
  const high = new Uint32Array(length);
  for (let i = 0; i < length; i++) high[i] = values[i]! < 0 ? 0xffffffff : Math.floor(values[i]! / TWO_32);
  return high;
}

/** Row order by (owner, flags, offset, start): neighbours in it are the only rows that can merge. */
export function orderByOwner(extents: ExtentColumns): Uint32Array {
  const n = extents.length;
  return radixOrder(n, [
    extents.start.subarray(0, n),
    low32(extents.offset, n),
    high32(extents.offset, n),
    Uint32Array.from(extents.flags.subarray(0, n)),
    low32(extents.owner, n),
    high32(extents.owner, n),
  ]);
}

/** Row order of the rmapbt: (start, owner, attr and bmbt flags with offset). */
export function orderByStart(extents: ExtentColumns): Uint32Array {
  const n = extents.length;
  // In the on-disk offset word attr is the highest bit, bmbt the next; unwritten is masked in keys.
  const fork = new Uint32Array(n);
  for (let i = 0; i < n; i++) fork[i] = ((extents.flags[i]! & 1) << 1) | ((extents.flags[i]! & 2) >> 1);
  return radixOrder(n, [
    low32(extents.offset, n),
    high32(extents.offset, n),
    fork,
    low32(extents.owner, n),
    high32(extents.owner, n),
    extents.start.subarray(0, n),
  ]);
}
