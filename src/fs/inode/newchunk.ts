/**
 * New inode chunks: their blocks, the free inodes in them, and their records in inobt and finobt.
 *
 * Blocks are asked for behind the AG's last chunk, then near the root of the inobt, at the alignment that lets an
 * inode's cluster be computed from its number (or at the stripe unit). Where no full chunk fits, sparse filesystems
 * take a part of one: its record begins at the alignment of a full chunk, so that parts of one chunk fall on the same
 * record, which is merged.
 *
 * Invariants: a new inode is free, has its number, the metadata UUID and a generation by chance, and is on no list;
 * no record begins at block 0 or reaches past the AG.
 */

import { OWNER } from '../../format/btree.ts';
import { maxLevels } from '../../format/btreeheight.ts';
import { CHUNK_INODES, NULL_AGINO } from '../../format/geometry.ts';
import { DINODE, INODE_MAGIC } from '../../format/inode.ts';
import { type Chunk, ChunkCursor } from '../btree/chunk.ts';
import { blockType, corrupt } from '../buffer.ts';
import { clusterBlocks } from '../scan/chunk.ts';
import { type Allocated, allocate } from '../space/allocate.ts';
import { allocRequest } from '../space/request.ts';
import type { Transaction } from '../transaction.ts';

const TYPE = blockType('inode');
/** Inodes of one bit in the hole mask. */
const HOLE_INODES = 4;
const HOLE_BITS = CHUNK_INODES / HOLE_INODES;
const ALL_HOLES = 2 ** HOLE_BITS - 1;
const ALL_FREE = 2n ** BigInt(CHUNK_INODES) - 1n;

/** Blocks at whose multiples full chunks begin. */
export function chunkAlignment(tr: Transaction): number {
  const { geometry } = tr.fs;
  return geometry.inoalignmt >= clusterBlocks(geometry) ? geometry.inoalignmt : 1;
}

/** Least blocks in which inodes are made. */
export function leastChunkBlocks(tr: Transaction): number {
  const { chunkBlocks, spinoAlign } = tr.fs.geometry;
  return spinoAlign > 0 ? spinoAlign : chunkBlocks;
}

/** Inodes that a full allocation makes: a chunk, or a block that holds several. */
export function inodesAtOnce(tr: Transaction): number {
  return Math.max(CHUNK_INODES, tr.fs.geometry.inopblock);
}

/** Makes inodes in an AG, all of them free. False: there is no space for any. */
export function addChunk(tr: Transaction, agno: number): boolean {
  const { chunkBlocks } = tr.fs.geometry;
  const found = fullChunk(tr, agno, chunkBlocks);
  if (found) {
    const first = writeInodes(tr, found);
    const inodes = inodesAtOnce(tr);
    addFullRecords(tr, agno, first, inodes);
    countInodes(tr, agno, inodes, first);
    return true;
  }
  const part = partOfChunk(tr, agno, chunkBlocks);
  if (!part) return false;
  const first = writeInodes(tr, part);
  const inodes = part.count * tr.fs.geometry.inopblock;
  countInodes(tr, agno, inodes, addSparseRecord(tr, agno, first, inodes));
  return true;
}

function fullChunk(tr: Transaction, agno: number, blocks: number): Allocated | undefined {
  const { geometry } = tr.fs;
  const { agi, length } = tr.perag(agno);
  const alignment = chunkAlignment(tr);
  const common = { minlen: blocks, maxlen: blocks, minleft: maxLevels('inobt', geometry) };
  const behind = geometry.aginoAgbno(agi.newino) + blocks;
  if (agi.newino !== NULL_AGINO && behind < length) {
    // The slop keeps an AGFL from being filled with what a later, aligned request would need.
    const request = allocRequest({ ...common, agbno: behind, alignSlop: alignment - 1 });
    const found = allocate(tr, 'exact', agno, request, OWNER.INODES);
    if (found) return found;
  }
  const near = (at: number): Allocated | undefined =>
    allocate(tr, 'near', agno, allocRequest({ ...common, agbno: agi.root, alignment: at }), OWNER.INODES);
  const { unit } = tr.sb;
  const striped = unit > 0 && alignment > 1 && (unit & (alignment - 1)) === 0;
  return (striped ? near(unit) : undefined) ?? near(alignment);
}

