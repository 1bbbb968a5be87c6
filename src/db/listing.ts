/**
 * Entries of a directory with all that `ls` shows: the cookie, inode, type, hash and name, "." and ".." too; and
 * looking up one name. A shortform directory has no entries for those two and no cookies: they are where the
 * entries would be in a block.
 *
 * Two oddities of the reference are kept, as scripts compare its output: in a directory of several data blocks a
 * cookie is that of the place behind its entry, and a block behind a hole is listed again for each block of the
 * hole.
 */
import { crcIsGood } from '../format/checksum.ts';
import { hashName, hashNameIgnoringCase } from '../format/dahash.ts';
import {
  DIR_BLOCK_HEADER,
  DIR_BLOCK_MAGIC,
  DIR_DATA_MAGIC,
  DIR_DATA_START,
  DIR_FREE_TAG,
  DIR_LEAF_BYTE,
  dirAreaBytes,
  dirEntryBytes,
} from '../format/dir.ts';
import { DINODE, dataExtents, FORK, INODE_CORE_BYTES } from '../format/inode.ts';
import { readCount64 } from '../format/kinds.ts';
import { SFDIR_HEADER_BYTES } from '../format/sfdir.ts';
import { viewOf } from '../format/struct.ts';
import { blockDataEnd } from '../fs/read/dir.ts';
import { tryRead } from '../fs/read/volume.ts';
import { candidateAt } from './candidate.ts';
import { extentsFrom, mapRange } from './extents.ts';
import type { Filesystem } from './filesystem.ts';
import { CORRUPT, isIno } from './gate.ts';
import { dirForm } from './gateda.ts';

const BAD_CRC = 'Bad message';
export const IO_ERROR = 'Input/output error';
/** An error number that was not turned round: the text of C's strerror for it. */
const UNTURNED: Readonly<Record<string, string>> = {
  [CORRUPT]: 'Unknown error -117',
  [BAD_CRC]: 'Unknown error -74',
  [IO_ERROR]: 'Unknown error -5',
};

export interface Entry {
  readonly cookie: number;
  readonly ino: number;
  readonly ftype: number;
  readonly hash: number;
  readonly name: Uint8Array;
}

/** Entries, as far as they were read, and the system's text for what ended the listing. */
export interface Listing {
  readonly entries: readonly Entry[];
  readonly error?: string;
}

const FTYPE_DIRECTORY = 2;
const SLASH = 0x2f;
/** Names that stand for the directory itself and for its parent. */
const DOT = Uint8Array.of(0x2e);
const DOT_DOT = Uint8Array.of(0x2e, 0x2e);

/** Whether an entry may have that name. */
export function isNameGood(name: Uint8Array): boolean {
  return name.length < 256 && !name.includes(SLASH) && !name.includes(0);
}

function hasher({ geometry }: Filesystem): (name: Uint8Array) => number {
  return geometry.features.asciiCi ? hashNameIgnoringCase : hashName;
}

/** What is in directory `ino`, whose bytes are `inode`. */
export function listDirectory(filesystem: Filesystem, ino: number, inode: Uint8Array): Listing {
  const view = viewOf(inode);
  if (view.getUint8(DINODE.offset.format) === FORK.LOCAL) return listShort(filesystem, ino, inode);
  const { geometry } = filesystem;
  if (view.getUint8(DINODE.offset.format) === FORK.EXTENTS && dataExtents(view, 0) === 0)
    return { entries: [] };
  const perBlock = geometry.dirblocksize / geometry.blocksize;
  let last = 0;
  for (const extent of extentsFrom(filesystem, inode, 'data', 0)) last = extent.fileoff + extent.blocks;
  if (last !== perBlock) return listBlocks(filesystem, inode);
  if (view.getBigUint64(DINODE.offset.size) !== BigInt(geometry.dirblocksize)) {
    return { entries: [], error: CORRUPT };
  }
  const { bytes, error } = readDirBlock(filesystem, inode, 0, DIR_BLOCK_MAGIC);
  if (!bytes) return { entries: [], error: UNTURNED[error] ?? error };
  const entries: Entry[] = [];
  listBlock(filesystem, bytes, (entry, at) => entries.push({ ...entry, cookie: at / 8 }));
  return { entries };
}

