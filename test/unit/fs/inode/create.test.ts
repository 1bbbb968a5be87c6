/** New inodes: from chunks that are there, in new chunks, in parts of chunks; and back again. */
import { expect, test } from '@jest/globals';
import type { MemoryDevice } from '../../../../src/device/memory.ts';
import { DIFLAG2, S_IFREG } from '../../../../src/format/inode.ts';
import { ChunkCursor } from '../../../../src/fs/btree/chunk.ts';
import { type FileSystem, openFileSystem } from '../../../../src/fs/filesystem.ts';
import { createInode } from '../../../../src/fs/inode/create.ts';
import { readInode } from '../../../../src/fs/inode/inode.ts';
import { freeUnlinkedInode } from '../../../../src/fs/inode/release.ts';
import { insertUnlinked } from '../../../../src/fs/inode/unlinked.ts';
import { NoSpaceError } from '../../../../src/fs/nospace.ts';
import { allocate, freeNow } from '../../../../src/fs/space/allocate.ts';
import { allocRequest } from '../../../../src/fs/space/request.ts';
import { transact } from '../../../../src/fs/transaction.ts';
import { checkImage } from '../../../../src/repair/check.ts';
import { emptyImage } from '../../../support/smallimage.ts';

const problemsOf = (device: MemoryDevice) =>
  checkImage(device).findings.filter(({ severity }) => severity !== 'note');

/** An inode on the unlinked list: in use, and no name is missing. */
function make(fs: FileSystem, parent?: number): number {
  return transact(fs, (tr) => {
    const inode = createInode(tr, { mode: S_IFREG | 0o640, nlink: 0, ...(parent ? { parent } : {}) });
    insertUnlinked(inode);
    return inode.ino;
  });
}

const free = (fs: FileSystem, ino: number): void =>
  transact(fs, (tr) => freeUnlinkedInode(readInode(tr, ino)));
const counted = (fs: FileSystem): bigint[] =>
  transact(fs, ({ sb }) => [sb.icount, sb.ifree, sb.fdblocks] as bigint[]);

/** Takes extents until there are none: AG, first block, blocks. */
function takeEverything(fs: FileSystem): (readonly [number, number, number])[] {
  const taken: (readonly [number, number, number])[] = [];
  for (let agno = 0; agno < fs.geometry.agcount; ) {
    const request = allocRequest({ maxlen: fs.geometry.agblocks });
    const found = transact(fs, (tr) => allocate(tr, 'near', agno, request));
    if (found) taken.push([agno, found.agbno, found.count]);
    else agno++;
  }
  return taken;
}

/** Of the chunks of AG 0. */
function holemasks(fs: FileSystem): number[] {
  return transact(fs, (tr) => {
    const cursor = new ChunkCursor(tr, 0, 'inobt');
    const masks: number[] = [];
    for (let is = cursor.find('GE', 0); is; is = cursor.increment()) masks.push(cursor.chunk.holemask);
    return masks;
  });
}

const GEOMETRIES: Readonly<Record<string, readonly string[]>> = {
  '4 KiB, all trees': ['m.rmapbt=1'],
  '1 KiB, inobt alone': ['b.size=1024', 'm.finobt=0', 'm.inobtcount=0', 'm.rmapbt=0', 'i.sparse=0'],
  'large inodes, large counts': ['i.size=2048', 'i.nrext64=1'],
  'stripe unit of 16 blocks': ['d.su=65536', 'd.sw=2'],
};

