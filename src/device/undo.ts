/**
 * Undo journal: the bytes an apply is about to overwrite, so that `xfskit undo` can put them back.
 *
 * File, little-endian: 64-byte header (magic, version, device size), one entry a run (offset 8, length 4, spare 4,
 * then 8 bytes of hash for each sector as it will be, then the old bytes), and a 64-byte trailer (magic, number
 * of runs, SHA-256 of everything before the hash). It is complete and on disk before the first write of the apply.
 *
 * Invariants: runs ascend and do not overlap. A journal whose hash is wrong is torn and is not used. Undo writes
 * nothing unless every sector of every run is either as the apply left it or still (again) as it was before, so
 * a half-done apply or a half-done undo can be undone, and an image that changed since cannot.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Device, DeviceError, readBytes } from './device.ts';
import { systemError } from './file.ts';

const HEADER = 64;
const TRAILER = 64;
const ENTRY = 16;
const SECTOR = 512;
const HASH = 8;
/** A run is at most this long; longer ones are split. */
const LONGEST = 1 << 20;
const VERSION = 1;
const MAGIC = Buffer.from('XFSKUNDO', 'latin1');
const END_MAGIC = Buffer.from('XFSKDONE', 'latin1');

/** Bytes to be written at an offset. */
export interface Run {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface UndoSummary {
  readonly runs: number;
  /** Bytes the runs cover. */
  readonly bytes: number;
}

function sectorHashes(bytes: Uint8Array): Uint8Array {
  const hashes = new Uint8Array(Math.ceil(bytes.length / SECTOR) * HASH);
  for (let at = 0; at < bytes.length; at += SECTOR) {
    const digest = createHash('sha256')
      .update(bytes.subarray(at, at + SECTOR))
      .digest();
    hashes.set(digest.subarray(0, HASH), (at / SECTOR) * HASH);
  }
  return hashes;
}

/**
 * Writes the journal of an apply of `runs` (ascending, not overlapping) to a new file `path` and flushes file and
 * folder. Throws DeviceError, leaving no file, when it exists or cannot be written.
 */
export function writeUndo(path: string, device: Device, runs: Iterable<Run>): UndoSummary {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'wx', 0o600);
  } catch (error) {
    throw systemError(error, `undo journal ${path}`);
  }
  try {
    const summary = writeJournal(descriptor, device, runs);
    fsyncSync(descriptor);
    closeSync(descriptor);
    flushFolder(path);
    return summary;
  } catch (error) {
    try {
      closeSync(descriptor);
    } catch {
      // Already closed: only the folder's flush failed.
    }
    unlinkSync(path);
    throw systemError(error, `undo journal ${path}`);
  }
}

function writeJournal(descriptor: number, device: Device, runs: Iterable<Run>): UndoSummary {
  const hash = createHash('sha256');
  const put = (bytes: Uint8Array): void => {
    hash.update(bytes);
    for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
  };
  const header = Buffer.alloc(HEADER);
  MAGIC.copy(header);
  header.writeUInt32LE(VERSION, 8);
  header.writeBigUInt64LE(BigInt(device.size), 16);
  put(header);
  let count = 0;
  let bytes = 0;
  let end = 0;
  for (const whole of runs) {
    for (let at = 0; at < whole.bytes.length; at += LONGEST) {
      const offset = whole.offset + at;
      const after = whole.bytes.subarray(at, at + LONGEST);
      if (offset < end) throw new DeviceError('RANGE', `undo journal: run at ${offset} is out of order`);
      end = offset + after.length;
      const entry = Buffer.alloc(ENTRY);
      entry.writeBigUInt64LE(BigInt(offset), 0);
      entry.writeUInt32LE(after.length, 8);
      put(entry);
      put(sectorHashes(after));
      put(readBytes(device, offset, after.length));
      count++;
      bytes += after.length;
    }
  }
  const trailer = Buffer.alloc(TRAILER - 32);
  END_MAGIC.copy(trailer);
  trailer.writeBigUInt64LE(BigInt(count), 8);
  put(trailer);
  const digest = hash.digest();
  for (let done = 0; done < digest.length; ) done += writeSync(descriptor, digest, done);
  return { runs: count, bytes };
}

/** Makes the new name durable, where the system lets folders be flushed. */
function flushFolder(path: string): void {
  const folder = openSync(dirname(path), 'r');
  try {
    fsyncSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
  } finally {
    closeSync(folder);
  }
}

/**
 * Puts the old bytes back and flushes. Throws DeviceError, having written nothing, when the journal is torn or of
 * another device size, or when the image has changed since the apply.
 */
