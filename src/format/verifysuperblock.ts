/**
 * Verifier of the superblock: one row per rule of the format, and those that later code relies on to compute
 * addresses as exact numbers. A problem that `stops` means that no geometry may be built from this sector.
 *
 * Unknown feature bits are no problem in this sense, but a reason to refuse: see `unsupportedBits` in features.ts.
 */
import { computeCrc, crcIsGood, storedCrc } from './checksum.ts';
import { CHUNK_INODES } from './geometry.ts';
import { hex, type Problem, Problems } from './problem.ts';
import { SB_CRC_OFFSET, SB_MAGIC, SUPERBLOCK } from './superblock.ts';

export const MIN_AG_BLOCKS = 64;
export const MIN_AG_BYTES = 16 * 2 ** 20;
/** An AG is one block less than 1 TiB at most. */
export const MAX_AG_BYTES = 2 ** 40;
export const MAX_LOG_BLOCKS = 2 ** 20;
export const MAX_LOG_BYTES = 2 ** 31 - 10 * 2 ** 20;
/** Greatest log stripe unit, bytes. */
export const MAX_LOG_UNIT = 2 ** 18;
/** Byte offsets and inode numbers from here on are not exact as numbers. */
const EXACT = 2 ** 53;

type Fields = ReturnType<typeof SUPERBLOCK.over>;

interface Rule {
  readonly field: string & keyof Fields;
  readonly expected: (sb: Fields) => number | string;
  readonly holds: (sb: Fields) => boolean;
}

const rule = (
  field: Rule['field'],
  holds: Rule['holds'],
  expected: number | string | ((sb: Fields) => number | string),
): Rule => ({ field, holds, expected: typeof expected === 'function' ? expected : () => expected });

const isPower = (value: number, log: number) => log < 31 && value === 2 ** log;
const within = (value: number, least: number, most: number) => value >= least && value <= most;
const powerWithin = (value: number, least: number, most: number) =>
  within(value, least, most) && (value & (value - 1)) === 0;
const ceilLog2 = (value: number) => (value <= 1 ? 0 : 32 - Math.clz32(value - 1));
const sparse = (sb: Fields) => (sb.features_incompat & 2) !== 0;
const sectorBit = (sb: Fields) => (sb.versionnum & 0x800) !== 0;
const stripeBit = (sb: Fields) => (sb.versionnum & 0x100) !== 0;
const chunkBlocks = (sb: Fields) => (CHUNK_INODES * sb.inodesize) >>> sb.blocklog;

/** Version bits that every version 5 superblock has: NLINK, ALIGN, LOGV2, EXTFLG, DIRV2, MOREBITS. */
const VERSION_BITS = 0x20 | 0x80 | 0x400 | 0x1000 | 0x2000 | 0x8000;
/** LAZYSBCOUNT, ATTR2, PROJID32, CRC. */
const FEATURES2_BITS = 0x2 | 0x8 | 0x80 | 0x100;

/** In this order, for each relies on those above it; the first that is broken ends the list. */
const GEOMETRY_RULES: readonly Rule[] = [
  rule('versionnum', (sb) => (sb.versionnum & 15) === 5, 'version 5'),
  rule('blocksize', (sb) => powerWithin(sb.blocksize, 1024, 65536), 'a power of two, 1024 to 65536'),
  rule(
    'blocklog',
    (sb) => isPower(sb.blocksize, sb.blocklog),
    (sb) => `log2 of blocksize ${sb.blocksize}`,
  ),
  rule('sectsize', (sb) => powerWithin(sb.sectsize, 512, 32768), 'a power of two, 512 to 32768'),
  rule(
    'sectlog',
    (sb) => isPower(sb.sectsize, sb.sectlog),
    (sb) => `log2 of sectsize ${sb.sectsize}`,
  ),
  rule(
    'sectsize',
    (sb) => sb.sectsize <= sb.blocksize,
    (sb) => `at most blocksize ${sb.blocksize}`,
  ),
  rule('inodesize', (sb) => powerWithin(sb.inodesize, 256, 2048), 'a power of two, 256 to 2048'),
  rule(
    'inodelog',
    (sb) => isPower(sb.inodesize, sb.inodelog),
    (sb) => `log2 of inodesize ${sb.inodesize}`,
  ),
  rule(
    'inodesize',
    (sb) => sb.inodesize <= sb.blocksize / 2,
    (sb) => `at most ${sb.blocksize / 2}`,
  ),
  rule(
    'inopblock',
    (sb) => sb.inopblock === sb.blocksize / sb.inodesize,
    (sb) => sb.blocksize / sb.inodesize,
  ),
  rule(
    'inopblog',
    (sb) => sb.inopblog === sb.blocklog - sb.inodelog,
    (sb) => sb.blocklog - sb.inodelog,
  ),
  rule(
    'dirblklog',
    (sb) => sb.dirblklog + sb.blocklog <= 16,
    (sb) => `at most ${16 - sb.blocklog}`,
  ),
  rule('agblocks', (sb) => sb.agblocks >= MIN_AG_BLOCKS, `at least ${MIN_AG_BLOCKS}`),
  rule(
    'agblocks',
    (sb) => within(sb.agblocks * sb.blocksize, MIN_AG_BYTES, MAX_AG_BYTES),
    (sb) => `${MIN_AG_BYTES / sb.blocksize} to ${MAX_AG_BYTES / sb.blocksize}`,
  ),
  rule(
    'agblklog',
    (sb) => sb.agblklog === ceilLog2(sb.agblocks),
    (sb) => ceilLog2(sb.agblocks),
  ),
  rule('dblocks', (sb) => sb.dblocks > 0 && sb.dblocks * sb.blocksize < EXACT, 'below 2^53 bytes'),
  rule(
    'agcount',
    (sb) => sb.agcount === Math.ceil(sb.dblocks / sb.agblocks),
    (sb) => Math.ceil(sb.dblocks / sb.agblocks),
  ),
  rule(
    'dblocks',
    (sb) => sb.dblocks >= (sb.agcount - 1) * sb.agblocks + MIN_AG_BLOCKS,
    `at least ${MIN_AG_BLOCKS} in the last AG`,
  ),
  rule('agcount', (sb) => sb.agcount * 2 ** (sb.agblklog + sb.inopblog) <= EXACT, 'inode numbers below 2^53'),
];

