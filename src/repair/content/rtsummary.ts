/**
 * Counts of free runs as the summary file has them: word number level * rbmblocks + n counts the free runs of 2^level
 * to 2^(level + 1) - 1 realtime extents that begin in block n of the bitmap. Words are little endian, as the hosts
 * are that XFS is used on.
 */
import type { MappedRuns, RealtimeSection } from './rtmap.ts';

export class SummaryCounts {
  readonly words: Uint32Array;
  /** Free realtime extents in all. */
  free = 0;
  private readonly rbmblocks: number;
  private readonly levels: number;
  private readonly perBlock: number;

  /** `perBlock`: realtime extents that a block of the bitmap has bits for. */
  constructor({ rbmblocks, levels }: RealtimeSection, perBlock: number) {
    this.words = new Uint32Array(rbmblocks * levels);
    this.rbmblocks = rbmblocks;
    this.levels = levels;
    this.perBlock = perBlock;
  }

  /** Counts a whole free run. */
  add(start: number, extents: number): void {
    this.free += extents;
    const level = Math.min(floorLog2(extents), this.levels - 1);
    this.words[level * this.rbmblocks + Math.floor(start / this.perBlock)]!++;
  }
}

/** The summary as it should be by what files hold. */
export function summaryOfMapped(runs: MappedRuns, section: RealtimeSection, perBlock: number): SummaryCounts {
  const counts = new SummaryCounts(section, perBlock);
  let from = 0;
  for (let i = 0; i < runs.length; i++) {
    if (runs.start.at(i) > from) counts.add(from, runs.start.at(i) - from);
    from = runs.end.at(i);
  }
  if (from < section.rextents) counts.add(from, section.rextents - from);
  return counts;
}

/** log2 of a whole number above zero, rounded down; also beyond 32 bits. */
export function floorLog2(value: number): number {
  const high = Math.floor(value / 2 ** 32);
  return high === 0 ? 31 - Math.clz32(value) : 63 - Math.clz32(high);
}
