/**
 * The rmapbt: verified with all other trees, its records read again when they are wanted. There are as many as
 * extents in the filesystem, and what the inodes say is all that has to be held at once.
 *
 * The second reading trusts the first no more than the disk: a leaf may have changed in between, so counts and
 * records are bounded again.
 */
import { BTREE, maxRecords, OWNER, SHORT_HEADER } from '../../format/btree.ts';
import { ExtentColumns, FLAG_ATTR, FLAG_BMBT, FLAG_UNWRITTEN, RunColumns } from '../../fs/space/columns.ts';
import type { RmapObservation } from '../observation.ts';
import type { BlockRuns } from './blockruns.ts';
import type { Context } from './context.ts';
import type { LeafReader, RecordFault } from './leaf.ts';
import { type Root, TreeWalk } from './tree.ts';

type RmapSummary = Pick<RmapObservation, 'count' | 'inodes' | 'staging'>;

const FAMILY = BTREE.rmapbt;

export function observeRmapbt(context: Context, runs: BlockRuns, agno: number, root: Root): RmapObservation {
  const walk = new TreeWalk(context, runs, agno, 'rmapbt', new RmapReader(context, agno));
  const { name, blocks, level, sound, records } = walk.observe(root);
  const leaves = new RmapLeaves(context, runs, agno, walk.leaves);
  return {
    name,
    blocks,
    level,
    sound,
    ...records,
    holds: (rows) => leaves.hold(rows),
    get records() {
      return leaves.readInto(new ExtentColumns(records.count));
    },
  };
}

/** An owner as a number; those of metadata are negative. */
function ownerOf(high: number, low: number): number {
  return high >= 0x80000000 ? (high - 0xffffffff) * 2 ** 32 + (low - 2 ** 32) : high * 2 ** 32 + low;
}

function flagsOf(high: number): number {
  return (
    (high >>> 31 ? FLAG_ATTR : 0) |
    (high & 0x40000000 ? FLAG_BMBT : 0) |
    (high & 0x20000000 ? FLAG_UNWRITTEN : 0)
  );
}

function offsetOf(high: number, low: number): number {
  return (high & 0x003fffff) * 2 ** 32 + low;
}

/** The leaves of a tree that has been walked. */
class RmapLeaves {
  private readonly context: Context;
  private readonly runs: BlockRuns;
  private readonly agno: number;
  private readonly leaves: readonly number[];

  constructor(context: Context, runs: BlockRuns, agno: number, leaves: readonly number[]) {
    this.context = context;
    this.runs = runs;
    this.agno = agno;
    this.leaves = leaves;
  }

  hold(rows: ExtentColumns): boolean {
    const { start, count, owner, offset, flags, length } = rows;
    const end = this.context.geometry.agLength(this.agno);
    let i = 0;
    const same = this.eachLeaf((view, records) => {
      for (let r = 0, at = FAMILY.headerBytes; r < records; r++, at += FAMILY.recordBytes) {
        const from = view.getUint32(at);
        const blocks = view.getUint32(at + 4);
        if (blocks === 0 || from + blocks > end) continue;
        const high = view.getUint32(at + 16);
        if (i === length || from !== start[i] || blocks !== count[i] || flagsOf(high) !== flags[i])
          return false;
        if (ownerOf(view.getUint32(at + 8), view.getUint32(at + 12)) !== owner[i]) return false;
        if (offsetOf(high, view.getUint32(at + 20)) !== offset[i]) return false;
        i++;
      }
      return true;
    });
    return same && i === length;
  }

  readInto(rows: ExtentColumns): ExtentColumns {
    const end = this.context.geometry.agLength(this.agno);
    this.eachLeaf((view, records) => {
      for (let r = 0, at = FAMILY.headerBytes; r < records; r++, at += FAMILY.recordBytes) {
        const from = view.getUint32(at);
        const blocks = view.getUint32(at + 4);
        if (blocks === 0 || from + blocks > end) continue;
        const high = view.getUint32(at + 16);
        const owner = ownerOf(view.getUint32(at + 8), view.getUint32(at + 12));
        rows.push(from, blocks, owner, offsetOf(high, view.getUint32(at + 20)), flagsOf(high));
      }
      return true;
    });
    return rows;
  }

  /** Leaves that can be read, each with the number of records it has room for and says it has; false: cut short. */
  private eachLeaf(use: (view: DataView, records: number) => boolean): boolean {
    const { runs, leaves, agno } = this;
    const most = maxRecords(FAMILY, 0, this.context.geometry.blocksize);
    runs.forget();
    for (let i = 0; i < leaves.length; i++) {
      if (!runs.readListed(agno, leaves, i, 'rmapbt')) continue;
      const { view } = runs;
      if (!use(view, Math.min(most, view.getUint16(SHORT_HEADER.offset.numrecs)))) return false;
    }
    return true;
  }
}

