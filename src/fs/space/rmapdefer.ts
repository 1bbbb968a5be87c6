/**
 * Changes of the rmapbt that follow from changes of a file's mappings. They are deferred: the mapping is changed
 * first, then its reverse.
 */
import type { Rmap } from '../btree/rmap.ts';
import type { DeferKind, Transaction } from '../transaction.ts';
import { fixFreeList } from './allocate.ts';
import { addRmap, removeRmap } from './rmapchange.ts';
import { addSharedRmap, convertRmap, removeSharedRmap } from './rmapshared.ts';

export interface RmapChange {
  readonly agno: number;
  readonly change: 'add' | 'remove' | 'convert';
  /** The file may share its blocks with others. */
  readonly shared: boolean;
  /** What is added or removed; for `convert` how it is now, to become the other of written and unwritten. */
  readonly rmap: Rmap;
}

const RMAP_CHANGE: DeferKind<RmapChange> = {
  name: 'rmap',
  most: 16,
  order: (a, b) => a.agno - b.agno,
  finish(tr, item, before) {
    if (before?.agno !== item.agno) fixFreeList(tr, item.agno);
    changeRmap(tr, item);
    return false;
  },
};

/** Carries a change out at once. */
export function changeRmap(tr: Transaction, { agno, change, shared, rmap }: RmapChange): void {
  if (change === 'convert') convertRmap(tr, agno, rmap);
  else if (change === 'add') (shared ? addSharedRmap : addRmap)(tr, agno, rmap);
  else (shared ? removeSharedRmap : removeRmap)(tr, agno, rmap);
}

/** Defers a change of the rmapbt; nothing where there is none. */
export function deferRmap(tr: Transaction, change: RmapChange): void {
  if (tr.fs.geometry.features.rmapbt) tr.defer(RMAP_CHANGE, change);
}
