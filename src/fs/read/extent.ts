/**
 * Extents of an inode's fork, in file order: from the inode itself, or from the bmbt whose root it holds.
 *
 * Untrusted. Levels must fall by one from block to block, no bmbt block is visited twice, records must lie one behind
 * the other and inside the filesystem (realtime files: inside the realtime section); what breaks a rule is reported
 * and left out.
 */
import {
  BMBT_KEY,
  BMBT_RECORD,
  BMDR_HEADER,
  BTREE,
  LONG_HEADER,
  maxRecords,
  maxRootKeys,
} from '../../format/btree.ts';
import type { Geometry } from '../../format/geometry.ts';
import {
  attrExtents,
  attrForkBytes,
  DIFLAG,
  DINODE,
  dataExtents,
  dataForkBytes,
  FORK,
  INODE_CORE_BYTES,
} from '../../format/inode.ts';
import { readCount64 } from '../../format/kinds.ts';
import { viewOf } from '../../format/struct.ts';
import type { Inode } from './inode.ts';
import { ignore, type Report, tryRead, type Volume } from './volume.ts';

export type ForkName = 'data' | 'attr';

export interface Extent {
  /** Blocks of the file. */
  readonly fileoff: number;
  /** Realtime files: block of the realtime section. */
  readonly fsbno: number;
  readonly blocks: number;
  readonly unwritten: boolean;
}

/** Where a fork lies in its inode, and its format. */
export interface ForkPlace {
  /** Bytes from the start of the inode. */
  readonly start: number;
  readonly bytes: number;
  readonly format: number;
}

/** Taller trees do not exist. */
const MAX_LEVEL = 15;

/** A fork of an inode; undefined without one, or with a fork offset outside of the inode. */
export function forkOf(inode: Inode, fork: ForkName, geometry: Geometry): ForkPlace | undefined {
  const { view } = inode;
  const dataBytes = dataForkBytes(view, 0, geometry.inodesize);
  if (fork === 'data') {
    return { start: INODE_CORE_BYTES, bytes: dataBytes, format: view.getUint8(DINODE.offset.format) };
  }
  const bytes = attrForkBytes(view, 0, geometry.inodesize);
  if (bytes === 0) return undefined;
  return { start: INODE_CORE_BYTES + dataBytes, bytes, format: view.getUint8(DINODE.offset.aformat) };
}

/** All extents of a fork from that on which holds `from` (blocks of the file). None for other fork formats. */
export function* forkExtents(
  volume: Volume,
  inode: Inode,
  fork: ForkName,
  from = 0,
  report: Report = ignore,
): Generator<Extent> {
  const place = forkOf(inode, fork, volume.geometry);
  if (!place) return;
  const walk = new ExtentWalk(volume, inode, fork, from, report);
  if (place.format === FORK.EXTENTS) {
    const said = fork === 'data' ? dataExtents(inode.view, 0) : attrExtents(inode.view, 0);
    const room = Math.floor(place.bytes / BMBT_RECORD.size);
    if (said > room) report(`${walk.what}: ${said} extents, but room for ${room} in the inode`);
    yield* walk.records(inode.view, place.start, Math.min(said, room));
  } else if (place.format === FORK.BTREE && place.bytes >= BMDR_HEADER.size) {
    const level = inode.view.getUint16(place.start);
    const most = maxRootKeys(place.bytes);
    const said = inode.view.getUint16(place.start + 2);
    if (level < 1 || level > MAX_LEVEL) {
      report(`${walk.what}: level ${level} in the root of its bmbt`);
      return;
    }
    if (said > most) report(`${walk.what}: ${said} keys, but room for ${most} in the root of its bmbt`);
    const keys = place.start + BMDR_HEADER.size;
    const count = Math.min(said, most);
    yield* walk.children({
      view: inode.view,
      keys,
      pointers: keys + most * BMBT_KEY.size,
      count,
      level,
    });
  }
}

