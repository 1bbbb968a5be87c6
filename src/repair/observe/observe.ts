/**
 * Observe: reads everything that owns or indexes space and writes it down, without judging one against the
 * other. Order: superblock, log state, then per AG headers and btrees, then inode chunks and forks of all AGs,
 * then all bmbt blocks in waves, then what directories, attributes and other forks hold, then the unlinked lists.
 *
 * Trusts nothing: device and format are all it uses, every address is bounded before it is read, every walk by
 * what was already visited. Bad bytes give findings and leave flags (`sound`, `filesComplete`) false.
 */
import type { Device } from '../../device/device.ts';
import { AGF } from '../../format/agf.ts';
import { AGI } from '../../format/agi.ts';
import { OWNER } from '../../format/btree.ts';
import { CHUNK_INODES, type Geometry } from '../../format/geometry.ts';
import { viewOf } from '../../format/struct.ts';
import { SUPERBLOCK } from '../../format/superblock.ts';
import { type ChunkColumns, ExtentColumns } from '../../fs/space/columns.ts';
import { readContents } from '../content/content.ts';
import { checkNamedInodes } from '../content/named.ts';
import { ParentRecords } from '../content/parentrecords.ts';
import { quotaUsageFor, readQuotaSetup } from '../content/quota.ts';
import type { AgObservation, LogObservation, Observation, UnlinkedInode } from '../observation.ts';
import type { ObserveOptions } from '../progress.ts';
import { FindingSink } from '../sink.ts';
import { finish, type Steps } from '../steps.ts';
import { BlockRuns } from './blockruns.ts';
import { BmbtWalk } from './bmbt.ts';
import { chunksAreProved, gatherChunks, inodeCount } from './chunk.ts';
import { Context } from './context.ts';
import { ExtentReader, reportInode } from './extent.ts';
import { ForkReader } from './fork.ts';
import { ForkExtents } from './forkextents.ts';
import { readAgf, readAgfl, readAgi } from './header.ts';
import { InodeScan } from './inode.ts';
import { InodeTable } from './inodetable.ts';
import { ChunkReader, FreeReader, RefcountReader } from './leaf.ts';
import { observeLog } from './log.ts';
import { observeRmapbt } from './rmaptree.ts';
import { checkSecondaries } from './secondary.ts';
import { checkLogFeatures, followsFromLoss, type Primary, readPrimary } from './superblock.ts';
import { TreeWalk } from './tree.ts';
import { readUnlinked } from './unlinked.ts';

type AgIndexes = Omit<AgObservation, 'chunks' | 'owners'>;

/**
 * Observes the filesystem on `device`, from its byte 0. Throws DeviceError when it is not XFS or cannot be read
 * at all, UnsupportedFeature for what we do not handle, CorruptionError when the superblock's sizes contradict
 * each other.
 */
export function observe(device: Device): Observation {
  return finish(observeSteps(device));
}

/** The same, with a pause after each AG. */
export function* observeSteps(device: Device, options: ObserveOptions = {}): Steps<Observation> {
  const { progress } = options;
  const sink = new FindingSink();
  const primary = readPrimary(device, sink);
  const { sector, geometry } = primary;
  const context = new Context(device, geometry, sink);
  if (context.agcount < geometry.agcount) context.filesLost = true;
  checkSecondaries(context, sector, primary.census);
  const log = observeLog(device, geometry, SUPERBLOCK.over(sector).uuid, sink, options.logDevice);
  if (log.state === 'clean' || log.state === 'dirty') {
    context.logHead = { cycle: log.headCycle, block: log.headBlock };
  }
  if (log.state === 'clean') checkLogFeatures(primary, sink);
  context.checkLsn(viewOf(sector), SUPERBLOCK.offset.lsn, 'superblock', { agno: 0, structure: 'sb' });

  const runs = new BlockRuns(context);
  const indexes: AgIndexes[] = [];
  const owners: ExtentColumns[] = [];
  progress?.begin('AG headers and btrees', context.agcount, 'AGs');
  for (let agno = 0; agno < context.agcount; agno++) {
    indexes.push(readIndexes(context, runs, agno));
    owners.push(headerOwners(geometry, agno, expectedOwners(indexes.at(-1)!)));
    progress?.advance(1);
    yield;
  }
  const forks = new ForkExtents();
  const inodes = new InodeTable(
    geometry,
    indexes.reduce((sum, { inobt }) => sum + inobt.records.length, 0),
  );
  const parents = geometry.features.parent ? new ParentRecords() : undefined;
  const extents = new ExtentReader(context, owners, forks);
  const bmbt = new BmbtWalk(context, runs, owners, extents);
  const quota = readQuotaSetup(sector, log, options.quotaBehind);
  const usage = quotaUsageFor(quota);
  const scan = new InodeScan(context, new ForkReader(context, extents, bmbt, sector, parents), inodes, {
    usage,
    ahead: options.readAhead,
  });
  const ags: AgObservation[] = [];
  progress?.begin('inodes', context.agcount, 'AGs');
  for (const ag of indexes) {
    const chunks = yield* scan.scan(ag.agno, gatherChunks(context, ag));
    ags.push({ ...ag, chunks, owners: owners[ag.agno]! });
    progress?.advance(1);
    yield;
  }
  bmbt.run();
  yield* readContents(context, forks, inodes, parents);
  for (const ag of ags) claimChunks(geometry, ag.chunks, ag.owners);
  const filesComplete = !context.filesLost && allChunksFound(ags, log, primary);
  const named = { context, forks, inodes, superblock: sector, log };
  checkNamedInodes({ ...named, extents: extents.realtime, complete: filesComplete, quota, usage });
  const unlinked = observeUnlinked(context, ags, scan);
  return {
    geometry,
    superblock: sector,
    superblockOnDisk: primary.onDisk,
    superblockLost: primary.lost,
    log,
    ags,
    unlinked,
    inodes,
    parents,
    filesComplete,
    cycleAhead: context.cycleAhead,
    inodesAllocated: scan.allocated,
    findings: primary.lost ? sink.take().filter((f) => !followsFromLoss(f)) : sink.take(),
  };
}

