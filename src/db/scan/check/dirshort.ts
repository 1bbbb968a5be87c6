/** A directory inside its inode, in blockget: its entries, its size, and offsets as they would be in a block. */
import { readCount64 } from '../../../format/kinds.ts';
import { BAD_PARENT, type DirState, nameText } from './dirstate.ts';
import { NO_INODE } from './inodetable.ts';
import type { BlockUsage } from './usage.ts';

/** Bytes at which the first entry of a data block behind . and .. is: where offsets of a short form begin. */
const FIRST_OFFSET = 96;
const LEAF_ENTRY = 8;
const BLOCK_TAIL = 8;
const LARGEST_SHORT_INO = 0xffffffff;

export class ShortForm {
  private readonly usage: BlockUsage;
  private readonly view: DataView;
  private readonly start: number;
  private readonly size: number;
  private readonly end: number;
  private readonly dir: DirState;
  private readonly wide: boolean;
  private wideNumbers = 0;

  constructor(
    usage: BlockUsage,
    view: DataView,
    start: number,
    size: number,
    forkBytes: number,
    dir: DirState,
  ) {
    this.usage = usage;
    this.view = view;
    this.start = start;
    this.size = size;
    this.end = start + forkBytes;
    this.dir = dir;
    this.wide = view.getUint8(start + 1) !== 0;
  }

  private inoAt(byte: number): number {
    const ino = this.wide ? readCount64(this.view, byte) : this.view.getUint32(byte);
    if (ino > LARGEST_SHORT_INO || ino < 0) this.wideNumbers++;
    return ino;
  }
  private inoText(byte: number): string {
    return this.wide ? this.view.getBigInt64(byte).toString() : String(this.view.getUint32(byte));
  }

  read(addLink: (inode: number) => void): number {
    const { usage, view, start, dir } = this;
    const shown = usage.options.verbose || usage.isListed(dir.inode);
    const count = view.getUint8(start);
    addLink(dir.inode);
    if (shown) usage.say(`dir ${dir.ino} entry . ${dir.ino}\n`);
    dir.dots++;
    const { offset, whole, at } = this.entries(count, shown, addLink);
    if (whole && at - start !== this.size)
      usage.fail(`dir ${dir.ino} size is ${this.size}, should be ${at - start}\n`);
    if (offset + (count + 2) * LEAF_ENTRY + BLOCK_TAIL > usage.geometry.dirblocksize)
      usage.fail(`dir ${dir.ino} offsets too high\n`);
    const parent = this.inoAt(start + 2);
    const row = usage.inodes.find(parent, true);
    if (row !== NO_INODE) addLink(row);
    else usage.fail(`dir ${dir.ino} entry .. bad inode number ${this.inoText(start + 2)}\n`);
    if (shown) usage.say(`dir ${dir.ino} entry .. ${this.inoText(start + 2)}\n`);
    const said = view.getUint8(start + 1);
    if (this.wideNumbers !== said)
      usage.fail(`dir ${dir.ino} i8count mismatch is ${said} should be ${this.wideNumbers}\n`);
    dir.dotdots++;
    return row === NO_INODE ? BAD_PARENT : parent;
  }

  private entries(count: number, shown: boolean, addLink: (inode: number) => void) {
    const { usage, view, start, dir } = this;
    const { ftype } = usage.geometry.features;
    const numberBytes = this.wide ? 8 : 4;
    let at = start + 2 + numberBytes;
    let offset = FIRST_OFFSET;
    for (let i = 0; i < count; i++) {
      const length = at < this.end ? view.getUint8(at) : 0;
      const entryBytes = 3 + length + numberBytes + (ftype ? 1 : 0);
      if (at + entryBytes - start > this.size || at + entryBytes > this.end) {
        usage.fail(`dir ${dir.ino} bad size in entry at ${at - start}\n`);
        return { offset, whole: false, at };
      }
      const name = new Uint8Array(view.buffer, view.byteOffset + at + 3, length);
      const inoByte = at + entryBytes - numberBytes;
      this.entry(name, inoByte, addLink);
      const said = view.getUint16(at + 1);
      const text = nameText(name);
      if (shown) usage.say(`dir ${dir.ino} entry ${text} offset ${said} ${this.inoText(inoByte)}\n`);
      if (said < offset) usage.fail(`dir ${dir.ino} entry ${text} bad offset ${said}\n`);
      offset = said + entryBytes;
      at += entryBytes;
    }
    return { offset, whole: true, at };
  }

  private entry(name: Uint8Array, inoByte: number, addLink: (inode: number) => void): void {
    const { usage, dir } = this;
    const { inodes } = usage;
    const child = inodes.find(this.inoAt(inoByte), true);
    if (child === NO_INODE) {
      usage.fail(`dir ${dir.ino} entry ${nameText(name)} bad inode number ${this.inoText(inoByte)}\n`);
      return;
    }
    addLink(child);
    if (inodes.parent[child] === NO_INODE) inodes.parent[child] = dir.inode;
    if (usage.options.names) inodes.name(child, name);
  }
}
