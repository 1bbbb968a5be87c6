/**
 * An image in memory with something of everything, made by our own mkfs and transactions: in every AG files of some
 * hundred extents, shared by two and by three, unwritten extents, attributes outside of the inode, directories, and
 * inode chunks enough for btrees of several levels. For tests that need real records without xfsprogs, kernel or
 * root; that the image is sound is shown by test/oracle/twoway.test.ts.
 */
import type { MemoryDevice } from '../../src/device/memory.ts';
import type { Geometry } from '../../src/format/geometry.ts';
import { DIFLAG2, S_IFREG } from '../../src/format/inode.ts';
import { setAttr } from '../../src/fs/attr/attr.ts';
import { addName, fileType } from '../../src/fs/dir/dir.ts';
import { type FileSystem, openFileSystem } from '../../src/fs/filesystem.ts';
import { mapAllBlocks } from '../../src/fs/inode/allocation.ts';
import { createInode } from '../../src/fs/inode/create.ts';
import type { Extent } from '../../src/fs/inode/extent.ts';
import { type Inode, readInode } from '../../src/fs/inode/inode.ts';
import { addExtent } from '../../src/fs/inode/mapping.ts';
import { addChunk } from '../../src/fs/inode/newchunk.ts';
import { allocate } from '../../src/fs/space/allocate.ts';
import { deferRefcount } from '../../src/fs/space/refcountchange.ts';
import { allocRequest } from '../../src/fs/space/request.ts';
import { transact } from '../../src/fs/transaction.ts';
import { emptyImage } from './smallimage.ts';

export interface BusyImage {
  readonly device: MemoryDevice;
  readonly geometry: Geometry;
  /** Inode numbers by name. */
  readonly files: ReadonlyMap<string, number>;
}

export interface BusyOptions {
  /** As on the command line, e.g. `m.rmapbt=0`. */
  readonly options?: readonly string[];
  readonly bytes?: number;
  /** Extents of the fragmented file of each AG. */
  readonly pieces?: number;
  /** Further names of one file in the root directory. */
  readonly names?: number;
  /** Inode chunks made beside those that files need. */
  readonly chunks?: number;
}

/** Blocks of a piece of a fragmented file, and of the free gap behind it. */
const PIECE = 2;
const GAP = 3;
const BATCH = 25;
const NOW = { seconds: 1_700_000_000, nanoseconds: 0 };

class Maker {
  readonly fs: FileSystem;
  readonly geometry: Geometry;
  readonly files = new Map<string, number>();

  constructor(device: MemoryDevice) {
    let chance = 0;
    this.fs = openFileSystem(device, { now: () => NOW, random: () => ++chance });
    this.geometry = this.fs.geometry;
  }

  /** New inodes in (or near) an AG, named in the root directory. */
  createAll(names: readonly string[], agno: number): number[] {
    const { geometry, fs } = this;
    const parent = geometry.ino(agno, geometry.agbnoAgino(geometry.headerBlocks));
    return transact(fs, (tr) =>
      names.map((name) => {
        const inode = createInode(tr, { mode: S_IFREG | 0o644, nlink: 1, parent });
        addName(readInode(tr, geometry.rootino), name, inode.ino, fileType(inode));
        this.files.set(name, inode.ino);
        return inode.ino;
      }),
    );
  }

  /** Gives an inode many more names. */
  crowd(ino: number, count: number): void {
    inBatches(count, (first, last) =>
      this.change(ino, (inode) => {
        const root = readInode(inode.tr, this.geometry.rootino);
        for (let i = first; i < last; i++) addName(root, `name-${i}`, ino, fileType(inode));
        inode.core.nlink += last - first;
      }),
    );
  }

  create(name: string, agno: number): number {
    return this.createAll([name], agno)[0]!;
  }

  change(ino: number, body: (inode: Inode) => void): void {
    transact(this.fs, (tr) => {
      const inode = readInode(tr, ino);
      inode.changed();
      body(inode);
    });
  }

  /** Maps `pieces` extents at every PIECE + GAP blocks of an AG. */
  fragment(ino: number, agno: number, from: number, pieces: number): void {
    inBatches(pieces, (first, last) =>
      this.change(ino, (inode) => {
        for (let i = first; i < last; i++) {
          const agbno = from + i * (PIECE + GAP);
          const request = allocRequest({ agbno, minlen: PIECE, maxlen: PIECE });
          const found = allocate(inode.tr, 'exact', agno, request);
          if (!found) throw new Error(`AG ${agno} block ${agbno} is not free`);
          this.map(inode, {
            fileoff: i * (PIECE + 1),
            fsbno: this.geometry.fsbno(agno, agbno),
            count: PIECE,
            unwritten: false,
          });
        }
      }),
    );
  }

