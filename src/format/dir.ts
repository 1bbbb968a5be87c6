/**
 * Directories, four forms.
 *  - shortform: in the inode's data fork. Header (count, i8count, parent), then entries; inode numbers take four
 *    bytes, or all of them eight when i8count is not zero. No "." and "..".
 *  - block (XDB3): one directory block: header, entries and free areas, leaf entries sorted by hash, tail.
 *  - leaf: data blocks (XDD3) from file offset 0, one leaf (3df1) at 32 GiB with the best free length of every
 *    data block at its end.
 *  - node: leaves (3dff) under da nodes (3ebe) at 32 GiB, free index blocks (XDF3) at 64 GiB.
 *
 * A data entry is inumber 8, namelen 1, name, ftype 1, zero or more pad, tag 2, rounded up to 8; a free area is
 * 0xffff, length, stale bytes, tag. A tag is the own offset in the block. bestfree holds the three longest free
 * areas, longest first. A leaf entry's address is the byte offset in the data space / 8; 0 is a stale entry.
 */
import { type DaPointer, daBlkinfo, daNodeEntry, daNodeHeader } from './dablock.ts';
import { char, count64, i32, le32, u8, u16, u32, u64, uuid } from './kinds.ts';
import { layout, type Row, row, type Scope, type Shape, struct } from './struct.ts';

export const DIR_BLOCK_MAGIC = 0x58444233;
export const DIR_DATA_MAGIC = 0x58444433;
export const DIR_FREE_MAGIC = 0x58444633;
export const DIR_LEAF1_MAGIC = 0x3df1;
export const DIR_LEAFN_MAGIC = 0x3dff;
export const DA_NODE_MAGIC = 0x3ebe;
/** First 16 bits of a free area; an inode number never starts so. */
export const DIR_FREE_TAG = 0xffff;
/** Bytes of file offset at which the leaf and the free index begin. */
export const DIR_LEAF_BYTE = 2 ** 35;
export const DIR_FREE_BYTE = 2 ** 36;
export const DIR_DATA_START = 64;

const inDir: DaPointer = { goto: 'inodata', unit: 'fileoff' };

export const DIR_BLOCK_HEADER = struct('dir3_blk_hdr', 48, 'Header of a directory block', [
  row('magic', u32, '"XDB3", "XDD3" or "XDF3"', { shown: 'hex' }),
  row('crc', le32, 'CRC32C of the directory block', { shown: 'crc' }),
  row('bno', u64, 'own daddr', { shown: 'null' }),
  row('lsn', u64, 'LSN of the last write', { shown: 'hex' }),
  row('uuid', uuid, 'metadata UUID'),
  row('owner', count64, 'inode of the directory', { shown: 'null' }),
]);

export const DIR_DATA_FREE = struct('dir3_data_free', 4, 'One of the longest free areas', [
  row('offset', u16, 'byte in the block, 0 = none', { shown: 'hex' }),
  row('length', u16, 'bytes', { shown: 'hex' }),
]);

export const DIR_DATA_HEADER = struct('dir3_data_hdr', 64, 'Header of a block or data block', [
  row('hdr', DIR_BLOCK_HEADER, 'common header'),
  row('bestfree', DIR_DATA_FREE, 'longest free areas, longest first', { count: 3 }),
  row('pad', u32, 'zero', { hidden: true, shown: 'hex' }),
]);

export const DIR_LEAF_ENTRY = struct('dir3_leaf_entry', 8, 'Name hash and where its entry is', [
  row('hashval', u32, 'hash of the name', { shown: 'hex' }),
  row('address', u32, 'byte offset in the data space / 8; 0 = stale', { shown: 'hex' }),
]);

export const DIR_BLOCK_TAIL = struct('dir3_block_tail', 8, 'End of a block form directory', [
  row('count', u32, 'leaf entries, stale ones included'),
  row('stale', u32, 'stale leaf entries'),
]);

export const DIR_LEAF_HEADER = struct('dir3_leaf_hdr', 64, 'Header of a leaf', [
  row('info', daBlkinfo('dir3_blkinfo', inDir), 'common header'),
  row('count', u16, 'entries, stale ones included'),
  row('stale', u16, 'stale entries'),
  row('pad', u32, 'zero', { hidden: true, shown: 'hex' }),
]);

export const DIR_LEAF_TAIL = struct('dir3_leaf_tail', 4, 'End of a single leaf', [
  row('bestcount', u32, 'data blocks that have a best length here'),
]);

