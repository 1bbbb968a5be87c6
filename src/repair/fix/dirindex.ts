/**
 * The index of a directory made anew from its entries, in the blocks that it has: no block is allocated or freed, and
 * no entry moves. Leaves are filled evenly; the tree above them has as many nodes as it needs.
 */
import {
  DA_NODE_MAGIC,
  DIR_BLOCK_TAIL,
  DIR_FREE_MAGIC,
  DIR_LEAF_BYTE,
  DIR_LEAF1_MAGIC,
  DIR_LEAFN_MAGIC,
} from '../../format/dir.ts';
import type { Geometry } from '../../format/geometry.ts';
import { beginBlock, type DirBlock, type DirBlocks } from './dirblocks.ts';

const HEADER = 64;
const ENTRY = 8;
const NO_BLOCK = 0xffff;

/** Name hash and address (byte in the data space / 8) of one entry. */
export interface HashedEntry {
  readonly hash: number;
  readonly address: number;
}

/** What is known of the data: entries, and by number of data block its longest free area (undefined: not mapped). */
export interface DirContent {
  readonly entries: HashedEntry[];
  readonly longest: ReadonlyMap<number, number>;
  /** Number of the last data block. */
  readonly last: number;
}

/** Writes the table of a block form directory, from byte `start` on; what it does not need stays as stale. */
export function writeBlockTable(block: DirBlock, start: number, entries: readonly HashedEntry[]): boolean {
  const tail = block.bytes.length - DIR_BLOCK_TAIL.size;
  const count = (tail - start) / ENTRY;
  if (!Number.isInteger(count) || count < entries.length) return false;
  writeEntries(block, start, entries);
  const lastHash = entries.at(-1)?.hash ?? 0;
  for (let i = entries.length; i < count; i++) {
    block.view.setUint32(start + i * ENTRY, lastHash);
    block.view.setUint32(start + i * ENTRY + 4, 0);
  }
  block.view.setUint32(tail, count);
  block.view.setUint32(tail + 4, count - entries.length);
  return true;
}

function writeEntries({ view }: DirBlock, at: number, entries: readonly HashedEntry[]): void {
  entries.forEach(({ hash, address }, i) => {
    view.setUint32(at + i * ENTRY, hash);
    view.setUint32(at + i * ENTRY + 4, address);
  });
}

/** Writes leaves, nodes and free index anew; why not, where the blocks are not those that are needed. */
export function writeIndex(
  blocks: DirBlocks,
  geometry: Geometry,
  ino: number,
  content: DirContent,
): string | undefined {
  const { leaves, free } = blocks;
  const start = DIR_LEAF_BYTE / geometry.blocksize;
  if (leaves[0]?.fileoff !== start) return 'the first block of its index is not mapped';
  if (free.length === 0) {
    if (leaves.length > 1) return 'its free index is not mapped';
    return writeLeaf1(leaves[0], geometry, ino, content);
  }
  return writeFree(free, geometry, ino, content) ?? writeTree(leaves, geometry, ino, content.entries);
}

function writeLeaf1(
  leaf: DirBlock,
  geometry: Geometry,
  ino: number,
  content: DirContent,
): string | undefined {
  const { entries, longest, last } = content;
  const bests = leaf.bytes.length - 4 - 2 * (last + 1);
  if (HEADER + entries.length * ENTRY > bests) return 'its entries do not fit one leaf';
  beginBlock(leaf, geometry, ino, DIR_LEAF1_MAGIC);
  leaf.view.setUint16(56, entries.length);
  writeEntries(leaf, HEADER, entries);
  for (let i = 0; i <= last; i++) leaf.view.setUint16(bests + 2 * i, longest.get(i) ?? NO_BLOCK);
  leaf.view.setUint32(leaf.bytes.length - 4, last + 1);
  return undefined;
}

