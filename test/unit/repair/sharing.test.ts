/** Inodes that share blocks, told from sorted extents, against a count of every block's holders. */
import { expect, test } from '@jest/globals';
import { canonicalRmaps } from '../../../src/fs/space/canonical.ts';
import { ExtentColumns, FLAG_ATTR, FLAG_BMBT } from '../../../src/fs/space/columns.ts';
import { SharingInodes } from '../../../src/repair/compare/reflinkflag.ts';
import { InodeTable } from '../../../src/repair/observe/inodetable.ts';
import { observe } from '../../../src/repair/observe/observe.ts';
import { Random } from '../../support/random.ts';
import { smallImage } from '../../support/smallimage.ts';

test('a data extent shares when any of its blocks has another data extent', () => {
  const { device, geometry } = smallImage();
  const inodes = new InodeTable(geometry);
  const { chunks } = observe(device).ags[0]!;
  inodes.addChunks(0, chunks);
  const first = inodes.ino(0);
  const random = new Random(21);
  for (let round = 0; round < 200; round++) {
    const extents = new ExtentColumns();
    const holders = new Map<number, number[]>();
    for (let i = 0; i < 12; i++) {
      const ino = first + i;
      const flags = random.pick([0, 0, 0, FLAG_ATTR, FLAG_BMBT]);
      const start = 10 + random.below(60);
      const count = 1 + random.below(6);
      extents.push(start, count, ino, 0, flags);
      if (flags !== 0) continue;
      for (let b = start; b < start + count; b++) holders.set(b, [...(holders.get(b) ?? []), i]);
    }
    const expected = new Set([...holders.values()].filter((all) => all.length > 1).flat());
    const sharing = new SharingInodes(inodes);
    sharing.add(canonicalRmaps(extents));
    const found = Array.from({ length: 12 }, (_, row) => row).filter((row) => sharing.has(row));
    expect(found).toEqual([...expected].sort((a, b) => a - b));
  }
});
