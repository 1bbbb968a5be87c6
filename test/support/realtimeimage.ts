/**
 * A small image in memory with a classic realtime section and two realtime files. Bitmap, summary and counter are
 * made here bit by bit from the extents, in the slowest way that there is, so that they share nothing with what
 * check does.
 */
import type { MemoryDevice } from '../../src/device/memory.ts';
import type { Geometry } from '../../src/format/geometry.ts';
import { DIFLAG, DINODE, INODE_CORE_BYTES } from '../../src/format/inode.ts';
import { SUPERBLOCK } from '../../src/format/superblock.ts';
import type { SmallFile } from './smallimage.ts';
import { smallImage } from './smallimage.ts';
import { changeInode, changeSuperblock, type PlacedExtent, packExtent, reindex } from './specialimage.ts';

export interface RealtimeImage {
  readonly device: MemoryDevice;
  readonly geometry: Geometry;
  readonly files: readonly SmallFile[];
  readonly bytes: number;
  readonly rextsize: number;
  /** Bytes of bitmap and summary in the image. */
  readonly bitmap: Uint8Array;
  readonly summary: Uint8Array;
}

/** Blocks of the section by realtime extents of 4 blocks: extents split in written and unwritten, gaps, an end. */
const LAYOUT: readonly (readonly PlacedExtent[])[] = [
  [
    { fileoff: 0, fsbno: 0, count: 8 },
    { fileoff: 8, fsbno: 40, count: 3 },
    { fileoff: 11, fsbno: 43, count: 1, unwritten: true },
    { fileoff: 40, fsbno: 8, count: 4, unwritten: true },
  ],
  [
    { fileoff: 0, fsbno: 400, count: 40 },
    { fileoff: 100, fsbno: 44, count: 8 },
    { fileoff: 200, fsbno: 1000, count: 4 },
  ],
];

export const REALTIME_OPTIONS = ['m.rmapbt=0,reflink=0'];

export function realtimeImage(options: readonly string[] = [], bytes = 40 << 20): RealtimeImage {
  const blocksize = options.includes('b.size=1024') ? 1024 : 4096;
  const extsize = `r.extsize=${4 * blocksize}`;
  const { device, geometry, files } = smallImage([...REALTIME_OPTIONS, extsize, ...options], bytes);
  files.forEach(({ ino }, i) => {
    writeRealtimeFile(device, geometry, ino, LAYOUT[i]!);
  });
  reindex(device);
  const sb = SUPERBLOCK.over(device.bytes);
  const image = {
    device,
    geometry,
    files,
    bytes,
    rextsize: sb.rextsize,
    bitmap: contentOf(device, geometry, sb.rbmino),
    summary: contentOf(device, geometry, sb.rsumino),
  };
  settleRealtime(image, LAYOUT.flat());
  return image;
}

export function writeRealtimeFile(
  device: MemoryDevice,
  geometry: Geometry,
  ino: number,
  extents: readonly PlacedExtent[],
): void {
  changeInode(device, geometry, ino, (inode, view) => {
    inode.flags |= 1 << DIFLAG.REALTIME;
    inode.nblocks = extents.reduce((sum, extent) => sum + extent.count, 0);
    if (geometry.features.nrext64) inode.big_nextents = BigInt(extents.length);
    else inode.nextents = extents.length;
    inode.size = BigInt(geometry.blocksize);
    extents.forEach((extent, i) => {
      packExtent(view, INODE_CORE_BYTES + 16 * i, extent);
    });
  });
}

/** The blocks of a file with one extent, as a window into the image. */
function contentOf(device: MemoryDevice, geometry: Geometry, ino: number): Uint8Array {
  const at = geometry.inoByte(ino);
  const view = new DataView(device.bytes.buffer, device.bytes.byteOffset + at, geometry.inodesize);
  const start = Number(
    ((view.getBigUint64(INODE_CORE_BYTES) & 0x1ffn) << 43n) |
      (view.getBigUint64(INODE_CORE_BYTES + 8) >> 21n),
  );
  const size = Number(DINODE.over(device.bytes.subarray(at)).size);
  const byte = geometry.fsbnoByte(start);
  return device.bytes.subarray(byte, byte + size);
}

/** Bitmap, summary and counter as they are when exactly these extents are in use. */
export function settleRealtime(image: RealtimeImage, extents: readonly PlacedExtent[]): void {
  const { device, rextsize, bitmap } = image;
  const { rextents } = SUPERBLOCK.over(device.bytes);
  const used = new Set<number>();
  for (const { fsbno, count } of extents) {
    for (let b = fsbno; b < fsbno + count; b++) used.add(Math.floor(b / rextsize));
  }
  bitmap.fill(0);
  for (let e = 0; e < rextents; e++) if (!used.has(e)) bitmap[e >>> 3]! |= 1 << (e & 7);
  settleSummary(image);
  changeSuperblock(device, (sb) => (sb.frextents = BigInt(rextents - used.size)));
}

/** The summary as it follows from the bitmap. */
export function settleSummary({ device, geometry, bitmap, summary }: RealtimeImage): void {
  const { rextents, rbmblocks } = SUPERBLOCK.over(device.bytes);
  const isFree = (e: number): boolean => e < rextents && ((bitmap[e >>> 3]! >>> (e & 7)) & 1) === 1;
  summary.fill(0);
  const words = new DataView(summary.buffer, summary.byteOffset, summary.length);
  for (let e = 0; e < rextents; e++) {
    if (!isFree(e) || (e > 0 && isFree(e - 1))) continue;
    let length = 1;
    while (isFree(e + length)) length++;
    const block = Math.floor(e / (8 * geometry.blocksize));
    const at = 4 * (Math.floor(Math.log2(length)) * rbmblocks + block);
    words.setUint32(at, words.getUint32(at, true) + 1, true);
  }
}
