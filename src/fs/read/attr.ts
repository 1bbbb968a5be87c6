/**
 * Extended attributes of an inode, whatever their form: shortform in the inode, or the leaves among the blocks of
 * the attribute fork; nodes only index these and are not read. A remote value is put together when it is asked for.
 *
 * Untrusted: entries must lie inside their leaf, values are at most 64 KiB. Half-written attributes are left out.
 */
import {
  ATTR_INCOMPLETE,
  ATTR_LEAF_HEADER,
  ATTR_LEAF_MAGIC,
  ATTR_LOCAL,
  ATTR_PARENT,
  ATTR_REMOTE_HEADER,
  ATTR_REMOTE_MAGIC,
  ATTR_ROOT,
  ATTR_SECURE,
  attrEntryByte,
  SFATTR_HEADER,
} from '../../format/attr.ts';
import { FORK } from '../../format/inode.ts';
import { viewOf } from '../../format/struct.ts';
import { blockAt, forkExtents, forkOf } from './extent.ts';
import type { Inode } from './inode.ts';
import { ignore, type Report, tryRead, type Volume } from './volume.ts';

export type Namespace = 'user' | 'trusted' | 'security' | 'parent';

export interface Attribute {
  /** Without the prefix of its namespace. */
  readonly name: Uint8Array;
  readonly namespace: Namespace;
  readonly valueBytes: number;
  /** The value; undefined where a remote one cannot be read whole. */
  value(): Uint8Array | undefined;
}

const MAX_VALUE = 65536;

export function namespaceOf(flags: number): Namespace {
  if (flags & ATTR_PARENT) return 'parent';
  if (flags & ATTR_ROOT) return 'trusted';
  return flags & ATTR_SECURE ? 'security' : 'user';
}

/** Attributes in disk order. */
export function* walkAttrs(volume: Volume, inode: Inode, report: Report = ignore): Generator<Attribute> {
  const fork = forkOf(inode, 'attr', volume.geometry);
  if (!fork) return;
  if (fork.format === FORK.LOCAL) {
    yield* shortAttrs(inode, fork.start, fork.bytes, report);
    return;
  }
  const { geometry, device } = volume;
  for (const extent of forkExtents(volume, inode, 'attr', 0, report)) {
    for (let i = 0; i < extent.blocks; i++) {
      const block = tryRead(device, geometry.fsbnoByte(extent.fsbno + i), geometry.blocksize);
      if (!block) report(`inode ${inode.ino}: attribute block ${extent.fileoff + i} cannot be read`);
      else if (isLeaf(block)) yield* leafAttrs(volume, inode, block, extent.fileoff + i, report);
    }
  }
}

function isLeaf(block: Uint8Array): boolean {
  const view = viewOf(block);
  return view.getUint16(8) === ATTR_LEAF_MAGIC && view.getUint32(0) !== ATTR_REMOTE_MAGIC;
}

function* shortAttrs(inode: Inode, start: number, forkBytes: number, report: Report): Generator<Attribute> {
  const { view, bytes } = inode;
  if (forkBytes < SFATTR_HEADER.size) return;
  const end = start + Math.min(forkBytes, view.getUint16(start));
  const count = view.getUint8(start + 2);
  let at = start + SFATTR_HEADER.size;
  for (let i = 0; i < count; i++) {
    const nameLength = at + 3 <= end ? view.getUint8(at) : 0;
    const valueBytes = nameLength === 0 ? 0 : view.getUint8(at + 1);
    const name = at + 3;
    if (nameLength === 0 || name + nameLength + valueBytes > end) {
      report(`inode ${inode.ino}: attribute ${i} of ${count} leaves the inode`);
      return;
    }
    const value = bytes.subarray(name + nameLength, name + nameLength + valueBytes);
    const flags = view.getUint8(at + 2);
    at = name + nameLength + valueBytes;
    if (flags & ATTR_INCOMPLETE) continue;
    yield {
      name: bytes.subarray(name, name + nameLength),
      namespace: namespaceOf(flags),
      valueBytes,
      value: () => value,
    };
  }
}

function* leafAttrs(
  volume: Volume,
  inode: Inode,
  block: Uint8Array,
  fileoff: number,
  report: Report,
): Generator<Attribute> {
  const view = viewOf(block);
  const room = Math.floor((block.length - ATTR_LEAF_HEADER.size) / 8);
  const count = Math.min(view.getUint16(ATTR_LEAF_HEADER.offset.count), room);
  for (let i = 0; i < count; i++) {
    const entry = attrEntryByte(i);
    const at = view.getUint16(entry + 4);
    const flags = view.getUint8(entry + 6);
    if (flags & ATTR_INCOMPLETE) continue;
    const attribute =
      flags & ATTR_LOCAL ? localAttr(block, at, flags) : remoteAttr(volume, inode, block, at, flags);
    if (attribute) yield attribute;
    else report(`inode ${inode.ino}: attribute ${i} of leaf ${fileoff} leaves its block`);
  }
}

function localAttr(block: Uint8Array, at: number, flags: number): Attribute | undefined {
  if (at + 3 > block.length) return undefined;
  const view = viewOf(block);
  const valueBytes = view.getUint16(at);
  const start = at + 3;
  const middle = start + view.getUint8(at + 2);
  if (middle === start || middle + valueBytes > block.length) return undefined;
  return {
    name: block.subarray(start, middle),
    namespace: namespaceOf(flags),
    valueBytes,
    value: () => block.subarray(middle, middle + valueBytes),
  };
}

function remoteAttr(
  volume: Volume,
  inode: Inode,
  block: Uint8Array,
  at: number,
  flags: number,
): Attribute | undefined {
  if (at + 9 > block.length) return undefined;
  const view = viewOf(block);
  const fileoff = view.getUint32(at);
  const valueBytes = view.getUint32(at + 4);
  const end = at + 9 + view.getUint8(at + 8);
  if (end === at + 9 || end > block.length || valueBytes > MAX_VALUE) return undefined;
  return {
    name: block.subarray(at + 9, end),
    namespace: namespaceOf(flags),
    valueBytes,
    value: () => remoteValue(volume, inode, fileoff, valueBytes),
  };
}

/** Value of `length` bytes from block `fileoff` of the attribute fork on. */
function remoteValue(volume: Volume, inode: Inode, fileoff: number, length: number): Uint8Array | undefined {
  const { geometry, device } = volume;
  const value = new Uint8Array(length);
  const header = ATTR_REMOTE_HEADER.size;
  for (let done = 0, i = 0; done < length; i++) {
    const extent = blockAt(volume, inode, 'attr', fileoff + i);
    const block = extent && tryRead(device, geometry.fsbnoByte(extent.at), geometry.blocksize);
    if (!block) return undefined;
    const fields = ATTR_REMOTE_HEADER.over(block);
    const bytes = Math.min(length - done, block.length - header);
    if (fields.magic !== ATTR_REMOTE_MAGIC || fields.offset !== done || fields.bytes !== bytes)
      return undefined;
    value.set(block.subarray(header, header + bytes), done);
    done += bytes;
  }
  return value;
}
