/**
 * Everything known about blocks, from both sides: what the AG's trees say (free, free list, reverse mappings,
 * reference counts, their own blocks, headers, inodes) and which forks map them; and what follows: free, one
 * owner, shared, staged for CoW, metadata, nobody's - or where the sides contradict one another.
 *
 * A range falls apart into pieces of which all of this is the same.
 */
import { OWNER } from '../../format/btree.ts';
import { CHUNK_INODES, type Geometry } from '../../format/geometry.ts';
import type { AgRecords } from '../../fs/scan/agrecords.ts';
import { SortedRuns } from '../../fs/scan/sortedruns.ts';
import { FLAG_ATTR, FLAG_BMBT, FLAG_UNWRITTEN, RunColumns } from '../../fs/space/columns.ts';
import type { BlockRange } from '../address.ts';
import type { Filesystem } from '../filesystem.ts';
import type { SpaceIndex } from './spaceindex.ts';

/** One owner of a piece, by its reverse mapping or by its fork. */
export interface OwnerFact {
  /** Inode, or negative: metadata. */
  readonly owner: number;
  /** What a negative owner is, or the path of an inode when a directory names it. */
  readonly name?: string;
  readonly fork: 'data' | 'attr' | 'none';
  /** The block is one of the fork's btree. */
  readonly bmbt: boolean;
  /** File offset of the first block of the piece. */
  readonly offset: number;
  readonly unwritten: boolean;
}

export type Verdict = 'free' | 'owned' | 'shared' | 'staged' | 'metadata' | 'nobody' | 'contradiction';

export interface BlockFacts {
  readonly agno: number;
  readonly agbno: number;
  readonly fsbno: number;
  readonly count: number;
  readonly verdict: Verdict;
  /** In which indexes the blocks are free. */
  readonly free: readonly ('bnobt' | 'cntbt' | 'agfl')[];
  /** What metadata they are, by headers and trees. */
  readonly metadata: readonly string[];
  /** Reverse mappings; absent without a rmapbt. */
  readonly rmaps?: readonly OwnerFact[];
  /** Reference count; absent without a record, 1 for CoW staging. */
  readonly refcount?: number;
  readonly staged: boolean;
  readonly mappings: readonly OwnerFact[];
  readonly contradictions: readonly string[];
}

const OWNER_NAMES: Readonly<Record<number, string>> = {
  [OWNER.NULL]: 'nobody',
  [OWNER.UNKNOWN]: 'unknown',
  [OWNER.FS]: 'AG headers',
  [OWNER.LOG]: 'log',
  [OWNER.AG]: 'free space and rmap btrees, free list',
  [OWNER.INOBT]: 'inode btrees',
  [OWNER.INODES]: 'inodes',
  [OWNER.REFC]: 'refcount btree',
  [OWNER.COW]: 'CoW staging',
};

/** The indexes of one AG, ready for questions about ranges. */
class AgView {
  readonly ag: AgRecords;
  readonly free: SortedRuns<AgRecords['free']>;
  readonly freeBySize: SortedRuns<AgRecords['freeBySize']>;
  readonly rmaps: SortedRuns<AgRecords['rmaps']>;
  readonly refcounts: SortedRuns<AgRecords['refcounts']>;
  readonly freeList: ReadonlySet<number>;
  /** Headers, log and inodes, and what each of these runs is. */
  readonly fixed: SortedRuns<RunColumns>;
  readonly fixedNames: readonly string[];

  constructor(ag: AgRecords, agno: number, geometry: Geometry) {
    this.ag = ag;
    const fixed = new RunColumns();
    const names: string[] = [];
    for (const [start, length, name] of fixedRuns(ag, agno, geometry)) {
      fixed.push(start, length);
      names.push(name);
    }
    this.fixed = new SortedRuns(fixed);
    this.fixedNames = names;
    this.free = new SortedRuns(ag.free);
    this.freeBySize = new SortedRuns(ag.freeBySize);
    this.rmaps = new SortedRuns(ag.rmaps);
    this.refcounts = new SortedRuns(ag.refcounts);
    this.freeList = new Set(ag.freeList);
  }
}

