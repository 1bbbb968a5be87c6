/**
 * A data block of a directory (or its only block) in blockget: entries and free areas one behind another, the three
 * longest free areas in the header, tags; in the only block also the leaf entries at its end.
 */
import { hashName, hashNameIgnoringCase } from '../../../format/dahash.ts';
import {
  DIR_BLOCK_HEADER,
  DIR_BLOCK_MAGIC,
  DIR_DATA_MAGIC,
  DIR_DATA_START,
  DIR_FREE_TAG,
  dirEntryBytes,
} from '../../../format/dir.ts';
import { readCount64 } from '../../../format/kinds.ts';
import { hex } from '../../number.ts';
import type { DirHashes } from './dirhash.ts';
import { BAD_PARENT, type DirState, nameText } from './dirstate.ts';
import { NO_INODE } from './inodetable.ts';
import type { BlockUsage } from './usage.ts';

const TAIL = 8;
const LEAF_ENTRY = 8;
const ALIGN = 8;
const BEST_FREE = DIR_BLOCK_HEADER.size;

/** One block being read. */
interface Block {
  readonly view: DataView;
  readonly dir: DirState;
  readonly dabno: number;
  readonly shown: boolean;
  /** End of entries and free areas. */
  end: number;
  /** Byte of the leaf entries, in the only block, where the tail makes sense. */
  leaf: number | undefined;
  parent: number;
  entries: number;
  bestFaults: number;
  /** Bits of the best free areas that were met. */
  bestSeen: number;
  tagFaults: number;
  afterFree: boolean;
  freeFaults: number;
}

export class DataBlockCheck {
  private readonly usage: BlockUsage;
  private readonly hashes: DirHashes;
  private readonly addLink: (inode: number) => void;

  constructor(usage: BlockUsage, hashes: DirHashes, addLink: (inode: number) => void) {
    this.usage = usage;
    this.hashes = hashes;
    this.addLink = addLink;
  }

  /** Parent that the block names, 0 for none; `free` takes the longest free length of each data block. */
  check(
    view: DataView,
    dir: DirState,
    dabno: number,
    shown: boolean,
    free: Map<number, number> | undefined,
  ): number {
    const magic = view.getUint32(0);
    if (magic !== DIR_BLOCK_MAGIC && magic !== DIR_DATA_MAGIC) {
      const text = `bad directory data magic # ${hex(magic)} for dir ino ${dir.ino} block ${dabno}\n`;
      this.usage.fail(text, shown);
      return BAD_PARENT;
    }
    const block: Block = {
      ...{ view, dir, dabno, shown, end: view.byteLength, leaf: undefined, parent: 0, entries: 0 },
      ...{ bestFaults: 0, bestSeen: 0, tagFaults: 0, afterFree: false, freeFaults: 0 },
    };
    if (magic === DIR_BLOCK_MAGIC) this.findLeaf(block);
    this.startBest(block);
    const { blocksize, dirblocksize } = this.usage.geometry;
    free?.set(Math.floor(dabno / (dirblocksize / blocksize)), this.bestLength(block, 0));
    this.areas(block);
    this.finish(block, magic === DIR_BLOCK_MAGIC);
    return block.parent;
  }

  private fail(block: Block, text: string): void {
    this.usage.fail(`dir ${block.dir.ino} block ${block.dabno} ${text}\n`, block.shown);
  }

  private findLeaf(block: Block): void {
    const tail = block.view.byteLength - TAIL;
    const leaf = tail - block.view.getUint32(tail) * LEAF_ENTRY;
    if (leaf > DIR_DATA_START) {
      block.end = block.leaf = leaf;
      return;
    }
    this.usage.fail(`bad block directory tail for dir ino ${block.dir.ino}\n`, block.shown);
  }

  private bestLength(block: Block, i: number): number {
    return block.view.getUint16(BEST_FREE + 4 * i + 2);
  }
  private bestOffset(block: Block, i: number): number {
    return block.view.getUint16(BEST_FREE + 4 * i);
  }

  private startBest(block: Block): void {
    for (let i = 0; i < 3; i++) {
      if (this.bestLength(block, i) !== 0) continue;
      if (this.bestOffset(block, i) !== 0) block.bestFaults++;
      block.bestSeen |= 1 << i;
    }
    for (let i = 0; i < 2; i++)
      if (this.bestLength(block, i) < this.bestLength(block, i + 1)) block.bestFaults++;
  }

  private areas(block: Block): void {
    const { view } = block;
    for (let at = DIR_DATA_START; at < block.end; ) {
      const isFree = at + 2 <= view.byteLength && view.getUint16(at) === DIR_FREE_TAG;
      const next = isFree ? this.freeArea(block, at) : this.entry(block, at);
      if (next === undefined) return;
      at = next;
    }
  }