function writeFree(
  free: readonly DirBlock[],
  geometry: Geometry,
  ino: number,
  { longest, last }: DirContent,
): string | undefined {
  const most = (geometry.dirblocksize - HEADER) / 2;
  const fsblocks = 2 ** geometry.dirblklog;
  const first = free[0]!.fileoff;
  const fits = free.every(({ fileoff }, i) => fileoff === first + i * fsblocks);
  if (
    !fits ||
    first !== 2 * (DIR_LEAF_BYTE / geometry.blocksize) ||
    free.length !== Math.ceil((last + 1) / most)
  ) {
    return 'its free index has not the blocks that it needs';
  }
  free.forEach((block, i) => {
    const from = i * most;
    const valid = Math.min(most, last + 1 - from);
    beginBlock(block, geometry, ino, DIR_FREE_MAGIC);
    let used = 0;
    for (let k = 0; k < valid; k++) {
      const best = longest.get(from + k);
      if (best !== undefined) used++;
      block.view.setUint16(HEADER + 2 * k, best ?? NO_BLOCK);
    }
    block.view.setInt32(48, from);
    block.view.setInt32(52, valid);
    block.view.setInt32(56, used);
  });
  return undefined;
}

interface Child {
  readonly block: DirBlock;
  readonly hash: number;
}

/** Leaves under nodes under the root, in all the blocks that there are. */
function writeTree(
  blocks: readonly DirBlock[],
  geometry: Geometry,
  ino: number,
  entries: readonly HashedEntry[],
): string | undefined {
  const most = (geometry.dirblocksize - HEADER) / ENTRY;
  const [root, ...rest] = blocks as [DirBlock, ...DirBlock[]];
  if (rest.length === 0) {
    if (entries.length > most) return 'its entries do not fit one leaf';
    writeLevel([root], geometry, ino, entries);
    return undefined;
  }
  let nodes = 0;
  while (rest.length - nodes > most * Math.max(1, nodes)) nodes++;
  const leaves = rest.slice(nodes);
  if (entries.length < leaves.length) return 'it has more leaves than entries';
  if (entries.length > leaves.length * most || nodes > most) return 'its entries do not fit its leaves';
  const children = writeLevel(leaves, geometry, ino, entries);
  if (nodes === 0) {
    writeNodes([root], geometry, ino, children, 1);
    return undefined;
  }
  writeNodes([root], geometry, ino, writeNodes(rest.slice(0, nodes), geometry, ino, children, 1), 2);
  return undefined;
}

/** Shares `count` things out among `parts`; where part `i` begins. */
function shareAt(count: number, parts: number, i: number): number {
  return Math.floor((count * i) / parts);
}

function writeLevel(
  leaves: readonly DirBlock[],
  geometry: Geometry,
  ino: number,
  entries: readonly HashedEntry[],
): Child[] {
  return leaves.map((block, i) => {
    const from = shareAt(entries.length, leaves.length, i);
    const mine = entries.slice(from, shareAt(entries.length, leaves.length, i + 1));
    beginBlock(block, geometry, ino, DIR_LEAFN_MAGIC);
    chain(leaves, i);
    block.view.setUint16(56, mine.length);
    writeEntries(block, HEADER, mine);
    return { block, hash: mine.at(-1)?.hash ?? 0 };
  });
}

function writeNodes(
  nodes: readonly DirBlock[],
  geometry: Geometry,
  ino: number,
  children: readonly Child[],
  level: number,
): Child[] {
  return nodes.map((block, i) => {
    const from = shareAt(children.length, nodes.length, i);
    const mine = children.slice(from, shareAt(children.length, nodes.length, i + 1));
    beginBlock(block, geometry, ino, DA_NODE_MAGIC);
    chain(nodes, i);
    block.view.setUint16(56, mine.length);
    block.view.setUint16(58, level);
    mine.forEach((child, k) => {
      block.view.setUint32(HEADER + k * ENTRY, child.hash);
      block.view.setUint32(HEADER + k * ENTRY + 4, child.block.fileoff);
    });
    return { block, hash: mine.at(-1)?.hash ?? 0 };
  });
}

/** Next and previous block of a level. */
function chain(level: readonly DirBlock[], i: number): void {
  level[i]!.view.setUint32(0, level[i + 1]?.fileoff ?? 0);
  level[i]!.view.setUint32(4, level[i - 1]?.fileoff ?? 0);
}
