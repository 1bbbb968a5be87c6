/**
 * Leaf records of the AG btrees (those of the rmapbt are in rmaptree.ts), from disk bytes to columns. One reader class a record form; each knows the
 * rules a record must keep by itself and after the one before it. Only records inside the AG are kept, so that
 * whoever uses the columns may index by them.
 *
 * Hot: a large image has millions of records, so everything is read at fixed offsets of a DataView.
 */
import { type AgBtreeName, REFCOUNT_COW } from '../../format/btree.ts';
import type { FindingCode } from '../../format/findings.ts';
import { CHUNK_INODES } from '../../format/geometry.ts';
import { ChunkColumns, RefcountColumns, RunColumns } from '../../fs/space/columns.ts';
import type { Context } from './context.ts';

export type RecordFault = (code: FindingCode, index: number, text: string) => void;

export interface LeafReader<Records> {
  readonly records: Records;
  /** Takes `count` records from the leaf whose first record is at byte `at`. */
  read(view: DataView, at: number, count: number, fault: RecordFault): void;
}

/** Free extents: bnobt (by start) and cntbt (by length, then start). */
export class FreeReader implements LeafReader<RunColumns> {
  readonly records = new RunColumns();
  private readonly first: number;
  private readonly length: number;
  private readonly bySize: boolean;
  private previousStart = -1;
  private previousCount = 0;

  constructor(context: Context, agno: number, bySize: boolean) {
    this.first = context.geometry.headerBlocks;
    this.length = context.geometry.agLength(agno);
    this.bySize = bySize;
  }

  read(view: DataView, at: number, count: number, fault: RecordFault): void {
    for (let i = 0; i < count; i++, at += 8) {
      const start = view.getUint32(at);
      const blocks = view.getUint32(at + 4);
      if (blocks === 0 || start < this.first || start + blocks > this.length) {
        fault('BTREE_RECORD', i, `free extent ${start} + ${blocks} leaves the AG, ${this.length} blocks`);
        continue;
      }
      const { previousStart, previousCount } = this;
      const ordered = this.bySize
        ? blocks > previousCount || (blocks === previousCount && start >= previousStart + previousCount)
        : start >= previousStart + previousCount;
      if (!ordered) {
        const before = `${previousStart} + ${previousCount}`;
        fault('BTREE_ORDER', i, `free extent ${start} + ${blocks} does not sort after ${before}`);
      }
      this.previousStart = start;
      this.previousCount = blocks;
      this.records.push(start, blocks);
    }
  }
}

function countBits(mask: number): number {
  let count = 0;
  for (let m = mask; m !== 0; m = (m & (m - 1)) >>> 0) count++;
  return count;
}

/** Free masks of a chunk with the bits of holes cleared, counted. */
export function countFree(holemask: number, freeHigh: number, freeLow: number): number {
  if (holemask === 0) return countBits(freeHigh) + countBits(freeLow);
  let count = 0;
  for (let hole = 0; hole < 16; hole++) {
    if ((holemask >>> hole) & 1) continue;
    const word = hole < 8 ? freeLow : freeHigh;
    count += countBits((word >>> ((hole & 7) * 4)) & 15);
  }
  return count;
}

/** Inode chunks: inobt and finobt. */
export class ChunkReader implements LeafReader<ChunkColumns> {
  readonly records = new ChunkColumns();
  private readonly context: Context;
  private readonly agno: number;
  private readonly onlyFree: boolean;
  private nextStart = 0;

  constructor(context: Context, agno: number, onlyFree: boolean) {
    this.context = context;
    this.agno = agno;
    this.onlyFree = onlyFree;
  }