test.each(Object.keys(GEOMETRIES))('%s: made, found sound, freed', (name) => {
  const device = emptyImage(96 << 20, GEOMETRIES[name]!);
  let chance = 0;
  const now = { seconds: 1_700_000_000, nanoseconds: 5 };
  const fs = openFileSystem(device, { now: () => now, random: () => ++chance });
  const before = counted(fs);
  const { geometry } = fs;
  const away = geometry.ino(1, geometry.agbnoAgino(geometry.headerBlocks));
  const made = Array.from({ length: 300 }, (_, i) => make(fs, i % 3 === 2 ? away : undefined));
  expect(new Set(made).size).toBe(300);
  expect(made.slice(0, 2)).toEqual([geometry.rootino + 3, geometry.rootino + 4]);
  expect(made.every((ino, i) => geometry.inoAgno(ino) === (i % 3 === 2 ? 1 : 0))).toBe(true);
  expect(problemsOf(device).filter(({ code }) => !code.startsWith('UNLINKED'))).toEqual([]);
  const [icount, ifree] = counted(fs) as [bigint, bigint];
  expect(icount - ifree - (before[0]! - before[1]!)).toBe(300n);
  transact(fs, (tr) => {
    const generations = new Set<number>();
    for (const ino of made) {
      const { core } = readInode(tr, ino);
      generations.add(core.gen);
      expect([core.mode, core.nlink, core.ino, core.changecount]).toEqual([0o100640, 0, ino, 2n]);
      expect([core.atime, core.mtime, core.ctime]).toEqual([core.crtime, core.crtime, core.crtime]);
      const large = (core.flags2 >> BigInt(DIFLAG2.NREXT64)) & 1n;
      expect(large === 1n).toBe(geometry.features.nrext64);
    }
    expect(generations.size).toBe(300);
  });
  for (const ino of made) free(fs, ino);
  expect(problemsOf(device)).toEqual([]);
  expect(counted(fs)).toEqual(before);
});

test('without room for a chunk parts of chunks are made, and merged when the rest comes', () => {
  const device = emptyImage(96 << 20, ['m.rmapbt=0', 'm.reflink=0']);
  const fs = openFileSystem(device);
  const before = counted(fs);
  const { geometry } = fs;
  const { chunkBlocks, spinoAlign } = geometry;
  expect(geometry.features.sparse && spinoAlign < chunkBlocks).toBe(true);
  const taken = takeEverything(fs);
  const [, start, count] = taken.find(([agno, , blocks]) => agno === 0 && blocks > 100 * chunkBlocks)!;
  const whole = Math.ceil(start / chunkBlocks) * chunkBlocks;
  const halves = Array.from({ length: 40 }, (_, i) => whole + 2 * i * chunkBlocks);
  const give = (agbno: number, blocks: number): void => transact(fs, (tr) => freeNow(tr, 0, agbno, blocks));
  // Alignment may cost spinoAlign - 1 blocks, so that many more must be free.
  const least = 2 * spinoAlign - 1;
  for (const agbno of halves) give(agbno, least);
  const made = Array.from({ length: 150 }, () => make(fs));
  const masks = holemasks(fs);
  expect(masks.filter((mask) => mask !== 0).length).toBeGreaterThan(2);
  expect(new Set(masks)).toEqual(new Set([0, 0xff00]));
  for (const agbno of halves) give(agbno + least, chunkBlocks);
  for (let i = 0; i < 500; i++) made.push(make(fs));
  expect(holemasks(fs).filter((mask) => mask === 0).length).toBeGreaterThan(5);
  expect(problemsOf(device).filter(({ code }) => /^(INODE|INOBT|AGI)/.test(code))).toEqual([]);
  for (const ino of made) free(fs, ino);
  const step = 2 * chunkBlocks;
  if (whole > start) give(start, whole - start);
  for (const agbno of halves) give(agbno + least + chunkBlocks, step - least - chunkBlocks);
  const end = whole + step * halves.length;
  give(end, start + count - end);
  for (const [agno, agbno, blocks] of taken) {
    if (agno !== 0 || agbno !== start) transact(fs, (tr) => freeNow(tr, agno, agbno, blocks));
  }
  expect(problemsOf(device)).toEqual([]);
  expect(counted(fs)).toEqual(before);
});

test('a full filesystem has no inode to give, and stays as it is', () => {
  const device = emptyImage(96 << 20);
  const fs = openFileSystem(device);
  takeEverything(fs);
  for (const used = new Set<number>(); used.size < 61; ) used.add(make(fs));
  const bytes = device.bytes.slice();
  expect(() => make(fs)).toThrow(NoSpaceError);
  expect(Buffer.compare(device.bytes, bytes)).toBe(0);
});

test('a list that begins with what cannot be on it gets no more', () => {
  const device = emptyImage(96 << 20);
  const fs = openFileSystem(device);
  const first = make(fs);
  transact(fs, (tr) => {
    const inode = readInode(tr, first);
    inode.changed();
    inode.core.nlink = 1;
  });
  const before = counted(fs);
  for (let i = 0; i < 63; i++) make(fs);
  const full = counted(fs);
  expect(full[0]! - before[0]!).toBe(64n);
  expect(() => make(fs)).toThrow(/but free or linked/);
  expect(counted(fs)).toEqual(full);
});
