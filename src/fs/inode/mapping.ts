/**
 * Changing what a fork maps: adding an extent beside or between others, taking a range away, and turning the list of
 * extents into a btree and back when the inode has room for it no more, or again. Reverse mappings and freed blocks
 * follow, deferred.
 */
import { UnsupportedFeature } from '../../format/errors.ts';
import { FORK } from '../../format/inode.ts';
import type { Rmap } from '../btree/rmap.ts';
import { corrupt } from '../buffer.ts';
import { freeLater } from '../space/allocate.ts';
import { deferRefcount } from '../space/refcountchange.ts';
import { deferRmap } from '../space/rmapdefer.ts';
import {
  allocateTreeBlock,
  BmapCursor,
  BmapTree,
  emptyRoot,
  type ForkName,
  releaseTreeBlock,
} from './bmbt.ts';
import { type Extent, LONGEST_EXTENT, writeExtent } from './extent.ts';
import type { Fork } from './fork.ts';
import type { Inode } from './inode.ts';

/** Reverse mapping of an extent of a fork. */
export function extentRmap(inode: Inode, name: ForkName, extent: Extent): Rmap {
  const { geometry } = inode.tr.fs;
  return {
    start: geometry.fsbnoAgbno(extent.fsbno),
    count: extent.count,
    owner: inode.ino,
    offset: extent.fileoff,
    attr: name === 'attr',
    bmbt: false,
    unwritten: extent.unwritten,
  };
}

function deferExtentRmap(inode: Inode, name: ForkName, extent: Extent, change: 'add' | 'remove'): void {
  deferRmap(inode.tr, {
    agno: inode.tr.fs.geometry.fsbnoAgno(extent.fsbno),
    change,
    shared: name === 'data' && inode.isReflinked,
    rmap: extentRmap(inode, name, extent),
  });
}

/** Whether `b` goes on where `a` ends, so that one record could hold both. */
function joins(a: Extent, b: Extent): boolean {
  return (
    a.fileoff + a.count === b.fileoff &&
    a.fsbno + a.count === b.fsbno &&
    a.unwritten === b.unwritten &&
    a.count + b.count <= LONGEST_EXTENT
  );
}

/** Maps blocks that are the inode's already to a hole of the fork. */
export function addExtent(inode: Inode, name: ForkName, added: Extent): void {
  const fork = inode.fork(name);
  const { extents } = fork;
  const index = extents.indexAt(added.fileoff);
  const before = extents.at(index - 1);
  const after = extents.at(index);
  if (after && after.fileoff < added.fileoff + added.count) {
    corrupt(
      'INODE_FORK',
      { ino: inode.ino },
      `inode ${inode.ino}: file offset ${added.fileoff} is mapped already`,
    );
  }
  const left = before && joins(before, added) ? before : undefined;
  const fits = !left || !after || left.count + added.count + after.count <= LONGEST_EXTENT;
  const right = after && joins(added, after) && fits ? after : undefined;
  const cursor = fork.format === FORK.BTREE ? new BmapCursor(fork) : undefined;
  if (left && right) {
    const joined = { ...left, count: left.count + added.count + right.count };
    extents.remove(index);
    extents.replace(index - 1, joined);
    if (cursor) {
      cursor.find(right);
      cursor.remove();
      cursor.decrement();
      cursor.update(joined);
    }
    fork.recount();
  } else if (left || right) {
    const old = (left ?? right)!;
    const grown = left
      ? { ...left, count: left.count + added.count }
      : { ...added, count: added.count + right!.count };
    extents.replace(left ? index - 1 : index, grown);
    if (cursor) {
      cursor.find(old);
      cursor.update(grown);
    }
    fork.changed();
  } else {
    extents.insert(index, added);
    cursor?.add(added);
    fork.recount();
  }
  deferExtentRmap(inode, name, added, 'add');
  growIntoTree(inode, fork);
}

/** The list does not fit the fork any more: its records go into a block, under a root of one key. */
export function growIntoTree(inode: Inode, fork: Fork): void {
  const { extents } = fork;
  if (fork.format !== FORK.EXTENTS || extents.length <= fork.mostExtents) return;
  const { geometry } = inode.tr.fs;
  const near = geometry.fsbno(geometry.inoAgno(inode.ino), geometry.aginoAgbno(geometry.inoAgino(inode.ino)));
  const leaf = allocateTreeBlock(fork, near, 0);
  let slot = 0;
  for (const extent of extents) writeExtent(leaf.view, leaf.recordByte(++slot), extent);
  leaf.numrecs = slot;
  const root = emptyRoot(fork.bytes, 1);
  root.numrecs = 1;
  new BmapTree(fork).row.writeKey(leaf.view, leaf.recordByte(1), root.view, root.keyByte(1));
  root.setChild(1, leaf.pointer);
  fork.root = root;
  fork.format = FORK.BTREE;
  fork.changed();
}