export const DIR_FREE_HEADER = struct('dir3_free_hdr', 64, 'Header of a free index block', [
  row('hdr', DIR_BLOCK_HEADER, 'common header'),
  row('firstdb', i32, 'data block of the first entry', { shown: 'signed' }),
  row('nvalid', i32, 'entries', { shown: 'signed' }),
  row('nused', i32, 'entries that are not null', { shown: 'signed' }),
  row('pad', u32, 'zero', { hidden: true, shown: 'hex' }),
]);

export const DIR_NODE_HEADER = daNodeHeader('dir3_node_hdr', inDir);
export const DIR_NODE_ENTRY = daNodeEntry('dir3_node_entry', inDir);

/** Bytes of a data entry for a name of `namelen` bytes. */
export function dirEntryBytes(namelen: number, ftype: boolean): number {
  return (8 + 1 + namelen + (ftype ? 1 : 0) + 2 + 7) & ~7;
}

function isUnused(scope: Scope): boolean {
  return scope.bits >= 16 && scope.view.getUint16(scope.bit >>> 3) === DIR_FREE_TAG;
}

/** Bytes of the entry or free area at `byte`, as it says itself; 0 when it cannot say. Untrusted. */
export function dirAreaBytes(view: DataView, byte: number, end: number, ftype: boolean): number {
  if (byte + 8 > end) return 0;
  if (view.getUint16(byte) === DIR_FREE_TAG) return view.getUint16(byte + 2);
  if (byte + 16 > end) return 0;
  return dirEntryBytes(view.getUint8(byte + 8), ftype);
}

const areaBytes = (scope: Scope): number => {
  const byte = scope.bit >>> 3;
  return dirAreaBytes(scope.view, byte, byte + scope.bits / 8, scope.geometry.features.ftype);
};
const used = (scope: Scope) => !isUnused(scope);
const namelen = (scope: Scope) => scope.view.getUint8((scope.bit >>> 3) + 8);
const tagBit = (scope: Scope) => (areaBytes(scope) - 2) * 8;
const ftypeBytes = (scope: Scope) => (scope.geometry.features.ftype ? 1 : 0);

export const DIR_DATA_UNION = layout(
  'dir3_data_union',
  'Directory entry or free area',
  [
    row('freetag', u16, '0xffff', { when: isUnused, shown: 'hex', order: 0 }),
    row('length', u16, 'bytes of the free area', { when: isUnused, shown: 'hex', order: 2 }),
    row('stale', char, 'old bytes', {
      when: isUnused,
      count: (scope) => Math.max(0, areaBytes(scope) - 6),
      hidden: true,
      unnamed: true,
      unvalidated: true,
      order: 7,
    }),
    row('inumber', count64, 'inode', { when: used, goto: 'inode', unit: 'ino', shown: 'null', order: 1 }),
    row('namelen', u8, 'bytes of the name', { when: used, order: 3 }),
    row('name', char, 'name', { when: used, count: namelen, shown: 'text', order: 4 }),
    row('filetype', u8, 'file type', { when: (s) => used(s) && ftypeBytes(s) === 1, order: 5 }),
    // xfs_db lists a file type for free areas too: the first byte of their tag.
    row('filetype', u8, 'no meaning', { when: isUnused, at: tagBit, view: true, order: 5 }),
    row('pad', char, 'up to a multiple of 8', {
      when: used,
      count: (scope) => Math.max(0, areaBytes(scope) - 11 - ftypeBytes(scope) - namelen(scope)),
      hidden: true,
      unnamed: true,
      unvalidated: true,
      order: 8,
    }),
    row('tag', u16, 'own byte offset in the block', { at: tagBit, shown: 'hex', order: 6 }),
  ],
  (scope) => areaBytes(scope) * 8,
);

function magic32(scope: Scope): number {
  return scope.bits >= 32 ? scope.view.getUint32(scope.bit >>> 3) : 0;
}
function magic16(scope: Scope): number {
  return scope.bits >= 80 ? scope.view.getUint16((scope.bit >>> 3) + 8) : 0;
}
function u16At(scope: Scope, byte: number): number {
  return byte + 2 <= scope.bits / 8 ? scope.view.getUint16((scope.bit >>> 3) + byte) : 0;
}
function u32At(scope: Scope, byte: number): number {
  return byte >= 0 && byte + 4 <= scope.bits / 8 ? scope.view.getUint32((scope.bit >>> 3) + byte) : 0;
}

