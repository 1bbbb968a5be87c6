/**
 * A fork on its way into a dump: the blocks of its bmbt, each followed by what it points to, and the blocks of its
 * extents where they are metadata. The order is that of the reference tool, so that dumps can be compared.
 *
 * Untrusted: levels fall by one, no bmbt block is visited twice, extents must be in order, inside their AG and no
 * longer than asked for; the first that is not ends its list.
 */
import {
  BMBT_KEY,
  BMBT_RECORD,
  BMDR_HEADER,
  BTREE,
  LONG_HEADER,
  maxRecords,
  maxRootKeys,
  pointerOffset,
} from '../../format/btree.ts';
import { attrExtents, dataExtents } from '../../format/inode.ts';
import { readCount64 } from '../../format/kinds.ts';
import { type Extent, type ForkName, readRecord } from '../../fs/read/extent.ts';
import type { DumpContext } from './context.ts';
import { type Content, scrubForkBlock } from './forkblock.ts';
import { Scrub } from './scrub.ts';
import type { ForkArea } from './shortform.ts';
import { clearBtreeBlock } from './stale.ts';

const MAX_LEVEL = 15;

/** `content` undefined: the extents are file data, and only the bmbt goes into the dump. */
export class ForkDump {
  private readonly context: DumpContext;
  private readonly ino: number;
  private readonly fork: ForkName;
  private readonly content: Content | undefined;
  private readonly visited = new Set<number>();
  /** Blocks of a directory block that lies in several extents, as far as they were met. */
  private pieces: { readonly fsbno: number; readonly blocks: number }[] = [];
  private piecesBlocks = 0;

  constructor(context: DumpContext, ino: number, fork: ForkName, content: Content | undefined) {
    this.context = context;
    this.ino = ino;
    this.fork = fork;
    this.content = content;
  }

  /** The extents are in the inode. */
  dumpExtents(inode: Scrub, area: ForkArea): void {
    const said = this.fork === 'data' ? dataExtents(inode.view, 0) : attrExtents(inode.view, 0);
    const end = area.start + said * BMBT_RECORD.size;
    if (end > area.end) {
      this.context.doubt(() => `bad number of extents ${said} in inode ${this.ino}`);
      return;
    }
    if (this.context.options.clear) inode.clear(end, area.end);
    this.dumpRecords(inode.view, area.start, said);
  }

  /** The root of a bmbt is in the inode. */
  dumpBtree(inode: Scrub, area: ForkArea): void {
    const bytes = area.end - area.start;
    if (bytes < BMDR_HEADER.size) return;
    const level = inode.view.getUint16(area.start);
    const count = inode.view.getUint16(area.start + 2);
    const most = maxRootKeys(bytes);
    if (level < 1 || level > MAX_LEVEL || count > most) {
      this.context.doubt(() => `invalid level ${level} or numrecs ${count} in inode ${this.ino} bmbt root`);
      return;
    }
    const keys = area.start + BMDR_HEADER.size;
    const pointers = keys + most * BMBT_KEY.size;
    if (this.context.options.clear) {
      inode.clear(keys + count * BMBT_KEY.size, pointers);
      inode.clear(pointers + count * 8, area.end);
    }
    for (let i = 0; i < count; i++) this.dumpBlock(readCount64(inode.view, pointers + i * 8), level - 1);
  }

  private dumpBlock(fsbno: number, level: number): void {
    const { context } = this;
    const { geometry } = context;
    if (!geometry.isFsbnoRange(fsbno, 1) || geometry.fsbnoAgbno(fsbno) === 0 || this.visited.has(fsbno)) {
      context.doubt(() => `invalid block number ${fsbno} in inode ${this.ino} bmbt`);
      return;
    }
    this.visited.add(fsbno);
    const offset = geometry.fsbnoByte(fsbno);
    const bytes = context.read(offset, geometry.blocksize, () => `bmbt block ${placeOf(context, fsbno)}`);
    if (!bytes) return;
    const block = new Scrub(bytes, LONG_HEADER.offset.crc);
    if (context.options.clear) clearBtreeBlock(block, BTREE.bmapbt);
    context.emit(offset, block);
    const count = block.view.getUint16(6);
    if (count > maxRecords(BTREE.bmapbt, level, bytes.length)) {
      context.doubt(() => `invalid numrecs (${count}) in bmbt block ${placeOf(context, fsbno)}`);
    } else if (level === 0) {
      this.dumpRecords(block.view, LONG_HEADER.size, count);
    } else {
      for (let i = 0; i < count; i++) {
        const at = pointerOffset(BTREE.bmapbt, i, bytes.length);
        this.dumpBlock(readCount64(block.view, at), level - 1);
      }
    }
  }

