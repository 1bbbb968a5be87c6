/**
 * Setting and removing an attribute, step by step: in the inode, in one leaf, or in a tree of leaves, with values of
 * their own blocks. A step is what fits one transaction of the reference; between steps deferred work is done and the
 * inode written back, which is why steps are kept apart here as well: what a shrinking fork leaves behind depends on it.
 *
 * Replacing adds the new entry marked incomplete, fills in its value, swaps the marks and then takes the old one away.
 */
import { ATTR_INCOMPLETE } from '../../format/attr.ts';
import { FORK } from '../../format/inode.ts';
import { joinLeaf } from '../da/join.ts';
import { DaNode, NODE_HEADER_BYTES } from '../da/node.ts';
import { splitLeaf } from '../da/split.ts';
import { mapNewBlocks } from '../inode/allocation.ts';
import type { Inode } from '../inode/inode.ts';
import { firstUnused, removeRange } from '../inode/mapping.ts';
import { noSpace } from '../nospace.ts';
import type { DeferKind } from '../transaction.ts';
import { attrEntry, SHORT_LIMIT, shortBytes } from './entry.ts';
import { AttrLeaf } from './leaf.ts';
import type { AttrOperation } from './operation.ts';
import { writeRemote } from './remote.ts';
import {
  addShort,
  appendShort,
  canLoseFork,
  createShort,
  EMPTY_SHORT_BYTES,
  findShort,
  fittingForkoff,
  removeShort,
  shortEntries,
} from './short.ts';

/** Every step by name: what it does, and the name of the next; undefined: done. */
const STEPS: Readonly<Record<string, (op: AttrOperation) => string | undefined>> = {
  shortAdd,
  leafAdd,
  nodeAdd,
  findRoom,
  mapValue,
  swapMarks,
  dropOld,
  freeValue,
  leafForget,
  nodeForget,
  shortRemove,
  leafRemove,
  nodeRemove,
};

export const ATTR_CHANGE: DeferKind<AttrOperation> = {
  name: 'attr',
  most: 1,
  finish(_tr, op) {
    const next = STEPS[op.step]!(op);
    if (next === undefined) return false;
    op.step = next;
    return true;
  },
};

/** Attributes are kept in the inode, or there are none. */
export function isShort(inode: Inode): boolean {
  const { aformat } = inode.core;
  return aformat === FORK.LOCAL || (aformat === FORK.EXTENTS && inode.extentCount('attr') === 0);
}

/** The fork is a single block. */
export function isOneLeaf(inode: Inode): boolean {
  const { extents, format } = inode.fork('attr');
  const only = extents.at(0);
  return format === FORK.EXTENTS && extents.length === 1 && only!.fileoff === 0 && only!.count === 1;
}

/** First step of adding. */
export function addStep(inode: Inode): string {
  if (isShort(inode)) return 'shortAdd';
  return isOneLeaf(inode) ? 'leafAdd' : 'nodeAdd';
}

/** First step of removing. */
export function removeStep(inode: Inode): string {
  if (isShort(inode)) return 'shortRemove';
  return isOneLeaf(inode) ? 'leafRemove' : 'nodeRemove';
}

function shortAdd(op: AttrOperation): string | undefined {
  const { inode, entry } = op;
  if (inode.core.aformat === FORK.EXTENTS) createShort(inode);
  if (op.replace) {
    removeShort(inode, findShort(inode, entry)!, true);
    op.replace = false;
  }
  if (addShort(inode, entry)) {
    if (!op.untimed) inode.touch();
    return undefined;
  }
  leaveInode(op);
  return 'leafAdd';
}

/** The entries move from the inode into a leaf. */
function leaveInode(op: AttrOperation): void {
  const { inode, fork } = op;
  const entries = shortEntries(inode).map(({ entry: { name, value, flags } }) =>
    attrEntry(name.slice(), flags, value.slice()),
  );
  inode.fork('attr').becomeExtents();
  const block = fork.grow(0);
  const leaf = new AttrLeaf(fork.create(block, 'leaf'));
  leaf.clear();
  leaf.save();
  for (const entry of entries) leaf.add(leaf.find(entry).index, entry, entry.flags);
}

function leafAdd(op: AttrOperation): string | undefined {
  const leaf = op.leaf(0);
  if (op.findIn(leaf, 0) && op.replace) op.keepOld();
  if (!op.addTo(leaf)) {
    growRoot(op);
    return 'nodeAdd';
  }
  return afterAdd(op);
}

/** The leaf at the start of the fork moves, and a node takes its place. */
function growRoot(op: AttrOperation): void {
  const { fork } = op;
  const block = fork.grow(0);
  const leaf = op.leaf(0);
  const { lastHash } = leaf;
  const moved = fork.create(block, 'leaf');
  fork.copyBlock(leaf.buffer, moved);
  fork.remake(leaf.buffer, 'node', NODE_HEADER_BYTES);
  const node = new DaNode(leaf.buffer);
  node.level = 1;
  node.set(0, lastHash, block);
  node.count = 1;
}

function nodeAdd(op: AttrOperation): string | undefined {
  op.inTree = true;
  const state = op.walk();
  if (state.lookup() && op.replace) op.keepOld();
  if (op.addTo(op.view(state.path.at(-1)!.buffer))) state.fixHashes(state.path);
  else if (state.path.length === 1) {
    growRoot(op);
    return 'nodeAdd';
  } else splitLeaf(state);
  return afterAdd(op);
}