const isBlock = (scope: Scope) => magic32(scope) === DIR_BLOCK_MAGIC;
const isData = (scope: Scope) => magic32(scope) === DIR_DATA_MAGIC;
const isFree = (scope: Scope) => magic32(scope) === DIR_FREE_MAGIC;
// The 16-bit magics stand where a data block has its daddr, so the 32-bit ones go first.
const hasWideMagic = (scope: Scope) => isBlock(scope) || isData(scope) || isFree(scope);
const isLeaf1 = (scope: Scope) => !hasWideMagic(scope) && magic16(scope) === DIR_LEAF1_MAGIC;
const isLeaf = (scope: Scope) =>
  !hasWideMagic(scope) && (isLeaf1(scope) || magic16(scope) === DIR_LEAFN_MAGIC);
const isNode = (scope: Scope) => !hasWideMagic(scope) && magic16(scope) === DA_NODE_MAGIC;

const tailByte = (scope: Scope) => scope.bits / 8 - DIR_BLOCK_TAIL.size;
const blockLeafByte = (scope: Scope) => tailByte(scope) - u32At(scope, tailByte(scope)) * DIR_LEAF_ENTRY.size;
const leafTailByte = (scope: Scope) => scope.bits / 8 - DIR_LEAF_TAIL.size;

/** Entries and free areas between the header and `endByte` (relative to the block). */
function countAreas(scope: Scope, endByte: number): number {
  const base = scope.bit >>> 3;
  const end = Math.min(endByte, scope.bits / 8);
  let count = 0;
  for (let at = DIR_DATA_START; at < end; count++) {
    const size = dirAreaBytes(scope.view, base + at, base + scope.bits / 8, scope.geometry.features.ftype);
    if (size < 8) break;
    at += size;
  }
  return count;
}

const dataRows = (
  prefix: 'b' | 'd',
  when: (scope: Scope) => boolean,
  end: (scope: Scope) => number,
  order: number,
): Row =>
  row(`${prefix}u`, DIR_DATA_UNION, 'entries and free areas', {
    when,
    at: () => DIR_DATA_START * 8,
    count: (scope) => countAreas(scope, end(scope)),
    order,
  });

/** Any block of a directory, by its magic. The scope is one whole directory block. */
export const DIR3: Shape = layout('dir3', 'Block of a directory', [
  row('bhdr', DIR_DATA_HEADER, 'header of a block form directory', { when: isBlock, order: 0 }),
  row('btail', DIR_BLOCK_TAIL, 'tail', { when: isBlock, at: (s) => tailByte(s) * 8, order: 3 }),
  row('bleaf', DIR_LEAF_ENTRY, 'leaf entries, sorted by hash', {
    when: isBlock,
    at: (s) => blockLeafByte(s) * 8,
    count: (s) => u32At(s, tailByte(s)),
    order: 2,
  }),
  dataRows('b', isBlock, blockLeafByte, 1),
  row('dhdr', DIR_DATA_HEADER, 'header of a data block', { when: isData, at: () => 0, order: 4 }),
  dataRows('d', isData, (s) => s.bits / 8, 5),
  row('lhdr', DIR_LEAF_HEADER, 'header of a leaf', { when: isLeaf, at: () => 0, order: 6 }),
  row('lents', DIR_LEAF_ENTRY, 'entries, sorted by hash', {
    when: isLeaf,
    count: (s) => u16At(s, DIR_LEAF_HEADER.offset.count),
    order: 8,
  }),
  row('ltail', DIR_LEAF_TAIL, 'tail', { when: isLeaf1, at: (s) => leafTailByte(s) * 8, order: 9 }),
  row('lbests', u16, 'longest free area of each data block, 0xffff = no block', {
    when: isLeaf1,
    at: (s) => (leafTailByte(s) - 2 * u32At(s, leafTailByte(s))) * 8,
    count: (s) => u32At(s, leafTailByte(s)),
    shown: 'hex',
    order: 7,
  }),
  row('nhdr', DIR_NODE_HEADER, 'header of a node', { when: isNode, at: () => 0, order: 10 }),
  row('nbtree', DIR_NODE_ENTRY, 'children, by hash', {
    when: isNode,
    count: (s) => u16At(s, DIR_NODE_HEADER.offset.count),
    shown: 'tuple',
    order: 11,
  }),
  row('fhdr', DIR_FREE_HEADER, 'header of a free index block', { when: isFree, at: () => 0, order: 12 }),
  row('fbests', u16, 'longest free area of each data block, 0xffff = no block', {
    when: isFree,
    count: (s) => u32At(s, DIR_FREE_HEADER.offset.nvalid),
    shown: 'hexblank',
    order: 13,
  }),
]);
