/**
 * A way down a da tree, from its root to a leaf, and a second one beside it for splits and joins. What leaves are is
 * told by a row of operations: attribute leaves and directory leaves differ in nothing else.
 */
import { corrupt, type MetaBuffer } from '../buffer.ts';
import type { DaFork } from './dafork.ts';
import { DaNode, nodeRoom } from './node.ts';

const DEEPEST = 5;

/** One block on the way. */
export interface DaStep {
  block: number;
  buffer: MetaBuffer;
  /** Entry in it. */
  index: number;
  /** Greatest hash in it. */
  hash: number;
  readonly leaf: boolean;
}

/** What is true of the leaves of one sort of tree. */
export interface LeafOps {
  readonly form: 'leaf' | 'leafn';
  /** Greatest hash, and whether there is any entry. */
  lastHash(buffer: MetaBuffer): number;
  isEmpty(buffer: MetaBuffer): boolean;
  /** Whether the second leaf belongs before the first. */
  isBefore(first: MetaBuffer, second: MetaBuffer): boolean;
  /** Looks for the operation's name in a leaf; sets the step's index to where it is or belongs. */
  search(state: DaState, step: DaStep): boolean;
  /** Splits a full leaf into `fresh`; the new entry may not fit even then: false. */
  split(state: DaState, old: DaStep, put: (fresh: DaStep) => void): boolean;
  /** Whether the leaf on the path should go: no, join it with the one on `alt`, or it is empty. */
  tooSmall(state: DaState): 'keep' | 'join' | 'empty';
  /** Moves what is in `drop` into `save`. */
  merge(state: DaState, drop: DaStep, save: DaStep): void;
}

export class DaState {
  readonly fork: DaFork;
  readonly ops: LeafOps;
  /** File offset of the root. */
  readonly root: number;
  readonly hash: number;
  path: DaStep[] = [];
  alt: DaStep[] = [];
  /** A split needed a third leaf: it comes after (or before) the second. */
  extra: { step: DaStep; after: boolean } | undefined;
  /** The new entry belongs in the old half of a split. */
  inOld = false;

  constructor(fork: DaFork, ops: LeafOps, root: number, hash: number) {
    this.fork = fork;
    this.ops = ops;
    this.root = root;
    this.hash = hash;
  }

  get room(): number {
    return nodeRoom(this.fork.bytes);
  }

  /** The step of a block that was read. */
  step(block: number): DaStep {
    const buffer = this.fork.read(block, 'node', this.ops.form);
    const leaf = buffer.type.form !== 'node';
    const hash = leaf ? this.ops.lastHash(buffer) : new DaNode(buffer).lastHash;
    return { block, buffer, index: 0, hash, leaf };
  }

  /** Walks down to where the hash is; true when the leaf has the name. */
  lookup(): boolean {
    this.path = [];
    let block = this.root;
    let level: number | undefined;
    for (;;) {
      const step = this.step(block);
      this.path.push(step);
      if (step.leaf) break;
      const node = new DaNode(step.buffer);
      if (node.count === 0 || node.count > this.room || node.level >= DEEPEST) this.bad(block, 'node');
      if (level !== undefined && node.level !== level) this.bad(block, `level ${node.level}`);
      level = node.level - 1;
      step.index = node.find(this.hash);
      block = node.child(step.index);
      if (block === this.root || this.path.length > DEEPEST) this.bad(block, 'pointer to the root');
    }
    if (level !== undefined && level !== 0) this.bad(block, 'a leaf above the lowest level');
    return this.searchLeaves();
  }

  /** A hash may go on in the next leaf. */
  private searchLeaves(): boolean {
    for (;;) {
      const step = this.path.at(-1)!;
      if (this.ops.search(this, step)) return true;
      if (step.hash !== this.hash || !this.shift(this.path, true)) return false;
    }
  }

  /** Moves a way one leaf (or one block at its depth) on or back; false at the end. */
  shift(way: DaStep[], forward: boolean): boolean {
    let level = way.length - 2;
    for (; level >= 0; level--) {
      const step = way[level]!;
      const { count } = new DaNode(step.buffer);
      if (forward ? step.index < count - 1 : step.index > 0) break;
    }
    if (level < 0) return false;
    const turn = way[level]!;
    turn.index += forward ? 1 : -1;
    for (let at = level + 1; at < way.length; at++) {
      const above = way[at - 1]!;
      const next = this.step(new DaNode(above.buffer).child(above.index));
      if (next.leaf !== way[at]!.leaf) this.bad(next.block, 'tree of uneven depth');
      if (!next.leaf && !forward) next.index = new DaNode(next.buffer).count - 1;
      way[at] = next;
    }
    return true;
  }

  /** Brings the hashes above the last block of a way up to date. */
  fixHashes(way: DaStep[]): void {
    const last = way.at(-1)!;
    let hash: number;
    if (last.leaf) {
      if (this.ops.isEmpty(last.buffer)) return;
      hash = this.ops.lastHash(last.buffer);
    } else {
      const node = new DaNode(last.buffer);
      if (node.count === 0) return;
      hash = node.lastHash;
    }
    for (let level = way.length - 2; level >= 0; level--) {
      const step = way[level]!;
      const node = new DaNode(step.buffer);
      if (node.hash(step.index) === hash) return;
      step.hash = hash;
      this.fork.inode.tr.change(step.buffer);
      node.setHash(step.index, hash);
      hash = node.lastHash;
    }
  }

  bad(block: number, what: string): never {
    const { ino } = this.fork.inode;
    corrupt(
      'INODE_FORK',
      { ino, fileoff: block },
      `inode ${ino} ${this.fork.name} fork, block ${block}: ${what}`,
    );
  }
}

/** A copy of a way: the steps move on their own. */
export function copyWay(way: readonly DaStep[]): DaStep[] {
  return way.map((step) => ({ ...step }));
}
