/**
 * `blocktrash`: spoils bits of the current object, or of blocks picked at random among those of some kinds that
 * blockget has found. What happens follows from the seed alone, the same as in xfs_db.
 */
import { DADDR_BYTES } from '../../format/geometry.ts';
import type { Cursor } from '../cursor.ts';
import { DbError } from '../error.ts';
import { parseOptions } from '../options.ts';
import { GlibcRandom } from '../random.ts';
import { BLOCK_KINDS } from '../scan/check/kind.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import { beginWrite, writeCurrent } from '../write.ts';
import { blockUsageOf } from './scan.ts';

const MODES = ['zeroed', 'set', 'flipped', 'randomized'] as const;
const FLIP = 2;
/** Kinds that may be asked for; the log and superblocks only so. */
const TRASHABLE: ReadonlySet<string> = new Set([
  'agf',
  'agfl',
  'agi',
  'attr',
  'btbmapa',
  'btbmapd',
  'btbno',
  'btcnt',
  'btino',
  'dir',
  'inode',
  'log',
  'quota',
  'rtbitmap',
  'rtsum',
  'symlink',
  'btfino',
  'btrmap',
  'btrefcnt',
  'sb',
]);
const ONLY_ASKED: ReadonlySet<string> = new Set(['log', 'sb']);

interface Range {
  readonly least: number;
  readonly most: number;
}

interface Plan {
  readonly mode: number;
  readonly count: number;
  readonly least: number;
  readonly most: number;
  /** Bit at which it starts; negative: at random, from -(n + 1) on. */
  readonly offset: number;
  readonly seed: number | undefined;
  readonly kinds: ReadonlySet<number>;
  readonly here: boolean;
}

/** A whole text as strtol takes it; undefined when there is more in it than a number. */
function wholeInt(text: string): number | undefined {
  const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text);
  if (!match) return undefined;
  const digits = match[2]!;
  const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return Number(BigInt.asIntN(32, match[1] === '-' ? -value : value));
}

function positive(text: string, what: string, most = 2 ** 31): number {
  const value = wholeInt(text);
  if (value === undefined || value <= 0 || value > most) throw new DbError(`bad blocktrash ${what} ${text}`);
  return value;
}

function offsetOf(text: string): number {
  const isLeast = text.startsWith('+');
  const value = wholeInt(isLeast ? text.slice(1) : text);
  if (value === undefined || value < 0) throw new DbError(`bad blocktrash offset ${text.replace(/^\+/, '')}`);
  return isLeast ? -value - 1 : value;
}

function planOf({ cursor }: Session, args: readonly string[]): Plan {
  const blockBits = cursor.filesystem.geometry.blocksize * 8;
  const bad = () => new DbError('bad option for blocktrash command');
  const plan = { mode: FLIP, count: 1, least: 1, most: 128 * 8, offset: -1, here: false };
  let seed: number | undefined;
  const asked = new Set<number>();
  for (const [letter, value = ''] of parseOptions(args, '0123n:o:s:t:x:y:z', bad).options) {
    if (letter >= '0' && letter <= '3') plan.mode = Number(letter);
    else if (letter === 'n') plan.count = positive(value, 'count');
    else if (letter === 'o') plan.offset = offsetOf(value);
    else if (letter === 's') seed = (wholeInt(value.match(/^\s*[+-]?\w*/)![0]) ?? 0) >>> 0;
    else if (letter === 'x') plan.least = positive(value, 'min', blockBits);
    else if (letter === 'y') plan.most = positive(value, 'max', blockBits);
    else if (letter === 'z') plan.here = true;
    else {
      if (!TRASHABLE.has(value)) throw new DbError(`bad blocktrash type ${value}`);
      asked.add(BLOCK_KINDS.indexOf(value as (typeof BLOCK_KINDS)[number]));
    }
  }
  const usual = BLOCK_KINDS.flatMap((name, i) => (TRASHABLE.has(name) && !ONLY_ASKED.has(name) ? [i] : []));
  return { ...plan, seed, kinds: asked.size > 0 ? asked : new Set(usual) };
}

/** Lengths in bits, each range up to the next power of two: short ones are as likely as long ones. */
function lengthRanges(least: number, most: number): Range[] {
  const ranges: { least: number; most: number }[] = [{ least, most: least }];
  for (let i = least + 1; i <= most; i++) {
    if ((i & (i - 1)) === 0) ranges.push({ least: i, most: i });
    else ranges[ranges.length - 1]!.most = i;
  }
  return ranges;
}

