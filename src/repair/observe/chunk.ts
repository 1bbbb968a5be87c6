/**
 * Which inode chunks an AG has. The inobt says so; where it is unsound, or other witnesses know more, they are
 * heard too: finobt records, OWN_INODES extents of the rmapbt, and, when those fail as well, the blocks
 * themselves. Only the inobt is believed without proof: a block that another witness names must hold an inode
 * with our UUID, its own number and a good CRC.
 */
import { AGI } from '../../format/agi.ts';
import { crcIsGood } from '../../format/checksum.ts';
import { CHUNK_INODES } from '../../format/geometry.ts';
import { DINODE, INODE_MAGIC } from '../../format/inode.ts';
import { readCount64 } from '../../format/kinds.ts';
import { ChunkColumns, type RunColumns } from '../../fs/space/columns.ts';
import type { RmapObservation, TreeObservation } from '../observation.ts';
import type { Context } from './context.ts';

export interface ChunkWitnesses {
  readonly agno: number;
  readonly agi: Uint8Array | undefined;
  readonly agiSound: boolean;
  readonly inobt: TreeObservation<ChunkColumns>;
  readonly finobt: TreeObservation<ChunkColumns> | undefined;
  readonly rmapbt: RmapObservation | undefined;
  readonly bnobt: TreeObservation<RunColumns>;
}

/**
 * Chunks of an AG, sorted by startino and not overlapping, with masks as inobt or finobt give them. Sets
 * `filesLost` when another witness names inodes that cannot be found, and the inobt is not there to deny it.
 */
export function gatherChunks(context: Context, witnesses: ChunkWitnesses): ChunkColumns {
  const { finobt, rmapbt, inobt, agno } = witnesses;
  const known = new KnownInodes(context, agno, inobt.records);
  const believed = dropUnreal(context, witnesses, known);
  let missing = 0;
  if (finobt) {
    const r = finobt.records;
    for (let i = 0; i < r.length; i++) missing += known.hearChunk(r.startino[i]!, r.holemask[i]!);
  }
  if (rmapbt) {
    const r = rmapbt.inodes;
    for (let i = 0; i < r.length; i++) missing += known.hearBlocks(r.start[i]!, r.start[i]! + r.count[i]!);
  }
  if (missing > 0 && !inobt.sound) context.filesLost = true;
  if (!rmapbt?.sound) probe(context, witnesses, known);
  if (known.found.size === 0) return believed;
  return sorted([believed, known.assemble(context.geometry.agLength(agno))]);
}

/**
 * Without the inobt, a sound rmapbt tells that no chunk was overlooked; failing that, the count of the AGI, if it
 * is exactly what was found.
 */
export function chunksAreProved(witnesses: ChunkWitnesses, chunks: ChunkColumns): boolean {
  if (witnesses.inobt.sound || witnesses.rmapbt?.sound) return true;
  if (!witnesses.agi || !witnesses.agiSound) return false;
  return inodeCount(chunks) === AGI.over(witnesses.agi).count;
}

/** Inodes that exist in these chunks. */
export function inodeCount(chunks: ChunkColumns): number {
  let count = 0;
  for (let i = 0; i < chunks.length; i++) count += chunks.count[i]!;
  return count;
}

/**
 * The inobt's chunks without those that another index contradicts (the rmapbt knows no inodes there, or the bnobt
 * calls the blocks free) and that hold no inode either: such a record is surplus, and nothing is lost with it.
 */
function dropUnreal(context: Context, witnesses: ChunkWitnesses, known: KnownInodes): ChunkColumns {
  const { geometry } = context;
  const { inobt, rmapbt, bnobt } = witnesses;
  const denies = rmapbt?.sound ? new Runs() : undefined;
  if (rmapbt && denies) {
    const r = rmapbt.inodes;
    for (let i = 0; i < r.length; i++) denies.add(r.start[i]!, r.count[i]!);
  }
  const free = new Runs();
  // Asked only where no rmapbt is there to say more.
  if (bnobt.sound && !denies) {
    for (let i = 0; i < bnobt.records.length; i++) free.add(bnobt.records.start[i]!, bnobt.records.count[i]!);
  }
  const out = new ChunkColumns();
  const c = inobt.records;
  for (let i = 0; i < c.length; i++) {
    const startino = c.startino[i]!;
    const first = geometry.aginoAgbno(startino);
    const end = geometry.aginoAgbno(startino + CHUNK_INODES - 1) + 1;
    const doubtful = denies ? !denies.meets(first, end) : free.covers(first, end);
    if (doubtful && !known.proveAny(startino, c.holemask[i]!)) continue;
    out.push(startino, c.holemask[i]!, c.count[i]!, c.freecount[i]!, c.freeHigh[i]!, c.freeLow[i]!);
  }
  return out;
}

