/**
 * Which inode chunks an AG has. The inobt says so; where it is unsound, or other witnesses know more, they are
 * heard too: finobt records, OWN_INODES extents of the rmapbt, and, when those fail as well, the blocks
 * themselves. Only the inobt is believed without proof: a block that another witness names must hold an inode
 * with our UUID, its own number and a good CRC.
 */
import { AGI } from '../../format/agi.ts';
import { OWNER } from '../../format/btree.ts';
import { crcIsGood } from '../../format/checksum.ts';
import { CHUNK_INODES } from '../../format/geometry.ts';
import { DINODE, INODE_MAGIC } from '../../format/inode.ts';
import { ChunkColumns, type ExtentColumns, type RunColumns } from '../../fs/space/columns.ts';
import type { TreeObservation } from '../observation.ts';
import type { Context } from './context.ts';

export interface ChunkWitnesses {
  readonly agno: number;
  readonly agi: Uint8Array | undefined;
  readonly agiSound: boolean;
  readonly inobt: TreeObservation<ChunkColumns>;
  readonly finobt: TreeObservation<ChunkColumns> | undefined;
  readonly rmapbt: TreeObservation<ExtentColumns> | undefined;
  readonly bnobt: TreeObservation<RunColumns>;
}

/** Chunks of an AG, sorted by startino and not overlapping, with masks as inobt or finobt give them. */
export function gatherChunks(context: Context, witnesses: ChunkWitnesses): ChunkColumns {
  const known = new KnownInodes(context, witnesses.agno, witnesses.inobt.records);
  const { finobt, rmapbt, agno } = witnesses;
  if (finobt) {
    const r = finobt.records;
    for (let i = 0; i < r.length; i++) known.hearChunk(r.startino[i]!, r.holemask[i]!);
  }
  if (rmapbt) {
    const r = rmapbt.records;
    for (let i = 0; i < r.length; i++) {
      if (r.owner[i] === OWNER.INODES) known.hearBlocks(r.start[i]!, r.start[i]! + r.count[i]!);
    }
  }
  if (!rmapbt?.sound) probe(context, witnesses, known);
  if (known.found.size === 0) return sorted([witnesses.inobt.records]);
  return sorted([witnesses.inobt.records, known.assemble(context.geometry.agLength(agno))]);
}

/** Inode blocks that the inobt does not know of, proved one by one. */
class KnownInodes {
  /** agbnos of proved blocks; with several chunks in a block, startinos of proved chunks. */
  readonly found = new Set<number>();
  private readonly context: Context;
  private readonly agno: number;
  /** startino / step of every block (or chunk) that the inobt covers. */
  private readonly covered = new Set<number>();
  private readonly step: number;
  private readonly inode: Uint8Array;
  private readonly view: DataView;

  constructor(context: Context, agno: number, inobt: ChunkColumns) {
    this.context = context;
    this.agno = agno;
    // What is proved at once: a block of inodes, or a chunk where a block holds more than one.
    this.step = Math.min(CHUNK_INODES, context.geometry.inopblock);
    this.inode = new Uint8Array(context.geometry.inodesize);
    this.view = new DataView(this.inode.buffer);
    for (let i = 0; i < inobt.length; i++) {
      this.eachStep(inobt.startino[i]!, inobt.holemask[i]!, (unit) => this.covered.add(unit));
    }
  }

  private eachStep(startino: number, holemask: number, use: (unit: number) => void): void {
    for (let j = 0; j < CHUNK_INODES; j += this.step) {
      if (((holemask >>> (j >> 2)) & 1) === 0) use((startino + j) / this.step);
    }
  }

  hearChunk(startino: number, holemask: number): void {
    this.eachStep(startino, holemask, (unit) => this.hear(unit));
  }

  hearBlocks(start: number, end: number): void {
    const { inopblock } = this.context.geometry;
    const last = (end * inopblock) / this.step;
    for (let unit = (start * inopblock) / this.step; unit < last; unit++) this.hear(unit);
  }

  isCovered(unit: number): boolean {
    return this.covered.has(unit) || this.found.has(unit);
  }

  hear(unit: number): void {
    if (!this.isCovered(unit) && this.prove(unit)) this.found.add(unit);
  }

  /** Whether an inode is there that knows its own number. */
  prove(unit: number): boolean {
    const { context, agno, inode, view } = this;
    const { geometry } = context;
    const agino = unit * this.step;
    if (!context.isAgino(agno, agino)) return false;
    const ino = geometry.ino(agno, agino);
    const at = geometry.inoByte(ino);
    if (at + inode.length > context.device.size) return false;
    if (!context.read(at, inode, `inode ${ino}`, agno)) return false;
    return (
      view.getUint16(DINODE.offset.magic) === INODE_MAGIC &&
      view.getUint32(DINODE.offset.ino) * 2 ** 32 + view.getUint32(DINODE.offset.ino + 4) === ino &&
      geometry.isMetaUuid(view, DINODE.offset.uuid) &&
      crcIsGood(inode, DINODE.offset.crc)
    );
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
  const free = freeBlocks(witnesses.bnobt);
  let run = 0;
  const length = geometry.agLength(agno);
  for (let agbno = geometry.headerBlocks; agbno < length; agbno++) {
    while (run < free.length && free[run]! + free[run + 1]! <= agbno) run += 2;
    if (run < free.length && free[run]! <= agbno) {
      agbno = free[run]! + free[run + 1]! - 1;
      continue;
    }
    known.hearBlocks(agbno, agbno + 1);
  }
  const explained = known.found.size * Math.min(CHUNK_INODES, geometry.inopblock);
  if (!inobt.sound || explained === missing) return;
  known.found.clear();
  for (const unit of before) known.found.add(unit);
}

/** Runs [start, count, ...] of a sound bnobt; nothing otherwise. */
function freeBlocks(bnobt: TreeObservation<RunColumns>): number[] {
  const runs: number[] = [];
  if (!bnobt.sound) return runs;
  for (let i = 0; i < bnobt.records.length; i++) runs.push(bnobt.records.start[i]!, bnobt.records.count[i]!);
  return runs;
}

/** All chunks of several lists, by startino; one that overlaps its predecessor is dropped. */
function sorted(lists: readonly ChunkColumns[]): ChunkColumns {
  const out = new ChunkColumns();
  const order: [ChunkColumns, number][] = [];
  for (const list of lists) for (let i = 0; i < list.length; i++) order.push([list, i]);
  order.sort(([a, i], [b, j]) => a.startino[i]! - b.startino[j]!);
  let next = 0;
  for (const [c, i] of order) {
    const start = c.startino[i]!;
    if (start < next) continue;
    next = start + CHUNK_INODES;
    out.push(start, c.holemask[i]!, c.count[i]!, c.freecount[i]!, c.freeHigh[i]!, c.freeLow[i]!);
  }
  return out;
}
