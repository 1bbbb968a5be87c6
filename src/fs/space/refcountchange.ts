/**
 * Counting owners up and down, and CoW staging. The records that a range touches, and those that border on it, are
 * replaced by what they become: cut at the ends of the range, counted, and merged where neighbours are alike. A block
 * that loses its last owner is freed; a block of one owner has no record.
 */
import { OWNER } from '../../format/btree.ts';
import { type Refcount, RefcountCursor } from '../btree/refcount.ts';
import { corrupt } from '../buffer.ts';
import type { DeferKind, Transaction } from '../transaction.ts';
import { fixFreeList, freeLater } from './allocate.ts';
import { addRmap, metadataRmap, removeRmap } from './rmapchange.ts';

/** A count that cannot rise any more stays for ever. */
const PINNED = 0xffffffff;

export interface RefcountChange {
  readonly change: 'increase' | 'decrease' | 'stage' | 'unstage';
  readonly agno: number;
  readonly agbno: number;
  readonly count: number;
}

const REFCOUNT_CHANGE: DeferKind<RefcountChange> = {
  name: 'refcount',
  most: 16,
  order: (a, b) => a.agno - b.agno,
  finish(tr, item, before) {
    if (before?.agno !== item.agno) fixFreeList(tr, item.agno);
    changeRefcount(tr, item);
    return false;
  },
};

const COW_RMAP: DeferKind<RefcountChange> = {
  name: 'cow rmap',
  most: 16,
  order: (a, b) => a.agno - b.agno,
  finish(tr, { change, agno, agbno, count }, before) {
    if (before?.agno !== agno) fixFreeList(tr, agno);
    (change === 'stage' ? addRmap : removeRmap)(tr, agno, metadataRmap(OWNER.COW, agbno, count));
    return false;
  },
};

/** Defers a change; nothing where the filesystem cannot share blocks. */
export function deferRefcount(tr: Transaction, item: RefcountChange): void {
  const { features } = tr.fs.geometry;
  if (!features.reflink) return;
  tr.defer(REFCOUNT_CHANGE, item);
  const staging = item.change === 'stage' || item.change === 'unstage';
  if (staging && features.rmapbt) tr.defer(COW_RMAP, item);
}

/** Frees a CoW staging extent that nobody uses: its record, its reverse mapping and its blocks. */
export function releaseStaging(tr: Transaction, agno: number, agbno: number, count: number): void {
  deferRefcount(tr, { change: 'unstage', agno, agbno, count });
  freeLater(tr, agno, agbno, count);
}

/** Carries a change out at once. */
export function changeRefcount(tr: Transaction, { change, agno, agbno, count }: RefcountChange): void {
  const cow = change === 'stage' || change === 'unstage';
  const pieces = touched(tr, agno, cow, agbno, count);
  const changed: Refcount[] = [];
  for (const piece of pieces) {
    const inside = piece.start >= agbno && piece.start < agbno + count;
    const refcount = inside ? counted(agno, piece, change) : piece.refcount;
    if (inside && refcount === 0 && !cow) freeLater(tr, agno, piece.start, piece.count);
    appendMerged(changed, { ...piece, refcount });
  }
  const keep = (piece: Refcount): boolean => (cow ? piece.refcount > 0 : piece.refcount > 1);
  replace(tr, agno, cow, agbno, count, changed.filter(keep));
}

function counted(agno: number, piece: Refcount, change: RefcountChange['change']): number {
  switch (change) {
    case 'increase':
      return Math.min(piece.refcount + 1, PINNED);
    case 'decrease':
      return piece.refcount === PINNED ? PINNED : piece.refcount - 1;
    default: {
      const staged = piece.refcount > 0;
      if (staged === (change === 'unstage')) return staged ? 0 : 1;
      const text = `AG ${agno} refcountbt: blocks ${piece.start} + ${piece.count} are ${staged ? '' : 'not '}staged`;
      corrupt(staged ? 'REFCOUNT_SURPLUS' : 'REFCOUNT_MISSING', { agno, agbno: piece.start }, text);
    }
  }
}

/** Appends a piece, or lets the last one grow when they are alike and touch. */
function appendMerged(list: Refcount[], piece: Refcount): void {
  const last = list.at(-1);
  if (last && last.refcount === piece.refcount && last.start + last.count === piece.start) {
    list[list.length - 1] = { ...last, count: last.count + piece.count };
  } else list.push(piece);
}

/** Records from the one that ends at `agbno` to the one that begins behind the range, in order. */
function recordsAround(
  tr: Transaction,
  agno: number,
  cow: boolean,
  agbno: number,
  count: number,
): Refcount[] {
  const cursor = new RefcountCursor(tr, agno);
  const list: Refcount[] = [];
  const end = agbno + count;
  let more = cursor.find('LE', cow, agbno);
  if (more && cursor.refcount.start === agbno) more = cursor.decrement() || cursor.find('GE', cow, agbno);
  else if (!more) more = cursor.find('GE', cow, agbno);
  for (; more; more = cursor.increment()) {
    const record = cursor.refcount;
    if (record.cow !== cow || record.start > end) {
      if (record.cow === cow || record.cow) break;
      continue;
    }
    if (record.start + record.count >= agbno) list.push(record);
  }
  return list;
}

/** The pieces that the range and its neighbours consist of; blocks without a record have 1 owner, or are unstaged. */
function touched(tr: Transaction, agno: number, cow: boolean, agbno: number, count: number): Refcount[] {
  const end = agbno + count;
  const pieces: Refcount[] = [];
  const cut = (record: Refcount, from: number, to: number): void => {
    if (to > from) pieces.push({ ...record, start: from, count: to - from });
  };
  const alone: Refcount = { cow, start: 0, count: 0, refcount: cow ? 0 : 1 };
  let at = agbno;
  for (const record of recordsAround(tr, agno, cow, agbno, count)) {
    const stop = record.start + record.count;
    cut(record, record.start, Math.min(stop, agbno));
    cut(alone, at, Math.min(record.start, end));
    cut(record, Math.max(record.start, agbno), Math.min(stop, end));
    at = Math.max(at, Math.min(stop, end));
    if (stop <= end) continue;
    at = end;
    cut(record, Math.max(record.start, end), stop);
  }
  cut(alone, at, end);
  return pieces;
}

/** Takes away the records around the range and puts `wanted` in their place; what stays as it is is not touched. */
function replace(
  tr: Transaction,
  agno: number,
  cow: boolean,
  agbno: number,
  count: number,
  wanted: readonly Refcount[],
): void {
  const same = (a: Refcount, b: Refcount): boolean =>
    a.start === b.start && a.count === b.count && a.refcount === b.refcount;
  const old = recordsAround(tr, agno, cow, agbno, count);
  for (const record of old) {
    if (wanted.some((piece) => same(piece, record))) continue;
    const cursor = new RefcountCursor(tr, agno);
    cursor.find('EQ', cow, record.start);
    const heir = wanted.find((piece) => piece.start === record.start);
    if (heir) cursor.update(heir);
    else cursor.remove();
  }
  for (const piece of wanted) {
    if (old.some((record) => record.start === piece.start)) continue;
    const cursor = new RefcountCursor(tr, agno);
    cursor.find('EQ', cow, piece.start);
    cursor.insert(piece);
  }
}
