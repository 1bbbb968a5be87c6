/**
 * One walk for all six AG btrees, driven by the rows of BTREE: level by level from the root, each block once.
 *
 * For every block: magic, CRC, UUID, owner, own address, level, record count, both sibling pointers, and the
 * keys that its parent gave for it (lowest; in the rmapbt the highest too). A block that fails is left out with
 * everything below it and the tree is unsound; its neighbours are still read, for what they tell is true.
 * Bounded by the blocks of the AG: a block that was met before is not visited again.
 */
import {
  type AgBtreeName,
  BTREE,
  type BtreeFamily,
  pointerOffset,
  SHORT_HEADER,
} from '../../format/btree.ts';
import { maxLevels } from '../../format/btreeheight.ts';
import type { FindingCode } from '../../format/findings.ts';
import { NULL_AGBNO } from '../../format/geometry.ts';
import { verifyShortBlock } from '../../format/verify.ts';
import type { TreeObservation } from '../observation.ts';
import type { BlockRuns } from './blockruns.ts';
import type { Context } from './context.ts';
import { KEY_WORDS, type LeafReader } from './leaf.ts';

const AT = SHORT_HEADER.offset;
/** 32-bit words of an rmapbt key; a node holds a low and a high one for each child. */
const RMAP_WORDS = 5;
/** What the words of a key are. */
const KEY_FIELDS: Readonly<Record<AgBtreeName, readonly string[]>> = {
  bnobt: ['startblock', 'blockcount'],
  cntbt: ['startblock', 'blockcount'],
  inobt: ['startino'],
  finobt: ['startino'],
  refcntbt: ['startblock'],
  rmapbt: [
    'startblock',
    'upper half of owner',
    'lower half of owner',
    'upper half of offset',
    'lower half of offset',
  ],
};
const UNWRITTEN = 0x20000000;

/** One level: its blocks in key order, the keys that the level above gives for them, and where it has gaps. */
class Level {
  readonly agbno: number[] = [];
  readonly low: number[] = [];
  readonly high: number[] = [];
  /** `gap[i]`: blocks may be missing before block i; the last entry: after the last block. */
  readonly gap: boolean[] = [false];

  markGap(): void {
    this.gap[this.gap.length - 1] = true;
  }
  push(agbno: number): void {
    this.agbno.push(agbno);
    this.gap.push(false);
  }
}

export interface Root {
  /** undefined: the header that points to the tree could not be read. */
  readonly agbno: number | undefined;
  readonly levels: number;
}

export class TreeWalk<Records> {
  /** Leaves that were read, in tree order. */
  readonly leaves: number[] = [];
  private readonly context: Context;
  private readonly agno: number;
  private readonly name: AgBtreeName;
  private readonly family: BtreeFamily;
  private readonly reader: LeafReader<Records>;
  private readonly runs: BlockRuns;
  // The block being looked at.
  private block: Uint8Array;
  private view: DataView;
  private readonly words: readonly number[];
  private readonly visited = new Set<number>();
  private readonly highKey = new Float64Array(RMAP_WORDS);
  private faults = 0;

  constructor(
    context: Context,
    runs: BlockRuns,
    agno: number,
    name: AgBtreeName,
    reader: LeafReader<Records>,
  ) {
    this.context = context;
    this.runs = runs;
    this.agno = agno;
    this.name = name;
    this.family = BTREE[name];
    this.reader = reader;
    this.block = runs.block;
    this.view = runs.view;
    this.words = KEY_WORDS[name];
  }

  observe(root: Root): TreeObservation<Records> {
    this.runs.forget();
    if (root.agbno === undefined) this.faults++;
    else this.descend(root.agbno, root.levels);
    return {
      name: this.name,
      blocks: [...this.visited],
      level: root.levels,
      records: this.reader.records,
      sound: this.faults === 0,
    };
  }

