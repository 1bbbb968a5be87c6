/**
 * What a filesystem that stopped leaves behind besides its log: inodes that were deleted while they were open, on the
 * unlinked lists, and blocks set aside for copies on write that nobody will make any more.
 */
import { AGI, AGI_UNLINKED_BUCKETS } from '../../../format/agi.ts';
import { CorruptionError } from '../../../format/errors.ts';
import { NULL_AGINO } from '../../../format/geometry.ts';
import { DIFLAG, S_IFREG } from '../../../format/inode.ts';
import { RefcountCursor } from '../../btree/refcount.ts';
import type { FileSystem } from '../../filesystem.ts';
import { readInode } from '../../inode/inode.ts';
import { removeRange } from '../../inode/mapping.ts';
import { freeUnlinkedInode } from '../../inode/release.ts';
import { releaseStaging } from '../../space/refcountchange.ts';
import { type Transaction, transact } from '../../transaction.ts';

/** What became of the unlinked lists. */
export interface FreedUnlinked {
  readonly inodes: number;
  /** Lists that could not be followed: each was cut off at its head, as a kernel does. */
  readonly cut: readonly { readonly agno: number; readonly bucket: number; readonly why: string }[];
}

/** Frees all inodes on unlinked lists, one transaction each. */
export function freeUnlinked(fs: FileSystem): FreedUnlinked {
  let inodes = 0;
  const cut: { agno: number; bucket: number; why: string }[] = [];
  for (let agno = 0; agno < fs.geometry.agcount; agno++) {
    for (let bucket = 0; bucket < AGI_UNLINKED_BUCKETS; bucket++) {
      try {
        inodes += freeBucket(fs, agno, bucket);
      } catch (error) {
        if (!(error instanceof CorruptionError)) throw error;
        // Whatever else is on the list is lost to it, but not the whole recovery to one broken inode.
        transact(fs, (tr) => cutBucket(tr, agno, bucket));
        cut.push({ agno, bucket, why: error.message });
      }
    }
  }
  return { inodes, cut };
}

function freeBucket(fs: FileSystem, agno: number, bucket: number): number {
  for (let count = 0; ; count++) {
    const agino = transact(fs, (tr) => headOf(tr, agno, bucket));
    if (agino === NULL_AGINO) return count;
    transact(fs, (tr) => freeUnlinkedInode(readInode(tr, fs.geometry.ino(agno, agino))));
  }
}

function cutBucket(tr: Transaction, agno: number, bucket: number): void {
  const agi = tr.perag(agno).changeAgi();
  agi.view.setUint32(agi.byte + AGI.offset.unlinked + 4 * bucket, NULL_AGINO);
}

function headOf(tr: Transaction, agno: number, bucket: number): number {
  const { agi } = tr.perag(agno);
  return agi.view.getUint32(agi.byte + AGI.offset.unlinked + 4 * bucket);
}

const KEEPS_PREALLOCATION = (1 << DIFLAG.PREALLOC) | (1 << DIFLAG.APPEND);
const EVERYTHING = 2 ** 54;

/**
 * Frees what was set aside behind the end of a file for appending, as a kernel does with every file that recovery
 * had to open. Not what the user set aside.
 */
export function freeBeyondEnd(tr: Transaction, ino: number): void {
  const inode = readInode(tr, ino);
  const { core } = inode;
  if (inode.type !== S_IFREG || core.nlink === 0 || core.size <= 0n) return;
  if ((core.flags & KEEPS_PREALLOCATION) !== 0 || inode.isRealtime) return;
  const end = Math.ceil(Number(core.size) / tr.fs.geometry.blocksize);
  while (!removeRange(inode, 'data', end, EVERYTHING - end, STEP_EXTENTS)) tr.finish();
}

/** Extents taken away in one step. */
const STEP_EXTENTS = 2;

export interface Staging {
  readonly agno: number;
  readonly agbno: number;
  readonly count: number;
}

/** Frees all CoW staging; what there was. One transaction an extent. */
export function freeStaging(fs: FileSystem): Staging[] {
  if (!fs.geometry.features.reflink) return [];
  const all: Staging[] = [];
  for (let agno = 0; agno < fs.geometry.agcount; agno++) {
    for (const { start, count } of transact(fs, (tr) => stagingOf(tr, agno))) {
      transact(fs, (tr) => releaseStaging(tr, agno, start, count));
      all.push({ agno, agbno: start, count });
    }
  }
  return all;
}

/** Staging records of an AG. */
function stagingOf(tr: Transaction, agno: number): { start: number; count: number }[] {
  const cursor = new RefcountCursor(tr, agno);
  const list: { start: number; count: number }[] = [];
  for (let more = cursor.find('GE', true, 0); more; more = cursor.increment()) {
    if (cursor.refcount.cow) list.push({ start: cursor.refcount.start, count: cursor.refcount.count });
  }
  return list;
}
