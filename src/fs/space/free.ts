/**
 * Freeing an extent: it grows its neighbours in the bnobt, or becomes a record of its own, and the cntbt follows.
 */

import { FreeCursor } from '../btree/freespace.ts';
import type { Rmap } from '../btree/rmap.ts';
import { corrupt } from '../buffer.ts';
import type { Transaction } from '../transaction.ts';
import { removeRmap } from './rmapchange.ts';

/**
 * Puts blocks back into the free-space trees. `owner` is the reverse mapping to be taken away with them; without it
 * the mapping is the caller's business.
 */
export function addFreeExtent(
  tr: Transaction,
  agno: number,
  agbno: number,
  count: number,
  owner?: Rmap,
): void {
  const perag = tr.perag(agno);
  if (owner && tr.fs.geometry.features.rmapbt) removeRmap(tr, agno, owner);
  const byPlace = new FreeCursor(tr, agno, 'bnobt');
  const end = agbno + count;
  let left = byPlace.find('LE', agbno, count) ? { start: byPlace.start, count: byPlace.count } : undefined;
  if (left && left.start + left.count < agbno) left = undefined;
  else if (left && left.start + left.count > agbno) free(agno, agbno, count);
  let right = byPlace.increment() ? { start: byPlace.start, count: byPlace.count } : undefined;
  if (right && end < right.start) right = undefined;
  else if (right && end > right.start) free(agno, agbno, count);
  const byLength = new FreeCursor(tr, agno, 'cntbt');
  const start = left ? left.start : agbno;
  const length = count + (left?.count ?? 0) + (right?.count ?? 0);
  for (const gone of [left, right]) {
    if (!gone) continue;
    if (!byLength.find('EQ', gone.start, gone.count)) {
      const text = `AG ${agno} cntbt: no record for free blocks ${gone.start} + ${gone.count}`;
      corrupt('CNTBT_MISSING', { agno, agbno: gone.start, blocks: gone.count }, text);
    }
    byLength.remove();
  }
  if (left && right) byPlace.remove();
  if (left) byPlace.decrement();
  if (left || right) byPlace.update(start, length);
  else byPlace.insert(start, length);
  byLength.find('EQ', start, length);
  byLength.insert(start, length);
  perag.changeAgf().freeblks += count;
}

function free(agno: number, agbno: number, count: number): never {
  const text = `AG ${agno} bnobt: blocks ${agbno} + ${count} are free already`;
  corrupt('BNOBT_SURPLUS', { agno, agbno, blocks: count }, text);
}
