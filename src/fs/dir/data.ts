/**
 * The data part of a directory block: entries and free areas one after another, and in the header the three longest
 * free areas, longest first. Ties keep the order in which they came to be, as with the reference, and the table is
 * made anew only where a change could have left something longer out.
 */
import { DIR_DATA_START, DIR_FREE_TAG, dirEntryBytes } from '../../format/dir.ts';
import { readCount64, writeCount64 } from '../../format/kinds.ts';
import { corrupt, type MetaBuffer } from '../buffer.ts';

const BEST = 48;
const BESTS = 3;
/** Fields of an entry. */
const NAMELEN = 8;
const NAME = 9;

export interface DirEntry {
  readonly ino: number;
  readonly name: Uint8Array;
  /** File type; 0 where directories do not keep it. */
  readonly type: number;
}

export class DirData {
  readonly buffer: MetaBuffer;
  private readonly view: DataView;
  private readonly ftype: boolean;
  /** Byte behind the last entry or free area. */
  end: number;

  constructor(buffer: MetaBuffer, ftype: boolean, end = buffer.bytes.length) {
    this.buffer = buffer;
    this.view = buffer.view;
    this.ftype = ftype;
    this.end = end;
  }

  /** Makes the whole of it one free area. */
  clear(): void {
    this.buffer.bytes.fill(0, BEST, DIR_DATA_START);
    const length = this.end - DIR_DATA_START;
    this.view.setUint16(BEST, DIR_DATA_START);
    this.view.setUint16(BEST + 2, length);
    this.writeFree(DIR_DATA_START, length);
  }

  /** Walks all areas; throws CorruptionError where they do not add up. */
  check(ino: number): void {
    let at = DIR_DATA_START;
    while (at < this.end) {
      const length = this.areaBytes(at);
      if (length < 8 || length % 8 !== 0 || at + length > this.end) break;
      if (this.view.getUint16(at + length - 2) !== at) break;
      at += length;
    }
    if (at !== this.end) {
      const { agno, agbno } = this.buffer.place;
      const text = `directory ${ino}, block ${agbno} of AG ${agno}: no sound entry at byte ${at}`;
      corrupt('INODE_FORK', { ino, agno, agbno }, text);
    }
  }

  /** Entries with their places. */
  *entries(): Generator<{ at: number; entry: DirEntry }> {
    for (let at = DIR_DATA_START; at < this.end; at += this.areaBytes(at)) {
      if (!this.isFree(at)) yield { at, entry: this.entry(at) };
    }
  }

  isFree(at: number): boolean {
    return this.view.getUint16(at) === DIR_FREE_TAG;
  }
  areaBytes(at: number): number {
    return this.isFree(at)
      ? this.view.getUint16(at + 2)
      : dirEntryBytes(this.view.getUint8(at + NAMELEN), this.ftype);
  }
  entry(at: number): DirEntry {
    const length = this.view.getUint8(at + NAMELEN);
    const name = this.buffer.bytes.subarray(at + NAME, at + NAME + length);
    const type = this.ftype ? this.view.getUint8(at + NAME + length) : 0;
    return { ino: readCount64(this.view, at), name, type };
  }
  /** Whether an entry, not a free area, begins at `at`. */
  isEntry(at: number): boolean {
    return (
      at >= DIR_DATA_START && at + 16 <= this.end && !this.isFree(at) && at + this.areaBytes(at) <= this.end
    );
  }

  best(i: number): { at: number; length: number } {
    return { at: this.view.getUint16(BEST + 4 * i), length: this.view.getUint16(BEST + 4 * i + 2) };
  }
  /** Longest free area, bytes. */
  get longest(): number {
    return this.best(0).length;
  }
  get isEmpty(): boolean {
    return this.longest === this.buffer.bytes.length - DIR_DATA_START;
  }

  /** Free area that ends where the data ends, if there is one. */
  get lastFree(): { at: number; length: number } | undefined {
    const at = this.view.getUint16(this.end - 2);
    if (at < DIR_DATA_START || at + 8 > this.end || !this.isFree(at)) return undefined;
    const length = this.view.getUint16(at + 2);
    return at + length === this.end ? { at, length } : undefined;
  }

  /** Writes an entry over the start of the free area at `at`. */
  put(at: number, { ino, name, type }: DirEntry): void {
    const again = this.use(at, at, dirEntryBytes(name.length, this.ftype));
    this.write(at, { ino, name, type });
    if (again) this.rescan();
  }

