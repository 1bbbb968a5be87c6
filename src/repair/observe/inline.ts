/**
 * What lies inside an inode besides extents: shortform attributes and the targets of short symlinks. Checked while
 * inodes are read, for a million of them at a time: flat offsets, and nothing made for what is sound.
 */
import { ATTR_PARENT, ATTR_ROOT } from '../../format/attr.ts';
import type { FindingCode } from '../../format/findings.ts';
import { readCount64 } from '../../format/kinds.ts';
import { hex } from '../../format/problem.ts';
import { SYMLINK_MAX } from '../../format/symlink.ts';
import {
  ATTR_MEANING,
  attrFlagsFault,
  attrMeaning,
  attrNameFault,
  attrValueFault,
  PARENT_VALUE_BYTES,
  shownName,
} from '../../format/verifyattr.ts';
import type { ParentRecords } from '../content/parentrecords.ts';
import type { Context } from './context.ts';

const HEADER_BYTES = 4;
const ENTRY_BYTES = 3;
/** Findings about the attributes of one inode. */
const MOST_FINDINGS = 4;

export class InlineReader {
  private readonly context: Context;
  private readonly parents: ParentRecords | undefined;
  private view: DataView = new DataView(new ArrayBuffer(0));
  private bytes: Uint8Array = new Uint8Array(0);
  /** Where the attributes of the inode end. */
  private end = 0;
  private ino = 0;
  private found = 0;

  constructor(context: Context, parents: ParentRecords | undefined) {
    this.context = context;
    this.parents = parents;
  }

  /**
   * Shortform attributes at `start`, in an attribute fork of `room` bytes; `row` is the inode's. Returns why they are
   * none at all, if that is so.
   */
  attributes(view: DataView, start: number, room: number, ino: number, row: number): string | undefined {
    const total = room >= HEADER_BYTES ? view.getUint16(start) : 0;
    if (total < HEADER_BYTES || total > room) {
      this.parents?.loseAttributes(row);
      return `attributes of ${total} bytes, the attribute fork has ${room}`;
    }
    this.begin(view, ino);
    const count = view.getUint8(start + 2);
    const pad = view.getUint8(start + 3);
    if (pad !== 0) this.report('ATTR_SHORT', 'a.sfattr.hdr.padding', `hdr.padding ${pad}, expected 0`);
    const end = start + total;
    this.end = end;
    let at = start + HEADER_BYTES;
    for (let i = 0; i < count; i++) {
      const next = at + ENTRY_BYTES <= end ? this.entry(start, at, i, row) : Number.POSITIVE_INFINITY;
      if (!(next <= end)) {
        const text = `list[${i}] leaves the ${total} bytes of the ${count} attributes`;
        this.report('ATTR_SHORT', `a.sfattr.list[${i}]`, text);
        this.parents?.loseAttributes(row);
        return undefined;
      }
      at = next;
    }
    if (at !== end) {
      const text = `hdr.totsize ${total}, the ${count} attributes take ${at - start}`;
      this.report('ATTR_SHORT', 'a.sfattr.hdr.totsize', text, total, at - start);
      this.parents?.loseAttributes(row);
    }
    return undefined;
  }

  /** Checks entry `i` and returns where it ends; that may be anywhere, and then nothing else was looked at. */
  private entry(start: number, at: number, i: number, row: number): number {
    const { bytes } = this;
    const namelen = bytes[at]!;
    const flags = bytes[at + 2]!;
    const name = at + ENTRY_BYTES;
    const end = name + namelen + bytes[at + 1]!;
    if (namelen === 0 || end > this.end) return Number.POSITIVE_INFINITY;
    const flagsFault = attrFlagsFault(flags, false, this.parents !== undefined);
    if (flagsFault !== undefined) {
      const text = `list[${i}].flags ${hex(flags)}, expected ${flagsFault}`;
      this.report('ATTR_ENTRY', `a.sfattr.list[${i}].flags`, text);
    }
    const nameFault = attrNameFault(bytes, name, namelen, flags);
    if (nameFault !== undefined) {
      const text = `list[${i}].name ${shownName(bytes, name, namelen)}, expected ${nameFault}`;
      this.report('ATTR_ENTRY', `a.sfattr.list[${i}].name`, text);
    }
    if (i > 0 && this.hasTwin(start + HEADER_BYTES, at)) {
      const text = `list[${i}]: ${shownName(bytes, name, namelen)} exists twice`;
      this.report('ATTR_DUPLICATE', `a.sfattr.list[${i}]`, text);
    }
    if ((flags & ATTR_PARENT) !== 0 && this.parents) this.parentOf(at, i, row);
    if ((flags & ATTR_ROOT) !== 0) this.valueOf(at, end, i);
    return end;
  }

