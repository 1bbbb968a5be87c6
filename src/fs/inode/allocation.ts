/**
 * Giving a fork blocks: where they should lie (beside what is mapped beside them, else near the inode), how many at
 * once, and what is done when no AG has as many in one piece.
 */
import { BMDR_HEADER, BTREE, maxRecords } from '../../format/btree.ts';
import { FORK } from '../../format/inode.ts';
import { noSpace } from '../nospace.ts';
import { type Allocated, allocate, longestFree } from '../space/allocate.ts';
import { allocRequest, mostUsable } from '../space/request.ts';
import type { ForkName } from './bmbt.ts';
import { type Extent, LONGEST_EXTENT } from './extent.ts';
import type { Inode } from './inode.ts';
import { addExtent, shrinkToList } from './mapping.ts';

/** Lengths that a page of this many bytes wants whole. */
const PAGE_BYTES = 4096;
/** A gap of up to so many times the length is kept on disk as it is in the file. */
const GAP_UNITS = 4;

export interface MapRequest {
  readonly fileoff: number;
  readonly count: number;
  /** All in one piece or nothing. */
  readonly contiguous: boolean;
  /** Blocks that the whole operation may need. */
  readonly total: number;
  /** User data is preferred at the start of a free extent. */
  readonly userData?: boolean;
  readonly unwritten?: boolean;
}

/**
 * Maps new blocks to the hole at `fileoff`, as many of the asked as one extent gives. Returns the part that was
 * mapped; undefined when there is no space for it.
 */
export function mapNewBlocks(inode: Inode, name: ForkName, request: MapRequest): Extent | undefined {
  const fork = inode.fork(name);
  const { extents } = fork;
  const index = extents.indexAt(request.fileoff);
  const next = extents.at(index);
  let count = Math.min(request.count, LONGEST_EXTENT);
  if (next) count = Math.min(count, next.fileoff - request.fileoff);
  if (count <= 0) throw new Error(`file offset ${request.fileoff} of inode ${inode.ino} is no hole`);
  const target = targetBlock(inode, request.fileoff, count, extents.at(index - 1), next);
  const found = takeBlocks(inode, name, request, count, target);
  if (!found) return undefined;
  const { geometry } = inode.tr.fs;
  const fsbno = geometry.fsbno(found.agno, found.agbno);
  if (inode.tr.firstBlock < 0) inode.tr.firstBlock = fsbno;
  inode.countBlocks(found.count);
  const extent: Extent = {
    fileoff: request.fileoff,
    fsbno,
    count: found.count,
    unwritten: request.unwritten ?? false,
  };
  addExtent(inode, name, extent);
  shrinkToList(fork);
  return extent;
}

/** As `mapNewBlocks`, but all of the asked, in as many extents as it takes. Throws NoSpaceError. */
export function mapAllBlocks(inode: Inode, name: ForkName, request: MapRequest): void {
  let { fileoff, count } = request;
  while (count > 0) {
    const extent = mapNewBlocks(inode, name, { ...request, fileoff, count });
    if (!extent) noSpace(`${count} blocks for inode ${inode.ino}`);
    fileoff += extent.count;
    count -= extent.count;
  }
}

/** The block, fsbno, at which the new extent would go on from, or up to, its neighbours in the file. */
function targetBlock(
  inode: Inode,
  fileoff: number,
  count: number,
  before: Extent | undefined,
  after: Extent | undefined,
): number {
  const { geometry } = inode.tr.fs;
  const { firstBlock } = inode.tr;
  const agino = geometry.inoAgino(inode.ino);
  const own = geometry.fsbno(geometry.inoAgno(inode.ino), geometry.aginoAgbno(agino));
  const fallback = firstBlock < 0 ? own : firstBlock;
  const inAg = (block: number, other: number): boolean =>
    block >= 0 &&
    geometry.fsbnoAgno(block) === geometry.fsbnoAgno(other) &&
    geometry.fsbnoAgbno(block) < geometry.agblocks;
  const target = neighbourTarget(fileoff, count, before, after, inAg) ?? fallback;
  const sameAg = firstBlock < 0 || geometry.fsbnoAgno(target) === geometry.fsbnoAgno(firstBlock);
  return sameAg ? target : firstBlock;
}

interface Candidate {
  readonly block: number;
  readonly distance: number;
}

function neighbourTarget(
  fileoff: number,
  count: number,
  before: Extent | undefined,
  after: Extent | undefined,
  inAg: (block: number, other: number) => boolean,
): number | undefined {
  if (!after) {
    if (!before) return undefined;
    const end = before.fsbno + before.count;
    if (!inAg(end, before.fsbno)) return undefined;
    const gap = fileoff - (before.fileoff + before.count);
    return gap > 0 && inAg(end + gap, before.fsbno) ? end + gap : end;
  }
  const left = before ? candidateAfter(fileoff, count, before, inAg) : undefined;
  const right = candidateBefore(fileoff, count, after, inAg);
  return left && left.distance <= right.distance ? left.block : right.block;
}