/** Block of the device section that holds block `fileoff` of a fork; undefined in a hole. */
export function blockAt(
  volume: Volume,
  inode: Inode,
  fork: ForkName,
  fileoff: number,
): (Extent & { readonly at: number }) | undefined {
  for (const extent of forkExtents(volume, inode, fork, fileoff)) {
    if (extent.fileoff > fileoff) return undefined;
    if (fileoff < extent.fileoff + extent.blocks) {
      return { ...extent, at: extent.fsbno + (fileoff - extent.fileoff) };
    }
  }
  return undefined;
}

interface Node {
  readonly view: DataView;
  readonly keys: number;
  readonly pointers: number;
  readonly count: number;
  readonly level: number;
}

class ExtentWalk {
  readonly what: string;
  private readonly volume: Volume;
  private readonly from: number;
  private readonly report: Report;
  private readonly isRealtime: boolean;
  private readonly visited = new Set<number>();
  /** End of the extent before, blocks of the file. */
  private end = 0;

  constructor(volume: Volume, inode: Inode, fork: ForkName, from: number, report: Report) {
    this.volume = volume;
    this.from = from;
    this.report = report;
    this.what = `inode ${inode.ino} ${fork} fork`;
    const flags = inode.view.getUint16(DINODE.offset.flags);
    this.isRealtime = fork === 'data' && (flags & (1 << DIFLAG.REALTIME)) !== 0;
  }

  *children(node: Node): Generator<Extent> {
    for (let i = 0; i < node.count; i++) {
      const next =
        i + 1 < node.count ? readCount64(node.view, node.keys + (i + 1) * BMBT_KEY.size) : undefined;
      if (next !== undefined && next <= this.from) continue;
      yield* this.block(readCount64(node.view, node.pointers + i * 8), node.level - 1);
    }
  }

  private *block(fsbno: number, level: number): Generator<Extent> {
    const { geometry, device } = this.volume;
    if (!geometry.isFsbnoRange(fsbno, 1) || this.visited.has(fsbno)) {
      this.report(`${this.what}: bmbt block ${fsbno} is out of range or comes twice`);
      return;
    }
    this.visited.add(fsbno);
    const bytes = tryRead(device, geometry.fsbnoByte(fsbno), geometry.blocksize);
    const view = bytes && viewOf(bytes);
    if (!view || view.getUint32(0) !== BTREE.bmapbt.magic || view.getUint16(4) !== level) {
      this.report(`${this.what}: bmbt block ${fsbno} cannot be read or is none of level ${level}`);
      return;
    }
    const most = maxRecords(BTREE.bmapbt, level, geometry.blocksize);
    const count = Math.min(view.getUint16(6), most);
    const start = LONG_HEADER.size;
    if (level === 0) yield* this.records(view, start, count);
    else yield* this.children({ view, keys: start, pointers: start + most * BMBT_KEY.size, count, level });
  }

  *records(view: DataView, start: number, count: number): Generator<Extent> {
    for (let i = 0; i < count; i++) {
      const record = readRecord(view, start + i * BMBT_RECORD.size);
      if (record.fileoff + record.blocks <= this.from) continue;
      if (record.fileoff < this.end || !this.isInside(record)) {
        this.report(
          `${this.what}: extent at ${record.fileoff}, ${record.blocks} blocks from ${record.fsbno}, is out of order or range`,
        );
        continue;
      }
      this.end = record.fileoff + record.blocks;
      yield record;
    }
  }

  private isInside({ fsbno, blocks }: Extent): boolean {
    const { geometry } = this.volume;
    if (this.isRealtime) return blocks > 0 && fsbno + blocks <= geometry.rblocks;
    return geometry.isFsbnoRange(fsbno, blocks);
  }
}

/** The record at byte `at`: 1 + 54 + 52 + 21 bits. */
export function readRecord(view: DataView, at: number): Extent {
  const a = view.getUint32(at);
  const b = view.getUint32(at + 4);
  const c = view.getUint32(at + 8);
  const d = view.getUint32(at + 12);
  return {
    unwritten: a >>> 31 === 1,
    fileoff: (a & 0x7fffffff) * 2 ** 23 + (b >>> 9),
    fsbno: (b & 0x1ff) * 2 ** 43 + c * 2 ** 11 + (d >>> 21),
    blocks: d & 0x1fffff,
  };
}
