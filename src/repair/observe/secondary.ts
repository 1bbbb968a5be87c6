/**
 * The copies of the superblock in the other AGs: what they say together (for where the primary is in doubt), and
 * each of them field by field.
 *
 * mkfs writes them once, "in progress" and with the counters of an empty filesystem; growing, a new label and a new
 * feature write the primary's content of that moment into all of them; a repair resets counters. So a field is held
 * against the primary where nothing changes it later, and else against the other copies.
 */
import { type Device, DeviceError } from '../../device/device.ts';
import { computeCrc, crcIsGood, storedCrc } from '../../format/checksum.ts';
import type { Geometry } from '../../format/geometry.ts';
import { hex } from '../../format/problem.ts';
import { SB_CRC_OFFSET, SB_MAGIC, SUPERBLOCK } from '../../format/superblock.ts';
import { countUsed } from '../../format/verify.ts';
import type { FindingSink } from '../sink.ts';
import type { Context } from './context.ts';

export type SuperblockFields = ReturnType<typeof SUPERBLOCK.over>;
type Field = Exclude<keyof SuperblockFields & string, 'view'>;
type Value = number | bigint | string;

/** Fields that are the same in primary and copies: whatever changes one writes all. */
export const COPIED = [
  'blocksize', 'dblocks', 'rblocks', 'rextents', 'uuid', 'logstart', 'rextsize', 'agblocks', 'agcount',
  'rbmblocks', 'logblocks', 'versionnum', 'sectsize', 'inodesize', 'inopblock', 'blocklog', 'sectlog', 'inodelog',
  'inopblog', 'agblklog', 'rextslog', 'inoalignmt', 'dirblklog', 'logsectlog', 'logsectsize', 'logsunit',
  'imax_pct', 'features2', 'bad_features2', 'features_compat', 'features_ro_compat', 'features_incompat', 'spino_align',
] as const; // biome-ignore format: one list

/** Fields that the primary may change alone, but the copies only all together. */
const TOGETHER = ['fname', 'unit', 'width', 'uquotino', 'gquotino', 'pquotino', 'qflags'] as const;
const COUNTED = ['icount', 'ifree', 'fdblocks'] as const;
/** `versionnum`: attributes and quotas came into use, which copies need not know. */
const VERSION_LATER = 0x50;
const NEEDSREPAIR = 0x10;
/** Values of one field that are told apart; more are hostility. */
const MOST_VALUES = 64;

/** A field's value as far as copies and primary must agree on it. */
export function agreed(sb: SuperblockFields, field: Field): Value {
  const value = sb[field] as Value;
  if (field === 'versionnum') return Number(value) & ~VERSION_LATER;
  if (field === 'features_incompat') return Number(value) & ~NEEDSREPAIR;
  return value;
}

/** A value as messages show it: words of bits in hex. */
export function shown(field: string, value: Value): string {
  const bits = field === 'versionnum' || field.includes('features');
  return bits ? hex(Number(value)) : String(value);
}

interface Vote {
  readonly value: Value;
  count: number;
}

/** What the sound copies say: for each field, how many hold which value. */
export class Census {
  /** Copies with magic and a good CRC. */
  sound = 0;
  /** AGs whose copy could not be read. */
  readonly unread = new Set<number>();
  private readonly votes = new Map<string, Map<string, Vote>>();

  add(sb: SuperblockFields): void {
    this.sound++;
    for (const field of [...COPIED, ...TOGETHER, ...COUNTED]) this.vote(field, agreed(sb, field));
    if (sb.rootino > 0) this.vote('rootino', sb.rootino);
  }

  private vote(field: string, value: Value): void {
    let values = this.votes.get(field);
    if (!values) {
      values = new Map();
      this.votes.set(field, values);
    }
    const key = String(value);
    const seen = values.get(key);
    if (seen) seen.count++;
    else if (values.size < MOST_VALUES) values.set(key, { value, count: 1 });
  }

  /** How many copies hold this value. */
  count(field: string, value: Value): number {
    return this.votes.get(field)?.get(String(value))?.count ?? 0;
  }

  /** The value that more than half of those that have one hold. */
  majority(field: string): Vote | undefined {
    const values = [...(this.votes.get(field)?.values() ?? [])];
    const all = values.reduce((sum, { count }) => sum + count, 0);
    return values.find(({ count }) => count * 2 > all);
  }
}

