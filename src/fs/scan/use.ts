/**
 * What the blocks of an AG are used for, by all accounts at once: the free space trees, the rmapbt, the refcountbt,
 * and the owners themselves (headers, log, trees, inode chunks, forks). A sweep over the bounds of all their records
 * cuts the AG into runs of one use; where the accounts exclude one another the use is `conflict` and the detail says
 * why, where nobody says anything it is `unknown`.
 *
 * Runs lie one behind the other from block 0 to the end of the AG: the sum of their lengths is its length. An account
 * that could not be read in full proves nothing by its silence.
 */
import { AG_BTREES, type AgBtreeName, OWNER } from '../../format/btree.ts';
import { CHUNK_INODES, type Geometry } from '../../format/geometry.ts';
import { ExtentColumns, FLAG_ATTR, FLAG_BMBT, FLAG_UNWRITTEN } from '../space/columns.ts';
import { radixOrder } from '../space/sort.ts';
import type { AgRecords } from './agrecords.ts';

/** Uses, in the order of their numbers. `fork`: content of a fork that is metadata (directory, attribute, symlink). */
export const USES = [
  'free',
  'header',
  'btree',
  'freelist',
  'inode',
  'log',
  'fork',
  'bmbt',
  'data',
  'staging',
  'unknown',
  'conflict',
] as const;
export type Use = (typeof USES)[number];
export const USE = Object.fromEntries(USES.map((use, i) => [use, i])) as Readonly<Record<Use, number>>;

/** Why a run is a conflict: bits of its detail. */
export const CONFLICTS = [
  'free and in use',
  'free in one of the two free space trees only',
  'in use, and no reverse mapping',
  'reverse mapping without its owner',
  'reverse mapping and owner differ',
  'several owners that cannot share',
  'reference count is not the number of owners',
] as const;
const FREE_AND_USED = 1;
const FREE_ONCE = 2;
const NO_RMAP = 4;
const NO_OWNER = 8;
const DIFFERENT = 16;
const CROWDED = 32;
const BAD_REFCOUNT = 64;

/** Bit of the detail: only reverse mappings tell the use. */
export const BY_RMAP = 0x80;

/** Flag of a claim beside those of ExtentColumns: the file is metadata by itself. */
const FLAG_META = 8;

/** Tree and level of a btree run's detail. */
export function treeOfDetail(
  detail: number,
): { readonly tree: AgBtreeName; readonly level: number } | undefined {
  const tree = AG_BTREES[(detail & 7) - 1];
  return tree && { tree, level: (detail & ~BY_RMAP) >> 3 };
}

/** Runs of one AG; a run ends where the next begins, the last at `end`. */
export class UseRuns {
  length = 0;
  /** Blocks in the AG. */
  readonly end: number;
  start = new Uint32Array(16);
  use = new Uint8Array(16);
  detail = new Uint8Array(16);
  /** Owners of data blocks. */
  depth = new Uint32Array(16);

  constructor(end: number) {
    this.end = end;
  }

  /** The run from `start` on, as far as the next one; joined with the one before where that is the same. */
  push(start: number, use: number, detail: number, depth: number): void {
    const last = this.length - 1;
    if (last >= 0 && this.use[last] === use && this.detail[last] === detail && this.depth[last] === depth)
      return;
    if (this.length === this.start.length) this.grow();
    const i = this.length++;
    this.start[i] = start;
    this.use[i] = use;
    this.detail[i] = detail;
    this.depth[i] = depth;
  }

  /** First block behind run `i`. */
  endOf(i: number): number {
    return i + 1 < this.length ? this.start[i + 1]! : this.end;
  }

  private grow(): void {
    for (const name of ['start', 'depth'] as const) {
      const larger = new Uint32Array(this.length * 2);
      larger.set(this[name]);
      this[name] = larger;
    }
    for (const name of ['use', 'detail'] as const) {
      const larger = new Uint8Array(this.length * 2);
      larger.set(this[name]);
      this[name] = larger;
    }
  }
}

/** What an AG's uses are found from. */
export interface AgAccounts {
  readonly geometry: Geometry;
  readonly agno: number;
  readonly records: AgRecords;
  /** What forks map in this AG. */
  readonly mapped: ExtentColumns;
  /** Whether a file is metadata by itself (directory, symlink, quota). */
  isMetadata(ino: number): boolean;
  /** Every fork and every inode of the filesystem was read. */
  readonly filesComplete: boolean;
}

/** Bounds of records in block order, and what happens at each. */
interface Stream {
  readonly order: Uint32Array;
  readonly keys: Uint32Array;
  at: number;
  meet(row: number): void;
}

function stream(keys: Uint32Array, meet: (row: number) => void): Stream {
  return { order: radixOrder(keys.length, [keys]), keys, at: 0, meet };
}

function ends(columns: { readonly length: number; start: Uint32Array; count: Uint32Array }): Uint32Array {
  const keys = new Uint32Array(columns.length);
  for (let i = 0; i < keys.length; i++) keys[i] = columns.start[i]! + columns.count[i]!;
  return keys;
}

