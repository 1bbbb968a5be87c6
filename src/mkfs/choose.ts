/**
 * From options and target to a plan. Every decision is taken here, in the order in which decisions depend on each
 * other: block and sector size, features, sizes, stripe, AGs, inode alignment, log, root inode.
 *
 * Nothing is read from or written to the device; a plan can be printed (`-N`) and compared.
 */
import { UsageError } from '../format/errors.ts';
import { parseUuid } from '../format/kinds.ts';
import { agMinBlocks, layOutAgs } from './ag.ts';
import type { GivenOptions, SizeUnits } from './given.ts';
import { type LogPlace, placeLog, REALISTIC_LOG_BYTES, SMALLEST_SUPPORTED_BYTES } from './log.ts';
import { freeListOf } from './ownership.ts';
import { chunkBlocks, freeListBlocks, log2Up, type Plan, type PlanFeatures, rootBlocksEnd } from './plan.ts';
import { chooseStripe, type Topology } from './stripe.ts';

export interface Target {
  /** Bytes of the device or file; undefined: it does not exist yet, or is made anew. */
  readonly bytes: number | undefined;
  readonly topology: Topology;
}

export interface Choice {
  readonly plan: Plan;
  /** Worth saying, but nothing that stops the work. */
  readonly notices: readonly string[];
}

export interface ChooseOptions {
  readonly label: string;
  /** UUID when none is given. */
  readonly randomUuid: () => string;
  /** Below 300 MB, with a log below 64 MB, or a single AG: refused unless this is set. */
  readonly allowSmall: boolean;
}

const LABEL_BYTES = 12;

function chooseUnits(given: GivenOptions, topology: Topology, notices: string[]): SizeUnits {
  const blocksize = given.number('b.size') ?? 4096;
  if (blocksize < 1024) throw new UsageError(`block size ${blocksize}: version 5 needs at least 1024`);
  let sectsize = given.number('s.size') ?? given.number('s.sectsize') ?? given.number('d.sectsize');
  if (sectsize === undefined) {
    sectsize = topology.physicalSector > 32768 ? topology.logicalSector : topology.physicalSector;
    if (blocksize < sectsize && blocksize >= topology.logicalSector) {
      const text =
        `block size ${blocksize} is less than device physical sector size ${sectsize}: ` +
        `switching to logical sector size ${topology.logicalSector}`;
      notices.push(text);
      sectsize = topology.logicalSector;
    }
  }
  if (blocksize < sectsize)
    throw new UsageError(`block size ${blocksize} cannot be smaller than sector size ${sectsize}`);
  if (sectsize < topology.logicalSector)
    throw new UsageError(`sector size ${sectsize} is below that of the device, ${topology.logicalSector}`);
  const logSector = given.number('l.sectsize');
  if (logSector !== undefined && logSector !== sectsize)
    throw new UsageError(`-l sectsize=${logSector}: an internal log has the data's sector size, ${sectsize}`);
  return { blocksize, sectsize };
}

function chooseFeatures(given: GivenOptions): PlanFeatures {
  const finobt = given.flag('m.finobt', true);
  return {
    finobt,
    inobtcnt: finobt && given.flag('m.inobtcount', true),
    rmapbt: given.flag('m.rmapbt', true),
    reflink: given.flag('m.reflink', true),
    bigtime: given.flag('m.bigtime', true),
    sparse: given.flag('i.sparse', true),
    nrext64: given.flag('i.nrext64', true),
  };
}

function chooseInodeSize(given: GivenOptions, blocksize: number): number {
  const perBlock = given.number('i.perblock');
  const size = perBlock !== undefined ? blocksize / perBlock : (given.number('i.size') ?? 512);
  if (size < 512) throw new UsageError(`inode size ${size}: version 5 needs at least 512`);
  const most = Math.min(blocksize / 2, 2048);
  if (size > most)
    throw new UsageError(
      `inode size ${size}: blocks of ${blocksize} bytes allow ` + (most === 512 ? '512' : `512 to ${most}`),
    );
  return size;
}

function chooseDirBlockSize(given: GivenOptions, units: SizeUnits): number {
  const size = given.number('n.size', units) ?? Math.max(4096, units.blocksize);
  if (size < units.blocksize)
    throw new UsageError(`directory block size ${size} is below the block size ${units.blocksize}`);
  return size;
}

/** A size option in blocks, cut to whole ones. */
function blocksGiven(
  given: GivenOptions,
  key: 'd.size' | 'l.size',
  units: SizeUnits,
  notices: string[],
): number | undefined {
  const bytes = given.number(key, units);
  if (bytes === undefined) return undefined;
  const what = key === 'd.size' ? 'data' : 'log';
  if (bytes % 512 !== 0) throw new UsageError(`${what} size ${bytes} is not in whole units of 512`);
  const blocks = Math.floor(bytes / units.blocksize);
  if (bytes % units.blocksize !== 0) {
    const text = `${what} size ${bytes} is not in whole blocks: ${blocks} of ${units.blocksize} are used`;
    notices.push(text);
  }
  return blocks;
}

function chooseDataBlocks(given: GivenOptions, units: SizeUnits, target: Target, notices: string[]): number {
  const asked = blocksGiven(given, 'd.size', units, notices);
  // The end of a device is usable in whole sectors, or KiB if those are smaller.
  const grain = Math.max(units.sectsize, 1024);
  const there =
    target.bytes === undefined
      ? undefined
      : Math.floor((Math.floor(target.bytes / grain) * grain) / units.blocksize);
  if (asked === undefined && there === undefined)
    throw new UsageError('no such image: give its size with -d size= to make it');
  if (asked !== undefined && there !== undefined && asked > there)
    throw new UsageError(`-d size=${given.text('d.size')}: the image has ${there} blocks`);
  const dblocks = asked ?? there!;
  const least = agMinBlocks(units.blocksize);
  if (dblocks < least)
    throw new UsageError(`${dblocks} blocks are too few for a filesystem, the least is ${least} (16 MiB)`);
  return dblocks;
}

