/**
 * Where recovery begins, if a write at the head was torn. Behind the head there may be as many blocks as were in flight;
 * what was written there last counts for nothing, but it may have covered records at the tail. They held nothing that
 * was still needed, or their place could not have been given away: so recovery begins behind them.
 */
import { BASIC_BLOCK, LOG_RECORD, LOG_RECORD_MAGIC } from '../../format/log.ts';
import { viewOf } from '../../format/struct.ts';
import type { LogHead } from './head.ts';
import { LogError, readRecord } from './record.ts';
import type { LogRing } from './ring.ts';

/** Records that may be in flight, and bytes of the longest. */
const MOST_RECORDS = 8;
const MOST_RECORD = 2 ** 18;

/** The head, with a tail behind all records that a torn write may have covered. Throws DeviceError. */
export function settleTail(ring: LogRing, head: LogHead, uuid: string): LogHead {
  const { headBlock, headCycle } = head;
  const { size } = LOG_RECORD.over(ring.read(head.lastRecord, 1));
  const inFlight = (MOST_RECORDS * Math.min(size, MOST_RECORD)) / BASIC_BLOCK;
  let { tailBlock, tailCycle } = head;
  let block = tailBlock;
  for (;;) {
    const left = ring.distance(block, headBlock);
    if (left === 0 || ring.distance(headBlock, block) > inFlight) break;
    const cycle = block < headBlock ? headCycle : headCycle - 1;
    const blocks = wholeRecord(ring, block, left, cycle, uuid);
    if (blocks > 0) {
      block = ring.after(block, blocks);
      continue;
    }
    const next = nextHeader(ring, block, left);
    if (next < 0) break;
    block = tailBlock = next;
    tailCycle = next < headBlock ? headCycle : headCycle - 1;
  }
  return { ...head, tailBlock, tailCycle };
}

/** Basic blocks of the record at `block`; 0: it is damaged. */
function wholeRecord(ring: LogRing, block: number, left: number, cycle: number, uuid: string): number {
  try {
    return readRecord(ring, block, left, cycle, uuid).blocks;
  } catch (error) {
    if (error instanceof LogError && error.code === 'LOG_CORRUPT') return 0;
    throw error;
  }
}

/** Block of the next header within `left` blocks; -1: there is none. */
function nextHeader(ring: LogRing, block: number, left: number): number {
  for (let i = 1; i < left; i++) {
    const at = ring.after(block, i);
    if (viewOf(ring.read(at, 1)).getUint32(0) === LOG_RECORD_MAGIC) return at;
  }
  return -1;
}
