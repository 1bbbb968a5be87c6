/** How many blocks the bottom-up loader spreads records over: never too full, never emptier than the kernel allows. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AG_BTREES, BTREE, maxRecords } from '../../../src/format/btree.ts';
import { levelBlocks } from '../../../src/fs/btree/bulk.ts';

const tree = fc.constantFrom(...AG_BTREES);
const blockBytes = fc.constantFrom(1024, 4096, 65536);
const records = fc.oneof(fc.nat(300), fc.nat(2_000_000));

/** Least and most entries of a block on each level, spread as the loader does. */
function entries(levels: readonly number[], count: number): { least: number; most: number }[] {
  return levels.map((blocks, level) => {
    const held = level === 0 ? count : levels[level - 1]!;
    return { least: Math.floor(held / blocks), most: Math.ceil(held / blocks) };
  });
}

test('every block holds what fits, and every block but the root at least half of that', () => {
  fc.assert(
    fc.property(tree, blockBytes, records, fc.constantFrom('loose', 'full'), (name, bytes, count, fill) => {
      const levels = levelBlocks(BTREE[name], count, bytes, fill);
      expect(levels.at(-1)).toBe(1);
      entries(levels, count).forEach(({ least, most }, level) => {
        const room = maxRecords(BTREE[name], level, bytes);
        expect(most).toBeLessThanOrEqual(room);
        if (levels[level]! > 1) expect(least).toBeGreaterThanOrEqual(Math.floor(room / 2));
      });
    }),
    { numRuns: 3000 },
  );
});
