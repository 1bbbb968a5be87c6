/**
 * Directories of every form. Data blocks give the names and whom they lead to; the hash index and the free index are
 * held against them, in both directions. Damage to an index costs no name.
 *
 * What form a directory has follows from where its last block is mapped, as in the kernel: block form has one block,
 * leaf form ends with the leaf at 32 GiB, node form reaches further.
 */
import { DIR_DATA_MAGIC, DIR_FREE_BYTE, DIR_LEAF_BYTE } from '../../../format/dir.ts';
import { viewOf } from '../../../format/struct.ts';
import type { ContentReader, Contents } from '../contents.ts';
import { DirDataBlocks } from './data.ts';
import { DuplicateNames } from './duplicate.ts';
import { FreeIndex, FreeLengths } from './freeindex.ts';
import { HashIndex } from './hashindex.ts';
import { LeafSpace } from './leafspace.ts';
import { DirReport } from './report.ts';
import { ShortDirectory } from './short.ts';
import { EntrySlots } from './slots.ts';
import { DirTargets } from './target.ts';

/** Bytes of file offset behind the free index. */
const END_BYTE = DIR_FREE_BYTE + DIR_LEAF_BYTE;
/** With so many bad blocks, and fewer good ones, the rest of a directory is not read. */
const MOST_BAD = 64;

type Form = 'block' | 'leaf' | 'node';

export class DirectoryReader implements ContentReader {
  private readonly contents: Contents;
  private readonly report: DirReport;
  private readonly targets: DirTargets;
  private readonly short: ShortDirectory;
  private readonly slots: EntrySlots;
  private readonly data: DirDataBlocks;
  private readonly index: HashIndex;
  private readonly leaves: LeafSpace;
  private readonly lengths: FreeLengths;
  private readonly free: FreeIndex;
  private readonly duplicates: DuplicateNames;
  /** Filesystem blocks of a directory block, and where the spaces begin, in blocks. */
  private readonly fsblocks: number;
  private readonly leafStart: number;
  private readonly freeStart: number;
  private readonly end: number;

  constructor(contents: Contents) {
    const { geometry } = contents.context;
    this.contents = contents;
    this.report = new DirReport(contents.context);
    this.targets = new DirTargets(contents);
    this.short = new ShortDirectory(contents, this.report, this.targets);
    this.slots = new EntrySlots(geometry);
    this.data = new DirDataBlocks(contents, this.report, this.targets, this.slots);
    this.index = new HashIndex(contents, this.report, this.slots);
    this.leaves = new LeafSpace(contents, this.report, this.index);
    this.lengths = new FreeLengths(this.report, this.slots);
    this.free = new FreeIndex(contents, this.report, this.slots, this.lengths);
    this.duplicates = new DuplicateNames(contents, this.report, this.slots, this.index);
    this.fsblocks = 2 ** geometry.dirblklog;
    this.leafStart = DIR_LEAF_BYTE / geometry.blocksize;
    this.freeStart = DIR_FREE_BYTE / geometry.blocksize;
    this.end = END_BYTE / geometry.blocksize;
  }

  read(fork: number): void {
    const { forks, inodes, parents } = this.contents;
    const row = forks.row.at(fork);
    const lost = forks.lost.at(fork) === 1;
    const size = forks.size.at(fork);
    this.report.open(forks.ino.at(fork));
    let complete: boolean;
    if (forks.local.at(fork) === 1) {
      complete = !lost && this.short.read(this.report.ino, row, size);
      inodes.addDirectory(row, lost ? -1 : this.short.parent);
    } else {
      complete = this.readBlocks(fork, row, size, lost) && !lost;
      inodes.addDirectory(row, this.data.dotdot);
    }
    this.report.close();
    if (complete) return;
    inodes.namesLost = true;
    parents?.loseDirectory(row);
  }

  finish(): void {
    this.targets.finish();
  }

  /** A directory with blocks; false when names may be missing. */
  private readBlocks(fork: number, row: number, size: number, lost: boolean): boolean {
    const { data, index, slots, report, contents } = this;
    data.open(row);
    index.open();
    slots.clear();
    if (!contents.blocks.isMapped(0)) {
      if (!lost) report.inode('DIR_MAP', 'u3.bmx', 'its first block is not mapped');
      return false;
    }
    const twice = this.findMappedTwice(fork);
    if (twice >= 0) {
      const text = `block ${twice} of the filesystem is mapped twice`;
      report.inode('DIR_MAP', 'u3.bmx', text, { found: twice });
      return false;
    }
    const form = this.formOf(fork);
    const last = this.lastData(fork);
    this.readData(fork, form);
    if (!lost) this.checkSize(last, size);
    if (lost) {
      slots.partial = true;
      index.complete = false;
    }
    let whole = !lost;
    if (form === 'block') this.readBlockIndex();
    else whole = this.readIndex(fork, form, last, lost) && whole;
    index.settle();
    if (form === 'node' && whole) {
      this.leaves.tree.judge(this.leafStart);
      this.free.finish(this.freeStart, this.fsblocks);
    }
    this.duplicates.find();
    return data.complete;
  }