  /** Writes an entry's bytes. */
  write(at: number, { ino, name, type }: DirEntry): void {
    const { view, buffer } = this;
    writeCount64(view, at, ino);
    view.setUint8(at + NAMELEN, name.length);
    buffer.bytes.set(name, at + NAME);
    if (this.ftype) view.setUint8(at + NAME + name.length, type);
    view.setUint16(at + dirEntryBytes(name.length, this.ftype) - 2, at);
  }

  /**
   * Takes `length` bytes from `from` on out of the free area at `area`. True: the table has to be made anew, once the
   * bytes are written.
   */
  use(area: number, from: number, length: number): boolean {
    const whole = this.view.getUint16(area + 2);
    const head = from - area;
    const tail = whole - head - length;
    const slot = this.findBest(area);
    if (head > 0) this.writeFree(area, head);
    if (tail > 0) this.writeFree(from + length, tail);
    if (slot < 0) return false;
    const full = this.best(2).length !== 0;
    if (head > 0 === tail > 0) {
      // Gone, or cut in two: with three in the table a fourth may be longer than what is left.
      if (full) return true;
      this.dropBest(slot);
      if (head > 0) {
        this.addBest(area, head);
        this.addBest(from + length, tail);
      }
      return false;
    }
    this.dropBest(slot);
    const placed = head > 0 ? this.addBest(area, head) : this.addBest(from + length, tail);
    return placed === BESTS - 1 || placed < 0;
  }

  /** Gives bytes back; they join the free areas beside them. */
  release(from: number, length: number): void {
    const { view } = this;
    const stop = from + length;
    const tag = from > DIR_DATA_START ? view.getUint16(from - 2) : 0;
    const before = tag >= DIR_DATA_START && tag < from && this.isFree(tag) ? tag : 0;
    const after = stop < this.end && this.isFree(stop) ? stop : 0;
    const start = before || from;
    const grown = (after ? after + view.getUint16(after + 2) : stop) - start;
    const slotBefore = before ? this.findBest(before) : -1;
    const slotAfter = after ? this.findBest(after) : -1;
    this.writeFree(start, grown);
    if (before && after) {
      if (this.best(2).length !== 0) {
        this.rescan();
        return;
      }
      this.dropBest(1);
      this.dropBest(0);
      this.addBest(start, grown);
      return;
    }
    const slot = before ? slotBefore : slotAfter;
    if (!before && !after) this.addBest(start, grown);
    else if (slot >= 0) {
      this.dropBest(slot);
      this.addBest(start, grown);
    } else if (grown > this.best(2).length) this.rescan();
  }

  private writeFree(at: number, length: number): void {
    this.view.setUint16(at, DIR_FREE_TAG);
    this.view.setUint16(at + 2, length);
    this.view.setUint16(at + length - 2, at);
  }

  private findBest(at: number): number {
    for (let i = 0; i < BESTS; i++) if (this.best(i).length > 0 && this.best(i).at === at) return i;
    return -1;
  }
  private dropBest(slot: number): void {
    const { bytes } = this.buffer;
    bytes.copyWithin(BEST + 4 * slot, BEST + 4 * (slot + 1), BEST + 4 * BESTS);
    bytes.fill(0, BEST + 4 * (BESTS - 1), BEST + 4 * BESTS);
  }
  /** Puts an area into the table; its slot, or -1 when three are at least as long. */
  private addBest(at: number, length: number): number {
    const { bytes } = this.buffer;
    for (let i = 0; i < BESTS; i++) {
      if (length <= this.best(i).length) continue;
      bytes.copyWithin(BEST + 4 * (i + 1), BEST + 4 * i, BEST + 4 * (BESTS - 1));
      this.view.setUint16(BEST + 4 * i, at);
      this.view.setUint16(BEST + 4 * i + 2, length);
      return i;
    }
    return -1;
  }
  /** Makes the table anew. */
  rescan(): void {
    this.buffer.bytes.fill(0, BEST, BEST + 4 * BESTS);
    for (let at = DIR_DATA_START; at < this.end; ) {
      const length = this.areaBytes(at);
      if (length < 8) return;
      if (this.isFree(at)) this.addBest(at, length);
      at += length;
    }
  }
}
