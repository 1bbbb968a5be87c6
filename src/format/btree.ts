/**
 * Btree blocks: one header form for the AG's trees (short: 32-bit pointers inside the AG) and one for trees
 * rooted in an inode (long: 64-bit fsbnos).
 *
 * A leaf (level 0) holds numrecs records after the header. A node holds keys from the header on and pointers
 * after room for the greatest possible number of keys. maxrecs = (blocksize - header) / entry; every block but
 * the root holds at least half. Siblings are null (all ones) at the ends of a level.
 */
import { bits, count64, i32, i64, le32, u8, u16, u32, u64, uuid } from './kinds.ts';
import { row, struct, type Unit } from './struct.ts';

export const SHORT_HEADER = struct('btree_short', 56, 'Header of a block of an AG btree', [
  row('magic', u32, 'tree magic', { shown: 'hex' }),
  row('level', u16, '0 = leaf'),
  row('numrecs', u16, 'records or keys'),
  row('leftsib', u32, 'left sibling, agbno', { shown: 'null' }),
  row('rightsib', u32, 'right sibling, agbno', { shown: 'null' }),
  row('bno', u64, 'own daddr', { shown: 'null' }),
  row('lsn', u64, 'LSN of the last write', { shown: 'hex' }),
  row('uuid', uuid, 'metadata UUID'),
  row('owner', u32, 'agno', { shown: 'null' }),
  row('crc', le32, 'CRC32C of the block', { shown: 'crc' }),
]);

export const LONG_HEADER = struct('btree_long', 72, 'Header of a block of an inode-rooted btree', [
  row('magic', u32, 'tree magic', { shown: 'hex' }),
  row('level', u16, '0 = leaf'),
  row('numrecs', u16, 'records or keys'),
  row('leftsib', count64, 'left sibling, fsbno', { shown: 'null' }),
  row('rightsib', count64, 'right sibling, fsbno', { shown: 'null' }),
  row('bno', u64, 'own daddr', { shown: 'null' }),
  row('lsn', u64, 'LSN of the last write', { shown: 'hex' }),
  row('uuid', uuid, 'metadata UUID'),
  row('owner', count64, 'inode', { shown: 'null' }),
  row('crc', le32, 'CRC32C of the block', { shown: 'crc' }),
  row('pad', u32, 'zero', { hidden: true, unnamed: true }),
]);

export const ALLOC_RECORD = struct('alloc_record', 8, 'Free extent; record and key of bnobt and cntbt', [
  row('startblock', u32, 'agbno', { goto: 'data', unit: 'agbno', shown: 'null' }),
  row('blockcount', u32, 'blocks'),
]);

export const CNTBT_KEY = struct('cntbt_key', 8, 'Key of the cntbt, which xfs_db lists by length', [
  row('startblock', u32, 'agbno', { goto: 'data', unit: 'agbno', shown: 'null', order: 1 }),
  row('blockcount', u32, 'blocks', { order: 0 }),
]);

export const INOBT_RECORD = struct('inobt_record', 16, 'Inode chunk, without sparse chunks', [
  row('startino', u32, 'agino of the first inode', { goto: 'inode', unit: 'agino', shown: 'null' }),
  row('freecount', i32, 'free inodes', { shown: 'signed' }),
  row('free', u64, 'bit i set: inode i is free', { shown: 'hex' }),
]);

export const INOBT_SPARSE_RECORD = struct('inobt_sparse_record', 16, 'Inode chunk, possibly sparse', [
  row('startino', u32, 'agino of the first inode', { goto: 'inode', unit: 'agino', shown: 'null' }),
  row('holemask', u16, 'bit j set: inodes 4j to 4j+3 do not exist', { shown: 'hex' }),
  row('count', u8, 'inodes that exist'),
  row('freecount', u8, 'free inodes'),
  row('free', u64, 'bit i set: inode i is free; set in holes', { shown: 'hex' }),
]);

