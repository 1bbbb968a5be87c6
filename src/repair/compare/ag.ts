/**
 * What the space indexes of one AG should be, derived from what was observed: known owners, the AG btrees' own
 * blocks, the free list, and CoW staging.
 *
 * Staging blocks belong to no file; only refcount and rmap records know of them. A staging record is believed where
 * nobody else owns the blocks and the bnobt does not call them free; else it is a surplus record.
 */
import { OWNER } from '../../format/btree.ts';
import type { Geometry } from '../../format/geometry.ts';
import { treeOwner } from '../../fs/space/build.ts';
import { ExtentColumns, type RefcountColumns, RunColumns } from '../../fs/space/columns.ts';
import { type DerivedSpace, deriveInPlace } from '../../fs/space/derive.ts';
import { copyExtents, intersectRuns, normalizeRuns, subtractRuns } from '../../fs/space/runs.ts';
import type { AgObservation } from '../observation.ts';

export interface AgExpectation {
  readonly ag: AgObservation;
  readonly space: DerivedSpace;
  /** Staging extents that are believed. */
  readonly staging: RunColumns;
  /** Inodes, log or headers exclude each other, whatever the AG btrees hold. */
  readonly ownersConflict: boolean;
  /** Every AG btree and the free list were read in full: whatever else is unowned is really unowned. */
  readonly treesSound: boolean;
}

/** Owners that only the AG's own btrees, free list and staging have. */
const OF_INDEXES: readonly number[] = [OWNER.AG, OWNER.INOBT, OWNER.REFC, OWNER.COW];

/**
 * What is expected of an AG. `rmaps`: its owners, which become the expected rmap records, those of the AG's btrees
 * included; a copy of them unless the caller takes those away again (`dropIndexOwners`).
 */
export function expectAg(
  geometry: Geometry,
  ag: AgObservation,
  rmaps: ExtentColumns = copyExtents(ag.owners, new ExtentColumns()),
): AgExpectation {
  const { reflink } = geometry.features;
  const trees = [ag.bnobt, ag.cntbt, ag.rmapbt, ag.refcntbt, ag.inobt, ag.finobt];
  for (const tree of trees) {
    for (const agbno of tree?.blocks ?? []) rmaps.push(agbno, 1, treeOwner(tree!.name), 0, 0);
  }
  for (const agbno of ag.freeList) rmaps.push(agbno, 1, OWNER.AG, 0, 0);
  const treesSound =
    ag.agfSound && ag.agiSound && ag.agflSound && trees.every((tree) => tree === undefined || tree.sound);
  const base = deriveInPlace(rmaps, ag.length, reflink);
  const ownersConflict = base.conflictCount > 0 && doOwnersConflict(rmaps, ag.length, reflink);
  const staging = findStaging(ag, base);
  const known = { ag, staging, treesSound, ownersConflict };
  if (staging.length === 0) return { ...known, space: base };
  for (let i = 0; i < staging.length; i++) rmaps.push(staging.start[i]!, staging.count[i]!, OWNER.COW, 0, 0);
  return { ...known, space: deriveInPlace(rmaps, ag.length, reflink) };
}

function doOwnersConflict(rmaps: ExtentColumns, length: number, reflink: boolean): boolean {
  const owners = copyExtents(rmaps, new ExtentColumns());
  dropIndexOwners(owners);
  return deriveInPlace(owners, length, reflink).conflictCount > 0;
}

/** Leaves what was observed as an AG's owners: sorted and merged by now, which is the same to whoever derives. */
export function dropIndexOwners(rmaps: ExtentColumns): void {
  const { start, count, owner, offset, flags } = rmaps;
  let kept = 0;
  for (let i = 0; i < rmaps.length; i++) {
    if (owner[i]! < 0 && OF_INDEXES.includes(owner[i]!)) continue;
    start[kept] = start[i]!;
    count[kept] = count[i]!;
    owner[kept] = owner[i]!;
    offset[kept] = offset[i]!;
    flags[kept++] = flags[i]!;
  }
  rmaps.length = kept;
}

/** What the refcount btree records as CoW staging, believed or not. */
export function stagingRecords(records: RefcountColumns): RunColumns {
  const runs = new RunColumns();
  for (let i = 0; i < records.length; i++) {
    if (records.cow[i]) runs.push(records.start[i]!, records.count[i]!);
  }
  return runs;
}

function findStaging(ag: AgObservation, base: DerivedSpace): RunColumns {
  const claimed = ag.refcntbt ? stagingRecords(ag.refcntbt.records) : new RunColumns();
  if (ag.rmapbt) {
    const r = ag.rmapbt.staging;
    for (let i = 0; i < r.length; i++) claimed.push(r.start[i]!, r.count[i]!);
  }
  if (claimed.length === 0) return claimed;
  const unowned = intersectRuns(normalizeRuns(claimed), base.free);
  return subtractRuns(unowned, normalizeRuns(ag.bnobt.records));
}
