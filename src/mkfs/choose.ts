/**
 * From options and target to a plan. Every decision is taken here, in the order in which decisions depend on each
 * other: block and sector size, features, sizes, stripe, AGs, inode alignment, log, root inode.
 *
 * Nothing is read from or written to the device; a plan can be printed (`-N`) and compared.
 */
import { UsageError } from '../format/errors.ts';
import { parseUuid } from '../format/kinds.ts';
import { agMinBlocks, layOutAgs } from './ag.ts';
import { chooseFeatures, chooseInheritance } from './features.ts';
import type { GivenOptions, SizeUnits } from './given.ts';
import { type LogPlace, placeLog, REALISTIC_LOG_BYTES, SMALLEST_SUPPORTED_BYTES } from './log.ts';
import { freeListOf } from './ownership.ts';
import {
  chunkBlocks,
  freeListBlocks,
  internalLogBlocks,
  log2Up,
  type Plan,
  type Rootless,
  rootBlocksEnd,
} from './plan.ts';
import { isSince } from './profile.ts';
import { chooseRealtime } from './realtime.ts';
import { placeRealtimeFiles } from './rtfile.ts';
import { chooseLogSector, chooseUnits } from './sector.ts';
import { chooseStripe } from './stripe.ts';
import { blocksGiven, type Target } from './target.ts';

export interface Choice {
  readonly plan: Plan;
  /** Worth saying, but nothing that stops the work. */
  readonly notices: readonly string[];
}

export interface ChooseOptions {
  readonly label: string;
  /** UUID when none is given; of a plan with an empty one. */
  readonly makeUuid: (plan: Plan) => string;
  /** Below 300 MB, with a log below 64 MB, or a single AG: refused unless this is set. */
  readonly allowSmall: boolean;
  /** What `concurrency=nr_cpus` means. */
  readonly processors: number;
}

const LABEL_BYTES = 12;
const NO_UUID = '00000000-0000-0000-0000-000000000000';

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
  // Releases before 6.15 took 0 for a wish to leave it open.
  if (asked || (asked === 0 && isSince(given.profile, '6.18'))) return asked;
  if (bytes < 2 ** 40) return 25;
  return bytes < 50 * 2 ** 40 ? 5 : 1;
}

/** Stripe unit, where inode chunks can be aligned to it; else their own alignment. */
function chunkAlignment(plan: Rootless): number {
  const { inoalignmt, sunit, blocksize } = plan;
  const wanted = (8192 * plan.inodesize) / 256;
  const cluster = inoalignmt >= Math.floor(wanted / blocksize) ? wanted : 8192;
  const clusterBlocks = cluster > blocksize ? Math.floor(cluster / blocksize) : 1;
  const align = inoalignmt >= clusterBlocks ? inoalignmt : 1;
  if (sunit > 0 && align > 1 && sunit % align === 0) return sunit;
  return Math.max(inoalignmt, 1);
}

