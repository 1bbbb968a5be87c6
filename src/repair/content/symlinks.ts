/**
 * Symlinks whose target is in blocks: every extent of the data fork is one piece with a header of its own, and the
 * pieces together are as long as the inode says, in no more blocks than that takes.
 */
import { viewOf } from '../../format/struct.ts';
import { SYMLINK_HEADER, SYMLINK_MAX } from '../../format/symlink.ts';
import { verifySymlink } from '../../format/verify.ts';
import { type BlockCodes, BlockReport } from './blockreport.ts';
import type { ContentReader, Contents } from './contents.ts';

const CODES: BlockCodes = {
  structure: 'symlink',
  block: 'SYMLINK_BLOCK',
  crc: 'SYMLINK_CRC',
  header: 'SYMLINK_HEADER',
};
const AT = SYMLINK_HEADER.offset;
const HEADER_BYTES = SYMLINK_HEADER.size;

export class SymlinkReader implements ContentReader {
  private readonly contents: Contents;
  private readonly report: BlockReport;
  private ino = 0;

  constructor(contents: Contents) {
    this.contents = contents;
    this.report = new BlockReport(contents.context, CODES);
  }

  read(fork: number): void {
    const { forks } = this.contents;
    this.ino = forks.ino.at(fork);
    const size = forks.size.at(fork);
    const extents = forks.count(fork);
    // One that is being removed has lost its blocks, or its length, already.
    if (forks.lost.at(fork) !== 0 || (this.isUnlinked(fork) && (extents === 0 || size === 0))) return;
    this.report.begin(this.ino, 0, -1);
    if (size < 1 || size >= SYMLINK_MAX) {
      const text = `core.size ${size}, expected 1 to ${SYMLINK_MAX - 1}`;
      this.report.add('SYMLINK_TARGET', 'core.size', text, { found: size });
    } else this.pieces(fork, size);
    this.report.end();
  }

  private isUnlinked(fork: number): boolean {
    const { forks, inodes } = this.contents;
    return inodes.nlink[forks.row.at(fork)] === 0;
  }

  private pieces(fork: number, size: number): void {
    const { forks, context } = this.contents;
    const { blocksize } = context.geometry;
    const needed = Math.ceil(size / (blocksize - HEADER_BYTES));
    let next = 0;
    let mapped = 0;
    let done = 0;
    const first = forks.first(fork);
    for (let i = first; i < first + forks.count(fork); i++) {
      const fileoff = forks.fileoff(i);
      const blocks = forks.blockCount(i);
      mapped += blocks;
      if (fileoff !== next || next >= needed) break;
      next += blocks;
      const bytes = this.piece(fileoff, Math.min(blocks, needed - fileoff), done, size - done);
      if (bytes < 0) return;
      done += bytes;
    }
    this.report.begin(this.ino, 0, forks.count(fork) > 0 ? forks.fsbno(first) : -1);
    if (next !== needed || mapped !== needed) {
      const text = `a target of ${size} bytes is in ${mapped} blocks, expected ${needed} from file block 0 on`;
      this.report.add('SYMLINK_TARGET', 'core.size', text, { found: mapped, expected: needed });
    } else if (done !== size) {
      const text = `core.size ${size}, the blocks hold ${done} bytes`;
      this.report.add('SYMLINK_TARGET', 'core.size', text, { found: size, expected: done });
    }
  }

  /** Bytes of the target in the piece; -1: it cannot be used. */
  private piece(fileoff: number, blocks: number, done: number, left: number): number {
    const { context, blocks: reader } = this.contents;
    const { geometry } = context;
    const piece = reader.read(fileoff, blocks, `inode ${this.ino} symlink block ${fileoff}`);
    if (!piece) return -1;
    this.report.begin(this.ino, fileoff, reader.fsbno);
    const place = { daddr: reader.daddr, owner: this.ino };
    if (!this.report.accept(verifySymlink(piece, geometry, place), 'offset')) return -1;
    const view = viewOf(piece);
    this.report.checkLsn(view, AT.lsn);
    const room = blocks * geometry.blocksize - HEADER_BYTES;
    this.expect('offset', view.getUint32(AT.offset), done);
    const bytes = Math.min(room, left);
    this.expect('bytes', view.getUint32(AT.bytes), bytes);
    for (let i = HEADER_BYTES; i < HEADER_BYTES + bytes; i++) {
      if (piece[i] !== 0) continue;
      this.report.add('SYMLINK_TARGET', 'data', `data has a NUL at byte ${done + i - HEADER_BYTES}`);
      break;
    }
    return bytes;
  }

  private expect(field: string, found: number, expected: number): void {
    if (found === expected) return;
    this.report.add('SYMLINK_HEADER', field, `${field} ${found}, expected ${expected}`, { found, expected });
  }
}
