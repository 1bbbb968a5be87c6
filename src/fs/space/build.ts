/**
 * Builds the space indexes and headers of one AG from ownership: the one writer of AG btrees, AGF, AGI and AGFL,
 * used by mkfs (an empty disk), repair (what was observed) and inject (what was observed, spoiled).
 *
 * The trees' own blocks come from the lowest free blocks, in the order bnobt, cntbt, inobt, finobt, rmapbt,
 * refcountbt, AGFL, which is where mkfs.xfs puts them. Taking blocks changes the free extents and the rmap records,
 * hence the size of the trees that hold them, so sizes are grown until they fit.
 */
import { AGF } from '../../format/agf.ts';
import { agflSlots } from '../../format/agfl.ts';
import { AGI } from '../../format/agi.ts';
import { type AgBtreeName, BTREE, OWNER } from '../../format/btree.ts';
import { XfskitError } from '../../format/errors.ts';
import type { Geometry } from '../../format/geometry.ts';
import { type Fill, type LoadedTree, levelBlocks, loadBtree, totalBlocks } from '../btree/bulk.ts';
import {
  allocRecords,
  inodeRecords,
  type RecordSource,
  refcountRecords,
  rmapRecords,
} from '../btree/records.ts';
import { ChunkColumns, ExtentColumns, type RefcountColumns, RunColumns } from './columns.ts';
import { type DerivedSpace, deriveSpace } from './derive.ts';
import { minFreeList } from './freelist.ts';
import { type AgInodes, buildAgf, buildAgfl, buildAgi } from './headers.ts';
import { radixOrder } from './sort.ts';

/** What an AG holds, its own btrees and free list aside; `chunks` are sorted by startino. */
export interface AgContents extends AgInodes {
  /** AG headers, log, inode chunks, forks, CoW staging; NOT AG btree blocks and AGFL. Any order. */
  readonly owners: ExtentColumns;
  /** Blocks of the AGFL where they are chosen already (mkfs); else the lowest free blocks after the trees'. */
  readonly freeList?: readonly number[];
}

/** Records about to be written; inject spoils them here. */
export interface AgRecords {
  bnobt: RunColumns;
  cntbt: RunColumns;
  inobt: ChunkColumns;
  finobt: ChunkColumns;
  rmapbt: ExtentColumns;
  refcntbt: RefcountColumns;
}

export interface BuiltAg {
  readonly agno: number;
  /** Tree blocks. */
  readonly blocks: readonly { readonly agbno: number; readonly bytes: Uint8Array }[];
  /** Header sectors, sealed. */
  readonly agf: Uint8Array;
  readonly agi: Uint8Array;
  readonly agfl: Uint8Array;
  readonly freeList: readonly number[];
  /** Contribution to the superblock's fdblocks: freeblks + flcount + btreeblks. */
  readonly fdblocks: number;
  readonly icount: number;
  readonly ifree: number;
}

const TREE_OWNER: Readonly<Record<AgBtreeName, number>> = {
  bnobt: OWNER.AG,
  cntbt: OWNER.AG,
  inobt: OWNER.INOBT,
  finobt: OWNER.INOBT,
  rmapbt: OWNER.AG,
  refcntbt: OWNER.REFC,
};
const LAYOUT_ORDER: readonly AgBtreeName[] = ['bnobt', 'cntbt', 'inobt', 'finobt', 'rmapbt', 'refcntbt'];

/** Trees that this filesystem has. */
function treesOf(geometry: Geometry): readonly AgBtreeName[] {
  const { finobt, rmapbt, reflink } = geometry.features;
  return LAYOUT_ORDER.filter(
    (tree) =>
      (tree !== 'finobt' || finobt) && (tree !== 'rmapbt' || rmapbt) && (tree !== 'refcntbt' || reflink),
  );
}

/** Owner that the rmapbt records for the blocks of a tree. */
export function treeOwner(tree: AgBtreeName): number {
  return TREE_OWNER[tree];
}

