/**
 * A trace that mkfs.xfs leaves, for images that equal its own byte for byte.
 *
 * An AG with a log in its midst starts with two free runs. Where the AGFL takes one of them whole, its record goes
 * from both free space btrees, and the second slot keeps what was in it, past numrecs, where nothing reads it.
 */
import { AGF } from '../format/agf.ts';
import { ALLOC_RECORD, SHORT_HEADER } from '../format/btree.ts';
import { sealCrc } from '../format/checksum.ts';
import type { BuiltAg } from '../fs/space/build.ts';
import { type Plan, rootBlocksEnd } from './plan.ts';

interface Run {
  readonly start: number;
  readonly count: number;
}

/** Adds the trace to the blocks of a built AG of `length` blocks, if this AG has it. */
export function leaveResidue(plan: Plan, built: BuiltAg, length: number): void {
  if (built.agno !== plan.logAgno) return;
  const first = rootBlocksEnd(plan);
  const end = plan.logAgbno + plan.logblocks;
  const before: Run = { start: first, count: plan.logAgbno - first };
  const after: Run = { start: end, count: length - end };
  const taken = built.freeList.length;
  const two = before.count > 0 && after.count > 0;
  if (!two || taken === 0 || (before.count !== taken && after.count !== taken)) return;
  const { bnoroot, cntroot } = AGF.over(built.agf);
  for (const block of built.blocks) {
    // In order of start the run behind the log is second, in order of length the longer one.
    if (block.agbno === bnoroot) fillSecond(block.bytes, after);
    if (block.agbno === cntroot) fillSecond(block.bytes, before.count > after.count ? before : after);
  }
}

function fillSecond(leaf: Uint8Array, run: Run): void {
  if (SHORT_HEADER.over(leaf).numrecs !== 1) return;
  const second = ALLOC_RECORD.over(leaf, SHORT_HEADER.size + ALLOC_RECORD.size);
  second.startblock = run.start;
  second.blockcount = run.count;
  sealCrc(leaf, SHORT_HEADER.offset.crc);
}
