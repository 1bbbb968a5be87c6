/**
 * Attribute forks with blocks: one leaf, or leaves below da nodes, from file block 0 on; then the values that have
 * blocks of their own; then whether anything else is mapped. Every block is visited once and levels fall, so no
 * fork can lead in a circle.
 */
import { ATTR_LEAF_MAGIC, ATTR_NODE_HEADER } from '../../format/attr.ts';
import { DA_NODE_MAGIC } from '../../format/dir.ts';
import { hex } from '../../format/problem.ts';
import { viewOf } from '../../format/struct.ts';
import { verifyAttrBlock } from '../../format/verify.ts';
import { AttrLeafCheck } from './attrleaf.ts';
import { AttrValues } from './attrvalues.ts';
import { type BlockCodes, BlockReport } from './blockreport.ts';
import type { ContentReader, Contents } from './contents.ts';

const CODES: BlockCodes = {
  structure: 'attr3',
  block: 'ATTR_BLOCK',
  crc: 'ATTR_CRC',
  header: 'ATTR_HEADER',
};
const AT = { forw: 0, back: 4, magic: 8, pad: 10, lsn: 24 } as const;
const COUNT = ATTR_NODE_HEADER.offset.count;
const LEVEL = ATTR_NODE_HEADER.offset.level;
const PAD = ATTR_NODE_HEADER.offset.pad;
const HEADER_BYTES = ATTR_NODE_HEADER.size;
const ENTRY_BYTES = 8;
/** Not known, because a block or a pointer before could not be used. */
const UNKNOWN = -1;

/** A level of the tree, crossed from left to right. */
interface Level {
  /** The node that is being followed; reading its children takes the original away. */
  readonly node: Uint8Array;
  /** Of each of its children: file offset and greatest hash. */
  readonly child: Float64Array;
  readonly greatest: Float64Array;
  // The last block so far: where it is, and where its link leads. 0: there was none.
  last: number;
  lastFsbno: number;
  lastForw: number;
}

export class AttributeReader implements ContentReader {
  private readonly contents: Contents;
  private readonly report: BlockReport;
  private readonly values: AttrValues;
  private readonly leaf: AttrLeafCheck;
  /** By level; 0 is the leaves. */
  private readonly levels: (Level | undefined)[] = [];
  private ino = 0;
  private row = 0;
  private lost = false;
  /** Blocks of the tree met so far, by file offset. */
  private readonly tree = new Set<number>();

  constructor(contents: Contents) {
    this.contents = contents;
    this.report = new BlockReport(contents.context, CODES);
    this.values = new AttrValues(contents, this.report);
    this.leaf = new AttrLeafCheck(contents, this.report, this.values);
  }

  read(fork: number): void {
    const { forks, parents } = this.contents;
    this.ino = forks.ino.at(fork);
    this.row = forks.row.at(fork);
    this.lost = forks.lost.at(fork) !== 0;
    if (this.lost) parents?.loseAttributes(this.row);
    // A fork with nothing in it: all its attributes were removed.
    if (forks.count(fork) === 0) return;
    const before = this.report.count;
    this.tree.clear();
    this.tree.add(0);
    this.values.begin(this.ino);
    this.leaf.begin(this.row);
    for (const level of this.levels) if (level) forget(level, 0);
    this.root();
    const tree = Float64Array.from(this.tree).sort();
    const taken = this.values.read(tree);
    const sound = this.report.count === before && !this.lost && !this.leaf.incomplete;
    if (sound) this.checkSurplus(fork, tree.length + taken);
    this.report.end();
  }

  private root(): void {
    const block = this.block(0);
    if (!block) return;
    const isNode = viewOf(block).getUint16(AT.magic) === DA_NODE_MAGIC;
    if (!this.accept(block, isNode)) return;
    this.checkRootLinks(viewOf(block));
    if (isNode) {
      this.node(block, 0, UNKNOWN);
      for (const level of this.levels) this.endLevel(level);
    } else this.visitLeaf(block, 0, true);
  }

  /** The block at `fileoff`, and the report begun for it. Undefined: it cannot be read, which was reported. */
  private block(fileoff: number): Uint8Array | undefined {
    const { blocks } = this.contents;
    if (!blocks.isMapped(fileoff)) {
      // Extents that were not good were reported, and are not mapped here.
      if (this.lost) this.report.count++;
      else {
        this.report.begin(this.ino, fileoff, UNKNOWN);
        this.report.add('ATTR_BLOCK', undefined, 'is not mapped');
      }
      this.contents.parents?.loseAttributes(this.row);
      return undefined;
    }
    const block = blocks.read(fileoff, 1, `inode ${this.ino} attribute block ${fileoff}`);
    this.report.begin(this.ino, fileoff, blocks.fsbno);
    if (block) return block;
    this.contents.parents?.loseAttributes(this.row);
    this.report.count++;
    return undefined;
  }