  private descend(root: number, levels: number): void {
    const most = maxLevels(this.name, this.context.geometry);
    if (levels < 1 || levels > most) {
      this.fault('BTREE_ROOT', undefined, `${levels} levels, expected 1 to ${most}`);
      return;
    }
    if (!this.isInside(root)) {
      this.fault('BTREE_ROOT', undefined, `root ${root} is outside the AG, ${this.length()} blocks`);
      return;
    }
    let level = new Level();
    level.push(root);
    this.visited.add(root);
    for (let height = levels - 1; height >= 0; height--) {
      const below = new Level();
      for (let i = 0; i < level.agbno.length; i++) {
        // What is missing on this level is missing with its children.
        if (level.gap[i]) below.markGap();
        this.visit(level, i, height, height === levels - 1, below);
      }
      if (level.gap.at(-1)) below.markGap();
      level = below;
    }
  }

  private visit(level: Level, index: number, height: number, isRoot: boolean, below: Level): void {
    const agbno = level.agbno[index]!;
    if (!this.read(level, index) || !this.verify(agbno, height, isRoot)) {
      this.faults++;
      this.visited.delete(agbno);
      below.markGap();
      return;
    }
    const { agno, name } = this;
    if (this.context.isLsnAhead(this.view, AT.lsn)) {
      const where = { agno, agbno, structure: name };
      this.context.checkLsn(this.view, AT.lsn, `AG ${agno} ${name} block ${agbno}`, where);
    }
    this.checkSiblings(level, index, agbno);
    const { view, family } = this;
    const count = view.getUint16(AT.numrecs);
    if (!isRoot) this.checkLowKey(level, index, agbno, height);
    if (height === 0) {
      this.leaves.push(agbno);
      this.reader.read(view, family.headerBytes, count, (code, record, text) =>
        this.fault(code, agbno, `record ${record + 1}: ${text}`),
      );
    } else this.takeChildren(count, below, agbno);
    if (this.name === 'rmapbt' && !isRoot) this.checkHighKey(level, index, agbno, height, count);
  }

  /** Reads a block of a level, together with those of the level that follow it on disk. */
  private read(level: Level, index: number): boolean {
    const { runs, agno } = this;
    const good = runs.readListed(agno, level.agbno, index, this.name);
    this.block = runs.block;
    this.view = runs.view;
    return good;
  }

  /** The block's own header; sibling pointers are judged where the neighbours are known. */
  private verify(agbno: number, height: number, isRoot: boolean): boolean {
    const { geometry } = this.context;
    const before = this.faults;
    const place = { level: height };
    for (const p of verifyShortBlock(this.block, geometry, this.name, this.agno, agbno, place)) {
      if (p.field === 'leftsib' || p.field === 'rightsib') continue;
      this.fault(p.field === 'crc' ? 'BTREE_CRC' : 'BTREE_BLOCK', agbno, p.message);
    }
    if (!isRoot && this.faults === before && this.view.getUint16(AT.numrecs) === 0) {
      this.fault('BTREE_BLOCK', agbno, 'numrecs 0, expected at least 1');
    }
    return this.faults === before;
  }

  private checkSiblings(level: Level, index: number, agbno: number): void {
    const last = level.agbno.length - 1;
    const one = (side: string, found: number, gap: boolean, expected: number): void => {
      if (gap || found === expected) return;
      this.fault('BTREE_SIBLING', agbno, `${side} sibling ${nameOf(found)}, expected ${nameOf(expected)}`);
    };
    const left = index === 0 ? NULL_AGBNO : level.agbno[index - 1]!;
    const right = index === last ? NULL_AGBNO : level.agbno[index + 1]!;
    one('left', this.view.getUint32(AT.leftsib), level.gap[index]!, left);
    one('right', this.view.getUint32(AT.rightsib), level.gap[index + 1]!, right);
  }

  private takeChildren(count: number, below: Level, agbno: number): void {
    const { view, family, words } = this;
    for (let i = 0; i < count; i++) {
      const child = view.getUint32(pointerOffset(family, i, this.block.length));
      if (!this.isInside(child) || this.visited.has(child)) {
        const problem = this.isInside(child)
          ? 'was met before'
          : `is outside the AG, ${this.length()} blocks`;
        this.fault('BTREE_POINTER', agbno, `pointer ${i + 1}: block ${child} ${problem}`);
        below.markGap();
        continue;
      }
      this.visited.add(child);
      below.push(child);
      const key = family.headerBytes + i * family.keyBytes;
      for (let w = 0; w < words.length; w++) below.low.push(this.keyWord(key + 4 * w, w));
      if (this.name === 'rmapbt') {
        for (let w = 0; w < RMAP_WORDS; w++) below.high.push(this.keyWord(key + 20 + 4 * w, w));
      }
    }
  }

