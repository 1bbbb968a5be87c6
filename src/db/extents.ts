/**
 * Extents of an inode's fork, as far as db needs them to turn a file offset into blocks. Untrusted: depth, number of
 * records and every pointer are bounded; what cannot be read ends the search.
 */
import {
  BMBT_KEY,
  BMBT_RECORD,
  BMDR_HEADER,
  BTREE,
  LONG_HEADER,
  maxRecords,
  maxRootKeys,
} from '../format/btree.ts';
import {
  attrExtents,
  attrForkBytes,
  DINODE,
  dataExtents,
  dataForkBytes,
  FORK,
  INODE_CORE_BYTES,
} from '../format/inode.ts';
import { readCount64 } from '../format/kinds.ts';
import { viewOf } from '../format/struct.ts';
import type { Filesystem } from './filesystem.ts';

export type Fork = 'data' | 'attr';

export interface Extent {
  /** Blocks of the file. */
  readonly fileoff: number;
  readonly fsbno: number;
  readonly blocks: number;
  readonly unwritten: boolean;
}

const MAX_LEVELS = 16;

export interface MapRange {
  readonly from: number;
  readonly count: number;
  readonly most: number;
}

/**
 * Extents that lie in `count` blocks from `from`, cut to that range, in file order; at most `most`. Of a btree the
 * leaf that holds `from` is looked up and then those to its right, as their siblings tell.
 */
export function mapRange(filesystem: Filesystem, inode: Uint8Array, fork: Fork, range: MapRange): Extent[] {
  const found: Extent[] = [];
  const end = range.from + range.count;
  for (const extent of leafExtents(filesystem, inode, fork, range.from)) {
    if (found.length === range.most || extent.fileoff >= end) break;
    const skip = Math.max(0, range.from - extent.fileoff);
    if (skip >= extent.blocks) continue;
    const fileoff = extent.fileoff + skip;
    const blocks = Math.min(extent.blocks - skip, end - fileoff);
    found.push({ fileoff, fsbno: extent.fsbno + skip, blocks, unwritten: extent.unwritten });
  }
  return found;
}

function* leafExtents(
  filesystem: Filesystem,
  inode: Uint8Array,
  fork: Fork,
  from: number,
): Generator<Extent> {
  const view = viewOf(inode);
  const { start, bytes, format } = forkPlace(filesystem, view, fork);
  if (format !== FORK.BTREE) {
    yield* extentsFrom(filesystem, inode, fork, from);
    return;
  }
  if (bytes < BMDR_HEADER.size || start + bytes > inode.length) return;
  const most = maxRootKeys(bytes);
  const count = Math.min(view.getUint16(start + 2), most);
  const keys = start + BMDR_HEADER.size;
  let leaf = childOf({ view, keys, pointers: keys + most * BMBT_KEY.size, count }, from);
  let block = readBlock(filesystem, leaf);
  for (let level = 0; block && block.getUint16(4) > 0; level++) {
    if (level === MAX_LEVELS) return;
    leaf = childOf(nodeOf(filesystem, block), from);
    block = readBlock(filesystem, leaf);
  }
  const seen = new Set<number>();
  while (block && leaf !== undefined && !seen.has(leaf)) {
    seen.add(leaf);
    const most = maxRecords(BTREE.bmapbt, 0, filesystem.geometry.blocksize);
    yield* records(block, LONG_HEADER.size, Math.min(block.getUint16(6), most));
    leaf = readCount64(block, LONG_HEADER.offset.rightsib);
    block = readBlock(filesystem, leaf);
  }
}

function nodeOf({ geometry }: Filesystem, view: DataView): Node {
  const most = maxRecords(BTREE.bmapbt, 1, geometry.blocksize);
  const count = Math.min(view.getUint16(6), most);
  return { view, keys: LONG_HEADER.size, pointers: LONG_HEADER.size + most * BMBT_KEY.size, count };
}

/** The child that holds `from`, as its keys tell. */
function childOf(node: Node, from: number): number | undefined {
  let wanted = node.count - 1;
  for (let i = 0; i < node.count; i++) {
    const key = readCount64(node.view, node.keys + i * BMBT_KEY.size);
    const isPast = key > from || key < 0;
    if (key !== from && !isPast) continue;
    wanted = isPast ? Math.max(0, i - 1) : i;
    break;
  }
  return wanted < 0 ? undefined : readCount64(node.view, node.pointers + wanted * 8);
}

