/**
 * Looking for a copy of the superblock when the primary is lost. Every AG begins with one, but where AGs begin only
 * a superblock tells. So the places where mkfs would have put the second AG are tried, for every block size and
 * many AG counts, and after them every place in the first gibibyte. A copy counts when it lies where its own
 * geometry has an AG begin.
 */
import { type Device, readBytes } from '../device/device.ts';
import { SB_MAGIC, SUPERBLOCK } from '../format/superblock.ts';
import { verifySuperblock } from '../format/verify.ts';

const LARGEST_SECTOR = 32768;
const SMALLEST_BLOCK = 1024;
const LARGEST_BLOCK = 65536;
const LARGEST_AG_BYTES = 2 ** 40;
const LIKELY_AG_COUNTS = 64;
const SCAN_BYTES = 2 ** 20;
const SCAN_LIMIT = 2 ** 30;

export interface SuperblockCopy {
  readonly sector: Uint8Array;
  /** Bytes from the start of the filesystem. */
  readonly offset: number;
}

/**
 * A sound secondary superblock, if one is found; one that knows the root directory, if there is one. `places`: where
 * the second AG may begin (bytes) by what else is known.
 */
export function findSuperblockCopy(
  device: Device,
  places: readonly number[] = [],
): SuperblockCopy | undefined {
  const copy = findAnyCopy(device, places);
  return copy && knowsRoot(copy) ? copy : ((copy && findBeside(device, copy)) ?? copy);
}

/** mkfs writes the root inode into the copies of a few AGs only: the second, the last, and one in the middle. */
function findBeside(device: Device, { sector }: SuperblockCopy): SuperblockCopy | undefined {
  const { agblocks, blocksize, agcount } = SUPERBLOCK.over(sector);
  for (const agno of [1, agcount - 1, agcount >>> 1]) {
    const other = copyAt(device, agno * agblocks * blocksize);
    if (other && knowsRoot(other)) return other;
  }
  return undefined;
}

function knowsRoot({ sector }: SuperblockCopy): boolean {
  return SUPERBLOCK.over(sector).rootino > 0;
}

function findAnyCopy(device: Device, places: readonly number[]): SuperblockCopy | undefined {
  if (device.isFresh?.(0, device.size)) return undefined; // nothing was ever written
  for (const offset of places) {
    const copy = offset % SMALLEST_BLOCK === 0 ? copyAt(device, offset) : undefined;
    if (copy) return copy;
  }
  for (const offset of likelyPlaces(device.size)) {
    const copy = copyAt(device, offset);
    if (copy) return copy;
  }
  return scan(device);
}

/** Starts of a second AG: an even share of the device, or the largest AG there is. */
function* likelyPlaces(bytes: number): Generator<number> {
  for (let block = SMALLEST_BLOCK; block <= LARGEST_BLOCK; block *= 2) {
    for (let agcount = 2; agcount <= LIKELY_AG_COUNTS; agcount++) {
      yield Math.ceil(Math.floor(bytes / block) / agcount) * block;
    }
    yield LARGEST_AG_BYTES - block;
  }
}

function scan(device: Device): SuperblockCopy | undefined {
  const end = Math.min(device.size, SCAN_LIMIT);
  for (let start = 0; start < end; start += SCAN_BYTES) {
    const chunk = readBytes(device, start, Math.min(SCAN_BYTES, end - start));
    const view = new DataView(chunk.buffer);
    for (let at = 0; at + 512 <= chunk.length; at += SMALLEST_BLOCK) {
      if (view.getUint32(at) !== SB_MAGIC) continue;
      const copy = copyAt(device, start + at);
      if (copy) return copy;
    }
  }
  return undefined;
}

/** The copy at an offset (bytes), when there is a sound one that belongs there. */
function copyAt(device: Device, offset: number): SuperblockCopy | undefined {
  if (offset === 0 || offset + 512 > device.size) return undefined;
  const head = readBytes(device, offset, 512);
  if (SUPERBLOCK.over(head).magicnum !== SB_MAGIC) return undefined;
  const sector = readBytes(device, offset, Math.min(LARGEST_SECTOR, device.size - offset));
  const problems = verifySuperblock(sector, undefined, { secondary: true });
  if (problems.some(({ stops, field }) => stops || field === 'crc')) return undefined;
  const { agblocks, blocksize } = SUPERBLOCK.over(sector);
  return offset % (agblocks * blocksize) === 0 ? { sector, offset } : undefined;
}
