/**
 * The six btrees of an AG in blockget: their blocks and what their records say of other blocks. A block with a wrong
 * magic or count ends the check for good (a "serious" error), most else is said and gone over.
 *
 * Rows: a tree's magic, kind of its blocks, and what a leaf does. Everything is reckoned by the AG number that the
 * AGF gives, right or wrong.
 */
import {
  type AgBtreeName,
  BTREE,
  type BtreeFamily,
  maxRecords,
  REFCOUNT_COW,
  SHORT_HEADER,
} from '../../../format/btree.ts';
import { type ChunkRecord, chunkRecord, inodePieces, isFree, isHole } from '../../../fs/scan/chunk.ts';
import type { ScanReader } from '../../../fs/scan/reader.ts';
import { TreeWalk } from '../../../fs/scan/tree.ts';
import { hex } from '../../number.ts';
import { KIND } from './kind.ts';
import type { BlockUsage } from './usage.ts';

/** Counts of one AG, to be held against its headers. */
export interface AgCounts {
  freeBlocks: number;
  longest: number;
  /** Blocks of bnobt, cntbt and rmapbt besides their roots. */
  btreeBlocks: number;
  inodes: number;
  freeInodes: number;
}

/** What trees of all AGs add up to. */
export interface TreeTotals {
  freeBlocks: number;
  inodes: number;
  freeInodes: number;
  /** Every inode chunk begins where the alignment wants it. */
  aligned: boolean;
}

/** An inode as the inobt led to it: byte `at` of the buffer, and whether the mask calls it free. */
export type InodeVisit = (agno: number, agino: number, view: DataView, at: number, free: boolean) => void;

interface TreeRow {
  readonly tree: AgBtreeName;
  /** Name in messages about blocks, and in those about counts. */
  readonly name: string;
  readonly countName: string;
  readonly kind: number;
  /** Roots of these count as btree blocks of the AGF as well (and are taken off again). */
  readonly counted: 'all' | 'below root' | 'no';
}

const ROWS = {
  bnobt: { tree: 'bnobt', name: 'btbno', countName: 'btbno', kind: KIND.btbno, counted: 'all' },
  // The wrong name stands in xfs_db's message.
  cntbt: { tree: 'cntbt', name: 'btcnt', countName: 'btbno', kind: KIND.btcnt, counted: 'all' },
  rmapbt: { tree: 'rmapbt', name: 'rmapbt', countName: 'rmapbt', kind: KIND.btrmap, counted: 'below root' },
  refcntbt: { tree: 'refcntbt', name: 'refcntbt', countName: 'refcntbt', kind: KIND.btrefcnt, counted: 'no' },
  inobt: { tree: 'inobt', name: 'inobt', countName: 'inobt', kind: KIND.btino, counted: 'no' },
  finobt: { tree: 'finobt', name: 'finobt', countName: 'finobt', kind: KIND.btfino, counted: 'no' },
} as const satisfies Record<AgBtreeName, TreeRow>;

interface Leaf {
  readonly view: DataView;
  readonly agno: number;
  readonly agbno: number;
  readonly count: number;
}

export class AgTreeCheck {
  readonly counts: AgCounts = { freeBlocks: 0, longest: 0, btreeBlocks: 0, inodes: 0, freeInodes: 0 };
  private readonly usage: BlockUsage;
  private readonly reader: ScanReader;
  private readonly walk: TreeWalk;
  private readonly totals: TreeTotals;
  private readonly visitInode: InodeVisit;

  constructor(usage: BlockUsage, reader: ScanReader, totals: TreeTotals, visitInode: InodeVisit) {
    this.usage = usage;
    this.reader = reader;
    this.walk = new TreeWalk(reader);
    this.totals = totals;
    this.visitInode = visitInode;
  }

  check(tree: AgBtreeName, agno: number, agbno: number, levels: number): void {
    const row: TreeRow = ROWS[tree];
    const family = BTREE[tree];
    this.walk.short(
      { family, agno, agbno, levels },
      {
        block: (view, level, at, block, isRoot) =>
          this.block(row, family, { view, agno: at, agbno: block, count: 0 }, level, isRoot),
        lost: (at, block) => this.usage.fail(`can't read btree block ${at}/${block}\n`),
      },
    );
  }

