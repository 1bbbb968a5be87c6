/**
 * Emptying and freeing an inode: its attributes and data go, its bit in the inode btrees is set, and a chunk of which
 * nothing is used any more is given back. Freed inodes keep number and UUID, and count up their generation.
 */
import { OWNER } from '../../format/btree.ts';
import { CHUNK_INODES } from '../../format/geometry.ts';
import { FORK } from '../../format/inode.ts';
import { type Chunk, ChunkCursor } from '../btree/chunk.ts';
import { corrupt } from '../buffer.ts';
import { freeLater } from '../space/allocate.ts';
import { metadataRmap } from '../space/rmapchange.ts';
import type { Transaction } from '../transaction.ts';
import type { ForkName } from './bmbt.ts';
import type { Inode } from './inode.ts';
import { removeRange } from './mapping.ts';
import { removeUnlinked } from './unlinked.ts';

/** Inodes for which a chunk of a sparse filesystem has one bit in its hole mask. */
const HOLE_INODES = 4;
/** Extents taken away in one step. */
const STEP_EXTENTS = 2;
const EVERYTHING = 2 ** 54;

/** Unmaps all of a fork, a few extents at a time. */
export function emptyFork(inode: Inode, name: ForkName): void {
  const fork = inode.fork(name);
  if (fork.format !== FORK.EXTENTS && fork.format !== FORK.BTREE) return;
  while (!removeRange(inode, name, 0, EVERYTHING, STEP_EXTENTS)) inode.tr.finish();
  inode.tr.finish();
}

/**
 * Frees an inode that has no name left and is on an unlinked list: data, attributes, then the inode itself. Log
 * recovery and repair do this for what was deleted while it was open.
 */
export function freeUnlinkedInode(inode: Inode): void {
  if (inode.core.nlink !== 0) {
    corrupt(
      'UNLINKED_INODE',
      { ino: inode.ino },
      `inode ${inode.ino} is to be freed but has ${inode.core.nlink} links`,
    );
  }
  removeUnlinked(inode);
  freeInode(inode);
}

/** Frees an inode that is on no list. */
export function freeInode(inode: Inode): void {
  const { tr, core } = inode;
  emptyFork(inode, 'data');
  if (core.forkoff !== 0) {
    emptyFork(inode, 'attr');
    inode.removeAttrFork();
  }
  inode.changed();
  if (core.nblocks !== 0) {
    const text = `inode ${inode.ino} still has ${core.nblocks} blocks after all were freed`;
    corrupt('INODE_BLOCK_COUNT', { ino: inode.ino }, text);
  }
  clearCore(inode);
  markFree(tr, inode);
  tr.finish();
}

function clearCore(inode: Inode): void {
  const { core } = inode;
  core.mode = 0;
  core.format = FORK.EXTENTS;
  core.aformat = FORK.EXTENTS;
  core.flags = 0;
  core.flags2 &= inode.tr.fs.geometry.features.bigtime ? 8n : 0n;
  core.dmevmask = 0;
  core.big_nextents = 0n;
  core.nextents = 0;
  core.anextents = 0;
  core.size = 0n;
  core.gen = (core.gen + 1) >>> 0;
}

function markFree(tr: Transaction, inode: Inode): void {
  const { geometry } = tr.fs;
  const agno = geometry.inoAgno(inode.ino);
  const agino = geometry.inoAgino(inode.ino);
  const cursor = new ChunkCursor(tr, agno, 'inobt');
  const chunk = cursor.find('LE', agino) ? cursor.chunk : undefined;
  const bit = chunk ? agino - chunk.startino : CHUNK_INODES;
  if (!chunk || bit >= CHUNK_INODES || (chunk.holemask >> Math.floor(bit / HOLE_INODES)) & 1) {
    corrupt('INOBT_MISSING', { agno, ino: inode.ino }, `inode ${inode.ino} is in no chunk of the inobt`);
  }
  const mask = 1n << BigInt(bit);
  if (chunk.free & mask)
    corrupt('INOBT_WRONG', { agno, ino: inode.ino }, `inode ${inode.ino} is free already`);
  const now: Chunk = { ...chunk, free: chunk.free | mask, freecount: chunk.freecount + 1 };
  const agi = tr.perag(agno).changeAgi();
  if (now.freecount === now.count && canGoBack(tr)) {
    agi.count -= now.count;
    agi.freecount -= now.freecount - 1;
    tr.count('icount', -now.count);
    tr.count('ifree', -(now.freecount - 1));
    cursor.remove();
    dropFree(tr, agno, chunk);
    releaseChunk(tr, agno, now);
    return;
  }
  cursor.update(now);
  agi.freecount++;
  tr.count('ifree', 1);
  noteFree(tr, agno, now);
}

/** A block that holds more than a chunk could still hold inodes of another. */
function canGoBack(tr: Transaction): boolean {
  return tr.fs.geometry.inopblock <= CHUNK_INODES;
}

function noteFree(tr: Transaction, agno: number, chunk: Chunk): void {
  if (!tr.fs.geometry.features.finobt) return;
  const cursor = new ChunkCursor(tr, agno, 'finobt');
  if (cursor.find('EQ', chunk.startino)) cursor.update(chunk);
  else cursor.insert(chunk);
}

function dropFree(tr: Transaction, agno: number, chunk: Chunk): void {
  if (!tr.fs.geometry.features.finobt) return;
  const cursor = new ChunkCursor(tr, agno, 'finobt');
  if (cursor.find('EQ', chunk.startino)) cursor.remove();
}

/** Frees the blocks of a chunk; those of holes are not its. */
function releaseChunk(tr: Transaction, agno: number, chunk: Chunk): void {
  const { geometry } = tr.fs;
  const first = geometry.aginoAgbno(chunk.startino);
  const exists = (block: number): boolean => {
    const inode = block * geometry.inopblock;
    return ((chunk.holemask >> Math.floor(inode / HOLE_INODES)) & 1) === 0;
  };
  for (let from = 0; from < geometry.chunkBlocks; ) {
    let to = from;
    while (to < geometry.chunkBlocks && exists(to)) to++;
    if (to > from) {
      freeLater(tr, agno, first + from, to - from, metadataRmap(OWNER.INODES, first + from, to - from));
      dropInodes(tr, agno, first + from, to - from);
    }
    from = to + 1;
  }
}

/** Inodes of a chunk that is gone are not written any more. */
function dropInodes(tr: Transaction, agno: number, agbno: number, count: number): void {
  const { geometry } = tr.fs;
  const start = geometry.agbnoAgino(agbno);
  for (let i = 0; i < count * geometry.inopblock; i++) tr.inodes.delete(geometry.ino(agno, start + i));
  tr.dropRange(geometry.agbnoByte(agno, agbno), count * geometry.blocksize);
}