  private map(inode: Inode, extent: Extent): void {
    inode.countBlocks(extent.count);
    addExtent(inode, 'data', extent);
    inode.core.size = BigInt((extent.fileoff + extent.count) * this.geometry.blocksize);
  }

  /** Lets `ino` share extents of `donor`: `part` tells how many blocks of extent i, from its first on. */
  share(donor: number, ino: number, part: (extent: Extent, i: number) => number): void {
    const extents = transact(this.fs, (tr) => [...readInode(tr, donor).data.extents]);
    this.change(donor, setReflink);
    this.change(ino, setReflink);
    const { geometry } = this;
    inBatches(extents.length, (first, last) =>
      this.change(ino, (inode) => {
        for (let i = first; i < last; i++) {
          const extent = extents[i]!;
          const count = part(extent, i);
          if (count === 0) continue;
          const agno = geometry.fsbnoAgno(extent.fsbno);
          const agbno = geometry.fsbnoAgbno(extent.fsbno);
          deferRefcount(inode.tr, { change: 'increase', agno, agbno, count });
          this.map(inode, { ...extent, count });
        }
      }),
    );
  }
}

/** One transaction for some steps of many. */
function inBatches(count: number, body: (first: number, last: number) => void): void {
  for (let first = 0; first < count; first += BATCH) body(first, Math.min(first + BATCH, count));
}

function setReflink(inode: Inode): void {
  inode.core.flags2 |= 1n << BigInt(DIFLAG2.REFLINK);
}

/** What one AG gets. */
function fill(maker: Maker, agno: number, pieces: number, reflink: boolean): void {
  const { geometry, fs } = maker;
  // At the end of the AG: an internal log stands at the beginning of one.
  const from = geometry.agLength(agno) - 64 - pieces * (PIECE + GAP);
  const frag = maker.create(`frag${agno}`, agno);
  maker.fragment(frag, agno, from, pieces);
  const long = maker.create(`long${agno}`, agno);
  maker.change(long, (inode) => {
    mapAllBlocks(inode, 'data', { fileoff: 0, count: 40, contiguous: true, total: 40 });
    inode.core.size = BigInt(40 * geometry.blocksize);
  });
  const prepared = maker.create(`prepared${agno}`, agno);
  maker.change(prepared, (inode) => {
    mapAllBlocks(inode, 'data', { fileoff: 3, count: 20, contiguous: true, total: 20, unwritten: true });
    inode.core.size = BigInt(9 * geometry.blocksize);
  });
  setAttr(fs, prepared, { namespace: 'user', name: 'big', value: new Uint8Array(5 * 1024).fill(7) });
  for (let i = 0; i < 12; i++) {
    setAttr(fs, long, {
      namespace: 'user',
      name: `of-the-long-file-${i}`,
      value: new Uint8Array(60).fill(i),
    });
  }
  if (!reflink) return;
  const clone = maker.create(`clone${agno}`, agno);
  maker.share(frag, clone, (extent, i) => [extent.count, 1, 0][i % 3]!);
  const third = maker.create(`third${agno}`, agno);
  maker.share(frag, third, (extent, i) => (i % 9 === 0 ? extent.count : 0));
  const middle = maker.create(`middle${agno}`, agno);
  maker.share(long, middle, () => 30);
}

export function busyImage(options: BusyOptions = {}): BusyImage {
  const device = emptyImage(options.bytes ?? 48 << 20, options.options ?? ['b.size=1024', 'm.rmapbt=1']);
  const maker = new Maker(device);
  const { geometry, fs } = maker;
  for (let agno = 0; agno < geometry.agcount; agno++) {
    fill(maker, agno, options.pieces ?? (agno === 1 ? 260 : 90), geometry.features.reflink);
  }
  // A chunk with no inode left.
  for (let i = 0; i < 8; i++) {
    const names = Array.from({ length: 8 }, (_, k) => `plain${8 * i + k}`);
    maker.createAll(names, 2);
  }
  maker.crowd(maker.files.get('plain0')!, options.names ?? 0);
  for (let i = 0; i < (options.chunks ?? 66); i++) transact(fs, (tr) => void addChunk(tr, 1));
  return { device, geometry, files: maker.files };
}
