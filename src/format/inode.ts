/**
 * Inode, version 3: a 176-byte core, then the literal area up to the inode size. The data fork begins at 176; the
 * attribute fork, if forkoff is not zero, at 176 + 8 * forkoff.
 *
 * A fork is, by its format: dev (device number), local (shortform directory, symlink target, shortform
 * attributes), extents (records), or btree (root of a bmbt: level, numrecs, keys, and pointers after room for the
 * greatest number of keys). With NREXT64 the data extent count has 64 bits at 24 and the attribute one 32 bits at
 * 76; without, they are 32 bits at 76 and 16 bits at 80. A free inode has mode 0, but keeps magic, ino, uuid, crc.
 *
 * DINODE holds the facts; INODE arranges them as xfs_db does (core, next_unlinked, v3, u3, a).
 */
import { SFATTR } from './attr.ts';
import { BMBT_ATTR_RECORD, BMBT_RECORD } from './btree.ts';
import { BMBT_ATTR_ROOT, BMBT_ROOT } from './btreeblock.ts';
import { bits, char, count64, i8, i64, le32, u8, u16, u32, u64, uuid } from './kinds.ts';
import { SFDIR } from './sfdir.ts';
import { layout, type Row, type RowOptions, row, type Scope, type Shape, struct } from './struct.ts';

export const INODE_MAGIC = 0x494e;
export const INODE_CORE_BYTES = 176;
/** Types in the upper bits of mode. */
export const S_IFMT = 0o170000;
export const S_IFCHR = 0o020000;
export const S_IFDIR = 0o040000;
export const S_IFBLK = 0o060000;
export const S_IFREG = 0o100000;
export const S_IFLNK = 0o120000;

export const FORK = { DEV: 0, LOCAL: 1, EXTENTS: 2, BTREE: 3, UUID: 4, META_BTREE: 5 } as const;

export const DINODE = struct('dinode', INODE_CORE_BYTES, 'Core of an inode', [
  row('magic', u16, '"IN"', { shown: 'hex' }),
  row('mode', u16, 'type and permissions; 0 = free', { shown: 'octal' }),
  row('version', i8, '3', { shown: 'signed' }),
  row('format', u8, 'format of the data fork', { shown: 'format' }),
  row('onlink', u16, 'zero, or what a METADATA inode is for'),
  row('uid', u32, 'owner', { unvalidated: true }),
  row('gid', u32, 'group', { unvalidated: true }),
  row('nlink', u32, 'links', { alias: 'nlinkv2' }),
  row('projid_lo', u16, 'project, low half', { unvalidated: true }),
  row('projid_hi', u16, 'project, high half', { unvalidated: true }),
  row('big_nextents', u64, 'data extents (NREXT64), else zero'),
  row('atime', u64, 'access time', { unvalidated: true }),
  row('mtime', u64, 'modification time', { unvalidated: true }),
  row('ctime', u64, 'change time', { unvalidated: true }),
  row('size', i64, 'bytes', { shown: 'signed' }),
  row('nblocks', count64, 'blocks of both forks, bmbt included', { shown: 'null' }),
  row('extsize', u32, 'extent size hint, blocks'),
  row('nextents', u32, 'data extents; with NREXT64 attribute extents'),
  row('anextents', u16, 'attribute extents; with NREXT64 zero'),
  row('forkoff', u8, 'start of the attribute fork after the core / 8; 0 = none'),
  row('aformat', u8, 'format of the attribute fork', { shown: 'format' }),
  row('dmevmask', u32, 'zero', { shown: 'hex', unvalidated: true }),
  row('dmstate', u16, 'zero', { unvalidated: true }),
  row('flags', u16, 'flags', { shown: 'hex' }),
  row('gen', u32, 'generation', { unvalidated: true }),
  row('next_unlinked', u32, 'next in the unlinked list', { goto: 'inode', unit: 'agino', shown: 'null' }),
  row('crc', le32, 'CRC32C of the whole inode', { shown: 'crc' }),
  row('changecount', u64, 'changes', { unvalidated: true }),
  row('lsn', u64, 'LSN of the last write', { shown: 'hex' }),
  row('flags2', u64, 'more flags', { shown: 'hex' }),
  row('cowextsize', u32, 'CoW extent size hint, blocks'),
  row('pad2', u8, 'zero', { count: 12, hidden: true, shown: 'hex' }),
  row('crtime', u64, 'creation time', { unvalidated: true }),
  row('ino', count64, 'own number', { shown: 'null' }),
  row('uuid', uuid, 'metadata UUID'),
]);

