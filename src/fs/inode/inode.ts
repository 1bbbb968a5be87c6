/**
 * An inode within a transaction. The core is changed in place; the forks are kept in memory and written back when a
 * step ends. `changed` brings timestamps into the filesystem's form, as the reference does with any inode it logs.
 *
 * Invariants: nblocks counts the blocks of both forks with their btrees; the extent counts in the core are those of
 * the forks.
 */
import {
  attrExtents,
  attrForkBytes,
  DIFLAG,
  DIFLAG2,
  DINODE,
  dataExtents,
  dataForkBytes,
  FORK,
  INODE_CORE_BYTES,
  S_IFMT,
} from '../../format/inode.ts';
import type { Fields } from '../../format/struct.ts';
import { decodeTimestamp, encodeTimestamp } from '../../format/time.ts';
import { blockType, corrupt, type MetaBuffer } from '../buffer.ts';
import { noSpace } from '../nospace.ts';
import type { Flushable, Transaction } from '../transaction.ts';
import type { ForkName } from './bmbt.ts';
import { Fork, type ForkHost } from './fork.ts';

const TYPE = blockType('inode');
const TIMES = ['atime', 'mtime', 'ctime', 'crtime'] as const;
/** Greatest numbers of extents, by fork, without and with NREXT64. */
const MOST = {
  data: { small: 2 ** 31 - 1, large: 2 ** 48 - 1 },
  attr: { small: 2 ** 15 - 1, large: 2 ** 32 - 1 },
} as const;

export class Inode implements ForkHost, Flushable {
  readonly tr: Transaction;
  readonly ino: number;
  readonly core: Fields<typeof DINODE.rows>;
  private readonly buffer: MetaBuffer;
  private readonly forks: { data?: Fork; attr?: Fork } = {};
  /** Changed in this step; counted when it ends. */
  private logged = false;

  constructor(tr: Transaction, ino: number, buffer: MetaBuffer) {
    this.tr = tr;
    this.ino = ino;
    this.buffer = buffer;
    this.core = DINODE.over(buffer.bytes);
  }

  get data(): Fork {
    this.forks.data ??= new Fork(this, 'data');
    return this.forks.data;
  }
  /** The attribute fork; undefined when the inode has none. */
  get attr(): Fork | undefined {
    if (this.core.forkoff === 0) return undefined;
    this.forks.attr ??= new Fork(this, 'attr');
    return this.forks.attr;
  }
  fork(name: ForkName): Fork {
    const fork = name === 'data' ? this.data : this.attr;
    if (!fork) corrupt('INODE_FORK', { ino: this.ino }, `inode ${this.ino}: no attribute fork`);
    return fork;
  }

  get isReflinked(): boolean {
    return this.hasFlag2(DIFLAG2.REFLINK);
  }
  get isRealtime(): boolean {
    return (this.core.flags & (1 << DIFLAG.REALTIME)) !== 0;
  }
  get largeCounts(): boolean {
    return this.hasFlag2(DIFLAG2.NREXT64);
  }
  /** Type and permissions' type bits. */
  get type(): number {
    return this.core.mode & S_IFMT;
  }
  /** Bytes between the core and the end: both forks. */
  get literalBytes(): number {
    return this.buffer.bytes.length - INODE_CORE_BYTES;
  }

  /** Declares a change of core or forks. */
  changed(): void {
    if (this.logged) return;
    this.logged = true;
    this.tr.change(this.buffer);
    this.upgradeTimes();
  }
  /** Sets ctime (and mtime) to now. */
  touch(withMtime = false): void {
    this.changed();
    const now = encodeTimestamp(this.tr.fs.now(), this.hasFlag2(DIFLAG2.BIGTIME));
    this.core.ctime = now;
    if (withMtime) this.core.mtime = now;
  }
  /** Gives the inode an attribute fork at `forkoff` (bytes / 8), with extents, of which there are none. */
  addAttrFork(forkoff: number): void {
    this.changed();
    const data = this.data;
    this.core.forkoff = forkoff;
    this.core.aformat = FORK.EXTENTS;
    this.setExtentCount('attr', 0);
    delete this.forks.attr;
    if (data.format === FORK.BTREE && data.root!.numrecs <= rootRoom(data.bytes)) data.resized();
  }
  /** Moves the border between the forks. */
  moveForks(forkoff: number): void {
    if (forkoff === this.core.forkoff) return;
    this.changed();
    const attr = this.attr;
    const data = this.data;
    this.core.forkoff = forkoff;
    data.resized();
    attr?.resized();
    attr?.changed();
  }
  /** Takes the empty attribute fork away. */
  removeAttrFork(): void {
    this.changed();
    const data = this.data;
    this.core.forkoff = 0;
    this.core.aformat = FORK.EXTENTS;
    this.setExtentCount('attr', 0);
    delete this.forks.attr;
    data.resized();
  }

