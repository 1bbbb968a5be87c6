/**
 * Inodes: every chunk is read in disk order (inoderuns.ts), and every inode is verified.
 * Allocated inodes hand their forks over; free ones only show that they are free.
 *
 * The hottest loop of check (a million inodes in a mid-sized filesystem): flat offsets, no object per inode.
 */
import { computeCrc, storedCrc } from '../../format/checksum.ts';
import { CHUNK_INODES, NULL_AGINO } from '../../format/geometry.ts';
import { DIFLAG2, DINODE, S_IFMT, S_IFREG } from '../../format/inode.ts';
import { readCount64 } from '../../format/kinds.ts';
import { type Problem, verifyDinode } from '../../format/verify.ts';
import { ChunkColumns } from '../../fs/space/columns.ts';
import type { QuotaUsage } from '../content/quotausage.ts';
import type { Steps } from '../steps.ts';
import type { Context } from './context.ts';
import { reportInode } from './extent.ts';
import type { ForkReader } from './fork.ts';
import { InodeRuns } from './inoderuns.ts';
import { type InodeTable, KIND, kindOfMode, MARK } from './inodetable.ts';
import { countFree } from './leaf.ts';
import { NumberList } from './list.ts';

/** Fields that say which inode this is. */
const IDENTITY = new Set(['core.magic', 'core.version', 'v3.inumber', 'v3.uuid']);

export class InodeScan {
  allocated = 0;
  /** Allocated inodes with link count 0, and those of them or others that a next_unlinked leads on from. */
  readonly linkless = new NumberList();
  private readonly context: Context;
  private readonly forks: ForkReader;
  private readonly table: InodeTable;
  /** Only with quota. */
  private readonly usage: QuotaUsage | undefined;
  private readonly runs: InodeRuns;
  // Masks of the chunk being read.
  private freeHigh = 0;
  private freeLow = 0;
  /** Row of the first inode of the AG. */
  private firstRow = 0;

  constructor(
    context: Context,
    forks: ForkReader,
    table: InodeTable,
    { usage, ahead = false }: { usage?: QuotaUsage | undefined; ahead?: boolean | undefined } = {},
  ) {
    this.context = context;
    this.forks = forks;
    this.table = table;
    this.usage = usage;
    this.runs = new InodeRuns(context, ahead);
  }

  /** Reads all inodes of `chunks`; returns the chunks with free masks as the inodes themselves tell. */
  *scan(agno: number, chunks: ChunkColumns): Steps<ChunkColumns> {
    const { runs, context } = this;
    const out = new ChunkColumns();
    this.firstRow = this.table.addChunks(agno, chunks);
    const chunkBytes = CHUNK_INODES * context.geometry.inodesize;
    try {
      for (let i = 0; i < chunks.length; ) {
        if (chunks.holemask[i] !== 0) {
          this.scanSparse(agno, chunks, i++, out);
          continue;
        }
        const end = runs.endOf(chunks, i);
        const readable = yield* runs.readChunks(agno, chunks, i, end);
        if (!readable) context.filesLost = true;
        for (let at = 0; i < end; i++, at += chunkBytes) {
          this.begin(chunks, i, readable);
          if (readable) this.scanInodes(agno, chunks, i, 0, CHUNK_INODES, at);
          else this.loseInodes(chunks, i, 0, CHUNK_INODES);
          this.finish(chunks, i, out);
        }
      }
    } finally {
      yield* runs.settle();
    }
    return out;
  }

  /** A chunk with holes: each piece that exists is read by itself; the holes belong to others. */
  private scanSparse(agno: number, chunks: ChunkColumns, index: number, out: ChunkColumns): void {
    const holemask = chunks.holemask[index]!;
    const isHole = (inode: number): boolean => ((holemask >>> (inode >> 2)) & 1) !== 0;
    this.begin(chunks, index, true);
    for (let j = 0; j < CHUNK_INODES; ) {
      if (isHole(j)) {
        j += 4;
        continue;
      }
      let end = j;
      while (end < CHUNK_INODES && !isHole(end)) end += 4;
      if (this.runs.readInodes(agno, chunks.startino[index]! + j, end - j)) {
        this.scanInodes(agno, chunks, index, j, end, 0);
      } else {
        this.context.filesLost = true;
        this.loseInodes(chunks, index, j, end);
      }
      j = end;
    }
    this.finish(chunks, index, out);
  }

  private begin(chunks: ChunkColumns, index: number, readable: boolean): void {
    const holemask = chunks.holemask[index]!;
    this.freeLow = 0;
    this.freeHigh = 0;
    for (let hole = 0; hole < 16; hole++) {
      if (((holemask >>> hole) & 1) === 0) continue;
      if (hole < 8) this.freeLow = (this.freeLow | (15 << (hole * 4))) >>> 0;
      else this.freeHigh = (this.freeHigh | (15 << ((hole - 8) * 4))) >>> 0;
    }
    if (readable) return;
    this.freeLow = chunks.freeLow[index]!;
    this.freeHigh = chunks.freeHigh[index]!;
  }

  private finish(chunks: ChunkColumns, i: number, out: ChunkColumns): void {
    const { freeHigh, freeLow } = this;
    const holemask = chunks.holemask[i]!;
    const free = countFree(holemask, freeHigh, freeLow);
    out.push(chunks.startino[i]!, holemask, chunks.count[i]!, free, freeHigh, freeLow);
  }

  /** Inodes that could not be read: those in use by the index's account may be anything. */
  private loseInodes(chunks: ChunkColumns, index: number, from: number, end: number): void {
    const row = this.firstRow + index * CHUNK_INODES;
    for (let j = from; j < end; j++) if (!isFree(chunks, index, j)) this.table.kind[row + j] = KIND.LOST;
  }

