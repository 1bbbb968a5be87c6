/**
 * Shortform directories: header and entries in the data fork of the inode. The bytes are read again, whole chunks of
 * inodes at a time, since neighbours tend to be directories too.
 *
 * What contradicts itself (count, width of inode numbers, size) is told once, and the reading that fits is followed:
 * entries that can still be read count.
 */
import { DIR_BLOCK_TAIL, DIR_DATA_START, DIR_LEAF_ENTRY, dirEntryBytes } from '../../../format/dir.ts';
import { CHUNK_INODES } from '../../../format/geometry.ts';
import { DINODE, INODE_CORE_BYTES } from '../../../format/inode.ts';
import { readCount64 } from '../../../format/kinds.ts';
import type { Contents } from '../contents.ts';
import { hashEntry, nameFault, sameNames } from './name.ts';
import { type DirReport, nameText } from './report.ts';
import type { DirTargets } from './target.ts';

const FIRST_OFFSET = DIR_DATA_START + 32;
const NARROW = 2 ** 32;
const MOST_ENTRIES = 255;

/** How the bytes of a directory are to be read. */
interface Layout {
  readonly wide: boolean;
  readonly count: number;
  /** The entries end where the directory does. */
  readonly fits: boolean;
}

export class ShortDirectory {
  /** Inode that the last one read gives as its parent; -1: not known. */
  parent = -1;
  private readonly contents: Contents;
  private readonly report: DirReport;
  private readonly targets: DirTargets;
  private readonly chunk: Uint8Array;
  private readonly view: DataView;
  /** First inode of the chunk that is held. */
  private held = -1;
  private readonly typeBytes: number;
  private readonly hashes = new Uint32Array(MOST_ENTRIES);
  private readonly names = new Uint32Array(MOST_ENTRIES);
  // The directory being read: its row, where its fork begins, and its bytes.
  private row = 0;
  private start = 0;
  private size = 0;
  // Lowest offset that the next entry may have, and could have without the one before it.
  private lowest = 0;
  private lowestBefore = 0;
  private offsetTold = false;

  constructor(contents: Contents, report: DirReport, targets: DirTargets) {
    this.contents = contents;
    this.report = report;
    this.targets = targets;
    const { geometry } = contents.context;
    this.chunk = new Uint8Array(CHUNK_INODES * geometry.inodesize);
    this.view = new DataView(this.chunk.buffer);
    this.typeBytes = geometry.features.ftype ? 1 : 0;
  }

  /** Reads the directory of `size` bytes; false when names may be missing. */
  read(ino: number, row: number, size: number): boolean {
    this.parent = -1;
    const at = this.fetch(ino, row);
    if (at < 0) return false;
    this.row = row;
    this.start = at + INODE_CORE_BYTES;
    this.size = size;
    const { inodesize } = this.contents.context.geometry;
    const forkoff = this.view.getUint8(at + DINODE.offset.forkoff) * 8;
    const room = forkoff === 0 ? inodesize - INODE_CORE_BYTES : forkoff;
    if (size > room || room > inodesize - INODE_CORE_BYTES) return false;
    const layout = this.understand(room);
    this.parent = this.number(this.start + 2, layout.wide);
    return this.readEntries(layout, layout.fits ? size : room);
  }

  /** Byte of the inode in the buffer; negative when it cannot be read. */
  private fetch(ino: number, row: number): number {
    const { context, inodes } = this.contents;
    const { inodesize } = context.geometry;
    const index = row % CHUNK_INODES;
    const first = inodes.ino(row - index);
    if (first !== this.held) {
      this.held = -1;
      const byte = context.geometry.inoByte(first);
      const agno = context.geometry.inoAgno(ino);
      // The rest of a sparse chunk may lie behind the end of the device.
      const whole = byte + this.chunk.length <= context.device.size;
      if (whole && context.read(byte, this.chunk, `inodes ${first} + ${CHUNK_INODES}`, agno))
        this.held = first;
      else {
        const mine = this.chunk.subarray(index * inodesize, (index + 1) * inodesize);
        if (!context.read(byte + index * inodesize, mine, `inode ${ino}`, agno)) return -1;
      }
    }
    return index * inodesize;
  }

