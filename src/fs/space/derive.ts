/**
 * Space is a function of ownership: who owns which blocks of an AG determines its rmap records, refcounts and free
 * extents. mkfs derives from a plan, check from what it observed, repair from the same; there is no second
 * account of space anywhere.
 *
 * Results are in the form in which the kernel keeps them: rmap records as canonical.ts has it; refcount records of
 * equal count that touch are one record.
 */
import { OWNER } from '../../format/btree.ts';
import { makeCanonical } from './canonical.ts';
import { ExtentColumns, FLAG_ATTR, FLAG_BMBT, RefcountColumns, RunColumns } from './columns.ts';
import { copyExtents } from './runs.ts';
import { sortedValues, workArea } from './sort.ts';

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

/**
 * Derives the space indexes of an AG of `length` blocks from its owners, in any order: those of both lists, AG btrees
 * and AGFL among them. `reflink` says whether data extents of files may overlap at all.
 */
export function deriveSpace(
  owners: ExtentColumns,
  length: number,
  reflink: boolean,
  more?: ExtentColumns,
): DerivedSpace {
  const rows = copyExtents(owners, new ExtentColumns(owners.length + (more?.length ?? 0)));
  if (more) copyExtents(more, rows);
  return deriveInPlace(rows, length, reflink);
}

/** The same; the owners themselves become the rmap records. */
export function deriveInPlace(rmaps: ExtentColumns, length: number, reflink: boolean): DerivedSpace {
  makeCanonical(rmaps);
  const free = new RunColumns();
  const conflicts: Conflict[] = [];
  const staging = new RefcountColumns();
  let conflictCount = 0;
  let end = 0; // end of everything so far
  let endRow = -1;
  let privateEnd = 0; // end of what nobody may share
  let privateRow = -1;
  let sharedEnd = 0; // end of what may be shared
  let shares = false;
  const { start: starts, count: counts, owner: owners, flags, length: rows } = rmaps;
  for (let i = 0; i < rows; i++) {
    const start = starts[i]!;
    const stop = start + counts[i]!;
    const owner = owners[i]!;
    const ofFile = owner >= 0 && (flags[i]! & (FLAG_ATTR | FLAG_BMBT)) === 0;
    const shareable = reflink && ofFile;
    const against = start < privateEnd ? privateRow : !shareable && start < end ? endRow : -1;
    if (against >= 0) {
      conflictCount++;
      if (conflicts.length < MAX_CONFLICTS) conflicts.push(conflictOf(rmaps, against, i));
    }
    if (start > end) free.push(end, Math.min(start, length) - end);
    if (owner === OWNER.COW) addRefcount(staging, start, stop - start, 1, 1);
    if (stop > end) {
      end = stop;
      endRow = i;
    }
    if (!shareable && stop > privateEnd) {
      privateEnd = stop;
      privateRow = i;
    }
    if (!ofFile) continue;
    if (start < sharedEnd) shares = true;
    if (stop > sharedEnd) sharedEnd = stop;
  }
  if (end < length) free.push(end, length - end);
  const refcounts = new RefcountColumns();
  if (shares) countShares(rmaps, refcounts);
  for (let i = 0; i < staging.length; i++) {
    addRefcount(refcounts, staging.start[i]!, staging.count[i]!, 1, 1);
  }
  return { rmaps, refcounts, free, conflicts, conflictCount };
}

/** Row `i` begins where row `first` has not ended. */
function conflictOf({ start, count, owner }: ExtentColumns, first: number, i: number): Conflict {
  const stop = Math.min(start[i]! + count[i]!, start[first]! + count[first]!);
  return {
    agbno: start[i]!,
    blocks: stop - start[i]!,
    firstOwner: owner[first]!,
    secondOwner: owner[i]!,
  };
}

/** Only data-fork extents of files can be shared. */
export function isShareable(rmaps: ExtentColumns, i: number): boolean {
  return rmaps.owner[i]! >= 0 && (rmaps.flags[i]! & (FLAG_ATTR | FLAG_BMBT)) === 0;
}

/** Sweeps over the files' extents and records every stretch that two or more of them cover. */
function countShares(rmaps: ExtentColumns, into: RefcountColumns): void {
  const { start, count, length } = rmaps;
  const starts = workArea(0, length);
  const stops = workArea(1, length);
  let n = 0;
  for (let i = 0; i < length; i++) {
    if (!isShareable(rmaps, i)) continue;
    starts[n] = start[i]!;
    stops[n++] = start[i]! + count[i]!;
  }
  const ends = sortedValues(stops.subarray(0, n), workArea(2, n));
  let depth = 0;
  let at = 0;
  for (let e = 0, i = 0; e < n; ) {
    const next = i < n ? Math.min(starts[i]!, ends[e]!) : ends[e]!;
    if (depth >= 2 && next > at) addRefcount(into, at, next - at, depth, 0);
    at = next;
    for (; e < n && ends[e] === next; e++) depth--;
    for (; i < n && starts[i] === next; i++) depth++;
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
