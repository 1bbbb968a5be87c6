/**
 * Fragmentation: how many extents the files have, and how few would do. Every inode that the inobt calls allocated
 * is looked at, AG by AG in the order of the tree; of a mapping only file offsets and lengths count.
 *
 * The hottest loop of `frag` runs over all inodes of the image: flat offsets, no object an inode.
 */
import {
  BMBT_RECORD,
  BMDR_HEADER,
  BTREE,
  LONG_HEADER,
  maxRecords,
  SHORT_HEADER,
} from '../../format/btree.ts';
import { CHUNK_INODES } from '../../format/geometry.ts';
import {
  attrExtents,
  attrForkBytes,
  DIFLAG,
  DINODE,
  dataExtents,
  dataForkBytes,
  FORK,
  INODE_CORE_BYTES,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../../format/inode.ts';
import { readAgf, readAgi } from '../../fs/scan/agheader.ts';
import { type ChunkRecord, chunkRecord, inodePieces, isFree, isHole } from '../../fs/scan/chunk.ts';
import { ScanReader } from '../../fs/scan/reader.ts';
import { type TreeVisitor, TreeWalk, wordAgbno, wordAgno } from '../../fs/scan/tree.ts';
import type { Filesystem } from '../filesystem.ts';

/** Once for all: looked up a million times each, they take a noticeable part of the time. */
const { mode: MODE, flags: FLAGS, forkoff: FORKOFF, format: FORMAT, aformat: AFORMAT } = DINODE.offset;
const REALTIME = 1 << DIFLAG.REALTIME;
const RECORD_BYTES = BMBT_RECORD.size;

/** As a number: 2^64 - 1, where there is no such inode. */
const NULL_INO = 2 ** 64;

/** Chunks of the smallest inodes in a window of the reader. */
const MOST_IN_ROW = 4;

/** Which forks of which files count. */
export interface FragmentationKinds {
  readonly attributes: boolean;
  readonly directories: boolean;
  readonly files: boolean;
  readonly symlinks: boolean;
  readonly quota: boolean;
  readonly realtimeControl: boolean;
  readonly realtimeFiles: boolean;
}

export interface FragmentationReport {
  message(text: string): void;
  /** An inode of which something counted; absent: nobody wants to know. */
  inode?(ino: number, actual: number, ideal: number): void;
}

/** How many chunks, of `most` records from byte `at` on, lie one behind another; no more are counted than are read at once. */
function chunksInRow(view: DataView, at: number, most: number): number {
  const first = view.getUint32(at);
  let count = 1;
  while (count < Math.min(most, MOST_IN_ROW)) {
    if (view.getUint32(at + count * BTREE.inobt.recordBytes) !== first + count * CHUNK_INODES) break;
    count++;
  }
  return count;
}

export class Fragmentation {
  actual = 0;
  ideal = 0;
  private readonly filesystem: Filesystem;
  private readonly reader: ScanReader;
  private readonly walk: TreeWalk;
  private readonly files: TreeWalk;
  private readonly kinds: FragmentationKinds;
  private readonly report: FragmentationReport;
  /** End of the extent before, in the file; -1 at the start of a fork. */
  private end = -1;
  private forkType = 'bmapbtd';
  private readonly inBmbt: TreeVisitor;
  /** Inodes of the realtime bitmap and summary and of the three quotas. */
  private readonly special: Float64Array;
  private readonly lastSpecial: number;

  constructor(filesystem: Filesystem, kinds: FragmentationKinds, report: FragmentationReport) {
    this.filesystem = filesystem;
    this.reader = new ScanReader(filesystem.device, filesystem.geometry);
    this.walk = new TreeWalk(this.reader);
    this.files = new TreeWalk(this.reader);
    this.kinds = kinds;
    this.report = report;
    const { rbmino, rsumino, uquotino, gquotino, pquotino } = filesystem.superblock;
    this.special = Float64Array.of(rbmino, rsumino, uquotino, gquotino, pquotino);
    this.lastSpecial = Math.max(...this.special.filter((ino) => ino < NULL_INO));
    this.inBmbt = {
      block: (view, level) => this.bmbtBlock(view, level),
      lost: (agno, agbno) => report.message(`can't read btree block ${agno}/${agbno}\n`),
    };
  }

  scan(): void {
    const { agcount } = this.filesystem.geometry;
    for (let agno = 0; agno < agcount; agno++) this.scanAg(agno);
  }

  private scanAg(agno: number): void {
    const agf = readAgf(this.reader, agno);
    const agi = agf && readAgi(this.reader, agno);
    if (!agf || !agi) {
      this.report.message(`can't read ${agf ? 'agi' : 'agf'} block for ag ${agno}\n`);
      return;
    }
    const { geometry } = this.filesystem;
    const family = BTREE.inobt;
    const root = { family, agno: agf.seqno, agbno: agi.root, levels: agi.level };
    this.walk.short(root, {
      block: (view, level, seqno) => {
        const count = view.getUint16(SHORT_HEADER.offset.numrecs);
        if (level > 0) return count;
        const most = Math.min(count, maxRecords(family, 0, geometry.blocksize));
        for (let i = 0; i < most; i++) {
          const at = SHORT_HEADER.size + i * family.recordBytes;
          const run = chunksInRow(view, at, most - i);
          this.chunk(seqno, chunkRecord(view, at, geometry.features.sparse), run);
        }
        return 0;
      },
      lost: (lostAgno, agbno) => this.report.message(`can't read btree block ${lostAgno}/${agbno}\n`),
    });
  }

  private chunk(agno: number, record: ChunkRecord, run: number): void {
    const { reader } = this;
    const { geometry } = reader;
    const pieces = inodePieces(geometry);
    const first = geometry.aginoAgbno(record.startino);
    const offset = (record.startino % geometry.inopblock) * geometry.inodesize;
    for (let piece = 0; piece * pieces.inodes < 64 && piece * pieces.blocks < pieces.chunkBlocks; piece++) {
      const index = piece * pieces.inodes;
      if (isHole(record, index)) continue;
      const agbno = first + piece * pieces.blocks;
      const bytes = pieces.blocks * geometry.blocksize;
      const ahead = run * CHUNK_INODES * geometry.inodesize - index * geometry.inodesize;
      const at = reader.find(geometry.agbnoByte(agno, agbno), bytes, ahead);
      if (at < 0) {
        this.report.message(`can't read inode block ${agno}/${agbno}\n`);
        continue;
      }
      // Reading a bmbt goes through other buffers, so this one stays.
      const ino = geometry.ino(agno, record.startino + index);
      const view = reader.buffered;
      for (let j = 0; j < pieces.inodes; j++) {
        if (isFree(record, index + j)) continue;
        this.inode(view, at + offset + j * geometry.inodesize, at + bytes, ino + j);
      }
    }
  }

  private inode(view: DataView, at: number, end: number, ino: number): void {
    if (at + this.reader.geometry.inodesize > end) return;
    const { actual, ideal } = this;
    const data = this.countsData(view, at, ino);
    if (data) this.fork(view, at, end, 'data');
    const attr = this.kinds.attributes && view.getUint8(at + FORKOFF) !== 0;
    if (attr) this.fork(view, at, end, 'attr');
    if (this.report.inode && (data || attr)) this.report.inode(ino, this.actual - actual, this.ideal - ideal);
  }

  private countsData(view: DataView, at: number, ino: number): boolean {
    const { kinds } = this;
    switch (view.getUint16(at + MODE) & S_IFMT) {
      case S_IFDIR:
        return kinds.directories;
      case S_IFLNK:
        return kinds.symlinks;
      case S_IFREG: {
        const { special } = this;
        const realtime = (view.getUint16(at + FLAGS) & REALTIME) !== 0;
        if (realtime && !kinds.realtimeFiles) return false;
        if (ino > this.lastSpecial) return kinds.files;
        if (!kinds.realtimeControl && (ino === special[0] || ino === special[1])) return false;
        const isQuota = ino === special[2] || ino === special[3] || ino === special[4];
        return isQuota && !kinds.quota ? false : kinds.files;
      }
      default:
        return false;
    }
  }

  private fork(view: DataView, at: number, end: number, fork: 'data' | 'attr'): void {
    const isData = fork === 'data';
    const format = view.getUint8(at + (isData ? FORMAT : AFORMAT));
    if (format !== FORK.EXTENTS && format !== FORK.BTREE) return;
    const extents = isData ? dataExtents(view, at) : attrExtents(view, at);
    if (extents === 0) return;
    this.end = -1;
    const { inodesize } = this.reader.geometry;
    const start = at + INODE_CORE_BYTES + (isData ? 0 : view.getUint8(at + FORKOFF) * 8);
    if (format === FORK.EXTENTS) this.records(view, start, extents, end);
    if (format === FORK.BTREE && start + BMDR_HEADER.size <= at + inodesize)
      this.root(view, at, start, end, isData);
  }

  /** The root of a bmbt at byte `start` of the inode at `at`. */
  private root(view: DataView, at: number, start: number, end: number, isData: boolean): void {
    const { inodesize, agblklog, dblocks } = this.reader.geometry;
    const level = view.getUint16(start);
    const count = view.getUint16(start + 2);
    if (level === 0) {
      this.records(view, start + BMDR_HEADER.size, count, end);
      return;
    }
    const bytes = isData ? dataForkBytes(view, at, inodesize) : attrForkBytes(view, at, inodesize);
    const pointers = start + BMDR_HEADER.size + Math.floor((bytes - BMDR_HEADER.size) / 16) * 8;
    this.forkType = isData ? 'bmapbtd' : 'bmapbta';
    this.files.allow(dblocks);
    for (let i = 0; i < count && pointers + 8 * i + 8 <= end; i++) {
      const word = pointers + 8 * i;
      this.files.long(
        wordAgno(view, word, agblklog),
        wordAgbno(view, word, agblklog),
        level - 1,
        this.inBmbt,
      );
    }
  }

  private bmbtBlock(view: DataView, level: number): number {
    const count = view.getUint16(LONG_HEADER.offset.numrecs);
    if (count > maxRecords(BTREE.bmapbt, level, view.byteLength)) {
      this.report.message(`invalid numrecs (${count}) in ${this.forkType} block\n`);
      return 0;
    }
    if (level === 0) this.records(view, LONG_HEADER.size, count, view.byteLength);
    return count;
  }

  /** Extents from byte `at` on; a count that leaves the buffer is cut off there. */
  private records(view: DataView, at: number, count: number, end: number): void {
    const most = Math.min(count, Math.floor((end - at) / RECORD_BYTES));
    for (let i = 0; i < most; i++, at += RECORD_BYTES) {
      // 1 bit unwritten, 54 file offset, 52 block, 21 count.
      const offset = (view.getUint32(at) & 0x7fffffff) * 2 ** 23 + (view.getUint32(at + 4) >>> 9);
      this.actual++;
      if (offset !== this.end) this.ideal++;
      this.end = offset + (view.getUint32(at + 12) & 0x1fffff);
    }
  }
}