/** Chunks of the finobt: those with a free inode. */
export function chunksWithFree(chunks: ChunkColumns): ChunkColumns {
  const out = new ChunkColumns();
  for (let i = 0; i < chunks.length; i++) {
    if (chunks.freecount[i] === 0) continue;
    out.push(
      chunks.startino[i]!,
      chunks.holemask[i]!,
      chunks.count[i]!,
      chunks.freecount[i]!,
      chunks.freeHigh[i]!,
      chunks.freeLow[i]!,
    );
  }
  return out;
}

/** Free extents in cntbt order: by length, then by start. */
export function byLength(free: RunColumns): RunColumns {
  const out = new RunColumns();
  const order = radixOrder(free.length, [
    free.start.subarray(0, free.length),
    free.count.subarray(0, free.length),
  ]);
  for (let k = 0; k < order.length; k++) out.push(free.start[order[k]!]!, free.count[order[k]!]!);
  return out;
}

/** Tampering adds a record or two at most. */
const TAMPER_ROOM = 2;

interface Allocation {
  readonly fill: Fill;
  readonly space: DerivedSpace;
  readonly agbnos: ReadonlyMap<AgBtreeName, readonly number[]>;
  readonly levels: ReadonlyMap<AgBtreeName, readonly number[]>;
  readonly freeList: readonly number[];
}

/**
 * Builds an AG. `tamper` may change the records just before they are written (inject).
 * Throws XfskitError NOSPACE when the trees do not fit the free blocks, CONFLICT when owners overlap.
 */
export function buildAg(
  geometry: Geometry,
  contents: AgContents,
  tamper?: (records: AgRecords) => void,
): BuiltAg {
  const room = tamper ? TAMPER_ROOM : 0;
  const allocation =
    allocate(geometry, contents, 'loose', room) ?? allocate(geometry, contents, 'full', room);
  if (!allocation) {
    throw new XfskitError('NOSPACE', `AG ${contents.agno}: not enough free blocks to hold its btrees`);
  }
  const { space } = allocation;
  const records: AgRecords = {
    bnobt: space.free,
    cntbt: byLength(space.free),
    inobt: contents.chunks,
    finobt: chunksWithFree(contents.chunks),
    rmapbt: space.rmaps,
    refcntbt: space.refcounts,
  };
  tamper?.(records);
  const { sparse } = geometry.features;
  const sources: Record<AgBtreeName, RecordSource> = {
    bnobt: allocRecords('bnobt', records.bnobt),
    cntbt: allocRecords('cntbt', records.cntbt),
    inobt: inodeRecords('inobt', records.inobt, sparse),
    finobt: inodeRecords('finobt', records.finobt, sparse),
    rmapbt: rmapRecords(records.rmapbt),
    refcntbt: refcountRecords(records.refcntbt),
  };
  const trees = new Map<AgBtreeName, LoadedTree>();
  for (const [tree, agbnos] of allocation.agbnos) {
    // After tampering too: the records spread over the blocks that were laid out with room for a few more.
    const levels = allocation.levels.get(tree)!;
    trees.set(tree, loadBtree(geometry, contents.agno, sources[tree], levels, agbnos));
  }
  return finish(geometry, contents, allocation, trees);
}

