/**
 * Blocks behind the head that a torn write left: they bear the cycle of the head, so a later search for the head would
 * take them for written. Before something shorter is written over them they are made to bear the cycle before.
 */
import { BASIC_BLOCK, LOG_RECORD_MAGIC } from '../../../format/log.ts';
import { viewOf } from '../../../format/struct.ts';
import type { LogHead } from '../head.ts';
import type { LogRing } from '../ring.ts';
import type { LogBytes } from '../writer.ts';

/** Basic blocks that may have been in flight. */
const MOST_IN_FLIGHT = 4096;

/** Blocks between the end of `pieces` and the tail that bear a cycle they must not, changed. */
export function clearStale(ring: LogRing, head: LogHead, pieces: readonly LogBytes[]): LogBytes[] {
  const last = pieces.at(-1);
  if (!last) return [];
  const from = ring.after(last.block, last.bytes.length / BASIC_BLOCK);
  const written = ring.distance(head.headBlock, from);
  const free = ring.distance(head.headBlock, head.tailBlock) || ring.size;
  const count = Math.max(0, Math.min(MOST_IN_FLIGHT, free - written));
  const cleared: LogBytes[] = [];
  for (let i = 0; i < count; i++) {
    const block = ring.after(from, i);
    // What lies behind the end of the log was written a cycle later.
    const wanted = block < head.headBlock ? head.headCycle : head.headCycle - 1;
    const bytes = ring.read(block, 1);
    const view = viewOf(bytes);
    const isRecord = view.getUint32(0) === LOG_RECORD_MAGIC;
    const cycle = isRecord ? view.getUint32(4) : view.getUint32(0);
    if (cycle <= wanted) continue;
    bytes.fill(0);
    view.setUint32(0, wanted);
    cleared.push({ block, bytes });
  }
  return cleared;
}
