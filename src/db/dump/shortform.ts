/**
 * What an inode holds itself, in its literal area: shortform directory, symlink target, shortform attributes, and
 * the space behind them. The block here is one whole inode.
 */
import { ATTR_PARENT, SFATTR_HEADER } from '../../format/attr.ts';
import { readCount64 } from '../../format/kinds.ts';
import type { DumpContext } from './context.ts';
import type { Scrub } from './scrub.ts';

export interface ForkArea {
  /** Bytes from the start of the inode. */
  readonly start: number;
  readonly end: number;
}

/** `size` is what the inode says. */
export function dumpShortDirectory(
  context: DumpContext,
  inode: Scrub,
  ino: number,
  area: ForkArea,
  size: number,
): void {
  const { view, bytes } = inode;
  if (size > area.end - area.start) context.doubt(() => `invalid size in dir inode ${ino}`);
  const end = Math.min(area.end, area.start + size);
  if (end - area.start < 6) return;
  const count = view.getUint8(area.start);
  const inoBytes = view.getUint8(area.start + 1) === 0 ? 4 : 8;
  const ftypeBytes = context.geometry.features.ftype ? 1 : 0;
  let at = area.start + 2 + inoBytes;
  for (let i = 0; i < count && at < end; i++) {
    const nameStart = at + 3;
    let nameEnd = nameStart + view.getUint8(at);
    if (nameEnd === nameStart || nameEnd + ftypeBytes + inoBytes > end) {
      context.doubt(() => `bad entry length in dir inode ${ino}`);
      // The last entry may still be recognized by where the directory ends.
      nameEnd = end - ftypeBytes - inoBytes;
      if (i !== count - 1 || nameEnd <= nameStart) return;
    }
    const number = nameEnd + ftypeBytes;
    if (context.options.obfuscate) {
      const child = inoBytes === 8 ? readCount64(view, number) : view.getUint32(number);
      inode.touch();
      changeEntry(context, bytes.subarray(nameStart, nameEnd), ino, child);
    }
    at = number + inoBytes;
  }
  if (context.options.clear) inode.clear(Math.max(at, end), area.end);
}

/** Replaces an entry's name; says so when that was not possible. */
export function changeEntry(context: DumpContext, name: Uint8Array, directory: number, ino: number): void {
  if (context.names.changeEntry(name, directory, ino)) return;
  context.listener.warn(`no other name found for inode ${ino} in dir inode ${directory}`);
}

export function dumpShortSymlink(
  context: DumpContext,
  inode: Scrub,
  ino: number,
  area: ForkArea,
  size: number,
): void {
  if (size > area.end - area.start) context.doubt(() => `invalid size (${size}) in symlink inode ${ino}`);
  const end = Math.min(area.end, area.start + size);
  if (context.options.obfuscate && end > area.start) {
    inode.touch();
    context.names.changePath(inode.bytes.subarray(area.start, end));
  }
  if (context.options.clear) inode.clear(end, area.end);
}

const LETTER_V = 0x76;

export function dumpShortAttributes(context: DumpContext, inode: Scrub, ino: number, area: ForkArea): void {
  const { view, bytes } = inode;
  if (area.end - area.start < SFATTR_HEADER.size) return;
  const count = view.getUint8(area.start + 2);
  if (count === 0) return;
  const total = view.getUint16(area.start);
  if (total > area.end - area.start) context.doubt(() => `invalid attr size in inode ${ino}`);
  const end = Math.min(area.end, area.start + total);
  let at = area.start + SFATTR_HEADER.size;
  for (let i = 0; i < count && at + 3 <= end; i++) {
    const name = at + 3;
    const value = name + view.getUint8(at);
    const next = value + view.getUint8(at + 1);
    if (value === name || next > end) {
      context.doubt(() => `bad attr entry length in inode ${ino}`);
      break;
    }
    if (context.options.obfuscate) {
      inode.touch();
      changeAttribute(
        context,
        ino,
        view.getUint8(at + 2),
        bytes.subarray(name, value),
        bytes.subarray(value, next),
      );
    }
    at = next;
  }
  if (context.options.clear) inode.clear(Math.max(at, end), area.end);
}

/** Replaces name and value of an attribute; of a parent pointer only the name, and like that of its entry. */
export function changeAttribute(
  context: DumpContext,
  ino: number,
  flags: number,
  name: Uint8Array,
  value: Uint8Array,
): void {
  if (flags & ATTR_PARENT) {
    if (value.length !== 12) return;
    const view = new DataView(value.buffer, value.byteOffset, value.length);
    context.names.changeParentPointer(name, readCount64(view, 0), ino);
    return;
  }
  if (!context.names.changeAttribute(name)) {
    context.listener.warn(`no other name found for an attribute of inode ${ino}`);
  }
  value.fill(LETTER_V);
}