/** Headers, log and inodes of an AG: start, length, name. */
function* fixedRuns(
  ag: AgRecords,
  agno: number,
  geometry: Geometry,
): Generator<[start: number, length: number, name: string]> {
  yield [0, geometry.headerBlocks, 'AG headers'];
  if (geometry.logstart !== 0 && geometry.fsbnoAgno(geometry.logstart) === agno)
    yield [geometry.fsbnoAgbno(geometry.logstart), geometry.logblocks, 'log'];
  // The least piece of a chunk: four inodes, or a block if that is more.
  const inodes = Math.min(CHUNK_INODES, Math.max(4, geometry.inopblock));
  const blocks = Math.max(1, inodes / geometry.inopblock);
  for (const { startino, holemask } of ag.chunks) {
    for (let i = 0; i < CHUNK_INODES; i += inodes) {
      const agbno = geometry.aginoAgbno(startino + i);
      if (((holemask >>> (i >> 2)) & 1) !== 0 || !geometry.isAgbno(agno, agbno)) continue;
      const first = geometry.ino(agno, startino + i);
      yield [agbno, blocks, `inodes ${first} to ${first + inodes - 1}`];
    }
  }
}

export class OwnerQuery {
  private readonly filesystem: Filesystem;
  private readonly index: SpaceIndex;
  private readonly view: AgView;
  private readonly range: BlockRange;

  constructor(filesystem: Filesystem, index: SpaceIndex, range: BlockRange) {
    this.filesystem = filesystem;
    this.index = index;
    this.range = range;
    this.view = new AgView(index.ags[range.agno]!, range.agno, filesystem.geometry);
  }

  /** Piece by piece, in block order. */
  *facts(): Generator<BlockFacts> {
    const bounds = this.bounds();
    for (let i = 0; i + 1 < bounds.length; i++) yield this.piece(bounds[i]!, bounds[i + 1]! - bounds[i]!);
  }

  /** Blocks at which anything changes, from the start of the range to its end. */
  private bounds(): number[] {
    const { agno, agbno, count } = this.range;
    const end = agbno + count;
    const bounds = new Set([agbno, end]);
    const add = (block: number) => {
      if (block > agbno && block < end) bounds.add(block);
    };
    const { view } = this;
    const mapped = this.index.mapped(agno);
    for (const runs of [view.free, view.freeBySize, view.rmaps, view.refcounts, view.fixed, mapped]) {
      for (const row of runs.over(agbno, count)) {
        add(runs.columns.start[row]!);
        add(runs.columns.start[row]! + runs.columns.count[row]!);
      }
    }
    const single = [...view.freeList, ...view.ag.trees.keys()];
    for (const block of single) {
      add(block);
      add(block + 1);
    }
    return [...bounds].sort((a, b) => a - b);
  }

  private piece(agbno: number, count: number): BlockFacts {
    const { geometry } = this.filesystem;
    const { agno } = this.range;
    const { view } = this;
    const has = (runs: SortedRuns<AgRecords['free']>) => !runs.over(agbno, count).next().done;
    const free: ('bnobt' | 'cntbt' | 'agfl')[] = [];
    if (has(view.free)) free.push('bnobt');
    if (has(view.freeBySize)) free.push('cntbt');
    if (view.freeList.has(agbno)) free.push('agfl');
    const metadata = this.metadataOf(agbno);
    const hasRmapbt = geometry.features.rmapbt;
    const rmaps = hasRmapbt ? this.owners(view.rmaps, agbno, count) : undefined;
    const mappings = this.owners(this.index.mapped(agno), agbno, count);
    let refcount: number | undefined;
    let staged = false;
    for (const row of view.refcounts.over(agbno, count)) {
      if (view.ag.refcounts.cow[row] === 1) staged = true;
      refcount = view.ag.refcounts.refcount[row]!;
    }
    const seen = { free, metadata, rmaps, mappings, refcount, staged };
    const contradictions = contradictionsOf(seen);
    return {
      ...{ agno, agbno, fsbno: geometry.fsbno(agno, agbno), count },
      verdict: contradictions.length > 0 ? 'contradiction' : verdictOf(seen),
      ...{ free, metadata, staged, mappings, contradictions },
      ...(rmaps === undefined ? {} : { rmaps }),
      ...(refcount === undefined ? {} : { refcount }),
    };
  }

  private metadataOf(agbno: number): string[] {
    const found: string[] = [];
    const block = this.view.ag.trees.get(agbno);
    if (block) found.push(`${block.tree} level ${block.level}`);
    for (const row of this.view.fixed.over(agbno, 1)) found.push(this.view.fixedNames[row]!);
    return found;
  }