/** Reads the copies where `geometry` has AGs begin; those that cannot be read are told, and say nothing. */
export function takeCensus(device: Device, geometry: Geometry, sink: FindingSink): Census {
  const census = new Census();
  const sector = new Uint8Array(geometry.sectsize);
  for (let agno = 1; agno < geometry.agcount; agno++) {
    const at = geometry.headerByte(agno, 0);
    if (at + sector.length > device.size) break;
    try {
      device.read(at, sector);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      census.unread.add(agno);
      sink.add('READ_FAILED', { agno }, `AG ${agno} superblock: ${error.message}`);
      continue;
    }
    const sb = SUPERBLOCK.over(sector);
    if (sb.magicnum === SB_MAGIC && crcIsGood(sector, SB_CRC_OFFSET)) census.add(sb);
  }
  return census;
}

/** Holds every other AG's copy against the primary. Warnings: nothing reads them but a repair of the primary. */
export function checkSecondaries(context: Context, primary: Uint8Array, census: Census): void {
  const { geometry } = context;
  const sector = new Uint8Array(geometry.sectsize);
  for (let agno = 1; agno < context.agcount; agno++) {
    if (census.unread.has(agno)) continue;
    if (!context.read(geometry.headerByte(agno, 0), sector, `AG ${agno} superblock`, agno)) continue;
    new Copy(context, agno, sector, SUPERBLOCK.over(primary), census).check();
  }
}

/** One copy that is being judged. */
class Copy {
  private readonly context: Context;
  private readonly agno: number;
  private readonly sector: Uint8Array;
  private readonly sb: SuperblockFields;
  private readonly first: SuperblockFields;
  private readonly census: Census;

  constructor(context: Context, agno: number, sector: Uint8Array, first: SuperblockFields, census: Census) {
    this.context = context;
    this.agno = agno;
    this.sector = sector;
    this.sb = SUPERBLOCK.over(sector);
    this.first = first;
    this.census = census;
  }

  check(): void {
    const { sb, sector } = this;
    if (sb.magicnum !== SB_MAGIC) {
      this.report('magicnum', hex(sb.magicnum), hex(SB_MAGIC));
      return;
    }
    if (!crcIsGood(sector, SB_CRC_OFFSET)) {
      this.report('crc', hex(storedCrc(sector, SB_CRC_OFFSET)), hex(computeCrc(sector, SB_CRC_OFFSET)));
    }
    for (const field of COPIED) {
      if (agreed(sb, field) !== agreed(this.first, field)) this.report(field, sb[field], this.first[field]);
    }
    const extra = (sb.features_incompat ^ this.first.features_incompat) >>> 0;
    if (extra === NEEDSREPAIR && (sb.features_incompat & NEEDSREPAIR) !== 0) {
      this.report('features_incompat', sb.features_incompat, this.first.features_incompat);
    }
    for (const field of TOGETHER) this.together(field);
    this.roots();
    this.counters();
    this.fixed();
  }

  /** Set later, to what the primary has then; 0 and null are none. */
  private together(field: (typeof TOGETHER)[number]): void {
    const found = this.sb[field];
    if (found === this.first[field] || this.isShared(field, found)) return;
    const unset = field.endsWith('ino') ? found === 0 || found === -1 : field === 'qflags' && found === 0;
    // A single copy may be of another time than the primary, unless no time allows what it says.
    const { sb } = this;
    if (unset || (this.census.sound < 2 && isPlausible(sb, field))) return;
    this.report(field, found, this.first[field]);
  }

  private isShared(field: string, value: Value): boolean {
    return this.census.count(field, value) > 1;
  }

  /** mkfs tells the root to the last copy and one in the middle; the realtime inodes it tells to none. */
  private roots(): void {
    const { sb, first, agno } = this;
    const { agcount } = this.context.geometry;
    const told = agno === agcount - 1 || (agcount > 2 && agno === (agcount - 1) >>> 1);
    if (sb.rootino !== first.rootino && (told || sb.rootino !== -1)) {
      this.report('rootino', sb.rootino, first.rootino);
    }
    for (const field of ['rbmino', 'rsumino'] as const) {
      if (sb[field] !== first[field] && sb[field] !== -1) this.report(field, sb[field], first[field]);
    }
  }