  /** Verifies a block that should be a node or a leaf. False: it cannot be used. */
  private accept(block: Uint8Array, isNode: boolean): boolean {
    const { blocks, parents, context } = this.contents;
    const view = viewOf(block);
    const magic = isNode ? DA_NODE_MAGIC : ATTR_LEAF_MAGIC;
    const what = isNode ? 'a node' : 'an attribute leaf';
    const found = view.getUint16(AT.magic);
    let good = found === magic;
    if (good) {
      const place = { daddr: blocks.daddr, owner: this.ino };
      good = this.report.accept(verifyAttrBlock(block, context.geometry, place), 'entries[');
    } else {
      const numbers = { found: hex(found), expected: hex(magic) };
      this.report.add('ATTR_BLOCK', 'hdr.info.hdr.magic', `magic ${hex(found)}, expected ${what}`, numbers);
    }
    if (good) this.report.checkLsn(view, AT.lsn);
    else parents?.loseAttributes(this.row);
    return good;
  }

  private visitLeaf(block: Uint8Array, fileoff: number, single: boolean): number {
    const { leaf, values, report } = this;
    values.fileoff = fileoff;
    values.fsbno = this.contents.blocks.fsbno;
    leaf.check(block);
    if (leaf.count > 0) return leaf.greatest;
    report.add(
      'ATTR_EMPTY',
      'hdr.count',
      `hdr.count 0: ${single ? 'the only leaf' : 'a leaf of a tree'} is empty`,
    );
    return UNKNOWN;
  }

  private checkRootLinks(view: DataView): void {
    for (const field of ['forw', 'back'] as const) {
      const found = view.getUint32(AT[field]);
      if (found !== 0) this.expect(`hdr.info.hdr.${field}`, found, 0);
    }
  }

  private expect(field: string, found: number, expected: number): void {
    this.report.add('ATTR_TREE', field, `${field} ${found}, expected ${expected}`, { found, expected });
  }

  /** A node and all below it; `expected` is its level, unknown for the root. Returns its greatest hash. */
  private node(block: Uint8Array, fileoff: number, expected: number): number {
    const { fsbno } = this.contents.blocks;
    const height = viewOf(block).getUint16(LEVEL);
    if (expected !== UNKNOWN && height !== expected) {
      this.expect('hdr.level', height, expected);
      this.contents.parents?.loseAttributes(this.row);
      return UNKNOWN;
    }
    const level = this.level(height);
    level.node.set(block);
    const view = viewOf(level.node);
    if (view.getUint32(PAD) !== 0)
      this.report.add('ATTR_HEADER', 'hdr.pad', `hdr.pad ${view.getUint32(PAD)}, expected 0`);
    if (view.getUint16(AT.pad) !== 0)
      this.report.add(
        'ATTR_HEADER',
        'hdr.info.hdr.pad',
        `hdr.info.hdr.pad ${view.getUint16(AT.pad)}, expected 0`,
      );
    const count = view.getUint16(COUNT);
    this.claimChildren(level, view, count);
    for (let i = 0; i < count; i++) {
      const child = level.child[i]!;
      if (child === UNKNOWN) forget(this.level(height - 1), UNKNOWN);
      level.greatest[i] = child === UNKNOWN ? UNKNOWN : this.child(child, height - 1, fileoff, fsbno, i);
    }
    this.report.begin(this.ino, fileoff, fsbno);
    for (let i = 0; i < count; i++) {
      const key = view.getUint32(HEADER_BYTES + i * ENTRY_BYTES);
      const greatest = level.greatest[i]!;
      if (greatest === UNKNOWN || key === greatest) continue;
      const text = `btree[${i}].hashval ${hex(key)}, the greatest below is ${hex(greatest)}`;
      this.report.add('ATTR_TREE', `btree[${i}].hashval`, text, { found: hex(key), expected: hex(greatest) });
    }
    return view.getUint32(HEADER_BYTES + (count - 1) * ENTRY_BYTES);
  }

