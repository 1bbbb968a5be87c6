/** Mapping, unmapping, unlinked lists and freeing inodes. */
import { expect, test } from '@jest/globals';
import { FORK } from '../../../../src/format/inode.ts';
import { setAttr } from '../../../../src/fs/attr/attr.ts';
import { unlink } from '../../../../src/fs/dir/dir.ts';
import { openFileSystem } from '../../../../src/fs/filesystem.ts';
import { mapNewBlocks } from '../../../../src/fs/inode/allocation.ts';
import { BmapCursor } from '../../../../src/fs/inode/bmbt.ts';
import { readInode } from '../../../../src/fs/inode/inode.ts';
import { removeRange } from '../../../../src/fs/inode/mapping.ts';
import { freeUnlinkedInode } from '../../../../src/fs/inode/release.ts';
import { insertUnlinked, unlinkedInodes } from '../../../../src/fs/inode/unlinked.ts';
import { transact } from '../../../../src/fs/transaction.ts';
import { checkImage } from '../../../../src/repair/check.ts';
import { Random } from '../../../support/random.ts';
import { smallImage } from '../../../support/smallimage.ts';
import { walkTree } from '../../../support/treewalk.ts';

const problemsOf = (device: Parameters<typeof checkImage>[0]) =>
  checkImage(device).findings.filter(({ severity }) => severity !== 'note');

test.each([1, 2])('seed %i: random mappings of a file become a btree and a list again', (seed) => {
  const { device, files } = smallImage(['b.size=1024', 'm.rmapbt=1', 'm.reflink=0']);
  const fs = openFileSystem(device);
  const random = new Random(seed);
  const { ino } = files[0]!;
  const model = new Set(Array.from({ length: 13 }, (_, i) => i));
  let deepest = 0;
  for (let i = 0; i < 1200; i++) {
    const fileoff = random.below(4000);
    const count = 1 + random.below(3);
    transact(fs, (tr) => {
      const inode = readInode(tr, ino);
      if (i > 800 ? random.below(4) > 0 : random.below(4) === 0) {
        const wide = count * (i > 800 ? 20 : 3);
        while (!removeRange(inode, 'data', fileoff, wide, 2)) tr.finish();
        for (let b = 0; b < wide; b++) model.delete(fileoff + b);
      } else if (!model.has(fileoff)) {
        const extent = mapNewBlocks(inode, 'data', { fileoff, count, contiguous: false, total: 4 });
        for (let b = 0; b < extent!.count; b++) model.add(fileoff + b);
      }
      inode.core.size = 4100n * 1024n;
    });
    if (i % 150 !== 0) continue;
    transact(fs, (tr) => {
      const { data } = readInode(tr, ino);
      const mapped: number[] = [];
      for (const extent of data.extents)
        for (let b = 0; b < extent.count; b++) mapped.push(extent.fileoff + b);
      expect(mapped).toEqual([...model].sort((a, b) => a - b));
      if (data.format !== FORK.BTREE) return;
      const walked = walkTree(new BmapCursor(data));
      deepest = Math.max(deepest, walked.levels);
      expect(walked.problems).toEqual([]);
    });
    expect(problemsOf(device)).toEqual([]);
  }
  expect(deepest).toBeGreaterThanOrEqual(2);
  transact(fs, (tr) => {
    while (!removeRange(readInode(tr, ino), 'data', 0, 5000, 3)) tr.finish();
  });
  transact(fs, (tr) => {
    const inode = readInode(tr, ino);
    expect([inode.data.format, inode.core.nblocks]).toEqual([FORK.EXTENTS, 0]);
  });
  expect(problemsOf(device)).toEqual([]);
});

test('deleted files on the unlinked list are freed, shared blocks stay with who still has them', () => {
  const { device, files, geometry } = smallImage(['m.rmapbt=1']);
  const fs = openFileSystem(device);
  setAttr(fs, files[0]!.ino, { namespace: 'user', name: 'far', value: new Uint8Array(30000) });
  const gone = files.slice(0, 2);
  for (const { name, ino } of gone) {
    expect(unlink(fs, geometry.rootino, name)).toBe(ino);
    transact(fs, (tr) => insertUnlinked(readInode(tr, ino)));
  }
  for (const { ino } of gone) {
    const agno = geometry.inoAgno(ino);
    const bucket = geometry.inoAgino(ino) % 64;
    const listed = transact(fs, (tr) => [...unlinkedInodes(tr, agno, bucket)].map((inode) => inode.ino));
    expect(listed).toEqual([ino]);
    transact(fs, (tr) => freeUnlinkedInode(readInode(tr, ino)));
    expect(() => transact(fs, (tr) => readInode(tr, ino))).toThrow(/is free/);
  }
  expect(problemsOf(device)).toEqual([]);
  const clone = files[2]!.ino;
  expect(transact(fs, (tr) => readInode(tr, clone).core.nblocks)).toBe(8);
});