export const INODE_CRC_OFFSET = DINODE.offset.crc;

/** di_flags, by bit number. */
export const DIFLAG = {
  REALTIME: 0,
  PREALLOC: 1,
  NEWRTBM: 2,
  IMMUTABLE: 3,
  APPEND: 4,
  SYNC: 5,
  NOATIME: 6,
  NODUMP: 7,
  RTINHERIT: 8,
  PROJINHERIT: 9,
  NOSYMLINKS: 10,
  EXTSIZE: 11,
  EXTSZINHERIT: 12,
  NODEFRAG: 13,
  FILESTREAM: 14,
} as const;

/** di_flags2, by bit number. */
export const DIFLAG2 = { DAX: 0, REFLINK: 1, COWEXTSIZE: 2, BIGTIME: 3, NREXT64: 4, METADATA: 5 } as const;

type CoreName = keyof typeof DINODE.offset;

/** A row of DINODE under xfs_db's name. */
function field(name: string, source: CoreName, options: RowOptions = {}, kind?: Shape): Row {
  const fact = DINODE.rows.find((r) => r.name === source)! as Row;
  const { alias: _alias, ...own } = fact as Row & { alias?: string };
  return { ...own, ...(kind ? { kind } : {}), name, at: () => DINODE.offset[source] * 8, ...options };
}

const flag = (name: string, bit: number): Row =>
  row(name, bits(1), 'flag', { at: () => DINODE.offset.flags * 8 + 15 - bit, view: true });
const flag2 = (name: string, bit: number, options: RowOptions = {}): Row =>
  row(name, bits(1), 'flag', { at: () => DINODE.offset.flags2 * 8 + 63 - bit, view: true, ...options });

function low32OfFlags2(view: DataView, byte: number): number {
  return view.getUint32(byte + DINODE.offset.flags2 + 4);
}

/** The inode that a scope is inside of. */
function inodeScope(scope: Scope): Scope {
  let at = scope;
  while (at.outer) at = at.outer;
  return at;
}

/** Whether the inode around this scope keeps its timestamps as 64-bit nanosecond counters. */
export function scopeBigtime(scope: Scope): boolean {
  const inode = inodeScope(scope);
  const byte = inode.bit >>> 3;
  const isNew = inode.view.getUint8(byte + DINODE.offset.version) >= 3;
  return isNew && (low32OfFlags2(inode.view, byte) & (1 << DIFLAG2.BIGTIME)) !== 0;
}

/** Bytes of the data fork of the inode at `byte`; never more than there is room for. */
export function dataForkBytes(view: DataView, byte: number, inodesize: number): number {
  const literal = inodesize - INODE_CORE_BYTES;
  const forkoff = view.getUint8(byte + DINODE.offset.forkoff) * 8;
  return forkoff === 0 ? literal : Math.min(forkoff, literal);
}

/** Bytes of the attribute fork; 0 without one. */
export function attrForkBytes(view: DataView, byte: number, inodesize: number): number {
  const forkoff = view.getUint8(byte + DINODE.offset.forkoff) * 8;
  return forkoff === 0 ? 0 : Math.max(0, inodesize - INODE_CORE_BYTES - forkoff);
}

function hasNrext64(view: DataView, byte: number): boolean {
  return (
    view.getUint8(byte + DINODE.offset.version) >= 3 &&
    (low32OfFlags2(view, byte) & (1 << DIFLAG2.NREXT64)) !== 0
  );
}

/** Extents of the data fork, as the inode says; inexact from 2^53 on. */
export function dataExtents(view: DataView, byte: number): number {
  if (!hasNrext64(view, byte)) return view.getUint32(byte + DINODE.offset.nextents);
  const at = byte + DINODE.offset.big_nextents;
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}

/** Extents of the attribute fork, as the inode says. */
export function attrExtents(view: DataView, byte: number): number {
  return hasNrext64(view, byte)
    ? view.getUint32(byte + DINODE.offset.nextents)
    : view.getUint16(byte + DINODE.offset.anextents);
}

/** Seconds and nanoseconds both come from the same 64 bits: see `time.ts`. */
export const TIMESTAMP = layout(
  'timestamp',
  'Point in time',
  [
    row('raw', u64, 'seconds and nanoseconds, or with BIGTIME nanoseconds since 1901', {
      hidden: true,
      unnamed: true,
      shown: 'hex',
      unvalidated: true,
    }),
    row('sec', u64, 'seconds', { at: () => 0, view: true, shown: 'time' }),
    row('nsec', u64, 'nanoseconds', { at: () => 0, view: true, shown: 'nsec' }),
  ],
  8,
);