  /**
   * A block of the filesystem (fsbno) that the fork maps more than once; -1: none. What is read of a directory is
   * bounded by that: every block of it says where it is, but not for which part of the file.
   */
  private findMappedTwice(fork: number): number {
    const { forks } = this.contents;
    const first = forks.first(fork);
    const count = forks.count(fork);
    if (count < 2) return -1;
    const order = Uint32Array.from({ length: count }, (_, i) => first + i);
    order.sort((a, b) => forks.fsbno(a) - forks.fsbno(b));
    for (let i = 1; i < count; i++) {
      const before = order[i - 1]!;
      const fsbno = forks.fsbno(order[i]!);
      if (fsbno < forks.fsbno(before) + forks.blockCount(before)) return fsbno;
    }
    return -1;
  }

  private formOf(fork: number): Form {
    const { forks } = this.contents;
    const extent = forks.first(fork) + forks.count(fork) - 1;
    const end = forks.fileoff(extent) + forks.blockCount(extent);
    // With extents missing, or only data blocks, the first block itself tells.
    if (end <= this.leafStart) return end > this.fsblocks || this.isData() ? 'leaf' : 'block';
    return end === this.leafStart + this.fsblocks ? 'leaf' : 'node';
  }

  /** The first block is a data block, of a directory that has a leaf somewhere. */
  private isData(): boolean {
    const bytes = this.contents.blocks.read(0, this.fsblocks, `directory ${this.report.ino} block 0`);
    return bytes !== undefined && viewOf(bytes).getUint32(0) === DIR_DATA_MAGIC;
  }

  /** The last data block that is mapped, in directory blocks. */
  private lastData(fork: number): number {
    const { forks } = this.contents;
    let extent = forks.first(fork) + forks.count(fork) - 1;
    while (extent > forks.first(fork) && forks.fileoff(extent) >= this.leafStart) extent--;
    const end = Math.min(forks.fileoff(extent) + forks.blockCount(extent), this.leafStart);
    return Math.floor((end - 1) / this.fsblocks);
  }

  private readData(fork: number, form: Form): void {
    const { data, slots } = this;
    for (const fileoff of this.dirBlocks(fork, 0, this.leafStart)) {
      const number = fileoff / this.fsblocks;
      data.read(number, fileoff, form === 'block' && number === 0);
      if (!isHopeless(slots.lostBlocks, slots.blocks)) continue;
      slots.partial = true;
      return;
    }
  }

  private checkSize(last: number, size: number): void {
    const expected = (last + 1) * this.contents.context.geometry.dirblocksize;
    if (size === expected) return;
    const text = `size ${size}, its last data block ends at ${expected}`;
    this.report.inode('DIR_MAP', 'core.size', text, { found: size, expected });
  }

  private readBlockIndex(): void {
    const { data, index } = this;
    const { leaf } = data;
    // Without it the block was told to be bad, and how far its hashes reach is not known.
    if (leaf) this.leaves.readBlockLeaf(leaf);
    else index.complete = false;
  }

  /** Reads the leaves, nodes and free index; false when it was given up. */
  private readIndex(fork: number, form: 'leaf' | 'node', last: number, lost: boolean): boolean {
    const { leaves, free, leafStart, freeStart } = this;
    leaves.tree.open();
    free.open();
    let met = 0;
    let bad = 0;
    for (const fileoff of this.dirBlocks(fork, leafStart, this.end)) {
      met++;
      let good = true;
      if (form === 'leaf') leaves.readLeaf1(fileoff, last, this.lengths);
      else if (fileoff < freeStart) good = leaves.readNodeForm(fileoff);
      else good = free.read((fileoff - freeStart) / this.fsblocks, fileoff);
      if (!good) bad++;
      if (!isHopeless(bad, met - bad)) continue;
      this.index.complete = false;
      return false;
    }
    if (form === 'leaf' && met === 0) {
      this.index.complete = false;
      if (!lost) this.report.inode('DIR_MAP', 'u3.bmx', `its leaf, block ${leafStart}, is not mapped`);
    }
    if (!this.contents.blocks.isMapped(leafStart)) this.index.complete = false;
    this.checkEnd(fork);
    return true;
  }

  /** Nothing is mapped behind the free index. */
  private checkEnd(fork: number): void {
    const { forks } = this.contents;
    const extent = forks.first(fork) + forks.count(fork) - 1;
    const end = forks.fileoff(extent) + forks.blockCount(extent);
    if (end <= this.end) return;
    const text = `block ${end - 1} is mapped, directories end at ${this.end}`;
    this.report.inode('DIR_MAP', 'u3.bmx', text, { found: end, expected: this.end });
  }

  /** File offsets of the directory blocks from `from` to `to` of which any piece is mapped. */
  private *dirBlocks(fork: number, from: number, to: number): Generator<number> {
    const { forks } = this.contents;
    const { fsblocks } = this;
    const first = forks.first(fork);
    let next = from;
    for (let i = first; i < first + forks.count(fork); i++) {
      const start = Math.max(forks.fileoff(i), next);
      const end = Math.min(forks.fileoff(i) + forks.blockCount(i), to);
      for (let at = start - (start % fsblocks); at < end; at += fsblocks) {
        next = at + fsblocks;
        yield at;
      }
    }
  }
}

/** So many blocks are bad that the rest is not worth its reading: a mapping can be longer than the device. */
function isHopeless(bad: number, good: number): boolean {
  return bad > MOST_BAD && bad > good;
}
