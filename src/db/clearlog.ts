/**
 * Clearing the log: is it clean, which cycle comes next, and the records of an empty one, written over all of it. A
 * log on another device is looked for there and written there.
 */

import { readBytes } from '../device/device.ts';
import { DADDR_BYTES } from '../format/geometry.ts';
import { BASIC_BLOCK, LOG_RECORD, LOG_RECORD_MAGIC } from '../format/log.ts';
import { cleanLogRecords } from '../fs/log/clean.ts';
import { findLogHead, type LogHead } from '../fs/log/head.ts';
import { DbError } from './error.ts';
import type { Filesystem } from './filesystem.ts';
import { Stage } from './stage.ts';

/** Longer logs are not held in memory: they can only be cleared outside of `begin`. */
const MOST_STAGED = 2 ** 28;
const CHUNK = 2 ** 20;
export const NIL_UUID = '00000000-0000-0000-0000-000000000000';

export interface NewLog {
  /** User-visible UUID. */
  readonly uuid: string;
  /** Bytes; 0 and 1 are none. */
  readonly stripeUnit: number;
  readonly cycle: number;
  /** Bytes of the records behind the first, where not as long as can be. */
  readonly filling?: number;
}

/** UUID that the log is expected to carry: the one it was opened with, then the one it was found with. */
const EXPECTED = new WeakMap<Filesystem, string>();

export interface FoundLog {
  readonly head: LogHead;
  /** UUID of the log; the expected one if it has none. */
  readonly uuid: string;
  /** What xfs_db says when that is not the expected one: after a change in the same session. With newlines. */
  readonly complaint: string;
}

/** Head and tail of the log, wherever it is. */
export function findLog(filesystem: Filesystem): FoundLog {
  const { device, geometry, log, superblock } = filesystem;
  const isElsewhere = geometry.logstart === 0 && log !== undefined;
  const head = isElsewhere ? findLogHead(log, geometry, true) : findLogHead(device, geometry);
  const expected = EXPECTED.get(filesystem) ?? superblock.uuid;
  if (head.state !== 'clean' && head.state !== 'dirty') return { head, uuid: expected, complaint: '' };
  const start = isElsewhere ? 0 : geometry.fsbnoByte(geometry.logstart);
  const record = LOG_RECORD.over(readBytes(isElsewhere ? log : device, start, BASIC_BLOCK));
  const uuid = record.magic === LOG_RECORD_MAGIC ? record.uuid : expected;
  // A log without one, as `uuid nil` leaves it, is anyone's.
  if (uuid === expected || uuid === NIL_UUID) return { head, uuid: expected, complaint: '' };
  EXPECTED.set(filesystem, uuid);
  const complaint =
    '* ERROR: mismatched uuid in log\n' + `*            SB : ${expected}\n*            log: ${uuid}\n`;
  return { head, uuid, complaint };
}

/** Writes an empty log over the whole of it. Throws DbError when its device is not open for writing. */
export function clearLog(filesystem: Filesystem, wanted: NewLog): void {
  const { geometry } = filesystem;
  const device = geometry.logstart === 0 ? filesystem.log : filesystem.device;
  if (!(device instanceof Stage)) throw new DbError('the device of the log is not open for writing');
  const start = geometry.logstart === 0 ? 0 : geometry.fsbnoByte(geometry.logstart);
  const bytes = geometry.logblocks * geometry.blocksize;
  if (start + bytes > device.size) throw new DbError('the log leaves its device');
  const isLarge = bytes > MOST_STAGED;
  if (isLarge && (device.isOpen || device.hasJournal)) {
    throw new DbError(`a log of ${bytes} bytes is too large to be staged or journalled`);
  }
  const write = (offset: number, from: Uint8Array) =>
    isLarge ? device.writeThrough(offset, from) : device.write(offset, from);
  let done = 0;
  const zeros = new Uint8Array(Math.min(bytes, CHUNK));
  const zeroTo = (end: number): void => {
    for (; done < end; done += Math.min(CHUNK, end - done)) {
      write(start + done, zeros.subarray(0, Math.min(CHUNK, end - done)));
    }
  };
  const blocks = bytes / DADDR_BYTES;
  const { filling, ...log } = wanted;
  const fillingBlocks =
    filling === undefined ? {} : { filling: Math.max(2, Math.floor(filling / DADDR_BYTES)) };
  for (const piece of cleanLogRecords({ ...log, blocks, ...fillingBlocks })) {
    zeroTo(piece.block * DADDR_BYTES);
    write(start + piece.block * DADDR_BYTES, piece.bytes);
    done += piece.bytes.length;
  }
  zeroTo(bytes);
}
