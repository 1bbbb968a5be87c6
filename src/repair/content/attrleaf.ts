/**
 * One leaf of attributes: entries by hash, names and values where the entries say, and a header that adds up. What
 * each block is by itself (magic, place, checksum) was verified before.
 */
import {
  ATTR_INCOMPLETE,
  ATTR_LEAF_HEADER,
  ATTR_LOCAL,
  ATTR_PARENT,
  attrEntryByte,
  attrNameBytes,
} from '../../format/attr.ts';
import { hashName, hashNameIgnoringCase } from '../../format/dahash.ts';
import { readCount64 } from '../../format/kinds.ts';
import { hex } from '../../format/problem.ts';
import { viewOf } from '../../format/struct.ts';
import {
  ATTR_NAMESPACES,
  attrFlagsFault,
  attrMeaning,
  attrNameFault,
  attrValueFault,
  PARENT_VALUE_BYTES,
  shownName,
} from '../../format/verifyattr.ts';
import type { AttrValues } from './attrvalues.ts';
import type { BlockReport } from './blockreport.ts';
import type { Contents } from './contents.ts';

const AT = ATTR_LEAF_HEADER.offset;
const HEADER_BYTES = ATTR_LEAF_HEADER.size;
const LOCAL_NAME = 3;
const REMOTE_NAME = 9;
const MAPS = 3;
/** Names start at multiples of this. */
const UNIT = 4;
/** A hostile leaf can have thousands of names of one hash; so many are held against each other. */
const MOST_ALIKE = 64;
/** Bytes by which free areas are wrong in images that kernels made. */
const FREEMAP_SLACK = 8;
const NAME = 1;
const FREE = 2;

export class AttrLeafCheck {
  /** Of the last leaf: the greatest hash, as its last name has it; -1 when that cannot be told. */
  greatest = -1;
  /** Entries of the last leaf. */
  count = 0;
  /** Set when some entry is incomplete, which explains blocks that nothing leads to. */
  incomplete = false;
  private readonly contents: Contents;
  private readonly report: BlockReport;
  private readonly values: AttrValues;
  private bytes: Uint8Array;
  private view: DataView;
  private row = 0;
  private readonly used: Uint8Array;
  private usedBytes = 0;
  /** Whether names of this leaf overlap, and how many of its entries are incomplete. */
  private overlaps = false;
  private pending = 0;
  private lowest = 0;
  /** Hash of the entry before; -1 when it was not the one of its name. */
  private hashBefore = 0;
  // The leaf before, for names of one hash that lie across two.
  private readonly previous: Uint8Array;
  private previousCount = 0;

  constructor(contents: Contents, report: BlockReport, values: AttrValues) {
    this.contents = contents;
    this.report = report;
    this.values = values;
    const { blocksize } = contents.context.geometry;
    this.bytes = new Uint8Array(blocksize);
    this.view = viewOf(this.bytes);
    this.previous = new Uint8Array(blocksize);
    this.used = new Uint8Array(blocksize / UNIT);
  }

  /** Begins the leaves of an inode. */
  begin(row: number): void {
    this.row = row;
    this.incomplete = false;
    this.hashBefore = 0;
    this.previousCount = 0;
  }

  /** The leaf after the one that was checked before; its header was verified. */
  check(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.count = this.view.getUint16(AT.count);
    this.greatest = -1;
    this.used.fill(0);
    this.usedBytes = 0;
    this.lowest = bytes.length;
    this.overlaps = false;
    this.pending = 0;
    const before = this.report.count;
    for (let i = 0; i < this.count; i++) this.entry(i);
    // A wrong length or place of a name makes the sums of the header wrong too.
    if (this.report.count === before + this.pending) this.checkHeader();
    this.previous.set(bytes);
    this.previousCount = this.count;
  }

  /** What is behind a leaf that could not be read has nothing to be compared with. */
  skip(): void {
    this.hashBefore = 0;
    this.previousCount = 0;
  }

