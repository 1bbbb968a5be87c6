/**
 * Log items: what a transaction's regions are. The first region of an item begins with its type and its number of
 * regions (itself included). All of it is in the byte order of the machine that wrote it, little-endian here, but
 * for ICREATE and for what is copied from disk structures.
 *
 * An intent (EFI, RUI, CUI, BUI, ATTRI, XMI) announces work; its done item carries the intent's id. One without the
 * other at recovery is work to be done.
 */

import { DINODE } from './inode.ts';
import { bytes, count64, i64, type Kind, le16, le32, le64, lei32, lei64, u16, u32, u64 } from './kinds.ts';
import { layout, type Row, row, type Scope, type Shape, struct } from './struct.ts';

const head = (doc: string): Row[] => [
  row('type', le16, doc, { shown: 'hex' }),
  row('size', le16, 'regions of the item'),
];

/** A list of extents that an intent announces; `count` is its third word. */
function intent(name: string, doc: string, extent: Shape): Shape {
  return layout(name, doc, [
    ...head('item type'),
    row('nextents', le32, 'extents'),
    row('id', le64, 'what the done item refers to', { shown: 'hex' }),
    row('extents', extent, 'extents', {
      count: (s: Scope) => (s.bits >= 64 ? s.view.getUint32((s.bit >>> 3) + 4, true) : 0),
      shown: 'tuple',
    }),
  ]);
}

function done(name: string, doc: string): Shape {
  return struct(name, 16, doc, [
    ...head('item type'),
    row('pad', le32, 'zero', { hidden: true }),
    row('id', le64, 'id of the intent', { shown: 'hex' }),
  ]);
}

export const LOG_EXTENT = struct('log_extent', 16, 'Extent to be freed', [
  row('startblock', le64, 'fsbno'),
  row('len', le32, 'blocks'),
  row('pad', le32, 'zero', { hidden: true }),
]);

export const LOG_MAP_EXTENT = struct('log_map_extent', 32, 'Mapping, or reverse mapping', [
  row('owner', le64, 'inode'),
  row('startblock', le64, 'fsbno'),
  row('startoff', le64, 'file offset, blocks'),
  row('len', le32, 'blocks'),
  row('flags', le32, 'what to do, and to which fork', { shown: 'hex' }),
]);

export const LOG_PHYSICAL_EXTENT = struct('log_phys_extent', 16, 'Extent whose refcount changes', [
  row('startblock', le64, 'fsbno'),
  row('len', le32, 'blocks'),
  row('flags', le32, '1 increase, 2 decrease, 3 allocate CoW staging, 4 free it', { shown: 'hex' }),
]);

export const LOG_EFI = intent('log_efi', 'Extents will be freed', LOG_EXTENT);
export const LOG_EFD = intent('log_efd', 'Extents were freed; its id is that of the intent', LOG_EXTENT);
export const LOG_RUI = intent('log_rui', 'Reverse mappings will change', LOG_MAP_EXTENT);
export const LOG_RUD = done('log_rud', 'Reverse mappings were changed');
export const LOG_CUI = intent('log_cui', 'Reference counts will change', LOG_PHYSICAL_EXTENT);
export const LOG_CUD = done('log_cud', 'Reference counts were changed');
export const LOG_BUI = intent('log_bui', 'Mappings of a file will change', LOG_MAP_EXTENT);
export const LOG_BUD = done('log_bud', 'Mappings were changed');

export const LOG_ATTRI = struct('log_attri', 40, 'An attribute will be set or removed', [
  ...head('item type'),
  row('igen', le32, 'generation of the inode'),
  row('id', le64, 'what the done item refers to', { shown: 'hex' }),
  row('ino', le64, 'inode'),
  row('op_flags', le32, '1 set, 2 remove, 3 replace, 4 to 6 the same for parent pointers', { shown: 'hex' }),
  row('name_len', le32, 'bytes; a replaced parent pointer: old and new, 16 bits each'),
  row('value_len', le32, 'bytes'),
  row('attr_filter', le32, 'namespace', { shown: 'hex' }),
]);
export const LOG_ATTRD = done('log_attrd', 'The attribute was set or removed');