  /** Those of an empty filesystem (or none) in progress, or once those of the primary. */
  private counters(): void {
    const { sb } = this;
    const most = BigInt(this.first.dblocks);
    if (sb.inprogress > 1) this.report('inprogress', sb.inprogress, '0 or 1');
    if (sb.inprogress === 1) {
      if (sb.icount !== 0n) this.report('icount', sb.icount, '0 in progress');
      if (sb.ifree !== 0n) this.report('ifree', sb.ifree, '0 in progress');
      const made = BigInt(emptySpace(this.context.geometry));
      if (sb.fdblocks !== 0n && sb.fdblocks !== made) this.report('fdblocks', sb.fdblocks, `0 or ${made}`);
    } else if (sb.inprogress === 0) {
      if (sb.icount === 0n) this.report('inprogress', 0, '1 while there are no inodes');
      for (const field of COUNTED) {
        const limit = field === 'ifree' ? sb.icount : most * BigInt(field === 'icount' ? sb.inopblock : 1);
        const alone = this.census.sound > 1 && !this.isShared(field, sb[field]);
        if (sb[field] > limit || (alone && sb[field] !== this.first[field])) {
          this.report(field, sb[field], 'what other copies say');
        }
      }
    }
    if (sb.frextents < 0n || sb.frextents > BigInt(this.first.rextents)) {
      this.report('frextents', sb.frextents, `at most ${this.first.rextents}`);
    }
  }

  private fixed(): void {
    const { sb, first, sector } = this;
    if (sb.flags !== 0) this.report('flags', sb.flags, 0);
    if (sb.shared_vn !== 0) this.report('shared_vn', sb.shared_vn, 0);
    const logged = sb.features_log_incompat;
    if (logged !== 0 && logged !== first.features_log_incompat) {
      this.report('features_log_incompat', hex(logged), 0);
    }
    const { metaUuid } = this.context.geometry.features;
    if (metaUuid && sb.meta_uuid !== first.meta_uuid) this.report('meta_uuid', sb.meta_uuid, first.meta_uuid);
    const unused = unusedBytes(sector, this.context.geometry);
    if (unused !== 0) this.report('unused', unused, 0);
  }

  private report(field: string, found: Value, expected: Value): void {
    const { agno } = this;
    const place = `AG ${agno} superblock`;
    const plain = (value: Value): string | number => {
      const text = typeof value === 'string' ? value : shown(field, value);
      return text === String(value) && typeof value === 'number' ? value : text;
    };
    this.context.sink.add(
      'SB_SECONDARY',
      { agno, structure: 'sb', field },
      `${place}: ${field} ${plain(found)}, expected ${plain(expected)}`,
      { found: plain(found), expected: plain(expected) },
    );
  }
}

function isPlausible(sb: SuperblockFields, field: (typeof TOGETHER)[number]): boolean {
  if (field === 'unit') return (sb.unit !== 0) === ((sb.versionnum & 0x100) !== 0);
  if (field === 'width') return sb.unit === 0 ? sb.width === 0 : sb.width % sb.unit === 0;
  if (field === 'qflags') return (sb.qflags & ~0x7cf) === 0;
  return field === 'fname';
}

/** Free blocks as mkfs first counts them: all but headers, the roots behind them, and the internal log. */
function emptySpace(geometry: Geometry): number {
  const { finobt, rmapbt, reflink } = geometry.features;
  const roots = 3 + (finobt ? 1 : 0) + (rmapbt ? 1 : 0) + (reflink ? 1 : 0);
  const log = geometry.logstart === 0 ? 0 : geometry.logblocks;
  return geometry.dblocks - geometry.agcount * (geometry.headerBlocks + roots) - log;
}

/** Where the last field in use ends, bytes. */
export function endOfFields(geometry: Geometry): number {
  const { metaUuid, metadir } = geometry.features;
  const { meta_uuid, metadirino } = SUPERBLOCK.offset;
  return metadir ? SUPERBLOCK.size : metaUuid ? metadirino : meta_uuid;
}

/** Bytes behind the last field in use that are not zero: a later feature would give them a meaning. */
export function unusedBytes(sector: Uint8Array, geometry: Geometry): number {
  return countUsed(sector, endOfFields(geometry), sector.length);
}
