/**
 * The btree of a fork: its root is in the inode, its blocks anywhere, near the inode if possible. In memory the root
 * is a block whose capacity is what the fork has room for.
 */
import { BMDR_HEADER, BTREE, maxRecords, maxRootKeys } from '../../format/btree.ts';
import type { FindingCode } from '../../format/findings.ts';
import { readCount64, writeCount64 } from '../../format/kinds.ts';
import { TreeBlock } from '../btree/block.ts';
import { Cursor } from '../btree/cursor.ts';
import { insertRecord, updateRecord } from '../btree/insert.ts';
import { deleteRecord } from '../btree/remove.ts';
import type { Rmap } from '../btree/rmap.ts';
import { damaged, initBlock, type KeyRow, type Tree } from '../btree/tree.ts';
import { blockType } from '../buffer.ts';
import { noSpace } from '../nospace.ts';
import { allocate, freeLater } from '../space/allocate.ts';
import { allocRequest } from '../space/request.ts';
import { addRmap } from '../space/rmapchange.ts';
import type { Transaction } from '../transaction.ts';
import { type Extent, fileoffWords, writeExtent } from './extent.ts';

export const FAMILY = BTREE.bmapbt;
const TYPES = { data: blockType('bmapbtd'), attr: blockType('bmapbta') } as const;

export type ForkName = 'data' | 'attr';

const ROW: KeyRow = {
  family: FAMILY,
  words: 2,
  lowBytes: 8,
  recordWords: fileoffWords,
  keyWords(view, byte, into) {
    into[0] = view.getUint32(byte);
    into[1] = view.getUint32(byte + 4);
  },
  writeKey(view, record, to, key) {
    const words = new Uint32Array(2);
    fileoffWords(view, record, words);
    to.setUint32(key, words[0]!);
    to.setUint32(key + 4, words[1]!);
  },
};

/** What the tree needs of the fork that it belongs to. */
export interface TreeOwner {
  readonly tr: Transaction;
  readonly ino: number;
  readonly name: ForkName;
  /** Bytes of the fork. */
  readonly bytes: number;
  root: TreeBlock | undefined;
  changed(): void;
  countBlocks(by: number): void;
}

/** An empty root of the capacity that `forkBytes` give. */
export function emptyRoot(forkBytes: number, level: number): TreeBlock {
  const keys = maxRootKeys(forkBytes);
  const bytes = new Uint8Array(FAMILY.headerBytes + keys * (FAMILY.keyBytes + FAMILY.pointerBytes));
  const root = new TreeBlock(FAMILY, bytes, -1, undefined, keys);
  root.level = level;
  root.setSibling('left', -1);
  root.setSibling('right', -1);
  return root;
}

/** Reads the root from its form in the fork; undefined when it cannot be one. */
export function readRoot(fork: Uint8Array): TreeBlock | undefined {
  const view = new DataView(fork.buffer, fork.byteOffset, fork.byteLength);
  const level = view.getUint16(BMDR_HEADER.offset.level);
  const count = view.getUint16(BMDR_HEADER.offset.numrecs);
  const room = maxRootKeys(fork.length);
  if (level < 1 || level > 16 || count < 1 || count > room) return undefined;
  const root = emptyRoot(fork.length, level);
  root.numrecs = count;
  for (let i = 0; i < count; i++) {
    const key = BMDR_HEADER.size + i * FAMILY.keyBytes;
    root.bytes.set(fork.subarray(key, key + FAMILY.keyBytes), root.keyByte(i + 1));
    root.setChild(i + 1, readCount64(view, BMDR_HEADER.size + room * FAMILY.keyBytes + i * 8));
  }
  return root;
}

/** Writes the root in the form of the fork. The fork must have room for its keys. */
export function writeRoot(root: TreeBlock, fork: Uint8Array): void {
  const view = new DataView(fork.buffer, fork.byteOffset, fork.byteLength);
  const room = maxRootKeys(fork.length);
  const count = root.numrecs;
  if (count > room) throw new Error(`${count} keys do not fit a fork of ${fork.length} bytes`);
  view.setUint16(BMDR_HEADER.offset.level, root.level);
  view.setUint16(BMDR_HEADER.offset.numrecs, count);
  for (let i = 0; i < count; i++) {
    const key = root.keyByte(i + 1);
    fork.set(root.bytes.subarray(key, key + FAMILY.keyBytes), BMDR_HEADER.size + i * FAMILY.keyBytes);
    writeCount64(view, BMDR_HEADER.size + room * FAMILY.keyBytes + i * 8, root.child(i + 1));
  }
}

/** The same root with the capacity of a fork of another size. */
export function resizeRoot(root: TreeBlock, forkBytes: number): TreeBlock {
  const resized = emptyRoot(forkBytes, root.level);
  if (root.numrecs > maxRootKeys(forkBytes)) throw new Error('the root does not fit the smaller fork');
  resized.numrecs = root.numrecs;
  resized.take(root, 1, root.numrecs, 1);
  return resized;
}

