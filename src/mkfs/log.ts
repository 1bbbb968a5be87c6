/**
 * Size and place of the internal log.
 *
 * It lies inside one AG (agcount/2 unless asked otherwise), right after that AG's btree roots, aligned to the log
 * or data stripe unit. Size: 1/2048 of the filesystem, 64 MiB at least, 2 GiB - 10 MiB at most, and what the AG has
 * room for; below 300 MB the least that transactions need.
 */
import { UsageError } from '../format/errors.ts';
import { MAX_LOG_BLOCKS, MAX_LOG_BYTES } from '../format/verifysuperblock.ts';
import { largestTransactionBytes, minimumLogBlocks } from '../fs/log/reservation.ts';
import type { AgLayout } from './ag.ts';
import { type PlanFeatures, rootBlocksEnd } from './plan.ts';

export interface LogWish {
  readonly blocksize: number;
  readonly sectsize: number;
  readonly inodesize: number;
  readonly dirblocksize: number;
  readonly agblklog: number;
  readonly inoalignmt: number;
  readonly features: PlanFeatures;
  readonly ags: AgLayout;
  /** Log stripe unit, blocks; 0: none. */
  readonly lsunit: number;
  /** Asked for by the user, blocks. */
  readonly logblocks: number | undefined;
  readonly agno: number | undefined;
  /** Blocks of the device of an external log, if it is there already. */
  readonly external:
    | { readonly name: string; readonly blocks: number | undefined; readonly isFile: boolean }
    | undefined;
  /** Blocks of a realtime extent where there is a realtime section, else 0. */
  readonly rtExtent: number;
  /** Threads that the log shall serve; 0: no matter. */
  readonly threads: number;
}

export interface LogPlace {
  readonly logAgno: number;
  readonly logAgbno: number;
  readonly logblocks: number;
  /** Bytes; 1: none. */
  readonly logsunit: number;
}

const MIN_LOG_BLOCKS = 512;
/** Kept free beside a log: four AGFL blocks, and one so that an AG is never without free space. */
const RESERVED_BLOCKS = 5;
const MIN_LOG_BYTES = 10 * 2 ** 20;
export const REALISTIC_LOG_BYTES = 64 * 2 ** 20;
export const SMALLEST_SUPPORTED_BYTES = 300 * 2 ** 20;

function leastBlocks(wish: LogWish, logsunit: number): number {
  const { ags, features, blocksize } = wish;
  const least = Math.max(
    MIN_LOG_BLOCKS,
    minimumLogBlocks({ ...wish, ...features, agblocks: ags.agblocks, logsunit }),
  );
  const large = wish.logblocks === undefined && ags.dblocks * blocksize >= 2 ** 30;
  return large ? Math.max(least, Math.floor(MIN_LOG_BYTES / blocksize)) : least;
}

function defaultBlocks(wish: LogWish, least: number, most: number): number {
  const { blocksize } = wish;
  const bytes = wish.ags.dblocks * blocksize;
  let blocks = Math.max(Math.floor(Math.floor(bytes / 2048) / blocksize), REALISTIC_LOG_BYTES / blocksize);
  if (bytes < SMALLEST_SUPPORTED_BYTES) blocks = least;
  if (wish.threads > 0 && bytes >= 2 ** 30) blocks = Math.max(blocks, concurrentBlocks(wish));
  blocks = Math.min(Math.max(blocks, least), most, MAX_LOG_BLOCKS);
  return Math.min(blocks, Math.floor(MAX_LOG_BYTES / blocksize));
}

/** Room for the largest transaction of every thread, with half as much again for what goes on behind them. */
function concurrentBlocks(wish: LogWish): number {
  const { blocksize } = wish;
  const demand = { ...wish, ...wish.features, agblocks: wish.ags.agblocks, logsunit: logUnit(wish) };
  const bytes = Math.floor((largestTransactionBytes(demand) * 3 * wish.threads) / 2);
  return Math.min(Math.floor(MAX_LOG_BYTES / blocksize), Math.floor(bytes / blocksize));
}

const logUnit = (wish: LogWish): number => (wish.lsunit > 0 ? wish.lsunit * wish.blocksize : 1);

/**
 * The AG of the root directory needs room for its inode chunk beside the log. Below zero the limit of mkfs.xfs is none,
 * as it compares without signs; then the place of the root inode decides.
 */
function mostBlocksInAg0(wish: LogWish, most: number): number {
  const chunk = Math.floor((64 * wish.inodesize) / wish.blocksize);
  const rest = most - Math.max(4 * chunk, 2 * wish.ags.sunit);
  return rest < 0 ? Number.POSITIVE_INFINITY : rest;
}

function checkSize(blocks: number, least: number, blocksize: number): void {
  if (blocks < least)
    throw new UsageError(`log size ${blocks} blocks too small, minimum size is ${least} blocks`);
  if (blocks > MAX_LOG_BLOCKS)
    throw new UsageError(`log size ${blocks} blocks too large, at most ${MAX_LOG_BLOCKS}`);
  if (blocks * blocksize > MAX_LOG_BYTES)
    throw new UsageError(`log size ${blocks * blocksize} bytes too large, at most ${MAX_LOG_BYTES}`);
}