export const LOG_XMI = struct('log_xmi', 88, 'Ranges of two files will be exchanged', [
  ...head('item type'),
  row('pad', le32, 'zero', { hidden: true }),
  row('id', le64, 'what the done item refers to', { shown: 'hex' }),
  row('inode1', le64, 'first file'),
  row('inode2', le64, 'second file'),
  row('igen1', le32, 'its generation'),
  row('igen2', le32, 'its generation'),
  row('startoff1', le64, 'file offset, blocks'),
  row('startoff2', le64, 'file offset, blocks'),
  row('blockcount', le64, 'blocks'),
  row('flags', le64, '0 attribute fork, 1 set sizes, 2 first written, 3 and 4 clear reflink', {
    shown: 'hex',
  }),
  row('isize1', le64, 'new size, bytes'),
  row('isize2', le64, 'new size, bytes'),
]);
export const LOG_XMD = done('log_xmd', 'The ranges were exchanged');

export const LOG_BUF = layout('log_buf', 'Parts of a buffer follow', [
  ...head('item type'),
  row('flags', le16, '1 inodes, 2 cancelled, 4 to 16 quota; bits 11 to 15 content', { shown: 'hex' }),
  row('len', le16, 'basic blocks'),
  row('blkno', lei64, 'daddr', { shown: 'signed', unit: 'daddr' }),
  row('map_size', le32, 'words of the bitmap'),
  row('data_map', le32, 'bit i set: bytes 128i to 128i + 127 follow', {
    count: (s: Scope) => (s.bits >= 160 ? s.view.getUint32((s.bit >>> 3) + 16, true) : 0),
    shown: 'hex',
  }),
]);

const inodeTail = [
  row('ino', le64, 'inode'),
  row('rdev', le32, 'device number, or first word of a UUID', { shown: 'hex' }),
  row('rest', bytes(12), 'rest of the UUID', { hidden: true }),
  row('blkno', lei64, 'daddr of the inode buffer', { shown: 'signed', unit: 'daddr' }),
  row('len', lei32, 'basic blocks of the buffer', { shown: 'signed' }),
  row('boffset', lei32, 'byte of the inode in the buffer', { shown: 'signed' }),
] as const;
const inodeHead: Row[] = [
  ...head('item type'),
  row('fields', le32, '1 core, 2/4/8 data fork local/extents/root, 0x10 dev, 0x40/0x80/0x100 attributes', {
    shown: 'hex',
  }),
  row('asize', le16, 'bytes of the attribute region'),
  row('dsize', le16, 'bytes of the data region'),
];

export const LOG_INODE = struct('log_inode', 56, 'Core and forks of an inode follow', [
  ...inodeHead,
  row('pad', le32, 'zero', { hidden: true }),
  ...inodeTail,
]);
/** As 32-bit kernels wrote it: without the padding. */
export const LOG_INODE_32 = struct('log_inode_32', 52, 'The same, from a 32-bit kernel', [
  ...inodeHead,
  ...inodeTail,
]);

const LITTLE = new Map<unknown, unknown>([
  [u16, le16],
  [u32, le32],
  [u64, le64],
  [count64, le64],
  [i64, lei64],
]);

/** Inode core as it stands in the log: same places as on disk, little-endian; its CRC and LSN mean nothing. */
export const LOG_DINODE = struct(
  'log_dinode',
  DINODE.size,
  'Inode core in the log',
  (DINODE.rows as readonly Row[]).map((r): Row => {
    const little = LITTLE.get(r.kind) as Kind<unknown> | undefined;
    return little ? { ...r, kind: little } : r;
  }),
);