  read(view: DataView, at: number, count: number, fault: RecordFault): void {
    const { sparse } = this.context.geometry.features;
    for (let i = 0; i < count; i++, at += 16) {
      const startino = view.getUint32(at);
      const holemask = sparse ? view.getUint16(at + 4) : 0;
      const inodes = sparse ? view.getUint8(at + 6) : 64;
      const freecount = sparse ? view.getUint8(at + 7) : view.getUint32(at + 4);
      const freeHigh = view.getUint32(at + 8);
      const freeLow = view.getUint32(at + 12);
      if (!this.fits(startino, holemask)) {
        fault(
          'BTREE_RECORD',
          i,
          `chunk at inode ${startino} is misaligned, leaves the AG or has holes in blocks`,
        );
        continue;
      }
      const present = 64 - 4 * countBits(holemask);
      if (inodes !== present) {
        fault('BTREE_RECORD', i, `chunk at inode ${startino}: count ${inodes}, holemask leaves ${present}`);
      }
      const free = countFree(holemask, freeHigh, freeLow);
      if (freecount !== free) {
        fault('BTREE_RECORD', i, `chunk at inode ${startino}: freecount ${freecount}, mask has ${free}`);
      }
      if (this.onlyFree && freecount === 0) {
        fault('BTREE_RECORD', i, `chunk at inode ${startino} has no free inode`);
      }
      if (startino < this.nextStart) {
        fault('BTREE_ORDER', i, `chunk at inode ${startino} overlaps the one at ${this.nextStart - 64}`);
        continue;
      }
      this.nextStart = startino + 64;
      this.records.push(startino, holemask, present, free, freeHigh, freeLow);
    }
  }

  /** Holes are blocks of somebody else, or of nobody, so a block is all hole or none. */
  private areWholeBlocks(holemask: number): boolean {
    const step = Math.min(CHUNK_INODES, this.context.geometry.inopblock) >> 2;
    if (holemask === 0 || step < 2) return true;
    const whole = 2 ** step - 1;
    for (let bit = 0; bit < 16; bit += step) {
      const holes = (holemask >>> bit) & whole;
      if (holes !== 0 && holes !== whole) return false;
    }
    return true;
  }

  /** Aligned as chunks are, holes whole blocks, and all inodes that exist inside the AG. */
  private fits(startino: number, holemask: number): boolean {
    const { geometry } = this.context;
    if (holemask === 0xffff || !this.areWholeBlocks(holemask)) return false;
    if (startino % Math.min(64, geometry.inopblock) !== 0) return false;
    if (geometry.inopblock < 64 && geometry.inoalignmt > 0) {
      if (geometry.aginoAgbno(startino) % geometry.inoalignmt !== 0) return false;
    }
    let last = 63;
    while ((holemask >>> (last >> 2)) & 1) last -= 4;
    let first = 0;
    while ((holemask >>> (first >> 2)) & 1) first += 4;
    return (
      this.context.isAgino(this.agno, startino + first) && this.context.isAgino(this.agno, startino + last)
    );
  }
}

function what(cow: number, start: number, blocks: number): string {
  return `${cow ? 'staging' : 'shared'} extent ${start} + ${blocks}`;
}

/** Shared extents and CoW staging. */
export class RefcountReader implements LeafReader<RefcountColumns> {
  readonly records = new RefcountColumns();
  private readonly first: number;
  private readonly length: number;
  /** End of the previous record, with its CoW bit: staging records sort behind all shared ones. */
  private previousEnd = 0;

  constructor(context: Context, agno: number) {
    this.first = context.geometry.headerBlocks;
    this.length = context.geometry.agLength(agno);
  }

  read(view: DataView, at: number, count: number, fault: RecordFault): void {
    for (let i = 0; i < count; i++, at += 12) {
      const word = view.getUint32(at);
      const cow = word >= REFCOUNT_COW ? 1 : 0;
      const start = cow ? word - REFCOUNT_COW : word;
      const blocks = view.getUint32(at + 4);
      const refcount = view.getUint32(at + 8);
      if (blocks === 0 || start < this.first || start + blocks > this.length) {
        fault('BTREE_RECORD', i, `${what(cow, start, blocks)} leaves the AG, ${this.length} blocks`);
        continue;
      }
      if (cow ? refcount !== 1 : refcount < 2) {
        const rule = cow ? '1' : 'at least 2';
        fault('BTREE_RECORD', i, `${what(cow, start, blocks)}: refcount ${refcount}, expected ${rule}`);
      }
      if (word < this.previousEnd) {
        fault('BTREE_ORDER', i, `${what(cow, start, blocks)} overlaps or precedes the one before`);
      }
      this.previousEnd = word + blocks;
      this.records.push(start, blocks, refcount, cow);
    }
  }
}

/** Byte offsets, in a leaf record, of the 32-bit words that make its key. The rmapbt's are masked, see tree.ts. */
export const KEY_WORDS: Record<AgBtreeName, readonly number[]> = {
  bnobt: [0, 4],
  cntbt: [0, 4],
  inobt: [0],
  finobt: [0],
  rmapbt: [0, 8, 12, 16, 20],
  refcntbt: [0],
};