  /** Judges a block; the number of children to follow. */
  private block(row: TreeRow, family: BtreeFamily, leaf: Leaf, level: number, isRoot: boolean): number {
    const { usage, counts } = this;
    const { view, agno, agbno } = leaf;
    const magic = view.getUint32(0);
    if (magic !== family.magic) {
      this.serious(`bad magic # ${hex(magic)} in ${row.name} block ${agno}/${agbno}\n`);
      return 0;
    }
    if (row.counted === 'all' || (row.counted === 'below root' && !isRoot)) {
      // The rmapbt is counted after its level is judged, which makes no difference.
      this.totals.freeBlocks++;
      counts.btreeBlocks++;
    }
    const said = view.getUint16(SHORT_HEADER.offset.level);
    if (said !== level)
      usage.fail(`expected level ${level} got ${said} in ${row.name} block ${agno}/${agbno}\n`);
    usage.set(agno, agbno, 1, row.kind, agno, agbno);
    const count = view.getUint16(SHORT_HEADER.offset.numrecs);
    const most = maxRecords(family, level, this.reader.geometry.blocksize);
    const least = most >>> 1;
    if (count > most || (!isRoot && count < least)) {
      const limits = `(${count}, min=${least}, max=${most})`;
      this.serious(`bad btree nrecs ${limits} in ${row.countName} block ${agno}/${agbno}\n`);
      return 0;
    }
    if (level === 0) this.leaf(row.tree, { ...leaf, count });
    return count;
  }

  private serious(text: string): void {
    this.usage.say(text);
    this.usage.serious++;
  }

  private leaf(tree: AgBtreeName, leaf: Leaf): void {
    switch (tree) {
      case 'bnobt':
        this.byBlock(leaf);
        break;
      case 'cntbt':
        this.bySize(leaf);
        break;
      case 'rmapbt':
        this.rmaps(leaf);
        break;
      case 'refcntbt':
        this.refcounts(leaf);
        break;
      case 'inobt':
        this.chunks(leaf);
        break;
      case 'finobt':
        this.freeChunks(leaf);
        break;
    }
  }

  private byBlock({ view, agno, agbno, count }: Leaf): void {
    let last = 0;
    for (let i = 0; i < count; i++) {
      const at = SHORT_HEADER.size + 8 * i;
      const start = view.getUint32(at);
      const length = view.getUint32(at + 4);
      this.usage.set(agno, start, length, KIND.free1, agno, agbno);
      if (start > last) last = start;
      else this.serious(`out-of-order bno btree record ${i} (${start} ${length}) block ${agno}/${agbno}\n`);
    }
  }

  private bySize({ view, agno, agbno, count }: Leaf): void {
    let last = 0;
    for (let i = 0; i < count; i++) {
      const at = SHORT_HEADER.size + 8 * i;
      const start = view.getUint32(at);
      const length = view.getUint32(at + 4);
      this.usage.change(agno, start, length, KIND.free1, KIND.free2, agno, agbno);
      this.totals.freeBlocks += length;
      this.counts.freeBlocks = (this.counts.freeBlocks + length) >>> 0;
      this.counts.longest = Math.max(this.counts.longest, length);
      if (length >= last) last = length;
      else this.usage.say(`out-of-order cnt btree record ${i} (${start} ${length}) block ${agno}/${agbno}\n`);
    }
  }

  private rmaps({ view, agno, agbno, count }: Leaf): void {
    let last = 0;
    for (let i = 0; i < count; i++) {
      const start = view.getUint32(SHORT_HEADER.size + BTREE.rmapbt.recordBytes * i);
      if (start >= last) last = start;
      else this.usage.say(`out-of-order rmap btree record ${i} (${start} ${start}) block ${agno}/${agbno}\n`);
    }
  }

