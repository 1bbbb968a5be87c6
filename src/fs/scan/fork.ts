/**
 * What the forks of an inode map, told extent by extent and bmbt block by bmbt block, without an object for either.
 * Only what lies inside an AG is told; the rest is counted. Files of the realtime section map blocks of it, which are
 * no blocks of an AG, and are left out.
 */
import { BMBT_RECORD, BMDR_HEADER, BTREE, LONG_HEADER, maxRecords } from '../../format/btree.ts';
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
import { FLAG_ATTR, FLAG_BMBT, FLAG_UNWRITTEN } from '../space/columns.ts';
import type { ScanReader } from './reader.ts';
import { TreeWalk, wordAgbno, wordAgno } from './tree.ts';

/** `offset` is a file offset in blocks; `flags` are those of ExtentColumns. */
export type ForkExtent = (agno: number, agbno: number, count: number, offset: number, flags: number) => void;

export class ForkWalk {
  /** Records and pointers that lead out of every AG, and blocks that cannot be read or are no bmbt blocks. */
  bad = 0;
  private readonly reader: ScanReader;
  private readonly walk: TreeWalk;
  private tell: ForkExtent = () => undefined;
  private fork = 0;

  constructor(reader: ScanReader) {
    this.reader = reader;
    this.walk = new TreeWalk(reader);
  }

  /** Tells what the inode at byte `at` maps. */
  read(view: DataView, at: number, tell: ForkExtent): void {
    this.tell = tell;
    const { inodesize } = this.reader.geometry;
    const isRealtime = (view.getUint16(at + DINODE.offset.flags) & (1 << DIFLAG.REALTIME)) !== 0;
    const dataBytes = dataForkBytes(view, at, inodesize);
    this.fork = 0;
    const dataStart = at + INODE_CORE_BYTES;
    if (!isRealtime)
      this.readFork(
        view,
        dataStart,
        dataBytes,
        view.getUint8(at + DINODE.offset.format),
        dataExtents(view, at),
      );
    const attrBytes = attrForkBytes(view, at, inodesize);
    if (attrBytes === 0) return;
    this.fork = FLAG_ATTR;
    const aformat = view.getUint8(at + DINODE.offset.aformat);
    this.readFork(view, dataStart + dataBytes, attrBytes, aformat, attrExtents(view, at));
  }

  private readFork(view: DataView, start: number, bytes: number, format: number, extents: number): void {
    if (format === FORK.EXTENTS) {
      const room = Math.floor(bytes / BMBT_RECORD.size);
      if (extents > room) this.bad++;
      this.records(view, start, Math.min(extents, room));
    } else if (format === FORK.BTREE && bytes >= BMDR_HEADER.size) this.readRoot(view, start, bytes);
  }

  private readRoot(view: DataView, start: number, bytes: number): void {
    const { agblklog, dblocks } = this.reader.geometry;
    const most = Math.floor((bytes - BMDR_HEADER.size) / 16);
    const count = Math.min(view.getUint16(start + 2), most);
    this.walk.allow(dblocks);
    for (let i = 0; i < count; i++) {
      const word = start + BMDR_HEADER.size + most * 8 + i * 8;
      const agno = wordAgno(view, word, agblklog);
      this.walk.long(agno, wordAgbno(view, word, agblklog), view.getUint16(start) - 1, {
        block: (block, level, blockAgno, agbno) => this.block(block, level, blockAgno, agbno),
        lost: () => {
          this.bad++;
        },
      });
    }
  }

  private block(view: DataView, level: number, agno: number, agbno: number): number {
    const { geometry } = this.reader;
    const count = view.getUint16(LONG_HEADER.offset.numrecs);
    const most = maxRecords(BTREE.bmapbt, level, geometry.blocksize);
    const isBlock =
      view.getUint32(0) === BTREE.bmapbt.magic && view.getUint16(LONG_HEADER.offset.level) === level;
    if (!isBlock || count > most || !geometry.isAgbno(agno, agbno)) {
      this.bad++;
      return 0;
    }
    this.tell(agno, agbno, 1, 0, this.fork | FLAG_BMBT);
    if (level === 0) this.records(view, LONG_HEADER.size, count);
    return count;
  }

  private records(view: DataView, at: number, count: number): void {
    const { geometry } = this.reader;
    for (let i = 0; i < count; i++, at += BMBT_RECORD.size) {
      const first = view.getUint32(at);
      const second = view.getUint32(at + 4);
      const last = view.getUint32(at + 12);
      const fsbno = (second & 0x1ff) * 2 ** 43 + view.getUint32(at + 8) * 2 ** 11 + (last >>> 21);
      const blocks = last & 0x1fffff;
      if (!geometry.isFsbnoRange(fsbno, blocks)) {
        this.bad++;
        continue;
      }
      const offset = (first & 0x7fffffff) * 2 ** 23 + (second >>> 9);
      const unwritten = first >>> 31 === 1 ? FLAG_UNWRITTEN : 0;
      this.tell(geometry.fsbnoAgno(fsbno), geometry.fsbnoAgbno(fsbno), blocks, offset, this.fork | unwritten);
    }
  }
}
