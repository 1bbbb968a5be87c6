/** Set operations on runs of blocks. Inputs are sorted by start and do not overlap; so are results. */
import type { ExtentColumns } from './columns.ts';
import { RunColumns } from './columns.ts';
import { orderOf } from './sort.ts';

/** Sorts runs by start and joins those that touch or overlap. */
export function normalizeRuns(runs: RunColumns): RunColumns {
  const out = new RunColumns(runs.length);
  const order = orderOf(runs.start.subarray(0, runs.length));
  for (let k = 0; k < runs.length; k++) {
    const i = order ? order[k]! : k;
    const start = runs.start[i]!;
    const stop = start + runs.count[i]!;
    const last = out.length - 1;
    if (last >= 0 && start <= out.start[last]! + out.count[last]!) {
      out.count[last] = Math.max(out.count[last]!, stop - out.start[last]!);
    } else out.push(start, stop - start);
  }
  return out;
}

/** Blocks of `a` that are not in `b`. */
export function subtractRuns(a: RunColumns, b: RunColumns): RunColumns {
  const out = new RunColumns();
  let j = 0;
  for (let i = 0; i < a.length; i++) {
    let at = a.start[i]!;
    const stop = at + a.count[i]!;
    while (j < b.length && b.start[j]! + b.count[j]! <= at) j++;
    for (let k = j; k < b.length && b.start[k]! < stop; k++) {
      if (b.start[k]! > at) out.push(at, b.start[k]! - at);
      at = b.start[k]! + b.count[k]!;
    }
    if (at < stop) out.push(at, stop - at);
  }
  return out;
}

/** Blocks in both. */
export function intersectRuns(a: RunColumns, b: RunColumns): RunColumns {
  return subtractRuns(a, subtractRuns(a, b));
}

export function runBlocks(runs: RunColumns): number {
  let sum = 0;
  for (let i = 0; i < runs.length; i++) sum += runs.count[i]!;
  return sum;
}

/** Appends rows to `to`. */
export function copyExtents(from: ExtentColumns, to: ExtentColumns): ExtentColumns {
  const n = from.length;
  const at = to.length;
  to.reserve(at + n);
  to.start.set(from.start.subarray(0, n), at);
  to.count.set(from.count.subarray(0, n), at);
  to.owner.set(from.owner.subarray(0, n), at);
  to.offset.set(from.offset.subarray(0, n), at);
  to.flags.set(from.flags.subarray(0, n), at);
  to.length = at + n;
  return to;
}
