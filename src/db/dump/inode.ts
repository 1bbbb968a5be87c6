/**
 * Inodes on their way into a dump: a chunk goes out buffer by buffer (a cluster, where chunks may be sparse), each
 * behind the metadata of its inodes. Which inodes are free is what the inode btree says; their literal area is
 * cleared.
 */
import { maxRootKeys } from '../../format/btree.ts';
import { CHUNK_INODES } from '../../format/geometry.ts';
import {
  DINODE,
  FORK,
  INODE_CORE_BYTES,
  INODE_CRC_OFFSET,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../../format/inode.ts';
import { viewOf } from '../../format/struct.ts';
import type { DumpContext } from './context.ts';
import { ForkDump } from './fork.ts';
import type { Content } from './forkblock.ts';
import { Scrub } from './scrub.ts';
import { dumpShortAttributes, dumpShortDirectory, dumpShortSymlink, type ForkArea } from './shortform.ts';

/** Bytes of a cluster of 256-byte inodes; of larger inodes it is as many times longer. */
const CLUSTER_BYTES = 8192;
const SMALLEST_INODE = 256;
const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFIFO = 0o010000;
const S_IFSOCK = 0o140000;
const DEV_BYTES = 4;

export interface Chunk {
  readonly startino: number;
  /** Bit j: inodes 4j to 4j+3 do not exist. */
  readonly holemask: number;
  /** Bit i: inode i is free; low and high half. */
  readonly freeLow: number;
  readonly freeHigh: number;
}

export class InodeDump {
  private readonly context: DumpContext;
  private readonly blocksPerBuffer: number;
  /** The buffer that went out last: chunks may share one where a block holds more than 64 inodes. */
  private last: { readonly offset: number; readonly bytes: Uint8Array } | undefined;

  constructor(context: DumpContext) {
    this.context = context;
    const { geometry } = context;
    const { blocksize, inodesize, inoalignmt, features } = geometry;
    const wanted = (CLUSTER_BYTES * inodesize) / SMALLEST_INODE;
    const cluster = inoalignmt >= Math.floor(wanted / blocksize) ? wanted : CLUSTER_BYTES;
    const clusterBlocks = Math.max(1, Math.floor(cluster / blocksize));
    this.blocksPerBuffer = features.sparse ? clusterBlocks : geometry.chunkBlocks;
  }

  dumpChunk(agno: number, chunk: Chunk): void {
    const { context } = this;
    const { geometry } = context;
    const { startino } = chunk;
    const agbno = geometry.aginoAgbno(startino);
    const slot = startino % geometry.inopblock;
    if (!this.isChunk(agno, startino)) {
      context.doubt(() => `bad inode number (${agno}/${startino})`);
      return;
    }
    const inodes = Math.min(CHUNK_INODES, this.blocksPerBuffer * geometry.inopblock);
    for (let done = 0, block = agbno; done < CHUNK_INODES; done += inodes, block += this.blocksPerBuffer) {
      if (geometry.features.sparse && (chunk.holemask >>> (done / 4)) & 1) continue;
      const offset = geometry.agbnoByte(agno, block);
      const length = this.blocksPerBuffer * geometry.blocksize;
      const bytes = this.readBuffer(offset, length, `inode block ${agno}/${block}`);
      if (!bytes) continue;
      for (let i = 0; i < inodes; i++) {
        const at = (slot + i) * geometry.inodesize;
        const index = done + i;
        const word = index < 32 ? chunk.freeLow : chunk.freeHigh;
        const isFree = ((word >>> (index & 31)) & 1) !== 0;
        const ino = geometry.ino(agno, startino + index);
        this.dumpInode(ino, bytes.subarray(at, at + geometry.inodesize), isFree);
        context.inodesCopied++;
      }
      context.emitBytes(offset, bytes);
      this.last = { offset, bytes };
    }
  }

  private isChunk(agno: number, startino: number): boolean {
    const { geometry } = this.context;
    const { inopblock, inoalignmt } = geometry;
    const agbno = geometry.aginoAgbno(startino);
    const lastAgbno = geometry.aginoAgbno(startino + CHUNK_INODES - 1);
    if (startino === 0 || !geometry.isAgbno(agno, agbno) || agbno === 0) return false;
    if (!geometry.isAgbno(agno, lastAgbno)) return false;
    const slot = startino % inopblock;
    const isAligned = inoalignmt === 0 || agbno % inoalignmt === 0;
    return isAligned && (inopblock <= CHUNK_INODES ? slot === 0 : slot % CHUNK_INODES === 0);
  }

  private readBuffer(offset: number, length: number, what: string): Uint8Array | undefined {
    if (this.last?.offset === offset) return this.last.bytes;
    return this.context.read(offset, length, () => what);
  }

  private dumpInode(ino: number, bytes: Uint8Array, isFree: boolean): void {
    const { context } = this;
    const inode = new Scrub(bytes, INODE_CRC_OFFSET);
    if (isFree) {
      if (context.options.clear) inode.clear(INODE_CORE_BYTES, bytes.length);
    } else {
      context.names.forget();
      this.dumpDataFork(ino, inode);
      context.names.forget();
      this.dumpAttrFork(ino, inode);
    }
    inode.seal();
  }

  private dumpDataFork(ino: number, inode: Scrub): void {
    switch (inode.view.getUint16(DINODE.offset.mode) & S_IFMT) {
      case S_IFDIR:
        dumpFork(this.context, ino, inode, 'data', 'directory');
        return;
      case S_IFLNK:
        dumpFork(this.context, ino, inode, 'data', 'symlink');
        return;
      case S_IFREG:
        dumpFork(this.context, ino, inode, 'data', undefined);
        return;
      case S_IFCHR:
      case S_IFBLK:
      case S_IFIFO:
      case S_IFSOCK:
        clearDevice(this.context, inode);
        return;
      default:
    }
  }

  private dumpAttrFork(ino: number, inode: Scrub): void {
    const { start, end } = forkArea(inode, 'attr');
    if (start === INODE_CORE_BYTES || start >= end) return;
    dumpFork(this.context, ino, inode, 'attr', 'attributes');
  }
}

/** Where a fork lies in an inode, as far as that makes sense; the attribute fork begins with the core if it has none. */
function forkArea(inode: Scrub, fork: 'data' | 'attr'): ForkArea {
  const size = inode.bytes.length;
  const middle = INODE_CORE_BYTES + inode.view.getUint8(DINODE.offset.forkoff) * 8;
  if (fork === 'attr') return { start: middle, end: size };
  return { start: INODE_CORE_BYTES, end: middle === INODE_CORE_BYTES || middle > size ? size : middle };
}

/** A fork by its format. A fork offset outside of the inode leaves short forms as they are. */
export function dumpFork(
  context: DumpContext,
  ino: number,
  inode: Scrub,
  fork: 'data' | 'attr',
  content: Content | undefined,
): void {
  const { view, bytes } = inode;
  const area = forkArea(inode, fork);
  const format = view.getUint8(fork === 'data' ? DINODE.offset.format : DINODE.offset.aformat);
  const isBroken = INODE_CORE_BYTES + view.getUint8(DINODE.offset.forkoff) * 8 > bytes.length;
  if (isBroken) context.listener.warn(`invalid data fork size in inode ${ino}, preserving contents`);
  if (format === FORK.EXTENTS) {
    new ForkDump(context, ino, fork, content).dumpExtents(inode, area);
  } else if (format === FORK.BTREE) {
    if (maxRootKeys(area.end - area.start) > 0) {
      new ForkDump(context, ino, fork, content).dumpBtree(inode, area);
    }
  } else if (format === FORK.LOCAL && context.changes && !isBroken) {
    const size = Number(DINODE.at(view).size);
    if (content === 'directory') dumpShortDirectory(context, inode, ino, area, Math.max(0, size));
    else if (content === 'symlink') dumpShortSymlink(context, inode, ino, area, Math.max(0, size));
    else if (content === 'attributes') dumpShortAttributes(context, inode, ino, area);
  }
}

/** A device number takes four bytes; a pipe or socket has none, but room for one. */
function clearDevice(context: DumpContext, inode: Scrub): void {
  if (!context.options.clear) return;
  const { start, end } = forkArea(inode, 'data');
  inode.clear(start + DEV_BYTES, end);
}

/** The file behind an inode that the superblock names (realtime bitmap and summary, quota): its blocks go out whole. */
export function dumpSystemFile(context: DumpContext, ino: number, what: string): void {
  const { geometry } = context;
  const bytes = context.read(geometry.inoByte(ino), geometry.inodesize, () => `${what} inode ${ino}`);
  if (!bytes || viewOf(bytes).getUint16(DINODE.offset.mode) === 0) return;
  dumpFork(context, ino, new Scrub(bytes.slice(), undefined), 'data', 'opaque');
}
