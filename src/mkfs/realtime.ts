/**
 * Classic realtime section: a second device of equal extents, with a bitmap and a summary as two files in AG 0 of the
 * data section. All of it is free in a new filesystem, so both follow from the number of extents.
 *
 * Bitmap: bit set = extent free; summary: for each size class (log2 of the length) and bitmap block, the number of
 * free runs that begin there. Both are 32-bit words in the host's order, which is little endian wherever XFS is used.
 */
import { UsageError } from '../format/errors.ts';
import type { GivenOptions, SizeUnits } from './given.ts';
import type { RealtimePlan } from './plan.ts';
import { blocksGiven, type SideTarget } from './target.ts';

const MIN_EXTENT_BYTES = 4096;
const MAX_EXTENT_BYTES = 2 ** 30;

/** Blocks in a realtime extent; every filesystem records it, with a realtime section or without. */
function chooseExtent(given: GivenOptions, units: SizeUnits, target: SideTarget | undefined): number {
  const { blocksize } = units;
  const asked = given.number('r.extsize', units);
  if (asked !== undefined) {
    if (asked % blocksize !== 0)
      throw new UsageError(`-r extsize: ${asked} is not in whole blocks of ${blocksize}`);
    return asked / blocksize;
  }
  const width = given.flag('r.noalign') || !target ? 0 : target.topology.stripeWidth;
  const striped = width > MIN_EXTENT_BYTES && width <= MAX_EXTENT_BYTES && width % blocksize === 0;
  return striped ? width / blocksize : Math.max(1, MIN_EXTENT_BYTES / blocksize);
}

/** Blocks of the realtime section; 0 asked for is none at all, as with mkfs.xfs. */
function sectionBlocks(given: GivenOptions, units: SizeUnits, target: SideTarget, notices: string[]): number {
  const asked = blocksGiven(given, 'r.size', units, notices);
  const grain = Math.max(units.sectsize, 1024);
  const there =
    target.bytes === undefined
      ? undefined
      : Math.floor((Math.floor(target.bytes / grain) * grain) / units.blocksize);
  if (asked !== undefined && there !== undefined && asked > there)
    throw new UsageError(`-r size=${given.text('r.size')}: ${target.name} has ${there} blocks`);
  const blocks = asked ?? there;
  if (asked === 0 && there !== 0) return 0;
  if (!blocks) throw new UsageError(`-r rtdev: ${target.name} has no size`);
  return blocks;
}

/** Extent size in blocks, and the realtime section if there is to be one. Throws UsageError. */
export function chooseRealtime(
  given: GivenOptions,
  units: SizeUnits,
  target: SideTarget | undefined,
  notices: string[],
): { readonly rextsize: number; readonly realtime: RealtimePlan | undefined } {
  const rextsize = chooseExtent(given, units, target);
  if (!target) {
    if (given.has('r.size')) throw new UsageError('-r size: no realtime device (rtdev) to have it');
    return { rextsize, realtime: undefined };
  }
  const rblocks = sectionBlocks(given, units, target, notices);
  if (rblocks === 0) return { rextsize, realtime: undefined };
  const rextents = Math.floor(rblocks / rextsize);
  if (rextents < 1)
    throw new UsageError(`-r rtdev: ${rblocks} blocks do not hold one extent of ${rextsize} blocks`);
  if (rextents >= 2 ** 32)
    throw new UsageError(`-r rtdev: ${rextents} realtime extents, at most ${2 ** 32 - 1}`);
  const rbmblocks = Math.ceil(rextents / (8 * units.blocksize));
  const rextslog = Math.floor(Math.log2(rextents));
  const rsumblocks = Math.ceil((4 * (rextslog + 1) * rbmblocks) / units.blocksize);
  return {
    rextsize,
    realtime: { device: target.name, rblocks, rextents, rextslog, rbmblocks, rsumblocks },
  };
}

/** Bytes of block `index` of the bitmap. */
export function encodeBitmapBlock(realtime: RealtimePlan, blocksize: number, index: number): Uint8Array {
  const bytes = new Uint8Array(blocksize);
  const bits = Math.min(realtime.rextents - index * blocksize * 8, blocksize * 8);
  bytes.fill(0xff, 0, bits >>> 3);
  // In a little endian word bit i lies in byte i / 8, so words need no thought here.
  if (bits % 8 !== 0) bytes[bits >>> 3] = 2 ** (bits % 8) - 1;
  return bytes;
}

/** Where in the summary the one count is that is not 0: the whole section is one free run from block 0. */
export function summaryByte(realtime: RealtimePlan): number {
  return 4 * realtime.rextslog * realtime.rbmblocks;
}