  /** Word of a key; the unwritten bit has no part in comparisons of rmapbt keys. */
  private keyWord(at: number, word: number): number {
    const value = this.view.getUint32(at);
    return this.name === 'rmapbt' && word === 3 ? (value & ~UNWRITTEN) >>> 0 : value;
  }

  private keyField(word: number): string {
    return KEY_FIELDS[this.name][word]!;
  }

  private checkLowKey(level: Level, index: number, agbno: number, height: number): void {
    const { words, family } = this;
    for (let w = 0; w < words.length; w++) {
      const at = family.headerBytes + (height === 0 ? words[w]! : 4 * w);
      const found = level.low[index * words.length + w]!;
      const expected = this.keyWord(at, w);
      if (found === expected) continue;
      this.fault(
        'BTREE_KEY',
        agbno,
        `low key in the parent: ${this.keyField(w)} ${found}, expected ${expected}`,
      );
      return;
    }
  }

  /** The parent's high key must be the greatest high key below. */
  private checkHighKey(level: Level, index: number, agbno: number, height: number, count: number): void {
    const { highKey, family } = this;
    highKey.fill(-1);
    for (let i = 0; i < count; i++) {
      if (height === 0) this.raiseByRecord(family.headerBytes + i * family.recordBytes);
      else this.raise(family.headerBytes + i * family.keyBytes + 20);
    }
    for (let w = 0; w < RMAP_WORDS; w++) {
      const found = level.high[index * RMAP_WORDS + w]!;
      if (found === highKey[w]) continue;
      this.fault(
        'BTREE_KEY',
        agbno,
        `high key in the parent: ${this.keyField(w)} ${found}, expected ${highKey[w]}`,
      );
      return;
    }
  }

  private raise(at: number): void {
    const v = this.view;
    const high = (v.getUint32(at + 12) & ~UNWRITTEN) >>> 0;
    this.raiseTo(v.getUint32(at), v.getUint32(at + 4), v.getUint32(at + 8), high, v.getUint32(at + 16));
  }

  /** The high key of a record: its last block, and for file extents the last file offset. */
  private raiseByRecord(at: number): void {
    const v = this.view;
    const reach = v.getUint32(at + 4) - 1;
    const last = v.getUint32(at) + reach;
    if (last < this.highKey[0]!) return;
    const ownerHigh = v.getUint32(at + 8);
    let high = (v.getUint32(at + 16) & ~UNWRITTEN) >>> 0;
    let low = v.getUint32(at + 20);
    if (ownerHigh < 0x80000000 && (high & 0x40000000) === 0) {
      low += reach;
      if (low >= 2 ** 32) {
        low -= 2 ** 32;
        high++;
      }
    }
    this.raiseTo(last, ownerHigh, v.getUint32(at + 12), high, low);
  }

  private raiseTo(w0: number, w1: number, w2: number, w3: number, w4: number): void {
    const k = this.highKey;
    const above =
      w0 !== k[0]
        ? w0 > k[0]!
        : w1 !== k[1]
          ? w1 > k[1]!
          : w2 !== k[2]
            ? w2 > k[2]!
            : w3 !== k[3]
              ? w3 > k[3]!
              : w4 > k[4]!;
    if (!above) return;
    k[0] = w0;
    k[1] = w1;
    k[2] = w2;
    k[3] = w3;
    k[4] = w4;
  }

  private length(): number {
    return this.context.geometry.agLength(this.agno);
  }
  private isInside(agbno: number): boolean {
    return agbno >= this.context.geometry.headerBlocks && agbno < this.length();
  }

  private fault(code: FindingCode, agbno: number | undefined, text: string): void {
    this.faults++;
    const place = agbno === undefined ? this.name : `${this.name} block ${agbno}`;
    const where = { agno: this.agno, structure: this.name, ...(agbno === undefined ? {} : { agbno }) };
    this.context.sink.add(code, where, `AG ${this.agno} ${place}: ${text}`);
  }
}

function nameOf(agbno: number): string {
  return agbno === NULL_AGBNO ? 'none' : String(agbno);
}