/** Claims of one side on the block that the sweep is at: how many of each use, and a sum that tells whose. */
class Side {
  readonly columns: ExtentColumns;
  readonly counts = new Uint32Array(USES.length);
  total = 0;
  /** Claims that may not share. */
  sole = 0;
  identity = 0;
  /** Detail of the claim that began last. */
  detail = 0;

  constructor(columns: ExtentColumns) {
    this.columns = columns;
  }

  streams(): readonly Stream[] {
    return [
      stream(this.columns.start.subarray(0, this.columns.length), (row) => this.count(row, 1)),
      stream(ends(this.columns), (row) => this.count(row, -1)),
    ];
  }

  private count(row: number, sign: 1 | -1): void {
    const { columns } = this;
    const use = useOf(columns, row);
    this.counts[use]! += sign;
    this.total += sign;
    if (columns.owner[row]! < 0 || (columns.flags[row]! & (FLAG_ATTR | FLAG_BMBT)) !== 0) this.sole += sign;
    this.identity = (this.identity + sign * identityOf(columns, row)) | 0;
    if (sign > 0 && use === USE.btree) this.detail = columns.offset[row]!;
  }

  /** The only use that is claimed; call it where nothing is crowded. */
  use(): number {
    return this.counts.findIndex((count) => count > 0);
  }
}

/** Use that a claim makes of its blocks. Blocks of the free list have the owner of trees, and no tree as `offset`. */
function useOf(columns: ExtentColumns, row: number): number {
  const flags = columns.flags[row]!;
  switch (columns.owner[row]) {
    case OWNER.FS:
      return USE.header;
    case OWNER.LOG:
      return USE.log;
    case OWNER.AG:
      return columns.offset[row] === 0 ? USE.freelist : USE.btree;
    case OWNER.INOBT:
    case OWNER.REFC:
      return USE.btree;
    case OWNER.INODES:
      return USE.inode;
    case OWNER.COW:
      return USE.staging;
  }
  if (columns.owner[row]! < 0) return USE.unknown;
  if ((flags & FLAG_BMBT) !== 0) return USE.bmbt;
  return (flags & (FLAG_ATTR | FLAG_META)) !== 0 ? USE.fork : USE.data;
}

/**
 * A number that is the same for claims that say the same of a block: owner, fork, state and the file offset of block 0
 * if the extent reached that far. Metadata has no offsets.
 */
function identityOf(columns: ExtentColumns, row: number): number {
  const owner = columns.owner[row]!;
  const flags = columns.flags[row]! & (FLAG_ATTR | FLAG_BMBT | FLAG_UNWRITTEN);
  const placed = owner >= 0 && (flags & FLAG_BMBT) === 0;
  const origin = placed ? columns.offset[row]! - columns.start[row]! : 0;
  let mixed = Math.imul((owner | 0) + flags + 1, 0x9e3779b1);
  mixed = Math.imul((mixed ^ (mixed >>> 15)) + Math.floor(owner / 2 ** 32), 0x85ebca6b);
  mixed = Math.imul((mixed ^ (mixed >>> 13)) + (origin | 0), 0xc2b2ae35);
  mixed = Math.imul((mixed ^ (mixed >>> 16)) + Math.floor(origin / 2 ** 32), 0x27d4eb2f);
  return mixed ^ (mixed >>> 15);
}

/** Finds the uses of an AG's blocks. */
export function usesOfAg(accounts: AgAccounts): UseRuns {
  return new UseSweep(accounts).run();
}

class UseSweep {
  private readonly accounts: AgAccounts;
  private readonly owners: Side;
  private readonly rmaps: Side;
  private freeByBlock = 0;
  private freeBySize = 0;
  private refcount = 0;

  constructor(accounts: AgAccounts) {
    this.accounts = accounts;
    this.owners = new Side(ownClaims(accounts));
    this.rmaps = new Side(accounts.records.rmaps);
  }

  run(): UseRuns {
    const { geometry, agno } = this.accounts;
    const runs = new UseRuns(Math.max(0, geometry.agLength(agno)));
    const streams = this.streams();
    let at = 0;
    while (at < runs.end) {
      let next = runs.end;
      for (const each of streams) {
        const { keys, order } = each;
        while (each.at < order.length && keys[order[each.at]!]! <= at) each.meet(order[each.at++]!);
        if (each.at < order.length) next = Math.min(next, keys[order[each.at]!]!);
      }
      this.tell(runs, at);
      at = next;
    }
    return runs;
  }

  private streams(): readonly Stream[] {
    const { free, freeBySize, refcounts } = this.accounts.records;
    const shared = (row: number): number => (refcounts.cow[row] === 1 ? 0 : refcounts.refcount[row]!);
    return [
      ...this.owners.streams(),
      ...this.rmaps.streams(),
      stream(free.start.subarray(0, free.length), () => this.freeByBlock++),
      stream(ends(free), () => this.freeByBlock--),
      stream(freeBySize.start.subarray(0, freeBySize.length), () => this.freeBySize++),
      stream(ends(freeBySize), () => this.freeBySize--),
      stream(refcounts.start.subarray(0, refcounts.length), (row) => (this.refcount += shared(row))),
      stream(ends(refcounts), (row) => (this.refcount -= shared(row))),
    ];
  }

