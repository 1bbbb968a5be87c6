/**
 * Allocation groups: how many and how large (measured vectors: test/unit/mkfs/geometry.test.ts).
 *
 * Invariants: 16 MiB <= AG < 1 TiB; all AGs equal but the last, which is at least 16 MiB too, or is dropped; with
 * a stripe, AG starts fall on stripe units but not all on the same disk.
 */
import { UsageError } from '../format/errors.ts';
import { MAX_AG_BYTES, MIN_AG_BYTES } from '../format/verifysuperblock.ts';

export interface AgWish {
  readonly blocksize: number;
  /** Data blocks there are. */
  readonly dblocks: number;
  /** Blocks there may be at most; infinite in a regular file. */
  readonly room: number;
  /** Stripe unit and width, blocks; 0: none. */
  readonly sunit: number;
  readonly swidth: number;
  readonly agcount: number | undefined;
  readonly agsizeBytes: number | undefined;
  /** Threads that AGs shall serve; 0: no matter. */
  readonly threads: number;
}

export interface AgLayout {
  readonly dblocks: number;
  readonly agblocks: number;
  readonly agcount: number;
  readonly sunit: number;
  readonly swidth: number;
  /** Worth saying, but nothing that stops the work. */
  readonly notices: readonly string[];
}

const MIB = 2 ** 20;
const GIB = 2 ** 30;
const TIB = 2 ** 40;
const MAX_AGCOUNT = 2 ** 32 - 1;

export const agMinBlocks = (blocksize: number): number => MIN_AG_BYTES / blocksize;
const agMaxBlocks = (blocksize: number): number => Math.floor((MAX_AG_BYTES - 1) / blocksize);

/** AGs that a filesystem is first divided in, as a power of two; undefined: AGs of the greatest size. */
function defaultCountLog(bytes: number, striped: boolean): number | undefined {
  if (bytes >= 32 * TIB) return undefined;
  if (!striped && bytes >= 4 * TIB) return undefined;
  if (!striped && bytes >= 128 * MIB) return 2;
  // Many disks, or very small: the more AGs the larger it is.
  const below = [bytes <= 512 * GIB, bytes <= 8 * GIB, bytes < 128 * MIB, bytes < 64 * MIB, bytes < 32 * MIB];
  return 5 - below.filter(Boolean).length;
}

/** Blocks in an AG when the user leaves it open. */
function defaultAgBlocks(dblocks: number, blocksize: number, striped: boolean): number {
  const max = agMaxBlocks(blocksize);
  const log = defaultCountLog(dblocks * blocksize, striped);
  if (log === undefined) return max;
  const blocks = Math.floor(dblocks / 2 ** log);
  return dblocks % 2 ** log !== 0 && blocks < max ? blocks + 1 : blocks;
}

function firstAgBlocks(wish: AgWish): number {
  if (wish.agsizeBytes !== undefined) {
    if (wish.agsizeBytes % wish.blocksize !== 0)
      throw new UsageError(`-d agsize: ${wish.agsizeBytes} is not in whole blocks of ${wish.blocksize}`);
    return wish.agsizeBytes / wish.blocksize;
  }
  if (wish.agcount !== undefined) return Math.ceil(wish.dblocks / wish.agcount);
  const usual = defaultAgBlocks(wish.dblocks, wish.blocksize, wish.sunit > 0);
  return wish.threads > 0 ? concurrentAgBlocks(wish, usual) : usual;
}

/** As many AGs as threads, none below 4 GiB, and never fewer than usual. */
function concurrentAgBlocks(wish: AgWish, usual: number): number {
  const { dblocks, blocksize, threads } = wish;
  const usualCount = Math.ceil(dblocks / usual);
  if (threads < usualCount) return usual;
  const inFourGib = Math.floor(dblocks / ((4 * GIB) / blocksize));
  if (Math.floor(dblocks / threads) < (4 * GIB) / blocksize)
    return inFourGib > usualCount ? Math.floor(dblocks / inFourGib) : usual;
  // Of AGs that would be too large a multiple of the threads is made.
  let count = threads;
  while (Math.floor(dblocks / count) > Math.max(agMaxBlocks(blocksize), usual)) count += threads;
  return Math.floor(dblocks / count);
}

