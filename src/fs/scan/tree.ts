/**
 * Walks over btrees as they stand, without trusting them: the visitor judges each block and says how many of its
 * children to follow. The expected level comes from the header above and falls by one with each step down, whatever
 * the blocks themselves say.
 *
 * Bounded: no deeper than MAX_DEPTH, and no more visits than there are blocks that could belong to the tree. A tree
 * that points into itself ends there.
 */
import { BTREE, type BtreeFamily, maxRecords, pointerOffset } from '../../format/btree.ts';
import type { ScanReader } from './reader.ts';

const MAX_DEPTH = 24;

export interface TreeVisitor {
  /** Judges the block at `agno`/`agbno`; the number of children to follow, 0 in a leaf. */
  block(view: DataView, level: number, agno: number, agbno: number, isRoot: boolean): number;
  /** A block that cannot be read. */
  lost(agno: number, agbno: number): void;
}

export interface TreeRoot {
  readonly family: BtreeFamily;
  readonly agno: number;
  readonly agbno: number;
  /** Levels of the tree, leaves included. */
  readonly levels: number;
}

/** Buffers of the blocks on the way down: one a depth, reused for every walk. */
export class TreeWalk {
  private readonly reader: ScanReader;
  private readonly views: DataView[] = [];
  private left = 0;

  constructor(reader: ScanReader) {
    this.reader = reader;
  }

  /** Walks an AG btree from its root. */
  short(root: TreeRoot, visitor: TreeVisitor): void {
    this.left = this.reader.geometry.agblocks;
    this.shortBlock(root, root.agbno, root.levels - 1, 0, visitor);
  }

  /** Allows `blocks` visits to the walks of `long` that follow. */
  allow(blocks: number): void {
    this.left = blocks;
  }

  /** Walks bmbt blocks from a child of a root in an inode down; its level should be `level`. */
  long(agno: number, agbno: number, level: number, visitor: TreeVisitor): void {
    this.longBlock(agno, agbno, level, true, 0, visitor);
  }

  private shortBlock(
    root: TreeRoot,
    agbno: number,
    level: number,
    depth: number,
    visitor: TreeVisitor,
  ): void {
    const view = this.enter(level, depth);
    if (!view) return;
    const bytes = new Uint8Array(view.buffer);
    if (!this.reader.block(root.agno, agbno, bytes)) {
      visitor.lost(root.agno, agbno);
      return;
    }
    const wanted = visitor.block(view, level, root.agno, agbno, depth === 0);
    if (level === 0) return;
    const { blocksize } = this.reader.geometry;
    const count = Math.min(wanted, maxRecords(root.family, 1, blocksize));
    const pointers = pointerOffset(root.family, 0, blocksize);
    for (let i = 0; i < count; i++) {
      this.shortBlock(root, view.getUint32(pointers + 4 * i), level - 1, depth + 1, visitor);
    }
  }

  private longBlock(
    agno: number,
    agbno: number,
    level: number,
    isRoot: boolean,
    depth: number,
    visitor: TreeVisitor,
  ): void {
    const view = this.enter(level, depth);
    if (!view) return;
    const { geometry } = this.reader;
    if (!this.reader.block(agno, agbno, new Uint8Array(view.buffer))) {
      visitor.lost(agno, agbno);
      return;
    }
    const wanted = visitor.block(view, level, agno, agbno, isRoot);
    if (level === 0) return;
    const count = Math.min(wanted, maxRecords(BTREE.bmapbt, 1, geometry.blocksize));
    for (let i = 0; i < count; i++) {
      const at = pointerOffset(BTREE.bmapbt, i, geometry.blocksize);
      const child = wordAgno(view, at, geometry.agblklog);
      this.longBlock(child, wordAgbno(view, at, geometry.agblklog), level - 1, false, depth + 1, visitor);
    }
  }

  private enter(level: number, depth: number): DataView | undefined {
    if (level < 0 || depth >= MAX_DEPTH || this.left-- <= 0) return undefined;
    this.views[depth] ??= new DataView(new ArrayBuffer(this.reader.geometry.blocksize));
    return this.views[depth];
  }
}

/** AG of the 64-bit fsbno at `at`, cut to 32 bits; exact whatever the number. */
export function wordAgno(view: DataView, at: number, agblklog: number): number {
  const low = view.getUint32(at + 4) >>> agblklog;
  return ((view.getUint32(at) << (32 - agblklog)) | low) >>> 0;
}

/** Block in the AG of the 64-bit fsbno at `at`. */
export function wordAgbno(view: DataView, at: number, agblklog: number): number {
  return (view.getUint32(at + 4) & (2 ** agblklog - 1)) >>> 0;
}