function afterAdd(op: AttrOperation): string | undefined {
  if (op.remote.block) return 'findRoom';
  return replaceNext(op);
}

/** A replacement goes on with the old entry; anything else is done. */
function replaceNext(op: AttrOperation): string | undefined {
  if (!op.replace) return undefined;
  op.replace = false;
  return 'swapMarks';
}

function findRoom(op: AttrOperation): string | undefined {
  const { blocks } = op.remote;
  op.remote.block = firstUnused(op.inode.fork('attr'), blocks, 0);
  op.unmapped = { fileoff: op.remote.block, count: blocks };
  return mapValue(op);
}

/** Maps all blocks of the value, writes it, and makes the entry point to it. */
function mapValue(op: AttrOperation): string | undefined {
  const { inode, unmapped } = op;
  while (unmapped.count > 0) {
    const extent = mapNewBlocks(inode, 'attr', { ...unmapped, contiguous: false, total: op.fork.total });
    if (!extent) noSpace(`a value of ${op.remote.bytes} bytes for inode ${inode.ino}`);
    unmapped.fileoff += extent.count;
    unmapped.count -= extent.count;
  }
  writeRemote(inode, op.remote.block, op.entry.value);
  const next = replaceNext(op);
  if (next) return swapMarks(op);
  complete(op, op.change(op.leaf(op.block)));
  return undefined;
}

/** The new entry is whole. */
function complete(op: AttrOperation, leaf: AttrLeaf): void {
  leaf.setFlags(op.index, leaf.flags(op.index) & ~ATTR_INCOMPLETE);
  if (op.remote.block) leaf.setRemote(op.index, op.remote);
}

/** The old entry, or one that is to go, is not to be seen any more. */
function hide(leaf: AttrLeaf, index: number): void {
  leaf.setFlags(index, leaf.flags(index) | ATTR_INCOMPLETE);
  if (!leaf.isLocal(index)) leaf.setRemote(index, { block: 0, bytes: 0 });
}

function swapMarks(op: AttrOperation): string {
  const leaf = op.change(op.leaf(op.block));
  complete(op, leaf);
  hide(op.block2 === op.block ? leaf : op.change(op.leaf(op.block2)), op.index2);
  return 'dropOld';
}

function dropOld(op: AttrOperation): string | undefined {
  op.turnToOld();
  if (op.remote.block) return freeValue(op);
  return forget(op);
}

/** Frees an extent of a value at a time. */
function freeValue(op: AttrOperation): string {
  const { block, blocks } = op.remote;
  if (!removeRange(op.inode, 'attr', block, blocks, 1)) return 'freeValue';
  op.remote = { block: 0, blocks: 0, bytes: 0 };
  return op.inTree ? 'nodeForget' : 'leafForget';
}

function forget(op: AttrOperation): string | undefined {
  return op.inTree ? nodeForget(op) : leafForget(op);
}

function leafForget(op: AttrOperation): undefined {
  const leaf = op.change(op.leaf(op.block));
  leaf.remove(op.index);
  enterInode(op, leaf);
}

function nodeForget(op: AttrOperation): undefined {
  op.incomplete = true;
  const state = op.walk();
  const found = state.lookup();
  if (!found) state.bad(op.block, 'the entry to be removed is gone');
  op.change(op.view(state.path.at(-1)!.buffer)).remove(op.index);
  state.fixHashes(state.path);
  if (state.path.length > 1) joinLeaf(state);
  if (isOneLeaf(op.inode)) enterInode(op, op.leaf(0));
}

function shortRemove(op: AttrOperation): undefined {
  removeShort(op.inode, findShort(op.inode, op.entry)!, false);
}

function leafRemove(op: AttrOperation): undefined {
  const leaf = op.leaf(0);
  op.findIn(leaf, 0);
  op.change(leaf).remove(op.index);
  enterInode(op, leaf);
}

function nodeRemove(op: AttrOperation): string {
  op.inTree = true;
  const state = op.walk();
  state.lookup();
  const leaf = op.change(op.view(state.path.at(-1)!.buffer));
  hide(leaf, op.index);
  return op.remote.block ? 'freeValue' : 'nodeForget';
}

/** Moves the entries of the last leaf back into the inode, where they fit; none at all, and the fork goes. */
function enterInode(op: AttrOperation, leaf: AttrLeaf): void {
  const { inode, fork } = op;
  const kept = [];
  let bytes = EMPTY_SHORT_BYTES;
  for (let i = 0; i < leaf.count; i++) {
    const flags = leaf.flags(i);
    if (flags & ATTR_INCOMPLETE) continue;
    if (!leaf.isLocal(i)) return;
    const entry = attrEntry(leaf.name(i).slice(), flags & ~1, leaf.localValue(i).slice());
    if (entry.name.length >= SHORT_LIMIT || entry.value.length >= SHORT_LIMIT) return;
    bytes += shortBytes(entry.name.length, entry.value.length);
    kept.push(entry);
  }
  const gone = kept.length === 0 && canLoseFork(inode);
  const forkoff = gone ? 0 : fittingForkoff(inode, bytes);
  if (!gone && forkoff === 0) return;
  fork.shrink(0, leaf.buffer);
  if (gone) {
    inode.removeAttrFork();
    return;
  }
  createShort(inode);
  for (const entry of kept) appendShort(inode, entry, forkoff);
}
