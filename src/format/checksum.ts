/**
 * The checksum rule of XFS v5: CRC32C over the whole object with its four CRC bytes
 * taken as zero, stored little-endian at the object's own CRC offset.
 */
import { updateCrc32c, updateCrc32cZeros } from './crc32c.ts';
import { type SummingMemory, summingMemory } from './crc32cwasm.ts';

const FOUR_ZEROS = new Uint8Array(4);

/** Parts of the scratch memory, bytes: what is used at the same time has parts of its own. */
const SCRATCH = { inodes: 2 ** 20, inodesAhead: 2 ** 20, blocks: 2 ** 18, fork: 2 ** 17 } as const;
const SCRATCH_PARTS = Object.keys(SCRATCH) as (keyof typeof SCRATCH)[];
let scratch: SummingMemory | 'none' | undefined;
// The bytes last summed, and where they begin in the scratch memory, or -1: asking an array for its memory is slow.
let asked: Uint8Array | undefined;
let askedAt = -1;

function placeInScratch(bytes: Uint8Array): number {
  if (bytes !== asked) {
    asked = bytes;
    const inside = scratch !== undefined && scratch !== 'none' && bytes.buffer === scratch.buffer;
    askedAt = inside ? bytes.byteOffset : -1;
  }
  return askedAt;
}

/**
 * Memory to read objects into whose checksums are then computed several times as fast: one and the same for all
 * callers, so nothing stays in it from one step of a command to the next. Ordinary memory where `length` is more
 * than there is, or where there is no WebAssembly.
 */
export function scratchBytes(part: keyof typeof SCRATCH, length: number): Uint8Array {
  scratch ??= summingMemory(Object.values(SCRATCH).reduce((sum, size) => sum + size)) ?? 'none';
  if (scratch === 'none' || length > SCRATCH[part]) return new Uint8Array(length);
  let at = scratch.from;
  for (const name of SCRATCH_PARTS) {
    if (name === part) break;
    at += SCRATCH[name];
  }
  return new Uint8Array(scratch.buffer, at, length);
}

/** The CRC that an object at `bytes[start, start + length)` should carry, its CRC field being at `crcOffset` in it. */
export function computeCrc(
  bytes: Uint8Array,
  crcOffset: number,
  start = 0,
  length = bytes.length - start,
): number {
  const at = placeInScratch(bytes);
  if (at >= 0 && length <= (scratch as SummingMemory).longest) {
    return (scratch as SummingMemory).sum(at + start, at + start + length, at + start + crcOffset);
  }
  return ~rawCrc(bytes, start, start + crcOffset, start + length) >>> 0;
}

/** Raw CRC of `bytes[start, end)` with the four bytes at `hole` as zeros. */
function rawCrc(bytes: Uint8Array, start: number, hole: number, end: number): number {
  const before = updateCrc32c(0xffffffff, bytes, start, hole);
  return updateCrc32c(updateCrc32c(before, FOUR_ZEROS, 0, 4), bytes, hole + 4, end);
}

export function storedCrc(bytes: Uint8Array, crcOffset: number, start = 0): number {
  const at = start + crcOffset;
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

export function crcIsGood(
  bytes: Uint8Array,
  crcOffset: number,
  start = 0,
  length = bytes.length - start,
): boolean {
  return storedCrc(bytes, crcOffset, start) === computeCrc(bytes, crcOffset, start, length);
}

/** Where the zeros at the end of `bytes[from, end)` begin, or some bytes behind that. */
function zerosStart(bytes: Uint8Array, from: number, end: number): number {
  const first = bytes.byteOffset + from;
  const last = bytes.byteOffset + end;
  if (last % 4 !== 0) return end;
  const words = new Int32Array(bytes.buffer, first + (-first & 3), (last - first) >>> 2);
  let used = words.length;
  while (used > 0 && words[used - 1] === 0) used--;
  return end - (words.length - used) * 4;
}

/** Computes and stores the CRC. */
export function sealCrc(
  bytes: Uint8Array,
  crcOffset: number,
  start = 0,
  length = bytes.length - start,
): void {
  const at = start + crcOffset;
  const end = start + length;
  const used = zerosStart(bytes, at + 4, end);
  const raw = updateCrc32cZeros(rawCrc(bytes, start, at, used), end - used);
  const crc = ~raw >>> 0;
  bytes[at] = crc;
  bytes[at + 1] = crc >>> 8;
  bytes[at + 2] = crc >>> 16;
  bytes[at + 3] = crc >>> 24;
}