  private refcounts({ view, agno, agbno, count }: Leaf): void {
    const { usage } = this;
    let last = 0;
    for (let i = 0; i < count; i++) {
      const at = SHORT_HEADER.size + BTREE.refcntbt.recordBytes * i;
      const start = view.getUint32(at);
      const length = view.getUint32(at + 4);
      if (view.getUint32(at + 8) === 1) {
        const isStaging = start >= REFCOUNT_COW;
        const block = isStaging ? start - REFCOUNT_COW : start;
        const where = isStaging ? '' : ' at unexpected address';
        usage.say(`leftover CoW extent${where} (${agno}/${block}) len ${length}\n`);
        usage.set(agno, block, length, KIND.cowdata, agno, agbno);
      } else usage.set(agno, start, length, KIND.rldata, agno, agbno);
      if (start >= last) last = (start + length) >>> 0;
      else usage.say(`out-of-order refcnt btree record ${i} (${start} ${start}) block ${agno}/${agbno}\n`);
    }
  }

  private chunks(leaf: Leaf): void {
    for (let i = 0; i < leaf.count; i++) {
      const at = SHORT_HEADER.size + BTREE.inobt.recordBytes * i;
      this.chunk(leaf, chunkRecord(leaf.view, at, this.reader.geometry.features.sparse));
    }
  }

  private chunk({ agno, agbno }: Leaf, record: ChunkRecord): void {
    const { usage, reader, counts, totals } = this;
    const { geometry } = reader;
    const pieces = inodePieces(geometry);
    const first = geometry.aginoAgbno(record.startino);
    const offset = record.startino % geometry.inopblock;
    this.checkAlignment(offset, first);
    let free = 0;
    for (const index of pieceIndexes(pieces.inodes, pieces.chunkBlocks / pieces.blocks)) {
      if (isHole(record, index)) continue;
      const block = first + (index / pieces.inodes) * pieces.blocks;
      if (offset < 64) usage.set(agno, block, pieces.blocks, KIND.inode, agno, agbno);
      totals.inodes += pieces.inodes;
      counts.inodes += pieces.inodes;
      const bytes = pieces.blocks * geometry.blocksize;
      const at = reader.find(geometry.agbnoByte(agno, block), bytes);
      if (at < 0) {
        usage.fail(`can't read inode block ${agno}/${block}\n`);
        continue;
      }
      for (let j = 0; j < pieces.inodes; j++) {
        const isFreeInode = isFree(record, index + j);
        if (isFreeInode) free++;
        const inode = at + (offset + j) * geometry.inodesize;
        if (inode + geometry.inodesize > at + bytes) continue;
        this.visitInode(agno, record.startino + index + j, reader.buffered, inode, isFreeInode);
      }
    }
    totals.freeInodes += record.freecount;
    counts.freeInodes += record.freecount;
    if (free !== record.freecount) {
      const text = `inode chunk ${agno}/${record.startino}, freecount ${record.freecount} nfree ${free}`;
      usage.fail(`ir_freecount/free mismatch, ${text}\n`);
    }
  }

  private freeChunks({ view, agno, agbno, count }: Leaf): void {
    const { geometry } = this.reader;
    const pieces = inodePieces(geometry);
    const blocks = Math.max(1, Math.floor(pieces.inodes / geometry.inopblock));
    for (let i = 0; i < count; i++) {
      const at = SHORT_HEADER.size + BTREE.finobt.recordBytes * i;
      const record = chunkRecord(view, at, geometry.features.sparse);
      const first = geometry.aginoAgbno(record.startino);
      this.checkAlignment(record.startino % geometry.inopblock, first);
      for (const index of pieceIndexes(pieces.inodes, pieces.chunkBlocks / pieces.blocks)) {
        if (isHole(record, index)) continue;
        const block = first + (index / pieces.inodes) * pieces.blocks;
        this.usage.change(agno, block, blocks, KIND.inode, KIND.inode, agno, agbno);
      }
    }
  }

  private checkAlignment(offset: number, agbno: number): void {
    const { inoalignmt } = this.reader.geometry;
    if (offset === 0 && inoalignmt > 0 && agbno % inoalignmt !== 0) this.totals.aligned = false;
  }
}

/** First inodes of the pieces of a chunk. */
function pieceIndexes(inodes: number, pieces: number): number[] {
  const indexes: number[] = [];
  for (let i = 0; i < pieces && i * inodes < 64; i++) indexes.push(i * inodes);
  return indexes;
}
