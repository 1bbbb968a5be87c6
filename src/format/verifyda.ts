/**
 * Verifiers of what hangs below a fork: directory blocks, attribute blocks, remote values and symlinks. They look at
 * one block: is it the one it should be, and can its header be used to walk it.
 */
import {
  ATTR_LEAF_HEADER,
  ATTR_LEAF_MAGIC,
  ATTR_NODE_HEADER,
  ATTR_REMOTE_HEADER,
  ATTR_REMOTE_MAGIC,
  attrEntryByte,
} from './attr.ts';
import {
  DA_NODE_MAGIC,
  DIR_BLOCK_HEADER,
  DIR_BLOCK_MAGIC,
  DIR_BLOCK_TAIL,
  DIR_DATA_HEADER,
  DIR_DATA_MAGIC,
  DIR_FREE_HEADER,
  DIR_FREE_MAGIC,
  DIR_LEAF_ENTRY,
  DIR_LEAF_HEADER,
  DIR_LEAF_TAIL,
  DIR_LEAF1_MAGIC,
  DIR_LEAFN_MAGIC,
} from './dir.ts';
import type { Geometry } from './geometry.ts';
import { readCount64 } from './kinds.ts';
import { hex, type Problem, Problems } from './problem.ts';
import { viewOf } from './struct.ts';
import { SYMLINK_HEADER, SYMLINK_MAGIC, SYMLINK_MAX } from './symlink.ts';
import { needCrc, needUuid } from './verifyag.ts';

/** Deepest da btree. */
const MAX_DEPTH = 5;
const MAX_VALUE = 65536;
const NODE_ENTRY_BYTES = 8;

export interface ForkPlace {
  /** Where the block is, 512-byte units. */
  readonly daddr: number;
  /** The inode it belongs to; absent: any but 0. */
  readonly owner?: number;
}

interface Identity {
  readonly uuid: number;
  readonly bno: number;
  readonly owner: number;
  readonly crc: number;
}

/** Places in da_blkinfo: 12 bytes of links before them. */
const DA_IDENTITY: Identity = { crc: 12, bno: 16, uuid: 32, owner: 48 };

function needIdentity(
  problems: Problems,
  bytes: Uint8Array,
  view: DataView,
  at: Identity,
  geometry: Geometry,
  place: ForkPlace,
): void {
  needUuid(problems, view, at.uuid, geometry);
  const bno = readCount64(view, at.bno);
  if (bno !== place.daddr) problems.add('bno', bno, place.daddr);
  const owner = readCount64(view, at.owner);
  if (place.owner === undefined ? owner === 0 : owner !== place.owner) {
    problems.add('owner', owner, place.owner ?? 'an inode');
  }
  needCrc(problems, bytes, at.crc);
}

function needAscending(
  problems: Problems,
  view: DataView,
  first: number,
  count: number,
  field: string,
): void {
  let before = 0;
  for (let i = 0; i < count; i++) {
    const hash = view.getUint32(first + i * NODE_ENTRY_BYTES);
    if (hash < before) {
      problems.add(`${field}[${i}].hashval`, hex(hash), `at least ${hex(before)}`);
      return;
    }
    before = hash;
  }
}

/**
 * Verifies what says that a directory block is the one that its place demands: its magic, one of `magics`, and whose
 * block it is. The rest of it is not looked at.
 */
export function verifyDirIdentity(
  block: Uint8Array,
  view: DataView,
  geometry: Geometry,
  place: ForkPlace,
  magics: readonly number[],
): readonly Problem[] {
  const problems = new Problems();
  const wide = magics[0]! > 0xffff;
  const magic = wide ? view.getUint32(0) : view.getUint16(8);
  if (!magics.includes(magic)) problems.add('magic', hex(magic), magics.map(hex).join(' or '));
  needIdentity(problems, block, view, wide ? DIR_BLOCK_HEADER.offset : DA_IDENTITY, geometry, place);
  return problems.take();
}

