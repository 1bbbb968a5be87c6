/**
 * What the write verifier of xfsprogs 6.1 refuses in a superblock, in its order, for the first refusal decides the
 * error. It lets pass nearly any geometry of the log. Limits are those of the filesystem as it was opened where the reference takes them from there.
 */
import { unsupportedBits } from '../format/features.ts';
import type { Geometry } from '../format/geometry.ts';
import { SB_MAGIC, SUPERBLOCK } from '../format/superblock.ts';
import { MAX_AG_BYTES, MAX_LOG_UNIT, MIN_AG_BLOCKS, MIN_AG_BYTES } from '../format/verifysuperblock.ts';
import { type Candidate, CORRUPT, INVALID, mostInodes, type Refusal, UNKNOWN } from './gate.ts';

type Fields = ReturnType<typeof SUPERBLOCK.over>;

interface Rule {
  readonly refusal: Refusal;
  readonly holds: (sb: Fields, geometry: Geometry, hasLogDevice?: boolean) => boolean;
}

const VERSION_BITS = { DALIGN: 0x100, SHARED: 0x200 } as const;
/** NLINK, ALIGN, LOGV2, EXTFLG, DIRV2, MOREBITS. */
const NEEDED_VERSION = 0x20 | 0x80 | 0x400 | 0x1000 | 0x2000 | 0x8000;
/** EXTFLG and DIRV2, which version 4 must have too. */
const NEEDED_V4 = 0x1000 | 0x2000;
/** LAZYSBCOUNT, ATTR2, PROJID32, CRC. */
const NEEDED_FEATURES2 = 0x2 | 0x8 | 0x80 | 0x100;
const FTYPE_FEATURES2 = 0x200;
const CRC_FEATURES2 = 0x100;
const KNOWN_FEATURES2 = NEEDED_FEATURES2 | FTYPE_FEATURES2;
/** What replaced the two old quota bits in version 5, and these. */
const NEW_QUOTA_FLAGS = 0x80 | 0x100 | 0x200 | 0x400;
const OLD_QUOTA_FLAGS = 0x10 | 0x20;
const SPARSE = 0x2;
const LARGEST_STRIPE = 2 ** 31 - 1;
const LEAST_REALTIME_EXTENT = 4096;
const MOST_REALTIME_EXTENT = 2 ** 30;

const isV5 = (sb: Fields) => (sb.versionnum & 15) === 5;
const highBit = (value: number) => 31 - Math.clz32(value);
const within = (value: number, least: number, most: number) => value >= least && value <= most;
const isPower = (value: number, log: number) => log < 32 && value === 2 ** log;
/** The reference multiplies in 32 bits. */
const realtimeExtent = (sb: Fields) => Math.imul(sb.rextsize, sb.blocksize) >>> 0;
const agcountOf = (sb: Fields) => (sb.agblocks === 0 ? 0 : Math.ceil(sb.dblocks / sb.agblocks));

function versionIsGood(sb: Fields): boolean {
  if ((sb.versionnum & VERSION_BITS.SHARED) !== 0) return false;
  if (isV5(sb)) {
    return (
      (sb.features2 & ~KNOWN_FEATURES2) === 0 &&
      (sb.versionnum & NEEDED_VERSION) === NEEDED_VERSION &&
      (sb.features2 & NEEDED_FEATURES2) === NEEDED_FEATURES2
    );
  }
  const hasMore = (sb.versionnum & 0x8000) !== 0;
  return (
    (sb.versionnum & 15) === 4 &&
    (!hasMore || (sb.features2 & ~(KNOWN_FEATURES2 & ~CRC_FEATURES2)) === 0) &&
    (sb.versionnum & NEEDED_V4) === NEEDED_V4
  );
}

function sizesAreSane(sb: Fields, geometry: Geometry): boolean {
  const agBytes = sb.agblocks * geometry.blocksize;
  const agcount = agcountOf(sb);
  return (
    sb.agcount > 0 &&
    within(sb.sectsize, 512, 32768) &&
    isPower(sb.sectsize, sb.sectlog) &&
    within(sb.blocksize, 512, 65536) &&
    isPower(sb.blocksize, sb.blocklog) &&
    sb.dirblklog + sb.blocklog <= 16 &&
    within(sb.inodesize, 256, 2048) &&
    isPower(sb.inodesize, sb.inodelog) &&
    sb.inopblock === Math.ceil(sb.blocksize / sb.inodesize) &&
    within(agBytes, MIN_AG_BYTES, MAX_AG_BYTES) &&
    sb.agblklog === highBit(sb.agblocks - 1) + 1 &&
    agcount !== 0 &&
    agcount === sb.agcount &&
    sb.blocklog - sb.inodelog === sb.inopblog &&
    within(realtimeExtent(sb), LEAST_REALTIME_EXTENT, MOST_REALTIME_EXTENT) &&
    sb.imax_pct <= 100 &&
    sb.dblocks !== 0 &&
    sb.dblocks <= sb.agcount * sb.agblocks &&
    sb.dblocks >= (sb.agcount - 1) * sb.agblocks + MIN_AG_BLOCKS &&
    sb.shared_vn === 0 &&
    sb.logsunit <= MAX_LOG_UNIT
  );
}