/** Moves AG starts to stripe units; returns the AG size and what to say about it. */
function alignToStripe(wish: AgWish, first: number, notices: string[]): number {
  const { sunit, swidth } = wish;
  const min = agMinBlocks(wish.blocksize);
  let agblocks = first;
  if (agblocks % sunit !== 0) {
    agblocks = Math.ceil(first / sunit) * sunit;
    if (agblocks > agMaxBlocks(wish.blocksize)) agblocks = Math.floor(first / sunit) * sunit;
    if (wish.agsizeBytes !== undefined)
      notices.push(`AG size made ${agblocks} blocks, whole stripe units of ${sunit}`);
  }
  const oneDisk = agblocks % swidth === 0 && swidth !== sunit && wish.dblocks > agblocks;
  if (!oneDisk) return agblocks;
  if (wish.agcount !== undefined || wish.agsizeBytes !== undefined) {
    const text =
      `all AGs begin on the same disk, as ${agblocks} blocks are whole stripe widths; ` +
      `a size of ${agblocks - sunit} would spread their headers`;
    notices.push(text);
    return agblocks;
  }
  // One unit off makes each AG start on the next disk.
  return agblocks - sunit >= min ? agblocks - sunit : agblocks + sunit;
}

/** A count that was asked for, with AGs that whole stripe units made larger, may be more than the blocks fill. */
function checkCount(wish: AgWish, { agblocks, agcount, dblocks }: AgLayout): void {
  const filled = Math.ceil(dblocks / agblocks);
  if (filled !== agcount)
    throw new UsageError(
      `-d agcount=${wish.agcount}: ${dblocks} blocks are ${filled} AGs of ${agblocks} blocks` +
        (wish.sunit > 0 ? ` (whole stripe units of ${wish.sunit})` : ''),
    );
  if (dblocks > wish.room)
    throw new UsageError(
      `-d agcount=${wish.agcount}: ${agcount} AGs of ${agblocks} blocks do not fit, the device has ${wish.room} blocks`,
    );
}

function checkAgs(layout: AgLayout, blocksize: number): void {
  const min = agMinBlocks(blocksize);
  const max = agMaxBlocks(blocksize);
  const { agblocks, agcount, dblocks } = layout;
  const size = `AG size of ${agblocks} blocks`;
  if (agblocks < min) throw new UsageError(`${size} is too small, the least is ${min}`);
  if (agblocks > max) throw new UsageError(`${size} is too large, the greatest is ${max}`);
  if (agblocks > dblocks) throw new UsageError(`${size} is too large for ${dblocks} blocks of data`);
  const last = dblocks % agblocks;
  if (last !== 0 && last < min)
    throw new UsageError(`the last AG would have ${last} blocks, the least is ${min}`);
  if (agcount > MAX_AGCOUNT) throw new UsageError(`${agcount} allocation groups: at most ${MAX_AGCOUNT}`);
}

/** Count and size of the AGs. Throws UsageError when the wishes cannot be met. */
export function layOutAgs(wish: AgWish): AgLayout {
  const notices: string[] = [];
  let { dblocks } = wish;
  const first = firstAgBlocks(wish);
  const agblocks = wish.sunit > 0 ? alignToStripe(wish, first, notices) : first;
  // mkfs.xfs drops a short last AG from the count that was asked for, even where the blocks end far before it: then
  // the filesystem, and the file it is in, are larger than asked.
  let agcount = wish.agcount ?? Math.ceil(dblocks / agblocks);
  const last = dblocks % agblocks;
  if (last !== 0 && last < agMinBlocks(wish.blocksize) && agcount > 1) {
    dblocks = (agcount - 1) * agblocks;
    agcount--;
  }
  if (wish.agcount !== undefined && agcount !== wish.agcount)
    notices.push(`agcount ${wish.agcount} cannot be had here, making ${agcount}`);
  if (dblocks > wish.dblocks)
    notices.push(
      `${agcount} AGs of ${agblocks} blocks make it larger, ${dblocks} blocks for ${wish.dblocks}`,
    );
  const layout = { dblocks, agblocks, agcount, sunit: wish.sunit, swidth: wish.swidth, notices };
  checkAgs(layout, wish.blocksize);
  checkCount(wish, layout);
  return layout;
}
