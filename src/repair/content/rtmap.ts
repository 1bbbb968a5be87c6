/**
 * Which realtime extents files hold. The section is given out in extents of rextsize blocks and nothing of it is
 * ever shared, so no extent has two owners, and whoever holds a part of one holds all of it: written and unwritten
 * blocks may alternate in it, but none are missing.
 */
import { radixOrder } from '../../fs/space/sort.ts';
import type { Context } from '../observe/context.ts';
import { NumberList } from '../observe/list.ts';
import type { RealtimeExtents } from '../observe/rtextent.ts';

const TWO_32 = 2 ** 32;

/** Sizes of the section, derived from rblocks and rextsize alone. */
export interface RealtimeSection {
  /** Blocks of a realtime extent. */
  readonly rextsize: number;
  readonly rextents: number;
  /** Blocks of the bitmap. */
  readonly rbmblocks: number;
  /** Size classes of the summary. */
  readonly levels: number;
}

/** Realtime extents in use, as runs from `start` up to, not with, `end`: ascending and apart from each other. */
export class MappedRuns {
  readonly start = new NumberList();
  readonly end = new NumberList();

  get length(): number {
    return this.start.length;
  }

  /** Adds a run that begins no earlier than the last one did. */
  add(from: number, to: number): void {
    const last = this.start.length - 1;
    if (last >= 0 && from <= this.end.at(last)) {
      if (to > this.end.at(last)) this.end.set(last, to);
      return;
    }
    this.start.push(from);
    this.end.push(to);
  }
}

/** Sorts the extents, reports those that overlap or are mapped in part, and returns what is in use. */
export function mapRealtime(
  context: Context,
  extents: RealtimeExtents,
  section: RealtimeSection,
): MappedRuns {
  return new Sweep(context, section).run(extents);
}

/** One pass over the extents in the order of their blocks. */
class Sweep {
  private readonly context: Context;
  private readonly rextsize: number;
  /** First block behind the last realtime extent. */
  private readonly limit: number;
  // The block where the extent that reached furthest so far ended, and its inode.
  private end = 0;
  private endIno = -1;
  // Where the last overlap ended, and one of the two inodes.
  private overlapEnd = -1;
  private overlapIno = -1;

  constructor(context: Context, { rextsize, rextents }: RealtimeSection) {
    this.context = context;
    this.rextsize = rextsize;
    this.limit = rextents * rextsize;
  }

  run(extents: RealtimeExtents): MappedRuns {
    const { rextsize, limit } = this;
    const runs = new MappedRuns();
    for (const i of orderByStart(extents)) {
      const start = extents.start.at(i);
      const ino = extents.ino.at(i);
      const fileoff = extents.fileoff.at(i);
      let stop = start + extents.count.at(i);
      if (stop > limit) {
        const text = `blocks ${start} + ${stop - start} reach behind the last extent, which ends at ${limit}`;
        this.report('RT_PARTIAL', ino, text, fileoff);
        stop = limit;
        if (start >= limit) continue;
      }
      this.meet(start, stop, ino, fileoff);
      if (stop > this.end) {
        this.end = stop;
        this.endIno = ino;
      }
      runs.add(Math.floor(start / rextsize), Math.ceil(stop / rextsize));
    }
    if (this.isOpen()) this.reportPart(Math.floor(this.end / rextsize), this.endIno);
    return runs;
  }

  /** Whether the last extent ended inside a realtime extent. */
  private isOpen(): boolean {
    return this.end % this.rextsize !== 0;
  }

  /** Holds an extent against what came before it. */
  private meet(start: number, stop: number, ino: number, fileoff: number): void {
    const { end, endIno, rextsize } = this;
    if (start < end) {
      // What goes on between the same two files is one overlap, in however many records they have it.
      const goesOn = start === this.overlapEnd && (ino === this.overlapIno || endIno === this.overlapIno);
      this.overlapEnd = Math.min(end, stop);
      this.overlapIno = ino;
      const text = `realtime blocks ${start} + ${this.overlapEnd - start} belong to inode ${endIno} too`;
      if (!goesOn) this.report('RT_CROSS_LINK', ino, text, fileoff);
      return;
    }
    if (start === end && ino === endIno) return;
    const before = Math.floor(end / rextsize);
    const here = Math.floor(start / rextsize);
    if (this.isOpen() && before === here && ino !== endIno) {
      const text = `realtime extent ${here} belongs to inode ${endIno} too`;
      this.report('RT_CROSS_LINK', ino, text, fileoff);
      return;
    }
    if (this.isOpen()) this.reportPart(before, endIno);
    if (start % rextsize !== 0 && !(this.isOpen() && before === here)) this.reportPart(here, ino);
  }

  private reportPart(extent: number, ino: number): void {
    this.report(
      'RT_PARTIAL',
      ino,
      `maps realtime extent ${extent} in part only, it has ${this.rextsize} blocks`,
    );
  }

  private report(code: 'RT_PARTIAL' | 'RT_CROSS_LINK', ino: number, text: string, fileoff?: number): void {
    const agno = this.context.geometry.inoAgno(ino);
    const where = { agno, ino, structure: 'data', ...(fileoff === undefined ? {} : { fileoff }) };
    this.context.sink.add(code, where, `inode ${ino}: ${text}`);
  }
}

function orderByStart(extents: RealtimeExtents): Uint32Array {
  const low = new Uint32Array(extents.length);
  const high = new Uint32Array(extents.length);
  for (let i = 0; i < extents.length; i++) {
    const start = extents.start.at(i);
    low[i] = start % TWO_32;
    high[i] = Math.floor(start / TWO_32);
  }
  return radixOrder(extents.length, [low, high]);
}
