/**
 * Rmap records in canonical form, as the kernel keeps them: in rmapbt order, and records of one owner and fork that
 * continue each other in the AG and in the file (in the AG alone for metadata owners and bmbt blocks) are one.
 *
 * Extents are sorted by their start, and merged in one pass after that. Where none overlap, whatever can merge stands
 * side by side. Where files share blocks, the extents of others stand in between; then a table tells which extent
 * with the same owner, fork and distance between block and file offset came last, for that alone can be continued.
 */
import { ExtentColumns, FLAG_BMBT } from './columns.ts';
import { copyExtents } from './runs.ts';
import { orderByOwner, orderByStart, orderOf, workArea } from './sort.ts';

/** More steps than this to a place in the table: the input is made to collide, and is sorted by owner instead. */
const MOST_PROBES = 64;

/** Sorted and merged copies of extents. */
export function canonicalRmaps(extents: ExtentColumns): ExtentColumns {
  const rows = copyExtents(extents, new ExtentColumns(extents.length));
  makeCanonical(rows);
  return rows;
}

/** Sorts and merges in place: there may be as many rows as extents in the filesystem, and no room for them twice. */
export function makeCanonical(rows: ExtentColumns): void {
  const order = orderOf(rows.start.subarray(0, rows.length));
  if (order) reorder(rows, order);
  const overlap = sortTies(rows);
  if (!overlap) mergeNeighbours(rows);
  else if (!mergeByTable(rows)) mergeByOwner(rows);
}

/** Puts rows with the same start into order; whether any rows overlap. */
function sortTies(rows: ExtentColumns): boolean {
  const { start, count, length } = rows;
  let end = 0;
  let overlap = false;
  let tied = 0; // first row of those with the same start
  let ordered = true;
  for (let i = 0; i < length; i++) {
    const at = start[i]!;
    if (at < end) {
      overlap = true;
      if (at === start[i - 1]) {
        if (compareTied(rows, i - 1, i) > 0) ordered = false;
      } else {
        if (!ordered) sortTied(rows, tied, i);
        tied = i;
        ordered = true;
      }
    } else if (!ordered) {
      sortTied(rows, tied, i);
      ordered = true;
      tied = i;
    } else tied = i;
    if (at + count[i]! > end) end = at + count[i]!;
  }
  if (!ordered) sortTied(rows, tied, length);
  return overlap;
}

/** Order of rows with the same start: owner as an unsigned number, fork, file offset; state only to be definite. */
function compareTied(rows: ExtentColumns, a: number, b: number): number {
  const ownerA = rows.owner[a]!;
  const ownerB = rows.owner[b]!;
  if (ownerA !== ownerB) {
    if (ownerA < 0 !== ownerB < 0) return ownerA < 0 ? 1 : -1;
    return ownerA - ownerB;
  }
  const flagsA = rows.flags[a]!;
  const flagsB = rows.flags[b]!;
  const fork = (flags: number): number => ((flags & 1) << 1) | ((flags & 2) >> 1);
  return fork(flagsA) - fork(flagsB) || rows.offset[a]! - rows.offset[b]! || flagsA - flagsB;
}

/** Sorts rows [from, to), which have the same start. */
function sortTied(rows: ExtentColumns, from: number, to: number): void {
  const order = new Uint32Array(to - from);
  for (let i = 0; i < order.length; i++) order[i] = from + i;
  order.sort((a, b) => compareTied(rows, a, b) || a - b);
  const count = Uint32Array.from(order, (i) => rows.count[i]!);
  const owner = Float64Array.from(order, (i) => rows.owner[i]!);
  const offset = Float64Array.from(order, (i) => rows.offset[i]!);
  const flags = Uint8Array.from(order, (i) => rows.flags[i]!);
  rows.count.set(count, from);
  rows.owner.set(owner, from);
  rows.offset.set(offset, from);
  rows.flags.set(flags, from);
}

function moveRow(rows: ExtentColumns, from: number, to: number): void {
  if (from === to) return;
  rows.start[to] = rows.start[from]!;
  rows.count[to] = rows.count[from]!;
  rows.owner[to] = rows.owner[from]!;
  rows.offset[to] = rows.offset[from]!;
  rows.flags[to] = rows.flags[from]!;
}