/** Spoils the current object; gives the line that tells so. */
function trash(cursor: Cursor, plan: Plan, kind: number, range: Range, random: GlibcRandom): string {
  const { geometry } = cursor.filesystem;
  const place = cursor.top;
  const { data } = place;
  const block = Math.floor((place.daddr * DADDR_BYTES) / geometry.blocksize);
  const where = `${Math.floor(block / geometry.agblocks)}/${block % geometry.agblocks}`;
  if (data.length === 0) return `zero-length block ${where} buffer to trash??\n`;
  let length = (random.next() % (range.most - range.least + 1)) + range.least;
  let start = plan.offset;
  if (start < 0) {
    start = -(start + 1);
    const room = (data.length - start) * 8;
    if (room <= 0) throw new DbError(`bad blocktrash offset ${start}`);
    start += random.next() % room;
  }
  if (start + length >= data.length * 8) length = data.length * 8 - start;
  beginWrite(place);
  for (let i = 0; i < length; i++) {
    const bit = (start + i) % (geometry.blocksize * 8);
    const byte = bit >>> 3;
    const mask = 1 << (bit & 7);
    const old = data[byte]!;
    const isOn =
      plan.mode === 3 ? (random.next() & 1) === 1 : plan.mode === FLIP ? !(old & mask) : plan.mode === 1;
    data[byte] = isOn ? old | mask : old & ~mask;
  }
  writeCurrent(cursor, 'corrupt');
  const plural = length === 1 ? '' : 's';
  const from = `${Math.floor(start / 8)}:${start % 8}`;
  return `blocktrash: ${where} ${BLOCK_KINDS[kind]} block ${length} bit${plural} starting ${from} ${MODES[plan.mode]}\n`;
}

/** The n-th block of the asked kinds, in disk order. */
function findBlock(
  session: Session,
  plan: Plan,
  index: number,
): { agno: number; agbno: number; kind: number } {
  const { agcount, agblocks } = session.cursor.filesystem.geometry;
  const usage = blockUsageOf(session)!;
  let seen = 0;
  for (let agno = 0; agno < agcount; agno++) {
    for (let agbno = 0; agbno < agblocks; agbno++) {
      const kind = usage.kind(agno, agbno);
      if (plan.kinds.has(kind) && seen++ >= index) return { agno, agbno, kind };
    }
  }
  throw new DbError('blocktrash: no matching blocks');
}

function countBlocks(session: Session, plan: Plan): number {
  const { agcount, agblocks } = session.cursor.filesystem.geometry;
  const usage = blockUsageOf(session)!;
  let count = 0;
  for (let agno = 0; agno < agcount; agno++) {
    for (let agbno = 0; agbno < agblocks; agbno++) if (plan.kinds.has(usage.kind(agno, agbno))) count++;
  }
  return count;
}

/** Spoils a block that is not the current one: its raw bytes. */
function trashElsewhere(
  session: Session,
  plan: Plan,
  blocks: number,
  ranges: Range[],
  random: GlibcRandom,
): string {
  const { cursor } = session;
  const high = BigInt(random.next());
  const index = Number(((high << 32n) | BigInt(random.next())) % BigInt(blocks));
  const { agno, agbno, kind } = findBlock(session, plan, index);
  cursor.push();
  try {
    cursor.moveRaw(cursor.filesystem.geometry.agbnoDaddr(agno, agbno), cursor.filesystem.blockBbs);
    return trash(cursor, plan, kind, ranges[random.next() % ranges.length]!, random);
  } finally {
    cursor.pop();
  }
}

function run(session: Session, args: readonly string[]): Output {
  const plan = planOf(session, args);
  if (!plan.here && !blockUsageOf(session)) throw new DbError('must run blockget first');
  if (plan.here && session.cursor.places.length === 0) throw new DbError('nothing on stack');
  if (plan.least > plan.most) throw new DbError('bad min/max for blocktrash command');
  if (!session.writable) throw new DbError(`${session.program} started in read only mode, writing disabled`);
  const ranges = lengthRanges(plan.least, plan.most);
  const seed = plan.seed ?? Math.floor(Math.random() * 2 ** 32);
  const random = new GlibcRandom(seed);
  const lines = plan.seed === undefined ? [`blocktrash: seed ${seed}\n`] : [];
  if (plan.here) {
    const range = ranges[random.next() % ranges.length]!;
    lines.push(trash(session.cursor, plan, 0, range, random));
  } else {
    const blocks = countBlocks(session, plan);
    if (blocks === 0) throw new DbError(`${lines.join('')}blocktrash: no matching blocks`);
    for (let i = 0; i < plan.count; i++) lines.push(trashElsewhere(session, plan, blocks, ranges, random));
  }
  return { text: lines.join(''), json: { seed, lines: lines.map((line) => line.trim()) } };
}

const blocktrash: CommandRow = {
  name: 'blocktrash',
  args: '[-n count] [-x minlen] [-y maxlen] [-s seed] [-0123] [-t type] ...',
  least: 0,
  most: Number.POSITIVE_INFINITY,
  expert: true,
  summary: 'trash randomly selected block(s)',
  help: [
    '-z the current object; else -n blocks (1) of the kinds -t, which blockget must have found',
    '-x and -y: least and most bits; -o BIT: where, -o +BIT: from there on at random',
    '-0 zero, -1 set, -2 flip (if not said), -3 random bits; -s: seed of all that is random',
  ],
  run,
};

export const BLOCKTRASH_COMMANDS: readonly CommandRow[] = [blocktrash];
