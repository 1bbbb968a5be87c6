/**
 * Sorting columns: a least-significant-digit radix sort of row indices. Linear, stable, no objects; digits that are
 * the same in every row cost one counting pass and no move.
 */
import type { ExtentColumns } from './columns.ts';

const DIGIT_BITS = 11;
const BUCKETS = 1 << DIGIT_BITS;
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
  const first = (key[order[0]!]! >>> shift) & (BUCKETS - 1);
  if (counts[first] === order.length) return false;
  let position = 0;
  for (let b = 0; b < BUCKETS; b++) {
    const here = counts[b]!;
    counts[b] = position;
    position += here;
  }
  return true;
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
