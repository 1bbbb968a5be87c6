/**
 * Entries of a directory, whatever its form: shortform in the inode, or the data blocks below 32 GiB of its file
 * offsets (block form: the one data block ends before its leaf entries). Leaf and free blocks only index these and
 * are not read.
 *
 * Untrusted: an area that makes no sense ends its block; names are bytes and may be anything but empty. "." and ".."
 * are left out.
 */
import {
  DIR_BLOCK_MAGIC,
  DIR_BLOCK_TAIL,
  DIR_DATA_MAGIC,
  DIR_DATA_START,
  DIR_FREE_TAG,
  DIR_LEAF_BYTE,
  DIR_LEAF_ENTRY,
  dirAreaBytes,
} from '../../format/dir.ts';
import { FORK } from '../../format/inode.ts';
import { readCount64 } from '../../format/kinds.ts';
import { SFDIR_HEADER_BYTES } from '../../format/sfdir.ts';
import { viewOf } from '../../format/struct.ts';
import { forkExtents, forkOf } from './extent.ts';
import { type Inode, inodeFacts } from './inode.ts';
import { ignore, type Report, tryReadInto, type Volume } from './volume.ts';

export interface DirEntry {
  readonly name: Uint8Array;
  readonly ino: number;
  /** File type as the entry tells it; 0 where it does not. */
  readonly ftype: number;
}

const DOT = 0x2e;

/** Whether a name is "." or "..". */
export function isDots(name: Uint8Array): boolean {
  return name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT));
}

/** Entries in disk order. */
export function* walkDir(volume: Volume, inode: Inode, report: Report = ignore): Generator<DirEntry> {
  const fork = forkOf(inode, 'data', volume.geometry)!;
  if (fork.format === FORK.LOCAL) {
    const size = inodeFacts(inode).size ?? 0;
    if (size > fork.bytes) report(`directory ${inode.ino}: size ${size}, but room for ${fork.bytes} inside`);
    const end = fork.start + Math.min(size, fork.bytes);
    yield* shortEntries(volume, inode, { start: fork.start, end }, report);
    return;
  }
  for (const { bytes, fileoff } of dirBlocks(volume, inode, report)) {
    yield* blockEntries(volume, bytes, `directory ${inode.ino} block ${fileoff}`, report);
  }
}

function* shortEntries(
  volume: Volume,
  inode: Inode,
  { start, end }: { readonly start: number; readonly end: number },
  report: Report,
): Generator<DirEntry> {
  if (end - start < SFDIR_HEADER_BYTES) return;
  const { view } = inode;
  const count = view.getUint8(start);
  const inoBytes = view.getUint8(start + 1) === 0 ? 4 : 8;
  const ftypeBytes = volume.geometry.features.ftype ? 1 : 0;
  let at = start + 2 + inoBytes;
  for (let i = 0; i < count; i++) {
    const length = at < end ? view.getUint8(at) : 0;
    const after = at + 3 + length;
    if (length === 0 || after + ftypeBytes + inoBytes > end) {
      report(`directory ${inode.ino}: entry ${i} of ${count} leaves the inode`);
      return;
    }
    const number = after + ftypeBytes;
    yield {
      name: inode.bytes.subarray(at + 3, after),
      ino: inoBytes === 8 ? readCount64(view, number) : view.getUint32(number),
      ftype: ftypeBytes ? view.getUint8(after) : 0,
    };
    at = number + inoBytes;
  }
}

/** Directory blocks that hold entries, put together from their extents. The bytes are reused by the next one. */
function* dirBlocks(
  volume: Volume,
  inode: Inode,
  report: Report,
): Generator<{ readonly bytes: Uint8Array; readonly fileoff: number }> {
  const { geometry, device } = volume;
  const perBlock = geometry.dirblocksize / geometry.blocksize;
  const leafStart = DIR_LEAF_BYTE / geometry.blocksize;
  const bytes = new Uint8Array(geometry.dirblocksize);
  /** Blocks of the current directory block that were read. */
  let have = 0;
  for (const extent of forkExtents(volume, inode, 'data', 0, report)) {
    for (let i = 0; i < extent.blocks; i++) {
      const fileoff = extent.fileoff + i;
      if (fileoff >= leafStart) return;
      const index = fileoff % perBlock;
      if (index === 0) have = 0;
      const into = bytes.subarray(index * geometry.blocksize, (index + 1) * geometry.blocksize);
      if (tryReadInto(device, geometry.fsbnoByte(extent.fsbno + i), into)) have++;
      if (index !== perBlock - 1) continue;
      if (have === perBlock) yield { bytes, fileoff: fileoff - index };
      else report(`directory ${inode.ino}: block ${fileoff - index} cannot be read`);
      have = 0;
    }
  }
}

function* blockEntries(volume: Volume, bytes: Uint8Array, what: string, report: Report): Generator<DirEntry> {
  const { ftype } = volume.geometry.features;
  const view = viewOf(bytes);
  const magic = view.getUint32(0);
  if (magic !== DIR_BLOCK_MAGIC && magic !== DIR_DATA_MAGIC) {
    report(`${what}: magic 0x${magic.toString(16)}, not one of a data block`);
    return;
  }
  const end = magic === DIR_BLOCK_MAGIC ? blockDataEnd(view) : bytes.length;
  for (let at = DIR_DATA_START; at < end; ) {
    const length = dirAreaBytes(view, at, end, ftype);
    if (length < 8 || length % 8 !== 0 || at + length > end) {
      report(`${what}: area of ${length} bytes at ${at}`);
      return;
    }
    if (view.getUint16(at) !== DIR_FREE_TAG) {
      const name = bytes.slice(at + 9, at + 9 + view.getUint8(at + 8));
      if (name.length > 0 && !isDots(name)) {
        yield { name, ino: readCount64(view, at), ftype: ftype ? view.getUint8(at + 9 + name.length) : 0 };
      }
    }
    at += length;
  }
}

/** Where the entries of a block form directory end: before its leaf entries, as far as their count makes sense. */
export function blockDataEnd(view: DataView): number {
  const tail = view.byteLength - DIR_BLOCK_TAIL.size;
  const leaves = view.getUint32(tail) * DIR_LEAF_ENTRY.size;
  return leaves <= tail - DIR_DATA_START ? tail - leaves : tail;
}