export const INOBT_KEY = struct('inobt_key', 4, 'Key of inobt and finobt', [
  row('startino', u32, 'lowest agino below', { goto: 'inode', unit: 'agino', shown: 'null' }),
]);

/** rmap owners below zero: metadata. Any other owner is an inode number. */
export const OWNER = {
  NULL: -1,
  UNKNOWN: -2,
  FS: -3,
  LOG: -4,
  AG: -5,
  INOBT: -6,
  INODES: -7,
  REFC: -8,
  COW: -9,
} as const;

export const RMAP_RECORD = struct('rmap_record', 24, 'Who owns an extent', [
  row('startblock', u32, 'agbno', { goto: 'data', unit: 'agbno', shown: 'null', order: 0 }),
  row('blockcount', u32, 'blocks', { order: 1 }),
  row('owner', i64, 'inode, or negative: metadata', { shown: 'signed', order: 2 }),
  row('attrfork', bits(1), 'attribute fork', { order: 5 }),
  row('bmbtblock', bits(1), 'bmbt block of the fork', { order: 6 }),
  row('extentflag', bits(1), 'unwritten', { order: 4 }),
  row('reserved', bits(7), 'zero', { hidden: true, unnamed: true, order: 7 }),
  row('offset', bits(54), 'file offset, blocks', { order: 3 }),
]);

export const RMAP_KEY = struct('rmap_key', 20, 'Low or high key of an rmapbt child', [
  row('startblock', u32, 'agbno', { goto: 'data', unit: 'agbno', shown: 'null', order: 0 }),
  row('owner', i64, 'inode, or negative: metadata', { shown: 'signed', order: 1 }),
  row('attrfork', bits(1), 'attribute fork', { order: 4 }),
  row('bmbtblock', bits(1), 'bmbt block of the fork', { order: 5 }),
  row('extentflag', bits(1), 'unwritten; cleared in keys', { hidden: true, unnamed: true, order: 3 }),
  row('reserved', bits(7), 'zero', { hidden: true, unnamed: true, order: 6 }),
  row('offset', bits(54), 'file offset, blocks', { order: 2 }),
]);

/** Low and high key together, as a node stores them and xfs_db names them. */
export const RMAP_NODE_KEY = struct(
  'rmap_node_key',
  40,
  'Keys of an rmapbt child: lowest, and greatest below',
  [
    ...RMAP_KEY.rows,
    ...RMAP_KEY.rows.map((r) => ({ ...r, name: `${r.name}_hi`, order: (r.order ?? 0) + 10 })),
  ],
);

export const REFCOUNT_RECORD = struct(
  'refcount_record',
  12,
  'How many files share an extent, or CoW staging',
  [
    row('cowflag', bits(1), 'CoW staging extent', { order: 3 }),
    row('startblock', bits(31), 'agbno', { goto: 'data', unit: 'agbno', shown: 'null', order: 0 }),
    row('blockcount', u32, 'blocks', { order: 1 }),
    row('refcount', u32, 'owners; 1 for CoW staging', { order: 2 }),
  ],
);

export const REFCOUNT_KEY = struct('refcount_key', 4, 'Key of the refcountbt', [
  row('cowflag', bits(1), 'CoW staging extent', { order: 1 }),
  row('startblock', bits(31), 'agbno', { goto: 'data', unit: 'agbno', shown: 'null', order: 0 }),
]);

function bmbtRecord(name: string, goto: string, unit: Unit) {
  return struct(name, 16, 'One extent of a fork', [
    row('extentflag', bits(1), 'unwritten', { order: 3 }),
    row('startoff', bits(54), 'file offset, blocks', { goto, unit, order: 0 }),
    row('startblock', bits(52), 'fsbno', { goto, unit: 'fsbno', order: 1 }),
    row('blockcount', bits(21), 'blocks', { order: 2 }),
  ]);
}

function bmbtKey(name: string, goto: string, unit: Unit) {
  return struct(name, 8, 'Key of a bmbt child', [
    row('startoff', count64, 'lowest file offset below, blocks', { goto, unit }),
  ]);
}

