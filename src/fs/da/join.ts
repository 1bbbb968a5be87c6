/**
 * Joining blocks of a da tree that have become too empty, from a leaf up. A root node with one child takes the
 * child's content in.
 */
import { backOf, DaNode, forwOf, setBack, setForw } from './node.ts';
import { copyWay, type DaState, type DaStep } from './path.ts';

/** Joins the leaf at the end of the path with a neighbour, if that is due, and the nodes above likewise. */
export function joinLeaf(state: DaState): void {
  const { ops, fork } = state;
  for (; state.path.length >= 2; state.path.pop()) {
    const leaf = state.path.at(-1)!.leaf;
    if (!leaf) {
      removeChild(state, state.path.at(-1)!);
      state.fixHashes(state.path);
    }
    const action = leaf ? ops.tooSmall(state) : nodeTooSmall(state);
    if (action === 'keep') return;
    const drop = state.path.at(-1)!;
    const save = state.alt.at(-1)!;
    fork.inode.tr.change(save.buffer);
    fork.inode.tr.change(drop.buffer);
    if (leaf) ops.merge(state, drop, save);
    else mergeNodes(drop, save);
    state.fixHashes(state.alt);
    unlink(state, drop, save);
    state.alt = [];
    fork.shrink(drop.block, drop.buffer);
  }
  removeChild(state, state.path[0]!);
  state.fixHashes(state.path);
  joinRoot(state, state.path[0]!);
}

function removeChild(state: DaState, step: DaStep): void {
  state.fork.inode.tr.change(step.buffer);
  const node = new DaNode(step.buffer);
  const last = node.count - 1;
  if (step.index < last) node.take(node, step.index + 1, last - step.index, step.index);
  node.erase(last);
  node.count = last;
  if (last > 0) step.hash = node.hash(last - 1);
}

/**
 * Chooses a neighbour that a small block can be joined with: on `alt` is the one that stays, on `path` the one that
 * goes. `fits` says whether both fit one block.
 */
export function chooseNeighbour(
  state: DaState,
  empty: boolean,
  fits: (block: number) => boolean,
): 'keep' | 'join' | 'empty' {
  const step = state.path.at(-1)!;
  const forw = forwOf(step.buffer);
  const back = backOf(step.buffer);
  if (empty) {
    state.alt = copyWay(state.path);
    return state.shift(state.alt, forw !== 0) ? 'empty' : 'keep';
  }
  let forward = forw < back;
  for (let i = 0; i < 2; i++, forward = !forward) {
    const block = forward ? forw : back;
    if (block === 0 || !fits(block)) continue;
    // The block that is later in the file goes.
    state.alt = copyWay(state.path);
    const way = block < step.block ? state.alt : state.path;
    return state.shift(way, forward) ? 'join' : 'keep';
  }
  return 'keep';
}

function nodeTooSmall(state: DaState): 'keep' | 'join' | 'empty' {
  const node = new DaNode(state.path.at(-1)!.buffer);
  const { room } = state;
  if (node.count > room >>> 1) return 'keep';
  const left = room - (room >>> 2) - node.count;
  return chooseNeighbour(state, node.count === 0, (block) => {
    const other = state.step(block);
    return !other.leaf && left - new DaNode(other.buffer).count >= 0;
  });
}

function mergeNodes(drop: DaStep, save: DaStep): void {
  const from = new DaNode(drop.buffer);
  const to = new DaNode(save.buffer);
  const gone = from.count;
  const kept = to.count;
  const first = gone > 0 && kept > 0 && (from.hash(0) < to.hash(0) || from.lastHash < to.lastHash);
  if (first) to.take(to, 0, kept, gone);
  to.take(from, 0, gone, first ? 0 : kept);
  to.count = kept + gone;
  if (to.count > 0) save.hash = to.lastHash;
}

function unlink(state: DaState, drop: DaStep, save: DaStep): void {
  const { tr } = state.fork.inode;
  const before = backOf(save.buffer) === drop.block;
  const beyond = before ? backOf(drop.buffer) : forwOf(drop.buffer);
  if (before) setBack(save.buffer, beyond);
  else setForw(save.buffer, beyond);
  if (!beyond) return;
  const { buffer } = state.step(beyond);
  tr.change(buffer);
  if (before) setForw(buffer, save.block);
  else setBack(buffer, save.block);
}

/** A root of one child: the child's content moves into it. */
function joinRoot(state: DaState, root: DaStep): void {
  const { fork } = state;
  const node = new DaNode(root.buffer);
  if (node.count > 1) return;
  const child = state.step(node.child(0));
  if (forwOf(child.buffer) || backOf(child.buffer)) state.bad(child.block, 'the last child has siblings');
  fork.copyBlock(child.buffer, root.buffer);
  fork.shrink(child.block, child.buffer);
}
