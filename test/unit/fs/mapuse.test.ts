/** Uses of an AG's blocks from accounts made up here: each use, and each way in which accounts exclude one another. */
import { describe, expect, test } from '@jest/globals';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { OWNER } from '../../../src/format/btree.ts';
import { AgRecords } from '../../../src/fs/scan/agrecords.ts';
import { ScanReader } from '../../../src/fs/scan/reader.ts';
import { BY_RMAP, CONFLICTS, treeOfDetail, USES, usesOfAg } from '../../../src/fs/scan/use.ts';
import { ExtentColumns, FLAG_ATTR, FLAG_BMBT } from '../../../src/fs/space/columns.ts';
import { smallImage } from '../../support/smallimage.ts';

const { geometry } = smallImage();
/** An AG without the log. */
const AGNO = 2;
const END = geometry.agLength(AGNO);

interface Accounts {
  readonly records: AgRecords;
  readonly mapped: ExtentColumns;
}

/** Headers, a tree, a file of 10 blocks from 100 on and a shared one from 200 on; the rest is free. */
function sound(): Accounts {
  const records = new AgRecords(
    new ScanReader(new MemoryDevice(new Uint8Array(512), 'none'), geometry),
    AGNO,
  );
  const mapped = new ExtentColumns();
  const { rmaps, free, freeBySize, refcounts, trees } = records;
  rmaps.push(0, geometry.headerBlocks, OWNER.FS, 0, 0);
  trees.set(20, { tree: 'rmapbt', level: 1 });
  rmaps.push(20, 1, OWNER.AG, 0, 0);
  for (const [start, count, owner, offset, flags] of [
    [100, 10, 131, 7, 0],
    [110, 1, 131, 0, FLAG_BMBT],
    [111, 2, 131, 0, FLAG_ATTR],
    [200, 8, 132, 0, 0],
    [204, 4, 133, 50, 0],
  ] as const) {
    rmaps.push(start, count, owner, offset, flags);
    mapped.push(start, count, owner, offset, flags);
  }
  refcounts.push(204, 4, 2, 0);
  refcounts.push(300, 5, 1, 1);
  rmaps.push(300, 5, OWNER.COW, 0, 0);
  let at = geometry.headerBlocks;
  for (const [start, end] of [
    [20, 21],
    [100, 113],
    [200, 208],
    [300, 305],
    [END, END],
  ] as const) {
    free.push(at, start - at);
    freeBySize.push(at, start - at);
    at = end;
  }
  return { records, mapped };
}

function runsOf({ records, mapped }: Accounts, filesComplete = true) {
  const isMetadata = (ino: number) => ino === 140;
  const runs = usesOfAg({ geometry, agno: AGNO, records, mapped, isMetadata, filesComplete });
  const list = Array.from({ length: runs.length }, (_, i) => ({
    start: runs.start[i]!,
    count: runs.endOf(i) - runs.start[i]!,
    use: USES[runs.use[i]!]!,
    detail: runs.detail[i]!,
    depth: runs.depth[i]!,
  }));
  expect(list.reduce((sum, { count }) => sum + count, 0)).toBe(END);
  return { list, at: (block: number) => list.findLast(({ start }) => start <= block)! };
}

describe('uses of an AG', () => {
  test('are what all accounts say together', () => {
    const { list, at } = runsOf(sound());
    expect(list.filter(({ use }) => use === 'conflict' || use === 'unknown')).toEqual([]);
    expect(at(0).use).toBe('header');
    expect(treeOfDetail(at(20).detail)).toEqual({ tree: 'rmapbt', level: 1 });
    expect(at(105)).toMatchObject({ start: 100, count: 10, use: 'data', depth: 1 });
    expect(at(110).use).toBe('bmbt');
    expect(at(112).use).toBe('fork');
    expect(at(203)).toMatchObject({ start: 200, count: 4, depth: 1 });
    expect(at(207)).toMatchObject({ start: 204, count: 4, use: 'data', depth: 2 });
    expect(at(302)).toMatchObject({ start: 300, count: 5, use: 'staging' });
    expect(at(END - 1).use).toBe('free');
  });

  const damage: readonly (readonly [string, number, (accounts: Accounts) => void])[] = [
    ['free and in use', 103, ({ records }) => push2(records, 103, 2)],
    ['free in one of the two free space trees only', 50, ({ records }) => records.freeBySize.push(50, 3)],
    ['in use, and no reverse mapping', 400, ({ records, mapped }) => own(records, mapped, 400, false, true)],
    [
      'reverse mapping without its owner',
      400,
      ({ records, mapped }) => own(records, mapped, 400, true, false),
    ],
    ['reverse mapping and owner differ', 100, ({ mapped }) => void (mapped.offset[0] = 8)],
    ['reverse mapping and owner differ', 100, ({ mapped }) => void (mapped.owner[0] = 2 ** 40 + 131)],
    ['several owners that cannot share', 20, ({ mapped }) => mapped.push(20, 1, 131, 0, 0)],
    [
      'reference count is not the number of owners',
      205,
      ({ records }) => void (records.refcounts.refcount[0] = 3),
    ],
    [
      'reference count is not the number of owners',
      101,
      ({ records }) => records.refcounts.push(101, 1, 2, 0),
    ],
  ];
  test.each(damage)('contradict: %s', (why, block, hurt) => {
    const accounts = sound();
    hurt(accounts);
    const run = runsOf(accounts).at(block);
    expect(run.use).toBe('conflict');
    expect(CONFLICTS.filter((_, bit) => run.detail & (1 << bit))).toContain(why);
  });

  test('silence of what could not be read proves nothing', () => {
    const accounts = sound();
    own(accounts.records, accounts.mapped, 400, true, false);
    expect(runsOf(accounts).at(400).use).toBe('conflict');
    expect(runsOf(accounts, false).at(400)).toMatchObject({ use: 'data', detail: BY_RMAP });
    const other = sound();
    own(other.records, other.mapped, 400, false, true);
    other.records.bad = 1;
    expect(runsOf(other).at(400)).toMatchObject({ use: 'data', detail: 0 });
  });

  test('blocks of nobody are unknown, directories are metadata', () => {
    const accounts = sound();
    free(accounts.records, 500, 10);
    expect(runsOf(accounts).at(505)).toMatchObject({ start: 500, count: 10, use: 'unknown' });
    for (const columns of [accounts.mapped, accounts.records.rmaps]) columns.push(500, 10, 140, 0, 0);
    expect(runsOf(accounts).at(505)).toMatchObject({ start: 500, count: 10, use: 'fork' });
  });
});

function push2(records: AgRecords, start: number, count: number): void {
  records.free.push(start, count);
  records.freeBySize.push(start, count);
}

/** Takes blocks out of the last free extent. */
function free(records: AgRecords, start: number, count: number): void {
  for (const columns of [records.free, records.freeBySize]) {
    const last = columns.length - 1;
    const end = columns.start[last]! + columns.count[last]!;
    columns.count[last] = start - columns.start[last]!;
    columns.push(start + count, end - start - count);
  }
}

/** A block of file 131 at `start` that only some accounts know. */
function own(records: AgRecords, mapped: ExtentColumns, start: number, rmap: boolean, fork: boolean): void {
  free(records, start, 1);
  if (rmap) records.rmaps.push(start, 1, 131, 99, 0);
  if (fork) mapped.push(start, 1, 131, 99, 0);
}
