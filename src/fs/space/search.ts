/**
 * Where in an AG an extent is taken from. Three policies:
 *  - by size: the smallest free extent that is long enough, or the longest there is;
 *  - near a block: when the cntbt's last leaf holds everything long enough, the nearest of those; else a search that
 *    goes left and right from the wanted block in the bnobt and up the lengths in the cntbt at once, until one of
 *    them finds something and the others have nothing better;
 *  - exact: at the wanted block or not at all.
 * The order of the steps decides which of several fitting extents is taken; it is the reference's.
 */
import { OWNER } from '../../format/btree.ts';
import { FreeCursor } from '../btree/freespace.ts';
import { isBlock } from '../btree/tree.ts';
import type { Transaction } from '../transaction.ts';
import { takeFromFreeList } from './agfl.ts';
import { type AllocRequest, type Found, fitLength, placeNear, usable } from './request.ts';
import { metadataRmap, removeRmap } from './rmapchange.ts';

interface Extent {
  readonly start: number;
  readonly count: number;
}

/** Takes `taken` out of the free extent `free`, in both trees. */
function carve(
  byLength: FreeCursor,
  byPlace: FreeCursor,
  free: Extent,
  taken: Extent,
  lengthFound = false,
  placeFound = false,
): void {
  if (!lengthFound) byLength.find('EQ', free.start, free.count);
  if (!placeFound) byPlace.find('EQ', free.start, free.count);
  const rest: Extent[] = [];
  const head = taken.start - free.start;
  const tail = free.count - head - taken.count;
  if (head > 0) rest.push({ start: free.start, count: head });
  if (tail > 0) rest.push({ start: taken.start + taken.count, count: tail });
  byLength.remove();
  for (const { start, count } of rest) {
    byLength.find('EQ', start, count);
    byLength.insert(start, count);
  }
  const [first, second] = rest;
  if (!first) byPlace.remove();
  else byPlace.update(first.start, first.count);
  if (second) {
    byPlace.find('EQ', second.start, second.count);
    byPlace.insert(second.start, second.count);
  }
}

/** Nothing is as long as `maxlen`: the longest extent, a block of the AGFL, or nothing. */
function lastResort(
  tr: Transaction,
  agno: number,
  request: AllocRequest,
  byLength: FreeCursor,
): Extent | Found | undefined {
  if (byLength.decrement()) {
    const { start, count } = byLength;
    return count < request.minlen ? undefined : { start, count };
  }
  const perag = tr.perag(agno);
  if (request.minlen !== 1 || request.alignment !== 1 || request.forFreeList) return undefined;
  if (perag.agf.flcount <= request.minleft) return undefined;
  const agbno = takeFromFreeList(perag, false);
  if (agbno === undefined) return undefined;
  if (tr.fs.geometry.features.rmapbt) removeRmap(tr, agno, metadataRmap(OWNER.AG, agbno, 1));
  return { agbno, count: 1, fromFreeList: true };
}

/** Takes the best fit by length. */
export function allocateBySize(tr: Transaction, agno: number, request: AllocRequest): Found | undefined {
  const byLength = new FreeCursor(tr, agno, 'cntbt');
  const { maxlen } = request;
  let free: Extent;
  let part: Extent;
  if (byLength.find('GE', 0, maxlen + request.alignment - 1)) {
    do {
      free = { start: byLength.start, count: byLength.count };
      part = usable(request, free.start, free.count);
    } while (part.count < maxlen && byLength.increment());
  } else {
    const last = lastResort(tr, agno, request, byLength);
    if (!last || 'agbno' in last) return last;
    free = last;
    part = usable(request, free.start, free.count);
  }
  let length = Math.min(maxlen, part.count);
  if (length < maxlen) {
    const best = longestUsable(byLength, request, free, part);
    ({ free, part } = best);
    length = Math.min(maxlen, part.count);
    byLength.find('EQ', free.start, free.count);
  }
  if (length < request.minlen) return undefined;
  const count = fitLength(request, length);
  const byPlace = new FreeCursor(tr, agno, 'bnobt');
  carve(byLength, byPlace, free, { start: part.start, count }, true);
  return { agbno: part.start, count };
}

/** Of the extents down from the cursor, the one that gives most when aligned. */
function longestUsable(byLength: FreeCursor, request: AllocRequest, free: Extent, part: Extent) {
  let best = { free, part };
  while (byLength.decrement()) {
    const next = { start: byLength.start, count: byLength.count };
    const most = Math.min(request.maxlen, best.part.count);
    if (next.count < most) break;
    const candidate = usable(request, next.start, next.count);
    const length = Math.min(request.maxlen, candidate.count);
    if (length > most) {
      best = { free: next, part: candidate };
      if (length === request.maxlen) break;
    }
  }
  return best;
}

/** Takes the extent that begins at the wanted block. */
export function allocateExact(tr: Transaction, agno: number, request: AllocRequest): Found | undefined {
  const byPlace = new FreeCursor(tr, agno, 'bnobt');
  const { agbno, minlen, maxlen } = request;
  if (!byPlace.find('LE', agbno, minlen)) return undefined;
  const free = { start: byPlace.start, count: byPlace.count };
  const end = free.start + free.count;
  if (end < agbno + minlen) return undefined;
  const count = fitLength(request, Math.min(end, agbno + maxlen) - agbno);
  carve(new FreeCursor(tr, agno, 'cntbt'), byPlace, free, { start: agbno, count }, false, true);
  return { agbno, count };
}

/** A cursor that takes part in the search until it cannot find anything better. */
interface Arm {
  readonly cursor: FreeCursor;
  readonly byPlace: boolean;
  active: boolean;
}

