/**
 * One change of one attribute under way: what it is, where its entry is and, when it replaces one, where the old one
 * is; and the operations of attribute leaves within their tree.
 */
import { ATTR_INCOMPLETE } from '../../format/attr.ts';
import { corrupt, type MetaBuffer } from '../buffer.ts';
import { DaFork } from '../da/dafork.ts';
import { chooseNeighbour } from '../da/join.ts';
import { DaState, type DaStep, type LeafOps } from '../da/path.ts';
import { link } from '../da/split.ts';
import type { Inode } from '../inode/inode.ts';
import { type AttrEntry, leafBytes, remoteBlocks } from './entry.ts';
import { AttrLeaf, leafIsBefore, NAMESPACES } from './leaf.ts';

const ENTRY_BYTES = 8;
const HEADER_BYTES = 80;

/** Blocks of a value of its own; `block` 0: there are none. */
export interface Remote {
  block: number;
  blocks: number;
  bytes: number;
}

const none = (): Remote => ({ block: 0, blocks: 0, bytes: 0 });

export class AttrOperation {
  readonly inode: Inode;
  readonly entry: AttrEntry;
  readonly fork: DaFork;
  /** What comes next. */
  step: string;
  /** An old entry is to go when the new one is there. */
  replace = false;
  /** The leaves are looked up as a tree, though there may be only one. */
  inTree = false;
  /** Times of the inode stay as they are. */
  untimed = false;
  /** Entries looked for are those marked incomplete. */
  incomplete = false;
  /** Leaf and index of the entry, and of the old one. */
  block = 0;
  index = 0;
  block2 = 0;
  index2 = 0;
  remote = none();
  remote2 = none();
  /** Blocks of the new value that are still to be mapped. */
  unmapped = { fileoff: 0, count: 0 };

  constructor(inode: Inode, entry: AttrEntry, step: string) {
    this.inode = inode;
    this.entry = entry;
    this.fork = new DaFork(inode, 'attr');
    this.step = step;
  }

  get blocksize(): number {
    return this.fork.bytes;
  }

  leaf(block: number): AttrLeaf {
    return this.view(this.fork.read(block, 'leaf'));
  }

  /** The leaf in a buffer. Throws CorruptionError when names or values leave it. */
  view(buffer: MetaBuffer): AttrLeaf {
    const leaf = new AttrLeaf(buffer);
    if (!leaf.isSound()) {
      const { ino } = this.inode;
      corrupt(
        'INODE_FORK',
        { ino, ...buffer.place },
        `inode ${ino}: attribute leaf with names outside of it`,
      );
    }
    return leaf;
  }

  /** Declares a change of a leaf. */
  change(leaf: AttrLeaf): AttrLeaf {
    this.inode.tr.change(leaf.buffer);
    return leaf;
  }

  /** Looks the entry up in a leaf and remembers where it is or belongs, and where its value is. */
  findIn(leaf: AttrLeaf, block: number): boolean {
    const { index, found } = leaf.find(this.entry, this.incomplete);
    this.block = block;
    this.index = index;
    if (!found) return false;
    this.remote = none();
    if (!leaf.isLocal(index)) {
      const { block: first, bytes } = leaf.remote(index);
      this.remote = { block: first, bytes, blocks: remoteBlocks(bytes, this.blocksize) };
    }
    return true;
  }

  /** What was found is the old one: the new one has a place and a value of its own. */
  keepOld(): void {
    this.block2 = this.block;
    this.index2 = this.index;
    this.remote2 = this.remote;
    this.remote = none();
  }
  /** The old one's value is the one to be freed. */
  turnToOld(): void {
    this.block = this.block2;
    this.index = this.index2;
    this.remote = this.remote2;
    this.remote2 = none();
  }

  /** Adds the entry to a leaf at the place that was found; false: no room. */
  addTo(leaf: AttrLeaf): boolean {
    const { entry } = this;
    this.change(leaf);
    const flags = (entry.flags & NAMESPACES) | (this.replace ? ATTR_INCOMPLETE : 0);
    if (!leaf.add(this.index, entry, flags)) return false;
    if (this.replace && this.block2 === this.block && this.index2 <= this.index) this.index2++;
    if (!leaf.isLocal(this.index)) {
      const bytes = entry.value.length;
      this.remote = { block: 1, bytes, blocks: remoteBlocks(bytes, this.blocksize) };
    }
    return true;
  }

  /** A walk down the tree of leaves. */
  walk(): DaState {
    return new DaState(this.fork, leafOps(this), 0, this.entry.hash);
  }
}

