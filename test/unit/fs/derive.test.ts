/** derive against a model that looks at every block by itself, over random claims. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { OWNER } from '../../../src/format/btree.ts';
import { canonicalRmaps } from '../../../src/fs/space/canonical.ts';
import { ExtentColumns, FLAG_ATTR, FLAG_BMBT, FLAG_UNWRITTEN } from '../../../src/fs/space/columns.ts';
import { deriveSpace } from '../../../src/fs/space/derive.ts';

const AG_BLOCKS = 64;

interface Claim {
  start: number;
  count: number;
  owner: number;
  offset: number;
  flags: number;
}

const claim: fc.Arbitrary<Claim> = fc
  .record({
    start: fc.integer({ min: 0, max: AG_BLOCKS - 1 }),
    count: fc.integer({ min: 1, max: 12 }),
    owner: fc.constantFrom(100, 131, 2 ** 40 + 5, OWNER.FS, OWNER.AG, OWNER.COW, OWNER.INODES),
    offset: fc.constantFrom(0, 3, 10, 2 ** 35),
    flags: fc.constantFrom(0, 0, 0, FLAG_ATTR, FLAG_BMBT, FLAG_UNWRITTEN),
  })
  .map((c) => ({
    ...c,
    count: Math.min(c.count, AG_BLOCKS - c.start),
    offset: c.owner < 0 || c.flags & FLAG_BMBT ? 0 : c.offset,
    flags: c.owner < 0 ? 0 : c.flags,
  }));

function columnsOf(claims: readonly Claim[]): ExtentColumns {
  const columns = new ExtentColumns();
  for (const c of claims) columns.push(c.start, c.count, c.owner, c.offset, c.flags);
  return columns;
}

function sharers(claims: readonly Claim[], block: number): number {
  return claims.filter(
    (c) =>
      c.owner >= 0 && !(c.flags & (FLAG_ATTR | FLAG_BMBT)) && c.start <= block && block < c.start + c.count,
  ).length;
}

test('refcounts and free space agree with counting every block', () => {
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 14 }), (claims) => {
      const space = deriveSpace(columnsOf(claims), AG_BLOCKS, true);
      const free = new Array(AG_BLOCKS).fill(false);
      for (let i = 0; i < space.free.length; i++) {
        for (let b = 0; b < space.free.count[i]!; b++) free[space.free.start[i]! + b] = true;
      }
      const refcount = new Array(AG_BLOCKS).fill(0);
      for (let i = 0; i < space.refcounts.length; i++) {
        if (space.refcounts.cow[i]) continue;
        for (let b = 0; b < space.refcounts.count[i]!; b++) {
          refcount[space.refcounts.start[i]! + b] = space.refcounts.refcount[i];
        }
      }
      const blocks = Array.from({ length: AG_BLOCKS }, (_, block) => block);
      const owned = (block: number) => claims.some((c) => c.start <= block && block < c.start + c.count);
      expect(free).toEqual(blocks.map((block) => !owned(block)));
      expect(refcount).toEqual(blocks.map((block) => sharers(claims, block)).map((n) => (n >= 2 ? n : 0)));
    }),
    { numRuns: 2000 },
  );
});

test('a conflict is reported exactly when a block has two owners that may not share', () => {
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 6 }), fc.boolean(), (claims, reflink) => {
      // Merging drops identical neighbours of one owner; claims of one owner never overlap in a sound image.
      const distinct = claims.map((c, i) => ({ ...c, owner: c.owner < 0 ? -20 - i : c.owner * 100 + i }));
      let conflicting = false;
      for (let block = 0; block < AG_BLOCKS; block++) {
        const owners = distinct.filter((c) => c.start <= block && block < c.start + c.count).length;
        if (owners > 1 && (!reflink || sharers(distinct, block) < owners)) conflicting = true;
      }
      expect(deriveSpace(columnsOf(distinct), AG_BLOCKS, reflink).conflictCount > 0).toBe(conflicting);
    }),
    { numRuns: 2000 },
  );
});

test('canonical records do not depend on the order or the cuts of the input', () => {
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 10 }), fc.infiniteStream(fc.nat(100)), (some, random) => {
      // In a sound image claims of one owner overlap neither in the AG nor in the file.
      const claims = some.map((c, i) => ({ ...c, owner: c.owner < 0 ? -20 - i : c.owner + 7 * i }));
      const cut: Claim[] = [];
      for (const c of claims) {
        const first = c.count > 1 ? 1 + ((random.next().value as number) % (c.count - 1)) : c.count;
        const ignoresOffset = c.owner < 0 || (c.flags & FLAG_BMBT) !== 0;
        cut.push({ ...c, count: first });
        if (first < c.count) {
          cut.push({
            ...c,
            start: c.start + first,
            count: c.count - first,
            offset: ignoresOffset ? 0 : c.offset + first,
          });
        }
      }
      const shuffled = cut
        .map((c) => ({ c, key: random.next().value as number }))
        .sort((a, b) => a.key - b.key)
        .map((x) => x.c);
      expect(rows(canonicalRmaps(columnsOf(shuffled)))).toEqual(rows(canonicalRmaps(columnsOf(cut))));
    }),
    { numRuns: 1000 },
  );
});

function rows(columns: ExtentColumns): number[][] {
  return Array.from({ length: columns.length }, (_, i) => [
    columns.start[i]!,
    columns.count[i]!,
    columns.owner[i]!,
    columns.offset[i]!,
    columns.flags[i]!,
  ]);
}

test('rmap order: start, then owner as an unsigned 64-bit number, then fork and offset', () => {
  const order = rows(
    canonicalRmaps(
      columnsOf([
        { start: 9, count: 1, owner: OWNER.AG, offset: 0, flags: 0 },
        { start: 9, count: 1, owner: 2 ** 40, offset: 7, flags: 0 },
        { start: 9, count: 1, owner: 131, offset: 2 ** 34, flags: 0 },
        { start: 9, count: 1, owner: 131, offset: 3, flags: FLAG_ATTR },
        { start: 2, count: 3, owner: OWNER.FS, offset: 0, flags: 0 },
      ]),
    ),
  ).map((r) => [r[0], r[2], r[4]]);
  expect(order).toEqual([
    [2, OWNER.FS, 0],
    [9, 131, 0],
    [9, 131, FLAG_ATTR],
    [9, 2 ** 40, 0],
    [9, OWNER.AG, 0],
  ]);
});
