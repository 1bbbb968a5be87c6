/**
 * Every metadata object of a sound image, found by walking it: AG headers, AG btrees, inodes, bmbt blocks,
 * directory and attribute blocks, symlink pieces, log records. For tests that want each of them once; it trusts the
 * image (xfs_repair called it clean), unlike check.
 */

import { AGF } from '../../src/format/agf.ts';
import { AGI } from '../../src/format/agi.ts';
import { BMBT_RECORD, BTREE, type BtreeFamily, maxRootKeys, pointerOffset } from '../../src/format/btree.ts';
import type { Geometry } from '../../src/format/geometry.ts';
import {
  attrExtents,
  attrForkBytes,
  DINODE,
  dataExtents,
  dataForkBytes,
  FORK,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
} from '../../src/format/inode.ts';
import {
  BASIC_BLOCK,
  LOG_RECORD,
  LOG_RECORD_MAGIC,
  logHeaderBlocks,
  logRecordCrc,
} from '../../src/format/log.ts';
import { BLOCK_TYPES, type BlockType, identify, type ObjectPlace } from '../../src/format/registry.ts';
import { viewOf } from '../../src/format/struct.ts';
import { geometryOf } from '../../src/format/superblock.ts';

export interface FoundObject {
  readonly type: BlockType;
  /** Byte in the image. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly place: ObjectPlace;
}

interface Mapped {
  readonly startoff: number;
  readonly startblock: number;
  readonly blockcount: number;
}

/** Walks `image`, the bytes of a whole data device. */
export function* metadataObjects(image: Uint8Array): Generator<FoundObject> {
  const geometry = geometryOf(image);
  for (let agno = 0; agno < geometry.agcount; agno++) {
    for (const [i, name] of ['sb', 'agf', 'agi', 'agfl'].entries()) {
      yield take(image, geometry.headerByte(agno, i), geometry.sectsize, type(name), { agno, agbno: 0 });
    }
    const chunks: number[] = [];
    for (const found of agTrees(image, geometry, agno)) {
      if (found.type.name === 'inobt') collectChunks(found.bytes, geometry, chunks);
      yield found;
    }
    for (const agino of chunks) yield* inode(image, geometry, agno, agino);
  }
}

function type(name: string, form = ''): BlockType {
  return BLOCK_TYPES.find((t) => t.name === name && t.form === form)!;
}

function take(
  image: Uint8Array,
  offset: number,
  length: number,
  of: BlockType,
  place: ObjectPlace,
): FoundObject {
  return { type: of, offset, bytes: image.subarray(offset, offset + length), place };
}

function* agTrees(image: Uint8Array, geometry: Geometry, agno: number): Generator<FoundObject> {
  const agf = AGF.over(image, geometry.headerByte(agno, 1));
  const agi = AGI.over(image, geometry.headerByte(agno, 2));
  const { features } = geometry;
  const roots = [
    ['bnobt', agf.bnoroot],
    ['cntbt', agf.cntroot],
    ['inobt', agi.root],
    ...(features.finobt ? [['finobt', agi.free_root]] : []),
    ...(features.rmapbt ? [['rmapbt', agf.rmaproot]] : []),
    ...(features.reflink ? [['refcntbt', agf.refcntroot]] : []),
  ] as [keyof typeof BTREE, number][];
  for (const [name, root] of roots) {
    yield* treeBlocks(image, geometry, BTREE[name], type(name), { agno, agbno: root });
  }
}

function* treeBlocks(
  image: Uint8Array,
  geometry: Geometry,
  family: BtreeFamily,
  of: BlockType,
  place: ObjectPlace,
): Generator<FoundObject> {
  const found = take(image, geometry.agbnoByte(place.agno, place.agbno), geometry.blocksize, of, place);
  yield found;
  const view = viewOf(found.bytes);
  if (view.getUint16(4) === 0) return;
  for (let i = 0; i < view.getUint16(6); i++) {
    const at = pointerOffset(family, i, geometry.blocksize);
    const child = family.long
      ? fsbnoPlace(geometry, Number(view.getBigUint64(at)))
      : { agno: place.agno, agbno: view.getUint32(at) };
    yield* treeBlocks(image, geometry, family, of, { ...place, ...child });
  }
}

function fsbnoPlace(geometry: Geometry, fsbno: number): { agno: number; agbno: number } {
  return { agno: geometry.fsbnoAgno(fsbno), agbno: geometry.fsbnoAgbno(fsbno) };
}

/** Aginos of the inodes that the records of a leaf say exist. */
function collectChunks(block: Uint8Array, geometry: Geometry, into: number[]): void {
  const view = viewOf(block);
  if (view.getUint16(4) !== 0) return;
  for (let i = 0; i < view.getUint16(6); i++) {
    const at = BTREE.inobt.headerBytes + i * BTREE.inobt.recordBytes;
    const holes = geometry.features.sparse ? view.getUint16(at + 4) : 0;
    for (let k = 0; k < 64; k++) if (((holes >> (k >> 2)) & 1) === 0) into.push(view.getUint32(at) + k);
  }
}

function* inode(image: Uint8Array, geometry: Geometry, agno: number, agino: number): Generator<FoundObject> {
  const ino = geometry.ino(agno, agino);
  const place = { agno, agbno: geometry.aginoAgbno(agino), ino };
  const found = take(image, geometry.inoByte(ino), geometry.inodesize, type('inode'), place);
  yield found;
  const view = viewOf(found.bytes);
  const mode = view.getUint16(DINODE.offset.mode) & S_IFMT;
  if (mode === 0) return;
  const dataFormat = view.getUint8(DINODE.offset.format);
  const data = { at: DINODE.size, bytes: dataForkBytes(view, 0, geometry.inodesize), format: dataFormat };
  const maps = yield* fork(image, geometry, view, data, dataExtents(view, 0), 'bmapbtd', ino);
  if (mode === S_IFDIR) yield* dirBlocks(image, geometry, maps, ino);
  if (mode === S_IFLNK) yield* symlinkPieces(image, geometry, maps, ino);
  const attrBytes = attrForkBytes(view, 0, geometry.inodesize);
  if (attrBytes === 0) return;
  const attr = {
    at: DINODE.size + data.bytes,
    bytes: attrBytes,
    format: view.getUint8(DINODE.offset.aformat),
  };
  const attrMaps = yield* fork(image, geometry, view, attr, attrExtents(view, 0), 'bmapbta', ino);
  for (const map of attrMaps) {
    for (let i = 0; i < map.blockcount; i++) {
      const where = { ...fsbnoPlace(geometry, map.startblock + i), ino };
      const at = geometry.agbnoByte(where.agno, where.agbno);
      const kind = identify(image.subarray(at, at + geometry.blocksize), geometry);
      // A block that a shorter value left behind keeps whatever it had.
      const name = kind?.name === 'dir3' ? type('attr3', 'node') : kind;
      if (name?.name === 'attr3') yield take(image, at, geometry.blocksize, name, where);
    }
  }
}

/** Yields the bmbt blocks of a fork, returns its mappings. */
function* fork(
  image: Uint8Array,
  geometry: Geometry,
  view: DataView,
  where: { at: number; bytes: number; format: number },
  extents: number,
  name: 'bmapbtd' | 'bmapbta',
  ino: number,
): Generator<FoundObject, Mapped[]> {
  if (where.format === FORK.EXTENTS) return records(view, where.at, extents);
  const maps: Mapped[] = [];
  if (where.format !== FORK.BTREE) return maps;
  const pointers = where.at + 4 + 8 * maxRootKeys(where.bytes);
  for (let i = 0; i < view.getUint16(where.at + 2); i++) {
    const place = { ...fsbnoPlace(geometry, Number(view.getBigUint64(pointers + 8 * i))), ino };
    for (const found of treeBlocks(image, geometry, BTREE.bmapbt, type(name), place)) {
      yield found;
      const block = viewOf(found.bytes);
      if (block.getUint16(4) === 0)
        maps.push(...records(block, BTREE.bmapbt.headerBytes, block.getUint16(6)));
    }
  }
  return maps;
}

function records(view: DataView, at: number, count: number): Mapped[] {
  return Array.from({ length: count }, (_, i) => {
    const { startoff, startblock, blockcount } = BMBT_RECORD.at(view, at + 16 * i);
    return { startoff, startblock, blockcount };
  });
}

/** Whole directory blocks; where one is in several pieces of disk, it is put together. */
function* dirBlocks(
  image: Uint8Array,
  geometry: Geometry,
  maps: Mapped[],
  ino: number,
): Generator<FoundObject> {
  const blocks = new Map<number, number>();
  for (const m of maps) for (let i = 0; i < m.blockcount; i++) blocks.set(m.startoff + i, m.startblock + i);
  const per = geometry.dirblocksize / geometry.blocksize;
  for (const [fileoff, fsbno] of blocks) {
    if (fileoff % per !== 0) continue;
    const bytes = new Uint8Array(geometry.dirblocksize);
    for (let i = 0; i < per; i++) {
      const from = geometry.fsbnoByte(blocks.get(fileoff + i)!);
      bytes.set(image.subarray(from, from + geometry.blocksize), i * geometry.blocksize);
    }
    const kind = identify(bytes, geometry)!;
    yield {
      type: kind,
      offset: geometry.fsbnoByte(fsbno),
      bytes,
      place: { ...fsbnoPlace(geometry, fsbno), ino },
    };
  }
}

function* symlinkPieces(
  image: Uint8Array,
  geometry: Geometry,
  maps: Mapped[],
  ino: number,
): Generator<FoundObject> {
  for (const m of maps) {
    const place = { ...fsbnoPlace(geometry, m.startblock), ino };
    const at = geometry.fsbnoByte(m.startblock);
    yield take(image, at, m.blockcount * geometry.blocksize, type('symlink'), place);
  }
}

export interface FoundRecord {
  readonly header: Uint8Array;
  readonly extensions: Uint8Array[];
  /** Data with the first word of every basic block put back. */
  readonly data: Uint8Array;
}

/** Log records whose checksum is right, in the order of the log; stand-in headers have none. */
export function* logRecords(image: Uint8Array): Generator<FoundRecord> {
  const geometry = geometryOf(image);
  const start = geometry.fsbnoByte(geometry.logstart);
  const log = image.subarray(start, start + geometry.logblocks * geometry.blocksize);
  for (let at = 0; at + BASIC_BLOCK <= log.length; at += BASIC_BLOCK) {
    const header = log.subarray(at, at + BASIC_BLOCK);
    const { magic, size, len, crc } = LOG_RECORD.over(header);
    if (magic !== LOG_RECORD_MAGIC || crc === 0) continue;
    const first = at + logHeaderBlocks(size) * BASIC_BLOCK;
    if (first + len > log.length) continue;
    if (logRecordCrc(log.subarray(at, first), log.subarray(first, first + len), len) !== crc) continue;
    const extensions = [];
    for (let e = at + BASIC_BLOCK; e < first; e += BASIC_BLOCK)
      extensions.push(log.subarray(e, e + BASIC_BLOCK));
    yield { header, extensions, data: unstamped(header, extensions, log.subarray(first, first + len)) };
  }
}

function unstamped(header: Uint8Array, extensions: Uint8Array[], stored: Uint8Array): Uint8Array {
  const data = stored.slice();
  for (let i = 0; i * BASIC_BLOCK < data.length; i++) {
    const holder = i < 64 ? header : extensions[(i >> 6) - 1];
    const from = (i < 64 ? LOG_RECORD.offset.cycle_data : 4) + (i & 63) * 4;
    if (holder) data.set(holder.subarray(from, from + 4), i * BASIC_BLOCK);
  }
  return data;
}