const nrext64 = (s: Scope) => hasNrext64(s.view, s.bit >>> 3);
const nrext32 = (s: Scope) => !nrext64(s);
const versionOf = (s: Scope) => s.view.getUint8((s.bit >>> 3) + DINODE.offset.version);
const since2 = (s: Scope) => versionOf(s) >= 2;
/** Inodes of old versions are no longer made, but bytes may say so. */
const not3 = (s: Scope) => versionOf(s) !== 3;
const inMetadir = (s: Scope) => s.geometry.features.metadir;

export const INODE_CORE = layout(
  'inode_core',
  'Core of an inode as xfs_db lists it',
  [
    field('magic', 'magic'),
    field('mode', 'mode'),
    field('version', 'version'),
    field('format', 'format'),
    field('nlinkv1', 'onlink', { when: (s) => versionOf(s) === 1, view: true }),
    field('onlink', 'onlink', { when: (s) => !inMetadir(s) && since2(s) }),
    field('metatype', 'onlink', { when: inMetadir }),
    field('uid', 'uid'),
    field('gid', 'gid'),
    field('nlinkv2', 'nlink', { when: since2 }),
    field('projid_lo', 'projid_lo', { when: since2 }),
    field('projid_hi', 'projid_hi', { when: since2 }),
    field('nextents', 'big_nextents', { when: nrext64 }),
    field('v3_pad', 'big_nextents', { when: (s) => nrext32(s) && !not3(s), hidden: true }),
    row('v2_pad', u8, 'zero', {
      count: (s) => (not3(s) ? 6 : 0),
      at: () => DINODE.offset.big_nextents * 8,
      shown: 'hex',
      view: true,
      hidden: true,
    }),
    row('flushiter', u16, 'zero', { at: () => DINODE.offset.big_nextents * 8 + 48, when: not3, view: true }),
    field('atime', 'atime', {}, TIMESTAMP),
    field('mtime', 'mtime', {}, TIMESTAMP),
    field('ctime', 'ctime', {}, TIMESTAMP),
    field('size', 'size'),
    field('nblocks', 'nblocks'),
    field('extsize', 'extsize'),
    field('nextents', 'nextents', { when: nrext32 }),
    field('naextents', 'anextents', { when: nrext32 }),
    field('naextents', 'nextents', { when: nrext64 }),
    field('nrext64_pad', 'anextents', { when: nrext64, hidden: true }),
    field('forkoff', 'forkoff'),
    field('aformat', 'aformat'),
    field('dmevmask', 'dmevmask'),
    field('dmstate', 'dmstate'),
    field('flags', 'flags', { hidden: true }),
    flag('newrtbm', DIFLAG.NEWRTBM),
    flag('prealloc', DIFLAG.PREALLOC),
    flag('realtime', DIFLAG.REALTIME),
    flag('immutable', DIFLAG.IMMUTABLE),
    flag('append', DIFLAG.APPEND),
    flag('sync', DIFLAG.SYNC),
    flag('noatime', DIFLAG.NOATIME),
    flag('nodump', DIFLAG.NODUMP),
    flag('rtinherit', DIFLAG.RTINHERIT),
    flag('projinherit', DIFLAG.PROJINHERIT),
    flag('nosymlinks', DIFLAG.NOSYMLINKS),
    flag('extsz', DIFLAG.EXTSIZE),
    flag('extszinherit', DIFLAG.EXTSZINHERIT),
    flag('nodefrag', DIFLAG.NODEFRAG),
    flag('filestream', DIFLAG.FILESTREAM),
    field('gen', 'gen'),
  ],
  INODE_CORE_BYTES,
);

export const INODE_V3 = layout(
  'inode_v3',
  'What version 3 added to the core, as xfs_db lists it',
  [
    field('crc', 'crc'),
    field('change_count', 'changecount'),
    field('lsn', 'lsn'),
    field('flags2', 'flags2'),
    field('cowextsize', 'cowextsize'),
    field('pad2', 'pad2'),
    field('crtime', 'crtime', {}, TIMESTAMP),
    field('inumber', 'ino'),
    field('uuid', 'uuid'),
    flag2('reflink', DIFLAG2.REFLINK),
    flag2('cowextsz', DIFLAG2.COWEXTSIZE),
    flag2('dax', DIFLAG2.DAX),
    flag2('bigtime', DIFLAG2.BIGTIME),
    flag2('nrext64', DIFLAG2.NREXT64),
    flag2('metadata', DIFLAG2.METADATA, { when: inMetadir }),
  ],
  INODE_CORE_BYTES,
);