  private owners(runs: SortedRuns<AgRecords['rmaps']>, agbno: number, count: number): OwnerFact[] {
    const { columns } = runs;
    const found: OwnerFact[] = [];
    for (const row of runs.over(agbno, count)) {
      const flags = columns.flags[row]!;
      const owner = columns.owner[row]!;
      const bmbt = (flags & FLAG_BMBT) !== 0;
      const isFork = owner >= 0;
      const name = isFork ? this.index.path(owner) : OWNER_NAMES[owner];
      found.push({
        owner,
        ...(name === undefined ? {} : { name }),
        fork: !isFork ? 'none' : (flags & FLAG_ATTR) !== 0 ? 'attr' : 'data',
        bmbt,
        offset: columns.offset[row]! + (isFork && !bmbt ? agbno - columns.start[row]! : 0),
        unwritten: (flags & FLAG_UNWRITTEN) !== 0,
      });
    }
    return found.sort((a, b) => a.owner - b.owner || a.offset - b.offset);
  }
}

interface Seen {
  readonly free: readonly string[];
  readonly metadata: readonly string[];
  readonly rmaps: readonly OwnerFact[] | undefined;
  readonly mappings: readonly OwnerFact[];
  readonly refcount: number | undefined;
  readonly staged: boolean;
}

function verdictOf({ free, metadata, mappings, staged }: Seen): Verdict {
  if (metadata.length > 0) return 'metadata';
  if (staged) return 'staged';
  if (free.length > 0) return 'free';
  if (mappings.length === 0) return 'nobody';
  return mappings.length > 1 ? 'shared' : 'owned';
}

const identity = ({ owner, fork, bmbt, offset }: OwnerFact) => `${owner} ${fork} ${bmbt} ${offset}`;

/** Where the sides do not agree. */
function contradictionsOf(seen: Seen): string[] {
  const { free, metadata, mappings, refcount, staged, rmaps } = seen;
  const found: string[] = [];
  const inTrees = free.filter((index) => index !== 'agfl').length;
  if (inTrees === 1) found.push(`free by the ${free[0]} only`);
  if (free.includes('agfl') && inTrees > 0) found.push('free, and on the free list');
  if (free.length > 0 && mappings.length > 0) found.push('free, but mapped');
  if (free.length > 0 && metadata.length > 0) found.push('free, but metadata');
  if (metadata.length > 0 && mappings.length > 0) found.push('metadata, but mapped');
  const kinds = new Set(metadata.map((what) => what.replace(/ .*/, '')));
  if (kinds.size > 1) found.push('metadata of two kinds');
  if (staged && mappings.length > 0) found.push('staged for CoW, but mapped');
  if (staged && free.length > 0) found.push('staged for CoW, but free');
  const shared = mappings.filter(({ bmbt }) => !bmbt).length;
  if (!staged && refcount !== undefined && refcount !== shared)
    found.push(`reference count ${refcount}, but ${shared} mappings`);
  if (refcount === undefined && shared > 1) found.push(`no reference count, but ${shared} mappings`);
  if (rmaps) found.push(...rmapContradictions(rmaps, seen));
  return found;
}

function rmapContradictions(rmaps: readonly OwnerFact[], seen: Seen): string[] {
  const found: string[] = [];
  const files = new Set(rmaps.filter(({ owner }) => owner >= 0).map(identity));
  const mapped = new Set(seen.mappings.map(identity));
  for (const fact of seen.mappings)
    if (!files.has(identity(fact)))
      found.push(`mapped by inode ${fact.owner}, but no reverse mapping says so`);
  for (const fact of rmaps)
    if (fact.owner >= 0 && !mapped.has(identity(fact)))
      found.push(`reverse mapping to inode ${fact.owner}, which does not map it`);
  const special = rmaps.filter(({ owner }) => owner < 0);
  if (special.length > 0 && seen.mappings.length > 0) found.push('reverse mapping to metadata, but mapped');
  const isStaging = special.some(({ owner }) => owner === OWNER.COW);
  if (isStaging !== seen.staged)
    found.push(
      isStaging ? 'reverse mapping to CoW staging, but no staging record' : 'staged without reverse mapping',
    );
  const onList = seen.free.includes('agfl');
  if (seen.free.length > 0 && !onList && rmaps.length > 0) found.push('free, but has a reverse mapping');
  const needed = seen.metadata.length > 0 || onList;
  if (needed && special.length === 0) found.push('metadata without reverse mapping');
  return found;
}
