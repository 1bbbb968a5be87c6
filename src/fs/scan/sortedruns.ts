/**
 * Runs of blocks in block order, with the greatest end so far beside each: the runs that touch a range are found
 * without going through all of them, though runs may overlap and none of the columns be sorted.
 */
import { radixOrder } from '../space/sort.ts';

export interface Runs {
  readonly length: number;
  readonly start: Uint32Array;
  readonly count: Uint32Array;
}

export class SortedRuns<T extends Runs> {
  readonly columns: T;
  private readonly order: Uint32Array;
  private readonly reach: Float64Array;

  constructor(columns: T) {
    this.columns = columns;
    const { length, start, count } = columns;
    this.order = length === 0 ? new Uint32Array(0) : radixOrder(length, [start.subarray(0, length)]);
    this.reach = new Float64Array(length);
    let reach = 0;
    this.order.forEach((row, i) => {
      reach = Math.max(reach, start[row]! + count[row]!);
      this.reach[i] = reach;
    });
  }

  /** Rows of the runs that touch `count` blocks from `start`, in block order. */
  *over(start: number, count: number): Generator<number> {
    const { columns, order, reach } = this;
    let low = 0;
    let high = order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (reach[middle]! > start) high = middle;
      else low = middle + 1;
    }
    for (let i = low; i < order.length; i++) {
      const row = order[i]!;
      if (columns.start[row]! >= start + count) return;
      if (columns.start[row]! + columns.count[row]! > start) yield row;
    }
  }
}
