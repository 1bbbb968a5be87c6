/**
 * Reverse mappings in a range of blocks, as the rmapbt of each AG tells them. Unlike the other scans this one is as
 * strict as the kernel: a header or block that its verifier refuses ends the walk, with the kernel's error number.
 *
 * Records are kept as they lie in the leaves, 24 bytes each, so that a list of millions is small and exact.
 */
import { AGF } from '../../format/agf.ts';
import { BTREE, maxRecords, pointerOffset, RMAP_RECORD, SHORT_HEADER } from '../../format/btree.ts';
import { crcIsGood } from '../../format/checksum.ts';
import { NULL_AGBNO } from '../../format/geometry.ts';
import { readCount64 } from '../../format/kinds.ts';
import { readHeader } from '../../fs/scan/agheader.ts';
import type { ScanReader } from '../../fs/scan/reader.ts';
import { agfFault, EFSBADCRC, EFSCORRUPTED, EINVAL, EIO, mountedState } from './verdict.ts';

const RECORD = RMAP_RECORD.size;
const MAX_DEPTH = 16;

/** Rmap records of several AGs, raw, one after another. */
export class RmapList {
  bytes = new Uint8Array(64 * RECORD);
  view = new DataView(this.bytes.buffer);
  length = 0;
  /** AGs in the order they were read, and how many records there were at the end of each. */
  readonly ends: { readonly agno: number; end: number }[] = [];
  /** What ended the list before its time. */
  fault: { readonly where: 'reading AGF' | 'querying fsmap btree'; readonly errno: number } | undefined;

  push(from: Uint8Array, at: number): void {
    const end = (this.length + 1) * RECORD;
    if (end > this.bytes.length) {
      const larger = new Uint8Array(this.bytes.length * 2);
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    const to = this.length++ * RECORD;
    for (let i = 0; i < RECORD; i++) this.bytes[to + i] = from[at + i]!;
  }
}

export interface FsbnoRange {
  readonly from: number;
  /** Last block; may be anything beyond the end. */
  readonly to: number;
}

/** Reads the records that touch a range of blocks. */
export function readRmaps(reader: ScanReader, range: FsbnoRange, rootino: number): RmapList {
  const { geometry } = reader;
  const list = new RmapList();
  const lastAgno = geometry.fsbnoAgno(range.to);
  const { refusedAgno } = mountedState(reader, rootino);
  const end = Math.min(lastAgno, geometry.agcount - 1);
  for (let agno = geometry.fsbnoAgno(range.from); agno <= end && !list.fault; agno++) {
    const low = agno === geometry.fsbnoAgno(range.from) ? geometry.fsbnoAgbno(range.from) : 0;
    const high = agno === lastAgno ? geometry.fsbnoAgbno(range.to) : NULL_AGBNO;
    const sector = readHeader(reader, agno, 'agf');
    const errno = !sector ? EIO : agno === refusedAgno ? 0 : agfFault(sector, geometry, agno);
    if (errno !== 0) {
      list.fault = { where: 'reading AGF', errno };
      return list;
    }
    const walk = new RmapWalk(reader, agno, low, high, list);
    const bad = walk.run(AGF.over(sector!).rmaproot, AGF.over(sector!).rmaplevel);
    list.ends.push({ agno, end: list.length });
    if (bad !== 0) list.fault = { where: 'querying fsmap btree', errno: bad };
  }
  return list;
}

/** One AG's tree, from left to right, between two blocks. */
class RmapWalk {
  private readonly reader: ScanReader;
  private readonly agno: number;
  private readonly low: number;
  private readonly high: number;
  private readonly list: RmapList;
  private readonly blocks: DataView[] = [];
  private levels = 0;
  private left: number;

  constructor(reader: ScanReader, agno: number, low: number, high: number, list: RmapList) {
    this.reader = reader;
    this.agno = agno;
    this.low = low;
    this.high = high;
    this.list = list;
    this.left = reader.geometry.agblocks;
  }

  run(root: number, levels: number): number {
    if (this.low > this.high) return EINVAL;
    this.levels = levels;
    return levels > MAX_DEPTH ? EFSCORRUPTED : this.block(root, levels - 1);
  }

  /** Takes what lies under a block; 0, or the error number that ends the walk. */
  private block(agbno: number, level: number): number {
    const { reader, agno } = this;
    const { geometry } = reader;
    const inAg = agbno >= geometry.headerBlocks && agbno < geometry.agLength(agno);
    if (!inAg || this.left-- <= 0) return EFSCORRUPTED;
    this.blocks[level] ??= new DataView(new ArrayBuffer(geometry.blocksize));
    const view = this.blocks[level]!;
    const bytes = new Uint8Array(view.buffer);
    if (!reader.block(agno, agbno, bytes)) return EIO;
    const errno = this.verify(view, bytes, agbno, level);
    if (errno !== 0) return errno;
    const count = view.getUint16(SHORT_HEADER.offset.numrecs);
    return level === 0 ? this.leaf(view, bytes, count) : this.node(view, count, level);
  }

  private verify(view: DataView, bytes: Uint8Array, agbno: number, level: number): number {
    const { geometry } = this.reader;
    const at = SHORT_HEADER.offset;
    if (!crcIsGood(bytes, at.crc)) return EFSBADCRC;
    const found = view.getUint16(at.level);
    const count = view.getUint16(at.numrecs);
    const sibling = (byte: number): boolean => {
      const other = view.getUint32(byte);
      if (other === NULL_AGBNO) return true;
      return other !== agbno && other >= geometry.headerBlocks && other < geometry.agLength(this.agno);
    };
    const good =
      view.getUint32(0) === BTREE.rmapbt.magic &&
      geometry.isMetaUuid(view, at.uuid) &&
      readCount64(view, at.bno) === geometry.agbnoDaddr(this.agno, agbno) &&
      view.getUint32(at.owner) === this.agno &&
      found === level &&
      found < this.levels &&
      count <= maxRecords(BTREE.rmapbt, found, geometry.blocksize) &&
      (level === 0 || count > 0) &&
      sibling(at.leftsib) &&
      sibling(at.rightsib);
    return good ? 0 : EFSCORRUPTED;
  }

  private leaf(view: DataView, bytes: Uint8Array, count: number): number {
    for (let i = 0, at: number = SHORT_HEADER.size; i < count; i++, at += RECORD) {
      const start = view.getUint32(at);
      // Bits between the flags and the offset must be zero.
      if ((view.getUint32(at + 16) & 0x1fc00000) !== 0) return EFSCORRUPTED;
      if (start + view.getUint32(at + 4) - 1 < this.low) continue;
      if (start > this.high) return 0;
      this.list.push(bytes, at);
    }
    return 0;
  }

  private node(view: DataView, count: number, level: number): number {
    const { blocksize } = this.reader.geometry;
    const { keyBytes } = BTREE.rmapbt;
    for (let i = 0; i < count; i++) {
      const key = SHORT_HEADER.size + i * keyBytes;
      if (view.getUint32(key) > this.high) return 0;
      if (view.getUint32(key + keyBytes / 2) < this.low) continue;
      const errno = this.block(view.getUint32(pointerOffset(BTREE.rmapbt, i, blocksize)), level - 1);
      if (errno !== 0) return errno;
    }
    return 0;
  }
}