/** A block of the bmbt, whatever it holds; undefined for a number of none. */
function readBlock(filesystem: Filesystem, fsbno: number | undefined): DataView | undefined {
  const { geometry, device } = filesystem;
  if (fsbno === undefined || !geometry.isFsbnoRange(fsbno, 1)) return undefined;
  const offset = geometry.fsbnoByte(fsbno);
  if (offset + geometry.blocksize > device.size) return undefined;
  return viewOf(filesystem.read(offset, geometry.blocksize));
}

function forkPlace({ geometry }: Filesystem, view: DataView, fork: Fork) {
  const dataBytes = dataForkBytes(view, 0, geometry.inodesize);
  return {
    bytes: fork === 'data' ? dataBytes : attrForkBytes(view, 0, geometry.inodesize),
    start: INODE_CORE_BYTES + (fork === 'data' ? 0 : dataBytes),
    format: view.getUint8(fork === 'data' ? DINODE.offset.format : DINODE.offset.aformat),
  };
}

/** All extents of a fork from that on in which `from` may lie. */
export function* extentsFrom(
  filesystem: Filesystem,
  inode: Uint8Array,
  fork: Fork,
  from: number,
): Generator<Extent> {
  const view = viewOf(inode);
  const { start, bytes, format } = forkPlace(filesystem, view, fork);
  if (bytes === 0 || start + bytes > inode.length) return;
  if (format === FORK.EXTENTS) {
    const wanted = fork === 'data' ? dataExtents(view, 0) : attrExtents(view, 0);
    yield* records(view, start, Math.min(wanted, Math.floor(bytes / BMBT_RECORD.size)));
  } else if (format === FORK.BTREE && bytes >= BMDR_HEADER.size) {
    const most = maxRootKeys(bytes);
    const count = Math.min(view.getUint16(start + 2), most);
    const keys = start + BMDR_HEADER.size;
    const root = { view, keys, pointers: keys + most * BMBT_KEY.size, count };
    yield* children(filesystem, root, from, { depth: 0, seen: new Set() });
  }
}

interface Node {
  readonly view: DataView;
  readonly keys: number;
  readonly pointers: number;
  readonly count: number;
}

/** How far down a walk is, and the blocks it was at: none is visited twice, wherever pointers lead. */
interface Walk {
  readonly depth: number;
  readonly seen: Set<number>;
}

function* children(filesystem: Filesystem, node: Node, from: number, walk: Walk): Generator<Extent> {
  if (walk.depth > MAX_LEVELS) return;
  for (let i = 0; i < node.count; i++) {
    const next = i + 1 < node.count ? readCount64(node.view, node.keys + (i + 1) * BMBT_KEY.size) : undefined;
    if (next !== undefined && next <= from) continue;
    const fsbno = readCount64(node.view, node.pointers + i * 8);
    if (!filesystem.geometry.isFsbnoRange(fsbno, 1) || walk.seen.has(fsbno)) continue;
    walk.seen.add(fsbno);
    yield* blockExtents(filesystem, fsbno, from, walk);
  }
}

function* blockExtents(filesystem: Filesystem, fsbno: number, from: number, walk: Walk): Generator<Extent> {
  const { geometry } = filesystem;
  const offset = geometry.fsbnoByte(fsbno);
  if (offset + geometry.blocksize > filesystem.device.size) return;
  const view = viewOf(filesystem.read(offset, geometry.blocksize));
  if (view.getUint32(0) !== BTREE.bmapbt.magic) return;
  const level = view.getUint16(4);
  const most = maxRecords(BTREE.bmapbt, level, geometry.blocksize);
  const count = Math.min(view.getUint16(6), most);
  if (level === 0) yield* records(view, LONG_HEADER.size, count);
  else {
    const pointers = LONG_HEADER.size + most * BMBT_KEY.size;
    yield* children(filesystem, { view, keys: LONG_HEADER.size, pointers, count }, from, {
      ...walk,
      depth: walk.depth + 1,
    });
  }
}

function* records(view: DataView, start: number, count: number): Generator<Extent> {
  for (let i = 0; i < count; i++) {
    const record = BMBT_RECORD.at(view, start + i * BMBT_RECORD.size);
    yield {
      fileoff: record.startoff,
      fsbno: record.startblock,
      blocks: record.blockcount,
      unwritten: record.extentflag === 1,
    };
  }
}