/** Whether record `j` of `b` goes on where record `i` of `a` ends, so that one record would hold both. */
export function continues(a: ExtentColumns, i: number, b: ExtentColumns, j: number): boolean {
  if (a.owner[i] !== b.owner[j] || a.flags[i] !== b.flags[j]) return false;
  if (a.start[i]! + a.count[i]! !== b.start[j]) return false;
  if (a.count[i]! + b.count[j]! > 0xffffffff) return false;
  return ignoresOffset(a, i) || a.offset[i]! + a.count[i]! === b.offset[j];
}

function ignoresOffset(rows: ExtentColumns, i: number): boolean {
  return rows.owner[i]! < 0 || (rows.flags[i]! & FLAG_BMBT) !== 0;
}

function mergeNeighbours(rows: ExtentColumns): void {
  let last = -1;
  const { length } = rows;
  for (let i = 0; i < length; i++) {
    if (last >= 0 && continues(rows, last, rows, i)) rows.count[last]! += rows.count[i]!;
    else moveRow(rows, i, ++last);
  }
  rows.length = last + 1;
}

/** A number for what stays the same along a chain of extents: owner, fork and state, and how far offset and block are
 * apart. */
export function chainHash(owner: number, flags: number, away: number): number {
  let h = Math.imul(owner | 0, 0x9e3779b1) ^ Math.imul((owner / 2 ** 32) | 0, 0x7feb352d);
  h = Math.imul(h ^ (h >>> 15) ^ (away | 0), 0x85ebca6b) ^ ((away / 2 ** 32) | 0) ^ flags;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Merges in place; false, with what is merged so far in place, when the table fills badly. */
function mergeByTable(rows: ExtentColumns): boolean {
  const { start, count, owner, offset, flags, length } = rows;
  let slots = 64;
  while (slots < 2 * length) slots *= 2;
  const table = workArea(2, slots).fill(0); // row + 1
  let kept = 0;
  for (let i = 0; i < length; i++) {
    const who = owner[i]!;
    const flag = flags[i]!;
    const from = start[i]!;
    const noOffset = who < 0 || (flag & FLAG_BMBT) !== 0;
    const away = noOffset ? 0 : offset[i]! - from;
    let slot = chainHash(who, flag, away) & (slots - 1);
    let probes = 0;
    let last = table[slot]! - 1;
    while (last >= 0) {
      if (owner[last] === who && flags[last] === flag && (noOffset || offset[last]! - start[last]! === away))
        break;
      slot = (slot + 1) & (slots - 1);
      last = table[slot]! - 1;
      if (++probes < MOST_PROBES) continue;
      for (let rest = i; rest < length; rest++) moveRow(rows, rest, kept++);
      rows.length = kept;
      return false;
    }
    // Of one chain, so it goes on in the file if it goes on in the AG.
    if (last >= 0 && start[last]! + count[last]! === from && count[last]! + count[i]! <= 0xffffffff) {
      count[last]! += count[i]!;
      continue;
    }
    moveRow(rows, i, kept);
    table[slot] = ++kept;
  }
  rows.length = kept;
  return true;
}

/** The same by sorting; neighbours by owner, fork and offset are the only rows that can merge. */
function mergeByOwner(rows: ExtentColumns): void {
  reorder(rows, orderByOwner(rows));
  mergeNeighbours(rows);
  reorder(rows, orderByStart(rows));
}

/** Brings rows into an order that lies in a work area other than 2. */
function reorder(rows: ExtentColumns, order: Uint32Array): void {
  const n = rows.length;
  const words = workArea(2, 2 * n + 2);
  // Float64Arrays want their memory at a multiple of eight bytes, where every work area begins.
  const doubles = new Float64Array(words.buffer, words.byteOffset, n);
  const moveWords = (column: Uint32Array): void => {
    for (let i = 0; i < n; i++) words[i] = column[order[i]!]!;
    column.set(words.subarray(0, n));
  };
  const moveDoubles = (column: Float64Array): void => {
    for (let i = 0; i < n; i++) doubles[i] = column[order[i]!]!;
    column.set(doubles);
  };
  const { flags } = rows;
  moveWords(rows.start);
  moveWords(rows.count);
  moveDoubles(rows.owner);
  moveDoubles(rows.offset);
  for (let i = 0; i < n; i++) words[i] = flags[order[i]!]!;
  for (let i = 0; i < n; i++) flags[i] = words[i]!;
}