  private dumpRecords(view: DataView, start: number, count: number): void {
    const { context, content } = this;
    if (content === undefined || count === 0) return;
    const { geometry } = context;
    const last = readRecord(view, start + (count - 1) * BMBT_RECORD.size);
    const perBlock = content === 'directory' ? geometry.dirblocksize / geometry.blocksize : 1;
    // A directory whose only extents end with its first block is in block form.
    const isOnly = last.fileoff + last.blocks === perBlock;
    let end = 0;
    for (let i = 0; i < count; i++) {
      const extent = readRecord(view, start + i * BMBT_RECORD.size);
      const { fileoff, fsbno, blocks } = extent;
      const isBad =
        fileoff < end ||
        blocks > context.options.maxExtent ||
        !geometry.isFsbnoRange(fsbno, blocks) ||
        geometry.fsbnoAgbno(fsbno) === 0;
      if (isBad) {
        context.doubt(() => `suspicious extent ${i} (${fileoff}, ${fsbno}, ${blocks}) in ino ${this.ino}`);
        return;
      }
      end = fileoff + blocks;
      if (content === 'symlink') this.dumpWhole(extent);
      else if (perBlock > 1) this.dumpDirectoryBlocks(extent, perBlock, isOnly);
      else this.dumpSingles(extent, isOnly);
    }
  }

  private dumpSingles({ fileoff, fsbno, blocks }: Extent, isOnly: boolean): void {
    const { context, ino, content } = this;
    const { blocksize } = context.geometry;
    for (let i = 0; i < blocks; i++) {
      const offset = context.geometry.fsbnoByte(fsbno + i);
      const bytes = context.read(offset, blocksize, () => `${content} block ${placeOf(context, fsbno + i)}`);
      if (!bytes) continue;
      scrubForkBlock(context, bytes, content!, { ino, fileoff: fileoff + i, isOnly });
      context.emitBytes(offset, bytes);
    }
  }

  /** A piece of a symlink is one object, however many blocks it has. */
  private dumpWhole({ fileoff, fsbno, blocks }: Extent): void {
    const { context, ino } = this;
    const { blocksize } = context.geometry;
    if (blocks * blocksize > LONGEST_PIECE) {
      context.doubt(() => `suspicious count ${blocks} in symlink inode ${ino}`);
      return;
    }
    const offset = context.geometry.fsbnoByte(fsbno);
    const bytes = context.read(offset, blocks * blocksize, () => `symlink block ${placeOf(context, fsbno)}`);
    if (!bytes) return;
    scrubForkBlock(context, bytes, 'symlink', { ino, fileoff, isOnly: false });
    context.emitBytes(offset, bytes);
  }

  /** Directory blocks of several blocks, which may lie in several extents. */
  private dumpDirectoryBlocks({ fileoff, fsbno, blocks }: Extent, perBlock: number, isOnly: boolean): void {
    for (let done = 0; done < blocks; ) {
      const take = Math.min(blocks - done, perBlock - this.piecesBlocks);
      this.pieces.push({ fsbno: fsbno + done, blocks: take });
      this.piecesBlocks += take;
      done += take;
      if (this.piecesBlocks < perBlock) continue;
      this.dumpPieces(fileoff + done - perBlock, isOnly);
      this.pieces = [];
      this.piecesBlocks = 0;
    }
  }

  private dumpPieces(fileoff: number, isOnly: boolean): void {
    const { context, ino, pieces } = this;
    const { geometry } = context;
    const bytes = new Uint8Array(geometry.dirblocksize);
    let at = 0;
    const parts: { offset: number; bytes: Uint8Array }[] = [];
    for (const { fsbno, blocks } of pieces) {
      const offset = geometry.fsbnoByte(fsbno);
      const length = blocks * geometry.blocksize;
      const part = context.read(offset, length, () => `directory block ${placeOf(context, fsbno)}`);
      if (!part) return;
      bytes.set(part, at);
      parts.push({ offset, bytes: bytes.subarray(at, at + length) });
      at += length;
    }
    scrubForkBlock(context, bytes, 'directory', { ino, fileoff, isOnly });
    for (const part of parts) context.emitBytes(part.offset, part.bytes);
  }
}

/** A symlink has at most 1024 bytes; larger blocks than this do not exist. */
const LONGEST_PIECE = 65536;

function placeOf(context: DumpContext, fsbno: number): string {
  const { geometry } = context;
  return `${geometry.fsbnoAgno(fsbno)}/${geometry.fsbnoAgbno(fsbno)}`;
}
