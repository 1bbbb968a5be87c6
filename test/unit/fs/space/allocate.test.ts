/** Allocating and freeing at random: no block is given twice, and when all is back the filesystem checks clean. */
import { describe, expect, test } from '@jest/globals';
import { OWNER } from '../../../../src/format/btree.ts';
import { RefcountCursor } from '../../../../src/fs/btree/refcount.ts';
import { openFileSystem } from '../../../../src/fs/filesystem.ts';
import { type Allocated, allocate, freeLater } from '../../../../src/fs/space/allocate.ts';
import { changeRefcount } from '../../../../src/fs/space/refcountchange.ts';
import { allocRequest } from '../../../../src/fs/space/request.ts';
import { metadataRmap } from '../../../../src/fs/space/rmapchange.ts';
import { transact } from '../../../../src/fs/transaction.ts';
import { checkImage, isDamaged } from '../../../../src/repair/check.ts';
import { Random } from '../../../support/random.ts';
import { emptyImage } from '../../../support/smallimage.ts';

const POLICIES = ['start', 'near', 'exact'] as const;

describe.each([
  ['1 KiB blocks, rmapbt', ['b.size=1024', 'm.rmapbt=1']],
  ['4 KiB blocks', ['m.rmapbt=0']],
] as const)('%s', (_name, options) => {
  test.each([1, 2, 3])('seed %i', (seed) => {
    const device = emptyImage(48 << 20, options);
    const fs = openFileSystem(device);
    const random = new Random(seed);
    const held: Allocated[] = [];
    const taken = new Set<number>();
    const { geometry } = fs;
    for (let i = 0; i < 1500; i++) {
      transact(fs, (tr) => {
        if (held.length > 0 && random.below(3) === 0) {
          const [gone] = held.splice(random.below(held.length), 1) as [Allocated];
          const { agno, agbno, count } = gone;
          for (let b = 0; b < count; b++) taken.delete(geometry.fsbno(agno, agbno + b));
          freeLater(tr, agno, agbno, count, metadataRmap(OWNER.COW, agbno, count));
          return;
        }
        const agno = random.below(geometry.agcount);
        const agbno = 1 + random.below(geometry.agLength(agno) - 1);
        const request = allocRequest({ agbno, maxlen: 1 + random.below(5), minleft: 4 });
        const found = allocate(tr, random.pick(POLICIES), agno, request, OWNER.COW);
        if (!found) return;
        for (let b = 0; b < found.count; b++) {
          const fsbno = geometry.fsbno(found.agno, found.agbno + b);
          expect(taken.has(fsbno)).toBe(false);
          taken.add(fsbno);
        }
        held.push(found);
      });
    }
    expect(held.length).toBeGreaterThan(200);
    while (held.length > 0) {
      const { agno, agbno, count } = held.splice(random.below(held.length), 1)[0]!;
      transact(fs, (tr) => freeLater(tr, agno, agbno, count, metadataRmap(OWNER.COW, agbno, count)));
    }
    const { findings } = checkImage(device);
    expect(findings.filter(({ severity }) => severity !== 'note')).toEqual([]);
    expect(isDamaged(findings)).toBe(false);
  });
});

test('owners are counted as a plain array would count them, staging apart', () => {
  const fs = openFileSystem(emptyImage(48 << 20, ['m.reflink=1', 'm.rmapbt=1']));
  const random = new Random(5);
  const base = 2000;
  const owners = new Uint8Array(300).fill(1);
  for (let i = 0; i < 600; i++) {
    const from = random.below(280);
    const count = 1 + random.below(20);
    const up = random.below(5) > 1;
    const part = owners.subarray(from, from + count);
    // Blocks of one owner would be freed: those are the allocator's test.
    if (!up && part.some((n) => n === 1)) continue;
    if (up && part.some((n) => n === 200)) continue;
    for (let b = 0; b < part.length; b++) part[b]! += up ? 1 : -1;
    const change = up ? 'increase' : 'decrease';
    transact(fs, (tr) => changeRefcount(tr, { change, agno: 1, agbno: base + from, count }));
  }
  const records: number[][] = [];
  transact(fs, (tr) => {
    const cursor = new RefcountCursor(tr, 1);
    for (let more = cursor.find('GE', false, 0); more; more = cursor.increment()) {
      const { start, count, refcount } = cursor.refcount;
      records.push([start - base, count, refcount]);
    }
  });
  const expected: number[][] = [];
  for (let at = 0; at < owners.length; ) {
    let end = at;
    while (end < owners.length && owners[end] === owners[at]) end++;
    if (owners[at]! > 1) expected.push([at, end - at, owners[at]!]);
    at = end;
  }
  expect(records).toEqual(expected);
});
