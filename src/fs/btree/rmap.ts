/**
 * rmapbt: who owns which blocks of an AG. Records of different owners may overlap, so nodes also hold the greatest
 * key below each child. Its blocks come from the AGFL.
 */
import {
  BTREE,
  RMAP_KEY,
  RMAP_OFF_ATTR,
  RMAP_OFF_BMBT,
  RMAP_OFF_UNWRITTEN,
  RMAP_RECORD,
} from '../../format/btree.ts';
import { putOnFreeList, takeFromFreeList } from '../space/agfl.ts';
import type { Transaction } from '../transaction.ts';
import { AgTree, type AgTreeHome } from './agtree.ts';
import type { TreeBlock } from './block.ts';
import { Cursor, type Direction } from './cursor.ts';
import { insertRecord, updateRecord } from './insert.ts';
import { deleteRecord } from './remove.ts';
import { damaged, type KeyRow } from './tree.ts';

const TWO_32 = 2 ** 32;
const RECORD = RMAP_RECORD.offset;
const KEY = RMAP_KEY.offset;
/** Offset words, counted from where the owner is. */
const OFFSET_HIGH = 8;
const OFFSET_LOW = 12;
const IN_KEY = ~RMAP_OFF_UNWRITTEN >>> 0;
/** Owners that are no inodes have the top bit set. */
const isSpecial = (ownerHigh: number) => ownerHigh >= 0x80000000;

/** An rmap record as plain numbers. */
export interface Rmap {
  /** agbno. */
  readonly start: number;
  readonly count: number;
  /** Inode, or negative: `OWNER`. */
  readonly owner: number;
  /** File offset, blocks. */
  readonly offset: number;
  readonly attr: boolean;
  readonly bmbt: boolean;
  readonly unwritten: boolean;
}

function words(view: DataView, start: number, owner: number, into: Uint32Array): void {
  into[0] = view.getUint32(start);
  into[1] = view.getUint32(owner);
  into[2] = view.getUint32(owner + 4);
  into[3] = (view.getUint32(owner + OFFSET_HIGH) & IN_KEY) >>> 0;
  into[4] = view.getUint32(owner + OFFSET_LOW);
}

/** How keys are made of records, with the flags that `inKey` leaves of an offset's high word. */
const keyRow = (inKey: number): KeyRow => ({
  family: BTREE.rmapbt,
  words: 5,
  lowBytes: RMAP_KEY.size,
  recordWords: (view, byte, into) => words(view, byte, byte + RECORD.owner, into),
  keyWords: (view, byte, into) => words(view, byte, byte + KEY.owner, into),
  writeKey(view, record, to, key) {
    to.setUint32(key, view.getUint32(record));
    writeOwnerOffset(view, record, to, key, 0, inKey);
  },
  writeHighKey(view, record, to, key) {
    const count = view.getUint32(record + RECORD.blockcount);
    to.setUint32(key, view.getUint32(record) + count - 1);
    const owner = view.getUint32(record + RECORD.owner);
    const bmbt = view.getUint32(record + RECORD.owner + OFFSET_HIGH) & RMAP_OFF_BMBT;
    writeOwnerOffset(view, record, to, key, isSpecial(owner) || bmbt ? 0 : count - 1, inKey);
  },
});
const ROW = keyRow(IN_KEY);
const ROW_WITH_UNWRITTEN = keyRow(0xffffffff);

/** Copies owner and offset into a key, the offset moved on by `by` blocks and its flags masked. */
function writeOwnerOffset(
  view: DataView,
  record: number,
  to: DataView,
  key: number,
  by: number,
  inKey: number,
): void {
  const from = record + RECORD.owner;
  const at = key + KEY.owner;
  to.setUint32(at, view.getUint32(from));
  to.setUint32(at + 4, view.getUint32(from + 4));
  const low = view.getUint32(from + OFFSET_LOW) + by;
  const high = (view.getUint32(from + OFFSET_HIGH) & inKey) >>> 0;
  to.setUint32(at + OFFSET_HIGH, high + Math.floor(low / TWO_32));
  to.setUint32(at + OFFSET_LOW, low % TWO_32);
}

