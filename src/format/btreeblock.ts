/**
 * Whole btree blocks as layouts: header, then `recs` in a leaf (level 0) or `keys` and `ptrs` in a node. Pointers
 * begin after room for the greatest possible number of keys. xfs_db counts records, keys and pointers from 1.
 * The same arrangement, with the short bmdr header, is the root of a bmbt in an inode's fork; it is never a leaf.
 */
import {
  ALLOC_RECORD,
  BMBT_ATTR_KEY,
  BMBT_ATTR_RECORD,
  BMBT_KEY,
  BMBT_RECORD,
  BMDR_HEADER,
  BTREE,
  type BtreeFamily,
  CNTBT_KEY,
  INOBT_KEY,
  INOBT_RECORD,
  INOBT_SPARSE_RECORD,
  LONG_HEADER,
  maxRootKeys,
  pointerOffset,
  REFCOUNT_KEY,
  REFCOUNT_RECORD,
  RMAP_NODE_KEY,
  RMAP_RECORD,
  SHORT_HEADER,
} from './btree.ts';
import { count64, u32 } from './kinds.ts';
import { layout, type Row, type RowOptions, row, type Scope, type Shape, type Struct } from './struct.ts';

const level = (s: Scope) => (s.bits >= 64 ? s.view.getUint16((s.bit >>> 3) + 4) : 0);
const numrecs = (s: Scope) => (s.bits >= 64 ? s.view.getUint16((s.bit >>> 3) + 6) : 0);
const isLeaf = (s: Scope) => level(s) === 0;
const isNode = (s: Scope) => level(s) !== 0;

/** Header rows; the siblings are blocks of the same tree. */
function headerRows(family: BtreeFamily, type: string): Row[] {
  const header = family.long ? LONG_HEADER : SHORT_HEADER;
  return header.rows.map((r: Row) =>
    r.name.endsWith('sib') ? { ...r, goto: type, unit: family.long ? 'fsbno' : 'agbno' } : r,
  );
}

function pointers(family: BtreeFamily, type: string, options: RowOptions): Row {
  const goto = { goto: type, unit: family.long ? ('fsbno' as const) : ('agbno' as const), base: 1 as const };
  const kind = family.long ? count64 : u32;
  return row('ptrs', kind, 'children', { count: numrecs, ...goto, ...options });
}

const BY_MAGIC: ReadonlyMap<number, BtreeFamily> = new Map(
  Object.values(BTREE).map((family): [number, BtreeFamily] => [family.magic, family]),
);

/** A block looked at as one of another btree still has its records where its own magic puts them. */
function familyAt(scope: Scope, family: BtreeFamily): BtreeFamily {
  return (scope.bits >= 32 ? BY_MAGIC.get(scope.view.getUint32(scope.bit >>> 3)) : undefined) ?? family;
}

const headerAt = (family: BtreeFamily) => (s: Scope) => familyAt(s, family).headerBytes * 8;

/** A block of `family`; `type` is its db type, to which its pointers lead. */
function block(family: BtreeFamily, type: string, key: Struct, ...records: Row[]): Shape {
  return layout(type, `Block of the ${type}`, [
    ...headerRows(family, type),
    ...records.map((r): Row => ({ ...r, at: headerAt(family) })),
    row('keys', key, 'lowest key below each child', {
      when: isNode,
      at: headerAt(family),
      count: numrecs,
      base: 1,
      shown: 'tuple',
    }),
    pointers(family, type, {
      when: isNode,
      at: (s) => pointerOffset(familyAt(s, family), 0, s.bits / 8) * 8,
    }),
  ]);
}

function records(record: Shape, when: (scope: Scope) => boolean = () => true): Row {
  return row('recs', record, 'records, in order', {
    when: (s) => isLeaf(s) && when(s),
    count: numrecs,
    base: 1,
    shown: 'tuple',
  });
}

const sparse = (s: Scope) => s.geometry.features.sparse;
const inodeRecords = [records(INOBT_RECORD, (s) => !sparse(s)), records(INOBT_SPARSE_RECORD, sparse)];

export const BNOBT_BLOCK = block(BTREE.bnobt, 'bnobt', ALLOC_RECORD, records(ALLOC_RECORD));
export const CNTBT_BLOCK = block(BTREE.cntbt, 'cntbt', CNTBT_KEY, records(ALLOC_RECORD));
export const INOBT_BLOCK = block(BTREE.inobt, 'inobt', INOBT_KEY, ...inodeRecords);
export const FINOBT_BLOCK = block(BTREE.finobt, 'finobt', INOBT_KEY, ...inodeRecords);
export const RMAPBT_BLOCK = block(BTREE.rmapbt, 'rmapbt', RMAP_NODE_KEY, records(RMAP_RECORD));
export const REFCNTBT_BLOCK = block(BTREE.refcntbt, 'refcntbt', REFCOUNT_KEY, records(REFCOUNT_RECORD));
export const BMAPBTD_BLOCK = block(BTREE.bmapbt, 'bmapbtd', BMBT_KEY, records(BMBT_RECORD));
export const BMAPBTA_BLOCK = block(BTREE.bmapbt, 'bmapbta', BMBT_ATTR_KEY, records(BMBT_ATTR_RECORD));

/** Root of a bmbt; its scope is the whole fork. */
function bmbtRoot(type: 'bmapbtd' | 'bmapbta', key: Struct): Shape {
  return layout(
    `${type}_root`,
    'Root of a bmbt in a fork',
    [
      ...BMDR_HEADER.rows,
      row('keys', key, 'lowest file offset below each child', {
        count: (s) => s.view.getUint16((s.bit >>> 3) + 2),
        base: 1,
        shown: 'tuple',
      }),
      row('ptrs', count64, 'children', {
        at: (s) => (BMDR_HEADER.size + maxRootKeys(s.bits / 8) * key.size) * 8,
        count: (s) => s.view.getUint16((s.bit >>> 3) + 2),
        goto: type,
        unit: 'fsbno',
        base: 1,
      }),
    ],
    (s) => s.bits,
    true,
  );
}

export const BMBT_ROOT = bmbtRoot('bmapbtd', BMBT_KEY);
export const BMBT_ATTR_ROOT = bmbtRoot('bmapbta', BMBT_ATTR_KEY);