function leafOps(op: AttrOperation): LeafOps {
  const view = (buffer: MetaBuffer): AttrLeaf => new AttrLeaf(buffer);
  return {
    form: 'leaf',
    lastHash: (buffer) => view(buffer).lastHash,
    isEmpty: (buffer) => view(buffer).count === 0,
    isBefore: (first, second) => leafIsBefore(view(first), view(second)),
    search(_state, step) {
      const found = op.findIn(op.view(step.buffer), step.block);
      step.index = op.index;
      return found;
    },
    split: (state, old, put) => split(op, state, old, put),
    tooSmall: (state) => tooSmall(op, state),
    merge: (_state, drop, save) => merge(op, drop, save),
  };
}

/** Splits a leaf so that both halves are about as full with the new entry in; then adds it. */
function split(op: AttrOperation, state: DaState, old: DaStep, put: (fresh: DaStep) => void): boolean {
  const block = op.fork.grow(0);
  const fresh: DaStep = { block, buffer: op.fork.create(block, 'leaf'), index: 0, hash: 0, leaf: true };
  const left = op.change(op.view(old.buffer));
  const right = new AttrLeaf(fresh.buffer);
  right.clear();
  put(fresh);
  const { kept, inOld } = halfway(op, left, old.index);
  state.inOld = inOld;
  right.take(left, kept, 0, left.count - kept);
  left.save();
  right.save();
  placeAfterSplit(op, old, fresh, left.count, inOld, state.extra !== undefined);
  link(state, old, fresh);
  const added = op.addTo(inOld ? op.view(old.buffer) : op.view(fresh.buffer));
  old.hash = new AttrLeaf(old.buffer).lastHash;
  fresh.hash = new AttrLeaf(fresh.buffer).lastHash;
  return added;
}

/** How many entries stay in the old leaf, and whether the new one belongs there. */
function halfway(op: AttrOperation, leaf: AttrLeaf, at: number): { kept: number; inOld: boolean } {
  const fresh = ENTRY_BYTES + leafBytes(op.entry, leaf.blocksize);
  const half = (leaf.count * ENTRY_BYTES + leaf.usedbytes + fresh) >>> 1;
  let total = 0;
  let delta = leaf.blocksize;
  let inOld = false;
  const grows = (bytes: number): boolean => {
    const next = Math.abs(half - total - bytes);
    if (next > delta) return false;
    delta = next;
    total += bytes;
    return true;
  };
  let kept = 0;
  for (; kept < leaf.count; kept++) {
    if (kept === at) {
      if (!grows(fresh)) break;
      inOld = true;
    }
    if (!grows(ENTRY_BYTES + leaf.entryBytes(kept))) break;
  }
  return { kept, inOld };
}

/** Where the entry, and an old one that it replaces, are after the split. */
function placeAfterSplit(
  op: AttrOperation,
  old: DaStep,
  fresh: DaStep,
  kept: number,
  inOld: boolean,
  third: boolean,
): void {
  const both = (block: number, index: number): void => {
    op.block = op.block2 = block;
    op.index = op.index2 = index;
  };
  if (old.index > kept) {
    fresh.index = old.index - kept;
    both(fresh.block, fresh.index);
  } else if (old.index < kept) both(old.block, old.index);
  else if (inOld) {
    op.block = old.block;
    op.index = old.index;
    op.block2 = fresh.block;
    op.index2 = 0;
  } else {
    fresh.index = 0;
    op.block = fresh.block;
    op.index = 0;
    if (third) return;
    op.block2 = fresh.block;
    op.index2 = 0;
  }
}

function used(leaf: AttrLeaf): number {
  return leaf.usedbytes + leaf.count * ENTRY_BYTES;
}

function tooSmall(op: AttrOperation, state: DaState): 'keep' | 'join' | 'empty' {
  const leaf = op.view(state.path.at(-1)!.buffer);
  const { blocksize } = leaf;
  if (HEADER_BYTES + used(leaf) > blocksize >>> 1) return 'keep';
  const room = blocksize - (blocksize >>> 2) - HEADER_BYTES - used(leaf);
  return chooseNeighbour(state, leaf.count === 0, (block) => room - used(op.leaf(block)) >= 0);
}

function merge(op: AttrOperation, drop: DaStep, save: DaStep): void {
  const from = op.view(drop.buffer);
  const to = op.view(save.buffer);
  const first = leafIsBefore(to, from);
  drop.hash = from.lastHash;
  if (to.holes === 0) to.take(from, 0, first ? 0 : to.count, from.count);
  else {
    // Names are scattered: both are moved together.
    const old = to.copy();
    to.buffer.bytes.fill(0, HEADER_BYTES);
    to.clear();
    for (const leaf of first ? [from, old] : [old, from]) to.take(leaf, 0, to.count, leaf.count);
  }
  to.save();
  save.hash = to.lastHash;
}