class NearSearch {
  private readonly request: AllocRequest;
  private readonly length: Arm;
  private readonly left: Arm;
  private readonly right: Arm;
  /** Length up to which the cntbt was looked at. */
  private reached: number;
  private free: Extent = { start: 0, count: 0 };
  private best: Extent = { start: 0, count: 0 };
  private distance = Number.POSITIVE_INFINITY;
  /** A free block of the AGFL, taken for want of anything else. */
  fallback: Found | undefined;

  constructor(tr: Transaction, agno: number, request: AllocRequest) {
    const arm = (tree: 'bnobt' | 'cntbt'): Arm => ({
      cursor: new FreeCursor(tr, agno, tree),
      byPlace: tree === 'bnobt',
      active: false,
    });
    request.agbno = Math.min(Math.max(request.agbno, request.minAgbno), request.maxAgbno);
    this.request = request;
    this.reached = request.maxlen;
    this.length = arm('cntbt');
    this.left = arm('bnobt');
    this.right = arm('bnobt');
    this.run(tr, agno);
  }

  private run(tr: Transaction, agno: number): void {
    const { length, request } = this;
    let longest = 0;
    if (!this.seek(length, 'GE', 0, request.maxlen)) {
      const last = lastResort(tr, agno, request, length.cursor);
      if (!last) return;
      if ('agbno' in last) {
        this.fallback = last;
        return;
      }
      longest = last.count;
    }
    if (!isBlock(length.cursor.step(0).block.sibling('right')) && this.searchLastLeaf(longest)) return;
    this.searchAround();
  }

  /** Carves the result out; undefined when nothing was found. */
  finish(): Found | undefined {
    if (this.fallback) return this.fallback;
    if (this.best.count === 0) return undefined;
    carve(this.length.cursor, this.left.cursor, this.free, this.best);
    return { agbno: this.best.start, count: this.best.count };
  }

  private seek(arm: Arm, direction: 'LE' | 'GE', start: number, count: number): boolean {
    arm.active = arm.cursor.find(direction, start, count);
    return arm.active;
  }

  /** Looks at the extent an arm is on; true when it is the best so far. */
  private consider(arm: Arm): boolean {
    const { request } = this;
    const free = { start: arm.cursor.start, count: arm.cursor.count };
    if (free.count < request.minlen) {
      if (!arm.byPlace) arm.active = false;
      return false;
    }
    const part = usable(request, free.start, free.count);
    if (part.start < request.minAgbno || part.start > request.maxAgbno) {
      if (arm.byPlace) arm.active = false;
      return false;
    }
    if (part.count < request.minlen) return false;
    const count = fitLength(request, Math.min(part.count, request.maxlen));
    if (count < this.best.count) return false;
    const placing = placeNear(request, count, part);
    if (!placing) return false;
    if (placing.distance > this.distance) {
      if (arm.byPlace) arm.active = false;
      return false;
    }
    this.free = free;
    this.best = { start: placing.start, count };
    this.distance = placing.distance;
    if (placing.distance === 0 && count === request.maxlen) arm.active = false;
    return true;
  }

  /** Moves an arm on, at most `steps` records; true when it found something better. */
  private walk(arm: Arm, forward: boolean, first: boolean, steps: number): boolean {
    let found = false;
    for (let left = steps; arm.active && left > 0; left--) {
      if (this.consider(arm)) {
        found = true;
        if (first) break;
      }
      if (!arm.active) break;
      if (!(forward ? arm.cursor.increment() : arm.cursor.decrement())) arm.active = false;
    }
    return found;
  }

  /** Everything long enough is in the last leaf of the cntbt: the nearest of it. */
  private searchLastLeaf(longest: number): boolean {
    const { cursor } = this.length;
    const { request } = this;
    if (longest > 0 || request.alignment > 1) {
      cursor.step(0).slot = 1;
      while (cursor.count < request.minlen) if (!cursor.increment()) return false;
    }
    this.walk(this.length, true, false, Number.POSITIVE_INFINITY);
    return this.best.count > 0;
  }

  private searchAround(): void {
    const { length, left, right, request } = this;
    this.seek(length, 'GE', request.agbno, this.reached);
    this.seek(left, 'LE', request.agbno, 0);
    this.seek(right, 'GE', request.agbno, 0);
    let other: Arm | undefined;
    let forward = false;
    while (left.active || right.active || length.active) {
      if (this.walk(left, false, true, 1)) {
        other = right;
        forward = true;
        break;
      }
      if (this.walk(right, true, true, 1)) {
        other = left;
        break;
      }
      this.stepLength();
      if (!length.active) break;
    }
    if (!length.active && this.best.count === 0 && length.cursor.decrement()) {
      length.active = true;
      other = length;
      forward = false;
    }
    if (other) this.walk(other, forward, true, Number.POSITIVE_INFINITY);
  }

  /** Looks at the nearest extent of the next length, and at one before it of the same length. */
  private stepLength(): void {
    const { length, request } = this;
    if (!length.active) return;
    const before = this.reached;
    if (!this.seek(length, 'GE', request.agbno, before)) return;
    const { start, count } = length.cursor;
    this.consider(length);
    this.reached = count;
    if (start > request.agbno && length.cursor.decrement() && length.cursor.count === count) {
      this.consider(length);
    }
    const doubled = before * 2;
    if (this.best.count === 0 || this.reached >= doubled) this.reached++;
    else this.reached = doubled;
  }
}

/** Takes an extent as near to the wanted block as it is worth looking for. */
export function allocateNear(tr: Transaction, agno: number, request: AllocRequest): Found | undefined {
  return new NearSearch(tr, agno, request).finish();
}
