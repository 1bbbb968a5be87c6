/**
 * Everything the headers and btrees of an AG say, as columns: free extents by both trees, the free list, inode
 * chunks, reverse mappings, reference counts, and where the blocks of the trees themselves lie. Read without
 * verifying more than what bounds it; what leaves the AG is left out and counted.
 */
import {
  AG_BTREES,
  type AgBtreeName,
  BTREE,
  maxRecords,
  REFCOUNT_COW,
  RMAP_OFF_ATTR,
  RMAP_OFF_BMBT,
  RMAP_OFF_UNWRITTEN,
  SHORT_HEADER,
} from '../../format/btree.ts';
import {
  ExtentColumns,
  FLAG_ATTR,
  FLAG_BMBT,
  FLAG_UNWRITTEN,
  RefcountColumns,
  RunColumns,
} from '../space/columns.ts';
import { type Agf, type Agi, readAgf, readAgi, readFreeList } from './agheader.ts';
import { type ChunkRecord, chunkRecord } from './chunk.ts';
import type { ScanReader } from './reader.ts';
import { TreeWalk } from './tree.ts';

const TWO_32 = 2 ** 32;

export interface TreeBlock {
  readonly tree: AgBtreeName;
  readonly level: number;
}

export class AgRecords {
  readonly free = new RunColumns();
  readonly freeBySize = new RunColumns();
  readonly rmaps = new ExtentColumns();
  readonly refcounts = new RefcountColumns();
  readonly chunks: ChunkRecord[] = [];
  freeList: readonly number[] = [];
  /** Blocks of the btrees. */
  readonly trees = new Map<number, TreeBlock>();
  /** What could not be read or leaves the AG. */
  bad = 0;
  private readonly reader: ScanReader;
  private readonly agno: number;

  constructor(reader: ScanReader, agno: number) {
    this.reader = reader;
    this.agno = agno;
  }

  read(): this {
    const { reader, agno } = this;
    const agf = readAgf(reader, agno);
    const agi = readAgi(reader, agno);
    if (!agf || !agi) this.bad++;
    if (agf) {
      const list = readFreeList(reader, agno, agf);
      if (typeof list === 'string') this.bad++;
      else this.freeList = list.filter((agbno) => reader.geometry.isAgbno(agno, agbno));
    }
    const walk = new TreeWalk(reader);
    for (const tree of AG_BTREES) {
      const [agbno, levels] = rootOf(tree, agf, agi);
      if (agbno !== 0 && levels > 0) this.readTree(walk, tree, agbno, levels);
    }
    return this;
  }

  private readTree(walk: TreeWalk, tree: AgBtreeName, root: number, levels: number): void {
    const { geometry } = this.reader;
    const family = BTREE[tree];
    walk.short(
      { family, agno: this.agno, agbno: root, levels },
      {
        block: (view, level, _agno, agbno) => {
          const count = view.getUint16(SHORT_HEADER.offset.numrecs);
          const isBlock =
            view.getUint32(0) === family.magic &&
            view.getUint16(SHORT_HEADER.offset.level) === level &&
            count <= maxRecords(family, level, geometry.blocksize) &&
            geometry.isAgbno(this.agno, agbno);
          if (!isBlock || this.trees.has(agbno)) {
            this.bad++;
            return 0;
          }
          this.trees.set(agbno, { tree, level });
          if (level === 0) this.leaf(tree, view, count);
          return count;
        },
        lost: () => {
          this.bad++;
        },
      },
    );
  }

  private leaf(tree: AgBtreeName, view: DataView, count: number): void {
    const { recordBytes } = BTREE[tree];
    for (let i = 0, at: number = SHORT_HEADER.size; i < count; i++, at += recordBytes) {
      switch (tree) {
        case 'bnobt':
          this.run(this.free, view, at);
          break;
        case 'cntbt':
          this.run(this.freeBySize, view, at);
          break;
        case 'rmapbt':
          this.rmap(view, at);
          break;
        case 'refcntbt':
          this.refcount(view, at);
          break;
        case 'inobt':
          this.chunks.push(chunkRecord(view, at, this.reader.geometry.features.sparse));
          break;
        case 'finobt':
          break;
      }
    }
  }

  private isInside(start: number, count: number): boolean {
    const inside = count > 0 && start + count <= this.reader.geometry.agLength(this.agno);
    if (!inside) this.bad++;
    return inside;
  }

  private run(into: RunColumns, view: DataView, at: number): void {
    const start = view.getUint32(at);
    const count = view.getUint32(at + 4);
    if (this.isInside(start, count)) into.push(start, count);
  }

  private rmap(view: DataView, at: number): void {
    const start = view.getUint32(at);
    const count = view.getUint32(at + 4);
    if (!this.isInside(start, count)) return;
    const high = view.getUint32(at + 8);
    const low = view.getUint32(at + 12);
    const owner = high === 0xffffffff ? low - TWO_32 : high * TWO_32 + low;
    const word = view.getUint32(at + 16);
    const flags =
      ((word & RMAP_OFF_ATTR) !== 0 ? FLAG_ATTR : 0) |
      ((word & RMAP_OFF_BMBT) !== 0 ? FLAG_BMBT : 0) |
      ((word & RMAP_OFF_UNWRITTEN) !== 0 ? FLAG_UNWRITTEN : 0);
    this.rmaps.push(start, count, owner, (word & 0x3fffff) * TWO_32 + view.getUint32(at + 20), flags);
  }

  private refcount(view: DataView, at: number): void {
    const word = view.getUint32(at);
    const cow = word >= REFCOUNT_COW ? 1 : 0;
    const start = cow ? word - REFCOUNT_COW : word;
    const count = view.getUint32(at + 4);
    if (this.isInside(start, count)) this.refcounts.push(start, count, view.getUint32(at + 8), cow);
  }
}

function rootOf(tree: AgBtreeName, agf: Agf | undefined, agi: Agi | undefined): readonly [number, number] {
  switch (tree) {
    case 'bnobt':
      return agf ? [agf.bnoroot, agf.bnolevel] : [0, 0];
    case 'cntbt':
      return agf ? [agf.cntroot, agf.cntlevel] : [0, 0];
    case 'rmapbt':
      return agf ? [agf.rmaproot, agf.rmaplevel] : [0, 0];
    case 'refcntbt':
      return agf ? [agf.refcntroot, agf.refcntlevel] : [0, 0];
    case 'inobt':
      return agi ? [agi.root, agi.level] : [0, 0];
    case 'finobt':
      return agi ? [agi.free_root, agi.free_level] : [0, 0];
  }
}
