/**
 * Space is a function of ownership: who owns which blocks of an AG determines its rmap records, refcounts and free
 * extents. mkfs derives from a plan, check from what it observed, repair from the same; there is no second
 * account of space anywhere.
 *
 * Canonical form, as the kernel keeps it: rmap records of one owner and fork that continue each other in the AG and
 * in the file (in the AG alone for metadata owners and bmbt blocks) are one record; refcount records of equal
 * count that touch are one record.
 */
import { OWNER } from '../../format/btree.ts';
import { ExtentColumns, FLAG_ATTR, FLAG_BMBT, RefcountColumns, RunColumns } from './columns.ts';
import { orderByOwner, orderByStart, radixOrder } from './sort.ts';

/** Two claims on the same blocks that may not share them. */
export interface Conflict {
  readonly agbno: number;
  readonly blocks: number;
  readonly firstOwner: number;
  readonly secondOwner: number;
}

export interface DerivedSpace {
  /** Canonical, in rmapbt order. */
  readonly rmaps: ExtentColumns;
  /** In refcountbt order: shared extents, then CoW staging. */
  readonly refcounts: RefcountColumns;
  readonly free: RunColumns;
  /** At most 1000, in order of agbno; further ones are counted alone. */
  readonly conflicts: readonly Conflict[];
  readonly conflictCount: number;
}

const MAX_CONFLICTS = 1000;

/** Sorts and merges rmap records into canonical form. */
export function canonicalRmaps(extents: ExtentColumns): ExtentColumns {
  const byStart = radixOrder(extents.length, [extents.start.subarray(0, extents.length)]);
  // Without overlaps whatever can merge stands side by side already: one cheap pass instead of a sort by owner.
  if (isDisjoint(extents, byStart)) return mergeNeighbours(extents, byStart);
  const merged = mergeNeighbours(extents, orderByOwner(extents));
  const sorted = new ExtentColumns();
  const order = orderByStart(merged);
  for (let k = 0; k < order.length; k++) pushRow(sorted, merged, order[k]!);
  return sorted;
}

function isDisjoint(extents: ExtentColumns, order: Uint32Array): boolean {
  let end = 0;
  for (let k = 0; k < order.length; k++) {
    const i = order[k]!;
    if (extents.start[i]! < end) return false;
    end = extents.start[i]! + extents.count[i]!;
  }
  return true;
}

function mergeNeighbours(extents: ExtentColumns, order: Uint32Array): ExtentColumns {
  const merged = new ExtentColumns();
  for (let k = 0; k < order.length; k++) {
    const i = order[k]!;
    const last = merged.length - 1;
    if (last >= 0 && continues(merged, last, extents, i)) merged.count[last]! += extents.count[i]!;
    else pushRow(merged, extents, i);
  }
  return merged;
}

function pushRow(into: ExtentColumns, from: ExtentColumns, i: number): void {
  into.push(from.start[i]!, from.count[i]!, from.owner[i]!, from.offset[i]!, from.flags[i]!);
}

/** Whether record `j` of `b` goes on where record `i` of `a` ends, so that one record would hold both. */
export function continues(a: ExtentColumns, i: number, b: ExtentColumns, j: number): boolean {
  if (a.owner[i] !== b.owner[j] || a.flags[i] !== b.flags[j]) return false;
  if (a.start[i]! + a.count[i]! !== b.start[j]) return false;
  if (a.count[i]! + b.count[j]! > 0xffffffff) return false;
  const ignoresOffset = a.owner[i]! < 0 || (a.flags[i]! & FLAG_BMBT) !== 0;
  return ignoresOffset || a.offset[i]! + a.count[i]! === b.offset[j];
}

/**
 * Derives the space indexes of an AG of `length` blocks from its owners (any order, AG btrees and AGFL included).
 * `reflink` says whether data extents of files may overlap at all.
 */