/** The extents fit the fork again: the last leaf is freed. */
export function shrinkToList(fork: Fork): void {
  if (fork.format !== FORK.BTREE || fork.extents.length > fork.mostExtents) return;
  const tree = new BmapTree(fork);
  const root = tree.root();
  if (root.level !== 1 || root.numrecs !== 1) return;
  releaseTreeBlock(fork, tree.block(root.child(1)));
  fork.becomeExtents();
}

/** What becomes of blocks that are unmapped: they are freed, or lose one owner; or the caller sees to them. */
export type Unmapped = 'release' | 'keep';

/**
 * Unmaps `count` blocks from `fileoff`, from the last to the first, at most `most` extents of them. True: nothing of
 * the range is mapped any more.
 */
export function removeRange(
  inode: Inode,
  name: ForkName,
  fileoff: number,
  count: number,
  most = Number.POSITIVE_INFINITY,
  unmapped: Unmapped = 'release',
): boolean {
  const fork = inode.fork(name);
  const { extents } = fork;
  let end = fileoff + count;
  let removed = 0;
  while (end > fileoff && removed < most) {
    const index = extents.indexAt(end - 1);
    const covering = extents.at(index);
    const at = covering && covering.fileoff < end ? index : index - 1;
    const extent = extents.at(at);
    if (!extent || extent.fileoff + extent.count <= fileoff) {
      end = fileoff;
      break;
    }
    const stop = Math.min(end, extent.fileoff + extent.count);
    const start = Math.max(fileoff, extent.fileoff);
    removePart(inode, fork, at, start, stop - start, unmapped);
    end = start;
    removed++;
  }
  growIntoTree(inode, fork);
  shrinkToList(fork);
  if (end <= fileoff) return true;
  const rest = extents.at(extents.indexAt(fileoff));
  return !rest || rest.fileoff >= end;
}

/** Takes a part out of the extent at `index`. */
function removePart(
  inode: Inode,
  fork: Fork,
  index: number,
  start: number,
  count: number,
  unmapped: Unmapped,
): void {
  const { extents, name } = fork;
  const old = extents.at(index)!;
  if (name === 'data' && inode.isRealtime) throw new UnsupportedFeature('realtime files are not changed');
  const head = start - old.fileoff;
  const tail = old.count - head - count;
  const gone: Extent = { ...old, fileoff: start, fsbno: old.fsbno + head, count };
  const rest: Extent = {
    ...old,
    fileoff: start + count,
    fsbno: old.fsbno + head + count,
    count: tail,
  };
  const cursor = fork.format === FORK.BTREE ? new BmapCursor(fork) : undefined;
  cursor?.find(old);
  if (head === 0 && tail === 0) {
    extents.remove(index);
    cursor?.remove();
  } else if (head === 0) {
    extents.replace(index, rest);
    cursor?.update(rest);
  } else {
    const kept = { ...old, count: head };
    extents.replace(index, kept);
    cursor?.update(kept);
    if (tail > 0) {
      extents.insert(index + 1, rest);
      if (cursor) {
        cursor.increment();
        cursor.insert(rest);
      }
    }
  }
  fork.recount();
  deferExtentRmap(inode, name, gone, 'remove');
  const { geometry } = inode.tr.fs;
  const agno = geometry.fsbnoAgno(gone.fsbno);
  const agbno = geometry.fsbnoAgbno(gone.fsbno);
  if (unmapped === 'keep') {
    // Blocks that another mapping takes over count for it.
  } else if (name === 'data' && inode.isReflinked)
    deferRefcount(inode.tr, { change: 'decrease', agno, agbno, count });
  else freeLater(inode.tr, agno, agbno, count);
  inode.countBlocks(-count);
}

/** First file offset from `least` on where `count` blocks are unmapped. */
export function firstUnused(fork: Fork, count: number, least: number): number {
  let from = least;
  for (const extent of fork.extents) {
    if (extent.fileoff >= least + count && extent.fileoff - from >= count) break;
    from = Math.max(extent.fileoff + extent.count, least);
  }
  return from;
}
