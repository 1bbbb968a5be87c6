/**
 * Following a field to what it points to: its row says of which type that is and in which unit it counts. Blocks of a
 * file are looked up in the current inode's fork; `inodata` is whatever that inode's kind of file has in its data fork.
 */
import { DIFLAG, DINODE, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../format/inode.ts';
import type { Kind } from '../format/kinds.ts';
import { viewOf } from '../format/struct.ts';
import type { Cursor, Piece } from './cursor.ts';
import { DbError } from './error.ts';
import { type Extent, type Fork, type MapRange, mapRange } from './extents.ts';
import type { FieldNode } from './field.ts';
import { type DbType, findType, typeNamed } from './types.ts';
import { isArrayRow } from './value.ts';

/** Goes to where the first value that `nodes` hold points to. */
export function follow(cursor: Cursor, nodes: readonly FieldNode[]): void {
  const node = firstLeaf(nodes);
  const { row } = node.placed;
  const { target, unit } = targetOf(cursor.top.type?.name ?? '', node);
  const type = target === 'inodata' ? dataType(cursor) : target === undefined ? undefined : findType(target);
  if (!type || !unit) throw new DbError(`no next type for field ${node.name}`);
  const kind = row.kind as Kind<unknown>;
  const { view } = node.scope;
  const bit = node.placed.elementBit(node.low);
  // Blocks of an AG are read as 32 bits, also where the field has fewer.
  const isShort = unit === 'agbno' && kind.bits < 32;
  const raw = isShort ? u32At(view, bit) : kind.raw(view, bit);
  goUnit(cursor, type, { unit, raw, bits: isShort ? 32 : kind.bits });
}

function u32At(view: DataView, bit: number): bigint {
  const byte = bit >>> 3;
  const high = view.getUint32(byte);
  const shift = bit & 7;
  if (shift === 0) return BigInt(high);
  return BigInt(((high << shift) | (view.getUint8(byte + 4) >>> (8 - shift))) >>> 0);
}

/** Fields of refcount records that xfs_db knows to lead somewhere, but not how. */
const NO_WAY: Readonly<Record<string, string>> = { cowflag: 'ccowflag', refcount: 'uint32d' };
const SHORT_BTREES: ReadonlySet<string> = new Set(['bnobt', 'cntbt', 'rmapbt', 'refcntbt', 'inobt']);

/**
 * What a field points to, as xfs_db has it. There unlinked lists and the keys of a bmbt root are not followed, the
 * siblings of finobt blocks are inobt blocks, and a block's own number is taken for that of a block to go to, in
 * filesystem blocks although it counts 512 bytes.
 */
function targetOf(type: string, { name, placed, scope }: FieldNode): { target?: string; unit?: string } {
  const { row } = placed;
  const isKnown = type === 'refcntbt' && NO_WAY[name] !== undefined;
  if (isKnown) throw new DbError(`no addr function for field ${name} (type ${NO_WAY[name]})`);
  if (name === 'bno' && !isArrayRow(placed)) {
    const own = type === 'finobt' ? 'inobt' : type;
    return { target: SHORT_BTREES.has(own) ? own : 'bmapbtd', unit: 'fsbno' };
  }
  const target = typeof row.goto === 'function' ? row.goto(scope) : row.goto;
  if (target === undefined || row.unit === undefined) return {};
  if (type === 'agi' && name === 'unlinked') return {};
  if (type === 'inode' && name === 'startoff' && row.kind.name === 'count64') return {};
  const isSibling = type === 'finobt' && name.endsWith('sib');
  return { target: isSibling ? 'inobt' : target, unit: row.unit };
}

/** The first leaf; of several elements the first is followed. */
function firstLeaf(nodes: readonly FieldNode[]): FieldNode {
  let node = nodes[0];
  while (node && node.children.length > 0) node = node.children[0];
  if (!node || node.low >= node.placed.count) throw new DbError('nothing to follow');
  return node;
}

interface Pointer {
  readonly unit: string;
  readonly raw: bigint;
  readonly bits: number;
}

/** Whether all bits are set of a number that can be null: not one of a packed record. */
function isNull({ raw, bits }: Pointer): boolean {
  return (bits === 32 || bits === 64) && raw === (1n << BigInt(bits)) - 1n;
}

function goUnit(cursor: Cursor, type: DbType, pointer: Pointer): void {
  const { filesystem, top } = cursor;
  const { geometry } = filesystem;
  const { unit, raw, bits } = pointer;
  const value = Number(raw);
  const nothing = (what: string) => new DbError(`null ${what} number, cannot set new addr`);
  switch (unit) {
    case 'agbno': {
      const agno = currentAg(cursor);
      if (isNull(pointer)) throw nothing('block');
      cursor.move(type, geometry.agbnoDaddr(agno, value), filesystem.blockBbs);
      return;
    }
    case 'agino': {
      const agno = currentAg(cursor);
      if (isNull(pointer)) throw nothing('inode');
      // More bits than an AG's inodes have run into its number.
      cursor.moveInode((BigInt(agno) << BigInt(geometry.aginolog)) | raw);
      return;
    }
    case 'ino':
      if (bits === 64 && isNull(pointer)) throw nothing('inode');
      cursor.moveInode(raw);
      return;
    case 'fsbno':
      if (isNull(pointer)) throw nothing('block');
      cursor.move(type, geometry.fsbnoDaddr(value), blocksOf(cursor, type) * filesystem.blockBbs);
      return;
    case 'fileoff':
    case 'attroff': {
      const fork = unit === 'fileoff' ? 'data' : 'attr';
      const what = bits !== 32 ? 'file' : fork === 'data' ? 'directory' : 'attribute';
      if (bits === 32 && value === 0) throw nothing(`${what} block`);
      if (bits === 64 && isNull(pointer)) throw nothing('block');
      goFileBlock(cursor, { type, fork, fileoff: value, unmapped: `${what} block is unmapped` });
      return;
    }
    default:
      throw new DbError(`no addr function for unit ${unit} at daddr ${top.daddr}`);
  }
}

/** Pointers inside an AG count in the AG that was last chosen. */
function currentAg({ agno }: Cursor): number {
  if (agno === undefined) throw new DbError('no current allocation group, cannot set new addr');
  return agno;
}

/** Filesystem blocks that an object of this type takes. */
function blocksOf(cursor: Cursor, type: DbType): number {
  const { geometry } = cursor.filesystem;
  return type.name === 'dir3' ? geometry.dirblocksize / geometry.blocksize : 1;
}

/** What is in the data fork of the current inode. */
export function dataType(cursor: Cursor): DbType | undefined {
  const { top, filesystem } = cursor;
  const { superblock } = filesystem;
  switch (top.mode & S_IFMT) {
    case S_IFDIR:
      return typeNamed('dir3');
    case S_IFLNK:
      return typeNamed('symlink');
    case S_IFREG:
      if (top.ino === superblock.rbmino) return typeNamed('rtbitmap');
      if (top.ino === superblock.rsumino) return typeNamed('rtsummary');
      if ([superblock.uquotino, superblock.gquotino, superblock.pquotino].includes(top.ino)) {
        return typeNamed('dqblk');
      }
      return typeNamed('data');
    default:
      return undefined;
  }
}

export interface FileBlock {
  readonly type: DbType;
  readonly fork: Fork;
  /** Block of the file. */
  readonly fileoff: number;
  /** What to say when nothing is there. */
  readonly unmapped: string;
}

/** Goes to a block of a fork of the current inode; a directory block may lie in several extents. */
export function goFileBlock(cursor: Cursor, { type, fork, fileoff, unmapped }: FileBlock): void {
  const { filesystem } = cursor;
  const count = fork === 'data' ? blocksOf(cursor, type) : 1;
  const { extents, inode } = mapCurrent(cursor, fork, { from: fileoff, count, most: count });
  const first = extents[0];
  if (!first || !inode) throw new DbError(unmapped);
  const bbs = count * filesystem.blockBbs;
  // A hole at its start moves where the block is said to begin.
  const fsbno = first.fsbno + (fileoff - first.fileoff);
  if (fork === 'data' && isRealtime(inode)) {
    cursor.move(type, fsbno * filesystem.blockBbs, bbs, { device: 'realtime' });
    return;
  }
  const map = extents.length > 1 ? { map: extents.map((extent) => pieceOf(cursor, extent)) } : {};
  cursor.move(type, filesystem.geometry.fsbnoDaddr(fsbno), bbs, map);
}

/**
 * Visits the current inode, as all does that looks up its blocks, and gives its extents in a range and its bytes:
 * undefined where it cannot be read.
 */
export function mapCurrent(
  cursor: Cursor,
  fork: Fork,
  range: MapRange,
): { extents: Extent[]; inode: Uint8Array | undefined } {
  const inode = visitInode(cursor);
  return { extents: inode ? mapRange(cursor.filesystem, inode, fork, range) : [], inode };
}

/**
 * Bytes of the current inode, visited again, `times` times: the ring then has it as often, and a bad CRC is told of
 * as often. `look` is called while it is the current object.
 */
export function visitInode(cursor: Cursor, look?: () => void, times = 1): Uint8Array | undefined {
  const { notes } = cursor;
  const before = notes.length;
  cursor.push();
  cursor.tryInode(cursor.top.ino);
  const said = notes.slice(before);
  const { type, data } = cursor.top;
  const isThere = type?.name === 'inode';
  look?.();
  for (let i = 1; i < times; i++) {
    if (isThere) cursor.remember();
    notes.push(...said);
  }
  cursor.pop();
  return isThere ? data : undefined;
}

/** Whether the blocks of a file's data fork are those of the realtime section. */
function isRealtime(inode: Uint8Array): boolean {
  return (viewOf(inode).getUint16(DINODE.offset.flags) & (1 << DIFLAG.REALTIME)) !== 0;
}

function pieceOf(cursor: Cursor, extent: Extent): Piece {
  const { filesystem } = cursor;
  return {
    daddr: filesystem.geometry.fsbnoDaddr(extent.fsbno),
    bbs: extent.blocks * filesystem.blockBbs,
  };
}