export const LOG_DQUOT = struct('log_dquot', 24, 'A quota record follows', [
  ...head('item type'),
  row('id', le32, 'user, group or project'),
  row('blkno', lei64, 'daddr', { shown: 'signed', unit: 'daddr' }),
  row('len', lei32, 'blocks', { shown: 'signed' }),
  row('boffset', le32, 'byte in the buffer'),
]);

export const LOG_QUOTAOFF = struct('log_quotaoff', 20, 'Quota was switched off (old kernels)', [
  ...head('item type'),
  row('flags', le32, 'which', { shown: 'hex' }),
  row('pad', bytes(12), 'zero', { hidden: true }),
]);

/** Big-endian after its head. */
export const LOG_ICREATE = struct('log_icreate', 28, 'Inodes were allocated', [
  ...head('item type'),
  row('ag', u32, 'agno'),
  row('agbno', u32, 'first block'),
  row('count', u32, 'inodes'),
  row('isize', u32, 'bytes of an inode'),
  row('length', u32, 'blocks'),
  row('gen', u32, 'generation'),
]);

export const LOG_IUNLINK = struct('log_iunlink', 4, 'Unused', head('item type'));

export interface LogItem {
  readonly type: number;
  readonly name: string;
  readonly shape: Shape;
  /** Type of the done item of an intent. */
  readonly doneBy?: number;
}

/** One row per item type. Realtime forms have the shapes of their data device siblings. */
export const LOG_ITEMS: readonly LogItem[] = [
  { type: 0x1236, name: 'EFI', shape: LOG_EFI, doneBy: 0x1237 },
  { type: 0x1237, name: 'EFD', shape: LOG_EFD },
  { type: 0x1238, name: 'IUNLINK', shape: LOG_IUNLINK },
  { type: 0x123b, name: 'INODE', shape: LOG_INODE },
  { type: 0x123c, name: 'BUF', shape: LOG_BUF },
  { type: 0x123d, name: 'DQUOT', shape: LOG_DQUOT },
  { type: 0x123e, name: 'QUOTAOFF', shape: LOG_QUOTAOFF },
  { type: 0x123f, name: 'ICREATE', shape: LOG_ICREATE },
  { type: 0x1240, name: 'RUI', shape: LOG_RUI, doneBy: 0x1241 },
  { type: 0x1241, name: 'RUD', shape: LOG_RUD },
  { type: 0x1242, name: 'CUI', shape: LOG_CUI, doneBy: 0x1243 },
  { type: 0x1243, name: 'CUD', shape: LOG_CUD },
  { type: 0x1244, name: 'BUI', shape: LOG_BUI, doneBy: 0x1245 },
  { type: 0x1245, name: 'BUD', shape: LOG_BUD },
  { type: 0x1246, name: 'ATTRI', shape: LOG_ATTRI, doneBy: 0x1247 },
  { type: 0x1247, name: 'ATTRD', shape: LOG_ATTRD },
  { type: 0x1248, name: 'XMI', shape: LOG_XMI, doneBy: 0x1249 },
  { type: 0x1249, name: 'XMD', shape: LOG_XMD },
  { type: 0x124a, name: 'EFI_RT', shape: LOG_EFI, doneBy: 0x124b },
  { type: 0x124b, name: 'EFD_RT', shape: LOG_EFD },
  { type: 0x124c, name: 'RUI_RT', shape: LOG_RUI, doneBy: 0x124d },
  { type: 0x124d, name: 'RUD_RT', shape: LOG_RUD },
  { type: 0x124e, name: 'CUI_RT', shape: LOG_CUI, doneBy: 0x124f },
  { type: 0x124f, name: 'CUD_RT', shape: LOG_CUD },
];

/** The item whose first region begins with `type`; an INODE of 52 bytes is the 32-bit form. */
export function logItem(type: number, regionBytes: number): LogItem | undefined {
  const item = LOG_ITEMS.find((i) => i.type === type);
  return item && item.shape === LOG_INODE && regionBytes === LOG_INODE_32.size
    ? { ...item, shape: LOG_INODE_32 }
    : item;
}
