/**
 * Blocks of one fork at a time, by file offset, through its kept extents. Reads a window of neighbouring blocks at
 * once, so that a fork is a few large reads; a directory block that lies in pieces is put together.
 *
 * What `read` returns is valid until the next read.
 */
import { scratchBytes } from '../../format/checksum.ts';
import { viewOf } from '../../format/struct.ts';
import type { Context } from '../observe/context.ts';
import type { ForkExtents } from '../observe/forkextents.ts';

const WINDOW_BYTES = 2 ** 17;

export class ForkBlocks {
  /** The fork being read. */
  fork = -1;
  /** Where the last read began: fsbno, and in 512-byte units. */
  fsbno = -1;
  daddr = -1;
  private readonly context: Context;
  private readonly forks: ForkExtents;
  private readonly window: Uint8Array;
  private readonly pieces: Uint8Array;
  /** What the last read returned. */
  view: DataView;
  // Arrays over the window, by the block that they begin with.
  private readonly cuts: Uint8Array[] = [];
  private readonly views: DataView[] = [];
  // What the window holds: blocks from an fsbno on.
  private held = -1;
  private heldBlocks = 0;
  // The extent that the last lookup ended with.
  private extent = 0;

  constructor(context: Context, forks: ForkExtents) {
    this.context = context;
    this.forks = forks;
    const { dirblocksize, blocksize } = context.geometry;
    this.window = scratchBytes('fork', Math.max(WINDOW_BYTES, blocksize));
    this.pieces = new Uint8Array(Math.max(dirblocksize, blocksize));
    this.view = viewOf(this.pieces);
  }

  open(fork: number): void {
    this.fork = fork;
    this.extent = this.forks.first(fork);
    // The memory is not ours alone: between two forks another check may have read into it.
    this.held = -1;
    this.heldBlocks = 0;
  }

  /** Whether the fork maps block `fileoff`. */
  isMapped(fileoff: number): boolean {
    return this.locate(fileoff);
  }

  /**
   * `blocks` blocks (one, or those of a directory block) from `fileoff` on. Undefined when one is not mapped, or
   * cannot be read: then `context.read` has reported it, as `what`.
   */
  read(fileoff: number, blocks: number, what: string): Uint8Array | undefined {
    const { forks } = this;
    if (!this.locate(fileoff)) return undefined;
    const into = fileoff - forks.fileoff(this.extent);
    const first = forks.fsbno(this.extent) + into;
    const available = forks.blockCount(this.extent) - into;
    this.fsbno = first;
    this.daddr = this.context.geometry.fsbnoDaddr(first);
    if (available >= blocks) return this.fromWindow(first, blocks, available, what);
    return this.assemble(fileoff, blocks, what);
  }

  private fromWindow(fsbno: number, blocks: number, available: number, what: string): Uint8Array | undefined {
    const { blocksize } = this.context.geometry;
    if (fsbno < this.held || fsbno + blocks > this.held + this.heldBlocks) {
      const most = Math.max(blocks, Math.floor(this.window.length / blocksize));
      const want = Math.min(available, most);
      // An unreadable neighbour must not take this block with it.
      if (!this.fill(fsbno, want, what, want === blocks) && !this.fill(fsbno, blocks, what, true))
        return undefined;
    }
    return this.cut(fsbno - this.held, blocks * blocksize);
  }

  /** `length` bytes of the window from its `index`-th block on; made once for every place. */
  private cut(index: number, length: number): Uint8Array {
    let bytes = this.cuts[index];
    if (bytes?.length !== length) {
      const at = index * this.context.geometry.blocksize;
      bytes = this.window.subarray(at, at + length);
      this.cuts[index] = bytes;
      this.views[index] = viewOf(bytes);
    }
    this.view = this.views[index]!;
    return bytes;
  }

  private fill(fsbno: number, blocks: number, what: string, report: boolean): boolean {
    const { context } = this;
    const { geometry } = context;
    const into = this.window.subarray(0, blocks * geometry.blocksize);
    this.held = -1;
    this.heldBlocks = 0;
    const byte = geometry.fsbnoByte(fsbno);
    const good = report
      ? context.read(byte, into, what, geometry.fsbnoAgno(fsbno))
      : context.tryRead(byte, into);
    if (good) {
      this.held = fsbno;
      this.heldBlocks = blocks;
    }
    return good;
  }

  private assemble(fileoff: number, blocks: number, what: string): Uint8Array | undefined {
    const { geometry } = this.context;
    const { blocksize } = geometry;
    const { fsbno, daddr } = this;
    for (let i = 0; i < blocks; i++) {
      if (!this.locate(fileoff + i)) return undefined;
      const at = this.forks.fsbno(this.extent) + fileoff + i - this.forks.fileoff(this.extent);
      const into = this.pieces.subarray(i * blocksize, (i + 1) * blocksize);
      if (!this.context.read(geometry.fsbnoByte(at), into, what, geometry.fsbnoAgno(at))) return undefined;
    }
    this.fsbno = fsbno;
    this.daddr = daddr;
    const bytes = this.pieces.subarray(0, blocks * blocksize);
    this.view = viewOf(bytes);
    return bytes;
  }

  /** Finds the extent that maps `fileoff`; most lookups go on where the last one was. */
  private locate(fileoff: number): boolean {
    const { forks, fork } = this;
    const first = forks.first(fork);
    const end = first + forks.count(fork);
    if (this.maps(this.extent, end, fileoff)) return true;
    if (this.maps(this.extent + 1, end, fileoff)) {
      this.extent++;
      return true;
    }
    let low = first;
    let high = end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (forks.fileoff(middle) <= fileoff) low = middle + 1;
      else high = middle;
    }
    if (low === first || !this.maps(low - 1, end, fileoff)) return false;
    this.extent = low - 1;
    return true;
  }

  private maps(extent: number, end: number, fileoff: number): boolean {
    if (extent >= end) return false;
    const from = this.forks.fileoff(extent);
    return fileoff >= from && fileoff < from + this.forks.blockCount(extent);
  }
}
