/** What is known of the filesystem as a whole: `info`, `timelimit`, `hash`. */
import { hashName } from '../../format/dahash.ts';
import { DbError } from '../error.ts';
import type { Filesystem } from '../filesystem.ts';
import { hex } from '../number.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import { formatTime } from '../value.ts';

const ATTR2 = 2;
const BASIC_BLOCK = 512;

/** A line of the geometry block: name, what it is, then values that already are in their columns. */
const line = (name: string, what: string, rest: string) => `${name.padEnd(9)}=${what.padEnd(22)} ${rest}\n`;
const left = (value: number, width: number) => String(value).padEnd(width);
const bit = (on: boolean) => (on ? 1 : 0);

/** The geometry in mkfs.xfs's words, as scripts parse it. */
function geometryText(filesystem: Filesystem): string {
  const { geometry, superblock: sb, device, log, realtime } = filesystem;
  const { features: f, blocksize } = geometry;
  const internal = geometry.logstart !== 0;
  const logName = internal ? 'internal log' : (log?.name ?? 'external');
  const logSector = f.sectorBit ? sb.logsectsize : BASIC_BLOCK;
  const realtimeName = geometry.rblocks === 0 ? 'none' : (realtime?.name ?? 'external');
  return [
    line(
      'meta-data',
      device.name,
      `isize=${left(geometry.inodesize, 6)} agcount=${geometry.agcount}, agsize=${geometry.agblocks} blks`,
    ),
    line('', '', `sectsz=${left(geometry.sectsize, 5)} attr=${ATTR2}, projid32bit=1`),
    line(
      '',
      '',
      `crc=${left(1, 8)} finobt=${bit(f.finobt)}, sparse=${bit(f.sparse)}, rmapbt=${bit(f.rmapbt)}`,
    ),
    line(
      '',
      '',
      `reflink=${left(bit(f.reflink), 4)} bigtime=${bit(f.bigtime)} inobtcount=${bit(f.inobtcnt)} nrext64=${bit(f.nrext64)}`,
    ),
    line('data', '', `bsize=${left(blocksize, 6)} blocks=${geometry.dblocks}, imaxpct=${sb.imax_pct}`),
    line('', '', `sunit=${left(sb.unit, 6)} swidth=${sb.width} blks`),
    line(
      'naming',
      `version ${left(2, 14)}`,
      `bsize=${left(geometry.dirblocksize, 6)} ascii-ci=${bit(f.asciiCi)}, ftype=${bit(f.ftype)}`,
    ),
    line(
      'log',
      logName,
      `bsize=${left(blocksize, 6)} blocks=${geometry.logblocks}, version=${f.logV2 ? 2 : 1}`,
    ),
    line(
      '',
      '',
      `sectsz=${left(logSector, 5)} sunit=${Math.floor(sb.logsunit / blocksize)} blks, lazy-count=1`,
    ),
    line(
      'realtime',
      realtimeName,
      `extsz=${left(sb.rextsize * blocksize, 6)} blocks=${geometry.rblocks}, rtextents=${sb.rextents}`,
    ),
  ].join('');
}

function info({ cursor }: Session): Output {
  const { geometry, superblock: sb, device } = cursor.filesystem;
  const { features, metaUuidWords: _words, ...numbers } = geometry;
  return {
    text: geometryText(cursor.filesystem),
    json: {
      device: device.name,
      ...numbers,
      features: { ...features },
      uuid: sb.uuid,
      imaxPercent: sb.imax_pct,
      stripeUnitBlocks: sb.unit,
      stripeWidthBlocks: sb.width,
      logStripeUnitBytes: sb.logsunit,
      realtimeExtents: sb.rextents,
      realtimeExtentBlocks: sb.rextsize,
    },
  };
}

interface Limit {
  readonly name: string;
  readonly seconds: number;
  /** A period, no point in time. */
  readonly period?: true;
}

const BIGTIME_MAX = 16_299_260_424;
const U32_MAX = 4_294_967_295;

/** Least and greatest of what inodes and quotas can keep. */
function limits(bigtime: boolean): readonly Limit[] {
  return [
    { name: 'time.min', seconds: -2_147_483_648 },
    { name: 'time.max', seconds: bigtime ? BIGTIME_MAX : 2_147_483_647 },
    { name: 'dqtimer.min', seconds: bigtime ? 4 : 1 },
    { name: 'dqtimer.max', seconds: bigtime ? BIGTIME_MAX : U32_MAX },
    { name: 'dqgrace.min', seconds: 0, period: true },
    // The name is wrong in xfs_db, too.
    { name: 'dqgrace.min', seconds: U32_MAX, period: true },
  ];
}

const LIMIT_OPTIONS = ['--classic', '--bigtime', '--pretty', '--compact'];

function timelimit({ cursor }: Session, args: readonly string[]): Output {
  const unknown = args.find((word) => !LIMIT_OPTIONS.includes(word));
  // xfs_db takes this for the end of the session.
  if (unknown !== undefined)
    return { text: `${unknown}: bad option for timelimit command\n`, failed: true, ends: true };
  const kind = args.findLast((word) => word === '--classic' || word === '--bigtime');
  const how = args.findLast((word) => word === '--pretty' || word === '--compact');
  const bigtime = kind === undefined ? cursor.filesystem.geometry.features.bigtime : kind === '--bigtime';
  const shown = limits(bigtime);
  const [timeMin, timeMax, timerMin, timerMax, graceMin, graceMax] = shown.map(({ seconds }) => seconds);
  const text =
    how === '--compact'
      ? `${shown.map(({ seconds }) => `${seconds} `).join('')}\n`
      : shown.map((limit) => `${limit.name} = ${limitText(limit, how === '--pretty')}\n`).join('');
  return {
    text,
    json: {
      bigtime,
      time: { min: timeMin!, max: timeMax! },
      quotaTimer: { min: timerMin!, max: timerMax! },
      quotaGrace: { min: graceMin!, max: graceMax! },
    },
  };
}

function limitText({ seconds, period }: Limit, pretty: boolean): string {
  return pretty && !period ? formatTime(seconds) : String(seconds);
}

function hash(_session: Session, [word]: readonly string[]): Output {
  if (word === undefined) throw new DbError('no string to hash');
  const value = hashName(Buffer.from(word));
  return { text: `${hex(value).replace(/^0$/, '0x0')}\n`, json: { hash: value } };
}

export const ABOUT_COMMANDS: readonly CommandRow[] = [
  { name: 'info', alias: 'i', least: 0, most: 0, summary: 'pretty-print superblock info', run: info },
  {
    name: 'timelimit',
    args: '[--classic|--bigtime] [--pretty]',
    least: 0,
    most: Number.POSITIVE_INFINITY,
    summary: 'display timestamp limits',
    run: timelimit,
  },
  { name: 'hash', args: 'string', least: 1, most: 1, summary: 'calculate hash value', run: hash },
];
