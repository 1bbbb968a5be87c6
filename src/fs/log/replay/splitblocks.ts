/**
 * Directory blocks that lie in several pieces. Each piece is logged, and replayed, as a buffer of its own, but the
 * checksum in the first is that of the whole block: it is made anew when all pieces are there. Who owns a piece is told by
 * the header of the first one, and by the inodes that were logged: a directory that changes is logged with it.
 */
import type { Device } from '../../../device/device.ts';
import { crcIsGood, sealCrc } from '../../../format/checksum.ts';
import type { Geometry } from '../../../format/geometry.ts';
import { S_IFDIR } from '../../../format/inode.ts';
import { BLOCK_TYPES } from '../../../format/registry.ts';
import { viewOf } from '../../../format/struct.ts';
import { hasMagic, type Piece, readPieces } from '../../buffer.ts';
import { forkExtents } from '../../read/extent.ts';
import { inodeFacts, readInode } from '../../read/inode.ts';

const TYPES = BLOCK_TYPES.filter(({ name, crc }) => name === 'dir3' && crc !== undefined);

export class SplitBlocks {
  private readonly pieces = new Set<number>();
  private readonly owners = new Set<number>();

  /** A buffer of this content was replayed. */
  note(geometry: Geometry, offset: number, bytes: Uint8Array): void {
    if (bytes.length >= geometry.dirblocksize) return;
    this.pieces.add(offset);
    const type = TYPES.find((each) => hasMagic(bytes, each));
    if (type?.owner !== undefined) this.owners.add(Number(viewOf(bytes).getBigUint64(type.owner.at)));
  }

  /** An inode was logged. */
  noteInode(ino: number): void {
    this.owners.add(ino);
  }

  /** Makes the checksums of all blocks of which a piece was replayed. */
  seal(device: Device, geometry: Geometry): void {
    if (this.pieces.size === 0) return;
    const volume = { device, geometry };
    for (const ino of this.owners) {
      const inode = readInode(volume, ino);
      if (!inode || inodeFacts(inode).type !== S_IFDIR) continue;
      const blocks = new Map<number, Piece[]>();
      const each = geometry.dirblocksize / geometry.blocksize;
      for (const extent of forkExtents(volume, inode, 'data')) {
        for (let i = 0; i < extent.blocks; i++) {
          const block = Math.floor((extent.fileoff + i) / each);
          const piece = { offset: geometry.fsbnoByte(extent.fsbno + i), length: geometry.blocksize };
          blocks.set(block, [...(blocks.get(block) ?? []), piece]);
        }
      }
      for (const pieces of blocks.values()) {
        if (pieces.length === each && pieces.some(({ offset }) => this.pieces.has(offset)))
          sealBlock(device, pieces);
      }
    }
  }
}

function sealBlock(device: Device, pieces: readonly Piece[]): void {
  const bytes = readPieces(device, pieces);
  const type = TYPES.find((row) => hasMagic(bytes, row));
  if (!type || crcIsGood(bytes, type.crc!)) return;
  sealCrc(bytes, type.crc!);
  const first = pieces[0]!;
  device.write(first.offset, bytes.subarray(0, first.length));
}
