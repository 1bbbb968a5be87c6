/**
 * bnobt and cntbt: the free extents of an AG by place, and by length and place. Their blocks come from the AGFL. The
 * AGF keeps the longest extent, which is the last record of the cntbt.
 */
import { ALLOC_RECORD, BTREE } from '../../format/btree.ts';
import { putOnFreeList, takeFromFreeList } from '../space/agfl.ts';
import type { Transaction } from '../transaction.ts';
import { AgTree, type AgTreeHome } from './agtree.ts';
import { Cursor, type Direction } from './cursor.ts';
import { insertRecord, updateRecord } from './insert.ts';
import { deleteRecord } from './remove.ts';
import type { KeyRow } from './tree.ts';

const AT = ALLOC_RECORD.offset;

function writeKey(view: DataView, record: number, to: DataView, key: number): void {
  to.setUint32(key, view.getUint32(record));
  to.setUint32(key + 4, view.getUint32(record + 4));
}

function byPlace(view: DataView, byte: number, into: Uint32Array): void {
  into[0] = view.getUint32(byte + AT.startblock);
}

function byLength(view: DataView, byte: number, into: Uint32Array): void {
  into[0] = view.getUint32(byte + AT.blockcount);
  into[1] = view.getUint32(byte + AT.startblock);
}

const BNO_ROW: KeyRow = {
  family: BTREE.bnobt,
  words: 1,
  lowBytes: 8,
  recordWords: byPlace,
  keyWords: byPlace,
  writeKey,
};
const CNT_ROW: KeyRow = {
  ...BNO_ROW,
  family: BTREE.cntbt,
  words: 2,
  recordWords: byLength,
  keyWords: byLength,
};

const fromFreeList: Pick<AgTreeHome, 'allocate' | 'release'> = {
  allocate: (_tr, perag) => takeFromFreeList(perag, true),
  release: (_tr, perag, agbno) => putOnFreeList(perag, agbno, true),
};

const BNO_HOME: AgTreeHome = {
  ...fromFreeList,
  root: (perag) => perag.agf.bnoroot,
  levels: (perag) => perag.agf.bnolevel,
  setRoot(perag, agbno, levels) {
    const agf = perag.changeAgf();
    agf.bnoroot = agbno;
    agf.bnolevel = levels;
  },
};

const CNT_HOME: AgTreeHome = {
  ...fromFreeList,
  root: (perag) => perag.agf.cntroot,
  levels: (perag) => perag.agf.cntlevel,
  setRoot(perag, agbno, levels) {
    const agf = perag.changeAgf();
    agf.cntroot = agbno;
    agf.cntlevel = levels;
  },
  lastChanged(perag, leaf) {
    const { numrecs } = leaf;
    const longest = numrecs ? leaf.view.getUint32(leaf.recordByte(numrecs) + AT.blockcount) : 0;
    if (perag.agf.longest !== longest) perag.changeAgf().longest = longest;
  },
};

/** A cursor over one of the two trees, with extents for records. */
export class FreeCursor extends Cursor {
  constructor(tr: Transaction, agno: number, tree: 'bnobt' | 'cntbt') {
    const [row, home] = tree === 'bnobt' ? [BNO_ROW, BNO_HOME] : [CNT_ROW, CNT_HOME];
    super(new AgTree(tr, agno, row, home));
  }

  find(direction: Direction, start: number, count: number): boolean {
    this.set(start, count);
    return this.lookup(direction);
  }
  /** Start of the current extent, agbno. */
  get start(): number {
    const { view, byte } = this.current();
    return view.getUint32(byte + AT.startblock);
  }
  get count(): number {
    const { view, byte } = this.current();
    return view.getUint32(byte + AT.blockcount);
  }
  /** Inserts an extent where the last lookup, which found nothing, has left the cursor. */
  insert(start: number, count: number): void {
    this.set(start, count);
    insertRecord(this);
  }
  update(start: number, count: number): void {
    this.set(start, count);
    updateRecord(this);
  }
  remove(): void {
    deleteRecord(this);
  }

  private set(start: number, count: number): void {
    this.record.setUint32(AT.startblock, start);
    this.record.setUint32(AT.blockcount, count);
  }
}