/** Verifies a block of a directory. `block` is one whole directory block. */
export function verifyDirBlock(block: Uint8Array, geometry: Geometry, place: ForkPlace): readonly Problem[] {
  const problems = new Problems();
  const view = viewOf(block);
  const wide = view.getUint32(0);
  const narrow = view.getUint16(8);
  if (wide === DIR_BLOCK_MAGIC || wide === DIR_DATA_MAGIC) {
    needIdentity(problems, block, view, DIR_BLOCK_HEADER.offset, geometry, place);
    verifyDataHeader(problems, view, wide === DIR_BLOCK_MAGIC);
  } else if (wide === DIR_FREE_MAGIC) {
    needIdentity(problems, block, view, DIR_BLOCK_HEADER.offset, geometry, place);
    verifyFreeHeader(problems, view);
  } else if (narrow === DIR_LEAF1_MAGIC || narrow === DIR_LEAFN_MAGIC) {
    needIdentity(problems, block, view, DA_IDENTITY, geometry, place);
    verifyLeafHeader(problems, view, narrow === DIR_LEAF1_MAGIC);
  } else if (narrow === DA_NODE_MAGIC) {
    needIdentity(problems, block, view, DA_IDENTITY, geometry, place);
    verifyNodeHeader(problems, view, 'nbtree');
  } else {
    problems.stop('magic', hex(wide), 'a directory block');
  }
  return problems.take();
}

function verifyDataHeader(problems: Problems, view: DataView, isBlock: boolean): void {
  let before = 0xffff;
  for (let i = 0; i < 3; i++) {
    const at = DIR_DATA_HEADER.offset.bestfree + 4 * i;
    const offset = view.getUint16(at);
    const length = view.getUint16(at + 2);
    if (length === 0 && offset !== 0)
      problems.add(`bestfree[${i}].offset`, hex(offset), 'zero with no length');
    if (length > before) problems.add(`bestfree[${i}].length`, hex(length), `at most ${hex(before)}`);
    if (offset + length > view.byteLength)
      problems.add(`bestfree[${i}].length`, hex(length), 'inside the block');
    before = length;
  }
  if (!isBlock) return;
  const tail = view.byteLength - DIR_BLOCK_TAIL.size;
  const count = view.getUint32(tail);
  const stale = view.getUint32(tail + 4);
  const room = Math.floor((tail - DIR_DATA_HEADER.size) / DIR_LEAF_ENTRY.size);
  if (count > room) problems.stop('btail.count', count, `at most ${room}`);
  else needAscending(problems, view, tail - count * DIR_LEAF_ENTRY.size, count, 'bleaf');
  if (stale > count) problems.add('btail.stale', stale, `at most count ${count}`);
}

function verifyLeafHeader(problems: Problems, view: DataView, single: boolean): void {
  const count = view.getUint16(DIR_LEAF_HEADER.offset.count);
  const stale = view.getUint16(DIR_LEAF_HEADER.offset.stale);
  let end = view.byteLength;
  if (single) {
    const bests = view.getUint32(end - DIR_LEAF_TAIL.size);
    const room = (end - DIR_LEAF_TAIL.size - DIR_LEAF_HEADER.size) / 2;
    if (bests > room) {
      problems.stop('ltail.bestcount', bests, `at most ${room}`);
      return;
    }
    end -= DIR_LEAF_TAIL.size + 2 * bests;
  }
  const room = Math.floor((end - DIR_LEAF_HEADER.size) / DIR_LEAF_ENTRY.size);
  if (count > room) {
    problems.stop('lhdr.count', count, `at most ${room}`);
    return;
  }
  if (stale > count) problems.add('lhdr.stale', stale, `at most count ${count}`);
  needAscending(problems, view, DIR_LEAF_HEADER.size, count, 'lents');
  let seen = 0;
  for (let i = 0; i < count; i++) if (view.getUint32(DIR_LEAF_HEADER.size + 8 * i + 4) === 0) seen++;
  if (seen !== stale) problems.add('lhdr.stale', stale, seen);
}

function verifyFreeHeader(problems: Problems, view: DataView): void {
  const at = DIR_FREE_HEADER.offset;
  const most = Math.floor((view.byteLength - DIR_FREE_HEADER.size) / 2);
  const valid = view.getInt32(at.nvalid);
  const used = view.getInt32(at.nused);
  const first = view.getInt32(at.firstdb);
  if (valid < 0 || valid > most) problems.stop('fhdr.nvalid', valid, `0 to ${most}`);
  if (used < 0 || used > valid) problems.add('fhdr.nused', used, `0 to nvalid ${valid}`);
  if (first < 0 || first % most !== 0) problems.add('fhdr.firstdb', first, `a multiple of ${most}`);
}

