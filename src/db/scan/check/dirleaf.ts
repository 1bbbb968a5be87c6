/**
 * Leaves, nodes and free index blocks of a directory in blockget. Leaves must have the hash of every entry; the end
 * of a single leaf, or the free index, must have the longest free length of every data block.
 */
import {
  DA_NODE_MAGIC,
  DIR_FREE_BYTE,
  DIR_FREE_HEADER,
  DIR_FREE_MAGIC,
  DIR_LEAF_BYTE,
  DIR_LEAF_HEADER,
  DIR_LEAF1_MAGIC,
  DIR_LEAFN_MAGIC,
  DIR_NODE_HEADER,
} from '../../../format/dir.ts';
import { hex } from '../../number.ts';
import type { DirHashes } from './dirhash.ts';
import type { DirState } from './dirstate.ts';
import type { BlockUsage } from './usage.ts';

const NO_LENGTH = 0xffff;
const DEEPEST_NODE = 5;
const LEAF_ENTRY = 8;
const LEAF_TAIL = 4;

export class LeafCheck {
  /** Longest free length of each data block, until a leaf or index block had it. */
  readonly free = new Map<number, number>();
  private readonly usage: BlockUsage;
  private readonly hashes: DirHashes;

  constructor(usage: BlockUsage, hashes: DirHashes) {
    this.usage = usage;
    this.hashes = hashes;
  }

  /** A block behind the data. */
  check(view: DataView, dir: DirState, dabno: number, shown: boolean): void {
    if (dabno < DIR_FREE_BYTE / this.usage.geometry.blocksize) this.leaf(view, dir, dabno, shown);
    else this.index(view, dir, dabno, shown);
  }

  /** Data blocks that neither leaf nor index knows. */
  checkUnseen(dir: DirState, shown: boolean): void {
    const { blocksize, dirblocksize } = this.usage.geometry;
    for (const [block, length] of [...this.free].sort(([a], [b]) => a - b)) {
      if (length === NO_LENGTH) continue;
      const dabno = block * (dirblocksize / blocksize);
      this.usage.fail(`missing free index for data block ${dabno} in dir ino ${dir.ino}\n`, shown);
    }
  }

  private leaf(view: DataView, dir: DirState, dabno: number, shown: boolean): void {
    const { usage } = this;
    const { ino } = dir;
    const magic = view.getUint16(8);
    switch (magic) {
      case DIR_LEAF1_MAGIC:
        this.singleLeaf(view, dir, dabno, shown);
        break;
      case DIR_LEAFN_MAGIC:
        break;
      case DA_NODE_MAGIC: {
        const level = view.getUint16(DIR_NODE_HEADER.offset.level);
        if (level < 1 || level > DEEPEST_NODE)
          usage.fail(`bad node block level ${level} for dir ino ${ino} block ${dabno}\n`, shown);
        return;
      }
      default:
        usage.fail(`bad directory data magic # ${hex(magic)} for dir ino ${ino} block ${dabno}\n`, shown);
        return;
    }
    const count = view.getUint16(DIR_LEAF_HEADER.offset.count);
    let stale = 0;
    for (let i = 0, at: number = DIR_LEAF_HEADER.size; i < count && at + LEAF_ENTRY <= view.byteLength; i++) {
      const hash = view.getUint32(at);
      const address = view.getUint32(at + 4);
      at += LEAF_ENTRY;
      if (address === 0) stale++;
      else if (!this.hashes.see(hash, address)) {
        const text = `extra leaf entry ${hash.toString(16)} ${address.toString(16)}`;
        usage.fail(`dir ${ino} block ${dabno} ${text}\n`, shown);
      }
    }
    const said = view.getUint16(DIR_LEAF_HEADER.offset.stale);
    if (stale !== said) usage.fail(`dir3 ${ino} block ${dabno} stale mismatch ${stale}/${said}\n`, shown);
  }

  /** The only leaf of a directory, which ends with the free lengths. */
  private singleLeaf(view: DataView, dir: DirState, dabno: number, shown: boolean): void {
    const { usage } = this;
    const { blocksize, dirblocksize } = usage.geometry;
    const forward = view.getUint32(0);
    const back = view.getUint32(4);
    if (forward !== 0 || back !== 0) {
      const text = `bad leaf block forw/back pointers ${forward | 0}/${back | 0}`;
      usage.fail(`${text} for dir ino ${dir.ino} block ${dabno}\n`, shown);
    }
    const place = DIR_LEAF_BYTE / blocksize;
    if (dabno !== place) {
      const text = `single leaf block for dir ino ${dir.ino} block ${dabno}`;
      usage.fail(`${text} should be at block ${place}\n`, shown);
    }
    const tail = view.byteLength - LEAF_TAIL;
    const most = Math.floor((tail - DIR_LEAF_HEADER.size) / 2);
    const count = view.getUint32(tail);
    const first = tail - 2 * count;
    for (let i = 0; i < Math.min(count, most); i++) {
      const said = first + 2 * i >= 0 ? view.getUint16(first + 2 * i) : NO_LENGTH;
      const length = this.free.get(i) ?? NO_LENGTH;
      if (length !== said || !this.isKnown(i)) {
        const where = `dir ino ${dir.ino} block ${i * (dirblocksize / blocksize)}`;
        // Not counted as an error.
        if (!usage.options.silent || shown)
          usage.say(`bestfree ${length} for ${where} doesn't match table value ${said}\n`);
      }
      if (this.free.has(i)) this.free.set(i, NO_LENGTH);
    }
  }

  /** Whether any data block from this one on was met. */
  private isKnown(block: number): boolean {
    if (this.free.has(block)) return true;
    for (const other of this.free.keys()) if (other > block) return true;
    return false;
  }

  /** A free index block. */
  private index(view: DataView, dir: DirState, dabno: number, shown: boolean): void {
    const { usage } = this;
    const { blocksize, dirblocksize } = usage.geometry;
    const where = `dir ino ${dir.ino} block ${dabno}`;
    const magic = view.getUint32(0);
    if (magic !== DIR_FREE_MAGIC) {
      usage.fail(`bad free block magic # ${hex(magic)} for ${where}\n`, shown);
      return;
    }
    const at = DIR_FREE_HEADER.offset;
    const most = Math.floor((dirblocksize - DIR_FREE_HEADER.size) / 2);
    const number = Math.floor((dabno - DIR_FREE_BYTE / blocksize) / (dirblocksize / blocksize));
    const first = view.getInt32(at.firstdb);
    if (first !== number * most) {
      usage.fail(`bad free block firstdb ${first} for ${where}\n`, shown);
      return;
    }
    const valid = view.getUint32(at.nvalid);
    const said = view.getUint32(at.nused);
    if (valid > most || said > most || said > valid) {
      usage.fail(`bad free block nvalid/nused ${valid | 0}/${said | 0} for ${where}\n`, shown);
      return;
    }
    let used = 0;
    for (let i = 0; i < valid; i++) {
      const found = view.getUint16(DIR_FREE_HEADER.size + 2 * i);
      const length = this.free.get(first + i) ?? NO_LENGTH;
      if (length !== found)
        usage.fail(`bad free block ent ${i} is ${found} should be ${length} for ${where}\n`, shown);
      if (found !== NO_LENGTH) used++;
      if (length !== NO_LENGTH) this.free.set(first + i, NO_LENGTH);
    }
    if (used !== said) usage.fail(`bad free block nused ${said | 0} should be ${used} for ${where}\n`, shown);
  }
}
