/** Canonical rmap records against the plainest way to make them: join any two that continue each other until none do. */
import { expect, test } from '@jest/globals';
import { canonicalRmaps, chainHash } from '../../../src/fs/space/canonical.ts';
import { ExtentColumns, FLAG_ATTR, FLAG_BMBT, FLAG_UNWRITTEN } from '../../../src/fs/space/columns.ts';
import { Random } from '../../support/random.ts';

type Row = [start: number, count: number, owner: number, offset: number, flags: number];

function columnsOf(rows: readonly Row[]): ExtentColumns {
  const columns = new ExtentColumns();
  for (const row of rows) columns.push(...row);
  return columns;
}

function rowsOf(columns: ExtentColumns): Row[] {
  return Array.from({ length: columns.length }, (_, i) => [
    columns.start[i]!,
    columns.count[i]!,
    columns.owner[i]!,
    columns.offset[i]!,
    columns.flags[i]!,
  ]);
}

/** By the rule itself: one owner, fork and state; one after the other in the AG and, where that counts, in the file. */
function goesOn(a: Row, b: Row): boolean {
  if (a[2] !== b[2] || a[4] !== b[4] || a[0] + a[1] !== b[0]) return false;
  return a[2] < 0 || (a[4] & FLAG_BMBT) !== 0 || a[3] + a[1] === b[3];
}

function plainly(rows: readonly Row[]): Row[] {
  const left = rows.map((row): Row => [...row]);
  for (let i = 0; i < left.length; ) {
    const a = left[i]!;
    const j = left.findIndex((b) => goesOn(a, b));
    if (j < 0) i++;
    else {
      a[1] += left[j]![1];
      left.splice(j, 1);
      if (j < i) i--;
    }
  }
  const fork = (flags: number): number => (flags & FLAG_ATTR ? 2 : 0) + (flags & FLAG_BMBT ? 1 : 0);
  const unsigned = (owner: number): number => (owner < 0 ? 2 ** 60 + owner * 1024 : owner);
  return left.sort(
    (a, b) =>
      a[0] - b[0] || unsigned(a[2]) - unsigned(b[2]) || fork(a[4]) - fork(b[4]) || a[3] - b[3] || a[4] - b[4],
  );
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const out = [...values];
  for (let i = out.length - 1; i > 0; i--) {
    const j = random.below(i + 1);
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}

/** Files that share blocks, each in pieces; no file holds a block twice. */
function sharingFiles(random: Random, files: number): Row[] {
  const rows: Row[] = [];
  for (let f = 0; f < files; f++) {
    const owner = 128 + f + (f % 3) * 2 ** 33;
    let start = 100 + random.below(20);
    let offset = random.below(3) * 2 ** 32;
    for (let piece = 0; piece < 12; piece++) {
      const count = 1 + random.below(4);
      rows.push([start, count, owner, offset, random.below(5) === 0 ? FLAG_UNWRITTEN : 0]);
      start += count + (random.below(3) === 0 ? random.below(3) : 0);
      offset += count + (random.below(4) === 0 ? 1 : 0);
    }
  }
  for (let block = 0; block < 6; block++) {
    rows.push([400 + block, 1, random.below(2) === 0 ? -5 : 128, 0, 0]);
    rows.push([500 + block, 1, 128 + random.below(2), 0, FLAG_BMBT]);
    rows.push([600 + block, 1, 128, 7 + block, FLAG_ATTR]);
  }
  return rows;
}

test('files that share blocks, in any order', () => {
  const random = new Random(11);
  for (let round = 0; round < 80; round++) {
    const rows = sharingFiles(random, 1 + random.below(6));
    // Metadata and bmbt blocks at 400 and 500 have offset 0; files' own pieces never meet them.
    const given = columnsOf(shuffled(rows, random));
    const before = rowsOf(given);
    expect(rowsOf(canonicalRmaps(given))).toEqual(plainly(rows));
    expect(rowsOf(given)).toEqual(before);
  }
});

test('what is canonical stays as it is', () => {
  const random = new Random(12);
  for (let round = 0; round < 20; round++) {
    const once = canonicalRmaps(columnsOf(shuffled(sharingFiles(random, 5), random)));
    expect(rowsOf(canonicalRmaps(once))).toEqual(rowsOf(once));
  }
});

test('owners that are chosen to collide in the table', () => {
  const SLOTS = 512;
  const slot = chainHash(1, 0, -100) & (SLOTS - 1);
  const rows: Row[] = [];
  for (let owner = 1; rows.length < 200; owner++) {
    if ((chainHash(owner, 0, -100) & (SLOTS - 1)) !== slot) continue;
    rows.push([100, 2, owner, 0, 0], [102, 3, owner, 2, 0]);
  }
  const random = new Random(13);
  expect(rowsOf(canonicalRmaps(columnsOf(shuffled(rows, random))))).toEqual(plainly(rows));
});
