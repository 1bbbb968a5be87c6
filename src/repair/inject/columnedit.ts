/** Removing, inserting and changing rows of columns, keeping their order: what injected defects are made of. */
import { ChunkColumns, ExtentColumns, RefcountColumns, RunColumns } from '../../fs/space/columns.ts';

export interface RefcountRow {
  start: number;
  count: number;
  refcount: number;
  cow: number;
}

export interface RmapRow {
  start: number;
  count: number;
  owner: number;
  offset: number;
  flags: number;
}

export interface RunRow {
  start: number;
  count: number;
}

export function refcountRows(c: RefcountColumns): RefcountRow[] {
  return Array.from({ length: c.length }, (_, i) => ({
    start: c.start[i]!,
    count: c.count[i]!,
    refcount: c.refcount[i]!,
    cow: c.cow[i]!,
  }));
}

export function refcountColumns(rows: readonly RefcountRow[]): RefcountColumns {
  const c = new RefcountColumns();
  const sorted = [...rows].sort((a, b) => a.cow - b.cow || a.start - b.start);
  for (const r of sorted) c.push(r.start, r.count, r.refcount, r.cow);
  return c;
}

export function rmapRows(c: ExtentColumns): RmapRow[] {
  return Array.from({ length: c.length }, (_, i) => ({
    start: c.start[i]!,
    count: c.count[i]!,
    owner: c.owner[i]!,
    offset: c.offset[i]!,
    flags: c.flags[i]!,
  }));
}

/** Rows must already be in rmapbt order. */
export function rmapColumns(rows: readonly RmapRow[]): ExtentColumns {
  const c = new ExtentColumns();
  for (const r of rows) c.push(r.start, r.count, r.owner, r.offset, r.flags);
  return c;
}

export function runRows(c: RunColumns): RunRow[] {
  return Array.from({ length: c.length }, (_, i) => ({ start: c.start[i]!, count: c.count[i]! }));
}

export function runColumns(rows: readonly RunRow[]): RunColumns {
  const c = new RunColumns();
  for (const r of rows) c.push(r.start, r.count);
  return c;
}

/** A copy without row `skip` (-1: none), and with row `changed` passed through `change`. */
export function editChunks(
  from: ChunkColumns,
  skip: number,
  changed = -1,
  change: (copy: ChunkColumns, row: number) => void = () => {},
): ChunkColumns {
  const to = new ChunkColumns();
  for (let i = 0; i < from.length; i++) {
    if (i === skip) continue;
    to.push(
      from.startino[i]!,
      from.holemask[i]!,
      from.count[i]!,
      from.freecount[i]!,
      from.freeHigh[i]!,
      from.freeLow[i]!,
    );
    if (i === changed) change(to, to.length - 1);
  }
  return to;
}