/** Alignment of inode chunks (and, sparse, of their pieces): clusters of 8 KiB grow with the inode size. */
function inodeAlignment(blocksize: number, inodesize: number, sparse: boolean) {
  const cluster = Math.floor((8192 * (inodesize / 256)) / blocksize);
  return sparse
    ? { inoalignmt: Math.floor((64 * inodesize) / blocksize), spinoAlign: cluster }
    : { inoalignmt: cluster, spinoAlign: 0 };
}

function chooseImaxpct(given: GivenOptions, bytes: number): number {
  const asked = given.number('i.maxpct');
  if (asked) return asked;
  if (bytes < 2 ** 40) return 25;
  return bytes < 50 * 2 ** 40 ? 5 : 1;
}

/** Stripe unit, where inode chunks can be aligned to it; else their own alignment. */
function chunkAlignment(plan: Omit<Plan, 'rootAgbno'>): number {
  const { inoalignmt, sunit, blocksize } = plan;
  const wanted = (8192 * plan.inodesize) / 256;
  const cluster = inoalignmt >= Math.floor(wanted / blocksize) ? wanted : 8192;
  const clusterBlocks = cluster > blocksize ? Math.floor(cluster / blocksize) : 1;
  const align = inoalignmt >= clusterBlocks ? inoalignmt : 1;
  if (sunit > 0 && align > 1 && sunit % align === 0) return sunit;
  return Math.max(inoalignmt, 1);
}

/** Where the root inode must be: repair computes this same place from the geometry alone. */
function placeRoot(plan: Omit<Plan, 'rootAgbno'>): number {
  const first = rootBlocksEnd(plan) + freeListBlocks(plan) + (plan.logAgno === 0 ? plan.logblocks : 0);
  const align = chunkAlignment(plan);
  const agbno = Math.ceil(first / align) * align;
  const end = agbno + chunkBlocks(plan);
  const length = plan.agcount === 1 ? plan.dblocks : plan.agblocks;
  const logEnd = plan.logAgbno + plan.logblocks;
  const inLog = plan.logAgno === 0 && agbno < logEnd && end > plan.logAgbno;
  const inFreeList = freeListOf(plan, 0, length).some((block) => block >= agbno && block < end);
  if (end > length || inLog || inFreeList)
    throw new UsageError(
      `no room for the root inode at block ${agbno} of allocation group 0: choose another log size or place`,
    );
  return agbno;
}

function checkSupported(bytes: number, log: LogPlace, blocksize: number, agcount: number): void {
  if (bytes < SMALLEST_SUPPORTED_BYTES) throw new UsageError('Filesystem must be larger than 300MB.');
  if (log.logblocks * blocksize < REALISTIC_LOG_BYTES)
    throw new UsageError('A log below 64 MB is not supported.');
  if (agcount < 2)
    throw new UsageError('A single allocation group is not supported: a second superblock could not be.');
}

function chooseUuid(given: GivenOptions, options: ChooseOptions): string {
  const text = given.text('m.uuid');
  if (text === undefined) return options.randomUuid();
  if (!/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(text))
    throw new UsageError(`-m uuid=${text}: not a UUID`);
  parseUuid(text);
  return text.toLowerCase();
}

/** Decides everything. Throws UsageError when the wishes contradict each other or the target. */
export function chooseFilesystem(given: GivenOptions, target: Target, options: ChooseOptions): Choice {
  given.checkRules();
  if (Buffer.byteLength(options.label) > LABEL_BYTES)
    throw new UsageError(`-L ${options.label}: a label has at most 12 bytes`);
  const uuid = chooseUuid(given, options);
  const notices: string[] = [];
  const units = chooseUnits(given, target.topology, notices);
  const { blocksize } = units;
  const features = chooseFeatures(given);
  const dirblocksize = chooseDirBlockSize(given, units);
  const inodesize = chooseInodeSize(given, blocksize);
  const data = chooseDataBlocks(given, units, target, notices);
  const logWanted = blocksGiven(given, 'l.size', units, notices);
  const stripe = chooseStripe(given, units, target.topology, data * blocksize, notices);
  const ags = layOutAgs({
    blocksize,
    dblocks: data,
    sunit: stripe.sunit,
    swidth: stripe.swidth,
    agcount: given.number('d.agcount'),
    agsizeBytes: given.number('d.agsize', units),
  });
  notices.push(...ags.notices);
  const { dblocks, agblocks, agcount } = ags;
  const agblklog = log2Up(agblocks);
  const alignment = inodeAlignment(blocksize, inodesize, features.sparse);
  const log = placeLog({
    ...units,
    ...alignment,
    ...{ inodesize, dirblocksize, agblklog, features, ags },
    lsunit: stripe.lsunit,
    logblocks: logWanted,
    agno: given.number('l.agnum'),
  });
  const bytes = dblocks * blocksize;
  if (!options.allowSmall) checkSupported(bytes, log, blocksize, agcount);
  const rootless = {
    ...units,
    ...alignment,
    ...log,
    ...{ inodesize, dirblocksize, dblocks, agblocks, agcount, agblklog, features, uuid },
    sunit: stripe.sunit,
    swidth: stripe.swidth,
    imaxpct: chooseImaxpct(given, bytes),
    label: options.label,
  };
  return { plan: { ...rootless, rootAgbno: placeRoot(rootless) }, notices };
}