export function applyUndo(path: string, device: Device): UndoSummary {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch (error) {
    throw systemError(error, `undo journal ${path}`);
  }
  try {
    const journal = openJournal(path, descriptor);
    if (journal.deviceSize !== device.size) {
      throw new DeviceError(
        'UNDO_OTHER',
        `undo journal ${path} is of a device of ${journal.deviceSize} bytes, ${device.name} has ${device.size}`,
      );
    }
    let bytes = 0;
    for (const entry of entries(journal)) checkUnchanged(path, device, entry);
    for (const entry of entries(journal)) {
      device.write(entry.offset, entry.before);
      bytes += entry.before.length;
    }
    device.flush();
    return { runs: journal.runs, bytes };
  } catch (error) {
    throw systemError(error, `undo journal ${path}`);
  } finally {
    closeSync(descriptor);
  }
}

interface Journal {
  readonly path: string;
  readonly descriptor: number;
  /** Offset of the trailer. */
  readonly end: number;
  readonly runs: number;
  readonly deviceSize: number;
}

interface Entry {
  readonly offset: number;
  readonly hashes: Uint8Array;
  readonly before: Uint8Array;
}

function torn(path: string, why: string): DeviceError {
  return new DeviceError('UNDO_TORN', `undo journal ${path} is not usable: ${why}`);
}

function readAt(path: string, descriptor: number, offset: number, length: number): Buffer {
  const into = Buffer.alloc(length);
  for (let done = 0; done < length; ) {
    const moved = readSync(descriptor, into, done, length - done, offset + done);
    if (moved === 0) throw torn(path, 'it ends early');
    done += moved;
  }
  return into;
}

/** Verifies header, trailer and hash; the entries can be trusted afterwards as far as we wrote them. */
function openJournal(path: string, descriptor: number): Journal {
  const size = fstatSync(descriptor).size;
  if (size < HEADER + TRAILER) throw torn(path, 'it is too short');
  const header = readAt(path, descriptor, 0, HEADER);
  if (!header.subarray(0, 8).equals(MAGIC)) throw torn(path, 'it is no undo journal');
  const version = header.readUInt32LE(8);
  if (version !== VERSION) throw torn(path, `version ${version} is unknown`);
  const end = size - TRAILER;
  const trailer = readAt(path, descriptor, end, TRAILER);
  if (!trailer.subarray(0, 8).equals(END_MAGIC)) throw torn(path, 'its end is missing');
  const hash = createHash('sha256');
  for (let at = 0; at < size - 32; at += LONGEST) {
    hash.update(readAt(path, descriptor, at, Math.min(LONGEST, size - 32 - at)));
  }
  if (!hash.digest().equals(trailer.subarray(32))) throw torn(path, 'its hash is wrong');
  return {
    path,
    descriptor,
    end,
    runs: Number(trailer.readBigUInt64LE(8)),
    deviceSize: Number(header.readBigUInt64LE(16)),
  };
}

function* entries(journal: Journal): Generator<Entry> {
  const { path, descriptor } = journal;
  let at = HEADER;
  while (at < journal.end) {
    const head = readAt(path, descriptor, at, ENTRY);
    const length = head.readUInt32LE(8);
    if (length === 0 || length > LONGEST) throw torn(path, `a run of ${length} bytes`);
    const hashBytes = Math.ceil(length / SECTOR) * HASH;
    if (at + ENTRY + hashBytes + length > journal.end) throw torn(path, 'a run leaves it');
    yield {
      offset: Number(head.readBigUInt64LE(0)),
      hashes: readAt(path, descriptor, at + ENTRY, hashBytes),
      before: readAt(path, descriptor, at + ENTRY + hashBytes, length),
    };
    at += ENTRY + hashBytes + length;
  }
}

/** Every sector must be as the apply left it or as it was before. */
function checkUnchanged(path: string, device: Device, entry: Entry): void {
  const now = readBytes(device, entry.offset, entry.before.length);
  const hashes = sectorHashes(now);
  for (let at = 0; at < now.length; at += SECTOR) {
    const i = (at / SECTOR) * HASH;
    const isAfter = Buffer.compare(hashes.subarray(i, i + HASH), entry.hashes.subarray(i, i + HASH)) === 0;
    if (isAfter) continue;
    const isBefore =
      Buffer.compare(now.subarray(at, at + SECTOR), entry.before.subarray(at, at + SECTOR)) === 0;
    if (isBefore) continue;
    throw new DeviceError(
      'UNDO_CHANGED',
      `${device.name} has changed since ${path} was written (at byte ${entry.offset + at}): nothing undone`,
      { offset: entry.offset + at },
    );
  }
}