function candidateAfter(
  fileoff: number,
  count: number,
  before: Extent,
  inAg: (block: number, other: number) => boolean,
): Candidate | undefined {
  const end = before.fsbno + before.count;
  if (!inAg(end, before.fsbno)) return undefined;
  const gap = fileoff - (before.fileoff + before.count);
  if (gap <= GAP_UNITS * count && inAg(end + gap, before.fsbno)) return { block: end + gap, distance: gap };
  return { block: end, distance: gap * 2 };
}

function candidateBefore(
  fileoff: number,
  count: number,
  after: Extent,
  inAg: (block: number, other: number) => boolean,
): Candidate {
  const gap = after.fileoff - fileoff;
  const start = after.fsbno;
  if (gap <= GAP_UNITS * count && inAg(start - gap, start)) return { block: start - gap, distance: gap };
  if (inAg(start - count, start)) return { block: start - count, distance: gap + gap - count };
  return { block: start, distance: gap * 2 };
}

function takeBlocks(
  inode: Inode,
  name: ForkName,
  request: MapRequest,
  count: number,
  target: number,
): Allocated | undefined {
  const { tr } = inode;
  const { geometry } = tr.fs;
  const agno = geometry.fsbnoAgno(target);
  const agbno = geometry.fsbnoAgbno(target);
  const maxlen = Math.min(count, mostUsable(geometry));
  const least = request.contiguous ? count : 1;
  const ask = (minlen: number, total: number, near: number) =>
    allocRequest({
      agbno: near,
      minlen,
      maxlen,
      ...pageFit(geometry.blocksize, request.fileoff),
      minleft: tr.firstBlock < 0 ? leftForTree(inode, name) : 0,
      total,
      userData: request.userData ?? false,
    });
  if (least > maxlen) return undefined;
  if (tr.firstBlock >= 0) {
    return (
      allocate(tr, 'near', agno, ask(least, request.total, agbno)) ??
      allocate(tr, 'first', 0, ask(least, least, 0))
    );
  }
  const minlen = lengthToInsistOn(inode, agno, least, maxlen);
  return (
    allocate(tr, 'start', agno, ask(minlen, request.total, agbno)) ??
    (minlen > least ? allocate(tr, 'start', agno, ask(least, request.total, agbno)) : undefined) ??
    allocate(tr, 'first', 0, ask(least, least, 0))
  );
}

/** Blocks below the page size should come in whole pages of the file. */
function pageFit(blocksize: number, fileoff: number): { prod: number; mod: number } {
  if (blocksize >= PAGE_BYTES) return { prod: 1, mod: 0 };
  const prod = PAGE_BYTES / blocksize;
  const over = fileoff % prod;
  return { prod, mod: over ? prod - over : 0 };
}

/** Blocks that a btree of the fork may need on top. */
function leftForTree(inode: Inode, name: ForkName): number {
  const fork = inode.fork(name);
  return fork.format === FORK.BTREE ? fork.root!.level + 1 : 1;
}

/** The longest free extent of the AGs, up to the first that has one long enough. */
function lengthToInsistOn(inode: Inode, agno: number, least: number, maxlen: number): number {
  const { tr } = inode;
  const { agcount } = tr.fs.geometry;
  let longest = 0;
  for (let i = 0; i < agcount && longest < maxlen; i++) {
    longest = Math.max(longest, longestFree(tr, (agno + i) % agcount));
  }
  return longest < least ? least : Math.min(longest, maxlen);
}

/** Levels that the btree of a fork of this filesystem can have at most. */
export function mostTreeLevels(blocksize: number, name: ForkName, largeCounts: boolean): number {
  const leaves = name === 'data' ? (largeCounts ? 2 ** 48 : 2 ** 31) : largeCounts ? 2 ** 32 : 2 ** 15;
  const rootKeys = name === 'data' ? 3 : 2;
  const rootRoom = Math.floor((BMDR_HEADER.size + rootKeys * 16 - BMDR_HEADER.size) / 16);
  const leafFill = maxRecords(BTREE.bmapbt, 0, blocksize) >>> 1;
  const nodeFill = maxRecords(BTREE.bmapbt, 1, blocksize) >>> 1;
  let blocks = Math.ceil((leaves - 1) / leafFill);
  let level = 1;
  for (; blocks > 1; level++) blocks = blocks <= rootRoom ? 1 : Math.ceil(blocks / nodeFill);
  return level;
}
