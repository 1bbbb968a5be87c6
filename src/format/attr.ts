/**
 * Extended attributes, in the attribute fork.
 *  - shortform: in the inode. totsize, count, then entries (namelen, valuelen, flags, name, value).
 *  - leaf (3bee), file block 0: header with three of the free areas, entries sorted by hash growing up, names and
 *    values growing down from the block's end; an entry's nameidx is the byte where its name is. firstused is the
 *    lowest of these; 0 stands for 64 KiB.
 *  - node: leaves under da nodes (3ebe), root at file block 0. Blocks are filesystem blocks.
 *  - remote values (XARM): blocks of the fork, each with a 56-byte header of its own. They are written past the
 *    log; their LSN is all ones.
 */
import { type DaPointer, daBlkinfo, daNodeEntry, daNodeHeader } from './dablock.ts';
import { bits, char, count64, le32, u8, u16, u32, u64, uuid } from './kinds.ts';
import { layout, row, type Scope, type Shape, struct } from './struct.ts';

export const ATTR_LEAF_MAGIC = 0x3bee;
export const ATTR_REMOTE_MAGIC = 0x5841524d;
const NODE_MAGIC = 0x3ebe;

/** Flags of an entry. */
export const ATTR_LOCAL = 0x01;
export const ATTR_ROOT = 0x02;
export const ATTR_SECURE = 0x04;
export const ATTR_PARENT = 0x08;
export const ATTR_INCOMPLETE = 0x80;

const inAttr: DaPointer = { goto: 'attr3', unit: 'attroff' };
const flagBit = (byte: number, flag: number) => () => byte * 8 + 7 - flag;

export const SFATTR_HEADER = struct('sfattr_hdr', 4, 'Header of shortform attributes', [
  row('totsize', u16, 'bytes in all, header included'),
  row('count', u8, 'attributes'),
  row('padding', u8, 'zero', { hidden: true, unnamed: true }),
]);

export const SFATTR_ENTRY = layout('sfattr_entry', 'Shortform attribute', [
  row('namelen', u8, 'bytes of the name'),
  row('valuelen', u8, 'bytes of the value'),
  row('flags', u8, 'namespace', { hidden: true, shown: 'hex' }),
  row('root', bits(1), 'trusted namespace', { at: flagBit(2, 1), view: true }),
  row('secure', bits(1), 'security namespace', { at: flagBit(2, 2), view: true }),
  row('name', char, 'name without prefix', {
    count: (scope) => scope.view.getUint8(scope.bit >>> 3),
    shown: 'text',
  }),
  row('value', char, 'value', {
    count: (scope) => scope.view.getUint8((scope.bit >>> 3) + 1),
    shown: 'text',
    unvalidated: true,
  }),
]);

export const SFATTR = layout('sfattr', 'Shortform attributes', [
  row('hdr', SFATTR_HEADER, 'header'),
  row('list', SFATTR_ENTRY, 'attributes', { count: (scope) => scope.view.getUint8((scope.bit >>> 3) + 2) }),
]);

export const ATTR_LEAF_MAP = struct('attr3_leaf_map', 4, 'Free area of a leaf', [
  row('base', u16, 'byte in the block'),
  row('size', u16, 'bytes'),
]);

export const ATTR_LEAF_HEADER = struct('attr3_leaf_hdr', 80, 'Header of an attribute leaf', [
  row('info', daBlkinfo('attr3_blkinfo', inAttr), 'common header'),
  row('count', u16, 'entries'),
  row('usedbytes', u16, 'bytes of names and values'),
  row('firstused', u16, 'lowest byte of names and values; 0 = 64 KiB'),
  row('holes', u8, '1: free space that freemap does not list'),
  row('pad1', u8, 'zero', { hidden: true, shown: 'hex' }),
  row('freemap', ATTR_LEAF_MAP, 'three of the free areas', { count: 3, shown: 'tuple' }),
  row('pad2', u32, 'zero', { hidden: true, unnamed: true, shown: 'hex' }),
]);

const ENTRY_BYTES = 8;

export const ATTR_LEAF_ENTRY = layout(
  'attr3_leaf_entry',
  'Entry of an attribute leaf',
  [
    row('hashval', u32, 'hash of the name', { shown: 'hex' }),
    row('nameidx', u16, 'byte of the name in the block'),
    row('flags', u8, 'namespace and state', { hidden: true, shown: 'hex' }),
    row('incomplete', bits(1), 'being written or removed', { at: flagBit(6, 7), view: true }),
    row('root', bits(1), 'trusted namespace', { at: flagBit(6, 1), view: true }),
    row('secure', bits(1), 'security namespace', { at: flagBit(6, 2), view: true }),
    row('local', bits(1), 'value is in the leaf', { at: flagBit(6, 0), view: true }),
    row('parent', bits(1), 'parent pointer', { at: flagBit(6, 3), view: true, hidden: true, unnamed: true }),
    row('pad2', u8, 'zero', { hidden: true, shown: 'hex', at: () => 56 }),
  ],
  ENTRY_BYTES,
);

/** Byte of entry `index` in a leaf. */
export function attrEntryByte(index: number): number {
  return ATTR_LEAF_HEADER.size + index * ENTRY_BYTES;
}

/** The leaf's scope is `outer` of a name's scope; its index is that of the entry. */
function isLocal(scope: Scope): boolean {
  const leaf = scope.outer!;
  const at = (leaf.bit >>> 3) + attrEntryByte(scope.index!) + 6;
  return at < leaf.view.byteLength && (leaf.view.getUint8(at) & ATTR_LOCAL) !== 0;
}
const isRemote = (scope: Scope) => !isLocal(scope);
const byteAt = (scope: Scope, byte: number) =>
  byte < scope.bits / 8 ? scope.view.getUint8((scope.bit >>> 3) + byte) : 0;