function listShort(filesystem: Filesystem, ino: number, inode: Uint8Array): Listing {
  const hash = hasher(filesystem);
  const view = viewOf(inode);
  const ftypeBytes = filesystem.geometry.features.ftype ? 1 : 0;
  const start = INODE_CORE_BYTES;
  const inoBytes = view.getUint8(start + 1) === 0 ? 4 : 8;
  const number = (at: number) => (inoBytes === 8 ? readCount64(view, at) : view.getUint32(at));
  const entry = (cookie: number, name: Uint8Array, at: number, ftype: number): Entry => ({
    cookie,
    ino: at < 0 ? ino : number(at),
    ftype,
    hash: hash(name),
    name,
  });
  const entries = [
    entry(DIR_DATA_START / 8, DOT, -1, FTYPE_DIRECTORY),
    entry(DIR_DATA_START / 8 + 2, DOT_DOT, start + 2, FTYPE_DIRECTORY),
  ];
  let at = start + SFDIR_HEADER_BYTES - 4 + inoBytes;
  for (let i = 0; i < view.getUint8(start); i++) {
    const length = at < inode.length ? view.getUint8(at) : 0;
    const after = at + 3 + length;
    if (length === 0 || after + ftypeBytes + inoBytes > inode.length) return { entries, error: CORRUPT };
    const name = inode.slice(at + 3, after);
    const ftype = ftypeBytes ? view.getUint8(after) : 0;
    entries.push(entry(view.getUint16(at + 1) >>> 3, name, after + ftypeBytes, ftype));
    at = after + ftypeBytes + inoBytes;
  }
  return { entries };
}

const FTYPES = 9;
const LARGEST_SHORT_INO = 0xffffffff;

/** Whether a shortform directory is one that can be read in: what is left of it is not used otherwise. */
export function isShortSound(filesystem: Filesystem, ino: number, inode: Uint8Array): boolean {
  const view = viewOf(inode);
  const { geometry } = filesystem;
  const size = Number(view.getBigInt64(DINODE.offset.size));
  const { entries, error } = listShort(filesystem, ino, inode);
  const inoBytes = view.getUint8(INODE_CORE_BYTES + 1) === 0 ? 4 : 8;
  const each = 3 + inoBytes + (geometry.features.ftype ? 1 : 0);
  const named = entries.slice(2);
  let bytes = SFDIR_HEADER_BYTES - 4 + inoBytes;
  let offset = DIR_DATA_START + 2 * dirEntryBytes(2, geometry.features.ftype);
  let at = INODE_CORE_BYTES + bytes;
  for (const { name, ftype, ino: target } of named) {
    const own = view.getUint16(at + 1);
    if (own < offset || ftype >= FTYPES || !isIno(geometry, target)) return false;
    offset = own + dirEntryBytes(name.length, geometry.features.ftype);
    bytes += each + name.length;
    at += each + name.length;
  }
  const long = entries.slice(1).filter((entry) => entry.ino > LARGEST_SHORT_INO).length;
  const isWhole = error === undefined && bytes === size;
  return isWhole && isIno(geometry, entries[1]!.ino) && long === view.getUint8(INODE_CORE_BYTES + 1);
}

/** All data blocks, in file order. */
function listBlocks(filesystem: Filesystem, inode: Uint8Array): Listing {
  const { geometry } = filesystem;
  const perBlock = geometry.dirblocksize / geometry.blocksize;
  const leafStart = DIR_LEAF_BYTE / geometry.blocksize;
  const entries: Entry[] = [];
  let next = 0;
  for (const extent of extentsFrom(filesystem, inode, 'data', 0)) {
    const end = extent.fileoff + extent.blocks;
    // As many times as blocks of the hole before it, then once for itself.
    while (next < end && next < leafStart) {
      const fileoff = Math.max(next, extent.fileoff);
      if (fileoff >= leafStart) return { entries };
      const { bytes, error } = readDirBlock(filesystem, inode, fileoff, DIR_DATA_MAGIC);
      if (!bytes) return { entries, error: UNTURNED[error] ?? error };
      const base = (fileoff * geometry.blocksize) / 8;
      listBlock(filesystem, bytes, (entry, at, length) =>
        entries.push({ ...entry, cookie: (base + (at + length) / 8) >>> 0 }),
      );
      next += perBlock;
    }
  }
  return { entries };
}