/** `room`: records that every tree must have space for beyond those it needs. */
function allocate(
  geometry: Geometry,
  contents: AgContents,
  fill: Fill,
  room: number,
): Allocation | undefined {
  const length = geometry.agLength(contents.agno);
  const { reflink } = geometry.features;
  const trees = treesOf(geometry);
  const given = new ExtentColumns();
  for (const agbno of contents.freeList ?? []) given.push(agbno, 1, OWNER.AG, 0, 0);
  const base = deriveSpace(contents.owners, length, reflink, given);
  refuseConflict(contents.agno, base);
  const finobt = chunksWithFree(contents.chunks).length;
  const want = new Map<AgBtreeName, number>(trees.map((tree) => [tree, 1]));
  let wantFreeList = 0;
  for (;;) {
    const total = [...want.values()].reduce((sum, n) => sum + n, 0) + wantFreeList;
    const taken = takeLowest(base.free, total);
    if (!taken) return undefined;
    const agbnos = new Map<AgBtreeName, readonly number[]>();
    const added = new ExtentColumns();
    let next = 0;
    for (const tree of trees) {
      const blocks = taken.slice(next, (next += want.get(tree)!));
      agbnos.set(tree, blocks);
      for (const agbno of blocks) added.push(agbno, 1, TREE_OWNER[tree], 0, 0);
    }
    const freeList = contents.freeList ?? taken.slice(next);
    for (const agbno of taken.slice(next)) added.push(agbno, 1, OWNER.AG, 0, 0);
    // What was derived once is sorted and merged already.
    const space = deriveSpace(base.rmaps, length, reflink, added);
    const counts: Record<AgBtreeName, number> = {
      bnobt: space.free.length,
      cntbt: space.free.length,
      inobt: contents.chunks.length,
      finobt,
      rmapbt: space.rmaps.length,
      refcntbt: space.refcounts.length,
    };
    const levels = new Map<AgBtreeName, readonly number[]>();
    let grew = false;
    for (const tree of trees) {
      const needed = levelBlocks(BTREE[tree], counts[tree] + room, geometry.blocksize, fill);
      levels.set(tree, needed);
      if (totalBlocks(needed) > want.get(tree)!) {
        want.set(tree, totalBlocks(needed));
        grew = true;
      }
    }
    const depth = (tree: AgBtreeName): number => levels.get(tree)?.length ?? 1;
    const least = minFreeList(geometry, {
      bnobt: depth('bnobt'),
      cntbt: depth('cntbt'),
      rmapbt: depth('rmapbt'),
    });
    if (!contents.freeList && least > wantFreeList) {
      wantFreeList = least;
      grew = true;
    }
    if (grew) continue;
    return settle(geometry, { fill, space, agbnos, levels, freeList });
  }
}

function refuseConflict(agno: number, space: DerivedSpace): void {
  const conflict = space.conflicts[0];
  if (!conflict) return;
  const { agbno, firstOwner, secondOwner } = conflict;
  throw new XfskitError(
    'CONFLICT',
    `AG ${agno}: block ${agbno} is owned by both ${firstOwner} and ${secondOwner}`,
  );
}

/** Blocks that a tree was given while sizes grew but does not need go to the free list, under the same rmap owner. */
function settle(geometry: Geometry, a: Allocation): Allocation | undefined {
  const freeList = [...a.freeList];
  const agbnos = new Map<AgBtreeName, readonly number[]>();
  for (const [tree, blocks] of a.agbnos) {
    const needed = totalBlocks(a.levels.get(tree)!);
    agbnos.set(tree, blocks.slice(0, needed));
    freeList.push(...blocks.slice(needed));
  }
  if (freeList.length > agflSlots(geometry.sectsize)) return undefined;
  return { ...a, agbnos, freeList };
}

/** The lowest `count` free blocks; undefined when there are not so many. */
function takeLowest(free: RunColumns, count: number): number[] | undefined {
  const taken: number[] = [];
  for (let i = 0; i < free.length && taken.length < count; i++) {
    for (let b = 0; b < free.count[i]! && taken.length < count; b++) taken.push(free.start[i]! + b);
  }
  return taken.length === count ? taken : undefined;
}

function finish(
  geometry: Geometry,
  contents: AgContents,
  allocation: Allocation,
  trees: ReadonlyMap<AgBtreeName, LoadedTree>,
): BuiltAg {
  const { space } = allocation;
  const agf = buildAgf(geometry, contents.agno, space.free, allocation.freeList.length, trees);
  const agi = buildAgi(geometry, contents, trees);
  const agfFields = AGF.over(agf);
  const agiFields = AGI.over(agi);
  return {
    agno: contents.agno,
    blocks: [...trees.values()].flatMap((tree) => tree.blocks),
    agf,
    agi,
    agfl: buildAgfl(geometry, contents.agno, allocation.freeList),
    freeList: allocation.freeList,
    fdblocks: agfFields.freeblks + agfFields.flcount + agfFields.btreeblks,
    icount: agiFields.count,
    ifree: agiFields.freecount,
  };
}
