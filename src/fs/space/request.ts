/**
 * What is asked of the allocator inside one AG, and the arithmetic on candidates: how long an extent may become, and
 * how near to the wanted block it can lie.
 */
import type { Geometry } from '../../format/geometry.ts';

export interface AllocRequest {
  /** Wanted block. */
  agbno: number;
  /** Blocks, at least and at most. */
  minlen: number;
  maxlen: number;
  /** The length should leave `mod` over `prod`. */
  prod: number;
  mod: number;
  alignment: number;
  /** Blocks of a longer extent that alignment may cost. */
  alignSlop: number;
  /** Blocks that must stay free for what comes after in this transaction. */
  minleft: number;
  /** Blocks that the whole operation needs. */
  total: number;
  userData: boolean;
  /** To fill the AGFL: it cannot be taken from there. */
  forFreeList: boolean;
  /** First and last block at which it may begin; only the search near a block asks for that. */
  minAgbno: number;
  maxAgbno: number;
}

export interface Found {
  readonly agbno: number;
  readonly count: number;
  /** Taken from the AGFL: the free-space trees have not changed. */
  readonly fromFreeList?: boolean;
}

export function allocRequest(fields: Partial<AllocRequest> & { maxlen: number }): AllocRequest {
  return {
    agbno: 0,
    minlen: 1,
    prod: 1,
    mod: 0,
    alignment: 1,
    alignSlop: 0,
    minleft: 0,
    total: 0,
    userData: false,
    forFreeList: false,
    minAgbno: 0,
    maxAgbno: Number.POSITIVE_INFINITY,
    ...fields,
  };
}

/** What of a free extent can be used when aligned, and from `minAgbno` on where it reaches beyond. */
export function usable(
  request: AllocRequest,
  freeStart: number,
  freeCount: number,
): { start: number; count: number } {
  const { alignment, minAgbno } = request;
  const cut = freeStart < minAgbno && freeStart + freeCount > minAgbno ? minAgbno - freeStart : 0;
  const start = freeStart + cut;
  const count = freeCount - cut;
  if (alignment <= 1 || count < request.minlen) return { start, count };
  const aligned = Math.ceil(start / alignment) * alignment;
  return { start: aligned, count: Math.max(0, count - (aligned - start)) };
}

/** Shortens `count` so that it leaves `mod` over `prod`, where it can. */
export function fitLength(request: AllocRequest, count: number): number {
  const { prod, mod, minlen, maxlen } = request;
  if (prod <= 1 || count < mod || count === maxlen || (mod === 0 && count < prod)) return count;
  const over = count % prod;
  if (over === mod) return count;
  const fitted = over > mod ? count - (over - mod) : count - prod + (mod - over);
  return fitted < minlen ? count : fitted;
}

export interface Placing {
  readonly start: number;
  /** Blocks between it and the wanted block. */
  readonly distance: number;
}

/** The start nearest to the wanted block for `count` blocks in a free extent; undefined: none is aligned. */
export function placeNear(
  request: AllocRequest,
  count: number,
  free: { start: number; count: number },
): Placing | undefined {
  const { agbno: want, alignment } = request;
  const end = free.start + free.count;
  const wantEnd = want + count;
  const up = (block: number) => Math.ceil(block / alignment) * alignment;
  let start: number;
  if (free.start >= want || (request.userData && end < wantEnd)) {
    start = up(free.start);
    if (start >= end) return undefined;
  } else if (end >= wantEnd && alignment > 1) {
    const found = nearerOf(want, count, free, up(want), alignment);
    if (found === undefined) return undefined;
    start = found;
  } else if (end >= wantEnd) start = want;
  else if (alignment > 1) {
    start = up(end - count);
    if (start > end - count && start - alignment >= free.start) start -= alignment;
    else if (start >= end) return undefined;
  } else start = end - count;
  return { start, distance: Math.abs(start - want) };
}

/** Of the aligned blocks after and before the wanted one: that which gives more, else the nearer. */
function nearerOf(
  want: number,
  count: number,
  free: { start: number; count: number },
  after: number,
  alignment: number,
): number | undefined {
  const end = free.start + free.count;
  const before = after - alignment;
  if (after >= end) return before < free.start ? undefined : before;
  if (before < free.start) return after;
  const lengthAfter = Math.min(count, end - after);
  const lengthBefore = Math.min(count, end - before);
  if (lengthAfter < lengthBefore) return before;
  if (lengthAfter === lengthBefore && Math.abs(after - want) > Math.abs(before - want)) return before;
  return after;
}

/** Greatest extent that can be allocated in an AG at all: all but headers, roots and the least AGFL. */
export function mostUsable(geometry: Geometry): number {
  const { features } = geometry;
  let kept = geometry.headerBlocks + 4 + 3;
  if (features.finobt) kept++;
  if (features.rmapbt) kept++;
  if (features.reflink) kept++;
  return geometry.agblocks - kept;
}
