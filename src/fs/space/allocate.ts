/**
 * The allocator: keeps the AGFL at its length, asks whether an AG can serve, and takes an extent from the first AG
 * that can. Freed extents and AGFL blocks that are too many are deferred, as everything is that could free a btree
 * block in the middle of another change.
 */
import { OWNER } from '../../format/btree.ts';
import { maxLevels } from '../../format/btreeheight.ts';
import type { Rmap } from '../btree/rmap.ts';
import { corrupt } from '../buffer.ts';
import type { DeferKind, Transaction } from '../transaction.ts';
import { putOnFreeList, takeFromFreeList } from './agfl.ts';
import { addFreeExtent } from './free.ts';
import { minFreeList } from './freelist.ts';
import { type AllocRequest, allocRequest, type Found, mostUsable } from './request.ts';
import { addRmap, metadataRmap } from './rmapchange.ts';
import { allocateBySize, allocateExact, allocateNear } from './search.ts';

/** Items of one intent in the log. */
const MOST_EXTENTS = 16;

interface FreedExtent {
  readonly agno: number;
  readonly agbno: number;
  readonly count: number;
  /** Reverse mapping that goes with it; absent: it is gone already. */
  readonly owner?: Rmap;
}

const FREE_EXTENT: DeferKind<FreedExtent> = {
  name: 'free',
  most: MOST_EXTENTS,
  order: (a, b) => a.agno - b.agno,
  finish(tr, { agno, agbno, count, owner }) {
    freeNow(tr, agno, agbno, count, owner);
    return false;
  },
};

const FREE_SPARE: DeferKind<FreedExtent> = {
  name: 'agfl',
  most: MOST_EXTENTS,
  order: (a, b) => a.agno - b.agno,
  finish(tr, { agno, agbno, owner }) {
    addFreeExtent(tr, agno, agbno, 1, owner);
    const piece = tr.blockPiece(agno, agbno);
    tr.dropRange(piece.offset, piece.length);
    return false;
  },
};

/** Frees an extent at once. Not for use in the middle of a change of a btree. */
export function freeNow(tr: Transaction, agno: number, agbno: number, count: number, owner?: Rmap): void {
  if (!tr.fs.geometry.isAgbno(agno, agbno) || !tr.fs.geometry.isAgbno(agno, agbno + count - 1)) {
    corrupt(
      'INODE_EXTENT',
      { agno, agbno, blocks: count },
      `AG ${agno}: blocks ${agbno} + ${count} cannot be`,
    );
  }
  fixFreeList(tr, agno);
  addFreeExtent(tr, agno, agbno, count, owner);
  tr.count('fdblocks', count);
}

/** Frees an extent when the present change is done. */
export function freeLater(tr: Transaction, agno: number, agbno: number, count: number, owner?: Rmap): void {
  tr.defer(FREE_EXTENT, { agno, agbno, count, ...(owner ? { owner } : {}) });
}

/** Blocks that the AGFL should hold. */
export function wantedFreeList(tr: Transaction, agno: number): number {
  const { agf } = tr.perag(agno);
  const { geometry, freeListRule } = tr.fs;
  const levels = { bnobt: agf.bnolevel, cntbt: agf.cntlevel, rmapbt: agf.rmaplevel };
  if (freeListRule === 'double') return minFreeList(geometry, levels);
  const one = (tree: keyof typeof levels): number => Math.min(levels[tree] + 1, maxLevels(tree, geometry));
  return one('bnobt') + one('cntbt') + (geometry.features.rmapbt ? one('rmapbt') : 0);
}

/** Longest extent that could be taken while the AGFL gets what it lacks. */
export function longestFree(tr: Transaction, agno: number): number {
  const { agf } = tr.perag(agno);
  const lack = Math.max(0, wantedFreeList(tr, agno) - agf.flcount);
  if (agf.longest > lack) return Math.min(mostUsable(tr.fs.geometry), agf.longest - lack);
  return agf.flcount > 0 || agf.longest > 0 ? 1 : 0;
}

