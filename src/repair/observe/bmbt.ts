/**
 * The extent btrees of all forks, walked together in waves: each wave reads one level of every fork, in disk
 * order, so the head moves once over the disk a level instead of once a file.
 *
 * A wave's entries stand in fork order and, inside a fork, in key order; blocks are read sorted by address, and
 * what the order rules need (first offset, end, siblings) is kept per entry and judged when the wave is read.
 * Bounded: levels fall with every wave, and a block that two entries of a wave name is read for the first only.
 */
import { BTREE, LONG_HEADER, pointerOffset } from '../../format/btree.ts';
import type { FindingCode } from '../../format/findings.ts';
import { verifyLongBlock } from '../../format/verify.ts';
import { type ExtentColumns, FLAG_ATTR, FLAG_BMBT } from '../../fs/space/columns.ts';
import type { BlockRuns } from './blockruns.ts';
import type { Context } from './context.ts';
import { checkBlockCount, checkExtentCount, count64, type ExtentReader, forkName } from './extent.ts';
import { NumberList } from './list.ts';

const AT = LONG_HEADER.offset;
const BMBT = BTREE.bmapbt;
const NULL_FSBNO = -1;

export interface Fork {
  readonly ino: number;
  readonly attr: boolean;
  readonly regular: boolean;
  readonly realtime: boolean;
  /** Extents by the inode's account. */
  readonly nextents: number;
  /** Its number in ForkExtents; -1: its extents are not kept. */
  readonly keepAs: number;
}

/** Blocks to read: parallel lists, one entry a block. */
class Wave {
  readonly fork = new NumberList();
  readonly fsbno = new NumberList();
  readonly level = new NumberList();
  /** Lowest file offset, as the parent says. */
  readonly key = new NumberList();
  /** 1: blocks may be missing before this entry (or, in the entry after the last of a fork, behind it). */
  readonly gap = new NumberList();

  push(fork: number, fsbno: number, level: number, key: number, gap: number): void {
    this.fork.push(fork);
    this.fsbno.push(fsbno);
    this.level.push(level);
    this.key.push(key);
    this.gap.push(gap);
  }
  get length(): number {
    return this.fork.length;
  }
}

/** What was met at each entry of a wave; `good` 0 when it could not be used. */
class Met {
  readonly good: Uint8Array;
  readonly left: Float64Array;
  readonly right: Float64Array;
  readonly first: Float64Array;
  readonly end: Float64Array;
  /** Children of entry i: from `child[i]`, `children[i]` of them, in the lists below. */
  readonly child: Float64Array;
  readonly children: Uint32Array;
  readonly pointers = new NumberList();
  readonly keys = new NumberList();

  constructor(length: number) {
    this.good = new Uint8Array(length);
    this.left = new Float64Array(length);
    this.right = new Float64Array(length);
    this.first = new Float64Array(length);
    this.end = new Float64Array(length);
    this.child = new Float64Array(length);
    this.children = new Uint32Array(length);
  }
}

export class BmbtWalk {
  /** Levels above the leaves that a root in an inode can have; more cannot be reached with 2^48 extents. */
  readonly mostLevels = 16;
  private readonly context: Context;
  private readonly owners: readonly ExtentColumns[];
  private readonly extents: ExtentReader;
  private readonly runs: BlockRuns;
  // The block being looked at.
  private block: Uint8Array;
  private view: DataView;
  private wave = new Wave();
  // Forks and, behind them, the inodes whose block count waits for them.
  private readonly forks: Fork[] = [];
  private readonly found = new NumberList();
  private readonly blocksOf = new Map<number, { nblocks: number; blocks: number }>();

  constructor(context: Context, runs: BlockRuns, owners: readonly ExtentColumns[], extents: ExtentReader) {
    this.context = context;
    this.runs = runs;
    this.owners = owners;
    this.extents = extents;
    this.block = runs.block;
    this.view = runs.view;
  }

  /** Adds a fork whose root has `count` keys at `at`, with room for `most`; the root itself is at `level`. */
  addFork(view: DataView, at: number, most: number, level: number, count: number, fork: Fork): void {
    const index = this.forks.length;
    this.forks.push(fork);
    this.found.push(0);
    for (let i = 0; i < count; i++) {
      const pointer = count64(view, at + 8 * most + 8 * i);
      this.wave.push(index, pointer, level - 1, count64(view, at + 8 * i), 0);
    }
  }

  /** The block count of an inode with a btree fork; `blocks` are those of its other fork. */
  settleLater(ino: number, nblocks: number, blocks: number): void {
    this.blocksOf.set(ino, { nblocks, blocks });
  }