export function deriveSpace(owners: ExtentColumns, length: number, reflink: boolean): DerivedSpace {
  const rmaps = canonicalRmaps(owners);
  const free = new RunColumns();
  const conflicts: Conflict[] = [];
  const shared = new RefcountColumns();
  const staging = new RefcountColumns();
  let conflictCount = 0;
  let end = 0; // end of everything so far
  let endRow = -1;
  let privateEnd = 0; // end of what nobody may share
  let privateRow = -1;
  let cluster = 0; // first row of the present run of overlapping rows
  for (let i = 0; i < rmaps.length; i++) {
    const start = rmaps.start[i]!;
    const stop = start + rmaps.count[i]!;
    const shareable = reflink && isShareable(rmaps, i);
    const against = start < privateEnd ? privateRow : !shareable && start < end ? endRow : -1;
    if (against >= 0) {
      conflictCount++;
      if (conflicts.length < MAX_CONFLICTS) {
        const other = rmaps.start[against]! + rmaps.count[against]!;
        conflicts.push({
          agbno: start,
          blocks: Math.min(stop, other) - start,
          firstOwner: rmaps.owner[against]!,
          secondOwner: rmaps.owner[i]!,
        });
      }
    }
    if (start >= end) {
      if (i - cluster > 1) countShares(rmaps, cluster, i, shared);
      cluster = i;
      if (start > end) free.push(end, Math.min(start, length) - end);
    }
    if (rmaps.owner[i] === OWNER.COW) addRefcount(staging, start, rmaps.count[i]!, 1, 1);
    if (stop > end) {
      end = stop;
      endRow = i;
    }
    if (!shareable && stop > privateEnd) {
      privateEnd = stop;
      privateRow = i;
    }
  }
  if (rmaps.length - cluster > 1) countShares(rmaps, cluster, rmaps.length, shared);
  if (end < length) free.push(end, length - end);
  for (let i = 0; i < staging.length; i++) {
    addRefcount(shared, staging.start[i]!, staging.count[i]!, 1, 1);
  }
  return { rmaps, refcounts: shared, free, conflicts, conflictCount };
}

/** Only data-fork extents of files can be shared. */
function isShareable(rmaps: ExtentColumns, i: number): boolean {
  return rmaps.owner[i]! >= 0 && (rmaps.flags[i]! & (FLAG_ATTR | FLAG_BMBT)) === 0;
}

/** Sweeps rows [from, to), which overlap in a chain, and records every stretch that two or more of them cover. */
function countShares(rmaps: ExtentColumns, from: number, to: number, into: RefcountColumns): void {
  const ends = new Float64Array(to - from);
  let n = 0;
  for (let i = from; i < to; i++) {
    if (isShareable(rmaps, i)) ends[n++] = rmaps.start[i]! + rmaps.count[i]!;
  }
  const sortedEnds = ends.subarray(0, n).sort();
  let depth = 0;
  let at = 0;
  let e = 0;
  let i = from;
  while (e < n) {
    while (i < to && !isShareable(rmaps, i)) i++;
    const nextStart = i < to ? rmaps.start[i]! : Number.POSITIVE_INFINITY;
    const next = Math.min(nextStart, sortedEnds[e]!);
    if (depth >= 2 && next > at) addRefcount(into, at, next - at, depth, 0);
    at = next;
    while (e < n && sortedEnds[e] === next) {
      depth--;
      e++;
    }
    while (i < to && rmaps.start[i] === next) {
      if (isShareable(rmaps, i)) depth++;
      i++;
    }
  }
}

/** Appends a refcount record, or lengthens the one before when it continues it. */
function addRefcount(
  into: RefcountColumns,
  start: number,
  count: number,
  refcount: number,
  cow: number,
): void {
  const last = into.length - 1;
  if (
    last >= 0 &&
    into.start[last]! + into.count[last]! === start &&
    into.refcount[last] === refcount &&
    into.cow[last] === cow
  ) {
    into.count[last]! += count;
  } else into.push(start, count, refcount, cow);
}
