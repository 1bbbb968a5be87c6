/**
 * Splitting blocks of a da tree from a leaf up. The root keeps its place in the file: when it is split its content
 * moves into a new block and it becomes the node above both halves.
 */
import { backOf, DaNode, forwOf, NODE_HEADER_BYTES, setBack, setForw } from './node.ts';
import type { DaState, DaStep } from './path.ts';

/** Splits the leaf at the end of the path, and what that overfills; puts the new entry in. */
export function splitLeaf(state: DaState): void {
  let added: DaStep | undefined;
  for (let depth = state.path.length; depth > 0 && (depth === state.path.length || added); depth--) {
    const way = state.path.slice(0, depth);
    const old = way.at(-1)!;
    if (old.leaf) added = splitLeafBlock(state, old);
    else added = addToNode(state, old, added!);
    state.fixHashes(way);
  }
  if (added) splitRoot(state, state.path[0]!, added);
}

function splitLeafBlock(state: DaState, old: DaStep): DaStep {
  let fresh: DaStep | undefined;
  const put = (step: DaStep): void => {
    fresh = step;
  };
  if (state.ops.split(state, old, put)) return fresh!;
  // It fits in neither half, so the half where it belongs is split again.
  const second = fresh!;
  const after = !state.inOld;
  let extra: DaStep | undefined;
  const done = state.ops.split(state, after ? second : old, (step) => {
    extra = step;
    state.extra = { step, after };
  });
  if (!done || !extra) state.bad(old.block, 'a new entry fits in no leaf');
  return second;
}

/** Adds the new child to a node; the node's other half when it had to be split. */
function addToNode(state: DaState, old: DaStep, added: DaStep): DaStep | undefined {
  const extra = state.fork.name === 'attr' ? state.extra : undefined;
  const wanted = extra ? 2 : 1;
  let fresh: DaStep | undefined;
  const node = new DaNode(old.buffer);
  if (node.count + wanted > state.room) {
    const block = state.fork.grow(state.root);
    const buffer = state.fork.create(block, 'node');
    new DaNode(buffer).level = node.level;
    fresh = { block, buffer, index: 0, hash: 0, leaf: false };
    halve(state, old, fresh);
    link(state, old, fresh);
  }
  const target = old.index <= node.count ? old : fresh!;
  target.index++;
  insertChild(state, target, added);
  if (extra) {
    if (extra.after) target.index++;
    insertChild(state, target, extra.step);
    state.extra = undefined;
  }
  return fresh;
}

function insertChild(state: DaState, step: DaStep, child: DaStep): void {
  state.fork.inode.tr.change(step.buffer);
  const node = new DaNode(step.buffer);
  const { count } = node;
  if (step.index < count) node.take(node, step.index, count - step.index, step.index + 1);
  node.set(step.index, child.hash, child.block);
  node.count = count + 1;
  step.hash = node.lastHash;
}

/** Moves half of a full node into an empty one. */
function halve(state: DaState, old: DaStep, fresh: DaStep): void {
  const from = new DaNode(old.buffer);
  const to = new DaNode(fresh.buffer);
  state.fork.inode.tr.change(old.buffer);
  const moved = from.count >>> 1;
  to.take(from, from.count - moved, moved, 0);
  to.count = moved;
  from.count -= moved;
  old.hash = from.lastHash;
  fresh.hash = to.lastHash;
  if (old.index >= from.count) {
    fresh.index = old.index - from.count;
    old.index = from.count + 1;
  }
}

/** Links a new block beside the old one, on the side where its hashes belong. */
export function link(state: DaState, old: DaStep, fresh: DaStep): void {
  const { tr } = state.fork.inode;
  const before = old.leaf
    ? state.ops.isBefore(old.buffer, fresh.buffer)
    : nodeIsBefore(new DaNode(old.buffer), new DaNode(fresh.buffer));
  tr.change(old.buffer);
  tr.change(fresh.buffer);
  const beyond = before ? backOf(old.buffer) : forwOf(old.buffer);
  const other = beyond ? state.step(beyond) : undefined;
  if (before) {
    setForw(fresh.buffer, old.block);
    setBack(fresh.buffer, beyond);
    if (other) setForw(tr.change(other.buffer), fresh.block);
    setBack(old.buffer, fresh.block);
  } else {
    setForw(fresh.buffer, beyond);
    setBack(fresh.buffer, old.block);
    if (other) setBack(tr.change(other.buffer), fresh.block);
    setForw(old.buffer, fresh.block);
  }
}

function nodeIsBefore(first: DaNode, second: DaNode): boolean {
  if (first.count === 0 || second.count === 0) return false;
  return second.hash(0) < first.hash(0) || second.lastHash < first.lastHash;
}

/** The root was split: its content moves, and it becomes the node above. */
function splitRoot(state: DaState, root: DaStep, added: DaStep): void {
  const { fork } = state;
  const { tr } = fork.inode;
  const block = fork.grow(state.root);
  const form = root.leaf ? state.ops.form : 'node';
  const level = root.leaf ? 0 : new DaNode(root.buffer).level;
  const used = root.leaf ? leafBytes(state, root) : new DaNode(root.buffer).usedBytes;
  const moved = fork.create(block, form);
  fork.copyBlock(root.buffer, moved, used);
  fork.remake(root.buffer, 'node', NODE_HEADER_BYTES);
  const node = new DaNode(root.buffer);
  node.level = level + 1;
  node.set(0, root.hash, block);
  node.set(1, added.hash, added.block);
  node.count = 2;
  if (forwOf(moved)) {
    if (forwOf(moved) !== added.block) state.bad(block, 'a forward link past its sibling');
    setBack(tr.change(added.buffer), block);
  }
  if (backOf(moved)) {
    if (backOf(moved) !== added.block) state.bad(block, 'a backward link past its sibling');
    setForw(tr.change(added.buffer), block);
  }
}

/** Directory leaves are copied up to their last entry. */
function leafBytes(state: DaState, root: DaStep): number {
  return state.fork.name === 'attr' ? state.fork.bytes : 64 + root.buffer.view.getUint16(56) * 8;
}