  /** Inodes `from` to `end` of a chunk; the first of them is at byte `at` of the buffer. */
  private scanInodes(
    agno: number,
    chunks: ChunkColumns,
    index: number,
    from: number,
    end: number,
    at: number,
  ): void {
    const { geometry } = this.context;
    const first = geometry.ino(agno, chunks.startino[index]!);
    for (let j = from; j < end; j++, at += geometry.inodesize) {
      const row = this.firstRow + index * CHUNK_INODES + j;
      if (!this.inode(first + j, row, at, isFree(chunks, index, j))) continue;
      if (j < 32) this.freeLow = (this.freeLow | (1 << j)) >>> 0;
      else this.freeHigh = (this.freeHigh | (1 << (j - 32))) >>> 0;
    }
  }

  /** One inode; true when it is free. */
  private inode(ino: number, row: number, at: number, believedFree: boolean): boolean {
    const { context, table } = this;
    const { view, buffer } = this.runs;
    const { geometry } = context;
    const problems = verifyDinode(view, at, geometry, ino);
    if (problems.length > 0 && this.isLost(ino, problems)) {
      if (!believedFree) table.kind[row] = KIND.LOST;
      return believedFree;
    }
    const mode = view.getUint16(at + DINODE.offset.mode);
    const stored = storedCrc(buffer, DINODE.offset.crc, at);
    const crc = computeCrc(buffer, DINODE.offset.crc, at, geometry.inodesize);
    if (stored !== crc) {
      // A free inode that both witnesses call free owns nothing, whatever else is wrong with it.
      if (mode !== 0 || !believedFree) context.filesLost = true;
      reportInode(context, 'INODE_CRC', ino, `CRC 0x${stored.toString(16)}, computed 0x${crc.toString(16)}`);
    }
    if (problems.length > 0) {
      for (const p of problems) reportInode(context, 'INODE_CORE', ino, p.message, p.field);
    }
    if (stored === crc && context.isLsnAhead(view, at + DINODE.offset.lsn)) {
      const where = { agno: geometry.inoAgno(ino), ino };
      context.checkLsn(view, at + DINODE.offset.lsn, `inode ${ino}`, where);
    }
    if (mode === 0) {
      this.checkFree(ino, at, believedFree);
      return true;
    }
    this.allocated++;
    table.kind[row] = kindOfMode(mode);
    table.nlink[row] = view.getUint32(at + DINODE.offset.nlink);
    if (geometry.features.parent) table.gen[row] = view.getUint32(at + DINODE.offset.gen);
    const extents = this.forks.read(view, at, ino, row, problems.length > 0);
    const regular = (mode & S_IFMT) === S_IFREG;
    const reflink = (view.getUint32(at + DINODE.offset.flags2 + 4) & (1 << DIFLAG2.REFLINK)) !== 0;
    if (reflink || (regular && extents > 0 && geometry.features.reflink)) {
      table.marks[row] = (reflink ? MARK.REFLINK : 0) | (regular ? MARK.REGULAR : 0);
    }
    this.checkLinks(ino, at, problems);
    this.usage?.add(view, at, ino);
    return false;
  }

  /** Whether the bytes are no inode of ours, or another one: nothing else in them means anything then. */
  private isLost(ino: number, problems: readonly Problem[]): boolean {
    const lost = problems.filter((p) => p.stops && IDENTITY.has(p.field));
    for (const p of lost) reportInode(this.context, 'INODE_LOST', ino, p.message, p.field);
    if (lost.length > 0) this.context.filesLost = true;
    return lost.length > 0;
  }

  /** A linked inode stands on no unlinked list. */
  private checkLinks(ino: number, at: number, problems: readonly Problem[]): void {
    const { context } = this;
    const { view } = this.runs;
    if (view.getUint32(at + DINODE.offset.nlink) === 0) {
      this.linkless.push(ino);
      return;
    }
    const next = view.getUint32(at + DINODE.offset.next_unlinked);
    if (next === NULL_AGINO || problems.some((p) => p.field === 'next_unlinked')) return;
    reportInode(context, 'INODE_CORE', ino, `linked, but next_unlinked ${next}`, 'next_unlinked');
  }

  /**
   * What a free inode may still hold. Where the inobt says in use and the inode has blocks or links, its mode was
   * lost rather than its record: its blocks must not pass for free.
   */
  private checkFree(ino: number, at: number, believedFree: boolean): void {
    const { context } = this;
    const { view } = this.runs;
    const nblocks = readCount64(view, at + DINODE.offset.nblocks);
    const nlink = view.getUint32(at + DINODE.offset.nlink);
    if (nblocks !== 0)
      reportInode(context, 'INODE_CORE', ino, `free, but nblocks ${nblocks}`, 'core.nblocks');
    if (nlink !== 0) reportInode(context, 'INODE_CORE', ino, `free, but nlink ${nlink}`, 'core.nlinkv2');
    if (!believedFree && (nblocks !== 0 || nlink !== 0)) context.filesLost = true;
    const next = view.getUint32(at + DINODE.offset.next_unlinked);
    if (next !== NULL_AGINO) {
      reportInode(context, 'INODE_CORE', ino, `free, but next_unlinked ${next}`, 'next_unlinked');
    }
  }
}

/** Whether the index calls the `j`-th inode of a chunk free. */
function isFree(chunks: ChunkColumns, index: number, j: number): boolean {
  return ((j < 32 ? chunks.freeLow[index]! >>> j : chunks.freeHigh[index]! >>> (j - 32)) & 1) !== 0;
}
