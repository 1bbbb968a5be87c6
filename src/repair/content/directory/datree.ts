/**
 * The da tree over the leaves of a node form directory. All its blocks are read in file order, nodes and leaves alike;
 * then the tree is followed in memory: levels fall by one, a key is the last hash of its child, siblings chain each
 * level in order, and every block has one parent.
 *
 * Where a block could not be read, what lies below or beside it is not judged.
 */

import { hex } from '../../../format/problem.ts';
import { NumberList } from '../../observe/list.ts';
import type { LeafSummary } from './hashindex.ts';
import type { DirBlockPlace, DirReport } from './report.ts';

/** A block of the leaf space, read. */
export interface DaBlock {
  readonly place: DirBlockPlace;
  /** 0: a leaf; above: a node; negative: it could not be read. */
  readonly level: number;
  readonly forw: number;
  readonly back: number;
  /** Greatest hash in it. */
  readonly last: number;
  readonly first: number;
  readonly leaf: LeafSummary | undefined;
  /** Of a node: its children are those from here on in the lists of the tree. */
  readonly child: number;
  readonly children: number;
  /** Damage was told. */
  readonly damaged: boolean;
  reached: boolean;
}

export class DaTree {
  private readonly report: DirReport;
  private readonly blocks: DaBlock[] = [];
  private readonly hash = new NumberList();
  private readonly before = new NumberList();
  /** Nothing hindered the walk, so a block that it did not meet is in no tree. */
  private whole = true;

  constructor(report: DirReport) {
    this.report = report;
  }

  open(): void {
    this.blocks.length = 0;
    this.hash.length = 0;
    this.before.length = 0;
    this.whole = true;
  }

  /** Adds a block; they come in file order. */
  addLeaf(place: DirBlockPlace, forw: number, back: number, leaf: LeafSummary, damaged: boolean): void {
    const { first, last } = leaf;
    this.add({
      place,
      level: 0,
      forw,
      back,
      first,
      last,
      leaf,
      damaged,
      child: 0,
      children: 0,
      reached: false,
    });
  }
  /** `count` children at byte 64 of `view`. */
  addNode(
    place: DirBlockPlace,
    forw: number,
    back: number,
    level: number,
    view: DataView,
    count: number,
    damaged: boolean,
  ): void {
    const child = this.hash.length;
    for (let i = 0, at = 64; i < count; i++, at += 8) {
      this.hash.push(view.getUint32(at));
      this.before.push(view.getUint32(at + 4));
    }
    const first = this.hash.at(child);
    const last = this.hash.at(child + count - 1);
    const shape = { child, children: count, leaf: undefined, reached: false };
    this.add({ place, level, forw, back, first, last, damaged, ...shape });
  }
  addLost(place: DirBlockPlace): void {
    const nothing = { forw: 0, back: 0, first: 0, last: 0, leaf: undefined, child: 0, children: 0 };
    this.add({ place, level: -1, damaged: true, reached: false, ...nothing });
  }
  private add(block: DaBlock): void {
    this.blocks.push(block);
  }

  /** Follows the tree from its root, the block at file offset `root`. */
  judge(root: number): void {
    const top = this.find(root);
    if (!top) {
      this.report.inode('DIR_MAP', 'u3.bmx', `block ${root}, the root of its hash index, is not mapped`);
      return;
    }
    top.reached = true;
    const levels: (DaBlock | undefined)[][] = [];
    for (let level: (DaBlock | undefined)[] = [top]; level.length > 0; ) {
      levels.push(level);
      const next: (DaBlock | undefined)[] = [];
      for (const block of level) {
        if (!block || block.level < 0) {
          this.whole = false;
          next.push(undefined);
        } else if (block.level > 0) this.followNode(block, next);
      }
      level = next.some((block) => block !== undefined) ? next : [];
    }
    for (const level of levels) this.judgeSiblings(level);
    if (this.whole) this.tellUnreached();
  }

  /** Blocks that no node leads to: one finding, for they may be what a count that is too small leaves out. */
  private tellUnreached(): void {
    const unreached = this.blocks.filter((block) => !block.reached && block.level >= 0);
    const [first] = unreached;
    if (!first) return;
    const more = unreached.length > 1 ? `, nor to ${unreached.length - 1} others` : '';
    this.report.block('DIR_TREE', first.place, 'forw', `no node of the hash index leads to it${more}`);
  }

  /** Adds the children of a node to `next`; undefined where one is not known. */
  private followNode(node: DaBlock, next: (DaBlock | undefined)[]): void {
    const level = this.levelOfChildren(node);
    const children = this.countOfChildren(node);
    for (let i = 0; i < children; i++) {
      const before = this.before.at(node.child + i);
      const child = this.find(before);
      const why = this.whyNoChild(node, i, child, level);
      if (why !== undefined) {
        this.whole = false;
        next.push(undefined);
        const field = `nbtree[${i}].before`;
        const text = `${field} is ${before}, ${why}`;
        if (why) this.report.block('DIR_TREE', node.place, field, text, { found: before });
        continue;
      }
      child!.reached = true;
      next.push(child);
      this.judgeKey(node, i, child!);
    }
  }

