/** Chunks with holes: what lies in a hole belongs to others, is not read as inodes, and counts as not free. */
import { expect, test } from '@jest/globals';
import { CHUNK_INODES } from '../../../../src/format/geometry.ts';
import { ChunkColumns } from '../../../../src/fs/space/columns.ts';
import { BlockRuns } from '../../../../src/repair/observe/blockruns.ts';
import { BmbtWalk } from '../../../../src/repair/observe/bmbt.ts';
import { Context } from '../../../../src/repair/observe/context.ts';
import { ExtentReader } from '../../../../src/repair/observe/extent.ts';
import { ForkReader } from '../../../../src/repair/observe/fork.ts';
import { ForkExtents } from '../../../../src/repair/observe/forkextents.ts';
import { InodeScan } from '../../../../src/repair/observe/inode.ts';
import { InodeTable } from '../../../../src/repair/observe/inodetable.ts';
import { countFree } from '../../../../src/repair/observe/leaf.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { FindingSink } from '../../../../src/repair/sink.ts';
import { finish } from '../../../../src/repair/steps.ts';
import { smallImage } from '../../../support/smallimage.ts';

test('free inodes are counted outside the holes alone', () => {
  expect(countFree(0, 0xffffffff, 0x0000000f)).toBe(36);
  expect(countFree(0xff00, 0xffffffff, 0x0000000f)).toBe(4);
  expect(countFree(0x0001, 0xffffffff, 0x0000000f)).toBe(32);
});

test('a hole is not read: other bytes in it are nobody’s inodes', () => {
  const { device, geometry } = smallImage();
  const { chunks } = observe(device).ags[0]!;
  const [startino, freeLow] = [chunks.startino[0]!, chunks.freeLow[0]!];
  const half = CHUNK_INODES / 2;
  const hole = geometry.inoByte(geometry.ino(0, startino + half));
  device.bytes.fill(0xaa, hole, hole + half * geometry.inodesize);
  const scanned = (holemask: number) => {
    const sink = new FindingSink();
    const context = new Context(device, geometry, sink);
    const extents = new ExtentReader(
      context,
      observe(device).ags.map((ag) => ag.owners),
      new ForkExtents(),
    );
    const bmbt = new BmbtWalk(context, new BlockRuns(context), [], extents);
    const sparse = new ChunkColumns();
    sparse.push(startino, holemask, holemask === 0 ? CHUNK_INODES : half, 0, 0, 0);
    const forks = new ForkReader(context, extents, bmbt, device.bytes);
    const seen = finish(new InodeScan(context, forks, new InodeTable(geometry)).scan(0, sparse));
    return { codes: sink.take().map((finding) => finding.code), seen };
  };
  const { codes, seen } = scanned(0xff00);
  expect(codes).toEqual([]);
  expect([seen.freeHigh[0], seen.freeLow[0]]).toEqual([0xffffffff, freeLow]);
  expect(seen.freecount[0]).toBe(countFree(0xff00, 0, freeLow));
  // The canary: without the hole the same bytes are lost inodes.
  expect(scanned(0).codes).toEqual(Array(half).fill('INODE_LOST'));
});