  private valueOf(at: number, end: number, i: number): void {
    const { bytes } = this;
    const namelen = bytes[at]!;
    const name = at + ENTRY_BYTES;
    const meaning = attrMeaning(bytes, name, namelen, bytes[at + 2]!);
    if (meaning === ATTR_MEANING.NONE) return;
    const fault = attrValueFault(meaning, bytes.subarray(name + namelen, end));
    if (fault === undefined) return;
    const text = `list[${i}].value of ${shownName(bytes, name, namelen)}, expected ${fault}`;
    this.report('ATTR_VALUE', `a.sfattr.list[${i}].value`, text);
  }

  private parentOf(at: number, i: number, row: number): void {
    const { bytes, view } = this;
    const namelen = bytes[at]!;
    const valuelen = bytes[at + 1]!;
    const name = at + ENTRY_BYTES;
    if (valuelen !== PARENT_VALUE_BYTES) {
      const text = `list[${i}].valuelen ${valuelen}, a parent pointer has ${PARENT_VALUE_BYTES}`;
      this.report('ATTR_VALUE', `a.sfattr.list[${i}].valuelen`, text);
      this.parents!.loseAttributes(row);
      return;
    }
    const parent = readCount64(view, name + namelen);
    this.parents!.attribute(row, parent, view.getUint32(name + namelen + 8), bytes, name, namelen);
  }

  /** Whether one of the entries from `first` on has the name and namespace of the one at `at`. */
  private hasTwin(first: number, at: number): boolean {
    const { bytes } = this;
    const namelen = bytes[at]!;
    const flags = bytes[at + 2]!;
    // Parent pointers of one name differ in the directory that they lead to.
    const length = (flags & ATTR_PARENT) !== 0 ? namelen + bytes[at + 1]! : namelen;
    for (let other = first; other < at; other += ENTRY_BYTES + bytes[other]! + bytes[other + 1]!) {
      if (bytes[other] !== namelen || bytes[other + 2] !== flags) continue;
      let i = ENTRY_BYTES;
      while (i < ENTRY_BYTES + length && bytes[other + i] === bytes[at + i]) i++;
      if (i === ENTRY_BYTES + length) return true;
    }
    return false;
  }

  /** A symlink target of `size` bytes at `start`; that it fits the fork is known. */
  symlink(view: DataView, start: number, size: number, ino: number): void {
    this.begin(view, ino);
    // The core's verifier speaks of an empty one.
    if (size >= SYMLINK_MAX) {
      this.report('SYMLINK_TARGET', 'core.size', `core.size ${size}, expected at most ${SYMLINK_MAX - 1}`);
    }
    for (let i = 0; i < size; i++) {
      if (this.bytes[start + i] !== 0) continue;
      this.report('SYMLINK_TARGET', 'u3.symlink', `the target of ${size} bytes has a NUL at byte ${i}`);
      return;
    }
  }

  /** A target that is in blocks, though the inode has room for it. */
  shortTarget(size: number, room: number, ino: number): void {
    this.ino = ino;
    this.found = 0;
    const text = `a target of ${size} bytes is in blocks, the inode has ${room} bytes for it`;
    this.report('SYMLINK_FORMAT', 'core.format', text);
  }

  private begin(view: DataView, ino: number): void {
    if (this.view !== view) {
      this.view = view;
      this.bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    }
    this.ino = ino;
    this.found = 0;
  }

  private report(code: FindingCode, field: string, text: string, found?: number, expected?: number): void {
    if (++this.found > MOST_FINDINGS) return;
    const { context, ino } = this;
    const where = {
      agno: context.geometry.inoAgno(ino),
      ino,
      structure: code.startsWith('SYM') ? 'symlink' : 'attr',
      field,
    };
    const numbers = found === undefined || expected === undefined ? {} : { found, expected };
    const last = this.found === MOST_FINDINGS ? '; more of it is not listed' : '';
    context.sink.add(code, where, `inode ${ino}: ${text}${last}`, numbers);
  }
}