/** Reverse mapping of a block of the tree. */
export function treeRmap(owner: TreeOwner, agbno: number): Rmap {
  const attr = owner.name === 'attr';
  return { start: agbno, count: 1, owner: owner.ino, offset: 0, attr, bmbt: true, unwritten: false };
}

/** A block for the tree of a fork, near `near` (fsbno); with its reverse mapping. Throws when space is out. */
export function allocateTreeBlock(owner: TreeOwner, near: number, minleft: number): TreeBlock {
  const { tr } = owner;
  const { geometry } = tr.fs;
  const first = tr.firstBlock;
  const target = first < 0 ? near : first;
  const agno = geometry.fsbnoAgno(target);
  const ask = (left: number) =>
    allocRequest({ agbno: geometry.fsbnoAgbno(target), maxlen: 1, minleft: left });
  const found =
    allocate(tr, first < 0 ? 'start' : 'near', agno, ask(first < 0 ? minleft : 0)) ??
    allocate(tr, 'first', 0, { ...ask(0), agbno: 0 });
  if (!found) noSpace(`no block for the extents of inode ${owner.ino}`);
  return adoptBlock(owner, found.agno, found.agbno);
}

function adoptBlock(owner: TreeOwner, agno: number, agbno: number): TreeBlock {
  const { tr } = owner;
  const { geometry } = tr.fs;
  const fsbno = geometry.fsbno(agno, agbno);
  if (geometry.features.rmapbt) addRmap(tr, agno, treeRmap(owner, agbno));
  tr.firstBlock = fsbno;
  owner.countBlocks(1);
  const buffer = tr.createBlock(TYPES[owner.name], agno, agbno, owner.ino);
  return initBlock(FAMILY, buffer, {
    daddr: geometry.agbnoDaddr(agno, agbno),
    uuid: geometry.metaUuid,
    owner: owner.ino,
    pointer: fsbno,
  });
}

/** Frees a block of the tree when the present change is done. */
export function releaseTreeBlock(owner: TreeOwner, block: TreeBlock): void {
  const { tr } = owner;
  const { geometry } = tr.fs;
  const agno = geometry.fsbnoAgno(block.pointer);
  const agbno = geometry.fsbnoAgbno(block.pointer);
  if (block.buffer) tr.drop(block.buffer);
  owner.countBlocks(-1);
  freeLater(tr, agno, agbno, 1, treeRmap(owner, agbno));
}

export class BmapTree implements Tree {
  readonly tr: Transaction;
  readonly row = ROW;
  readonly name: string;
  readonly damage: FindingCode = 'BMBT_BLOCK';
  readonly agno = undefined;
  readonly ino: number;
  private readonly owner: TreeOwner;

  constructor(owner: TreeOwner) {
    this.tr = owner.tr;
    this.owner = owner;
    this.ino = owner.ino;
    this.name = `bmbt of the ${owner.name} fork`;
  }

  levels(): number {
    return this.root().level + 1;
  }
  root(): TreeBlock {
    const { root } = this.owner;
    if (!root) damaged(this, 'no root');
    return root;
  }
  block(pointer: number): TreeBlock {
    const { geometry } = this.tr.fs;
    if (!geometry.isFsbnoRange(pointer, 1)) damaged(this, `pointer to fsbno ${pointer}`);
    const type = TYPES[this.owner.name];
    const agno = geometry.fsbnoAgno(pointer);
    const buffer = this.tr.readBlock(type, agno, geometry.fsbnoAgbno(pointer), this.ino);
    return new TreeBlock(FAMILY, buffer.bytes, pointer, buffer);
  }
  maxRecords(level: number): number {
    return maxRecords(FAMILY, level, this.tr.fs.geometry.blocksize);
  }
  minRecords(level: number): number {
    return this.maxRecords(level) >>> 1;
  }
  allocate(near: number): TreeBlock {
    return allocateTreeBlock(this.owner, near, this.root().level + 1);
  }
  release(block: TreeBlock): void {
    releaseTreeBlock(this.owner, block);
  }
  setRoot(): void {
    damaged(this, 'its root cannot move');
  }
  rootKeys = (): number => maxRootKeys(this.owner.bytes);
  changeRoot = (): void => this.owner.changed();
}

export class BmapCursor extends Cursor {
  constructor(owner: TreeOwner) {
    super(new BmapTree(owner));
  }

  /** Goes to the record of an extent that is there. */
  find(extent: Extent): void {
    writeExtent(this.record, 0, extent);
    if (!this.lookup('EQ')) damaged(this.tree, `no record for file offset ${extent.fileoff}`);
  }
  /** Inserts the record of an extent that is not there. */
  add(extent: Extent): void {
    writeExtent(this.record, 0, extent);
    if (this.lookup('EQ')) damaged(this.tree, `file offset ${extent.fileoff} is mapped already`);
    insertRecord(this);
  }
  /** Inserts at the cursor. */
  insert(extent: Extent): void {
    writeExtent(this.record, 0, extent);
    insertRecord(this);
  }
  update(extent: Extent): void {
    writeExtent(this.record, 0, extent);
    updateRecord(this);
  }
  remove(): void {
    deleteRecord(this);
  }
}