const valueBytes = (scope: Scope) => byteAt(scope, 0) * 256 + byteAt(scope, 1);

/**
 * Bytes of a name with its value, or of a remote value's name, in a leaf. A remote name takes two bytes more than
 * its fields, because the reference counts the alignment of its C struct in.
 */
export function attrNameBytes(local: boolean, namelen: number, valuelen: number): number {
  return ((local ? 3 + namelen + valuelen : 11 + namelen) + 3) & ~3;
}
const nameBytes = (scope: Scope) =>
  attrNameBytes(isLocal(scope), byteAt(scope, isLocal(scope) ? 2 : 8), valueBytes(scope));
const padBytes = (scope: Scope) =>
  nameBytes(scope) - (isLocal(scope) ? 3 + byteAt(scope, 2) + valueBytes(scope) : 9 + byteAt(scope, 8));

export const ATTR_LEAF_NAME = layout(
  'attr3_leaf_name',
  'Name, and value or where it is',
  [
    row('valuelen', u16, 'bytes of the value', { when: isLocal }),
    row('namelen', u8, 'bytes of the name', { when: isLocal }),
    row('name', char, 'name', { when: isLocal, count: (s) => byteAt(s, 2), shown: 'text' }),
    row('value', char, 'value', { when: isLocal, count: valueBytes, shown: 'text', unvalidated: true }),
    row('valueblk', u32, 'value, file block of the fork', { when: isRemote, shown: 'hex', unit: 'attroff' }),
    row('valuelen', u32, 'bytes of the value', { when: isRemote }),
    row('namelen', u8, 'bytes of the name', { when: isRemote }),
    row('name', char, 'name', { when: isRemote, count: (s) => byteAt(s, 8), shown: 'text' }),
    row('pad', char, 'up to a multiple of 4', {
      count: padBytes,
      hidden: true,
      unnamed: true,
      unvalidated: true,
    }),
  ],
  (scope) => nameBytes(scope) * 8,
);

export const ATTR_NODE_HEADER = daNodeHeader('attr3_node_hdr', inAttr);
export const ATTR_NODE_ENTRY = daNodeEntry('attr3_node_entry', inAttr);

export const ATTR_REMOTE_HEADER = struct('attr3_remote_hdr', 56, 'Header of a block of a remote value', [
  row('magic', u32, '"XARM"', { shown: 'hex' }),
  row('offset', u32, 'where this block starts in the value, bytes'),
  row('bytes', u32, 'bytes of the value here'),
  row('crc', le32, 'CRC32C of the block', { shown: 'crc' }),
  row('uuid', uuid, 'metadata UUID'),
  row('owner', count64, 'inode', { shown: 'null' }),
  row('bno', u64, 'own daddr', { shown: 'null' }),
  row('lsn', u64, 'all ones', { shown: 'hex' }),
]);

const magic16 = (scope: Scope) => (scope.bits >= 80 ? scope.view.getUint16((scope.bit >>> 3) + 8) : 0);
const magic32 = (scope: Scope) => (scope.bits >= 32 ? scope.view.getUint32(scope.bit >>> 3) : 0);
// forw of a leaf or node could equal XARM only in a fork of 2^30 blocks.
const isXarm = (scope: Scope) => magic32(scope) === ATTR_REMOTE_MAGIC;
const isLeaf = (scope: Scope) => !isXarm(scope) && magic16(scope) === ATTR_LEAF_MAGIC;
const isNode = (scope: Scope) => !isXarm(scope) && magic16(scope) === NODE_MAGIC;
const u16At = (scope: Scope, byte: number) => byteAt(scope, byte) * 256 + byteAt(scope, byte + 1);
const leafCount = (scope: Scope) => u16At(scope, ATTR_LEAF_HEADER.offset.count);

/** Any block of an attribute fork, by its magic. */
export const ATTR3: Shape = layout('attr3', 'Block of an attribute fork', [
  row('hdr', ATTR_LEAF_HEADER, 'header of a leaf', { when: isLeaf }),
  row('hdr', ATTR_NODE_HEADER, 'header of a node', { when: isNode }),
  row('hdr', ATTR_REMOTE_HEADER, 'header of a remote value block', { when: isXarm }),
  row('data', char, 'value', {
    when: isXarm,
    count: (s) => Math.min(u16At(s, 8) * 65536 + u16At(s, 10), s.bits / 8 - ATTR_REMOTE_HEADER.size),
    shown: 'text',
    unvalidated: true,
  }),
  row('entries', ATTR_LEAF_ENTRY, 'entries, sorted by hash', {
    when: isLeaf,
    at: () => ATTR_LEAF_HEADER.fixedBits,
    count: leafCount,
    shown: 'tuple',
  }),
  row('btree', ATTR_NODE_ENTRY, 'children, by hash', {
    when: isNode,
    at: () => ATTR_NODE_HEADER.fixedBits,
    count: (s) => u16At(s, ATTR_NODE_HEADER.offset.count),
    shown: 'tuple',
  }),
  row('nvlist', ATTR_LEAF_NAME, 'names and values, in the order of the entries', {
    when: isLeaf,
    count: leafCount,
    elementAt: (s, i) => u16At(s, attrEntryByte(i) + 4) * 8,
  }),
]);