  flush(always: boolean): void {
    if (always) this.changed();
    if (!this.logged) return;
    this.logged = false;
    this.core.changecount++;
    this.forks.data?.flush();
    this.forks.attr?.flush();
    this.core.lsn = 0n;
  }

  // What forks ask of their host.
  forkBytes(name: ForkName): Uint8Array {
    const { view, bytes } = this.buffer;
    const data = dataForkBytes(view, 0, bytes.length);
    if (name === 'data') return bytes.subarray(INODE_CORE_BYTES, INODE_CORE_BYTES + data);
    const attr = attrForkBytes(view, 0, bytes.length);
    return bytes.subarray(bytes.length - attr);
  }
  formatOf(name: ForkName): number {
    return name === 'data' ? this.core.format : this.core.aformat;
  }
  setFormat(name: ForkName, format: number): void {
    this.changed();
    if (name === 'data') this.core.format = format;
    else this.core.aformat = format;
  }
  extentCount(name: ForkName): number {
    return name === 'data' ? dataExtents(this.buffer.view, 0) : attrExtents(this.buffer.view, 0);
  }
  setExtentCount(name: ForkName, count: number): void {
    this.changed();
    const most = MOST[name][this.largeCounts ? 'large' : 'small'];
    if (count > most) noSpace(`inode ${this.ino} cannot have more than ${most} extents in its ${name} fork`);
    if (this.largeCounts) {
      if (name === 'data') this.core.big_nextents = BigInt(count);
      else this.core.nextents = count;
    } else if (name === 'data') this.core.nextents = count;
    else this.core.anextents = count;
  }
  countBlocks(by: number): void {
    this.changed();
    this.core.nblocks += by;
  }
  localBytes(name: ForkName): number {
    const bytes = this.forkBytes(name);
    if (name === 'attr') {
      const used = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint16(0);
      if (used < 4 || used > bytes.length) {
        corrupt('INODE_FORK', { ino: this.ino }, `inode ${this.ino}: shortform attributes of ${used} bytes`);
      }
      return used;
    }
    const size = this.core.size;
    if (size < 0n || size > BigInt(bytes.length)) {
      corrupt('INODE_FORK', { ino: this.ino }, `inode ${this.ino}: ${size} bytes of local content`);
    }
    return Number(size);
  }

  private hasFlag2(bit: number): boolean {
    return (this.core.flags2 & (1n << BigInt(bit))) !== 0n;
  }

  private upgradeTimes(): void {
    if (!this.tr.fs.geometry.features.bigtime || this.hasFlag2(DIFLAG2.BIGTIME)) return;
    for (const name of TIMES) {
      this.core[name] = encodeTimestamp(decodeTimestamp(this.core[name], false), true);
    }
    this.core.flags2 |= 1n << BigInt(DIFLAG2.BIGTIME);
  }
}

function rootRoom(forkBytes: number): number {
  return Math.floor((forkBytes - 4) / 16);
}

/** The inode `ino`, which must be in use. Throws CorruptionError when it is not, or is broken. */
export function readInode(tr: Transaction, ino: number): Inode {
  const known = tr.inodes.get(ino);
  if (known) return known as Inode;
  const inode = readAnyInode(tr, ino);
  if (inode.core.mode === 0) corrupt('INODE_LOST', { ino }, `inode ${ino} is free`);
  tr.inodes.set(ino, inode);
  return inode;
}

/** As `readInode`, but a free inode is returned too, and is not kept. */
export function readAnyInode(tr: Transaction, ino: number): Inode {
  const { geometry } = tr.fs;
  const agno = geometry.inoAgno(ino);
  const agbno = geometry.aginoAgbno(geometry.inoAgino(ino));
  if (!(ino >= 0) || !geometry.isAgbno(agno, agbno) || agbno < geometry.headerBlocks) {
    corrupt('INODE_LOST', { ino }, `inode ${ino} cannot be: it lies outside of the filesystem`);
  }
  const piece = { offset: geometry.inoByte(ino), length: geometry.inodesize };
  return new Inode(tr, ino, tr.read(TYPE, { agno, agbno, ino }, [piece]));
}
