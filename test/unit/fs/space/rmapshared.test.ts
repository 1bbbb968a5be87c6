/** Reverse mappings of files that share blocks, against a plain set of (owner, block, state). */
import { expect, test } from '@jest/globals';
import { type Rmap, RmapCursor } from '../../../../src/fs/btree/rmap.ts';
import { openFileSystem } from '../../../../src/fs/filesystem.ts';
import { fixFreeList } from '../../../../src/fs/space/allocate.ts';
import { addSharedRmap, convertRmap, removeSharedRmap } from '../../../../src/fs/space/rmapshared.ts';
import { transact } from '../../../../src/fs/transaction.ts';
import { Random } from '../../../support/random.ts';
import { emptyImage } from '../../../support/smallimage.ts';
import { walkTree } from '../../../support/treewalk.ts';

// The log is in AG 1.
const AGNO = 2;
const BASE = 3000;
const BLOCKS = 400;
const OWNERS = [131, 132, 133] as const;

test.each([1, 2, 3])('seed %i', (seed) => {
  const fs = openFileSystem(emptyImage(96 << 20, ['b.size=1024', 'm.rmapbt=1']));
  const random = new Random(seed);
  // 0: not mapped, 1: written, 2: unwritten. Each owner maps a block at one offset.
  const model = OWNERS.map(() => new Uint8Array(BLOCKS));
  const rmapOf = (owner: number, from: number, count: number, state: number): Rmap => ({
    start: BASE + from,
    count,
    owner: OWNERS[owner]!,
    offset: 10_000 * (owner + 1) + from,
    attr: false,
    bmbt: false,
    unwritten: state === 2,
  });
  for (let i = 0; i < 1500; i++) {
    const owner = random.below(OWNERS.length);
    const states = model[owner]!;
    const from = random.below(BLOCKS - 8);
    const state = states[from]!;
    let count = 1;
    const most = 1 + random.below(7);
    while (count < most && states[from + count] === state) count++;
    transact(fs, (tr) => {
      fixFreeList(tr, AGNO);
      if (state === 0) {
        const fresh = 1 + random.below(2);
        addSharedRmap(tr, AGNO, rmapOf(owner, from, count, fresh));
        states.fill(fresh, from, from + count);
      } else if (random.below(3) === 0) {
        convertRmap(tr, AGNO, rmapOf(owner, from, count, state));
        states.fill(3 - state, from, from + count);
      } else {
        removeSharedRmap(tr, AGNO, rmapOf(owner, from, count, state));
        states.fill(0, from, from + count);
      }
    });
    if (i % 100 !== 0) continue;
    transact(fs, (tr) => {
      const cursor = new RmapCursor(tr, AGNO);
      expect(walkTree(cursor).problems).toEqual([]);
      for (let b = 0; b < BLOCKS; b += 7) {
        const covering = cursor.covering(BASE + b).map(({ owner: o, unwritten }) => [o, unwritten ? 2 : 1]);
        const expected = OWNERS.flatMap((o, k) => (model[k]![b] ? [[o, model[k]![b]!]] : []));
        expect(covering.sort()).toEqual(expected.sort());
      }
    });
  }
  // Neighbours that go on from one another are one record.
  const records = transact(fs, (tr) => {
    const list: Rmap[] = [];
    const cursor = new RmapCursor(tr, AGNO);
    for (let more = cursor.find('GE', rmapOf(0, 0, 1, 1)); more; more = cursor.increment())
      list.push(cursor.rmap);
    return list.filter(({ start, owner }) => owner > 0 && start < BASE + BLOCKS);
  });
  let runs = 0;
  for (const states of model)
    for (let b = 0; b < BLOCKS; b++) if (states[b] && states[b] !== states[b - 1]) runs++;
  expect(records.length).toBe(runs);
});

test('a mapping that is not there cannot be removed', () => {
  const fs = openFileSystem(emptyImage(48 << 20, ['m.rmapbt=1']));
  const rmap: Rmap = {
    start: BASE,
    count: 4,
    owner: 131,
    offset: 0,
    attr: false,
    bmbt: false,
    unwritten: false,
  };
  expect(() => transact(fs, (tr) => removeSharedRmap(tr, AGNO, rmap))).toThrow(/no record for blocks 3000/);
  transact(fs, (tr) => addSharedRmap(tr, AGNO, rmap));
  const longer = { ...rmap, count: 5 };
  expect(() => transact(fs, (tr) => removeSharedRmap(tr, AGNO, longer))).toThrow(/no record/);
  transact(fs, (tr) => removeSharedRmap(tr, AGNO, rmap));
});