  /** The run that begins at `start`. */
  private tell(runs: UseRuns, start: number): void {
    const conflict = this.conflict();
    if (conflict !== 0) {
      runs.push(start, USE.conflict, conflict, Math.max(this.owners.total, this.rmaps.total, this.refcount));
      return;
    }
    const { owners, rmaps } = this;
    const side = owners.total > 0 ? owners : rmaps;
    if (side.total === 0) {
      runs.push(start, this.freeByBlock + this.freeBySize > 0 ? USE.free : USE.unknown, 0, 0);
      return;
    }
    const byRmap = side === rmaps ? BY_RMAP : 0;
    const use = side.use();
    const depth = use === USE.data ? Math.max(owners.total, rmaps.total, this.refcount) : 0;
    runs.push(start, use, (use === USE.btree ? side.detail & 0x7f : 0) | byRmap, depth);
  }

  private conflict(): number {
    const { owners, rmaps, accounts } = this;
    const { features } = accounts.geometry;
    const complete = accounts.records.bad === 0;
    let found = 0;
    if (this.freeByBlock + this.freeBySize > 0) {
      if (owners.total + rmaps.total > 0) found |= FREE_AND_USED;
      if (complete && this.freeByBlock !== this.freeBySize) found |= FREE_ONCE;
    }
    if (isCrowded(owners, features.reflink) || isCrowded(rmaps, features.reflink)) found |= CROWDED;
    if (features.rmapbt) {
      if (rmaps.total === 0) found |= complete && owners.total > 0 ? NO_RMAP : 0;
      else if (owners.total === 0) found |= complete && accounts.filesComplete ? NO_OWNER : 0;
      else if (owners.identity !== rmaps.identity) found |= DIFFERENT;
    }
    if (complete && accounts.filesComplete && features.reflink) {
      const shares = owners.counts[USE.data]! + owners.counts[USE.fork]! - owners.sole;
      if (this.refcount !== (shares > 1 ? shares : 0)) found |= BAD_REFCOUNT;
    }
    return found;
  }
}

function isCrowded(side: Side, reflink: boolean): boolean {
  return side.total > 1 && (side.sole > 0 || !reflink);
}

/** What owners say of their blocks: forks, and what headers, trees and chunks are by their place. */
function ownClaims({ geometry, agno, records, mapped, isMetadata }: AgAccounts): ExtentColumns {
  const claims = new ExtentColumns();
  for (let i = 0; i < mapped.length; i++) {
    const owner = mapped.owner[i]!;
    const flags = mapped.flags[i]! | (isMetadata(owner) ? FLAG_META : 0);
    claims.push(mapped.start[i]!, mapped.count[i]!, owner, mapped.offset[i]!, flags);
  }
  const length = geometry.agLength(agno);
  claims.push(0, Math.min(geometry.headerBlocks, length), OWNER.FS, 0, 0);
  const { logstart, logblocks } = geometry;
  if (logstart !== 0 && geometry.isFsbnoRange(logstart, logblocks) && geometry.fsbnoAgno(logstart) === agno)
    claims.push(geometry.fsbnoAgbno(logstart), logblocks, OWNER.LOG, 0, 0);
  for (const [agbno, { tree, level }] of records.trees)
    claims.push(agbno, 1, TREE_OWNER[tree], (AG_BTREES.indexOf(tree) + 1) | (level << 3), 0);
  for (const agbno of records.freeList) claims.push(agbno, 1, OWNER.AG, 0, 0);
  const { refcounts } = records;
  for (let i = 0; i < refcounts.length; i++)
    if (refcounts.cow[i] === 1) claims.push(refcounts.start[i]!, refcounts.count[i]!, OWNER.COW, 0, 0);
  claimChunks(geometry, agno, records, claims);
  return claims;
}

const TREE_OWNER: Readonly<Record<AgBtreeName, number>> = {
  bnobt: OWNER.AG,
  cntbt: OWNER.AG,
  rmapbt: OWNER.AG,
  inobt: OWNER.INOBT,
  finobt: OWNER.INOBT,
  refcntbt: OWNER.REFC,
};

/** Blocks of inode chunks; a block that holds several chunks is claimed once. */
function claimChunks(geometry: Geometry, agno: number, records: AgRecords, claims: ExtentColumns): void {
  const inodes = Math.min(CHUNK_INODES, Math.max(4, geometry.inopblock));
  const blocks = Math.max(1, inodes / geometry.inopblock);
  const claimed = new Set<number>();
  for (const { startino, holemask } of records.chunks) {
    for (let i = 0; i < CHUNK_INODES; i += inodes) {
      const agbno = geometry.aginoAgbno(startino + i);
      if (((holemask >>> (i >> 2)) & 1) !== 0 || !geometry.isAgbno(agno, agbno + blocks - 1)) continue;
      if (blocks === 1 && geometry.inopblock > CHUNK_INODES) {
        if (claimed.has(agbno)) continue;
        claimed.add(agbno);
      }
      claims.push(agbno, blocks, OWNER.INODES, 0, 0);
    }
  }
}
