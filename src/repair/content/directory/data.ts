/**
 * Data blocks of a directory: their headers, areas and entries. Names are read here and nowhere else; what the hash
 * index says of them is held against the slots that are filled here.
 *
 * A block that is this directory's own and whose areas add up is believed, even with a wrong checksum; then that is
 * its one finding.
 */
import {
  DIR_BLOCK_HEADER,
  DIR_BLOCK_MAGIC,
  DIR_BLOCK_TAIL,
  DIR_DATA_MAGIC,
  DIR_DATA_START,
  DIR_FREE_TAG,
  DIR_LEAF_ENTRY,
} from '../../../format/dir.ts';
import { readCount64 } from '../../../format/kinds.ts';
import { KIND, NO_ROW } from '../../observe/inodetable.ts';
import type { Contents } from '../contents.ts';
import { DirAreas, describeArea } from './areas.ts';
import { BlockHeaders } from './header.ts';
import { hashEntry, NameScan, nameFault } from './name.ts';
import { type DirBlockPlace, type DirReport, nameText } from './report.ts';
import { type EntrySlots, SLOT, UNKNOWN_BEST } from './slots.ts';
import type { DirTargets } from './target.ts';

const TWO_32 = 2 ** 32;
const NAMELEN = 8;
const NAME = 9;
const DOT = 0x2e;
const TAIL = DIR_BLOCK_TAIL.size;
const HASH = DIR_LEAF_ENTRY.size;
/** Bytes of "." and "..". */
const DOT_BYTES = 16;

/** Where the hashes of a block form directory are. */
export interface BlockLeaf {
  readonly view: DataView;
  readonly place: DirBlockPlace;
  readonly first: number;
  readonly count: number;
  /** It was told that the block is damaged. */
  readonly damaged: boolean;
}

export class DirDataBlocks {
  /** Inode that ".." names; -1: not known. */
  dotdot = -1;
  /** All names were read. */
  complete = true;
  /** Of a block form directory: its hashes, where they can be read. */
  leaf: BlockLeaf | undefined;
  private readonly contents: Contents;
  private readonly report: DirReport;
  private readonly targets: DirTargets;
  private readonly slots: EntrySlots;
  private readonly headers: BlockHeaders;
  private readonly areas: DirAreas;
  private readonly scan = new NameScan();
  private readonly typeBytes: number;
  private readonly ignoresCase: boolean;
  private row = 0;
  /** Byte of what was told to be no entry; -1: none. */
  private ghost = -1;

  constructor(contents: Contents, report: DirReport, targets: DirTargets, slots: EntrySlots) {
    this.contents = contents;
    this.report = report;
    this.targets = targets;
    this.slots = slots;
    const { ftype, asciiCi } = contents.context.geometry.features;
    this.headers = new BlockHeaders(contents, report);
    this.areas = new DirAreas(ftype);
    this.typeBytes = ftype ? 1 : 0;
    this.ignoresCase = asciiCi;
  }

  open(row: number): void {
    this.row = row;
    this.dotdot = -1;
    this.complete = true;
    this.leaf = undefined;
  }

  /** Reads data block `number` (in directory blocks) at file offset `fileoff`. */
  read(number: number, fileoff: number, isBlock: boolean): void {
    const { report, slots } = this;
    const magic = isBlock ? DIR_BLOCK_MAGIC : DIR_DATA_MAGIC;
    const read = this.headers.read(fileoff, [magic], 'data');
    if (!read) {
      this.lose(number);
      return;
    }
    const { bytes, view, crcIsGood } = read;
    this.ghost = -1;
    const place = { fileoff, fsbno: this.contents.blocks.fsbno };
    const end = isBlock ? this.findLeaf(view, place, !crcIsGood) : bytes.length;
    // To the hashes of a block form directory the areas were followed already.
    const stop = this.leaf ? end : this.areas.walk(view, end);
    const from = slots.add(number, place.fsbno);
    // What else is wrong in a damaged block was told with the damage.
    report.quiet = !crcIsGood;
    const before = report.swallowed;
    if (stop === end) this.judgeAreas(view, place, number);
    else {
      const text = `${describeArea(view, stop, end)} does not lead on to byte ${end}`;
      report.quiet = false;
      report.block('DIR_BLOCK', place, areaField(isBlock), text, { found: stop, expected: end });
      report.quiet = !crcIsGood;
      this.complete = false;
      slots.state.fill(SLOT.UNKNOWN, from + stop / 8, from + slots.perBlock);
    }
    let at = DIR_DATA_START;
    if (number === 0) at = this.readDots(bytes, view, stop, place, from);
    this.readEntries(bytes, view, at, stop, place, from, crcIsGood ? SLOT.ENTRY : SLOT.TOLD);
    if (report.swallowed > before) this.complete = false;
    report.quiet = false;
    report.checkLsn(view, DIR_BLOCK_HEADER.offset.lsn, place);
  }

