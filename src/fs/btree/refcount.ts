/**
 * refcountbt: how many files share an extent, and which extents are CoW staging (bit 31 of the start, so that they
 * sort last). Its blocks are allocated like any other, near the place where mkfs put the root.
 */
import { BTREE, OWNER, REFCOUNT_COW, REFCOUNT_RECORD } from '../../format/btree.ts';
import type { Geometry } from '../../format/geometry.ts';
import { allocate, freeNow } from '../space/allocate.ts';
import { allocRequest } from '../space/request.ts';
import { metadataRmap } from '../space/rmapchange.ts';
import type { Transaction } from '../transaction.ts';
import { AgTree, type AgTreeHome } from './agtree.ts';
import { Cursor, type Direction } from './cursor.ts';
import { insertRecord, updateRecord } from './insert.ts';
import { deleteRecord } from './remove.ts';
import type { KeyRow } from './tree.ts';

const AT = REFCOUNT_RECORD.offset;

export interface Refcount {
  readonly cow: boolean;
  /** agbno. */
  readonly start: number;
  readonly count: number;
  readonly refcount: number;
}

function word(view: DataView, byte: number, into: Uint32Array): void {
  into[0] = view.getUint32(byte);
}

const ROW: KeyRow = {
  family: BTREE.refcntbt,
  words: 1,
  lowBytes: 4,
  recordWords: word,
  keyWords: word,
  writeKey: (view, record, to, key) => to.setUint32(key, view.getUint32(record)),
};

/** Where mkfs puts the root: after the headers and the roots of the other trees. */
function firstRoot({ headerBlocks, features }: Geometry): number {
  return headerBlocks + 3 + (features.finobt ? 1 : 0) + (features.rmapbt ? 1 : 0);
}

const HOME: AgTreeHome = {
  root: (perag) => perag.agf.refcntroot,
  levels: (perag) => perag.agf.refcntlevel,
  setRoot(perag, agbno, levels) {
    const agf = perag.changeAgf();
    agf.refcntroot = agbno;
    agf.refcntlevel = levels;
  },
  allocate(tr, perag) {
    const request = allocRequest({ agbno: firstRoot(tr.fs.geometry), maxlen: 1 });
    const found = allocate(tr, 'near', perag.agno, request, OWNER.REFC);
    if (found) perag.changeAgf().refcntblocks++;
    return found?.agbno;
  },
  release(tr, perag, agbno) {
    perag.changeAgf().refcntblocks--;
    freeNow(tr, perag.agno, agbno, 1, metadataRmap(OWNER.REFC, agbno, 1));
  },
};

export class RefcountCursor extends Cursor {
  constructor(tr: Transaction, agno: number) {
    super(new AgTree(tr, agno, ROW, HOME));
  }

  find(direction: Direction, cow: boolean, start: number): boolean {
    this.record.setUint32(0, cow ? start + REFCOUNT_COW : start);
    return this.lookup(direction);
  }
  get refcount(): Refcount {
    const { view, byte } = this.current();
    const start = view.getUint32(byte);
    return {
      cow: start >= REFCOUNT_COW,
      start: start % REFCOUNT_COW,
      count: view.getUint32(byte + AT.blockcount),
      refcount: view.getUint32(byte + AT.refcount),
    };
  }
  insert(refcount: Refcount): void {
    this.set(refcount);
    insertRecord(this);
  }
  update(refcount: Refcount): void {
    this.set(refcount);
    updateRecord(this);
  }
  remove(): void {
    deleteRecord(this);
  }

  private set({ cow, start, count, refcount }: Refcount): void {
    this.record.setUint32(0, cow ? start + REFCOUNT_COW : start);
    this.record.setUint32(AT.blockcount, count);
    this.record.setUint32(AT.refcount, refcount);
  }
}