/** Runs of blocks in ascending order. */
class Runs {
  private readonly start: number[] = [];
  private readonly end: number[] = [];

  add(start: number, count: number): void {
    this.start.push(start);
    this.end.push(start + count);
  }
  /** Whether any run has a block from `first` up to, not with, `end`. */
  meets(first: number, end: number): boolean {
    const i = this.reaching(first);
    return i < this.start.length && this.start[i]! < end;
  }
  /** Whether one run has them all. */
  covers(first: number, end: number): boolean {
    const i = this.reaching(first);
    return i < this.start.length && this.start[i]! <= first && this.end[i]! >= end;
  }
  /** Index of the first run that ends behind `block`. */
  private reaching(block: number): number {
    let low = 0;
    let high = this.start.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.end[middle]! <= block) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Inode blocks that the inobt does not know of, proved one by one. */
class KnownInodes {
  /** agbnos of proved blocks; with several chunks in a block, startinos of proved chunks. */
  readonly found = new Set<number>();
  private readonly context: Context;
  private readonly agno: number;
  /** Chunks of the inobt: ascending, and none overlaps another. */
  private readonly inobt: ChunkColumns;
  private readonly step: number;
  private readonly inodes: Uint8Array;
  private readonly view: DataView;

  constructor(context: Context, agno: number, inobt: ChunkColumns) {
    this.context = context;
    this.agno = agno;
    // What is proved at once: a block of inodes, or a chunk where a block holds more than one.
    this.step = Math.min(CHUNK_INODES, context.geometry.inopblock);
    this.inodes = new Uint8Array(this.step * context.geometry.inodesize);
    this.view = new DataView(this.inodes.buffer);
    this.inobt = inobt;
  }

  /** Whether the inobt has the inodes of this block (or chunk). */
  private isCovered(unit: number): boolean {
    const { startino, holemask, length } = this.inobt;
    const agino = unit * this.step;
    let low = 0;
    let high = length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (startino[middle]! <= agino) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return false;
    const distance = agino - startino[low - 1]!;
    return distance < CHUNK_INODES && ((holemask[low - 1]! >>> (distance >> 2)) & 1) === 0;
  }

  private eachStep(startino: number, holemask: number, use: (unit: number) => void): void {
    for (let j = 0; j < CHUNK_INODES; j += this.step) {
      if (((holemask >>> (j >> 2)) & 1) === 0) use((startino + j) / this.step);
    }
  }

  /** Hears of a chunk; returns how many of its blocks hold no inode. */
  hearChunk(startino: number, holemask: number): number {
    let missing = 0;
    this.eachStep(startino, holemask, (unit) => {
      if (!this.hear(unit)) missing++;
    });
    return missing;
  }

  /** Hears of inodes in blocks `start` up to, not with, `end`; returns how many hold none. */
  hearBlocks(start: number, end: number): number {
    const { inopblock } = this.context.geometry;
    const last = (end * inopblock) / this.step;
    let missing = 0;
    for (let unit = (start * inopblock) / this.step; unit < last; unit++) if (!this.hear(unit)) missing++;
    return missing;
  }

  private hear(unit: number): boolean {
    if (this.isCovered(unit) || this.found.has(unit)) return true;
    if (!this.prove(unit)) return false;
    this.found.add(unit);
    return true;
  }

  proveAny(startino: number, holemask: number): boolean {
    let any = false;
    this.eachStep(startino, holemask, (unit) => {
      any ||= this.prove(unit);
    });
    return any;
  }

  /** Whether an inode is there that knows its own number. */
  private prove(unit: number): boolean {
    const { context, agno, inodes, view } = this;
    const { geometry } = context;
    const first = unit * this.step;
    if (!context.isAgino(agno, first)) return false;
    const ino = geometry.ino(agno, first);
    const byte = geometry.inoByte(ino);
    if (byte + inodes.length > context.device.size) return false;
    if (!context.read(byte, inodes, `inode ${ino}`, agno)) return false;
    for (let i = 0; i < this.step; i++) {
      const at = i * geometry.inodesize;
      if (
        view.getUint16(at + DINODE.offset.magic) === INODE_MAGIC &&
        readCount64(view, at + DINODE.offset.ino) === ino + i &&
        geometry.isMetaUuid(view, at + DINODE.offset.uuid) &&
        crcIsGood(inodes, DINODE.offset.crc, at, geometry.inodesize)
      ) {
        return true;
      }
    }
    return false;
  }