  /** Reads all levels of all forks added, then settles the counters. */
  run(): void {
    while (this.wave.length > 0) {
      const met = this.readWave(this.wave);
      this.judge(this.wave, met);
      this.wave = this.nextWave(this.wave, met);
    }
    for (let i = 0; i < this.forks.length; i++) {
      const { ino, attr, nextents } = this.forks[i]!;
      checkExtentCount(this.context, ino, attr, nextents, this.found.at(i));
    }
    for (const [ino, { nblocks, blocks }] of this.blocksOf)
      checkBlockCount(this.context, ino, nblocks, blocks);
  }

  private readWave(wave: Wave): Met {
    const met = new Met(wave.length);
    const order = new Uint32Array(wave.length);
    for (let i = 0; i < order.length; i++) order[i] = i;
    order.sort((a, b) => wave.fsbno.at(a) - wave.fsbno.at(b) || a - b);
    let before = -1;
    this.runs.forget();
    for (let k = 0; k < order.length; k++) {
      const i = order[k]!;
      const fsbno = wave.fsbno.at(i);
      if (fsbno === before) this.fault('BMBT_BLOCK', wave, i, 'another pointer leads to it too');
      else this.visit(wave, order, k, met);
      before = fsbno;
    }
    return met;
  }

  /** Reads the block of entry `order[k]`, together with those of the wave that follow it on disk. */
  private read(wave: Wave, order: Uint32Array, k: number, agno: number, agbno: number, ino: number): boolean {
    const { runs } = this;
    let good = runs.find(this.context.geometry.agbnoByte(agno, agbno));
    if (!good) {
      const fsbno = wave.fsbno.at(order[k]!);
      let count = 1;
      // Neighbours by number are neighbours on disk inside an AG only.
      const most = Math.min(runs.most, order.length - k, this.context.geometry.agLength(agno) - agbno);
      while (count < most && wave.fsbno.at(order[k + count]!) === fsbno + count) count++;
      good = runs.read(agno, agbno, count, `inode ${ino} bmbt`);
    }
    this.block = runs.block;
    this.view = runs.view;
    return good;
  }

  private visit(wave: Wave, order: Uint32Array, k: number, met: Met): void {
    const { context } = this;
    const { geometry } = context;
    const i = order[k]!;
    const fsbno = wave.fsbno.at(i);
    const fork = this.forks[wave.fork.at(i)]!;
    const agno = geometry.fsbnoAgno(fsbno);
    const agbno = geometry.fsbnoAgbno(fsbno);
    if (agno >= this.owners.length || !geometry.isFsbnoRange(fsbno, 1) || agbno < geometry.headerBlocks) {
      this.fault('BMBT_BLOCK', wave, i, 'a pointer leads there, but it is not in the filesystem');
      return;
    }
    // Claimed even when the content is bad: the pointer above says that the block is in use.
    this.owners[agno]!.push(agbno, 1, fork.ino, 0, FLAG_BMBT | (fork.attr ? FLAG_ATTR : 0));
    const counts = this.blocksOf.get(fork.ino);
    if (counts) counts.blocks++;
    if (!this.read(wave, order, k, agno, agbno, fork.ino)) {
      this.lose(fork);
      return;
    }
    const { view } = this;
    const level = wave.level.at(i);
    if (!this.verify(wave, i, fork)) return;
    met.good[i] = 1;
    if (context.isLsnAhead(view, AT.lsn)) {
      const where = { agno, agbno, ino: fork.ino, structure: 'bmapbt' };
      context.checkLsn(view, AT.lsn, `inode ${fork.ino} bmbt AG ${agno} block ${agbno}`, where);
    }
    met.left[i] = siblingOf(view, AT.leftsib);
    met.right[i] = siblingOf(view, AT.rightsib);
    const count = view.getUint16(AT.numrecs);
    if (level === 0) this.takeExtents(wave, i, fork, count, met);
    else this.takeChildren(i, count, met);
  }

  /** The block's own header; sibling pointers are judged where the neighbours are known. */
  private verify(wave: Wave, i: number, fork: Fork): boolean {
    const { geometry } = this.context;
    const place = { level: wave.level.at(i) };
    let good = true;
    for (const p of verifyLongBlock(this.block, geometry, wave.fsbno.at(i), fork.ino, place)) {
      if (p.field === 'leftsib' || p.field === 'rightsib') continue;
      good = false;
      this.fault('BMBT_BLOCK', wave, i, p.message);
    }
    if (good && this.view.getUint16(AT.numrecs) === 0) {
      good = false;
      this.fault('BMBT_BLOCK', wave, i, 'numrecs 0, expected at least 1');
    }
    return good;
  }

  private takeExtents(wave: Wave, i: number, fork: Fork, count: number, met: Met): void {
    const { extents } = this;
    extents.regular = fork.regular;
    extents.keepAs = fork.keepAs;
    extents.read(this.view, BMBT.headerBytes, count, fork.ino, fork.attr, fork.realtime, 0);
    this.found.set(wave.fork.at(i), this.found.at(wave.fork.at(i)) + extents.extents);
    const counts = this.blocksOf.get(fork.ino);
    if (counts) counts.blocks += extents.blocks;
    met.first[i] = extents.first;
    met.end[i] = extents.end;
  }