/** AG by AG, or, where one lost all its witnesses, by the superblock's count, which a clean log vouches for. */
function allChunksFound(
  ags: readonly AgObservation[],
  log: LogObservation,
  { sector, lost }: Primary,
): boolean {
  if (ags.every((ag) => chunksAreProved(ag, ag.chunks))) return true;
  const found = ags.reduce((sum, ag) => sum + inodeCount(ag.chunks), 0);
  return log.state === 'clean' && !lost && BigInt(found) === SUPERBLOCK.over(sector).icount;
}

/** Headers and btrees of one AG. */
function readIndexes(context: Context, runs: BlockRuns, agno: number): AgIndexes {
  const { features } = context.geometry;
  const agf = readAgf(context, agno);
  const agi = readAgi(context, agno);
  const agfl = readAgfl(context, agno, agf);
  const f = agf.sector && AGF.over(agf.sector);
  const i = agi.sector && AGI.over(agi.sector);
  const free = (name: 'bnobt' | 'cntbt', agbno: number | undefined, levels: number) =>
    new TreeWalk(context, runs, agno, name, new FreeReader(context, agno, name === 'cntbt')).observe({
      agbno,
      levels,
    });
  const inodes = (name: 'inobt' | 'finobt', agbno: number | undefined, levels: number) =>
    new TreeWalk(context, runs, agno, name, new ChunkReader(context, agno, name === 'finobt')).observe({
      agbno,
      levels,
    });
  return {
    agno,
    length: context.geometry.agLength(agno),
    agf: agf.sector,
    agi: agi.sector,
    agfl: agfl.sector,
    agfSound: agf.sound,
    agiSound: agi.sound,
    agflSound: agfl.sound,
    freeList: agfl.blocks,
    bnobt: free('bnobt', f?.bnoroot, f?.bnolevel ?? 0),
    cntbt: free('cntbt', f?.cntroot, f?.cntlevel ?? 0),
    rmapbt: features.rmapbt
      ? observeRmapbt(context, runs, agno, { agbno: f?.rmaproot, levels: f?.rmaplevel ?? 0 })
      : undefined,
    refcntbt: features.reflink
      ? new TreeWalk(context, runs, agno, 'refcntbt', new RefcountReader(context, agno)).observe({
          agbno: f?.refcntroot,
          levels: f?.refcntlevel ?? 0,
        })
      : undefined,
    inobt: inodes('inobt', i?.root, i?.level ?? 0),
    finobt: features.finobt ? inodes('finobt', i?.free_root, i?.free_level ?? 0) : undefined,
  };
}

/** Nearly how many owners there will be, the AG's own blocks with them: as many as the rmapbt had records. */
function expectedOwners({ bnobt, cntbt, rmapbt, refcntbt, inobt, finobt, freeList }: AgIndexes): number {
  const trees = [bnobt, cntbt, rmapbt, refcntbt, inobt, finobt];
  const blocks = trees.reduce((sum, tree) => sum + (tree?.blocks.length ?? 0), freeList.length);
  return (rmapbt?.count ?? 0) + blocks + 64;
}

/** What owns blocks by the geometry alone: the AG headers and the internal log. `room`: owners to expect in all. */
function headerOwners(geometry: Geometry, agno: number, room: number): ExtentColumns {
  const owners = new ExtentColumns(room);
  owners.push(0, geometry.headerBlocks, OWNER.FS, 0, 0);
  const { logstart, logblocks } = geometry;
  if (logstart !== 0 && geometry.isFsbnoRange(logstart, logblocks) && geometry.fsbnoAgno(logstart) === agno) {
    owners.push(geometry.fsbnoAgbno(logstart), logblocks, OWNER.LOG, 0, 0);
  }
  return owners;
}

/** Blocks of inode chunks; neighbours may share a block where a block holds several chunks. */
function claimChunks(geometry: Geometry, chunks: ChunkColumns, owners: ExtentColumns): void {
  let start = -1;
  let end = -1;
  const claim = (from: number, to: number): void => {
    if (from <= end && start >= 0) {
      end = Math.max(end, to);
      return;
    }
    if (start >= 0) owners.push(start, end - start, OWNER.INODES, 0, 0);
    start = from;
    end = to;
  };
  for (let i = 0; i < chunks.length; i++) {
    const holemask = chunks.holemask[i]!;
    for (let j = 0; j < CHUNK_INODES; j += 4) {
      if ((holemask >>> (j >> 2)) & 1) continue;
      const first = geometry.aginoAgbno(chunks.startino[i]! + j);
      claim(first, geometry.aginoAgbno(chunks.startino[i]! + j + 3) + 1);
    }
  }
  if (start >= 0) owners.push(start, end - start, OWNER.INODES, 0, 0);
}

function observeUnlinked(context: Context, ags: readonly AgObservation[], scan: InodeScan): UnlinkedInode[] {
  const seen = new Set<number>();
  const unlinked: UnlinkedInode[] = [];
  for (const ag of ags) {
    for (const one of readUnlinked(context, ag.agno, ag.agi, ag.chunks, seen)) unlinked.push(one);
  }
  for (let i = 0; i < scan.linkless.length; i++) {
    const ino = scan.linkless.at(i);
    if (!seen.has(ino)) reportInode(context, 'UNLINKED_STRAY', ino, 'nlink 0, and on no unlinked list');
  }
  return unlinked;
}