/** Rules that stop nothing; each is looked at. */
const FIELD_RULES: readonly Rule[] = [
  rule(
    'versionnum',
    (sb) => (sb.versionnum & VERSION_BITS) === VERSION_BITS,
    `all bits of ${hex(VERSION_BITS)}`,
  ),
  rule('versionnum', (sb) => (sb.versionnum & 0x200) === 0, 'no SHARED bit'),
  rule(
    'features2',
    (sb) => (sb.features2 & FEATURES2_BITS) === FEATURES2_BITS,
    `all bits of ${hex(FEATURES2_BITS)}`,
  ),
  rule(
    'bad_features2',
    (sb) => sb.bad_features2 === sb.features2,
    (sb) => sb.features2,
  ),
  rule('flags', (sb) => sb.flags === 0, 0),
  rule('qflags', (sb) => (sb.qflags & 0x30) === 0, 'no bits 0x30'),
  rule('imax_pct', (sb) => sb.imax_pct <= 100, 'at most 100'),
  rule('shared_vn', (sb) => sb.shared_vn === 0, 0),
  rule('inoalignmt', (sb) => !sparse(sb) || sb.inoalignmt === chunkBlocks(sb), chunkBlocks),
  rule('spino_align', (sb) => sparse(sb) || sb.spino_align === 0, 0),
  rule(
    'spino_align',
    (sb) => !sparse(sb) || sb.spino_align === 0 || sb.inoalignmt % sb.spino_align === 0,
    (sb) => `a divisor of inoalignmt ${sb.inoalignmt}`,
  ),
  rule('logblocks', (sb) => sb.logblocks <= MAX_LOG_BLOCKS, `at most ${MAX_LOG_BLOCKS}`),
  rule(
    'logblocks',
    (sb) => sb.logblocks * sb.blocksize <= MAX_LOG_BYTES,
    (sb) => `at most ${Math.floor(MAX_LOG_BYTES / sb.blocksize)}`,
  ),
  rule('logblocks', (sb) => sb.logblocks > 0, 'above zero'),
  rule('logstart', (sb) => sb.logstart === 0 || logFits(sb), 'the log inside one AG'),
  rule('logsectlog', (sb) => sectorBit(sb) || sb.logsectlog === 0, 0),
  rule('logsectsize', (sb) => sectorBit(sb) || sb.logsectsize === 0, 0),
  rule(
    'logsectsize',
    (sb) => !sectorBit(sb) || isPower(sb.logsectsize, sb.logsectlog),
    (sb) => `2^logsectlog, that is ${sb.logsectlog}`,
  ),
  rule(
    'logsunit',
    (sb) => sb.logsunit <= 1 || sb.logsunit % sb.blocksize === 0,
    (sb) => `a multiple of blocksize ${sb.blocksize}`,
  ),
  rule('logsunit', (sb) => sb.logsunit <= MAX_LOG_UNIT, `at most ${MAX_LOG_UNIT}`),
  rule('unit', (sb) => stripeBit(sb) === (sb.unit !== 0), 'zero exactly without DALIGN'),
  rule('width', (sb) => (sb.unit === 0 ? sb.width === 0 : stripeFits(sb)), 'a multiple of unit'),
  rule(
    'rextsize',
    (sb) => within(sb.rextsize * sb.blocksize, 4096, 2 ** 30),
    (sb) => `${4096 / sb.blocksize} to ${2 ** 30 / sb.blocksize}`,
  ),
  rule('rextents', (sb) => sb.rextents === realtimeExtents(sb), realtimeExtents),
  rule('rextents', (sb) => sb.rblocks === 0 || sb.rextents > 0, 'at least 1 with a realtime section'),
  rule('rbmblocks', (sb) => sb.rbmblocks === bitmapBlocks(sb), bitmapBlocks),
  rule(
    'rextslog',
    (sb) => rextslogs(sb).includes(sb.rextslog),
    (sb) => rextslogs(sb)[0]!,
  ),
  rule(
    'frextents',
    (sb) => sb.frextents <= BigInt(realtimeExtents(sb)),
    (sb) => `at most ${realtimeExtents(sb)}`,
  ),
];