/** Judges reverse mappings one after another, and keeps the few that are wanted before all are. */
class RmapReader implements LeafReader<RmapSummary> {
  readonly records = { count: 0, inodes: new RunColumns(), staging: new RunColumns() };
  private readonly context: Context;
  private readonly length: number;
  /** Words of the previous record's key; and how far shareable and other records reach. */
  private readonly previous = new Float64Array(5);
  private sharedEnd = 0;
  private plainEnd = 0;
  private started = false;

  constructor(context: Context, agno: number) {
    this.context = context;
    this.length = context.geometry.agLength(agno);
  }

  read(view: DataView, at: number, count: number, fault: RecordFault): void {
    for (let i = 0; i < count; i++, at += 24) {
      const start = view.getUint32(at);
      const blocks = view.getUint32(at + 4);
      const ownerHigh = view.getUint32(at + 8);
      const ownerLow = view.getUint32(at + 12);
      const high = view.getUint32(at + 16);
      const low = view.getUint32(at + 20);
      if (blocks === 0 || start + blocks > this.length) {
        fault('BTREE_RECORD', i, `rmap ${start} + ${blocks} leaves the AG, ${this.length} blocks`);
        continue;
      }
      const owner = ownerOf(ownerHigh, ownerLow);
      const flags = flagsOf(high);
      const offset = offsetOf(high, low);
      const wrong = this.ruleBroken(owner, offset, flags, high);
      if (wrong) fault('BTREE_RECORD', i, `rmap ${start} + ${blocks} owner ${owner}: ${wrong}`);
      if (!this.isAfter(start, ownerHigh, ownerLow, high & ~0x20000000, low)) {
        fault(
          'BTREE_ORDER',
          i,
          `rmap ${start} + ${blocks} owner ${owner} does not sort after the one before`,
        );
        this.sharedEnd = this.plainEnd = 0; // either of the two may be wrong: begun anew
      }
      this.checkOverlap(start, blocks, owner, flags, i, fault);
      this.records.count++;
      if (owner === OWNER.INODES) this.records.inodes.push(start, blocks);
      if (owner === OWNER.COW) this.records.staging.push(start, blocks);
    }
  }

  private ruleBroken(owner: number, offset: number, flags: number, high: number): string | undefined {
    if ((high & 0x1fc00000) !== 0) return 'reserved bits of the offset are set';
    if (owner < 0) {
      if (owner > -3 || owner < -9) return 'no such owner';
      if (offset !== 0 || flags !== 0) return `offset ${offset} and flags ${flags}, expected none`;
      return undefined;
    }
    if (!this.context.isIno(owner)) return 'no such inode';
    if (flags & FLAG_BMBT && (offset !== 0 || flags & FLAG_UNWRITTEN))
      return `offset ${offset} of a bmbt block`;
    if (flags & FLAG_ATTR && flags & FLAG_UNWRITTEN) return 'attribute extent is unwritten';
    return undefined;
  }

  private isAfter(start: number, w1: number, w2: number, w3: number, w4: number): boolean {
    const p = this.previous;
    const w3u = w3 >>> 0;
    let ordered = true;
    if (this.started) {
      if (start !== p[0]) ordered = start > p[0]!;
      else if (w1 !== p[1]) ordered = w1 > p[1]!;
      else if (w2 !== p[2]) ordered = w2 > p[2]!;
      else if (w3u !== p[3]) ordered = w3u > p[3]!;
      else ordered = w4 > p[4]!;
    }
    this.started = true;
    p[0] = start;
    p[1] = w1;
    p[2] = w2;
    p[3] = w3u;
    p[4] = w4;
    return ordered;
  }

  /** Only data extents of files may overlap one another, and only with reflink. */
  private checkOverlap(
    start: number,
    blocks: number,
    owner: number,
    flags: number,
    index: number,
    fault: RecordFault,
  ): void {
    const shareable =
      owner >= 0 && (flags & (FLAG_ATTR | FLAG_BMBT)) === 0 && this.context.geometry.features.reflink;
    const taken = shareable ? this.plainEnd : Math.max(this.plainEnd, this.sharedEnd);
    if (start < taken) {
      const text = `rmap ${start} + ${blocks} owner ${owner} overlaps blocks below ${taken} that it cannot share`;
      fault('BTREE_ORDER', index, text);
      this.sharedEnd = this.plainEnd = 0; // told once, not again for every record below that end
    }
    const end = start + blocks;
    if (shareable) this.sharedEnd = Math.max(this.sharedEnd, end);
    else this.plainEnd = Math.max(this.plainEnd, end);
  }
}