  private lose(number: number): void {
    this.slots.lose(number);
    this.complete = false;
  }

  /** Where the hashes of a block form directory begin: by the tail, or, where that is wrong, by the areas. */
  private findLeaf(view: DataView, place: DirBlockPlace, damaged: boolean): number {
    const tail = view.byteLength - TAIL;
    const count = view.getUint32(tail);
    const first = tail - count * HASH;
    const possible = first >= DIR_DATA_START;
    if (possible && this.areas.walk(view, first) === first) {
      this.leaf = { view, place, first, count, damaged };
      return first;
    }
    const found = this.areas.walk(view, tail);
    const entries = (tail - found) / HASH;
    if (Number.isInteger(entries) && entries > 0 && this.areHashes(view, found, tail)) {
      const numbers = { found: count, expected: entries };
      this.report.block('DIR_LEAF', place, 'btail.count', `count ${count}, ${entries} hashes found`, numbers);
      this.leaf = { view, place, first: found, count: entries, damaged };
      return found;
    }
    return possible ? first : tail;
  }

  /** Whether what lies between the last area and the tail are the hashes of the entries before. */
  private areHashes(view: DataView, from: number, to: number): boolean {
    let live = 0;
    let before = 0;
    for (let at = from; at < to; at += HASH) {
      const hash = view.getUint32(at);
      if (hash < before) return false;
      before = hash;
      if (view.getUint32(at + 4) !== 0) live++;
    }
    // The walk that found the place has counted up to it.
    this.areas.walk(view, from);
    return live === this.areas.entries;
  }

  private judgeAreas(view: DataView, place: DirBlockPlace, number: number): void {
    const { areas, report, slots } = this;
    slots.best[slots.indexOf(number)] = areas.longest;
    for (let i = 0; i < areas.wrongAt.length; i++) {
      const at = areas.wrongAt[i]!;
      const expected = areas.wrongEnd[i]! - at;
      const text = `${describeArea(view, at, view.byteLength)}, by its tag it is ${expected} bytes long`;
      const tagged = view.getUint16(at) === DIR_FREE_TAG;
      const isFree = areas.wrongFree[i];
      const field = tagged ? (isFree ? 'length' : 'inumber') : isFree ? 'freetag' : 'namelen';
      report.block('DIR_ENTRY', place, field, text, { expected });
    }
    if (areas.badTag >= 0) {
      const more = areas.badTags > 1 ? `, and ${areas.badTags - 1} more` : '';
      const text = `the tag of the area at byte ${areas.badTag} is not its place${more}`;
      report.block('DIR_ENTRY', place, 'tag', text, { expected: areas.badTag });
    }
    if (areas.adjacent >= 0) {
      const text = `free areas side by side at byte ${areas.adjacent}`;
      report.block('DIR_ENTRY', place, 'freetag', text, { found: areas.adjacent });
    }
    if (areas.notFree >= 0 && this.targets.rowOf(readCount64(view, areas.notFree)) === NO_ROW) {
      this.ghost = areas.notFree;
      // How long the areas are is not known then.
      slots.best[slots.indexOf(number)] = UNKNOWN_BEST;
      const text = `the area at byte ${this.ghost} is neither free, as bestfree says, nor the entry of an inode`;
      report.block('DIR_ENTRY', place, 'freetag', text, { found: this.ghost });
      return;
    }
    const wrong = areas.wrongBest(view);
    if (wrong >= 0) {
      const at = 48 + 4 * wrong;
      const found = `${view.getUint16(at + 2)} at ${view.getUint16(at)}`;
      const expected = areas.best[wrong]!;
      const text = `bestfree[${wrong}] is ${found}, the free area there should be of ${expected} bytes`;
      report.block('DIR_BESTFREE', place, `bestfree[${wrong}]`, text, { found, expected });
    }
  }

