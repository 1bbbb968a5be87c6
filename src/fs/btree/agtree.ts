/**
 * What the trees of an AG have in common: blocks of their AG, and a root that the AGF or AGI names. Each tree says
 * where its root and level are kept and where its blocks come from.
 */
import type { AgBtreeName } from '../../format/btree.ts';
import type { FindingCode } from '../../format/findings.ts';
import { blockType } from '../buffer.ts';
import type { Perag } from '../perag.ts';
import type { Transaction } from '../transaction.ts';
import { TreeBlock } from './block.ts';
import { damaged, fill, initBlock, type KeyRow, type Tree } from './tree.ts';

/** Where a tree's root is kept, and how it comes by blocks. */
export interface AgTreeHome {
  root(perag: Perag): number;
  levels(perag: Perag): number;
  setRoot(perag: Perag, agbno: number, levels: number): void;
  /** A block near `near`; undefined: there is none. */
  allocate(tr: Transaction, perag: Perag, near: number): number | undefined;
  release(tr: Transaction, perag: Perag, agbno: number): void;
  readonly lastChanged?: (perag: Perag, leaf: TreeBlock) => void;
}

export class AgTree implements Tree {
  readonly tr: Transaction;
  readonly row: KeyRow;
  readonly name: AgBtreeName;
  readonly damage: FindingCode = 'BTREE_BLOCK';
  readonly agno: number;
  readonly ino = undefined;
  readonly lastChanged?: (leaf: TreeBlock) => void;
  private readonly home: AgTreeHome;
  private readonly perag: Perag;
  private readonly type: ReturnType<typeof blockType>;

  constructor(tr: Transaction, agno: number, row: KeyRow, home: AgTreeHome) {
    this.tr = tr;
    this.row = row;
    this.name = row.family.name as AgBtreeName;
    this.agno = agno;
    this.home = home;
    this.perag = tr.perag(agno);
    this.type = blockType(this.name);
    const { lastChanged } = home;
    if (lastChanged) this.lastChanged = (leaf) => lastChanged(this.perag, leaf);
  }

  levels(): number {
    return this.home.levels(this.perag);
  }
  root(): TreeBlock {
    return this.block(this.home.root(this.perag));
  }
  block(pointer: number): TreeBlock {
    const { geometry } = this.tr.fs;
    if (!geometry.isAgbno(this.agno, pointer) || pointer < geometry.headerBlocks) {
      damaged(this, `pointer to block ${pointer}`);
    }
    const buffer = this.tr.readBlock(this.type, this.agno, pointer);
    return new TreeBlock(this.row.family, buffer.bytes, pointer, buffer);
  }
  maxRecords(level: number): number {
    return fill(this.row.family, level, this.tr.fs.geometry.blocksize).most;
  }
  minRecords(level: number): number {
    return fill(this.row.family, level, this.tr.fs.geometry.blocksize).least;
  }
  allocate(near: number): TreeBlock {
    const { geometry } = this.tr.fs;
    const agbno = this.home.allocate(this.tr, this.perag, near);
    if (agbno === undefined) damaged(this, 'no free block for it to grow');
    const buffer = this.tr.createBlock(this.type, this.agno, agbno);
    return initBlock(this.row.family, buffer, {
      daddr: geometry.agbnoDaddr(this.agno, agbno),
      uuid: geometry.metaUuid,
      owner: this.agno,
      pointer: agbno,
    });
  }
  release(block: TreeBlock): void {
    if (block.buffer) this.tr.drop(block.buffer);
    this.home.release(this.tr, this.perag, block.pointer);
  }
  setRoot(pointer: number, levels: number): void {
    this.home.setRoot(this.perag, pointer, levels);
  }
}