function verifyNodeHeader(problems: Problems, view: DataView, field: string): void {
  const level = view.getUint16(ATTR_NODE_HEADER.offset.level);
  const count = view.getUint16(ATTR_NODE_HEADER.offset.count);
  const most = Math.floor((view.byteLength - ATTR_NODE_HEADER.size) / NODE_ENTRY_BYTES);
  if (level < 1 || level > MAX_DEPTH) problems.stop('level', level, `1 to ${MAX_DEPTH}`);
  if (count < 1 || count > most) problems.stop('count', count, `1 to ${most}`);
  else needAscending(problems, view, ATTR_NODE_HEADER.size, count, field);
}

/** Verifies a block of an attribute fork: leaf, node or part of a remote value. One filesystem block. */
export function verifyAttrBlock(block: Uint8Array, geometry: Geometry, place: ForkPlace): readonly Problem[] {
  const problems = new Problems();
  const view = viewOf(block);
  const narrow = view.getUint16(8);
  if (view.getUint32(0) === ATTR_REMOTE_MAGIC) {
    needIdentity(problems, block, view, ATTR_REMOTE_HEADER.offset, geometry, place);
    const bytes = view.getUint32(ATTR_REMOTE_HEADER.offset.bytes);
    const offset = view.getUint32(ATTR_REMOTE_HEADER.offset.offset);
    const room = view.byteLength - ATTR_REMOTE_HEADER.size;
    if (bytes > room) problems.stop('hdr.bytes', bytes, `at most ${room}`);
    if (offset + bytes > MAX_VALUE) problems.add('hdr.offset', offset, `with bytes at most ${MAX_VALUE}`);
  } else if (narrow === ATTR_LEAF_MAGIC) {
    needIdentity(problems, block, view, DA_IDENTITY, geometry, place);
    verifyAttrLeaf(problems, view);
  } else if (narrow === DA_NODE_MAGIC) {
    needIdentity(problems, block, view, DA_IDENTITY, geometry, place);
    verifyNodeHeader(problems, view, 'btree');
  } else {
    problems.stop('magic', hex(narrow), 'an attribute block');
  }
  return problems.take();
}

function verifyAttrLeaf(problems: Problems, view: DataView): void {
  const at = ATTR_LEAF_HEADER.offset;
  const size = view.byteLength;
  const count = view.getUint16(at.count);
  const stored = view.getUint16(at.firstused);
  const firstused = stored === 0 ? 65536 : stored;
  if (firstused > size || firstused < ATTR_LEAF_HEADER.size) {
    problems.stop('hdr.firstused', stored, `${ATTR_LEAF_HEADER.size} to ${size}`);
    return;
  }
  if (attrEntryByte(count) > firstused) {
    problems.stop('hdr.count', count, `entries below firstused ${firstused}`);
    return;
  }
  needAscending(problems, view, ATTR_LEAF_HEADER.size, count, 'entries');
  for (let i = 0; i < count; i++) {
    const nameidx = view.getUint16(attrEntryByte(i) + 4);
    if (nameidx < firstused || nameidx >= size) {
      problems.add(`entries[${i}].nameidx`, nameidx, `${firstused} to ${size - 1}`);
    }
  }
  for (let i = 0; i < 3; i++) {
    const base = view.getUint16(at.freemap + 4 * i);
    const length = view.getUint16(at.freemap + 4 * i + 2);
    if (base % 4 !== 0 || length % 4 !== 0 || base + length > size) {
      problems.add(`hdr.freemap[${i}]`, `${base} + ${length}`, 'in the block, multiples of 4');
    }
  }
}

/** Verifies one piece of a remote symlink; `piece` is the whole extent. */
export function verifySymlink(piece: Uint8Array, geometry: Geometry, place: ForkPlace): readonly Problem[] {
  const problems = new Problems();
  const view = viewOf(piece);
  const magic = view.getUint32(0);
  if (magic !== SYMLINK_MAGIC) {
    problems.stop('magic', hex(magic), hex(SYMLINK_MAGIC));
    return problems.take();
  }
  needIdentity(problems, piece, view, SYMLINK_HEADER.offset, geometry, place);
  const offset = view.getUint32(SYMLINK_HEADER.offset.offset);
  const bytes = view.getUint32(SYMLINK_HEADER.offset.bytes);
  const room = Math.min(SYMLINK_MAX - 1, piece.length - SYMLINK_HEADER.size);
  if (bytes > room) problems.stop('bytes', bytes, `at most ${room}`);
  if (offset + bytes >= SYMLINK_MAX) problems.add('offset', offset, `with bytes below ${SYMLINK_MAX}`);
  return problems.take();
}
