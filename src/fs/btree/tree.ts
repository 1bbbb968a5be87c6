/**
 * What the btree engine needs to know of one tree: an ops row. Keys are compared as a few unsigned 32-bit words;
 * a tree whose records may overlap (rmapbt) also keeps the highest key below each child.
 *
 * `Tree` is one tree of one AG or fork within one transaction; the engine (cursor, insert, remove) works on it.
 */
import { type BtreeFamily, LONG_HEADER, maxRecords, SHORT_HEADER } from '../../format/btree.ts';
import type { FindingCode } from '../../format/findings.ts';
import { writeCount64 } from '../../format/kinds.ts';
import { corrupt, type MetaBuffer } from '../buffer.ts';
import type { Transaction } from '../transaction.ts';
import { NO_BLOCK, TreeBlock } from './block.ts';

/** How a tree's records and keys are read and ordered. */
export interface KeyRow {
  readonly family: BtreeFamily;
  /** Words that order two keys, first word first. */
  readonly words: number;
  /** Bytes of a low key; a node's key is longer when a high key follows. */
  readonly lowBytes: number;
  recordWords(view: DataView, byte: number, into: Uint32Array): void;
  keyWords(view: DataView, byte: number, into: Uint32Array): void;
  /** Writes the low key of a record. */
  writeKey(view: DataView, record: number, to: DataView, key: number): void;
  /** Writes the high key of a record; absent: records do not overlap. */
  readonly writeHighKey?: (view: DataView, record: number, to: DataView, key: number) => void;
}

export interface Tree {
  readonly tr: Transaction;
  readonly row: KeyRow;
  /** Names damage. */
  readonly name: string;
  readonly damage: FindingCode;
  readonly agno: number | undefined;
  readonly ino: number | undefined;
  /** Levels now. */
  levels(): number;
  /** Root block; for a tree in an inode the block in memory. */
  root(): TreeBlock;
  block(pointer: number): TreeBlock;
  maxRecords(level: number): number;
  minRecords(level: number): number;
  /** A new block near `near`, zeroed with its header, in no list yet. Throws when there is none. */
  allocate(near: number): TreeBlock;
  release(block: TreeBlock): void;
  /** Trees with a root block alone: makes `pointer` the root. */
  setRoot(pointer: number, levels: number): void;
  /** The root is in an inode: entries it has room for. */
  readonly rootKeys?: () => number;
  /** Declares a change of a root that is in an inode. */
  readonly changeRoot?: () => void;
  /** The rightmost leaf's last record is now this (cntbt keeps the longest extent). */
  readonly lastChanged?: (leaf: TreeBlock) => void;
}

/** Declares that a block is about to be changed. */
export function changeBlock(tree: Tree, block: TreeBlock): void {
  if (block.buffer) tree.tr.change(block.buffer);
  else tree.changeRoot!();
}

/** Writes the header of a new block. */
export function initBlock(
  family: BtreeFamily,
  buffer: MetaBuffer,
  fields: { daddr: number; uuid: string; owner: number; pointer: number },
): TreeBlock {
  const header = family.long ? LONG_HEADER.over(buffer.bytes) : SHORT_HEADER.over(buffer.bytes);
  header.magic = family.magic;
  header.bno = BigInt(fields.daddr);
  header.uuid = fields.uuid;
  header.owner = fields.owner;
  if (family.long) {
    writeCount64(buffer.view, LONG_HEADER.offset.leftsib, -1);
    writeCount64(buffer.view, LONG_HEADER.offset.rightsib, -1);
  } else {
    buffer.view.setUint32(SHORT_HEADER.offset.leftsib, 0xffffffff);
    buffer.view.setUint32(SHORT_HEADER.offset.rightsib, 0xffffffff);
  }
  return new TreeBlock(family, buffer.bytes, fields.pointer, buffer);
}

/** Records a block of a level holds, at most and at least. */
export function fill(family: BtreeFamily, level: number, blocksize: number): { most: number; least: number } {
  const most = maxRecords(family, level, blocksize);
  return { most, least: most >>> 1 };
}

/** Throws: the tree is not what it must be. */
export function damaged(tree: Tree, what: string): never {
  const whose = tree.ino === undefined ? `AG ${tree.agno}` : `inode ${tree.ino}`;
  const where = {
    structure: tree.name,
    ...(tree.agno === undefined ? {} : { agno: tree.agno }),
    ...(tree.ino === undefined ? {} : { ino: tree.ino }),
  };
  corrupt(tree.damage, where, `${whose} ${tree.name}: ${what}`);
}

export function isRootInInode(tree: Tree): boolean {
  return tree.rootKeys !== undefined;
}

export function isBlock(pointer: number): boolean {
  return pointer !== NO_BLOCK;
}
