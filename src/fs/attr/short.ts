/**
 * Shortform attributes: a header and entries one after another in the attribute fork of the inode, in the order they
 * were added. How much of the inode the fork gets is decided anew whenever they grow or shrink.
 */
import { SFATTR_HEADER } from '../../format/attr.ts';
import { maxRootKeys } from '../../format/btree.ts';
import { FORK, S_IFLNK } from '../../format/inode.ts';
import { corrupt } from '../buffer.ts';
import { RECORD_BYTES } from '../inode/extent.ts';
import type { Inode } from '../inode/inode.ts';
import {
  type AttrEntry,
  attrEntry,
  SHORT_ENTRY_BYTES,
  SHORT_LIMIT,
  sameBytes,
  sameValueIfParent,
  shortBytes,
} from './entry.ts';

const HEADER_BYTES = SFATTR_HEADER.size;
const COUNT = SFATTR_HEADER.offset.count;
/** Keys that a fork's btree root is always given room for. */
const LEAST_DATA_KEYS = 3;
const LEAST_ATTR_KEYS = 2;
const DEVICE_BYTES = 8;

/** Bytes of a btree root with room for `keys` keys. */
function rootBytes(keys: number): number {
  return 4 + keys * 16;
}

/** Start of the attribute fork, bytes after the core, where nothing tells better. */
export function defaultAttrOffset(inode: Inode): number {
  if (inode.core.format === FORK.DEV) return DEVICE_BYTES;
  return inode.literalBytes <= 256 - 176
    ? inode.literalBytes - rootBytes(LEAST_ATTR_KEYS)
    : rootBytes(6 * LEAST_ATTR_KEYS);
}

/** forkoff with which an attribute fork of `bytes` fits; 0: none does. */
export function fittingForkoff(inode: Inode, bytes: number): number {
  const { literalBytes, core } = inode;
  if (bytes > literalBytes) return 0;
  const offset = (literalBytes - bytes) >>> 3;
  if (core.format === FORK.DEV) return offset >= DEVICE_BYTES >>> 3 ? DEVICE_BYTES >>> 3 : 0;
  if (core.forkoff !== 0 && bytes <= literalBytes - core.forkoff * 8) return core.forkoff;
  let used: number;
  switch (core.format) {
    case FORK.EXTENTS:
      used = inode.data.extents.length * RECORD_BYTES;
      // Too many extents for the usual border: they will go into a btree.
      if (core.forkoff === 0 && used > defaultAttrOffset(inode)) used = rootBytes(LEAST_DATA_KEYS);
      break;
    case FORK.BTREE:
      if (core.forkoff !== 0) return offset < core.forkoff ? 0 : core.forkoff;
      used = rootBytes(inode.data.root!.numrecs);
      break;
    default:
      used = inode.data.local.length;
  }
  const least = Math.ceil(Math.max(used, rootBytes(LEAST_DATA_KEYS)) / 8);
  const most = (literalBytes - rootBytes(LEAST_ATTR_KEYS)) >>> 3;
  if (offset >= most) return most;
  return offset >= least ? offset : 0;
}

interface Place {
  readonly at: number;
  readonly bytes: number;
  readonly entry: AttrEntry;
}

/** The entries, in order. Throws CorruptionError for bytes that are none. */
export function shortEntries(inode: Inode): readonly Place[] {
  const bytes = inode.fork('attr').local;
  const list: Place[] = [];
  let at = HEADER_BYTES;
  const count = bytes.length < HEADER_BYTES ? 0 : bytes[COUNT]!;
  for (let i = 0; i < count; i++) {
    const name = at + SHORT_ENTRY_BYTES;
    const namelen = bytes[at] ?? 0;
    const value = name + namelen;
    const end = value + (bytes[at + 1] ?? 0);
    if (name > bytes.length || end > bytes.length || namelen === 0) bad(inode, `attribute ${i} leaves them`);
    const entry = attrEntry(bytes.subarray(name, value), bytes[at + 2]!, bytes.subarray(value, end));
    list.push({ at, bytes: end - at, entry });
    at = end;
  }
  if (at !== bytes.length) bad(inode, `${bytes.length} bytes, the entries take ${at}`);
  return list;
}

