/**
 * Which block of a file lies where: extents as they are met, which on a damaged file may overlap or be out of order.
 * A later extent wins over an earlier one. Runs that follow one another in the file are one entry, as the walk over
 * a directory goes from entry to entry.
 */
export interface Run {
  readonly fileoff: number;
  readonly fsbno: number;
  readonly blocks: number;
}

const MOST_DISORDERED = 1 << 14;

export class BlockMap {
  /** In file order, without overlap. */
  private readonly runs: Run[] = [];

  add(fileoff: number, fsbno: number, blocks: number): void {
    if (blocks < 1) return;
    const { runs } = this;
    const last = runs.at(-1);
    if (!last || last.fileoff + last.blocks <= fileoff) {
      runs.push({ fileoff, fsbno, blocks });
      return;
    }
    // Each such extent costs a pass over all: enough is enough.
    if (runs.length > MOST_DISORDERED) return;
    const end = fileoff + blocks;
    const kept: Run[] = [];
    for (const run of runs) {
      const runEnd = run.fileoff + run.blocks;
      const head = Math.min(runEnd, fileoff) - run.fileoff;
      if (head > 0) kept.push({ ...run, blocks: head });
      const skip = Math.max(run.fileoff, end) - run.fileoff;
      if (skip < run.blocks)
        kept.push({ fileoff: run.fileoff + skip, fsbno: run.fsbno + skip, blocks: run.blocks - skip });
    }
    kept.push({ fileoff, fsbno, blocks });
    kept.sort((a, b) => a.fileoff - b.fileoff);
    runs.splice(0, runs.length, ...kept);
  }

  /** End of the file as mapped; beyond everything when nothing is. */
  get end(): number {
    const last = this.runs.at(-1);
    return last ? last.fileoff + last.blocks : Number.POSITIVE_INFINITY;
  }

  /** The pieces in which `count` blocks from `fileoff` lie, neighbours on disk together. */
  pieces(fileoff: number, count: number): Run[] {
    const found: Run[] = [];
    for (let i = this.indexAt(fileoff); i < this.runs.length; i++) {
      const run = this.runs[i]!;
      if (run.fileoff >= fileoff + count) break;
      const skip = Math.max(0, fileoff - run.fileoff);
      const blocks = Math.min(run.blocks - skip, fileoff + count - run.fileoff - skip);
      if (blocks < 1) continue;
      const last = found.at(-1);
      const piece = { fileoff: run.fileoff + skip, fsbno: run.fsbno + skip, blocks };
      if (last && last.fileoff + last.blocks === piece.fileoff && last.fsbno + last.blocks === piece.fsbno)
        found[found.length - 1] = { ...last, blocks: last.blocks + blocks };
      else found.push(piece);
    }
    return found;
  }

  /** First mapped block from `fileoff` on; undefined at the end. */
  nextFrom(fileoff: number): number | undefined {
    const run = this.runs[this.indexAt(fileoff)];
    return run && Math.max(fileoff, run.fileoff);
  }

  /** Every block with its place in the file. */
  *blocks(): Generator<[fileoff: number, fsbno: number]> {
    for (const run of this.runs) for (let i = 0; i < run.blocks; i++) yield [run.fileoff + i, run.fsbno + i];
  }

  /** Index of the first run that ends behind `fileoff`. */
  private indexAt(fileoff: number): number {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const run = this.runs[middle]!;
      if (run.fileoff + run.blocks > fileoff) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