  /** Start of the next area; undefined when nothing more can be read. */
  private freeArea(block: Block, at: number): number | undefined {
    const { view } = block;
    if (block.afterFree) block.freeFaults++;
    const length = at + 4 <= view.byteLength ? view.getUint16(at + 2) : 0;
    const tag = at + length - 2;
    if (length % ALIGN !== 0 || length === 0 || tag >= block.end || tag + 2 > view.byteLength) {
      this.fail(block, `bad free entry at ${at}`);
      return undefined;
    }
    if (view.getUint16(tag) !== at) block.tagFaults++;
    this.seeBest(block, at, length);
    block.afterFree = true;
    return at + length;
  }

  private seeBest(block: Block, at: number, length: number): void {
    const least = this.bestLength(block, 2);
    if (length >= least) {
      for (let i = 0; i < 3; i++) {
        const offset = this.bestOffset(block, i);
        if (offset === 0) break;
        if (offset !== at) continue;
        if ((block.bestSeen & (1 << i)) !== 0) block.bestFaults++;
        block.bestSeen |= 1 << i;
        return;
      }
    }
    if (length > least) block.bestFaults++;
  }

  private entry(block: Block, at: number): number | undefined {
    const { view } = block;
    const { geometry } = this.usage;
    const length = at + 9 <= view.byteLength ? view.getUint8(at + 8) : 0;
    if (length === 0) this.fail(block, `zero length entry at ${at}`);
    const bytes = dirEntryBytes(length, geometry.features.ftype);
    const tag = at + bytes - 2;
    if (tag >= block.end || tag + 2 > view.byteLength) {
      this.fail(block, `bad entry at ${at}`);
      return undefined;
    }
    if (view.getUint16(tag) !== at) block.tagFaults++;
    const name = new Uint8Array(view.buffer, at + 9, length);
    const dataBlock = Math.floor(block.dabno / (geometry.dirblocksize / geometry.blocksize));
    const address = Math.floor((dataBlock * geometry.dirblocksize + at) / 8) >>> 0;
    this.hashes.add(geometry.features.asciiCi ? hashNameIgnoringCase(name) : hashName(name), address);
    block.entries++;
    block.afterFree = false;
    this.link(block, at, name);
    return at + bytes;
  }

  /** What an entry says of the inode it names. */
  private link(block: Block, at: number, name: Uint8Array): void {
    const { usage } = this;
    const { inodes } = usage;
    const { view, dir, dabno, shown } = block;
    const ino = readCount64(view, at);
    const number = () => view.getBigInt64(at).toString();
    const child = inodes.find(ino, true);
    if (shown) usage.say(`dir ${dir.ino} block ${dabno} entry ${nameText(name)} ${number()}\n`);
    if (child !== NO_INODE) this.addLink(child);
    else this.fail(block, `entry ${nameText(name)} bad inode number ${number()}`);
    const isDot = name[0] === 0x2e;
    if (name.length === 2 && isDot && name[1] === 0x2e) {
      if (block.parent !== 0) {
        const both = `(${block.parent}, ${number()})`;
        usage.fail(`multiple .. entries in dir ${dir.ino} ${both}\n`, shown);
      } else block.parent = child === NO_INODE ? BAD_PARENT : ino;
      dir.dotdots++;
    } else if (name.length === 1 && isDot) {
      if (ino !== dir.ino) usage.fail(`dir ${dir.ino} entry . inode number mismatch (${number()})\n`, shown);
      dir.dots++;
    } else if (child !== NO_INODE) {
      if (inodes.parent[child] === NO_INODE) inodes.parent[child] = dir.inode;
      if (usage.options.names) inodes.name(child, name);
    }
  }

  private finish(block: Block, isOnly: boolean): void {
    const { view } = block;
    const tail = view.byteLength - TAIL;
    const count = view.getUint32(tail);
    const saidStale = view.getUint32(tail + 4);
    const stale = isOnly ? this.leafEntries(block, count) : 0;
    if (block.bestSeen !== 7 || block.bestFaults > 0) this.fail(block, 'bad bestfree data');
    if (isOnly && block.entries !== (count - saidStale) >>> 0)
      this.fail(block, `bad block tail count ${count | 0} (stale ${saidStale | 0})`);
    if (isOnly && stale !== saidStale) this.fail(block, `bad stale tail count ${saidStale | 0}`);
    if (block.freeFaults > 0) this.fail(block, 'consecutive free entries');
    if (block.tagFaults > 0) this.fail(block, 'entry/unused tag mismatch');
  }

  /** Leaf entries of the only block; the number of stale ones. */
  private leafEntries(block: Block, count: number): number {
    const { view, leaf } = block;
    if (leaf === undefined) return 0;
    let stale = 0;
    for (let i = 0, at = leaf; i < count && at + LEAF_ENTRY <= view.byteLength; i++, at += LEAF_ENTRY) {
      const hash = view.getUint32(at);
      const address = view.getUint32(at + 4);
      if (address === 0) stale++;
      else if (!this.hashes.see(hash, address))
        this.fail(block, `extra leaf entry ${hash.toString(16)} ${address.toString(16)}`);
    }
    return stale;
  }
}