  private entry(i: number): void {
    const { view, report, bytes } = this;
    const at = attrEntryByte(i);
    const flags = view.getUint8(at + 6);
    const fault = attrFlagsFault(flags, true, this.contents.context.geometry.features.parent);
    if (fault !== undefined)
      report.add('ATTR_ENTRY', `entries[${i}].flags`, `entries[${i}].flags ${hex(flags)}, expected ${fault}`);
    if (view.getUint8(at + 7) !== 0)
      report.add(
        'ATTR_ENTRY',
        `entries[${i}].pad2`,
        `entries[${i}].pad2 ${view.getUint8(at + 7)}, expected 0`,
      );
    const local = (flags & ATTR_LOCAL) !== 0;
    const nameidx = view.getUint16(at + 4);
    const fixed = local ? LOCAL_NAME : REMOTE_NAME;
    if (nameidx % UNIT !== 0 || nameidx + fixed > bytes.length || nameidx < attrEntryByte(this.count)) {
      this.badPlace(i, `entries[${i}].nameidx ${nameidx}, expected a multiple of ${UNIT} behind the entries`);
      return;
    }
    const namelen = view.getUint8(nameidx + fixed - 1);
    const valuelen = local ? view.getUint16(nameidx) : 0;
    const size = attrNameBytes(local, namelen, valuelen);
    if (nameidx + size > bytes.length) {
      this.badPlace(i, `nvlist[${i}] at ${nameidx} takes ${size} bytes, the block has ${bytes.length}`);
      return;
    }
    if (!this.claim(nameidx, size)) {
      // One name that is too long lies over many: which is to blame cannot be told.
      if (!this.overlaps) this.badPlace(i, `nvlist[${i}] at ${nameidx} overlaps another name or value`);
      else this.losePlace();
      this.overlaps = true;
      return;
    }
    this.usedBytes += size;
    this.lowest = Math.min(this.lowest, nameidx);
    this.nameOf(i, flags, nameidx, nameidx + fixed, namelen, valuelen);
  }

  private badPlace(i: number, text: string): void {
    this.report.add('ATTR_ENTRY', `entries[${i}].nameidx`, text);
    this.losePlace();
  }

  private losePlace(): void {
    this.greatest = -1;
    this.hashBefore = -1;
    this.contents.parents?.loseAttributes(this.row);
  }

  private claim(from: number, size: number): boolean {
    const first = from / UNIT;
    const end = first + size / UNIT;
    for (let u = first; u < end; u++) if (this.used[u] === NAME) return false;
    this.used.fill(NAME, first, end);
    return true;
  }

  private nameOf(
    i: number,
    flags: number,
    nameidx: number,
    name: number,
    namelen: number,
    valuelen: number,
  ): void {
    const { bytes, report } = this;
    const fault = attrNameFault(bytes, name, namelen, flags);
    const shown = () => shownName(bytes, name, namelen);
    if (fault !== undefined) {
      report.add('ATTR_ENTRY', `nvlist[${i}].name`, `nvlist[${i}].name ${shown()}, expected ${fault}`);
    }
    if ((flags & ATTR_INCOMPLETE) !== 0) {
      this.incomplete = true;
      this.pending++;
      report.add('ATTR_INCOMPLETE', `entries[${i}].incomplete`, `entries[${i}] ${shown()} is incomplete`);
    }
    if (fault !== undefined) this.losePlace();
    else {
      this.hashOf(i, flags, name, namelen, valuelen);
      this.findTwin(i, flags, name, namelen, valuelen);
    }
    const meaning = attrMeaning(bytes, name, namelen, flags);
    if ((flags & ATTR_LOCAL) === 0) {
      if ((flags & ATTR_PARENT) !== 0)
        report.add(
          'ATTR_VALUE',
          `nvlist[${i}].valuelen`,
          `nvlist[${i}] ${shown()}: a parent pointer's value is in the leaf`,
        );
      if ((flags & ATTR_INCOMPLETE) === 0)
        this.values.push(i, this.view.getUint32(nameidx), this.view.getUint32(nameidx + 4), meaning);
      return;
    }
    const value = bytes.subarray(name + namelen, name + namelen + valuelen);
    const wrong = meaning === 0 ? undefined : attrValueFault(meaning, value);
    if (wrong !== undefined)
      report.add('ATTR_VALUE', `nvlist[${i}].value`, `nvlist[${i}].value of ${shown()}, expected ${wrong}`);
    if ((flags & (ATTR_PARENT | ATTR_INCOMPLETE)) === ATTR_PARENT) this.parentOf(i, name, namelen, valuelen);
  }