  /** Chunk records over the proved blocks; what a chunk lacks becomes a hole. */
  assemble(agBlocks: number): ChunkColumns {
    const { geometry } = this.context;
    const chunks = new ChunkColumns();
    const units = [...this.found].sort((a, b) => a - b);
    const align = Math.max(1, geometry.inoalignmt) * geometry.inopblock;
    const holeBase = geometry.features.sparse ? 0xffff : 0;
    let start = -1;
    let holemask = 0;
    const flush = (): void => {
      if (start < 0 || geometry.aginoAgbno(start) >= agBlocks) return;
      let count = 64;
      for (let j = 0; j < 16; j++) count -= (holemask >>> j) & 1 ? 4 : 0;
      if (count > 0) chunks.push(start, holemask, count, 0, 0, 0);
    };
    for (const unit of units) {
      const agino = unit * this.step;
      if (start < 0 || agino >= start + CHUNK_INODES) {
        flush();
        // A sparse chunk may lack its first blocks; a full one begins where its first inode is.
        start = geometry.features.sparse && this.step < CHUNK_INODES ? agino - (agino % align) : agino;
        holemask = holeBase;
      }
      for (let j = 0; j < this.step; j += 4) holemask &= ~(1 << ((agino - start + j) >> 2));
    }
    flush();
    return chunks;
  }
}

/**
 * Looks into blocks that no sound free-space tree calls free. Done when the inobt cannot be relied on and there
 * is no rmapbt to ask; or when the AGI counts more inodes than the inobt holds, and then the find counts only
 * if it explains the difference exactly: blocks that once held inodes may lie stale inside files.
 */
function probe(context: Context, witnesses: ChunkWitnesses, known: KnownInodes): void {
  const { geometry } = context;
  const { agno, inobt } = witnesses;
  let missing = 0;
  if (inobt.sound) {
    if (!witnesses.agi || !witnesses.agiSound) return;
    missing = AGI.over(witnesses.agi).count;
    for (let i = 0; i < inobt.records.length; i++) missing -= inobt.records.count[i]!;
    const step = Math.min(CHUNK_INODES, geometry.inopblock);
    if (missing - known.found.size * step <= 0) return;
  }
  const before = [...known.found];
  const free = new Runs();
  if (witnesses.bnobt.sound) {
    const r = witnesses.bnobt.records;
    for (let i = 0; i < r.length; i++) free.add(r.start[i]!, r.count[i]!);
  }
  // Inodes begin at aligned blocks: where the first block of a group holds none, the others need no look.
  const { spinoAlign, inoalignmt, features } = geometry;
  const group = Math.max(1, features.sparse && spinoAlign > 0 ? spinoAlign : inoalignmt);
  const length = geometry.agLength(agno);
  const firstGroup = Math.ceil(geometry.headerBlocks / group) * group;
  for (let agbno = firstGroup; agbno < length; agbno += group) {
    const end = Math.min(agbno + group, length);
    if (free.covers(agbno, end) || known.hearBlocks(agbno, agbno + 1) > 0) continue;
    known.hearBlocks(agbno + 1, end);
  }
  const explained = known.found.size * Math.min(CHUNK_INODES, geometry.inopblock);
  if (!inobt.sound || explained === missing) return;
  known.found.clear();
  for (const unit of before) known.found.add(unit);
}

/**
 * All chunks of several lists, by startino. Of the same chunk, what either knows; another that overlaps its
 * predecessor is dropped.
 */
function sorted(lists: readonly ChunkColumns[]): ChunkColumns {
  const out = new ChunkColumns();
  const order: [ChunkColumns, number][] = [];
  for (const list of lists) for (let i = 0; i < list.length; i++) order.push([list, i]);
  order.sort(([a, i], [b, j]) => a.startino[i]! - b.startino[j]!);
  let next = 0;
  for (const [c, i] of order) {
    const start = c.startino[i]!;
    const last = out.length - 1;
    if (last >= 0 && start === out.startino[last]) fillHoles(out, last, c.holemask[i]!);
    if (start < next) continue;
    next = start + CHUNK_INODES;
    out.push(start, c.holemask[i]!, c.count[i]!, c.freecount[i]!, c.freeHigh[i]!, c.freeLow[i]!);
  }
  return out;
}

/** Holes of a chunk that are none by another's account. */
function fillHoles(chunks: ChunkColumns, row: number, holemask: number): void {
  const filled = chunks.holemask[row]! & ~holemask;
  chunks.holemask[row]! &= ~filled;
  for (let bit = filled; bit !== 0; bit &= bit - 1) chunks.count[row]! += 4;
}
