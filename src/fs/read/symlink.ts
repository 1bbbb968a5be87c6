/** Target of a symlink: in the inode, or in up to three extents that each carry a header. At most 1024 bytes. */
import { FORK } from '../../format/inode.ts';
import { SYMLINK_HEADER, SYMLINK_MAGIC, SYMLINK_MAX } from '../../format/symlink.ts';
import { forkExtents, forkOf } from './extent.ts';
import { type Inode, inodeFacts } from './inode.ts';
import { tryRead, type Volume } from './volume.ts';

/** The target as bytes; undefined where it cannot be read whole. */
export function readSymlink(volume: Volume, inode: Inode): Uint8Array | undefined {
  const size = inodeFacts(inode).size;
  if (size === undefined || size === 0 || size > SYMLINK_MAX) return undefined;
  const fork = forkOf(inode, 'data', volume.geometry)!;
  if (fork.format === FORK.LOCAL) {
    return size <= fork.bytes ? inode.bytes.slice(fork.start, fork.start + size) : undefined;
  }
  const { geometry, device } = volume;
  const target = new Uint8Array(size);
  let done = 0;
  for (const extent of forkExtents(volume, inode, 'data')) {
    const most = Math.ceil(SYMLINK_MAX / geometry.blocksize) + 1;
    const length = Math.min(extent.blocks, most) * geometry.blocksize;
    const piece = tryRead(device, geometry.fsbnoByte(extent.fsbno), length);
    if (!piece) return undefined;
    const header = SYMLINK_HEADER.over(piece);
    const bytes = Math.min(size - done, piece.length - SYMLINK_HEADER.size);
    if (header.magic !== SYMLINK_MAGIC || header.offset !== done || header.bytes !== bytes) return undefined;
    target.set(piece.subarray(SYMLINK_HEADER.size, SYMLINK_HEADER.size + bytes), done);
    done += bytes;
    if (done === size) return target;
  }
  return undefined;
}