const HOME: AgTreeHome = {
  root: (perag) => perag.agf.rmaproot,
  levels: (perag) => perag.agf.rmaplevel,
  setRoot(perag, agbno, levels) {
    const agf = perag.changeAgf();
    agf.rmaproot = agbno;
    agf.rmaplevel = levels;
  },
  allocate(_tr, perag) {
    const agbno = takeFromFreeList(perag, true);
    if (agbno !== undefined) perag.changeAgf().rmapblocks++;
    return agbno;
  },
  release(_tr, perag, agbno) {
    perag.changeAgf().rmapblocks--;
    putOnFreeList(perag, agbno, true);
  },
};

function decodeRmap(view: DataView, byte: number): Rmap {
  const at = byte + RECORD.owner;
  const ownerHigh = view.getUint32(at);
  const ownerLow = view.getUint32(at + 4);
  const high = view.getUint32(at + OFFSET_HIGH);
  return {
    start: view.getUint32(byte),
    count: view.getUint32(byte + RECORD.blockcount),
    owner: isSpecial(ownerHigh) ? ownerLow - TWO_32 : ownerHigh * TWO_32 + ownerLow,
    offset: (high & 0x003fffff) * TWO_32 + view.getUint32(at + OFFSET_LOW),
    attr: (high & RMAP_OFF_ATTR) !== 0,
    bmbt: (high & RMAP_OFF_BMBT) !== 0,
    unwritten: (high & RMAP_OFF_UNWRITTEN) !== 0,
  };
}

export class RmapCursor extends Cursor {
  constructor(tr: Transaction, agno: number) {
    super(new AgTree(tr, agno, tr.fs.unwrittenInKeys ? ROW_WITH_UNWRITTEN : ROW, HOME));
  }

  find(direction: Direction, rmap: Rmap): boolean {
    this.set(rmap);
    return this.lookup(direction);
  }
  get rmap(): Rmap {
    const { view, byte } = this.current();
    return decodeRmap(view, byte);
  }
  /** Every record that covers a block, by way of the high keys. */
  covering(agbno: number): readonly Rmap[] {
    const found: Rmap[] = [];
    const { tree } = this;
    const visit = (block: TreeBlock, level: number): void => {
      if (block.level !== level) damaged(tree, `block at level ${block.level}, expected ${level}`);
      for (let slot = 1; slot <= block.numrecs; slot++) {
        if (level > 0) {
          const key = block.keyByte(slot);
          if (block.view.getUint32(key) > agbno) return;
          if (block.view.getUint32(key + RMAP_KEY.size) >= agbno)
            visit(tree.block(block.child(slot)), level - 1);
          continue;
        }
        const rmap = decodeRmap(block.view, block.recordByte(slot));
        if (rmap.start > agbno) return;
        if (rmap.start + rmap.count > agbno) found.push(rmap);
      }
    };
    visit(tree.root(), tree.levels() - 1);
    return found;
  }
  insert(rmap: Rmap): void {
    this.set(rmap);
    insertRecord(this);
  }
  update(rmap: Rmap): void {
    this.set(rmap);
    updateRecord(this);
  }
  remove(): void {
    deleteRecord(this);
  }

  private set(rmap: Rmap): void {
    const { record } = this;
    const at = RECORD.owner;
    record.setUint32(0, rmap.start);
    record.setUint32(RECORD.blockcount, rmap.count);
    record.setUint32(at, rmap.owner < 0 ? 0xffffffff : Math.floor(rmap.owner / TWO_32));
    record.setUint32(at + 4, rmap.owner < 0 ? rmap.owner >>> 0 : rmap.owner % TWO_32);
    let high = Math.floor(rmap.offset / TWO_32);
    if (rmap.attr) high += RMAP_OFF_ATTR;
    if (rmap.bmbt) high += RMAP_OFF_BMBT;
    if (rmap.unwritten) high += RMAP_OFF_UNWRITTEN;
    record.setUint32(at + OFFSET_HIGH, high);
    record.setUint32(at + OFFSET_LOW, rmap.offset % TWO_32);
  }
}
