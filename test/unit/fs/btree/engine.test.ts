/** The btree engine against a sorted list: thousands of random insertions and deletions in each sort of tree. */
import { describe, expect, test } from '@jest/globals';
import { ChunkCursor } from '../../../../src/fs/btree/chunk.ts';
import type { Cursor } from '../../../../src/fs/btree/cursor.ts';
import { FreeCursor } from '../../../../src/fs/btree/freespace.ts';
import { RefcountCursor } from '../../../../src/fs/btree/refcount.ts';
import { type Rmap, RmapCursor } from '../../../../src/fs/btree/rmap.ts';
import { openFileSystem } from '../../../../src/fs/filesystem.ts';
import { fixFreeList } from '../../../../src/fs/space/allocate.ts';
import { Transaction, transact } from '../../../../src/fs/transaction.ts';
import { Random } from '../../../support/random.ts';
import { emptyImage } from '../../../support/smallimage.ts';
import { walkTree } from '../../../support/treewalk.ts';

const AGNO = 1;
const OPERATIONS = 4000;

/** One tree: how a random record is made, put in and taken out. Keys of the model sort as the tree does. */
interface Subject {
  readonly open: (tr: Transaction) => Cursor;
  readonly insert: (tr: Transaction, key: number, random: Random) => void;
  readonly remove: (tr: Transaction, key: number) => void;
  readonly keyOf: (record: string) => number;
}

const start = (record: string): number => Number.parseInt(record.slice(0, 8), 16);
const rmap = (key: number, owner: number): Rmap => ({
  start: key >>> 2,
  count: 1 + (key & 3),
  owner: 200 + (key & 3),
  offset: owner,
  attr: false,
  bmbt: false,
  unwritten: false,
});

const SUBJECTS: Readonly<Record<string, Subject>> = {
  refcntbt: {
    open: (tr) => new RefcountCursor(tr, AGNO),
    insert(tr, key) {
      const cursor = new RefcountCursor(tr, AGNO);
      expect(cursor.find('EQ', false, key)).toBe(false);
      cursor.insert({ cow: false, start: key, count: 1, refcount: 2 });
    },
    remove(tr, key) {
      const cursor = new RefcountCursor(tr, AGNO);
      expect(cursor.find('EQ', false, key)).toBe(true);
      cursor.remove();
    },
    keyOf: start,
  },
  inobt: {
    open: (tr) => new ChunkCursor(tr, AGNO, 'inobt'),
    insert(tr, key) {
      const cursor = new ChunkCursor(tr, AGNO, 'inobt');
      expect(cursor.find('EQ', key)).toBe(false);
      cursor.insert({ startino: key, holemask: 0, count: 64, freecount: 0, free: 0n });
    },
    remove(tr, key) {
      const cursor = new ChunkCursor(tr, AGNO, 'inobt');
      expect(cursor.find('LE', key)).toBe(true);
      cursor.remove();
    },
    keyOf: start,
  },
  rmapbt: {
    open: (tr) => new RmapCursor(tr, AGNO),
    insert(tr, key) {
      fixFreeList(tr, AGNO);
      const cursor = new RmapCursor(tr, AGNO);
      expect(cursor.find('EQ', rmap(key, 7))).toBe(false);
      cursor.insert(rmap(key, 7));
    },
    remove(tr, key) {
      fixFreeList(tr, AGNO);
      const cursor = new RmapCursor(tr, AGNO);
      expect(cursor.find('EQ', rmap(key, 7))).toBe(true);
      cursor.remove();
    },
    keyOf: (record) => start(record) * 4 + (Number.parseInt(record.slice(16, 32), 16) - 200),
  },
};

describe.each(Object.entries(SUBJECTS))('%s', (_name, subject) => {
  test.each([1, 2])('seed %i: holds what was put in, in order, and keeps its shape', (seed) => {
    const fs = openFileSystem(emptyImage(96 << 20, ['b.size=1024', 'm.rmapbt=1']));
    const random = new Random(seed);
    const had = transact(fs, (tr) => new Set(walkTree(subject.open(tr)).records));
    const model = new Set<number>();
    let most = 0;
    for (let i = 0; i < OPERATIONS; i += 50) {
      const growing = i < OPERATIONS / 2;
      transact(fs, (tr) => {
        for (let k = 0; k < 50; k++) {
          // Runs of neighbours fill blocks to the brim; single ones leave them half full.
          const key = random.below(4) ? 40_000 + random.below(30_000) : 40_000 + model.size;
          if (model.size > 0 && random.below(10) < (growing ? 2 : 8)) {
            const gone = [...model][random.below(model.size)]!;
            subject.remove(tr, gone);
            model.delete(gone);
          } else if (!model.has(key)) {
            subject.insert(tr, key, random);
            model.add(key);
          }
        }
      });
      const { problems, records, levels } = transact(fs, (tr) => walkTree(subject.open(tr)));
      most = Math.max(most, levels);
      expect(problems).toEqual([]);
      const ours = records.filter((record) => !had.has(record)).map(subject.keyOf);
      const mine = ours.filter((key) => model.has(key));
      expect(mine).toEqual([...model].sort((a, b) => a - b));
    }
    expect(most).toBeGreaterThanOrEqual(2);
  });
});

test('the longest extent of the AGF is the last record of the cntbt; what is aborted leaves no trace', () => {
  const fs = openFileSystem(emptyImage(48 << 20, ['m.rmapbt=1']));
  const tr = new Transaction(fs);
  const cursor = new FreeCursor(tr, AGNO, 'cntbt');
  cursor.find('LE', 0, 2 ** 31);
  const longest = cursor.count;
  expect(tr.perag(AGNO).agf.longest).toBe(longest);
  cursor.remove();
  cursor.find('EQ', 100, longest - 5);
  cursor.insert(100, longest - 5);
  expect(tr.perag(AGNO).agf.longest).toBe(longest - 5);
  tr.abort();
  expect(transact(fs, (again) => again.perag(AGNO).agf.longest)).toBe(longest);
});
