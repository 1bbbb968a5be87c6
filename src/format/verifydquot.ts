/**
 * Verifier of a quota record in its place. Each has a CRC of its own, so a block has no verifier beyond those of
 * its records. The kernel writes a block's records together when the first of their ids is used, so an id that
 * nobody uses has a record like any other, with zeros in it.
 */
import { computeCrc, storedCrc } from './checksum.ts';
import {
  DISK_DQUOT,
  DQBLK,
  DQTYPE,
  DQTYPE_BIGTIME,
  DQUOT_CRC_OFFSET,
  DQUOT_MAGIC,
  DQUOT_VERSION,
  type QuotaType,
} from './dquot.ts';
import type { Geometry } from './geometry.ts';
import { formatUuid } from './kinds.ts';
import { hex, type Problem, Problems } from './problem.ts';

const AT = { ...DISK_DQUOT.offset };
const FILL = DQBLK.offset.fill;
const UUID = DQBLK.offset.uuid;
const problems = new Problems();

/** Limits, what counts against them, and the timer that starts when the soft one is passed. */
const LIMITS = [
  { name: 'blk', hard: AT.blk_hardlimit, soft: AT.blk_softlimit, used: AT.bcount, timer: AT.btimer, field: 'btimer' },
  { name: 'ino', hard: AT.ino_hardlimit, soft: AT.ino_softlimit, used: AT.icount, timer: AT.itimer, field: 'itimer' },
  { name: 'rtb', hard: AT.rtb_hardlimit, soft: AT.rtb_softlimit, used: AT.rtbcount, timer: AT.rtbtimer, field: 'rtbtimer' },
] as const; // biome-ignore format: one row a line

/** Verifies the record at `byte`, which should be that of `id`. The CRC and the UUID are looked at first. */
export function verifyDquot(
  view: DataView,
  byte: number,
  geometry: Geometry,
  type: QuotaType,
  id: number,
): readonly Problem[] {
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const stored = storedCrc(bytes, DQUOT_CRC_OFFSET, byte);
  const crc = computeCrc(bytes, DQUOT_CRC_OFFSET, byte, DQBLK.size);
  if (stored !== crc) problems.stop('crc', hex(stored), hex(crc));
  if (!geometry.isMetaUuid(view, byte + UUID)) {
    problems.stop('uuid', formatUuid(bytes.subarray(byte + UUID, byte + UUID + 16)), geometry.metaUuid);
  }
  verifyHead(view, byte, geometry, type, id);
  // Where the record is none of ours, its numbers mean nothing.
  if (!problems.stopped) {
    if (id !== 0) verifyLimits(view, byte);
    verifyPads(view, byte);
  }
  return problems.take();
}

function verifyHead(view: DataView, byte: number, geometry: Geometry, type: QuotaType, id: number): void {
  const magic = view.getUint16(byte + AT.magic);
  if (magic !== DQUOT_MAGIC) problems.stop('diskdq.magic', hex(magic), hex(DQUOT_MAGIC));
  const version = view.getUint8(byte + AT.version);
  if (version !== DQUOT_VERSION) problems.stop('diskdq.version', version, DQUOT_VERSION);
  const found = view.getUint8(byte + AT.type);
  const bigtime = (found & DQTYPE_BIGTIME) !== 0;
  if ((found & ~DQTYPE_BIGTIME) !== DQTYPE[type]) {
    problems.stop('diskdq.type', hex(found), `${hex(DQTYPE[type])}, ${type}`);
  } else if (bigtime && !geometry.features.bigtime) {
    problems.add('diskdq.type', hex(found), 'no bigtime bit without the feature');
  } else if (bigtime && id === 0) {
    problems.add('diskdq.type', hex(found), 'no bigtime bit for id 0, whose timers are periods');
  }
  const own = view.getUint32(byte + AT.id);
  if (own !== id) problems.stop('diskdq.id', own, id);
}

/** Whoever is above a soft limit has a timer running. Those of id 0 are defaults for the others, not limits of root. */
function verifyLimits(view: DataView, byte: number): void {
  for (const { name, hard, soft, used, timer, field } of LIMITS) {
    const most = readWide(view, byte + soft);
    if (most === 0) continue;
    const upper = readWide(view, byte + hard);
    if (upper !== 0 && most > upper) {
      problems.add(`diskdq.${name}_softlimit`, most, `at most the hard limit ${upper}`);
    }
    if (readWide(view, byte + used) > most && view.getUint32(byte + timer) === 0) {
      problems.add(`diskdq.${field}`, 0, 'above zero, as the soft limit is exceeded');
    }
  }
}

function verifyPads(view: DataView, byte: number): void {
  const pads = [
    ['diskdq.pad0', view.getUint32(byte + AT.pad0)],
    ['diskdq.pad', view.getUint16(byte + AT.pad)],
    ['fill', view.getUint32(byte + FILL)],
  ] as const;
  for (const [field, value] of pads) if (value !== 0) problems.add(field, hex(value), 0);
}

/** A 64-bit count: inexact, but still large, from 2^53 on. */
function readWide(view: DataView, byte: number): number {
  return view.getUint32(byte) * 2 ** 32 + view.getUint32(byte + 4);
}
