/**
 * An attribute as an operation sees it, and the sizes it takes: in a leaf a value is kept beside its name unless both
 * together take three quarters of a block; then it goes into blocks of its own.
 */
import { ATTR_PARENT, ATTR_REMOTE_HEADER, ATTR_ROOT, ATTR_SECURE, attrNameBytes } from '../../format/attr.ts';
import { hashName, hashParentPointer } from '../../format/dahash.ts';
import { viewOf } from '../../format/struct.ts';

export type AttrNamespace = 'user' | 'trusted' | 'secure';

export const NAMESPACE_FLAG: Readonly<Record<AttrNamespace, number>> = {
  user: 0,
  trusted: ATTR_ROOT,
  secure: ATTR_SECURE,
};

export const LONGEST_NAME = 255;
export const LONGEST_VALUE = 65536;
/** A name or value from this length on does not fit a shortform entry. */
export const SHORT_LIMIT = 256;
export const SHORT_ENTRY_BYTES = 3;

export interface AttrEntry {
  readonly name: Uint8Array;
  readonly value: Uint8Array;
  /** Namespace flags, as on disk. */
  readonly flags: number;
  readonly hash: number;
}

/** Bytes of a parent pointer's value: inode number and generation of the parent. */
export const PARENT_BYTES = 12;

export function attrEntry(name: Uint8Array, flags: number, value: Uint8Array = new Uint8Array(0)): AttrEntry {
  return { name, value, flags, hash: hashOf(name, flags, value) };
}

/** A child may have the same name in several parents: the parent counts in the hash. */
function hashOf(name: Uint8Array, flags: number, value: Uint8Array): number {
  if ((flags & ATTR_PARENT) === 0 || value.length !== PARENT_BYTES) return hashName(name);
  return hashParentPointer(name, Number(viewOf(value).getBigUint64(0)));
}

/** Whether attributes of one name and namespace are the same one: parent pointers are told apart by their parent. */
export function sameValueIfParent(entry: AttrEntry, value: () => Uint8Array): boolean {
  return (entry.flags & ATTR_PARENT) === 0 || sameBytes(entry.value, value());
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Bytes of a shortform entry. */
export function shortBytes(name: number, value: number): number {
  return SHORT_ENTRY_BYTES + name + value;
}

/** Whether a value is kept in the leaf. */
export function isLocalValue(entry: AttrEntry, blocksize: number): boolean {
  return attrNameBytes(true, entry.name.length, entry.value.length) < (blocksize >>> 1) + (blocksize >>> 2);
}

/** Bytes that an entry takes in a leaf besides its eight in the table. */
export function leafBytes(entry: AttrEntry, blocksize: number): number {
  return attrNameBytes(isLocalValue(entry, blocksize), entry.name.length, entry.value.length);
}

/** Bytes of a value in one block of its own. */
export function remoteRoom(blocksize: number): number {
  return blocksize - ATTR_REMOTE_HEADER.size;
}

/** Blocks of a remote value. */
export function remoteBlocks(valueBytes: number, blocksize: number): number {
  return Math.ceil(valueBytes / remoteRoom(blocksize));
}
