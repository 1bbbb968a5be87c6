/**
 * One fork of an inode in memory: local bytes, or a list of extents, or that list with the root of a btree. It is
 * written back into the inode when a step of a transaction ends. Bytes of the fork that it does not use keep what
 * they held, as with the reference.
 */
import { FORK } from '../../format/inode.ts';
import type { TreeBlock } from '../btree/block.ts';
import { corrupt } from '../buffer.ts';
import type { Transaction } from '../transaction.ts';
import { BmapTree, type ForkName, readRoot, resizeRoot, type TreeOwner, writeRoot } from './bmbt.ts';
import { ExtentList, RECORD_BYTES, readExtent, writeExtent } from './extent.ts';

/** What a fork needs of its inode. */
export interface ForkHost {
  readonly tr: Transaction;
  readonly ino: number;
  /** Bytes of the fork, and where they are in the inode. */
  forkBytes(name: ForkName): Uint8Array;
  formatOf(name: ForkName): number;
  setFormat(name: ForkName, format: number): void;
  extentCount(name: ForkName): number;
  setExtentCount(name: ForkName, count: number): void;
  countBlocks(by: number): void;
  /** Bytes of local content. */
  localBytes(name: ForkName): number;
  changed(): void;
}

export class Fork implements TreeOwner {
  readonly tr: Transaction;
  readonly ino: number;
  readonly name: ForkName;
  private readonly host: ForkHost;
  private list: ExtentList | undefined;
  private content: Uint8Array | undefined;
  private tree: TreeBlock | undefined;
  private dirty = false;

  constructor(host: ForkHost, name: ForkName) {
    this.host = host;
    this.tr = host.tr;
    this.ino = host.ino;
    this.name = name;
    const bytes = host.forkBytes(name);
    if (this.format === FORK.LOCAL) this.content = bytes.slice(0, host.localBytes(name));
    else if (this.format === FORK.BTREE) {
      this.tree = readRoot(bytes);
      if (!this.tree) this.bad('btree root with level or count out of range');
    } else if (this.format === FORK.EXTENTS) this.list = this.readList(bytes);
  }

  get format(): number {
    return this.host.formatOf(this.name);
  }
  set format(format: number) {
    this.host.setFormat(this.name, format);
  }
  /** Bytes the inode gives this fork. */
  get bytes(): number {
    return this.host.forkBytes(this.name).length;
  }
  /** Extents that fit without a btree. */
  get mostExtents(): number {
    return Math.floor(this.bytes / RECORD_BYTES);
  }
  /** Local content; its length is what is used. */
  get local(): Uint8Array {
    return this.content ?? new Uint8Array(0);
  }
  set local(content: Uint8Array) {
    this.content = content;
    this.changed();
  }
  get root(): TreeBlock | undefined {
    return this.tree;
  }
  set root(root: TreeBlock | undefined) {
    this.tree = root;
  }
  /** Every extent; read from the tree when first asked for. */
  get extents(): ExtentList {
    this.list ??= this.format === FORK.BTREE ? this.readTree() : new ExtentList();
    return this.list;
  }

  countBlocks(by: number): void {
    this.host.countBlocks(by);
  }
  /** The fork is to be written. */
  changed(): void {
    this.dirty = true;
    this.host.changed();
  }
  /** The number of extents has changed. */
  recount(): void {
    this.host.setExtentCount(this.name, this.extents.length);
    this.changed();
  }
  /** The inode gives the fork another size: the root's capacity follows. */
  resized(): void {
    if (this.tree) this.tree = resizeRoot(this.tree, this.bytes);
  }
  /** Turns an empty or local fork into one with extents, of which there are none yet. */
  becomeExtents(): void {
    this.content = undefined;
    this.tree = undefined;
    this.list ??= new ExtentList();
    this.format = FORK.EXTENTS;
    this.changed();
  }
  /** Turns a fork without extents into one with local content. */
  becomeLocal(content: Uint8Array): void {
    this.list = undefined;
    this.tree = undefined;
    this.format = FORK.LOCAL;
    this.local = content;
  }

  flush(): void {
    if (!this.dirty) return;
    this.dirty = false;
    const bytes = this.host.forkBytes(this.name);
    switch (this.format) {
      case FORK.LOCAL:
        bytes.set(this.local);
        break;
      case FORK.EXTENTS: {
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        let at = 0;
        for (const extent of this.extents) {
          writeExtent(view, at, extent);
          at += RECORD_BYTES;
        }
        break;
      }
      case FORK.BTREE:
        writeRoot(this.tree!, bytes);
        break;
    }
  }

  private readList(bytes: Uint8Array): ExtentList {
    const count = this.host.extentCount(this.name);
    if (count * RECORD_BYTES > bytes.length) this.bad(`${count} extents in ${bytes.length} bytes`);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const list = new ExtentList();
    for (let i = 0; i < count; i++) this.take(list, view, i * RECORD_BYTES);
    return list;
  }

  /** Reads all leaves, left to right. */
  private readTree(): ExtentList {
    const tree = new BmapTree(this);
    const list = new ExtentList();
    const most = this.host.extentCount(this.name);
    let block = tree.root();
    for (let level = block.level; level > 0; level--) {
      block = tree.block(block.child(1));
      if (block.level !== level - 1) this.bad(`bmbt block at level ${block.level}, expected ${level - 1}`);
    }
    for (let pointer = block.pointer; pointer !== -1; pointer = block.sibling('right')) {
      block = tree.block(pointer);
      if (block.level !== 0 || block.numrecs === 0) this.bad('bmbt leaf without records, or no leaf');
      for (let slot = 1; slot <= block.numrecs; slot++) {
        if (list.length >= most) this.bad(`more than ${most} extents in its bmbt`);
        this.take(list, block.view, block.recordByte(slot));
      }
    }
    if (list.length !== most) this.bad(`${list.length} extents in its bmbt, the inode says ${most}`);
    return list;
  }

  private take(list: ExtentList, view: DataView, byte: number): void {
    const extent = readExtent(view, byte);
    const last = list.at(list.length - 1);
    if (last && last.fileoff + last.count > extent.fileoff) this.bad('extents out of order');
    if (extent.count === 0 || !this.isPlace(extent.fsbno, extent.count)) {
      this.bad(`extent at file offset ${extent.fileoff} maps fsbno ${extent.fsbno} + ${extent.count}`);
    }
    list.push(extent);
  }

  private isPlace(fsbno: number, count: number): boolean {
    return this.tr.fs.geometry.isFsbnoRange(fsbno, count);
  }

  private bad(what: string): never {
    corrupt('INODE_FORK', { ino: this.ino }, `inode ${this.ino} ${this.name} fork: ${what}`);
  }
}
