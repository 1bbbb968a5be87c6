/**
 * New inodes: which AG, which of its free inodes, and what its core says.
 *
 * An AG is taken that has free inodes, or space for a chunk of them; from the parent's on, upwards and around. Nearly
 * full filesystems use up the free inodes of all AGs before they make more. Inside the AG the chunk nearest to the
 * parent gives its first free inode: by the finobt, or without one by steps to both sides in the inobt.
 *
 * Invariants: inobt, finobt, AGI and superblock agree on what is free. The literal area of an inode that was used
 * before keeps its bytes, as nothing reads them.
 */
import { maxLevels } from '../../format/btreeheight.ts';
import { CHUNK_INODES, type Geometry, NULL_AGINO } from '../../format/geometry.ts';
import { DIFLAG2, FORK, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../../format/inode.ts';
import { encodeTimestamp } from '../../format/time.ts';
import { type Chunk, ChunkCursor } from '../btree/chunk.ts';
import { corrupt } from '../buffer.ts';
import { noSpace } from '../nospace.ts';
import type { Transaction } from '../transaction.ts';
import { type Inode, readAnyInode } from './inode.ts';
import { addChunk, chunkAlignment, inodesAtOnce, leastChunkBlocks } from './newchunk.ts';

const HOLE_INODES = 4;
/** Steps in the inobt before the search near the parent is given up. */
const STEPS = 10;

export interface NewInode {
  /** Type and permissions. */
  readonly mode: number;
  /** Links from the start. */
  readonly nlink: number;
  /** Directory that it should lie near; absent: it has none. */
  readonly parent?: number;
}

/** Blocks that must be free before an inode is made: a chunk, and a split of each tree to the root. */
export function inodeReserve(geometry: Geometry): number {
  return geometry.chunkBlocks + (geometry.features.finobt ? 2 : 1) * maxLevels('inobt', geometry);
}

/** Takes a free inode and initialises it: owned by root, empty. Throws NoSpaceError, CorruptionError. */
export function createInode(tr: Transaction, request: NewInode): Inode {
  const { geometry } = tr.fs;
  const parent = request.parent ?? 0;
  const home = geometry.inoAgno(parent);
  const start = home < geometry.agcount ? home : 0;
  const most = mostInodes(tr);
  const room = most === 0 || Number(tr.sb.icount) + inodesAtOnce(tr) <= most;
  const scarce = Number(tr.sb.fdblocks) < Math.floor(geometry.dblocks / 100);
  // On the first way around an AG must have space for a chunk wherever it lies; what is scarce is left alone.
  for (const strict of [true, false]) {
    const grow = room && !(strict && scarce);
    for (let i = 0; i < geometry.agcount; i++) {
      const agno = (start + i) % geometry.agcount;
      if (!offersInode(tr, agno, strict, grow)) continue;
      if (tr.perag(agno).agi.freecount === 0) {
        if (!addChunk(tr, agno)) continue;
        tr.roll();
      }
      return initialise(tr, takeInode(tr, agno, parent), request);
    }
  }
  noSpace('no AG has a free inode or space for one');
}

/** Inodes that may be at most; 0: any number. */
function mostInodes(tr: Transaction): number {
  const { dblocks, chunkBlocks, inopblock } = tr.fs.geometry;
  const blocks = Math.floor((dblocks * tr.sb.imax_pct) / 100);
  return Math.floor(blocks / chunkBlocks) * chunkBlocks * inopblock;
}

function offersInode(tr: Transaction, agno: number, strict: boolean, grow: boolean): boolean {
  const { agi, agf } = tr.perag(agno);
  if (agi.freecount > 0) return true;
  if (!grow) return false;
  let need = leastChunkBlocks(tr);
  if (strict && need > 1) need += chunkAlignment(tr);
  const longest = agf.longest > 0 ? agf.longest : Math.min(agf.flcount, 1);
  // One more, for the first block of the file.
  return agf.freeblks >= need + 1 && longest >= need;
}

/** Takes one of the free inodes of an AG that has some; returns its number. */
function takeInode(tr: Transaction, agno: number, parent: number): number {
  const { geometry } = tr.fs;
  const { agi } = tr.perag(agno);
  // Who has no parent goes where inodes were made last.
  const near = geometry.inoAgino(parent) || agi.newino;
  const isHome = geometry.inoAgno(parent) === agno;
  const chosen = geometry.features.finobt
    ? chooseFree(tr, agno, isHome ? near : undefined)
    : chooseAny(tr, agno, isHome ? near : undefined);
  const chunk = takeBit(tr, agno, chosen.cursor.chunk);
  const { cursor } = chosen;
  if (geometry.features.finobt) {
    if (chunk.freecount > 0) cursor.update(chunk);
    else cursor.remove();
    const whole = new ChunkCursor(tr, agno, 'inobt');
    const found = whole.find('EQ', chunk.startino) ? whole.chunk : undefined;
    const bit = 1n << BigInt(chunk.bit);
    if (!found || (found.free & ~bit) !== chunk.free || found.freecount !== chunk.freecount + 1) {
      const ino = geometry.ino(agno, chunk.startino);
      corrupt(
        'INOBT_WRONG',
        { agno, ino },
        `AG ${agno}: inobt and finobt differ on the chunk of inode ${ino}`,
      );
    }
    whole.update({ ...found, free: chunk.free, freecount: chunk.freecount });
  } else cursor.update(chunk);
  tr.perag(agno).changeAgi().freecount--;
  tr.count('ifree', -1);
  return geometry.ino(agno, chunk.startino + chunk.bit);
}

/** The chunk without its first free inode, whose place in it is `bit`. */
function takeBit(tr: Transaction, agno: number, chunk: Chunk): Chunk & { readonly bit: number } {
  for (let bit = 0; bit < CHUNK_INODES; bit++) {
    const mask = 1n << BigInt(bit);
    if ((chunk.holemask >> Math.floor(bit / HOLE_INODES)) & 1 || (chunk.free & mask) === 0n) continue;
    return { ...chunk, free: chunk.free & ~mask, freecount: chunk.freecount - 1, bit };
  }
  return noneFree(tr, agno);
}

interface Chosen {
  readonly cursor: ChunkCursor;
}

/** By the finobt: the chunk nearest to `near`; without that the newest chunk, or the first that has any free. */
function chooseFree(tr: Transaction, agno: number, near: number | undefined): Chosen {
  const cursor = new ChunkCursor(tr, agno, 'finobt');
  if (near === undefined) {
    const { newino } = tr.perag(agno).agi;
    if (newino !== NULL_AGINO && cursor.find('EQ', newino)) return { cursor };
    return cursor.find('GE', 0) ? { cursor } : noneFree(tr, agno);
  }
  const left = cursor.find('LE', near) ? cursor.chunk : undefined;
  if (left && near < left.startino + CHUNK_INODES) return { cursor };
  const after = new ChunkCursor(tr, agno, 'finobt');
  const right = after.find('GE', near) ? after.chunk : undefined;
  if (!left && !right) return noneFree(tr, agno);
  if (!left) return { cursor: after };
  if (!right) return { cursor };
  const isRight = near - left.startino + CHUNK_INODES - 1 > right.startino - near;
  return { cursor: isRight ? after : cursor };
}

/** By the inobt: a few steps to both sides of `near`, then the newest chunk, then the first that has any free. */
function chooseAny(tr: Transaction, agno: number, near: number | undefined): Chosen {
  if (near !== undefined) {
    const found = searchAround(tr, agno, near);
    if (found) return found;
  }
  const cursor = new ChunkCursor(tr, agno, 'inobt');
  const { newino } = tr.perag(agno).agi;
  if (newino !== NULL_AGINO && cursor.find('EQ', newino) && cursor.chunk.freecount > 0) return { cursor };
  if (!cursor.find('GE', 0)) return noneFree(tr, agno);
  while (cursor.chunk.freecount === 0) if (!cursor.increment()) return noneFree(tr, agno);
  return { cursor };
}

/** Where a search was given up; the next for the same place goes on from there. */
interface Mark {
  readonly near: number;
  readonly left: number;
  readonly right: number;
}

function searchAround(tr: Transaction, agno: number, near: number): Chosen | undefined {
  const marks = tr.fs.inodeSearches;
  for (let steps = STEPS; ; marks.delete(agno)) {
    const left = new ChunkCursor(tr, agno, 'inobt');
    const right = new ChunkCursor(tr, agno, 'inobt');
    if (!left.find('LE', near) || !right.find('LE', near)) return undefined;
    if (left.chunk.freecount > 0) return { cursor: left };
    const mark: Mark | undefined = marks.get(agno);
    const isUsable = mark?.near === near && mark.left !== NULL_AGINO && mark.right !== NULL_AGINO;
    const known = isUsable ? mark : undefined;
    let hasLeft = known ? left.find('EQ', known.left) : left.decrement();
    let hasRight = known ? right.find('EQ', known.right) : right.increment();
    let leftStart = hasLeft ? left.chunk.startino : NULL_AGINO;
    let rightStart = hasRight ? right.chunk.startino : NULL_AGINO;
    while (--steps > 0 && (hasLeft || hasRight)) {
      const toLeft =
        hasLeft && hasRight ? near - (leftStart + CHUNK_INODES - 1) < rightStart - near : hasLeft;
      const cursor = toLeft ? left : right;
      if (cursor.chunk.freecount > 0) {
        marks.set(agno, { near, left: leftStart, right: rightStart });
        return { cursor };
      }
      if (toLeft) {
        hasLeft = left.decrement();
        if (hasLeft) leftStart = left.chunk.startino;
      } else {
        hasRight = right.increment();
        if (hasRight) rightStart = right.chunk.startino;
      }
    }
    if (steps <= 0) {
      marks.set(agno, { near, left: leftStart, right: rightStart });
      return undefined;
    }
  }
}

function noneFree(tr: Transaction, agno: number): never {
  const { freecount } = tr.perag(agno).agi;
  const text = `AG ${agno}: the AGI counts ${freecount} free inodes, its btrees have none to give`;
  corrupt('INOBT_WRONG', { agno }, text);
}

function initialise(tr: Transaction, ino: number, { mode, nlink }: NewInode): Inode {
  const { features, metaUuid } = tr.fs.geometry;
  const inode = readAnyInode(tr, ino);
  const { core } = inode;
  if (core.mode !== 0) corrupt('INOBT_WRONG', { ino }, `inode ${ino} is free in its btree, but in use`);
  inode.changed();
  const flag = (bit: number, on: boolean): bigint => (on ? 1n << BigInt(bit) : 0n);
  core.version = 3;
  core.mode = mode;
  core.onlink = 0;
  core.nlink = nlink;
  core.uid = 0;
  core.gid = 0;
  core.projid_lo = 0;
  core.projid_hi = 0;
  core.format = isMapped(mode) ? FORK.EXTENTS : FORK.DEV;
  core.aformat = FORK.EXTENTS;
  core.forkoff = 0;
  core.big_nextents = 0n;
  core.nextents = 0;
  core.anextents = 0;
  core.size = 0n;
  core.nblocks = 0;
  core.extsize = 0;
  core.cowextsize = 0;
  core.flags = 0;
  core.flags2 = flag(DIFLAG2.BIGTIME, features.bigtime) | flag(DIFLAG2.NREXT64, features.nrext64);
  core.gen = tr.fs.random() >>> 0;
  core.changecount = 1n;
  core.ino = ino;
  core.uuid = metaUuid;
  const now = encodeTimestamp(tr.fs.now(), features.bigtime);
  for (const name of ['atime', 'mtime', 'ctime', 'crtime'] as const) core[name] = now;
  tr.inodes.set(ino, inode);
  return inode;
}

function isMapped(mode: number): boolean {
  const type = mode & S_IFMT;
  return type === S_IFREG || type === S_IFDIR || type === S_IFLNK;
}