  /** The first two entries of a directory; returns where the others begin. */
  private readDots(
    bytes: Uint8Array,
    view: DataView,
    stop: number,
    place: DirBlockPlace,
    from: number,
  ): number {
    const { report } = this;
    let at = DIR_DATA_START;
    for (let dots = 1; dots <= 2; dots++, at += DOT_BYTES) {
      const name = '.'.repeat(dots);
      if (at + DOT_BYTES > stop) {
        if (stop >= bytes.length - TAIL) report.block('DIR_DOT', place, 'name', `no entry "${name}"`);
        return at;
      }
      const isFree = view.getUint16(at) === DIR_FREE_TAG;
      const length = bytes[at + NAMELEN]!;
      const told = this.areas.wrongAt.includes(at);
      const isDots =
        length === dots && bytes[at + NAME] === DOT && (dots === 1 || bytes[at + NAME + 1] === DOT);
      if (!told && (isFree || !isDots)) {
        const what = isFree ? 'a free area' : nameText(bytes, at + NAME, length);
        const text = `${what} stands where entry "${name}" should, at byte ${at}`;
        report.block('DIR_DOT', place, 'name', text);
        if (isFree || length > 4) return at;
      }
      const ino = readCount64(view, at);
      if (dots === 2) this.dotdot = ino;
      else if (ino !== report.ino && isDots) {
        const text = `"." is inode ${ino}`;
        report.block('DIR_DOT', place, 'inumber', text, { found: ino, expected: report.ino });
      }
      this.checkDotType(bytes, at, dots, place, isDots);
      this.fill(from + at / 8, bytes, at, isDots ? SLOT.ENTRY : SLOT.TOLD);
    }
    return at;
  }

  private checkDotType(
    bytes: Uint8Array,
    at: number,
    dots: number,
    place: DirBlockPlace,
    told: boolean,
  ): void {
    const type = bytes[at + NAME + dots]!;
    if (this.typeBytes === 0 || type === KIND.DIRECTORY || !told) return;
    const text = `file type of "${'.'.repeat(dots)}" is ${type}`;
    this.report.block('DIR_FTYPE', place, 'filetype', text, { found: type, expected: KIND.DIRECTORY });
  }

  private fill(slot: number, bytes: Uint8Array, at: number, state: number): void {
    const { slots } = this;
    slots.hash[slot] = hashEntry(bytes, at + NAME, bytes[at + NAMELEN]!, this.ignoresCase);
    slots.state[slot] = state;
    slots.entries++;
  }

  /** Entries from byte `at` to `end`, which the areas are known to fill. */
  private readEntries(
    bytes: Uint8Array,
    view: DataView,
    at: number,
    end: number,
    place: DirBlockPlace,
    from: number,
    state: number,
  ): void {
    const { typeBytes, ignoresCase, targets, row, slots, scan } = this;
    const { hash, state: states } = slots;
    const { parents } = this.contents;
    const { fileoff } = place;
    const overhead = NAME + typeBytes + 2 + 7;
    const { wrongAt } = this.areas;
    let wrong = 0;
    let entries = 0;
    while (wrong < wrongAt.length && wrongAt[wrong]! < at) wrong++;
    while (at < end) {
      const high = view.getUint32(at);
      if (at === wrongAt[wrong]) {
        at = this.skipWrong(wrong++, from + at / 8);
        continue;
      }
      if (high >>> 16 === DIR_FREE_TAG) {
        at += high & 0xffff;
        continue;
      }
      const length = bytes[at + NAMELEN]!;
      const name = at + NAME;
      const ino = high * TWO_32 + view.getUint32(at + 4);
      const slot = from + at / 8;
      if (at === this.ghost) {
        states[slot] = SLOT.UNKNOWN;
        at += (length + overhead) & ~7;
        continue;
      }
      scan.read(view, name, length);
      hash[slot] = ignoresCase ? hashEntry(bytes, name, length, true) : scan.hash;
      states[slot] = state;
      entries++;
      const type = typeBytes ? bytes[name + length]! : 0;
      const fault = targets.follow(row, ino, type, fileoff);
      const bad = scan.doubtful ? nameFault(bytes, name, length) : undefined;
      if (fault || bad !== undefined) {
        states[slot] = SLOT.TOLD;
        const text = `entry at byte ${at}, ${nameText(bytes, name, length)}: `;
        if (bad !== undefined) this.report.block('DIR_NAME', place, 'name', text + bad);
        if (fault) this.report.block(fault.code, place, fault.field, text + fault.text, fault);
      }
      if (parents) {
        const child = targets.rowOf(ino);
        if (child >= 0) parents.entry(child, this.report.ino, bytes, name, length);
      }
      at += (length + overhead) & ~7;
    }
    slots.entries += entries;
  }

  /** Passes over an area of wrong length; an entry there has a name that nobody knows. */
  private skipWrong(wrong: number, slot: number): number {
    const { wrongEnd, wrongFree } = this.areas;
    if (!wrongFree[wrong]) {
      this.slots.state[slot] = SLOT.UNKNOWN;
      this.complete = false;
    }
    return wrongEnd[wrong]!;
  }
}

function areaField(isBlock: boolean): string {
  return isBlock ? 'bu' : 'du';
}