  /** Pointers of a node: each leads to a block of its own, and none to the root. */
  private claimChildren(level: Level, view: DataView, count: number): void {
    for (let i = 0; i < count; i++) {
      const child = view.getUint32(HEADER_BYTES + i * ENTRY_BYTES + 4);
      level.child[i] = child;
      const mapped = this.contents.blocks.isMapped(child);
      const wrong = this.tree.has(child)
        ? 'that another pointer leads to, or the root'
        : 'that is not mapped';
      if (mapped && !this.tree.has(child)) {
        this.tree.add(child);
        continue;
      }
      level.child[i] = UNKNOWN;
      this.contents.parents?.loseAttributes(this.row);
      if (!mapped && this.lost) this.report.count++;
      else
        this.report.add(
          'ATTR_TREE',
          `btree[${i}].before`,
          `btree[${i}].before leads to block ${child}, ${wrong}`,
        );
    }
  }

  /** Child `index` of the node at `parent`; returns its greatest hash. */
  private child(fileoff: number, height: number, parent: number, parentFsbno: number, index: number): number {
    const level = this.level(height);
    const block = this.block(fileoff);
    const { fsbno } = this.contents.blocks;
    const good = block !== undefined && this.accept(block, height > 0);
    const back = good ? viewOf(block).getUint32(AT.back) : UNKNOWN;
    const forw = good ? viewOf(block).getUint32(AT.forw) : UNKNOWN;
    const placed = this.checkLinks(level, fileoff, fsbno, back, () => {
      this.report.begin(this.ino, parent, parentFsbno);
      const text = `btree[${index}].before leads to block ${fileoff}, which its neighbours are not linked with`;
      this.report.add('ATTR_TREE', `btree[${index}].before`, text);
    });
    level.last = fileoff;
    level.lastFsbno = fsbno;
    level.lastForw = placed ? forw : UNKNOWN;
    if (!good) {
      if (height === 0) this.leaf.skip();
      return UNKNOWN;
    }
    this.report.begin(this.ino, fileoff, fsbno);
    const greatest = height === 0 ? this.visitLeaf(block, fileoff, false) : this.node(block, fileoff, height);
    return placed ? greatest : UNKNOWN;
  }

  /** Links between a block and the one before it. False: neither knows the other, so the pointer is to blame. */
  private checkLinks(level: Level, fileoff: number, fsbno: number, back: number, blame: () => void): boolean {
    const { last, lastForw } = level;
    const forwWrong = last > 0 && lastForw !== UNKNOWN && lastForw !== fileoff;
    const backWrong = back !== UNKNOWN && last !== UNKNOWN && back !== last;
    if (forwWrong && backWrong) {
      blame();
      return false;
    }
    if (forwWrong) {
      this.report.begin(this.ino, last, level.lastFsbno);
      this.expect('hdr.info.hdr.forw', lastForw, fileoff);
    }
    if (backWrong) {
      this.report.begin(this.ino, fileoff, fsbno);
      this.expect('hdr.info.hdr.back', back, last);
    }
    return true;
  }

  /** The last block of a level leads nowhere. */
  private endLevel(level: Level | undefined): void {
    if (!level || level.last <= 0 || level.lastForw <= 0) return;
    this.report.begin(this.ino, level.last, level.lastFsbno);
    this.expect('hdr.info.hdr.forw', level.lastForw, 0);
  }

  /** Blocks that neither the tree nor a value takes; everything else of the fork is sound. */
  private checkSurplus(fork: number, taken: number): void {
    const { forks } = this.contents;
    let mapped = 0;
    const first = forks.first(fork);
    for (let i = first; i < first + forks.count(fork); i++) mapped += forks.blockCount(i);
    if (mapped === taken) return;
    this.report.begin(this.ino, forks.fileoff(first), forks.fsbno(first));
    const text = `${mapped} blocks are mapped, ${taken} of them are in use`;
    this.report.add('ATTR_SURPLUS', undefined, text, { found: mapped, expected: taken });
  }

  private level(height: number): Level {
    const { blocksize } = this.contents.context.geometry;
    const most = Math.floor((blocksize - HEADER_BYTES) / ENTRY_BYTES);
    this.levels[height] ??= {
      node: new Uint8Array(height === 0 ? 0 : blocksize),
      child: new Float64Array(height === 0 ? 0 : most),
      greatest: new Float64Array(height === 0 ? 0 : most),
      last: 0,
      lastFsbno: UNKNOWN,
      lastForw: 0,
    };
    return this.levels[height];
  }
}

/** Begins a level anew (0), or behind something that could not be used (UNKNOWN). */
function forget(level: Level, last: number): void {
  level.last = last;
  level.lastFsbno = UNKNOWN;
  level.lastForw = last;
}