const tooLarge = (blocks: number, most: number): never => {
  throw new UsageError(`log size ${blocks} blocks too large, its AG has room for ${most}`);
};

/** Start and length rounded to the stripe unit, still inside the AG. */
function align(
  wish: LogWish,
  agno: number,
  first: number,
  blocks: number,
  most: number,
  agLength: number,
): [number, number] {
  const unit = wish.lsunit || wish.ags.sunit;
  if (unit === 0) return [first, blocks];
  // It is the fsbno that mkfs.xfs rounds; for a unit of two's power that is the block in the AG as well.
  const base = agno * 2 ** wish.agblklog;
  const start = Math.ceil((base + first) / unit) * unit - base;
  if (start >= agLength)
    throw new UsageError(`no log start on a stripe unit of ${unit} blocks inside its AG of ${agLength}`);
  let length = blocks;
  if (length % unit !== 0) {
    if (wish.logblocks !== undefined)
      throw new UsageError(`log size ${blocks} blocks is not in whole stripe units of ${unit}`);
    length = Math.ceil(blocks / unit) * unit;
    if (length > MAX_LOG_BLOCKS || length * wish.blocksize > MAX_LOG_BYTES || length > most)
      length = Math.floor(blocks / unit) * unit;
  }
  if (start + length > agLength && length > unit) length -= unit;
  if (start + length > agLength)
    throw new UsageError(
      `log size ${length} blocks too large, from block ${start} on its AG has ${agLength - start}`,
    );
  return [start, length];
}

/** The log has a device of its own and takes all of it, unless a size says otherwise. */
function placeExternal(wish: LogWish, least: number, logsunit: number): LogPlace {
  const { name, blocks: there } = wish.external!;
  const asked = wish.logblocks;
  if (asked !== undefined && there !== undefined && asked > there)
    throw new UsageError(`log size ${asked} blocks: ${name} has ${there}`);
  let blocks = asked ?? there;
  if (!blocks) throw new UsageError(`-l logdev: ${name} has no size`);
  if (blocks < least)
    throw new UsageError(
      `external log device size ${blocks} blocks too small, must be at least ${least} blocks`,
    );
  if (wish.lsunit > 0 && blocks % wish.lsunit !== 0) {
    if (asked !== undefined)
      throw new UsageError(`log size ${blocks} blocks is not in whole stripe units of ${wish.lsunit}`);
    // A file grows to whole stripe units, as with mkfs.xfs; a device cannot.
    const round = wish.external!.isFile ? Math.ceil : Math.floor;
    blocks = round(blocks / wish.lsunit) * wish.lsunit;
  }
  checkSize(blocks, least, wish.blocksize);
  return { logAgno: -1, logAgbno: 0, logblocks: blocks, logsunit };
}

/** Chooses the log. Throws UsageError when none fits. */
export function placeLog(wish: LogWish): LogPlace {
  const { ags, blocksize } = wish;
  const logsunit = logUnit(wish);
  const least = leastBlocks(wish, logsunit);
  if (wish.external) return placeExternal(wish, least, logsunit);
  const first = rootBlocksEnd(wish);
  let most = ags.agblocks - first - RESERVED_BLOCKS;
  if (wish.logblocks !== undefined && wish.logblocks >= ags.dblocks)
    throw new UsageError(`log size ${wish.logblocks} blocks too large, the filesystem has ${ags.dblocks}`);
  if (most < least)
    throw new UsageError(`filesystem too small: its log needs ${least} blocks, an AG has room for ${most}`);
  let blocks = wish.logblocks ?? defaultBlocks(wish, least, most);
  if (blocks > most) tooLarge(blocks, most);
  if (wish.logblocks === undefined) checkSize(blocks, least, blocksize);
  const agno = wish.agno ?? Math.floor(ags.agcount / 2);
  if (agno >= ags.agcount)
    throw new UsageError(`-l agnum=${agno}: allocation groups are 0 to ${ags.agcount - 1}`);
  if (agno === 0) {
    most = mostBlocksInAg0(wish, most);
    if (wish.logblocks !== undefined && blocks > most) tooLarge(blocks, most);
    blocks = Math.min(blocks, most);
  }
  const agLength = agno === ags.agcount - 1 ? ags.dblocks - agno * ags.agblocks : ags.agblocks;
  if (first + blocks > agLength) {
    // The last AG may be too short for a log that fits the others (mkfs.xfs fails here, half way).
    const room = Math.max(0, agLength - first - RESERVED_BLOCKS);
    if (wish.logblocks !== undefined || room < least) tooLarge(blocks, room);
    blocks = room;
  }
  const [start, length] = align(wish, agno, first, blocks, most, agLength);
  checkSize(length, least, blocksize);
  return { logAgno: agno, logAgbno: start, logblocks: length, logsunit };
}
