/**
 * Adding to and taking from the reverse mappings of an AG, for owners that do not share blocks: a mapping grows its
 * neighbours where they are of the same owner and go on in the file, and is cut where part of it goes.
 */
import { OWNER } from '../../format/btree.ts';
import { type Rmap, RmapCursor } from '../btree/rmap.ts';
import { corrupt } from '../buffer.ts';
import type { Transaction } from '../transaction.ts';

const LONGEST = 2 ** 32 - 1;

/** Metadata and bmbt blocks have no place in a file. */
export function hasOffset(rmap: Rmap): boolean {
  return rmap.owner >= 0 && !rmap.bmbt;
}

export function isMergeable(a: Rmap, b: Rmap): boolean {
  return a.owner === b.owner && a.attr === b.attr && a.bmbt === b.bmbt && a.unwritten === b.unwritten;
}

/** Whether `b` goes on where `a` ends, on disk and in the file. */
export function follows(a: Rmap, b: Rmap): boolean {
  if (!isMergeable(a, b) || a.start + a.count !== b.start) return false;
  return !hasOffset(b) || a.offset + a.count === b.offset;
}

/** Metadata's rmap, e.g. of an AGFL block. */
export function metadataRmap(owner: number, start: number, count: number): Rmap {
  return { start, count, owner, offset: 0, attr: false, bmbt: false, unwritten: false };
}

/** Records that an extent is owned. Throws when one of its blocks already is. */
export function addRmap(tr: Transaction, agno: number, added: Rmap): void {
  const cursor = new RmapCursor(tr, agno);
  const left = cursor.find('LE', added) ? cursor.rmap : undefined;
  if (left && isMergeable(left, added) && left.start + left.count > added.start) overlap(agno, added);
  const right = cursor.increment() ? cursor.rmap : undefined;
  if (right && added.start + added.count > right.start) overlap(agno, added);
  if (left && follows(left, added)) {
    let count = left.count + added.count;
    if (right && follows(added, right) && count + right.count <= LONGEST) {
      count += right.count;
      cursor.remove();
    }
    cursor.decrement();
    cursor.update({ ...left, count });
  } else if (right && follows(added, right)) {
    cursor.update({ ...right, start: added.start, count: right.count + added.count, offset: added.offset });
  } else cursor.insert(added);
}

function overlap(agno: number, added: Rmap): never {
  const text = `AG ${agno} rmapbt: blocks ${added.start} + ${added.count} are owned already`;
  corrupt('RMAP_WRONG', { agno, agbno: added.start, blocks: added.count }, text);
}

/** Records that an extent is owned no more. Throws when it was not, or not all of it. */
export function removeRmap(tr: Transaction, agno: number, gone: Rmap): void {
  const cursor = new RmapCursor(tr, agno);
  const found = cursor.find('LE', gone) ? cursor.rmap : undefined;
  const end = gone.start + gone.count;
  const unknown = gone.owner === OWNER.UNKNOWN;
  if (
    !found ||
    found.start > gone.start ||
    found.start + found.count < end ||
    (!unknown && !isMergeable(found, gone)) ||
    (!unknown && hasOffset(gone) && found.offset + (gone.start - found.start) !== gone.offset)
  ) {
    const text = `AG ${agno} rmapbt: no record for blocks ${gone.start} + ${gone.count} of owner ${gone.owner}`;
    corrupt('RMAP_MISSING', { agno, agbno: gone.start, blocks: gone.count }, text);
  }
  const step = hasOffset(found) ? 1 : 0;
  const head = gone.start - found.start;
  const tail = found.start + found.count - end;
  if (head === 0 && tail === 0) cursor.remove();
  else if (head === 0) {
    cursor.update({ ...found, start: end, count: tail, offset: found.offset + step * gone.count });
  } else if (tail === 0) cursor.update({ ...found, count: head });
  else {
    cursor.update({ ...found, count: head });
    cursor.increment();
    cursor.insert({ ...found, start: end, count: tail, offset: found.offset + step * (head + gone.count) });
  }
}