/** Rules of AG 0's copy alone: mkfs leaves the others with inprogress set and most without a root inode. */
const PRIMARY_RULES: readonly Rule[] = [
  rule('inprogress', (sb) => sb.inprogress === 0, 0),
  rule('rootino', rootFits, 'an inode of AG 0'),
  rule(
    'fdblocks',
    (sb) => sb.fdblocks <= BigInt(sb.dblocks),
    (sb) => `at most dblocks ${sb.dblocks}`,
  ),
  rule(
    'icount',
    (sb) => sb.icount <= BigInt(sb.dblocks) * BigInt(sb.inopblock),
    (sb) => `at most ${BigInt(sb.dblocks) * BigInt(sb.inopblock)}`,
  ),
  rule(
    'ifree',
    (sb) => sb.ifree <= sb.icount,
    (sb) => `at most icount ${sb.icount}`,
  ),
];

function logFits(sb: Fields): boolean {
  const agno = Math.floor(sb.logstart / 2 ** sb.agblklog);
  const agbno = sb.logstart % 2 ** sb.agblklog;
  if (sb.logstart < 0 || agno >= sb.agcount) return false;
  const length = agno === sb.agcount - 1 ? sb.dblocks - agno * sb.agblocks : sb.agblocks;
  return agbno + sb.logblocks <= length && agbno * sb.blocksize >= 4 * sb.sectsize;
}

function stripeFits(sb: Fields): boolean {
  return sb.width >= sb.unit && sb.width % sb.unit === 0;
}

function realtimeExtents(sb: Fields): number {
  return sb.rblocks === 0 || sb.rextsize === 0 ? 0 : Math.floor(sb.rblocks / sb.rextsize);
}

/** Blocks that a bit for each realtime extent takes. */
function bitmapBlocks(sb: Fields): number {
  return Math.ceil(realtimeExtents(sb) / (8 * sb.blocksize));
}

/**
 * log2 of the realtime extents. Beyond 2^32 of them two values are met: that of the whole number, and, from tools
 * and kernels before 6.8, that of its low half.
 */
function rextslogs(sb: Fields): readonly number[] {
  const extents = realtimeExtents(sb);
  if (extents < 2) return [0];
  const whole = floorLog2(extents);
  return whole < 32 ? [whole] : [whole, Math.max(0, floorLog2(extents % 2 ** 32))];
}

function floorLog2(value: number): number {
  if (value < 1) return -1;
  const high = Math.floor(value / 2 ** 32);
  return high === 0 ? 31 - Math.clz32(value) : 63 - Math.clz32(high);
}

function rootFits(sb: Fields): boolean {
  const blocks = sb.rootino / sb.inopblock;
  return sb.rootino > 0 && blocks < sb.agblocks && blocks * sb.blocksize >= 4 * sb.sectsize;
}

export interface SuperblockOptions {
  /** A copy in an AG other than 0. */
  readonly secondary?: boolean;
}

/**
 * Verifies a superblock sector. `sector` should hold `sectsize` bytes; the CRC is looked at only when it does.
 * `deviceBytes`: size of what it lies on, if known.
 */
export function verifySuperblock(
  sector: Uint8Array,
  deviceBytes?: number,
  options: SuperblockOptions = {},
): readonly Problem[] {
  const problems = new Problems();
  if (sector.length < 512) {
    problems.stop('magicnum', `${sector.length} bytes`, 'a sector of at least 512 bytes');
    return problems.take();
  }
  const sb = SUPERBLOCK.over(sector);
  if (sb.magicnum !== SB_MAGIC) {
    problems.stop('magicnum', hex(sb.magicnum), hex(SB_MAGIC));
    return problems.take();
  }
  for (const r of GEOMETRY_RULES) {
    if (r.holds(sb)) continue;
    problems.stop(r.field, plain(sb[r.field]), r.expected(sb));
    return problems.take();
  }
  apply(FIELD_RULES, sb, problems);
  if (!options.secondary) apply(PRIMARY_RULES, sb, problems);
  if (deviceBytes !== undefined && sb.dblocks * sb.blocksize > deviceBytes) {
    problems.add(
      'dblocks',
      sb.dblocks,
      `at most ${Math.floor(deviceBytes / sb.blocksize)}, the device's size`,
    );
  }
  if (sector.length >= sb.sectsize && !crcIsGood(sector, SB_CRC_OFFSET, 0, sb.sectsize)) {
    problems.add(
      'crc',
      hex(storedCrc(sector, SB_CRC_OFFSET)),
      hex(computeCrc(sector, SB_CRC_OFFSET, 0, sb.sectsize)),
    );
  }
  return problems.take();
}

function apply(rules: readonly Rule[], sb: Fields, problems: Problems): void {
  for (const r of rules) if (!r.holds(sb)) problems.add(r.field, plain(sb[r.field]), r.expected(sb));
}

function plain(value: unknown): number | string {
  return typeof value === 'number' ? value : String(value);
}