/** Whether the AG can serve the request; shortens its `maxlen` to what can be had, unless only asking. */
function canServe(tr: Transaction, agno: number, request: AllocRequest, asking: boolean): boolean {
  const { agf } = tr.perag(agno);
  const wanted = wantedFreeList(tr, agno);
  const length = request.minlen + request.alignment - 1 + request.alignSlop;
  if (longestFree(tr, agno) < length) return false;
  const available = agf.freeblks + Math.min(agf.flcount, wanted) - wanted - request.minleft;
  if (available < Math.max(request.total, length)) return false;
  if (available < request.maxlen && !asking) request.maxlen = available;
  return true;
}

/**
 * Brings the AGFL to its length. With a request: false when the AG cannot serve it. Without (something is being
 * freed) it goes as far as it can.
 */
export function fixFreeList(tr: Transaction, agno: number, request?: AllocRequest): boolean {
  if (request && !(canServe(tr, agno, request, true) && canServe(tr, agno, request, false))) return false;
  const perag = tr.perag(agno);
  const rmapbt = tr.fs.geometry.features.rmapbt;
  const wanted = wantedFreeList(tr, agno);
  while (perag.agf.flcount > wanted) {
    const agbno = takeFromFreeList(perag, false)!;
    tr.defer(FREE_SPARE, { agno, agbno, count: 1, owner: metadataRmap(OWNER.AG, agbno, 1) });
  }
  while (perag.agf.flcount < wanted) {
    const lack = allocRequest({ maxlen: wanted - perag.agf.flcount, forFreeList: true });
    const found = allocateBySize(tr, agno, lack);
    if (!found) return request === undefined;
    if (rmapbt) addRmap(tr, agno, metadataRmap(OWNER.AG, found.agbno, found.count));
    perag.changeAgf().freeblks -= found.count;
    for (let i = 0; i < found.count; i++) putOnFreeList(perag, found.agbno + i, false);
  }
  return true;
}

/** Which blocks: as near as possible to one, in any AG from its on; in its AG alone; or exactly there. */
export type Policy = 'start' | 'near' | 'exact' | 'first';

export interface Allocated {
  readonly agno: number;
  readonly agbno: number;
  readonly count: number;
}

/**
 * Takes an extent; undefined when there is none. `owner` gives the reverse mapping that is recorded with it at once;
 * without it that is the caller's business.
 */
export function allocate(
  tr: Transaction,
  policy: Policy,
  agno: number,
  request: AllocRequest,
  owner?: number,
): Allocated | undefined {
  const { geometry } = tr.fs;
  request.maxlen = Math.min(request.maxlen, geometry.agblocks);
  const target = request.agbno;
  const ags = policy === 'start' || policy === 'first' ? geometry.agcount : 1;
  const first = policy === 'first' ? 0 : agno;
  for (let i = 0; i < ags; i++) {
    const here = (first + i) % geometry.agcount;
    const asked = { ...request };
    if (!fixFreeList(tr, here, asked)) continue;
    const found = searchAg(tr, policy, here, asked, here === agno && policy !== 'first' ? target : 0);
    if (!found) return undefined;
    const perag = tr.perag(here);
    if (owner !== undefined && geometry.features.rmapbt) {
      addRmap(tr, here, metadataRmap(owner, found.agbno, found.count));
    }
    if (!found.fromFreeList) perag.changeAgf().freeblks -= found.count;
    tr.count('fdblocks', -found.count);
    return { agno: here, agbno: found.agbno, count: found.count };
  }
  return undefined;
}

function searchAg(
  tr: Transaction,
  policy: Policy,
  agno: number,
  request: AllocRequest,
  target: number,
): Found | undefined {
  request.agbno = target;
  if (policy === 'exact') return allocateExact(tr, agno, request);
  if (target > 0 || policy === 'near') return allocateNear(tr, agno, request);
  return allocateBySize(tr, agno, request);
}
