/**
 * A trace that mkfs.xfs leaves, for images that equal its own byte for byte.
 *
 * Where the run between btree roots and an aligned log holds exactly the AGFL, mkfs.xfs first writes two free space
 * records, then takes the first one whole: the second moves up, and its old copy stays behind it in both free space
 * btrees, past numrecs, where nothing reads it.
 */
import { AGF } from '../format/agf.ts';
import { ALLOC_RECORD, SHORT_HEADER } from '../format/btree.ts';
import { sealCrc } from '../format/checksum.ts';
import type { BuiltAg } from '../fs/space/build.ts';
import { type Plan, rootBlocksEnd } from './plan.ts';

/** Adds the trace to the blocks of a built AG of `length` blocks, if this AG has it. */
export function leaveResidue(plan: Plan, built: BuiltAg, length: number): void {
  const gap = plan.logAgbno - rootBlocksEnd(plan);
  const start = plan.logAgbno + plan.logblocks;
  const exact = gap > 0 && gap === built.freeList.length && start < length;
  if (built.agno !== plan.logAgno || !exact) return;
  const { bnoroot, cntroot } = AGF.over(built.agf);
  for (const block of built.blocks) {
    if (block.agbno !== bnoroot && block.agbno !== cntroot) continue;
    if (SHORT_HEADER.over(block.bytes).numrecs !== 1) continue;
    const second = ALLOC_RECORD.over(block.bytes, SHORT_HEADER.size + ALLOC_RECORD.size);
    second.startblock = start;
    second.blockcount = length - start;
    sealCrc(block.bytes, SHORT_HEADER.offset.crc);
  }
}
