/**
 * The checksum rule of XFS v5: CRC32C over the whole object with its four CRC bytes
 * taken as zero, stored little-endian at the object's own CRC offset.
 */
import { updateCrc32c } from './crc32c.ts';

const FOUR_ZEROS = new Uint8Array(4);

/** The CRC that an object at `bytes[start, start + length)` should carry, its CRC field being at `crcOffset` in it. */
export function computeCrc(
  bytes: Uint8Array,
  crcOffset: number,
  start = 0,
  length = bytes.length - start,
): number {
  let crc = updateCrc32c(0xffffffff, bytes, start, start + crcOffset);
  crc = updateCrc32c(crc, FOUR_ZEROS, 0, 4);
  crc = updateCrc32c(crc, bytes, start + crcOffset + 4, start + length);
  return ~crc >>> 0;
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

/** Computes and stores the CRC. */
export function sealCrc(
  bytes: Uint8Array,
  crcOffset: number,
  start = 0,
  length = bytes.length - start,
): void {
  const crc = computeCrc(bytes, crcOffset, start, length);
  const at = start + crcOffset;
  bytes[at] = crc;
  bytes[at + 1] = crc >>> 8;
  bytes[at + 2] = crc >>> 16;
  bytes[at + 3] = crc >>> 24;
}