  /** Finds the reading that fits the size, and tells what contradicts it. */
  private understand(room: number): Layout {
    const { view, start, size, report } = this;
    const count = view.getUint8(start);
    const i8count = view.getUint8(start + 1);
    const wide = i8count !== 0;
    if (this.walk(wide, count, size) === size) return { wide, count, fits: true };
    if (this.walk(!wide, count, size) === size) {
      const text = `i8count ${i8count}, but inode numbers take ${wide ? 4 : 8} bytes`;
      report.inode('DIR_SHORT', 'u3.sfdir3.hdr.i8count', text, { found: i8count });
      return { wide: !wide, count, fits: true };
    }
    const fitting = this.countFitting(wide, size);
    if (fitting >= 0) {
      const text = `count ${count}, ${fitting} entries found`;
      report.inode('DIR_SHORT', 'u3.sfdir3.hdr.count', text, { found: count, expected: fitting });
      return { wide, count: fitting, fits: true };
    }
    const end = this.walk(wide, count, room);
    const text = `size ${size}, its ${count} entries ${end < 0 ? 'leave the inode' : `end at byte ${end}`}`;
    report.inode('DIR_SHORT', 'core.size', text, end < 0 ? { found: size } : { found: size, expected: end });
    return { wide, count, fits: false };
  }

  /** Where `count` entries end, counted from the start of the fork; -1 when that is beyond `limit`. */
  private walk(wide: boolean, count: number, limit: number): number {
    let at = wide ? 10 : 6;
    const fixed = 3 + this.typeBytes + (wide ? 8 : 4);
    for (let i = 0; i < count; i++) {
      if (at + fixed > limit) return -1;
      at += fixed + this.view.getUint8(this.start + at);
    }
    return at > limit ? -1 : at;
  }

  /** How many entries end exactly at `limit`; -1 when none do. */
  private countFitting(wide: boolean, limit: number): number {
    let at = wide ? 10 : 6;
    let count = 0;
    const fixed = 3 + this.typeBytes + (wide ? 8 : 4);
    while (at + fixed <= limit && count < MOST_ENTRIES) {
      const length = this.view.getUint8(this.start + at);
      if (length === 0) return -1;
      at += fixed + length;
      count++;
    }
    return at === limit ? count : -1;
  }

  /** Follows the entries; false when some could not be read. */
  private readEntries({ wide, count, fits }: Layout, limit: number): boolean {
    const { view, start, report } = this;
    let at = wide ? 10 : 6;
    let large = this.parent >= NARROW ? 1 : 0;
    this.lowest = FIRST_OFFSET;
    this.lowestBefore = FIRST_OFFSET;
    this.offsetTold = false;
    const faultsBefore = report.swallowed;
    // A reading that does not fit is a guess: the first entry that cannot be ends it.
    report.quiet = !fits;
    for (let i = 0; i < count; i++) {
      const length = at + 3 <= limit ? view.getUint8(start + at) : 0;
      const end = at + 3 + length + this.typeBytes + (wide ? 8 : 4);
      if (end > limit || at + 3 > limit) break;
      this.checkOffset(i, at, length);
      const ino = this.number(start + end - (wide ? 8 : 4), wide);
      if (ino >= NARROW) large++;
      this.entry(i, start + at + 3, length, ino);
      if (report.swallowed > faultsBefore) break;
      at = end;
    }
    report.quiet = false;
    if (!fits) return false;
    this.checkWidth(wide, large);
    if (!this.offsetTold) this.checkRoom(count, this.lowest);
    this.checkDuplicates(count);
    return true;
  }