function partOfChunk(tr: Transaction, agno: number, blocks: number): Allocated | undefined {
  const { geometry } = tr.fs;
  const { inoalignmt, spinoAlign, agblocks } = geometry;
  const count = leastChunkBlocks(tr);
  if (!geometry.features.sparse || count >= blocks || inoalignmt === 0) return undefined;
  const request = allocRequest({
    agbno: tr.perag(agno).agi.root,
    minlen: count,
    maxlen: count,
    alignment: spinoAlign,
    minleft: maxLevels('inobt', geometry),
    minAgbno: inoalignmt,
    maxAgbno: Math.floor(agblocks / inoalignmt) * inoalignmt - blocks,
  });
  return allocate(tr, 'near', agno, request, OWNER.INODES);
}

/** Free inodes all over an extent; returns the first's agino. */
function writeInodes(tr: Transaction, { agno, agbno, count }: Allocated): number {
  const { geometry, random } = tr.fs;
  const first = geometry.agbnoAgino(agbno);
  const gen = random() >>> 0;
  const place = geometry.agbnoByte(agno, agbno);
  tr.dropRange(place, count * geometry.blocksize);
  for (let i = 0; i < count * geometry.inopblock; i++) {
    const ino = geometry.ino(agno, first + i);
    const home = { agno, agbno: geometry.aginoAgbno(first + i), ino };
    const piece = { offset: place + i * geometry.inodesize, length: geometry.inodesize };
    const core = DINODE.over(tr.create(TYPE, home, [piece]).bytes);
    core.magic = INODE_MAGIC;
    core.version = 3;
    core.gen = gen;
    core.next_unlinked = NULL_AGINO;
    core.ino = ino;
    core.uuid = geometry.metaUuid;
  }
  return first;
}

function treesOf(tr: Transaction): readonly ('inobt' | 'finobt')[] {
  return tr.fs.geometry.features.finobt ? ['inobt', 'finobt'] : ['inobt'];
}

function addFullRecords(tr: Transaction, agno: number, first: number, inodes: number): void {
  for (const tree of treesOf(tr)) {
    for (let startino = first; startino < first + inodes; startino += CHUNK_INODES) {
      const cursor = new ChunkCursor(tr, agno, tree);
      if (cursor.find('EQ', startino)) overlap(tr, agno, startino);
      const count = CHUNK_INODES;
      cursor.insert({ startino, holemask: 0, count, freecount: count, free: ALL_FREE });
    }
  }
}

/** The record of a part of a chunk, alone or merged with the parts that are there. Returns where it begins. */
function addSparseRecord(tr: Transaction, agno: number, first: number, inodes: number): number {
  const { geometry } = tr.fs;
  const before = geometry.agbnoAgino(geometry.aginoAgbno(first) % geometry.inoalignmt);
  const startino = first - before;
  const there = (2 ** (inodes / HOLE_INODES) - 1) << (before / HOLE_INODES);
  let chunk: Chunk = {
    startino,
    holemask: ALL_HOLES & ~there,
    count: inodes,
    freecount: inodes,
    free: ALL_FREE,
  };
  const cursor = new ChunkCursor(tr, agno, 'inobt');
  if (cursor.find('EQ', startino)) {
    const old = cursor.chunk;
    if ((~old.holemask & there) !== 0 || old.count + inodes > CHUNK_INODES) overlap(tr, agno, startino);
    chunk = {
      startino,
      holemask: chunk.holemask & old.holemask,
      count: old.count + inodes,
      freecount: old.freecount + inodes,
      free: chunk.free & old.free,
    };
    cursor.update(chunk);
  } else cursor.insert(chunk);
  if (!geometry.features.finobt) return startino;
  const free = new ChunkCursor(tr, agno, 'finobt');
  if (free.find('EQ', startino)) free.update(chunk);
  else free.insert(chunk);
  return startino;
}

function countInodes(tr: Transaction, agno: number, inodes: number, newino: number): void {
  const agi = tr.perag(agno).changeAgi();
  agi.count += inodes;
  agi.freecount += inodes;
  agi.newino = newino;
  tr.count('icount', inodes);
  tr.count('ifree', inodes);
}

function overlap(tr: Transaction, agno: number, startino: number): never {
  const ino = tr.fs.geometry.ino(agno, startino);
  corrupt('INOBT_WRONG', { agno, ino }, `AG ${agno}: chunk of inode ${ino} lies on blocks that were free`);
}