  private parentOf(i: number, name: number, namelen: number, valuelen: number): void {
    const { parents } = this.contents;
    if (!parents) return;
    if (valuelen !== PARENT_VALUE_BYTES) {
      const text = `nvlist[${i}].valuelen ${valuelen}, a parent pointer has ${PARENT_VALUE_BYTES}`;
      this.report.add('ATTR_VALUE', `nvlist[${i}].valuelen`, text);
      parents.loseAttributes(this.row);
      return;
    }
    const value = name + namelen;
    const parent = readCount64(this.view, value);
    parents.attribute(this.row, parent, this.view.getUint32(value + 8), this.bytes, name, namelen);
  }

  private hashOf(i: number, flags: number, name: number, namelen: number, valuelen: number): void {
    const { view, report } = this;
    const stored = view.getUint32(attrEntryByte(i));
    const expected = this.expectedHash(flags, name, namelen, valuelen);
    this.greatest = expected;
    if (stored !== expected) {
      const text = `entries[${i}].hashval ${hex(stored)}, ${shownName(this.bytes, name, namelen)} has ${hex(expected)}`;
      report.add('ATTR_HASH', `entries[${i}].hashval`, text, { found: hex(stored), expected: hex(expected) });
      this.hashBefore = -1;
      return;
    }
    if (stored < this.hashBefore) {
      const text = `entries[${i}].hashval ${hex(stored)} comes after ${hex(this.hashBefore)}`;
      report.add('ATTR_HASH', `entries[${i}].hashval`, text);
    }
    this.hashBefore = stored;
  }

  private expectedHash(flags: number, name: number, namelen: number, valuelen: number): number {
    const text = this.bytes.subarray(name, name + namelen);
    if ((flags & ATTR_PARENT) === 0 || valuelen !== PARENT_VALUE_BYTES) return hashName(text);
    // A parent pointer's hash takes in the number of the parent, and is a directory's otherwise.
    const { asciiCi } = this.contents.context.geometry.features;
    const base = asciiCi ? hashNameIgnoringCase(text) : hashName(text);
    const value = name + namelen;
    return (base ^ this.view.getUint32(value) ^ this.view.getUint32(value + 4)) >>> 0;
  }

  /** Names of the same hash before this one, here and at the end of the leaf before. */
  private findTwin(i: number, flags: number, name: number, namelen: number, valuelen: number): void {
    if ((flags & ATTR_INCOMPLETE) !== 0) return;
    const { view, bytes } = this;
    const hash = view.getUint32(attrEntryByte(i));
    const length = (flags & ATTR_PARENT) !== 0 ? namelen + valuelen : namelen;
    const isTwin = (other: Uint8Array, j: number) =>
      isSame(other, j, hash, flags, namelen, bytes, name, length);
    let j = i - 1;
    for (; j >= 0 && i - j <= MOST_ALIKE; j--) {
      if (view.getUint32(attrEntryByte(j)) !== hash) return;
      if (isTwin(bytes, j)) {
        this.twin(i, name, namelen);
        return;
      }
    }
    if (j >= 0) return;
    const before = viewOf(this.previous);
    for (j = this.previousCount - 1; j >= 0 && this.previousCount - j <= MOST_ALIKE; j--) {
      if (before.getUint32(attrEntryByte(j)) !== hash) return;
      if (isTwin(this.previous, j)) {
        this.twin(i, name, namelen);
        return;
      }
    }
  }

  private twin(i: number, name: number, namelen: number): void {
    const text = `entries[${i}]: ${shownName(this.bytes, name, namelen)} exists twice`;
    this.report.add('ATTR_DUPLICATE', `entries[${i}]`, text);
  }