/** Where the root inode must be: repair computes this same place from the geometry alone. */
function placeRoot(plan: Rootless): number {
  const first =
    rootBlocksEnd(plan) + freeListBlocks(plan) + (plan.logAgno === 0 ? internalLogBlocks(plan) : 0);
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

/** UUID that was asked for. */
function uuidGiven(given: GivenOptions): string | undefined {
  const text = given.text('m.uuid');
  if (text === undefined) return undefined;
  if (!/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(text))
    throw new UsageError(`-m uuid=${text}: not a UUID`);
  parseUuid(text);
  return text.toLowerCase();
}

/** Everything in which nothing else has a say. */
function chooseFormat(given: GivenOptions, target: Target, notices: string[]) {
  const units = chooseUnits(given, target, notices);
  given.checkValues(units);
  const logSectsize = chooseLogSector(given, units, target.log, notices);
  const features = chooseFeatures(given, target.realtime !== undefined);
  const dirblocksize = chooseDirBlockSize(given, units);
  const inodesize = chooseInodeSize(given, units.blocksize);
  const alignment = inodeAlignment(units.blocksize, inodesize, features.sparse);
  return { units, logSectsize, features, dirblocksize, inodesize, alignment };
}

function externalLog(target: Target, logSectsize: number, blocksize: number) {
  const log = target.log;
  if (!log) return undefined;
  const grain = Math.max(logSectsize, 1024);
  const blocks =
    log.bytes === undefined ? undefined : Math.floor((Math.floor(log.bytes / grain) * grain) / blocksize);
  return { name: log.name, blocks, isFile: log.isFile };
}

/** Decides everything. Throws UsageError when the wishes contradict each other or the target. */
export function chooseFilesystem(given: GivenOptions, target: Target, options: ChooseOptions): Choice {
  if (Buffer.byteLength(options.label) > LABEL_BYTES)
    throw new UsageError(`-L ${options.label}: a label has at most 12 bytes`);
  const uuid = uuidGiven(given);
  const notices = given.checkRules();
  const format = chooseFormat(given, target, notices);
  const { units, logSectsize, features, inodesize, dirblocksize, alignment } = format;
  const { blocksize } = units;
  const data = chooseDataBlocks(given, units, target, notices);
  const logWanted = blocksGiven(given, 'l.size', units, notices);
  const { rextsize, realtime } = chooseRealtime(given, units, target.realtime, notices);
  const external = externalLog(target, logSectsize, blocksize);
  const stripe = chooseStripe(
    given,
    units,
    target.topology,
    data * blocksize,
    logFacts(given, target, logSectsize),
    notices,
  );
  const ags = layOutAgs({
    blocksize,
    dblocks: data,
    room: target.bytes === undefined || target.canGrow ? Infinity : Math.floor(target.bytes / blocksize),
    sunit: stripe.sunit,
    swidth: stripe.swidth,
    agcount: given.number('d.agcount'),
    agsizeBytes: given.number('d.agsize', units),
    threads: threadsGiven(given, 'd.concurrency', target, options),
  });
  notices.push(...ags.notices);
  const { dblocks, agblocks, agcount } = ags;
  const agblklog = log2Up(agblocks);
  const log = placeLog({
    ...units,
    ...alignment,
    ...{ inodesize, dirblocksize, agblklog, features, ags, external },
    lsunit: stripe.lsunit,
    logblocks: logWanted,
    agno: given.number('l.agnum'),
    rtExtent: realtime ? rextsize : 0,
    threads: threadsGiven(given, 'l.concurrency', target, options),
  });
  const bytes = dblocks * blocksize;
  const rootless: Rootless = {
    profile: given.profile,
    ...units,
    ...alignment,
    ...log,
    ...{ logSectsize, inodesize, dirblocksize, dblocks, agblocks, agcount, agblklog, features, rextsize },
    logDevice: external?.name,
    uuid: uuid ?? NO_UUID,
    sunit: stripe.sunit,
    swidth: stripe.swidth,
    imaxpct: chooseImaxpct(given, bytes),
    label: options.label,
    inheritance: chooseInheritance(given, agblocks, rextsize),
  };
  if (!options.allowSmall) checkSupported(bytes, log, blocksize, agcount);
  const rootAgbno = placeRoot(rootless);
  const files = realtime && { ...realtime, ...placeRealtimeFiles(rootless, rootAgbno, realtime) };
  const plan: Plan = { ...rootless, rootAgbno, realtime: files };
  return { plan: uuid === undefined ? { ...plan, uuid: options.makeUuid(plan) } : plan, notices };
}

/**
 * Threads to serve; 1 stands for as many as this machine has processors, 0 for no wish. Nothing said is no wish too,
 * but on a solid-state device it is 1 since xfsprogs 6.12.
 */
function threadsGiven(
  given: GivenOptions,
  key: 'd.concurrency' | 'l.concurrency',
  target: Target,
  options: ChooseOptions,
): number {
  const parallel = target.topology.solidState && isSince(given.profile, '6.12');
  const threads = given.number(key) ?? Number(parallel);
  return threads === 1 ? options.processors : threads;
}

/** What the stripe of a log depends on; the one of an external log's device counts since xfsprogs 6.16. */
function logFacts(given: GivenOptions, target: Target, sectsize: number) {
  const stripeUnit = isSince(given.profile, '6.18') ? (target.log?.topology.stripeUnit ?? 0) : 0;
  return { sectsize, external: target.log !== undefined, stripeUnit };
}