export const BMBT_RECORD = bmbtRecord('bmbt_record', 'inodata', 'fileoff');
export const BMBT_ATTR_RECORD = bmbtRecord('bmbt_attr_record', 'attr3', 'attroff');
export const BMBT_KEY = bmbtKey('bmbt_key', 'inodata', 'fileoff');
export const BMBT_ATTR_KEY = bmbtKey('bmbt_attr_key', 'attr3', 'attroff');

export const BMDR_HEADER = struct('bmdr', 4, 'Root of a bmbt in the inode fork', [
  row('level', u16, 'at least 1'),
  row('numrecs', u16, 'keys'),
]);

/** High bits of the 64-bit rmap offset word. */
export const RMAP_OFF_ATTR = 0x80000000;
export const RMAP_OFF_BMBT = 0x40000000;
export const RMAP_OFF_UNWRITTEN = 0x20000000;
/** Bit 31 of a refcount startblock: CoW staging domain. */
export const REFCOUNT_COW = 0x80000000;

export type AgBtreeName = 'bnobt' | 'cntbt' | 'inobt' | 'finobt' | 'rmapbt' | 'refcntbt';

/** One row per btree: what its blocks look like. */
export interface BtreeFamily {
  readonly name: AgBtreeName | 'bmapbt';
  readonly magic: number;
  readonly long: boolean;
  readonly headerBytes: number;
  readonly recordBytes: number;
  /** A node's key; the rmapbt stores a low and a high key (20 + 20). */
  readonly keyBytes: number;
  readonly pointerBytes: number;
}

const short = (name: AgBtreeName, magic: number, recordBytes: number, keyBytes: number): BtreeFamily => ({
  name,
  magic,
  long: false,
  headerBytes: SHORT_HEADER.size,
  recordBytes,
  keyBytes,
  pointerBytes: 4,
});

export const BTREE = {
  bnobt: short('bnobt', 0x41423342, ALLOC_RECORD.size, ALLOC_RECORD.size),
  cntbt: short('cntbt', 0x41423343, ALLOC_RECORD.size, ALLOC_RECORD.size),
  inobt: short('inobt', 0x49414233, INOBT_RECORD.size, INOBT_KEY.size),
  finobt: short('finobt', 0x46494233, INOBT_RECORD.size, INOBT_KEY.size),
  rmapbt: short('rmapbt', 0x524d4233, RMAP_RECORD.size, 2 * RMAP_KEY.size),
  refcntbt: short('refcntbt', 0x52334643, REFCOUNT_RECORD.size, REFCOUNT_KEY.size),
  bmapbt: {
    name: 'bmapbt',
    magic: 0x424d4133,
    long: true,
    headerBytes: LONG_HEADER.size,
    recordBytes: BMBT_RECORD.size,
    keyBytes: BMBT_KEY.size,
    pointerBytes: 8,
  },
} as const satisfies Record<string, BtreeFamily>;

export const AG_BTREES: readonly AgBtreeName[] = ['bnobt', 'cntbt', 'inobt', 'finobt', 'rmapbt', 'refcntbt'];

/** Greatest number of records in a leaf, or of keys in a node, of a block of `blockBytes`. */
export function maxRecords(family: BtreeFamily, level: number, blockBytes: number): number {
  const room = blockBytes - family.headerBytes;
  return Math.floor(room / (level === 0 ? family.recordBytes : family.keyBytes + family.pointerBytes));
}

/** Byte offset of pointer `index` in a node block. */
export function pointerOffset(family: BtreeFamily, index: number, blockBytes: number): number {
  return (
    family.headerBytes + maxRecords(family, 1, blockBytes) * family.keyBytes + index * family.pointerBytes
  );
}

/** Keys a bmbt root holds in a fork of `forkBytes`. */
export function maxRootKeys(forkBytes: number): number {
  return Math.floor((forkBytes - BMDR_HEADER.size) / (BMBT_KEY.size + 8));
}
