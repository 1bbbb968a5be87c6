/**
 * Extents of forks whose blocks are looked into once all inodes are known: directories, attributes, remote
 * symlinks, and the inodes that the superblock names (quota, realtime bitmap and summary).
 *
 * Extents of forks with a btree come leaf by leaf, in disk order; `seal` groups them by fork, in file order. Only
 * extents that were found good are kept; a fork that lacks some is `lost`.
 */
import { NumberList } from './list.ts';

/** What a fork holds. */
export const CONTENT = { DIRECTORY: 0, ATTRIBUTE: 1, SYMLINK: 2, SPECIAL: 3 } as const;

/** Rows are forks, then extents of them; every list of forks has the same length. */
export class ForkExtents {
  readonly content = new NumberList();
  readonly ino = new NumberList();
  /** Row of the inode in the InodeTable. */
  readonly row = new NumberList();
  /** Size of the inode, bytes. */
  readonly size = new NumberList();
  /** 1: inside the inode, so there are no extents. */
  readonly local = new NumberList();
  /** 1: something of the fork could not be read, and was reported. */
  readonly lost = new NumberList();
  // Extents as they come.
  private readonly fork = new NumberList();
  private readonly offsets = new NumberList();
  private readonly blocks = new NumberList();
  private readonly counts = new NumberList();
  // The same, sealed: those of fork i are from[i] up to, not with, from[i + 1].
  private from = new Uint32Array(1);
  private order = new Uint32Array(0);

  /** Begins a fork; the number of it is what `push` wants. */
  begin(content: number, ino: number, row: number, size: number, local: boolean): number {
    this.content.push(content);
    this.ino.push(ino);
    this.row.push(row);
    this.size.push(size);
    this.local.push(local ? 1 : 0);
    this.lost.push(0);
    return this.ino.length - 1;
  }

  get length(): number {
    return this.ino.length;
  }

  push(fork: number, fileoff: number, fsbno: number, blocks: number): void {
    this.fork.push(fork);
    this.offsets.push(fileoff);
    this.blocks.push(fsbno);
    this.counts.push(blocks);
  }

  /** Groups the extents; none may be pushed afterwards. */
  seal(): void {
    const n = this.fork.length;
    this.from = new Uint32Array(this.length + 1);
    for (let i = 0; i < n; i++) this.from[this.fork.at(i) + 1]!++;
    for (let i = 0; i < this.length; i++) this.from[i + 1]! += this.from[i]!;
    const next = this.from.slice();
    this.order = new Uint32Array(n);
    for (let i = 0; i < n; i++) this.order[next[this.fork.at(i)]!++] = i;
    for (let fork = 0; fork < this.length; fork++) {
      const mine = this.order.subarray(this.from[fork], this.from[fork + 1]);
      let ascending = true;
      for (let i = 1; i < mine.length && ascending; i++)
        ascending = this.offsets.at(mine[i - 1]!) <= this.offsets.at(mine[i]!);
      if (!ascending) mine.sort((a, b) => this.offsets.at(a) - this.offsets.at(b) || a - b);
    }
  }

  /** Extents of a sealed fork; the i-th of them is at `first(fork) + i`. */
  count(fork: number): number {
    return this.from[fork + 1]! - this.from[fork]!;
  }
  first(fork: number): number {
    return this.from[fork]!;
  }
  /** File offset, blocks. */
  fileoff(extent: number): number {
    return this.offsets.at(this.order[extent]!);
  }
  fsbno(extent: number): number {
    return this.blocks.at(this.order[extent]!);
  }
  blockCount(extent: number): number {
    return this.counts.at(this.order[extent]!);
  }
}