function realtimeFits(sb: Fields): boolean {
  if (sb.rblocks === 0) {
    return sb.rextents === 0 && sb.rbmblocks === 0 && sb.rextslog === 0 && sb.frextents === 0n;
  }
  return (
    sb.rextents === Math.floor(sb.rblocks / sb.rextsize) &&
    sb.rextslog === highBit(sb.rextents) &&
    sb.rbmblocks === Math.ceil(sb.rextents / (8 * sb.blocksize))
  );
}

function stripeFits(sb: Fields, geometry: Geometry): boolean {
  const unit = sb.unit * geometry.blocksize;
  const width = sb.width * geometry.blocksize;
  if (width > LARGEST_STRIPE || unit > width || (unit === 0) !== (width === 0)) return false;
  return unit === 0 || width % unit === 0;
}

/** Counters are looked at in the primary of a finished filesystem alone. */
function countersFit(sb: Fields, geometry: Geometry): boolean {
  return (
    sb.fdblocks <= BigInt(sb.dblocks) &&
    within(Number(sb.icount), 64, mostInodes(geometry)) &&
    sb.ifree <= sb.icount
  );
}

const EXCHRANGE = 0x40;
const PARENT = 0x80;

/** Bits that xfsprogs 6.1 does not know pass where the filesystem has them already. */
function featuresAreKnown(sb: Fields, { features }: Geometry): boolean {
  const late = (features.exchrange ? 0 : EXCHRANGE) | (features.parent ? 0 : PARENT);
  return (
    sb.features_compat === 0 &&
    (sb.features_incompat & late) === 0 &&
    unsupportedBits('ro_compat', sb.features_ro_compat) === 0 &&
    unsupportedBits('incompat', sb.features_incompat) === 0 &&
    unsupportedBits('log_incompat', sb.features_log_incompat) === 0
  );
}

const rule = (refusal: Refusal, holds: Rule['holds']): Rule => ({ refusal, holds });

const RULES: readonly Rule[] = [
  rule(INVALID, (sb) => sb.magicnum === SB_MAGIC),
  rule(INVALID, versionIsGood),
  rule(CORRUPT, (sb) => !isV5(sb) || sb.blocksize >= 1024),
  rule(CORRUPT, (sb) => (sb.qflags & (isV5(sb) ? OLD_QUOTA_FLAGS : NEW_QUOTA_FLAGS)) === 0),
  rule(INVALID, (sb) => {
    if (!isV5(sb) || (sb.features_incompat & SPARSE) === 0) return true;
    return sb.inoalignmt === (64 * sb.inodesize) >>> sb.blocklog;
  }),
  rule(
    INVALID,
    (sb, _geometry, hasLogDevice) => hasLogDevice === undefined || (sb.logstart === 0) === hasLogDevice,
  ),
  rule(CORRUPT, sizesAreSane),
  rule(CORRUPT, realtimeFits),
  rule(CORRUPT, (sb) => (sb.unit !== 0) === ((sb.versionnum & VERSION_BITS.DALIGN) !== 0)),
  rule(CORRUPT, stripeFits),
  rule(UNKNOWN, (sb) => [256, 512, 1024, 2048].includes(sb.inodesize)),
];

/** Why a superblock is not written; undefined when it passes. */
export function refuseSuperblock(candidate: Candidate): Refusal | undefined {
  const { bytes, daddr, geometry, hasLogDevice } = candidate;
  const sb = SUPERBLOCK.over(bytes);
  const broken = RULES.find((r) => !r.holds(sb, geometry, hasLogDevice));
  if (broken) return broken.refusal;
  const isLive = daddr === 0 && sb.inprogress === 0;
  if (isLive && !countersFit(sb, geometry)) return CORRUPT;
  return !isV5(sb) || featuresAreKnown(sb, geometry) ? undefined : CORRUPT;
}

/** Whether a superblock has a CRC at all: one that was made version 4 is written without. */
export function superblockHasCrc(bytes: Uint8Array): boolean {
  return isV5(SUPERBLOCK.over(bytes));
}
