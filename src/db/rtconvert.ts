/**
 * Addresses of the realtime section from one unit into another. As with `convert`, parts add up to a byte of the
 * section, which is shown in the wanted unit; which parts go together, and their names, are xfs_db's. Without
 * realtime groups: then group numbers and blocks in a group mean nothing.
 *
 * A word of the summary file counts the free runs of 2^level to 2^(level + 1) - 1 extents that begin in one block of
 * the bitmap: word number = level * bitmap blocks + bitmap block.
 */
import { findUnit, readConversion } from './convert.ts';
import { DbError } from './error.ts';

/** What the units of a realtime section depend on. */
export interface RealtimeSizes {
  readonly blocksize: number;
  /** Blocks of a realtime extent. */
  readonly rextsize: number;
  /** Blocks of the bitmap file. */
  readonly rbmblocks: number;
}

interface Sizes {
  readonly block: bigint;
  readonly extent: bigint;
  readonly words: bigint;
  readonly bits: bigint;
  readonly bitmapBlocks: bigint;
  /** Given beside the rest; they move nothing themselves. */
  readonly level: bigint | undefined;
  readonly infoWord: bigint | undefined;
}

interface Unit {
  readonly names: readonly string[];
  readonly beside: readonly string[];
  toBytes(value: bigint, sizes: Sizes): bigint;
  /** Undefined: nothing is converted to it. */
  readonly fromBytes: ((bytes: bigint, sizes: Sizes) => bigint) | undefined;
}

const WORD_BITS = 32n;

function unit(names: string, beside: string, toBytes: Unit['toBytes'], fromBytes: Unit['fromBytes']): Unit {
  return { names: names.split(' '), beside: beside.split(' '), toBytes, fromBytes };
}

const extentOf = (bytes: bigint, s: Sizes) => bytes / s.extent;
const itself = (value: bigint) => value;

/** Number of the summary word for a byte. */
function summaryWord(bytes: bigint, s: Sizes): bigint {
  if (s.level === undefined) throw new DbError('need to set rsumlog');
  return s.level * s.bitmapBlocks + extentOf(bytes, s) / s.bits;
}

function summaryBlockBytes(value: bigint, s: Sizes): bigint {
  if (s.level === undefined) throw new DbError('need to set rsumlog');
  if (s.infoWord === undefined) throw new DbError('need to set rsuminfo');
  const word = s.infoWord + value * s.words;
  const span = s.level * s.bitmapBlocks;
  return (span === 0n ? word : word % span) * s.bits * s.extent;
}

const UNITS: readonly Unit[] = [
  unit('bboff daddroff', 'daddr rtblock rsumlog', itself, (b) => b % 512n),
  unit('blkoff rtboff rgboff', 'rtblock rsumlog', itself, (b, s) => b % s.block),
  unit('byte fsbyte', 'rsumlog', itself, itself),
  unit(
    'daddr bb',
    'bboff rsumlog',
    (v) => v * 512n,
    (b) => b / 512n,
  ),
  unit(
    'rtblock rtb rtbno',
    'bboff blkoff rsumlog',
    (v, s) => v * s.block,
    (b, s) => b / s.block,
  ),
  unit('rtx rtextent', 'bboff blkoff rsumlog', (v, s) => v * s.extent, extentOf),
  unit(
    'rbmblock rbmb',
    'rbmword rsumlog',
    (v, s) => v * s.bits * s.extent,
    (b, s) => extentOf(b, s) / s.bits,
  ),
  unit(
    'rbmword rbmw',
    'rbmblock rsumlog',
    (v, s) => v * WORD_BITS * s.extent,
    (b, s) => (extentOf(b, s) / WORD_BITS) % s.words,
  ),
  unit('rsumblock rsmb', '', summaryBlockBytes, (b, s) => summaryWord(b, s) / s.words),
  unit('rsumlog rsml', 'rsuminfo rsumblock', () => 0n, undefined),
  unit(
    'rsuminfo rsmi',
    'rsumblock',
    () => 0n,
    (b, s) => summaryWord(b, s) % s.words,
  ),
];

/** Converts `unit value [unit value]... unit`. Throws DbError for unknown or conflicting units. */
export function convertRealtime(args: readonly string[], realtime: RealtimeSizes): bigint {
  const { wanted, given } = readConversion('rtconvert', args, UNITS);
  if (!wanted.fromBytes) throw new DbError('cannot convert to rsumlog');
  const sizes = sizesOf(realtime, given);
  let bytes = 0n;
  for (const [from, value] of given) bytes += from.toBytes(value, sizes);
  return BigInt.asUintN(64, wanted.fromBytes(bytes, sizes));
}

function sizesOf({ blocksize, rextsize, rbmblocks }: RealtimeSizes, given: Map<Unit, bigint>): Sizes {
  if (rextsize === 0) throw new DbError('the realtime extent size is 0');
  const block = BigInt(blocksize);
  return {
    block,
    extent: block * BigInt(rextsize),
    words: block / 4n,
    bits: block * 8n,
    bitmapBlocks: BigInt(rbmblocks),
    level: given.get(findUnit(UNITS, 'rsumlog')),
    infoWord: given.get(findUnit(UNITS, 'rsuminfo')),
  };
}