  private checkHeader(): void {
    const { view, report, bytes, lowest, usedBytes } = this;
    const expect = (field: string, found: number, expected: number) => {
      if (found !== expected)
        report.add('ATTR_HEADER', field, `${field} ${found}, expected ${expected}`, { found, expected });
    };
    expect('hdr.pad1', view.getUint8(AT.pad1), 0);
    expect('hdr.pad2', view.getUint32(HEADER_BYTES - 4), 0);
    expect('hdr.info.hdr.pad', view.getUint16(10), 0);
    const holes = view.getUint8(AT.holes);
    // What is moved to another leaf leaves firstused where it was, and sets holes.
    const firstused = view.getUint16(AT.firstused) || 65536;
    if (firstused > lowest || holes === 0) expect('hdr.firstused', firstused, lowest);
    const gaps = bytes.length - lowest !== usedBytes;
    const stored = view.getUint16(AT.usedbytes);
    if (stored !== usedBytes % 65536) expect('hdr.usedbytes', stored, usedBytes % 65536);
    else if (holes > 1) expect('hdr.holes', holes, 1);
    else if (holes === 0 && gaps) expect('hdr.holes', 0, 1);
    this.checkFreemap(holes, gaps);
  }

  private checkFreemap(holes: number, gaps: boolean): void {
    const { view, report, bytes, lowest } = this;
    const table = attrEntryByte(this.count);
    let free = 0;
    let overlaps = false;
    for (let m = 0; m < MAPS; m++) {
      const base = view.getUint16(AT.freemap + 4 * m);
      const size = view.getUint16(AT.freemap + 4 * m + 2);
      free += size;
      // Out of the block or not aligned: the verifier said so.
      if (size === 0 || base + size > bytes.length || base % UNIT !== 0 || size % UNIT !== 0) continue;
      // Kernels before 7.0 let an area that was used up grow into another when entries are removed.
      let twice = 0;
      let over = Math.max(0, Math.min(table, base + size) - base);
      for (let u = base / UNIT; u < (base + size) / UNIT; u++) {
        if (this.used[u] === FREE) twice += UNIT;
        else if (this.used[u] === NAME) over += UNIT;
        else this.used[u] = FREE;
      }
      if (over + twice === 0) continue;
      overlaps = true;
      const code = over <= FREEMAP_SLACK ? 'ATTR_FREEMAP' : 'ATTR_HEADER';
      report.add(
        code,
        `hdr.freemap[${m}]`,
        `hdr.freemap[${m}] ${base} + ${size} overlaps ${over + twice} bytes in use or free already`,
      );
    }
    const off = Math.abs(free - (lowest - table));
    if (holes !== 0 || gaps || overlaps || off === 0) return;
    const text = `hdr.freemap has ${free} bytes, ${lowest - table} are free and hdr.holes is 0`;
    report.add(off <= FREEMAP_SLACK ? 'ATTR_FREEMAP' : 'ATTR_HEADER', 'hdr.freemap', text, {
      found: free,
      expected: lowest - table,
    });
  }
}

/** Whether entry `j` of leaf `leaf` has these flags and, from its name on, these bytes. */
function isSame(
  leaf: Uint8Array,
  j: number,
  hash: number,
  flags: number,
  namelen: number,
  bytes: Uint8Array,
  name: number,
  length: number,
): boolean {
  const view = viewOf(leaf);
  const at = attrEntryByte(j);
  const theirs = view.getUint8(at + 6);
  const distinct = ATTR_NAMESPACES | ATTR_INCOMPLETE;
  if (view.getUint32(at) !== hash || (theirs & distinct) !== (flags & distinct)) return false;
  const start = view.getUint16(at + 4) + ((theirs & ATTR_LOCAL) !== 0 ? LOCAL_NAME : REMOTE_NAME);
  if (start + length > leaf.length || leaf[start - 1] !== namelen) return false;
  for (let k = 0; k < length; k++) if (leaf[start + k] !== bytes[name + k]) return false;
  return true;
}
