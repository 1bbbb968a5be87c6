/**
 * Realtime section. Without METADIR the blocks of the bitmap and summary inodes are bare words. With it each has
 * a 48-byte header, and the section has a superblock of its own in its first block; rmap and refcount btrees are
 * rooted in inodes, with records as in an AG and 64-bit pointers. We refuse to work on such filesystems; the rows
 * serve db; none of it has been seen on a real image.
 */
import { LONG_HEADER, REFCOUNT_KEY, REFCOUNT_RECORD, RMAP_NODE_KEY, RMAP_RECORD } from './btree.ts';
import { count64, le32, text, u16, u32, u64, uuid } from './kinds.ts';
import { layout, type Row, row, type Scope, type Shape, type Struct, struct } from './struct.ts';

export const RT_BITMAP_MAGIC = 0x424d505a;
export const RT_SUMMARY_MAGIC = 0x53554d59;
export const RT_SUPERBLOCK_MAGIC = 0x46726f67;
export const RT_RMAP_MAGIC = 0x4d415052;
export const RT_REFCOUNT_MAGIC = 0x52434e54;

export const RT_BLOCK_HEADER = struct('rtbuf_blkinfo', 48, 'Header of a realtime bitmap or summary block', [
  row('magic', u32, '"BMPZ" or "SUMY"', { shown: 'hex' }),
  row('crc', le32, 'CRC32C of the block', { shown: 'crc' }),
  row('owner', count64, 'inode', { shown: 'null' }),
  row('bno', u64, 'own daddr', { shown: 'null' }),
  row('lsn', u64, 'LSN of the last write', { shown: 'hex' }),
  row('uuid', uuid, 'metadata UUID'),
]);

const headed = (s: Scope) => s.geometry.features.metadir;
const words = (s: Scope) => (s.bits - (headed(s) ? RT_BLOCK_HEADER.fixedBits : 0)) / 32;

const wordBlock = (name: string, field: string, doc: string, wordDoc: string): Shape =>
  layout(name, doc, [
    ...RT_BLOCK_HEADER.rows.map((r): Row => ({ ...r, when: headed })),
    row(field, u32, wordDoc, { count: words, shown: 'hex' }),
  ]);

export const RTBITMAP = wordBlock(
  'rtbitmap',
  'rtwords',
  'Realtime bitmap block',
  'bit i of word w set: extent 32w + i is free',
);
export const RTSUMMARY = wordBlock(
  'rtsummary',
  'suminfo',
  'Realtime summary block',
  'free runs of a size class that begin in a bitmap block',
);

export const RTSB = struct('rtsb', 56, 'Superblock of the realtime section', [
  row('magicnum', u32, '"Frog"', { shown: 'hex' }),
  row('crc', le32, 'CRC32C of the block', { shown: 'crc' }),
  row('pad', u32, 'zero', { hidden: true, shown: 'hex' }),
  row('fname', text(12), 'label, zero padded', { shown: 'text', unvalidated: true }),
  row('uuid', uuid, 'user-visible UUID'),
  row('meta_uuid', uuid, 'metadata UUID'),
]);

const level = (s: Scope) => s.view.getUint16((s.bit >>> 3) + 4);
const numrecs = (s: Scope) => s.view.getUint16((s.bit >>> 3) + 6);

/** Block of a btree rooted in a metadata inode. */
function metaBlock(type: string, doc: string, record: Struct, key: Struct): Shape {
  const most = (s: Scope) => Math.floor((s.bits / 8 - LONG_HEADER.size) / (key.size + 8));
  return layout(type, doc, [
    ...LONG_HEADER.rows.map(
      (r: Row): Row => (r.name.endsWith('sib') ? { ...r, goto: type, unit: 'fsbno' } : r),
    ),
    row('recs', record, 'records, in order', {
      when: (s) => level(s) === 0,
      count: numrecs,
      base: 1,
      shown: 'tuple',
    }),
    row('keys', key, 'lowest key below each child', {
      when: (s) => level(s) !== 0,
      at: () => LONG_HEADER.fixedBits,
      count: numrecs,
      base: 1,
      shown: 'tuple',
    }),
    row('ptrs', count64, 'children', {
      when: (s) => level(s) !== 0,
      at: (s) => (LONG_HEADER.size + most(s) * key.size) * 8,
      count: numrecs,
      goto: type,
      unit: 'fsbno',
      base: 1,
    }),
  ]);
}

export const RTRMAPBT_BLOCK = metaBlock(
  'rtrmapbt',
  'Block of a realtime rmap btree',
  RMAP_RECORD,
  RMAP_NODE_KEY,
);
export const RTREFCNTBT_BLOCK = metaBlock(
  'rtrefcntbt',
  'Block of a realtime refcount btree',
  REFCOUNT_RECORD,
  REFCOUNT_KEY,
);

/** Root of either in its inode's fork. */
export const RT_BTREE_ROOT = struct('rtbtree_root', 4, 'Root of a realtime btree in an inode', [
  row('level', u16, '0 = the records are in the inode'),
  row('numrecs', u16, 'records or keys'),
]);
