/**
 * Verifier of the inode core, on plain offsets, because check calls it for every inode
 * of a filesystem: nothing is allocated for a sound one. The CRC is not looked at here; the caller checksums whole
 * chunks. What the forks contain is for those who read them.
 */
import { type Geometry, NULL_AGINO } from './geometry.ts';
import {
  DIFLAG,
  DIFLAG2,
  DINODE,
  FORK,
  INODE_CORE_BYTES,
  INODE_MAGIC,
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from './inode.ts';
import { formatUuid, readCount64 } from './kinds.ts';
import { hex, type Problem, Problems } from './problem.ts';

// A copy, because the engine reads properties of an object literal faster than of one grown by name.
const AT = { ...DINODE.offset };
const TWO_32 = 2 ** 32;
/** Longest extent, blocks. */
const MAX_EXTENT = 2 ** 21 - 1;
const problems = new Problems();

const REFLINK = 1 << DIFLAG2.REFLINK;
const COWEXTSIZE = 1 << DIFLAG2.COWEXTSIZE;
const BIGTIME = 1 << DIFLAG2.BIGTIME;
const NREXT64 = 1 << DIFLAG2.NREXT64;
const METADATA = 1 << DIFLAG2.METADATA;
const REALTIME = 1 << DIFLAG.REALTIME;
const EXTSIZE = 1 << DIFLAG.EXTSIZE;
const EXTSZINHERIT = 1 << DIFLAG.EXTSZINHERIT;
const DAX = 1 << DIFLAG2.DAX;
/** Flags that only a directory hands on; and those that speak of a file's own data. */
const DIRECTORY_FLAGS =
  (1 << DIFLAG.RTINHERIT) | (1 << DIFLAG.PROJINHERIT) | (1 << DIFLAG.NOSYMLINKS) | EXTSZINHERIT;
const NEWRTBM = 1 << DIFLAG.NEWRTBM;
/** Bits that have a meaning. */
const FLAGS_KNOWN = (1 << 15) - 1;
const FLAGS2_KNOWN = (1 << DIFLAG2.DAX) | REFLINK | COWEXTSIZE | BIGTIME | NREXT64;
const MAX_NLINK = 2 ** 31 - 1;
const NSEC = 10 ** 9;

/** Whether the type in `mode` is one of the seven: fifo 1, chr 2, dir 4, blk 6, reg 8, symlink 10, socket 12. */
const TYPES = (1 << 1) | (1 << 2) | (1 << 4) | (1 << 6) | (1 << 8) | (1 << 10) | (1 << 12);

/**
 * Verifies the core of the inode at `byte`, which should be inode `ino`. Free inodes (mode 0) must still be
 * identified. The view must hold `inodesize` bytes from there.
 */
export function verifyDinode(
  view: DataView,
  byte: number,
  geometry: Geometry,
  ino: number,
): readonly Problem[] {
  const magic = view.getUint16(byte);
  if (magic !== INODE_MAGIC) {
    problems.stop('core.magic', hex(magic), hex(INODE_MAGIC));
    return problems.take();
  }
  const version = view.getInt8(byte + AT.version);
  if (version !== 3) {
    problems.stop('core.version', version, 3);
    return problems.take();
  }
  verifyIdentity(view, byte, geometry, ino);
  verifySize(view, byte);
  verifyCounts(view, byte, geometry);
  verifyForks(view, byte, geometry);
  verifyHints(view, byte, geometry);
  verifyFlags(view, byte, geometry);
  verifyPads(view, byte);
  if (view.getUint16(byte + AT.mode) !== 0) {
    verifyInUse(view, byte);
    verifyType(view, byte, geometry);
  } else verifyFree(view, byte);
  return problems.take();
}

function verifyIdentity(view: DataView, byte: number, geometry: Geometry, ino: number): void {
  const found = readCount64(view, byte + AT.ino);
  if (found !== ino) problems.stop('v3.inumber', found, ino);
  if (!geometry.isMetaUuid(view, byte + AT.uuid)) {
    const uuid = formatUuid(new Uint8Array(view.buffer, view.byteOffset + byte + AT.uuid, 16));
    problems.stop('v3.uuid', uuid, geometry.metaUuid);
  }
  const next = view.getUint32(byte + AT.next_unlinked);
  if (next !== NULL_AGINO && !geometry.isAgbno(geometry.inoAgno(ino), geometry.aginoAgbno(next))) {
    problems.add('next_unlinked', next, 'null or an inode of the AG');
  }
}

function verifySize(view: DataView, byte: number): void {
  const mode = view.getUint16(byte + AT.mode);
  const type = mode & S_IFMT;
  const sizeHigh = view.getUint32(byte + AT.size);
  if (mode !== 0 && (TYPES & (1 << (type >>> 12))) === 0)
    problems.stop('core.mode', `0${mode.toString(8)}`, 'a file type');
  if (sizeHigh >= 0x80000000) problems.add('core.size', view.getBigInt64(byte + AT.size), 'not negative');
  const empty = sizeHigh === 0 && view.getUint32(byte + AT.size + 4) === 0;
  if (empty && (type === S_IFDIR || type === S_IFLNK) && view.getUint32(byte + AT.nlink) !== 0) {
    problems.add('core.size', 0, 'above zero for a linked directory or symlink');
  }
  const flags2 = view.getUint32(byte + AT.flags2 + 4);
  const metatype = view.getUint16(byte + AT.onlink);
  if (metatype !== 0 && (flags2 & METADATA) === 0) problems.add('core.onlink', metatype, 0);
}

function verifyCounts(view: DataView, byte: number, geometry: Geometry): void {
  const big = (view.getUint32(byte + AT.flags2 + 4) & NREXT64) !== 0;
  const bigCount =
    view.getUint32(byte + AT.big_nextents) * TWO_32 + view.getUint32(byte + AT.big_nextents + 4);
  const small = view.getUint32(byte + AT.nextents);
  const attr16 = view.getUint16(byte + AT.anextents);
  const data = big ? bigCount : small;
  const attr = big ? small : attr16;
  if (big && !geometry.features.nrext64) problems.add('v3.nrext64', 1, '0 without the feature');
  if (big && attr16 !== 0) problems.add('core.nrext64_pad', attr16, 0);
  if (!big && bigCount !== 0) problems.add('core.v3_pad', bigCount, 0);
  const most = big ? 2 ** 48 - 1 : 2 ** 31 - 1;
  if (data > most) problems.add('core.nextents', data, `at most ${most}`);
  if (!big && attr > 2 ** 15 - 1) problems.add('core.naextents', attr, `at most ${2 ** 15 - 1}`);
  if (view.getUint16(byte + AT.mode) === 0) {
    if (data + attr !== 0) problems.add('core.nextents', data + attr, '0 in a free inode');
    return;
  }
  const blocks = readCount64(view, byte + AT.nblocks);
  const metaBtree = view.getUint8(byte + AT.format) === FORK.META_BTREE;
  if (blocks < 0 || blocks > geometry.dblocks + geometry.rblocks) {
    problems.add('core.nblocks', blocks, `at most ${geometry.dblocks + geometry.rblocks}`);
  } else if (data + attr > blocks) {
    problems.add('core.nblocks', blocks, `at least the ${data + attr} extents`);
  } else if (data + attr === 0 && blocks !== 0 && !metaBtree) {
    problems.add('core.nblocks', blocks, '0 without extents');
  }
}

function verifyForks(view: DataView, byte: number, geometry: Geometry): void {
  const mode = view.getUint16(byte + AT.mode);
  const type = mode & S_IFMT;
  const format = view.getUint8(byte + AT.format);
  const forkoff = view.getUint8(byte + AT.forkoff);
  const literal = geometry.inodesize - INODE_CORE_BYTES;
  const dataFork = type === S_IFREG || type === S_IFDIR || type === S_IFLNK;
  if (dataFork) {
    verifyDataFormat(view, byte, geometry, forkoff === 0 ? literal : Math.min(forkoff * 8, literal));
  } else if (mode !== 0 && format !== FORK.DEV) {
    problems.stop('core.format', format, 'dev for this file type');
  }
  const aformat = view.getUint8(byte + AT.aformat);
  const big = (view.getUint32(byte + AT.flags2 + 4) & NREXT64) !== 0;
  const attr = big ? view.getUint32(byte + AT.nextents) : view.getUint16(byte + AT.anextents);
  if (forkoff === 0) {
    // Inodes that were never in use have 0 there.
    if (aformat !== FORK.EXTENTS && (mode !== 0 || aformat !== FORK.DEV)) {
      problems.add('core.aformat', aformat, mode === 0 ? '0 or 2 in a free inode' : '2 without a fork');
    }
    if (attr !== 0) problems.add('core.naextents', attr, '0 without a fork');
    return;
  }
  if (format === FORK.DEV ? forkoff !== 1 : forkoff >= literal >>> 3) {
    problems.add('core.forkoff', forkoff, format === FORK.DEV ? 1 : `below ${literal >>> 3}`);
    return;
  }
  if (aformat < FORK.LOCAL || aformat > FORK.BTREE)
    problems.add('core.aformat', aformat, 'local, extents or btree');
  const fit = (literal - forkoff * 8) >>> 4;
  if (aformat === FORK.EXTENTS && attr > fit)
    problems.add('core.naextents', attr, `at most the ${fit} that fit`);
  if (aformat === FORK.BTREE) needTall(attr, literal - forkoff * 8, 'core.naextents');
  if (aformat === FORK.LOCAL && attr !== 0) problems.add('core.naextents', attr, '0 in local format');
}

/** A btree holds what would not fit into its fork: readers refuse another. */
function needTall(extents: number, forkBytes: number, field: string): void {
  const fit = forkBytes >>> 4;
  if (extents <= fit) problems.add(field, extents, `more than the ${fit} that fit without a btree`);
}

function verifyDataFormat(view: DataView, byte: number, geometry: Geometry, forkBytes: number): void {
  const type = view.getUint16(byte + AT.mode) & S_IFMT;
  const format = view.getUint8(byte + AT.format);
  const size = view.getUint32(byte + AT.size) * TWO_32 + view.getUint32(byte + AT.size + 4);
  const big = (view.getUint32(byte + AT.flags2 + 4) & NREXT64) !== 0;
  const extents = big
    ? view.getUint32(byte + AT.big_nextents) * TWO_32 + view.getUint32(byte + AT.big_nextents + 4)
    : view.getUint32(byte + AT.nextents);
  if (format === FORK.LOCAL) {
    if (type === S_IFREG) problems.stop('core.format', format, 'extents or btree for a file');
    if (size > forkBytes) problems.add('core.size', size, `at most ${forkBytes} in local format`);
    if (extents !== 0) problems.add('core.nextents', extents, '0 in local format');
  } else if (format === FORK.EXTENTS) {
    const fit = forkBytes >>> 4;
    if (extents > fit) problems.add('core.nextents', extents, `at most the ${fit} that fit`);
  } else if (format === FORK.BTREE) {
    needTall(extents, forkBytes, 'core.nextents');
  } else if (format === FORK.META_BTREE) {
    if (!geometry.features.metadir) problems.stop('core.format', format, 'local, extents or btree');
  } else {
    problems.stop('core.format', format, 'local, extents or btree');
  }
  if (type === S_IFDIR && size !== 0 && size <= forkBytes && format !== FORK.LOCAL) {
    problems.add('core.format', format, 'local: the directory fits the inode');
  }
  if (type === S_IFLNK && size <= forkBytes && format === FORK.BTREE) {
    problems.add('core.format', format, 'local or extents: the target fits the inode');
  }
}

function verifyHints(view: DataView, byte: number, geometry: Geometry): void {
  const mode = view.getUint16(byte + AT.mode);
  const type = mode & S_IFMT;
  const flags = view.getUint16(byte + AT.flags);
  const flags2 = view.getUint32(byte + AT.flags2 + 4);
  if ((flags & EXTSIZE) !== 0 && type !== S_IFREG) problems.add('core.extsz', 1, '0 unless a regular file');
  if ((flags & EXTSZINHERIT) !== 0 && type !== S_IFDIR)
    problems.add('core.extszinherit', 1, '0 unless a directory');
  if ((flags2 & COWEXTSIZE) !== 0 && type !== S_IFREG && type !== S_IFDIR) {
    problems.add('v3.cowextsz', 1, '0 unless a file or directory');
  }
  const real = (flags & REALTIME) !== 0;
  const hinted = (flags & (EXTSIZE | EXTSZINHERIT)) !== 0;
  verifyHint('core.extsize', view.getUint32(byte + AT.extsize), hinted, mode, real, geometry);
  const cow = view.getUint32(byte + AT.cowextsize);
  verifyHint('v3.cowextsize', cow, (flags2 & COWEXTSIZE) !== 0, mode, real, geometry);
}

/** A hint and its flag belong together; freed inodes lose their flags but keep the value. */
function verifyHint(
  field: string,
  blocks: number,
  flagged: boolean,
  mode: number,
  real: boolean,
  geometry: Geometry,
): void {
  if (flagged && blocks === 0) problems.add(field, 0, 'above zero with its flag set');
  if (!flagged && blocks !== 0 && mode !== 0) problems.add(field, blocks, '0 without its flag');
  if (blocks > MAX_EXTENT) problems.add(field, blocks, `at most ${MAX_EXTENT}`);
  else if (!real && blocks > geometry.agblocks / 2) problems.add(field, blocks, 'at most half an AG');
}

function verifyFlags(view: DataView, byte: number, geometry: Geometry): void {
  const mode = view.getUint16(byte + AT.mode);
  const flags = view.getUint16(byte + AT.flags);
  const flags2 = view.getUint32(byte + AT.flags2 + 4);
  const { features } = geometry;
  const known2 = features.metadir ? FLAGS2_KNOWN | METADATA : FLAGS2_KNOWN;
  if ((flags2 & ~known2) !== 0 || view.getUint32(byte + AT.flags2) !== 0) {
    problems.add('v3.flags2', hex(view.getBigUint64(byte + AT.flags2)), `no bits beyond ${hex(known2)}`);
  }
  if ((flags2 & (REFLINK | COWEXTSIZE)) !== 0 && !features.reflink) {
    problems.add('v3.flags2', hex(flags2), 'no reflink flags without the feature');
  }
  if ((flags2 & REFLINK) !== 0 && (mode & S_IFMT) !== S_IFREG)
    problems.add('v3.reflink', 1, '0 unless a regular file');
  if ((flags2 & REFLINK) !== 0 && (flags & REALTIME) !== 0 && !features.metadir) {
    problems.add('v3.reflink', 1, '0 for a realtime file');
  }
  if ((flags2 & BIGTIME) !== 0 && !features.bigtime) problems.add('v3.bigtime', 1, '0 without the feature');
  if ((flags & REALTIME) !== 0 && mode !== 0 && geometry.rblocks === 0) {
    problems.add('core.realtime', 1, '0 without a realtime section');
  }
}

/** Rules that freed inodes need not keep: what is left in them means nothing. */
function verifyInUse(view: DataView, byte: number): void {
  const flags = view.getUint16(byte + AT.flags);
  const flags2 = view.getUint32(byte + AT.flags2 + 4);
  if ((flags & ~FLAGS_KNOWN) !== 0)
    problems.add('core.flags', hex(flags), `no bits beyond ${hex(FLAGS_KNOWN)}`);
  const nlink = view.getUint32(byte + AT.nlink);
  if (nlink > MAX_NLINK) problems.add('core.nlinkv2', nlink, `at most ${MAX_NLINK}`);
  if ((flags2 & BIGTIME) !== 0) {
    verifyBigtime('core.atime', view, byte + AT.atime);
    verifyBigtime('core.mtime', view, byte + AT.mtime);
    verifyBigtime('core.ctime', view, byte + AT.ctime);
    verifyBigtime('v3.crtime', view, byte + AT.crtime);
    return;
  }
  verifyNsec('core.atime.nsec', view.getUint32(byte + AT.atime + 4));
  verifyNsec('core.mtime.nsec', view.getUint32(byte + AT.mtime + 4));
  verifyNsec('core.ctime.nsec', view.getUint32(byte + AT.ctime + 4));
  verifyNsec('v3.crtime.nsec', view.getUint32(byte + AT.crtime + 4));
}

/** What nothing writes: it has no meaning, or only one for systems that never had this version of inodes. */
function verifyPads(view: DataView, byte: number): void {
  const pad = byte + AT.pad2;
  if ((view.getUint32(pad) | view.getUint32(pad + 4) | view.getUint32(pad + 8)) !== 0) {
    problems.add('v3.pad2', 'bytes in use', 'zeros');
  }
  const events = view.getUint32(byte + AT.dmevmask);
  if (events !== 0) problems.add('core.dmevmask', hex(events), 0);
  const state = view.getUint16(byte + AT.dmstate);
  if (state !== 0) problems.add('core.dmstate', state, 0);
}

/** Flags and sizes that only some file types may have. */
function verifyType(view: DataView, byte: number, geometry: Geometry): void {
  const type = view.getUint16(byte + AT.mode) & S_IFMT;
  const flags = view.getUint16(byte + AT.flags);
  if (type !== S_IFDIR && (flags & DIRECTORY_FLAGS & ~EXTSZINHERIT) !== 0) {
    problems.add('core.flags', hex(flags), 'no flags of directories');
  }
  if (type !== S_IFREG && (flags & REALTIME) !== 0)
    problems.add('core.realtime', 1, '0 unless a regular file');
  if ((flags & NEWRTBM) !== 0 && !isBitmap(view, byte, geometry)) {
    problems.add('core.newrtbm', 1, '0 unless the realtime bitmap');
  }
  if (type === S_IFREG || type === S_IFDIR) return;
  if ((view.getUint32(byte + AT.flags2 + 4) & DAX) !== 0) {
    problems.add('v3.dax', 1, '0 unless a file or directory');
  }
  if (type === S_IFLNK) return;
  const size = readCount64(view, byte + AT.size);
  if (size !== 0) problems.add('core.size', size, '0 for a special file');
  const number = view.getUint32(byte + INODE_CORE_BYTES);
  const device = type === S_IFBLK || type === S_IFCHR;
  if (!device && number !== 0) problems.add('u3.dev', hex(number), '0 for a pipe or socket');
}

/** The realtime bitmap inode follows the root inode; it marks itself as being of the new kind. */
function isBitmap(view: DataView, byte: number, geometry: Geometry): boolean {
  return readCount64(view, byte + AT.ino) === geometry.rootino + 1;
}

/** What the kernel resets when it frees an inode. */
function verifyFree(view: DataView, byte: number): void {
  const flags = view.getUint16(byte + AT.flags);
  if (flags !== 0) problems.add('core.flags', hex(flags), '0 in a free inode');
  const forkoff = view.getUint8(byte + AT.forkoff);
  if (forkoff !== 0) problems.add('core.forkoff', forkoff, '0 in a free inode');
  const format = view.getUint8(byte + AT.format);
  if (format !== FORK.DEV && format !== FORK.EXTENTS) {
    problems.add('core.format', format, '0 or 2 in a free inode');
  }
}

/** Last nanosecond that a timestamp may name: the second after it does not fit whole into 64 bits. */
const BIGTIME_END_LOW = 0xd5b51a00;

function verifyBigtime(field: string, view: DataView, at: number): void {
  if (view.getUint32(at) !== 0xffffffff || view.getUint32(at + 4) < BIGTIME_END_LOW) return;
  problems.add(field, view.getBigUint64(at), 'a second that can be told whole');
}

function verifyNsec(field: string, nsec: number): void {
  if (nsec >= NSEC) problems.add(field, nsec, `below ${NSEC}`);
}