function bad(inode: Inode, what: string): never {
  corrupt('INODE_FORK', { ino: inode.ino }, `inode ${inode.ino}: shortform attributes: ${what}`);
}

export function findShort(inode: Inode, entry: AttrEntry): Place | undefined {
  return shortEntries(inode).find(
    (place) =>
      place.entry.flags === entry.flags &&
      sameBytes(place.entry.name, entry.name) &&
      sameValueIfParent(entry, () => place.entry.value),
  );
}

/** The fork holds shortform attributes, of which there are none yet. */
export function createShort(inode: Inode): void {
  const header = new Uint8Array(HEADER_BYTES);
  header[1] = HEADER_BYTES;
  inode.fork('attr').becomeLocal(header);
}

/** Appends an entry, with the border between the forks at `forkoff`. */
export function appendShort(inode: Inode, entry: AttrEntry, forkoff: number): void {
  inode.moveForks(forkoff);
  const fork = inode.fork('attr');
  const old = fork.local;
  const bytes = new Uint8Array(old.length + shortBytes(entry.name.length, entry.value.length));
  bytes.set(old);
  const at = old.length;
  bytes[at] = entry.name.length;
  bytes[at + 1] = entry.value.length;
  bytes[at + 2] = entry.flags;
  bytes.set(entry.name, at + SHORT_ENTRY_BYTES);
  bytes.set(entry.value, at + SHORT_ENTRY_BYTES + entry.name.length);
  bytes[COUNT] = bytes[COUNT]! + 1;
  setTotal(bytes);
  fork.local = bytes;
}

/** Adds an entry; false when it does not fit. */
export function addShort(inode: Inode, entry: AttrEntry): boolean {
  const { name, value } = entry;
  if (name.length >= SHORT_LIMIT || value.length >= SHORT_LIMIT) return false;
  const fork = inode.fork('attr');
  if (fork.local[COUNT] === 255) return false;
  const forkoff = fittingForkoff(inode, fork.local.length + shortBytes(name.length, value.length));
  if (forkoff === 0) return false;
  appendShort(inode, entry, forkoff);
  return true;
}

/**
 * Whether an inode may go without an attribute fork. A btree's root stays as it is; and a symlink whose target would
 * fit the whole inode, but lies in a block, is broken without one (xfs_db 6.1 breaks it).
 */
export function canLoseFork(inode: Inode): boolean {
  const { core } = inode;
  const outside = core.format !== FORK.LOCAL && inode.type === S_IFLNK;
  return core.format !== FORK.BTREE && !(outside && core.size <= BigInt(inode.literalBytes));
}

/** Takes an entry away, and with the last one the fork, unless another entry is about to follow. */
export function removeShort(inode: Inode, place: Place, keepFork: boolean): void {
  const fork = inode.fork('attr');
  const old = fork.local;
  const bytes = new Uint8Array(old.length - place.bytes);
  bytes.set(old.subarray(0, place.at));
  bytes.set(old.subarray(place.at + place.bytes), place.at);
  bytes[COUNT] = bytes[COUNT]! - 1;
  setTotal(bytes);
  if (bytes.length === HEADER_BYTES && canLoseFork(inode) && !keepFork) {
    inode.removeAttrFork();
    return;
  }
  fork.local = bytes;
  const forkoff = fittingForkoff(inode, bytes.length);
  if (forkoff === 0) bad(inode, 'they do not fit any more');
  inode.moveForks(forkoff);
}

function setTotal(bytes: Uint8Array): void {
  new DataView(bytes.buffer).setUint16(0, bytes.length);
}

/** Bytes of shortform attributes without an entry. */
export const EMPTY_SHORT_BYTES = HEADER_BYTES;

/** Whether a btree root of `keys` keys fits a fork of `bytes`. */
export function rootFits(keys: number, bytes: number): boolean {
  return keys <= maxRootKeys(bytes);
}