type Found = Omit<Entry, 'cookie'>;

/** Calls for each entry of a verified block, with the byte it starts at and its length. */
function listBlock(
  filesystem: Filesystem,
  bytes: Uint8Array,
  each: (entry: Found, at: number, length: number) => void,
): void {
  const hash = hasher(filesystem);
  const { ftype } = filesystem.geometry.features;
  const view = viewOf(bytes);
  const end = view.getUint32(0) === DIR_BLOCK_MAGIC ? blockDataEnd(view) : bytes.length;
  for (let at = DIR_DATA_START; at < end; ) {
    const length = dirAreaBytes(view, at, end, ftype);
    if (length < 8 || at + length > end) return;
    if (view.getUint16(at) !== DIR_FREE_TAG) {
      const name = bytes.slice(at + 9, at + 9 + view.getUint8(at + 8));
      const type = ftype ? view.getUint8(at + 9 + name.length) : 0;
      each({ ino: readCount64(view, at), ftype: type, hash: hash(name), name }, at, length);
    }
    at += length;
  }
}

/** A directory block by its first block of the file, or what is wrong with it. */
function readDirBlock(
  filesystem: Filesystem,
  inode: Uint8Array,
  fileoff: number,
  magic: number,
): { bytes?: Uint8Array; error: string } {
  const { geometry } = filesystem;
  const count = geometry.dirblocksize / geometry.blocksize;
  const bytes = new Uint8Array(geometry.dirblocksize);
  let have = 0;
  let daddr = -1;
  const extents = mapRange(filesystem, inode, 'data', { from: fileoff, count, most: count });
  for (const { fsbno, blocks } of extents) {
    if (!geometry.isFsbnoRange(fsbno, blocks)) return { error: CORRUPT };
    if (daddr < 0) daddr = geometry.fsbnoDaddr(fsbno);
    const piece = tryRead(filesystem.device, geometry.fsbnoByte(fsbno), blocks * geometry.blocksize);
    if (!piece) return { error: IO_ERROR };
    bytes.set(piece, have * geometry.blocksize);
    have += blocks;
  }
  if (have !== count) return { error: CORRUPT };
  if (!crcIsGood(bytes, DIR_BLOCK_HEADER.offset.crc)) return { error: BAD_CRC };
  const view = viewOf(bytes);
  const form = view.getUint32(0) === magic ? dirForm(view) : undefined;
  const candidate = candidateAt(filesystem, { bytes, daddr, isMapped: extents.length > 1 });
  return form?.gate(candidate) ? { bytes, error: '' } : { error: CORRUPT };
}

/** Inode of an entry; undefined when there is none of that name. */
export function lookupEntry(
  filesystem: Filesystem,
  ino: number,
  inode: Uint8Array,
  name: Uint8Array,
): { ino?: number; error?: string } {
  const { entries, error } = listDirectory(filesystem, ino, inode);
  const hash = hasher(filesystem)(name);
  const isSame = filesystem.geometry.features.asciiCi
    ? (other: Uint8Array) => lower(other) === lower(name)
    : (other: Uint8Array) => Buffer.compare(other, name) === 0;
  const found = entries.find((entry) => entry.hash === hash && isSame(entry.name));
  if (found) return { ino: found.ino };
  if (error === undefined) return {};
  const turned = [BAD_CRC, IO_ERROR].find((text) => error === UNTURNED[text]);
  return { error: turned ?? CORRUPT };
}

function lower(name: Uint8Array): string {
  return Buffer.from(name)
    .toString('latin1')
    .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
