/** The blocks of a directory as they lie on disk, to be changed in place: data, leaf space, free index. */
import { readBytes } from '../../device/device.ts';
import { sealCrc } from '../../format/checksum.ts';
import { DIR_FREE_BYTE, DIR_LEAF_BYTE } from '../../format/dir.ts';
import type { Geometry } from '../../format/geometry.ts';
import { viewOf } from '../../format/struct.ts';
import { forkExtents } from '../../fs/read/extent.ts';
import type { Inode } from '../../fs/read/inode.ts';
import type { FixSite, Piece } from './change.ts';

/** Blocks of a directory that are mended at once; a larger one is left. */
const MOST_BLOCKS = 65536;
/** Bytes of the CRC and the identity fields: wide headers (data, free index), and those of leaves and nodes. */
const WIDE = { crc: 4, bno: 8, uuid: 24, owner: 40 } as const;
const NARROW = { crc: 12, bno: 16, uuid: 32, owner: 48 } as const;

export interface DirBlock {
  /** File offset, filesystem blocks. */
  readonly fileoff: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Byte of each of its filesystem blocks. */
  readonly places: readonly number[];
}

export interface DirBlocks {
  readonly data: readonly DirBlock[];
  readonly leaves: readonly DirBlock[];
  readonly free: readonly DirBlock[];
}

/** All blocks of a directory that is not inside its inode; why not, where they cannot be had. */
export function readDirBlocks({ device, geometry }: FixSite, inode: Inode): DirBlocks | string {
  const fsblocks = 2 ** geometry.dirblklog;
  const leafStart = DIR_LEAF_BYTE / geometry.blocksize;
  const freeStart = DIR_FREE_BYTE / geometry.blocksize;
  const all: DirBlock[] = [];
  let places: number[] = [];
  for (const extent of forkExtents({ device, geometry }, inode, 'data')) {
    for (let i = 0; i < extent.blocks; i++) {
      const fileoff = extent.fileoff + i;
      if (fileoff % fsblocks !== places.length) return `block ${fileoff} is mapped in part`;
      places.push(geometry.fsbnoByte(extent.fsbno + i));
      if (places.length < fsblocks) continue;
      if (all.length === MOST_BLOCKS) return 'the directory is too large';
      const bytes = new Uint8Array(geometry.dirblocksize);
      places.forEach((at, k) => {
        bytes.set(readBytes(device, at, geometry.blocksize), k * geometry.blocksize);
      });
      all.push({ fileoff: fileoff - fsblocks + 1, bytes, view: viewOf(bytes), places });
      places = [];
    }
  }
  if (places.length > 0) return 'its last block is mapped in part';
  const data = all.filter(({ fileoff }) => fileoff < leafStart);
  const leaves = all.filter(({ fileoff }) => fileoff >= leafStart && fileoff < freeStart);
  return { data, leaves, free: all.filter(({ fileoff }) => fileoff >= freeStart) };
}

/** Writes the header's own fields of an index block that is made anew, all else of it zero. */
export function beginBlock(block: DirBlock, geometry: Geometry, ino: number, magic: number): void {
  const { view, bytes, places } = block;
  const wide = magic > 0xffff;
  const at = wide ? WIDE : NARROW;
  bytes.fill(0);
  if (wide) view.setUint32(0, magic);
  else view.setUint16(8, magic);
  view.setBigUint64(at.bno, BigInt(places[0]! / 512));
  view.setBigUint64(at.owner, BigInt(ino));
  geometry.metaUuidWords.forEach((word, i) => {
    view.setUint32(at.uuid + 4 * i, word);
  });
}

/** What is to be written of a block: sealed, in its pieces. */
export function piecesOf(block: DirBlock, geometry: Geometry, wide: boolean): Piece[] {
  sealCrc(block.bytes, wide ? WIDE.crc : NARROW.crc);
  return block.places.map((offset, k) => ({
    offset,
    bytes: block.bytes.slice(k * geometry.blocksize, (k + 1) * geometry.blocksize),
  }));
}