const coreU8 = (scope: Scope, name: CoreName) => {
  const inode = inodeScope(scope);
  return inode.view.getUint8((inode.bit >>> 3) + DINODE.offset[name]);
};
const modeType = (scope: Scope) => {
  const inode = inodeScope(scope);
  return inode.view.getUint16((inode.bit >>> 3) + DINODE.offset.mode) & S_IFMT;
};
const dataFormat = (format: number) => (s: Scope) => coreU8(s, 'format') === format;
const attrFormat = (format: number) => (s: Scope) => coreU8(s, 'aformat') === format;
const local = (type: number) => (s: Scope) => coreU8(s, 'format') === FORK.LOCAL && modeType(s) === type;
/** Size of the inode in bytes, of which 32 bits count here, never more than the fork it is asked for. */
const sizeInFork = (scope: Scope) => {
  const inode = inodeScope(scope);
  const at = (inode.bit >>> 3) + DINODE.offset.size;
  return Math.max(0, Math.min(inode.view.getInt32(at + 4), scope.bits / 8));
};
const extentsOf = (count: (view: DataView, byte: number) => number) => (scope: Scope) => {
  const inode = inodeScope(scope);
  return count(inode.view, inode.bit >>> 3);
};
const hasFtype = (s: Scope) => s.geometry.features.ftype;

/** Data fork. At most one of these is present; none for a free inode or an empty file. */
export const INODE_U3 = layout(
  'inode_u3',
  'Data fork',
  [
    row('bmbt', BMBT_ROOT, 'root of the extent btree', { when: dataFormat(FORK.BTREE) }),
    row('bmx', BMBT_RECORD, 'extents', {
      when: dataFormat(FORK.EXTENTS),
      count: extentsOf(dataExtents),
      shown: 'tuple',
    }),
    row('c', char, 'local content of a file', { when: local(S_IFREG), count: sizeInFork, shown: 'text' }),
    row('dev', u32, 'device number', { when: dataFormat(FORK.DEV), shown: 'hex', unvalidated: true }),
    row('muuid', uuid, 'unused form', { when: dataFormat(FORK.UUID) }),
    row('sfdir2', SFDIR, 'directory', { when: (s) => local(S_IFDIR)(s) && !hasFtype(s) }),
    row('sfdir3', SFDIR, 'directory', { when: (s) => local(S_IFDIR)(s) && hasFtype(s) }),
    row('symlink', char, 'target', {
      when: local(S_IFLNK),
      count: sizeInFork,
      shown: 'text',
      unvalidated: true,
    }),
  ],
  (scope) => {
    const inode = inodeScope(scope);
    return dataForkBytes(inode.view, inode.bit >>> 3, inode.geometry.inodesize) * 8;
  },
  true,
);

/** Attribute fork. */
export const INODE_A = layout(
  'inode_a',
  'Attribute fork',
  [
    row('bmbt', BMBT_ATTR_ROOT, 'root of the extent btree', { when: attrFormat(FORK.BTREE) }),
    row('bmx', BMBT_ATTR_RECORD, 'extents', {
      when: attrFormat(FORK.EXTENTS),
      count: extentsOf(attrExtents),
      shown: 'tuple',
    }),
    row('sfattr', SFATTR, 'attributes', { when: attrFormat(FORK.LOCAL) }),
  ],
  (scope) => {
    const inode = inodeScope(scope);
    return attrForkBytes(inode.view, inode.bit >>> 3, inode.geometry.inodesize) * 8;
  },
  true,
);

/** Where the forks start: older versions end with `next_unlinked`. */
const forkStart = (s: Scope) => (not3(s) ? DINODE.offset.crc : INODE_CORE_BYTES);

/** A whole inode of `geometry.inodesize` bytes. */
export const INODE = layout('inode', 'Inode', [
  // First, because its flags say where the core keeps its extent counts.
  row('v3', INODE_V3, 'version 3 part of the core', { at: () => 0, order: 2 }),
  row('core', INODE_CORE, 'core', { at: () => 0, order: 0 }),
  field('next_unlinked', 'next_unlinked', { order: 1 }),
  row('u3', INODE_U3, 'data fork', { at: (s) => forkStart(s) * 8, order: 3 }),
  row('a', INODE_A, 'attribute fork', {
    when: (s) =>
      s.bits >= INODE_CORE_BYTES * 8 && s.view.getUint8((s.bit >>> 3) + DINODE.offset.forkoff) !== 0,
    at: (s) => (forkStart(s) + dataForkBytes(s.view, s.bit >>> 3, s.geometry.inodesize)) * 8,
    order: 4,
  }),
]);