  private takeChildren(i: number, count: number, met: Met): void {
    const { view, block } = this;
    met.child[i] = met.pointers.length;
    met.children[i] = count;
    for (let c = 0; c < count; c++) {
      met.keys.push(count64(view, BMBT.headerBytes + c * BMBT.keyBytes));
      met.pointers.push(count64(view, pointerOffset(BMBT, c, block.length)));
    }
    met.first[i] = met.keys.at(met.child[i]!);
    met.end[i] = met.keys.at(met.pointers.length - 1) + 1;
  }

  /** Keys, siblings and order between neighbours, once the whole level is known. */
  private judge(wave: Wave, met: Met): void {
    for (let i = 0; i < wave.length; i++) {
      if (met.good[i] === 0) continue;
      const first = i === 0 || wave.fork.at(i - 1) !== wave.fork.at(i);
      const last = i + 1 === wave.length || wave.fork.at(i + 1) !== wave.fork.at(i);
      const gapBefore = wave.gap.at(i) === 1;
      const gapBehind = (wave.gap.at(i) & 2) !== 0 || (!last && (wave.gap.at(i + 1) & 1) !== 0);
      const left = first ? NULL_FSBNO : wave.fsbno.at(i - 1);
      const right = last ? NULL_FSBNO : wave.fsbno.at(i + 1);
      if (!gapBefore && (wave.gap.at(i) & 1) === 0 && met.left[i] !== left) {
        this.orderFault(wave, i, `left sibling ${met.left[i]}, expected ${left}`);
      }
      if (!gapBehind && met.right[i] !== right) {
        this.orderFault(wave, i, `right sibling ${met.right[i]}, expected ${right}`);
      }
      if (met.first[i] !== wave.key.at(i)) {
        this.orderFault(wave, i, `begins at offset ${met.first[i]}, its key says ${wave.key.at(i)}`);
      }
      if (!first && met.good[i - 1] !== 0 && met.first[i]! < met.end[i - 1]!) {
        this.orderFault(
          wave,
          i,
          `begins at offset ${met.first[i]}, before ${met.end[i - 1]} where the left ends`,
        );
      }
    }
  }

  /** The children of all nodes, in the order of their parents. */
  private nextWave(wave: Wave, met: Met): Wave {
    const next = new Wave();
    for (let i = 0; i < wave.length; i++) {
      const fork = wave.fork.at(i);
      const level = wave.level.at(i);
      if (level === 0) continue;
      const lostLeft = i > 0 && wave.fork.at(i - 1) === fork && met.good[i - 1] === 0;
      const lostRight = i + 1 < wave.length && wave.fork.at(i + 1) === fork && met.good[i + 1] === 0;
      const gaps = wave.gap.at(i);
      const count = met.children[i]!;
      for (let c = 0; c < count; c++) {
        const at = met.child[i]! + c;
        const before = c === 0 && (lostLeft || (gaps & 1) !== 0) ? 1 : 0;
        const behind = c === count - 1 && (lostRight || (gaps & 2) !== 0) ? 2 : 0;
        next.push(fork, met.pointers.at(at), level - 1, met.keys.at(at), before | behind);
      }
    }
    return next;
  }

  /** Extents of the fork may be unknown. */
  private lose(fork: Fork): void {
    this.context.filesLost = true;
    if (fork.keepAs >= 0) this.extents.kept.lost.set(fork.keepAs, 1);
  }

  private orderFault(wave: Wave, i: number, text: string): void {
    this.fault('BMBT_ORDER', wave, i, text, false);
  }

  private fault(code: FindingCode, wave: Wave, i: number, text: string, lost = true): void {
    const { context } = this;
    const { geometry } = context;
    const fork = this.forks[wave.fork.at(i)]!;
    if (lost) this.lose(fork);
    const fsbno = wave.fsbno.at(i);
    const agno = geometry.fsbnoAgno(fsbno);
    const agbno = geometry.fsbnoAgbno(fsbno);
    const inside = geometry.isFsbnoRange(fsbno, 1);
    const place = inside ? `AG ${agno} block ${agbno}` : `fsbno ${fsbno}`;
    context.sink.add(
      code,
      { agno: geometry.inoAgno(fork.ino), ino: fork.ino, structure: 'bmapbt', ...(inside ? { agbno } : {}) },
      `inode ${fork.ino} ${forkName(fork.attr)} fork bmbt ${place}: ${text}`,
    );
  }
}

/** The null pointer is recognised by all its bits: as numbers, its neighbours are the same. */
function siblingOf(view: DataView, at: number): number {
  const low = view.getUint32(at + 4);
  const isNull = view.getUint32(at) === 0xffffffff && low === 0xffffffff;
  return isNull ? NULL_FSBNO : count64(view, at);
}
