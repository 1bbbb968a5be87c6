/**
 * What makes two filesystems with the same options differ: the UUID and the time. Reproducible filesystems have
 * neither: the UUID follows from plan, seed and time, and the time is SOURCE_DATE_EPOCH or a fixed one.
 *
 * The same line then gives the same bytes on every machine and system. SOURCE_DATE_EPOCH alone means reproducible as
 * well; it is what build systems set when they want just that. Generation numbers of inodes are random too from
 * xfsprogs 6.12 on; reproducible ones are that of mkfs.xfs under DETERMINISTIC_SEED=1, which is heeded here as well.
 */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { UsageError } from '../format/errors.ts';
import type { Timestamp } from '../format/time.ts';
import type { Plan } from './plan.ts';

export interface Identity {
  readonly makeUuid: (plan: Plan) => string;
  readonly moment: () => Timestamp;
  /** A generation number for inodes, 32 bits; each call another one, unless it shall be the same on every run. */
  readonly generation: () => number;
}

/** "SEED": the generation of every inode that mkfs.xfs makes under DETERMINISTIC_SEED=1. */
const FIXED_GENERATION = 0x53454544;

/** 2000-01-01 00:00:00 UTC. */
const FIXED_SECONDS = 946_684_800;
/** Greatest time of a filesystem with bigtime (2486). */
const MAX_SECONDS = 16_299_260_424;

function sourceDate(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= MAX_SECONDS))
    throw new UsageError(`SOURCE_DATE_EPOCH=${text}: not a number of seconds from 0 to ${MAX_SECONDS}`);
  return seconds;
}

/** A version 4 UUID out of anything that can be told as JSON. */
function uuidOf(facts: unknown): string {
  return uuidFrom(createHash('sha256').update(JSON.stringify(facts)).digest());
}

/** A version 4 UUID out of 16 bytes or more. */
function uuidFrom(bytes: Uint8Array): string {
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes.subarray(0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}

/** 16 random bytes; from the system where it has a file of them, which spares loading node:crypto. */
function randomId(): Uint8Array {
  const bytes = new Uint8Array(16);
  try {
    const descriptor = openSync('/dev/urandom', 'r');
    try {
      if (readSync(descriptor, bytes) === bytes.length) return bytes;
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // No such file here.
  }
  return randomBytes(16);
}

function random(fixedGeneration: boolean): Identity {
  return {
    generation: () => (fixedGeneration ? FIXED_GENERATION : new DataView(randomId().buffer).getUint32(0)),
    makeUuid: () => uuidFrom(randomId()),
    moment: () => {
      const milliseconds = Date.now();
      const seconds = Math.floor(milliseconds / 1000);
      return { seconds, nanoseconds: (milliseconds - seconds * 1000) * 1_000_000 };
    },
  };
}

/** `seed` undefined: reproducible only if SOURCE_DATE_EPOCH is set. Throws UsageError. */
export function identityOf(seed: string | undefined, environment: NodeJS.ProcessEnv): Identity {
  const date = sourceDate(environment.SOURCE_DATE_EPOCH);
  if (seed === undefined && date === undefined) return random(environment.DETERMINISTIC_SEED === '1');
  if (seed !== undefined && !/^\d{1,15}$/.test(seed))
    throw new UsageError(`--seed ${seed}: not a whole number of at most 15 digits`);
  const seconds = date ?? FIXED_SECONDS;
  return {
    // Paths have no part in it: an image built elsewhere under another name is the same image.
    makeUuid: ({ logDevice: _log, realtime, ...plan }) =>
      uuidOf({
        ...plan,
        realtime: realtime && { ...realtime, device: '' },
        seed: Number(seed ?? 0),
        seconds,
      }),
    moment: () => ({ seconds, nanoseconds: 0 }),
    generation: () => FIXED_GENERATION,
  };
}
