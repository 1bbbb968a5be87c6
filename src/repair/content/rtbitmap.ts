/**
 * The realtime bitmap against what files hold, block by block and both ways, counting free runs on the way. Nothing
 * of it is kept but those counts: a bitmap may be large, and its bits are as many as the extents of the section.
 *
 * Bit set = extent free. Words are little endian, so bit i of the file lies in byte i / 8.
 */
import type { Context } from '../observe/context.ts';
import type { ForkBlocks } from './forkblocks.ts';
import type { MappedRuns, RealtimeSection } from './rtmap.ts';
import { SummaryCounts } from './rtsummary.ts';

type Disagreement = 'RT_MAPPED_FREE' | 'RT_LEAKED' | 'RT_BITMAP_TAIL';

const TEXT: Readonly<Record<Disagreement, string>> = {
  RT_MAPPED_FREE: 'mapped, but free by the bitmap',
  RT_LEAKED: 'in use by the bitmap, but not mapped',
  RT_BITMAP_TAIL: 'free by the bitmap, but behind the end of the section',
};

/** What disagrees in one block, of one kind: told as one finding, for a block that was hit is one cause. */
class Tally {
  first = -1;
  extents = 0;

  add(extent: number): void {
    if (this.extents++ === 0) this.first = extent;
  }
}

export class BitmapScan {
  /** Free runs as the bitmap has them. */
  readonly counts: SummaryCounts;
  /** Some block could not be read: `counts` lacks what it holds. */
  unread = false;
  /** Bitmap and files disagree somewhere. */
  disagrees = false;
  private readonly context: Context;
  private readonly ino: number;
  private readonly section: RealtimeSection;
  private readonly runs: MappedRuns;
  /** Every file was read: what nobody maps is really unmapped. */
  private readonly complete: boolean;
  private readonly perBlock: number;
  private next = 0;
  private freeFrom = -1;
  private tallies: Readonly<Record<Disagreement, Tally>> = freshTallies();

  constructor(context: Context, ino: number, section: RealtimeSection, runs: MappedRuns, complete: boolean) {
    this.context = context;
    this.ino = ino;
    this.section = section;
    this.runs = runs;
    this.complete = complete;
    this.perBlock = 8 * context.geometry.blocksize;
    this.counts = new SummaryCounts(section, this.perBlock);
  }

  /** `blocks` is open at the bitmap, which is known to map all that is read. */
  run(blocks: ForkBlocks): void {
    for (let fileoff = 0; fileoff < this.section.rbmblocks; fileoff++) {
      const bytes = blocks.read(fileoff, 1, `realtime bitmap block ${fileoff}`);
      if (bytes) this.readBlock(bytes, fileoff * this.perBlock);
      else this.skipBlock();
      this.report(blocks, fileoff);
    }
    this.closeRun(this.section.rextents);
  }

  private skipBlock(): void {
    this.unread = true;
    this.freeFrom = -1;
  }

  private readBlock(bytes: Uint8Array, first: number): void {
    for (let i = 0; i < bytes.length; i++) {
      const extent = first + 8 * i;
      const found = bytes[i]!;
      const expected = this.expectedByte(extent);
      if (found !== expected) this.disagree(extent, found, expected);
      this.countRuns(extent, found);
    }
  }

  /** The eight bits from `extent` on, by what files hold. */
  private expectedByte(extent: number): number {
    const { runs } = this;
    const { rextents } = this.section;
    while (this.next < runs.length && runs.end.at(this.next) <= extent) this.next++;
    const untouched = this.next === runs.length || runs.start.at(this.next) >= extent + 8;
    if (untouched && extent + 8 <= rextents) return 0xff;
    if (!untouched && runs.start.at(this.next) <= extent && runs.end.at(this.next) >= extent + 8) return 0;
    let byte = 0;
    for (let bit = 0, run = this.next; bit < 8 && extent + bit < rextents; bit++) {
      while (run < runs.length && runs.end.at(run) <= extent + bit) run++;
      if (run === runs.length || runs.start.at(run) > extent + bit) byte |= 1 << bit;
    }
    return byte;
  }

  private disagree(extent: number, found: number, expected: number): void {
    for (let bit = 0; bit < 8; bit++) {
      const free = (found >>> bit) & 1;
      if (free === ((expected >>> bit) & 1)) continue;
      const at = extent + bit;
      if (at >= this.section.rextents) this.tallies.RT_BITMAP_TAIL.add(at);
      else if (free !== 0) this.tallies.RT_MAPPED_FREE.add(at);
      else if (this.complete) this.tallies.RT_LEAKED.add(at);
    }
  }

  /** Free runs begin and end; bytes inside of one, or between two, change nothing. */
  private countRuns(extent: number, byte: number): void {
    if (byte === (this.freeFrom >= 0 ? 0xff : 0)) return;
    for (let bit = 0; bit < 8; bit++) {
      const at = extent + bit;
      if (at >= this.section.rextents) return;
      const free = ((byte >>> bit) & 1) !== 0;
      if (free && this.freeFrom < 0) this.freeFrom = at;
      else if (!free) this.closeRun(at);
    }
  }

  private closeRun(end: number): void {
    if (this.freeFrom >= 0 && end > this.freeFrom) this.counts.add(this.freeFrom, end - this.freeFrom);
    this.freeFrom = -1;
  }

  private report(blocks: ForkBlocks, fileoff: number): void {
    const { geometry, sink } = this.context;
    for (const code of Object.keys(TEXT) as Disagreement[]) {
      const { extents, first } = this.tallies[code];
      if (extents === 0) continue;
      this.disagrees = true;
      const agno = geometry.fsbnoAgno(blocks.fsbno);
      const agbno = geometry.fsbnoAgbno(blocks.fsbno);
      const word = Math.floor((first % this.perBlock) / 32);
      const which =
        extents === 1 ? `realtime extent ${first}` : `${extents} realtime extents from ${first} on`;
      sink.add(
        code,
        { agno, agbno, ino: this.ino, fileoff, structure: 'rtbitmap', field: `rtwords[${word}]` },
        `realtime bitmap block ${fileoff}: ${which}: ${TEXT[code]}`,
      );
    }
    if (this.disagrees) this.tallies = freshTallies();
  }
}

function freshTallies(): Readonly<Record<Disagreement, Tally>> {
  return { RT_MAPPED_FREE: new Tally(), RT_LEAKED: new Tally(), RT_BITMAP_TAIL: new Tally() };
}
