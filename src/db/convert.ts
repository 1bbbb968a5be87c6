/**
 * Addresses from one unit into another: a sum of parts (AG, block, inode, byte) is a byte of the filesystem, and that
 * is shown in the wanted unit. Which parts go together, and the names of units, are xfs_db's. Exact (bigint): the
 * user may ask for what no device holds.
 */
import type { Geometry } from '../format/geometry.ts';
import { DbError } from './error.ts';
import { parseNumber } from './path.ts';

interface Unit extends NamedUnit {
  /** Bits of the value that count; negative for a number with a sign. */
  readonly bits: number;
  toBytes(value: bigint, units: Sizes): bigint;
  fromBytes(bytes: bigint, units: Sizes): bigint;
}

/** The sizes of a geometry as bigint. */
interface Sizes {
  readonly block: bigint;
  readonly inode: bigint;
  readonly agBlocks: bigint;
  readonly agBytes: bigint;
  readonly inodesInBlock: bigint;
  readonly agblklog: bigint;
  readonly aginolog: bigint;
}

function sizesOf(g: Geometry): Sizes {
  const block = BigInt(g.blocksize);
  const agBlocks = BigInt(g.agblocks);
  return {
    block,
    inode: BigInt(g.inodesize),
    agBlocks,
    agBytes: agBlocks * block,
    inodesInBlock: BigInt(g.inopblock),
    agblklog: BigInt(g.agblklog),
    aginolog: BigInt(g.aginolog),
  };
}

const low = (value: bigint, bits: bigint) => value & ((1n << bits) - 1n);
const agbnoOf = (b: bigint, s: Sizes) => (b / s.block) % s.agBlocks;
/** AG numbers have 32 bits, whatever they come from. */
const agno32 = (value: bigint) => BigInt.asUintN(32, value);
const agnoOf = (b: bigint, s: Sizes) => agno32(b / s.agBytes);
const aginoOf = (b: bigint, s: Sizes) => (b / s.inode) % (s.agBlocks * s.inodesInBlock);

function unit(
  names: string,
  beside: string,
  bits: number,
  toBytes: Unit['toBytes'],
  fromBytes: Unit['fromBytes'],
): Unit {
  return { names: names.split(' '), beside: beside.split(' '), bits, toBytes, fromBytes };
}

/** Sorted as they add up. */
const UNITS: readonly Unit[] = [
  unit('agblock agbno', 'agnumber bboff blkoff inoidx inooff', 32, (v, s) => v * s.block, agbnoOf),
  unit('agino aginode', 'agnumber inooff', 32, (v, s) => v * s.inode, aginoOf),
  unit('agnumber agno', 'agblock agino bboff blkoff inoidx inooff', 32, (v, s) => v * s.agBytes, agnoOf),
  unit(
    'bboff daddroff',
    'agblock agnumber daddr fsblock',
    -32,
    (v) => v,
    (b) => b % 512n,
  ),
  unit(
    'blkoff fsboff agboff',
    'agblock agnumber fsblock',
    -32,
    (v) => v,
    (b, s) => b % s.block,
  ),
  unit(
    'byte fsbyte',
    '',
    64,
    (v) => v,
    (b) => b,
  ),
  unit(
    'daddr bb',
    'bboff',
    64,
    (v) => v * 512n,
    (b) => b / 512n,
  ),
  unit(
    'fsblock fsb fsbno',
    'bboff blkoff inoidx',
    64,
    (v, s) => agno32(v >> s.agblklog) * s.agBytes + low(v, s.agblklog) * s.block,
    (b, s) => (agnoOf(b, s) << s.agblklog) | agbnoOf(b, s),
  ),
  unit(
    'ino inode',
    'inooff',
    64,
    (v, s) => agno32(v >> s.aginolog) * s.agBytes + low(v, s.aginolog) * s.inode,
    (b, s) => (agnoOf(b, s) << s.aginolog) | aginoOf(b, s),
  ),
  unit(
    'inoidx offset',
    'agblock agnumber fsblock inooff',
    -32,
    (v, s) => v * s.inode,
    (b, s) => (b / s.inode) % s.inodesInBlock,
  ),
  unit(
    'inooff inodeoff',
    'agblock agino agnumber fsblock ino inoidx',
    -32,
    (v) => v,
    (b, s) => b % s.inode,
  ),
];

export const UNIT_NAMES: readonly string[] = UNITS.flatMap(({ names }) => names);

interface NamedUnit {
  readonly names: readonly string[];
  /** Units that may stand beside this one. */
  readonly beside: readonly string[];
}

/** What the words of `convert` and `rtconvert` ask for. */
interface Conversion<U> {
  readonly wanted: U;
  readonly given: Map<U, bigint>;
  /** Units that may not stand beside what was given. */
  readonly barred: ReadonlySet<U>;
}

/** The unit of that name. Throws DbError. */
export function findUnit<U extends NamedUnit>(units: readonly U[], name: string): U {
  const found = units.find(({ names }) => names.includes(name));
  if (!found) throw new DbError(`unknown conversion type ${name}`);
  return found;
}

/** Reads `unit value [unit value]... unit`. Throws DbError for unknown or conflicting units. */
export function readConversion<U extends NamedUnit>(
  command: string,
  args: readonly string[],
  units: readonly U[],
): Conversion<U> {
  if (args.length % 2 !== 1) {
    throw new DbError(`bad argument count ${args.length} to ${command}, expected 3,5,7,9 arguments`);
  }
  const wanted = findUnit(units, args[args.length - 1]!);
  const given = new Map<U, bigint>();
  const barred = new Set<U>();
  for (let i = 0; i + 1 < args.length; i += 2) {
    const from = findUnit(units, args[i]!);
    if (from === wanted) throw new DbError('result type same as argument');
    if (barred.has(from)) throw new DbError(`conflicting conversion type ${args[i]}`);
    const value = parseNumber(args[i + 1]!);
    if (value === undefined) throw new DbError(`${args[i + 1]} is not a number`);
    given.set(from, value);
    for (const other of units) if (!from.beside.includes(other.names[0]!)) barred.add(other);
  }
  return { wanted, given, barred };
}

const clip = ({ bits }: Unit, value: bigint) =>
  bits < 0 ? BigInt.asIntN(-bits, value) : BigInt.asUintN(bits, value);

/**
 * Converts `unit value [unit value]... unit`. The current AG is added where the units leave room for one. Throws
 * DbError for unknown or conflicting units.
 */
export function convertUnits(args: readonly string[], geometry: Geometry, agno: number | undefined): bigint {
  const { wanted, given, barred } = readConversion('convert', args, UNITS);
  const agUnit = findUnit(UNITS, 'agno');
  if (agno !== undefined && !barred.has(agUnit)) given.set(agUnit, BigInt(agno));
  const sizes = sizesOf(geometry);
  let bytes = 0n;
  for (const [from, value] of given) bytes += from.toBytes(clip(from, value), sizes);
  return wanted.fromBytes(BigInt.asUintN(64, bytes), sizes);
}