  /** Children of a node; where several at its end lead nowhere, its count is wrong. */
  private countOfChildren(node: DaBlock): number {
    let good = node.children;
    while (good > 0 && !this.find(this.before.at(node.child + good - 1))) good--;
    if (good === 0 || node.children - good < 2) return node.children;
    const text = `count ${node.children}, those from ${good} on lead to no block of the hash index`;
    this.report.block('DIR_TREE', node.place, 'nhdr.count', text, { found: node.children, expected: good });
    return good;
  }

  /** The level below a node; where all its children have another one, the node's own is wrong. */
  private levelOfChildren(node: DaBlock): number {
    const expected = node.level - 1;
    let met = -1;
    for (let i = 0; i < node.children; i++) {
      const child = this.find(this.before.at(node.child + i));
      if (!child || child.level < 0 || child.reached) continue;
      // Only lower levels, so that the walk comes to its end.
      if (child.level === expected || child.level > node.level || (met >= 0 && child.level !== met))
        return expected;
      met = child.level;
    }
    if (met < 0) return expected;
    const text = `level ${node.level}, its children are of level ${met}`;
    const numbers = { found: node.level, expected: met + 1 };
    this.report.block('DIR_TREE', node.place, 'nhdr.level', text, numbers);
    return met;
  }

  /** Why a block is not child `i` of a node; empty: it could not be read, which was told; undefined: it is. */
  private whyNoChild(
    node: DaBlock,
    i: number,
    child: DaBlock | undefined,
    level: number,
  ): string | undefined {
    if (!child) return 'no block of the hash index';
    if (child.reached) return 'a block that another node leads to';
    if (child.level < 0) {
      child.reached = true;
      return '';
    }
    if (child.level !== level) return `a block of level ${child.level} below level ${node.level}`;
    if (this.hash.at(node.child + i) !== child.last && this.isNamedTwice(node, child)) {
      return 'a block that another key leads to';
    }
    return undefined;
  }

  private isNamedTwice(node: DaBlock, child: DaBlock): boolean {
    let times = 0;
    for (let i = 0; i < node.children; i++) {
      if (this.before.at(node.child + i) === child.place.fileoff) times++;
    }
    return times > 1;
  }

  private judgeKey(node: DaBlock, i: number, child: DaBlock): void {
    const key = this.hash.at(node.child + i);
    // The last hash of a leaf that was told to be wrong proves nothing.
    if (child.damaged || key === child.last || child.leaf?.faulty || (child.leaf?.disorder ?? -1) >= 0)
      return;
    if (node.damaged) return;
    const field = `nbtree[${i}].hashval`;
    const text = `${field} is ${hex(key)}, the last hash of block ${child.place.fileoff} is ${hex(child.last)}`;
    const numbers = { found: hex(key), expected: hex(child.last) };
    this.report.block('DIR_TREE', node.place, field, text, numbers);
  }

  /** Siblings of one level, in the order that the level above gives; undefined where a block is not known. */
  private judgeSiblings(level: readonly (DaBlock | undefined)[]): void {
    for (let i = 0; i < level.length; i++) {
      const block = level[i];
      if (!block || block.level < 0 || block.damaged) continue;
      this.judgeLink(block, 'back', block.back, i === 0 ? null : level[i - 1]);
      this.judgeLink(block, 'forw', block.forw, i === level.length - 1 ? null : level[i + 1]);
      const next = level[i + 1];
      if (!next || next.damaged || !block.leaf || !next.leaf) continue;
      if (next.first >= block.last || block.leaf.faulty || next.leaf.faulty) continue;
      const text = `its first hash ${hex(next.first)} is below ${hex(block.last)}, the last of block ${block.place.fileoff}`;
      this.report.block('DIR_TREE', next.place, 'lents[0].hashval', text);
    }
  }

  /** `neighbour`: null at the end of a level. */
  private judgeLink(
    block: DaBlock,
    side: 'forw' | 'back',
    found: number,
    neighbour: DaBlock | null | undefined,
  ): void {
    if (neighbour === undefined) return;
    const expected = neighbour === null ? 0 : neighbour.place.fileoff;
    // The end of a level that leads on to a block of no node: that is told of the other.
    if (found === expected || (neighbour === null && this.find(found)?.reached === false)) return;
    const field = `${block.level === 0 ? 'lhdr' : 'nhdr'}.info.hdr.${side}`;
    const text = `${side} ${found}, the next block there is ${expected}`;
    this.report.block('DIR_TREE', block.place, field, text, { found, expected });
  }

  private find(fileoff: number): DaBlock | undefined {
    const { blocks } = this;
    let low = 0;
    let high = blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (blocks[middle]!.place.fileoff < fileoff) low = middle + 1;
      else high = middle;
    }
    return blocks[low]?.place.fileoff === fileoff ? blocks[low] : undefined;
  }
}
