/**
 * Following a field to what it points to: its row says of which type that is and in which unit it counts. Blocks of a
 * file are looked up in the current inode's fork; `inodata` is whatever that inode's kind of file has in its data fork.
 */
import { DADDR_BYTES, NULL_AGBNO, NULL_AGINO } from '../format/geometry.ts';
import { DIFLAG, DINODE, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../format/inode.ts';
import type { Kind } from '../format/kinds.ts';
import { viewOf } from '../format/struct.ts';
import type { Cursor, Piece } from './cursor.ts';
import { DbError } from './error.ts';
import { type Extent, type Fork, mapRange } from './extents.ts';
import type { FieldNode } from './field.ts';
import { type DbType, findType, typeNamed } from './types.ts';
import { isArrayRow } from './value.ts';

/** Goes to where the first value that `nodes` hold points to. */
export function follow(cursor: Cursor, nodes: readonly FieldNode[]): void {
  const node = firstLeaf(nodes);
  const { row } = node.placed;
  const target = typeof row.goto === 'function' ? row.goto(node.scope) : row.goto;
  const type = target === 'inodata' ? dataType(cursor) : target === undefined ? undefined : findType(target);
  if (!type || !row.unit) throw new DbError(`no next type for field ${node.name}`);
  const kind = row.kind as Kind<unknown>;
  const raw = kind.raw(node.scope.view, node.placed.elementBit(node.low));
  const isNull = raw === (1n << BigInt(kind.bits)) - 1n;
  const what = type.name === 'inode' ? 'inode' : 'block';
  if (isNull) throw new DbError(`null ${what} number, cannot set new addr`);
  goUnit(cursor, type, { unit: row.unit, value: Number(raw), isDaPointer: kind.bits === 32 });
}

/** The first leaf; of elements that are listed one by one xfs_db follows the first, too. */
function firstLeaf(nodes: readonly FieldNode[]): FieldNode {
  let node = nodes[0];
  while (node && node.children.length > 0) node = node.children[0];
  if (!node || (isArrayRow(node.placed) && node.low !== node.high)) {
    throw new DbError('array not allowed for addr command');
  }
  return node;
}

interface Pointer {
  readonly unit: string;
  readonly value: number;
  /** From a da block, where 0 is no block; extents may well start at 0. */
  readonly isDaPointer: boolean;
}

function goUnit(cursor: Cursor, type: DbType, pointer: Pointer): void {
  const { filesystem, top } = cursor;
  const { geometry } = filesystem;
  const { unit, value } = pointer;
  const agno = agnoOf(cursor);
  switch (unit) {
    case 'agbno':
      if (value === NULL_AGBNO) throw new DbError('null block number, cannot set new addr');
      cursor.move(type, geometry.agbnoDaddr(agno, value), filesystem.blockBbs);
      return;
    case 'agino':
      if (value === NULL_AGINO) throw new DbError('null inode number, cannot set new addr');
      cursor.moveInode(geometry.ino(agno, value));
      return;
    case 'ino':
      cursor.moveInode(value);
      return;
    case 'fsbno':
      cursor.move(type, geometry.fsbnoDaddr(value), blocksOf(cursor, type) * filesystem.blockBbs);
      return;
    case 'fileoff':
    case 'attroff':
      if (pointer.isDaPointer && value === 0) {
        const fork = unit === 'fileoff' ? 'directory' : 'attribute';
        throw new DbError(`null ${fork} block number, cannot set new addr`);
      }
      goFileBlock(cursor, type, unit === 'fileoff' ? 'data' : 'attr', value, unmappedText(pointer));
      return;
    default:
      throw new DbError(`no addr function for unit ${unit} at daddr ${top.daddr}`);
  }
}

function unmappedText({ unit, isDaPointer }: Pointer): string {
  if (!isDaPointer) return 'file block is unmapped';
  return `${unit === 'fileoff' ? 'directory' : 'attribute'} block is unmapped`;
}

/** The AG of what is being looked at: pointers inside an AG count from its start. */
function agnoOf(cursor: Cursor): number {
  const { geometry } = cursor.filesystem;
  return Math.floor((cursor.top.daddr * DADDR_BYTES) / (geometry.agblocks * geometry.blocksize));
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

/** Bytes of the current inode, read anew. */
export function currentInode(cursor: Cursor): Uint8Array {
  const { top, filesystem } = cursor;
  if (top.ino < 0) throw new DbError('no current inode');
  return filesystem.read(filesystem.geometry.inoByte(top.ino), filesystem.geometry.inodesize);
}

/** Goes to block `fileoff` of a fork of the current inode; a directory block may lie in several extents. */
export function goFileBlock(
  cursor: Cursor,
  type: DbType,
  fork: Fork,
  fileoff: number,
  unmapped: string,
): void {
  const { filesystem } = cursor;
  const count = fork === 'data' ? blocksOf(cursor, type) : 1;
  const inode = currentInode(cursor);
  const extents = mapRange(filesystem, inode, fork, { from: fileoff, count, most: count });
  const first = extents[0];
  if (!first) throw new DbError(unmapped);
  const bbs = count * filesystem.blockBbs;
  if (fork === 'data' && isRealtime(inode)) {
    cursor.move(type, first.fsbno * filesystem.blockBbs, bbs, { device: 'realtime' });
    return;
  }
  const map = extents.length > 1 ? { map: extents.map((extent) => pieceOf(cursor, extent)) } : {};
  cursor.move(type, filesystem.geometry.fsbnoDaddr(first.fsbno), bbs, map);
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
