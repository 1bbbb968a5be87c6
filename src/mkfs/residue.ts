/**
 * Traces that mkfs.xfs leaves, for images that equal its own byte for byte.
 *
 * It takes blocks from an AG one allocation after the other: free list, inode chunk, the realtime section's files.
 * Where one takes a free run whole, the run's record goes from both free space btrees, the records behind it move up,
 * and the last slot keeps what was in it, past numrecs, where nothing reads it. A leaf is played through here as an
 * array of slots; both trees have one leaf.
 */
import { AGF } from '../format/agf.ts';
import { ALLOC_RECORD, SHORT_HEADER } from '../format/btree.ts';
import { sealCrc } from '../format/checksum.ts';
import type { BuiltAg } from '../fs/space/build.ts';
import { freeRuns } from './ownership.ts';
import { chunkBlocks, type Plan } from './plan.ts';

interface Run {
  readonly start: number;
  readonly count: number;
}

type Order = (a: Run, b: Run) => number;
const byStart: Order = (a, b) => a.start - b.start;
const byLength: Order = (a, b) => a.count - b.count || a.start - b.start;

/** The slots of a leaf: records in use, written by start whatever the order, then what was left behind. */
class Leaf {
  readonly slots: Run[];
  used: number;
  private readonly order: Order;

  constructor(runs: readonly Run[], order: Order) {
    this.slots = [...runs];
    this.used = runs.length;
    this.order = order;
  }

  /** Replaces a run by what is left of it. */
  replace(run: Run, rest: readonly Run[]): void {
    const at = this.slots.findIndex((slot, i) => i < this.used && slot.start === run.start);
    if (this.order === byStart && rest.length > 0) {
      this.slots[at] = rest[0]!;
      for (const each of rest.slice(1)) this.insert(each);
      return;
    }
    this.slots.copyWithin(at, at + 1, this.used);
    this.used--;
    for (const each of rest) this.insert(each);
  }

  private insert(run: Run): void {
    let at = 0;
    while (at < this.used && this.order(this.slots[at]!, run) < 0) at++;
    if (this.slots.length === this.used) this.slots.push(run);
    this.slots.copyWithin(at + 1, at, this.used);
    this.used++;
    this.slots[at] = run;
  }
}

/** What is taken from an AG, in order. */
function allocations(plan: Plan, built: BuiltAg): Run[] {
  const taken: { start: number; count: number }[] = [];
  for (const block of built.freeList) {
    const last = taken.at(-1);
    if (last && last.start + last.count === block) last.count++;
    else taken.push({ start: block, count: 1 });
  }
  if (built.agno === 0) taken.push({ start: plan.rootAgbno, count: chunkBlocks(plan) });
  for (const { agno, agbno, count } of [...(plan.realtime?.bitmap ?? []), ...(plan.realtime?.summary ?? [])])
    if (agno === built.agno) taken.push({ start: agbno, count });
  return taken;
}

/** Adds the traces to the blocks of a built AG of `length` blocks. */
export function leaveResidue(plan: Plan, built: BuiltAg, length: number): void {
  if (built.agno !== plan.logAgno && built.agno !== 0) return;
  const runs = freeRuns(plan, built.agno, length).map(([start, count]): Run => ({ start, count }));
  const leaves = [new Leaf(runs, byStart), new Leaf(runs, byLength)] as const;
  // The run behind a log that reaches the end of its AG has no blocks; it was begun and not counted.
  const behindLog = plan.logAgbno + plan.logblocks;
  if (built.agno === plan.logAgno && behindLog === length)
    for (const leaf of leaves) leaf.slots.push({ start: behindLog, count: 0 });
  for (const { start, count } of allocations(plan, built)) {
    const leaf = leaves[0];
    const run = leaf.slots.find(
      (slot, i) => i < leaf.used && slot.start <= start && slot.start + slot.count >= start + count,
    );
    if (!run) return;
    const rest = [
      { start: run.start, count: start - run.start },
      { start: start + count, count: run.start + run.count - start - count },
    ].filter((each) => each.count > 0);
    for (const each of leaves) each.replace(run, rest);
  }
  const { bnoroot, cntroot } = AGF.over(built.agf);
  for (const block of built.blocks) {
    if (block.agbno === bnoroot) fillSlots(block.bytes, leaves[0]);
    if (block.agbno === cntroot) fillSlots(block.bytes, leaves[1]);
  }
}

function fillSlots(bytes: Uint8Array, leaf: Leaf): void {
  if (SHORT_HEADER.over(bytes).numrecs !== leaf.used) return;
  for (let i = leaf.used; i < leaf.slots.length; i++) {
    const slot = ALLOC_RECORD.over(bytes, SHORT_HEADER.size + i * ALLOC_RECORD.size);
    slot.startblock = leaf.slots[i]!.start;
    slot.blockcount = leaf.slots[i]!.count;
  }
  sealCrc(bytes, SHORT_HEADER.offset.crc);
}
