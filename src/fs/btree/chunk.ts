/**
 * inobt and finobt: the inode chunks of an AG, and of those the ones with free inodes. Their blocks are allocated
 * like any other, near the block that is split; with INOBTCNT the AGI counts them.
 */
import { BTREE, INOBT_RECORD, INOBT_SPARSE_RECORD, OWNER } from '../../format/btree.ts';
import { CHUNK_INODES } from '../../format/geometry.ts';
import type { Perag } from '../perag.ts';
import { allocate, freeNow } from '../space/allocate.ts';
import { allocRequest } from '../space/request.ts';
import { metadataRmap } from '../space/rmapchange.ts';
import type { Transaction } from '../transaction.ts';
import { AgTree, type AgTreeHome } from './agtree.ts';
import { Cursor, type Direction } from './cursor.ts';
import { insertRecord, updateRecord } from './insert.ts';
import { deleteRecord } from './remove.ts';
import type { KeyRow } from './tree.ts';

const FULL = INOBT_RECORD.offset;
const SPARSE = INOBT_SPARSE_RECORD.offset;

/** A record of either tree as plain values. */
export interface Chunk {
  /** agino of the first inode. */
  readonly startino: number;
  /** Bit j set: inodes 4j to 4j+3 do not exist. */
  readonly holemask: number;
  readonly count: number;
  readonly freecount: number;
  /** Bit i set: inode i is free, or does not exist. */
  readonly free: bigint;
}

function word(view: DataView, byte: number, into: Uint32Array): void {
  into[0] = view.getUint32(byte);
}

const INO_ROW: KeyRow = {
  family: BTREE.inobt,
  words: 1,
  lowBytes: 4,
  recordWords: word,
  keyWords: word,
  writeKey: (view, record, to, key) => to.setUint32(key, view.getUint32(record)),
};

type TreeName = 'inobt' | 'finobt';

const FIELDS = {
  inobt: { root: 'root', level: 'level', blocks: 'ino_blocks' },
  finobt: { root: 'free_root', level: 'free_level', blocks: 'fino_blocks' },
} as const;

function home(tree: TreeName): AgTreeHome {
  const at = FIELDS[tree];
  const counts = (tr: Transaction, perag: Perag, by: number): void => {
    if (tr.fs.geometry.features.inobtcnt) perag.changeAgi()[at.blocks] += by;
  };
  return {
    root: (perag) => perag.agi[at.root],
    levels: (perag) => perag.agi[at.level],
    setRoot(perag, agbno, levels) {
      const agi = perag.changeAgi();
      agi[at.root] = agbno;
      agi[at.level] = levels;
    },
    allocate(tr, perag, near) {
      const request = allocRequest({ agbno: near, maxlen: 1 });
      const found = allocate(tr, 'near', perag.agno, request, OWNER.INOBT);
      if (found) counts(tr, perag, 1);
      return found?.agbno;
    },
    release(tr, perag, agbno) {
      counts(tr, perag, -1);
      freeNow(tr, perag.agno, agbno, 1, metadataRmap(OWNER.INOBT, agbno, 1));
    },
  };
}

const HOME = { inobt: home('inobt'), finobt: home('finobt') };
const ROW = { inobt: INO_ROW, finobt: { ...INO_ROW, family: BTREE.finobt } };

export class ChunkCursor extends Cursor {
  private readonly sparse: boolean;

  constructor(tr: Transaction, agno: number, tree: TreeName) {
    super(new AgTree(tr, agno, ROW[tree], HOME[tree]));
    this.sparse = tr.fs.geometry.features.sparse;
  }

  find(direction: Direction, startino: number): boolean {
    this.record.setUint32(0, startino);
    return this.lookup(direction);
  }
  get chunk(): Chunk {
    const { view, byte } = this.current();
    return {
      startino: view.getUint32(byte),
      holemask: this.sparse ? view.getUint16(byte + SPARSE.holemask) : 0,
      count: this.sparse ? view.getUint8(byte + SPARSE.count) : CHUNK_INODES,
      freecount: this.sparse ? view.getUint8(byte + SPARSE.freecount) : view.getUint32(byte + FULL.freecount),
      free: view.getBigUint64(byte + FULL.free),
    };
  }
  insert(chunk: Chunk): void {
    this.set(chunk);
    insertRecord(this);
  }
  update(chunk: Chunk): void {
    this.set(chunk);
    updateRecord(this);
  }
  remove(): void {
    deleteRecord(this);
  }

  private set(chunk: Chunk): void {
    const { record } = this;
    record.setUint32(0, chunk.startino);
    if (this.sparse) {
      record.setUint16(SPARSE.holemask, chunk.holemask);
      record.setUint8(SPARSE.count, chunk.count);
      record.setUint8(SPARSE.freecount, chunk.freecount);
    } else record.setUint32(FULL.freecount, chunk.freecount);
    record.setBigUint64(FULL.free, chunk.free);
  }
}
