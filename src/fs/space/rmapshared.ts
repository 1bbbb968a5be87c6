/**
 * Reverse mappings of files that may share blocks. Records of other owners may lie across those of this file, so the
 * neighbours to merge with are looked up by owner and offset instead of being the records beside.
 */

import { type Rmap, RmapCursor } from '../btree/rmap.ts';
import { corrupt } from '../buffer.ts';
import type { Transaction } from '../transaction.ts';
import { follows, isMergeable } from './rmapchange.ts';

const LONGEST = 2 ** 32 - 1;

/** The record of the same owner that maps a block as `rmap` goes on, or would have gone on before it. */
function findCovering(tr: Transaction, agno: number, agbno: number, rmap: Rmap): Rmap | undefined {
  const records = new RmapCursor(tr, agno).covering(agbno);
  return records.find((found) => isMergeable(found, rmap) && agrees(found, rmap));
}

/** Whether both map blocks to offsets in the same way. */
function agrees(found: Rmap, rmap: Rmap): boolean {
  return rmap.start - found.start === rmap.offset - found.offset;
}

function needFound(tr: Transaction, agno: number, rmap: Rmap): Rmap {
  const found = findCovering(tr, agno, rmap.start, rmap);
  if (!found || found.start + found.count < rmap.start + rmap.count) {
    const text = `AG ${agno} rmapbt: no record for blocks ${rmap.start} + ${rmap.count} of inode ${rmap.owner}`;
    corrupt('RMAP_MISSING', { agno, agbno: rmap.start, blocks: rmap.count }, text);
  }
  return found;
}

function insert(tr: Transaction, agno: number, rmap: Rmap): void {
  const cursor = new RmapCursor(tr, agno);
  if (cursor.find('EQ', rmap)) {
    corrupt('RMAP_WRONG', { agno, agbno: rmap.start }, `AG ${agno} rmapbt: ${rmap.start} is there already`);
  }
  cursor.insert(rmap);
}

function erase(tr: Transaction, agno: number, rmap: Rmap): void {
  const cursor = new RmapCursor(tr, agno);
  if (!cursor.find('EQ', rmap)) {
    corrupt('RMAP_MISSING', { agno, agbno: rmap.start }, `AG ${agno} rmapbt: no record at ${rmap.start}`);
  }
  cursor.remove();
}

/** Changes a record whose key stays. */
function rewrite(tr: Transaction, agno: number, rmap: Rmap): void {
  const cursor = new RmapCursor(tr, agno);
  if (!cursor.find('EQ', rmap)) {
    corrupt('RMAP_MISSING', { agno, agbno: rmap.start }, `AG ${agno} rmapbt: no record at ${rmap.start}`);
  }
  cursor.update(rmap);
}

export function addSharedRmap(tr: Transaction, agno: number, added: Rmap): void {
  const before = findCovering(tr, agno, added.start - 1, added);
  const left = before && follows(before, added) ? before : undefined;
  const next = new RmapCursor(tr, agno);
  const after: Rmap = {
    ...added,
    start: added.start + added.count,
    offset: added.offset + added.count,
  };
  const beside = next.find('EQ', after) ? next.rmap : undefined;
  const right = beside && follows(added, beside) ? beside : undefined;
  if (left) {
    let count = left.count + added.count;
    if (right && count + right.count <= LONGEST) {
      erase(tr, agno, right);
      count += right.count;
    }
    rewrite(tr, agno, { ...left, count });
  } else if (right) {
    erase(tr, agno, right);
    insert(tr, agno, { ...added, count: added.count + right.count });
  } else insert(tr, agno, added);
}

export function removeSharedRmap(tr: Transaction, agno: number, gone: Rmap): void {
  const found = needFound(tr, agno, gone);
  const head = gone.start - found.start;
  const tail = found.start + found.count - (gone.start + gone.count);
  const rest: Rmap = {
    ...found,
    start: gone.start + gone.count,
    count: tail,
    offset: gone.offset + gone.count,
  };
  if (head === 0) erase(tr, agno, found);
  else rewrite(tr, agno, { ...found, count: head });
  if (tail > 0) insert(tr, agno, rest);
}

/** Turns written blocks of a file unwritten, or unwritten ones written; merges with what is so already. */
export function convertRmap(tr: Transaction, agno: number, now: Rmap): void {
  removeSharedRmap(tr, agno, now);
  addSharedRmap(tr, agno, { ...now, unwritten: !now.unwritten });
}
