/**
 * Lengths of the longest free area of every data block: at the end of the leaf of a leaf form directory, or, in node
 * form, in the free index from 64 GiB on. Both ways: each length must be that of its block, and each block must have
 * one.
 */
import { DIR_FREE_HEADER, DIR_FREE_MAGIC } from '../../../format/dir.ts';
import type { Contents } from '../contents.ts';
import { BlockHeaders } from './header.ts';
import type { DirBlockPlace, DirReport } from './report.ts';
import { type EntrySlots, LOST_SLOT, UNKNOWN_BEST } from './slots.ts';

const AT = DIR_FREE_HEADER.offset;
const HEADER = DIR_FREE_HEADER.size;
const NO_BLOCK = 0xffff;
const LSN = 16;

/** Compares lists of lengths with the data blocks that were read. */
export class FreeLengths {
  private readonly report: DirReport;
  private readonly slots: EntrySlots;

  constructor(report: DirReport, slots: EntrySlots) {
    this.report = report;
    this.slots = slots;
  }

  /** `count` lengths from byte `at` on, the first of them of data block `first`; false when one is wrong. */
  compare(
    view: DataView,
    at: number,
    count: number,
    first: number,
    place: DirBlockPlace,
    name: string,
  ): boolean {
    const { slots } = this;
    let good = true;
    for (let i = 0; i < count; i++) {
      const found = view.getUint16(at + 2 * i);
      const block = slots.indexOf(first + i);
      if (block === LOST_SLOT) continue;
      const expected = block < 0 ? NO_BLOCK : slots.best[block]!;
      if (found === expected || expected === UNKNOWN_BEST) continue;
      good = false;
      const field = `${name}[${i}]`;
      const should =
        expected === NO_BLOCK ? 'which does not exist' : `whose longest free area is ${expected}`;
      const text = `${field} is ${found}, of data block ${first + i}, ${should}`;
      this.report.block('DIR_FREE', place, field, text, { found, expected });
    }
    return good;
  }
}

export class FreeIndex {
  private readonly contents: Contents;
  private readonly report: DirReport;
  private readonly slots: EntrySlots;
  private readonly lengths: FreeLengths;
  private readonly headers: BlockHeaders;
  /** Lengths that a block of the index has room for. */
  private readonly perBlock: number;
  /** Blocks of the index that were met, in units of directory blocks from its beginning. */
  private readonly met = new Set<number>();

  constructor(contents: Contents, report: DirReport, slots: EntrySlots, lengths: FreeLengths) {
    this.contents = contents;
    this.report = report;
    this.slots = slots;
    this.lengths = lengths;
    this.headers = new BlockHeaders(contents, report);
    this.perBlock = Math.floor((contents.context.geometry.dirblocksize - HEADER) / 2);
  }

  open(): void {
    this.met.clear();
  }

  /** Reads block `number` of the index, at `fileoff`; false when it cannot be used at all. */
  read(number: number, fileoff: number): boolean {
    const read = this.headers.read(fileoff, [DIR_FREE_MAGIC], 'free index');
    // Mapped is mapped: a block that is damaged is not missing.
    this.met.add(number);
    if (!read) return false;
    if (read.crcIsGood) this.judge(number, fileoff, read.view);
    return true;
  }

  private judge(number: number, fileoff: number, view: DataView): void {
    const { report, slots } = this;
    const place = { fileoff, fsbno: this.contents.blocks.fsbno };
    report.checkLsn(view, LSN, place);
    const first = number * this.perBlock;
    const firstdb = view.getInt32(AT.firstdb);
    if (firstdb !== first) {
      const text = `firstdb ${firstdb}, expected ${first}`;
      report.block('DIR_FREE', place, 'fhdr.firstdb', text, { found: firstdb, expected: first });
    }
    const needed = this.needed(first);
    const valid = view.getInt32(AT.nvalid);
    const known = !slots.partial && slots.lostBlocks === 0;
    if (
      valid < 0 ||
      valid > this.perBlock ||
      (valid < needed && known) ||
      !this.endsEmpty(view, needed, valid, known)
    ) {
      const text = `nvalid ${valid}, its last data block needs ${needed}`;
      report.block('DIR_FREE', place, 'fhdr.nvalid', text, { found: valid, expected: needed });
      return;
    }
    const good = this.lengths.compare(view, HEADER, valid, first, place, 'fbests');
    let used = 0;
    for (let i = 0; i < valid; i++) if (view.getUint16(HEADER + 2 * i) !== NO_BLOCK) used++;
    const said = view.getInt32(AT.nused);
    if (!good || said === used) return;
    const text = `nused ${said}, ${used} lengths are in use`;
    report.block('DIR_FREE', place, 'fhdr.nused', text, { found: said, expected: used });
  }

  /** Lengths that a block of the index needs, the first of which is that of data block `first`. */
  private needed(first: number): number {
    const { number, blocks } = this.slots;
    let low = 0;
    let high = blocks;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (number[middle]! < first + this.perBlock) low = middle + 1;
      else high = middle;
    }
    return low > 0 ? Math.max(0, number[low - 1]! - first + 1) : 0;
  }

  /** Lengths behind the last data block are those of none. */
  private endsEmpty(view: DataView, needed: number, valid: number, known: boolean): boolean {
    if (!known) return true;
    for (let i = needed; i < valid; i++) if (view.getUint16(HEADER + 2 * i) !== NO_BLOCK) return false;
    return true;
  }

  /** Tells which blocks of the index are missing; the index begins at `start`. */
  finish(start: number, fsblocks: number): void {
    const { slots, met } = this;
    for (let i = 0; i < slots.blocks; i++) {
      const number = Math.floor(slots.number[i]! / this.perBlock);
      if (met.has(number)) continue;
      met.add(number);
      const text = `block ${start + number * fsblocks} of the free index is not mapped, data block ${slots.number[i]} needs it`;
      this.report.inode('DIR_MAP', 'u3.bmx', text);
    }
  }
}