  private checkWidth(wide: boolean, large: number): void {
    const i8count = this.view.getUint8(this.start + 1);
    // A width that the layout contradicts was told.
    if (!wide || i8count === 0 || i8count === large) return;
    const text = `i8count ${i8count}, ${large} inode numbers need 8 bytes`;
    this.report.inode('DIR_SHORT', 'u3.sfdir3.hdr.i8count', text, { found: i8count, expected: large });
  }

  /**
   * The offset that entry `i` would have in a block. The first that is wrong is told; that may be the one before, if
   * this one would do without it.
   */
  private checkOffset(i: number, at: number, length: number): void {
    const offset = this.view.getUint16(this.start + at + 1);
    const bytes = dirEntryBytes(length, this.typeBytes === 1);
    if ((offset >= this.lowest && offset % 8 === 0) || this.offsetTold) {
      this.lowestBefore = this.lowest + bytes;
      this.lowest = Math.max(offset, this.lowest) + bytes;
      return;
    }
    this.offsetTold = true;
    const before = i > 0 && offset % 8 === 0 && offset >= this.lowestBefore;
    const index = before ? i - 1 : i;
    const field = `u3.sfdir3.list[${index}].offset`;
    const text = before
      ? `entry ${index} has an offset beyond ${offset}, that of the next one`
      : `entry ${index} has offset ${offset}, expected at least ${this.lowest}`;
    this.report.inode('DIR_SHORT', field, text, { found: offset, expected: this.lowest });
    this.lowest = offset + bytes;
  }

  /** The entries would fit a block, with hashes for all of them, "." and "..". */
  private checkRoom(count: number, end: number): void {
    const { dirblocksize } = this.contents.context.geometry;
    const needed = end + (count + 2) * DIR_LEAF_ENTRY.size + DIR_BLOCK_TAIL.size;
    if (needed <= dirblocksize) return;
    const field = `u3.sfdir3.list[${count - 1}].offset`;
    const text = `its offsets need a block of ${needed} bytes, there are ${dirblocksize}`;
    this.report.inode('DIR_SHORT', field, text, { found: needed, expected: dirblocksize });
  }

  private number(at: number, wide: boolean): number {
    return wide ? readCount64(this.view, at) : this.view.getUint32(at);
  }

  /** Entry `i`, whose name is at `at`. */
  private entry(i: number, at: number, length: number, ino: number): void {
    const { chunk, report, contents, targets, row } = this;
    this.names[i] = at;
    this.hashes[i] = hashEntry(chunk, at, length, contents.context.geometry.features.asciiCi);
    const bad = nameFault(chunk, at, length);
    if (bad !== undefined) {
      const text = `entry ${i}, ${nameText(chunk, at, length)}: ${bad}`;
      report.inode('DIR_NAME', `u3.sfdir3.list[${i}].name`, text);
    }
    const type = this.typeBytes ? chunk[at + length]! : 0;
    const fault = targets.follow(row, ino, type, 0);
    if (fault) {
      const text = `entry ${i}, ${nameText(chunk, at, length)}: ${fault.text}`;
      report.inode(fault.code, `u3.sfdir3.list[${i}].${fault.field}`, text, fault);
    }
    if (contents.parents === undefined) return;
    const child = targets.rowOf(ino);
    if (child >= 0) contents.parents.entry(child, report.ino, chunk, at, length);
  }

  private checkDuplicates(count: number): void {
    const { hashes, names, chunk, report } = this;
    const { asciiCi } = this.contents.context.geometry.features;
    for (let i = 1; i < count; i++) {
      for (let j = 0; j < i; j++) {
        if (hashes[i] !== hashes[j]) continue;
        const one = names[i]!;
        const length = chunk[one - 3]!;
        const other = names[j]!;
        if (chunk[other - 3] !== length || !sameNames(chunk, one, chunk, other, length, asciiCi)) continue;
        const text = `entries ${j} and ${i} are both ${nameText(chunk, one, length)}`;
        report.inode('DIR_DUPLICATE', `u3.sfdir3.list[${i}].name`, text);
        break;
      }
    }
  }
}
