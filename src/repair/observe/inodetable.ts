/**
 * A row for every inode of every chunk, in use or not: what it says of itself and what directories say of it. Rows
 * go by chunk, 64 each, in the order of inode numbers, so finding one is a search among chunks.
 *
 * Some 13 bytes an inode; columns that only one feature needs are empty without it.
 */
import { CHUNK_INODES, type Geometry } from '../../format/geometry.ts';
import type { ChunkColumns } from '../../fs/space/columns.ts';
import { NumberList } from './list.ts';

/** What an inode is: free or missing, a file type as directories number them (1 to 7), or in use but unreadable. */
export const KIND = {
  FREE: 0,
  FILE: 1,
  DIRECTORY: 2,
  CHARACTER: 3,
  BLOCK: 4,
  FIFO: 5,
  SOCKET: 6,
  SYMLINK: 7,
  LOST: 15,
} as const;

/** By the upper four bits of the mode. */
const KIND_BY_TYPE: readonly number[] = [15, 5, 3, 15, 2, 15, 4, 15, 1, 15, 7, 15, 6, 15, 15, 15];

export function kindOfMode(mode: number): number {
  return mode === 0 ? KIND.FREE : KIND_BY_TYPE[mode >>> 12]!;
}

/** What the reflink flag is judged by. */
export const MARK = {
  /** di_flags2 has REFLINK. */
  REFLINK: 1,
  /** A regular file that has the flag, or that has extents and so might need it. */
  REGULAR: 2,
} as const;

/** No such row. */
export const NO_ROW = -1;

export class InodeTable {
  /** Rows in use. */
  length = 0;
  kind = new Uint8Array(CHUNK_INODES);
  /** Bits of MARK. */
  marks = new Uint8Array(CHUNK_INODES);
  /** Links by the inode's own account. */
  nlink = new Uint32Array(CHUNK_INODES);
  /** Entries found that name it, other than "." and "..". */
  links = new Uint32Array(CHUNK_INODES);
  /** Row + 1 of the directory that names this directory; 0: none was found. */
  parent = new Uint32Array(CHUNK_INODES);
  /** Rows of the directories that were read, and the inode that ".." of each names; -1: it has none. */
  readonly directories = new NumberList();
  readonly dotdots = new NumberList();
  /** Some directory could not be read in full: inodes may have names that are not known. */
  namesLost = false;
  /** Generation; only with parent pointers. */
  gen = new Uint32Array(0);
  private readonly geometry: Geometry;
  // Chunks: first inode number, and their number; row = 64 * index + distance.
  private chunks = 0;
  private first = new Float64Array(1);
  private last = 0;

  /** `chunks`: how many are expected; there may be more. */
  constructor(geometry: Geometry, chunks = 0) {
    this.geometry = geometry;
    if (geometry.features.parent) this.gen = new Uint32Array(CHUNK_INODES);
    this.reserve(chunks);
  }

  /** Adds the chunks of an AG, sorted; AGs come in their order. Returns the row of the first. */
  addChunks(agno: number, chunks: ChunkColumns): number {
    const row = this.length;
    this.reserve(this.chunks + chunks.length);
    for (let i = 0; i < chunks.length; i++) {
      this.first[this.chunks++] = this.geometry.ino(agno, chunks.startino[i]!);
    }
    this.length = this.chunks * CHUNK_INODES;
    return row;
  }

  private reserve(chunks: number): void {
    if (chunks <= this.first.length) return;
    const capacity = Math.max(chunks, this.first.length + (this.first.length >> 1));
    const rows = capacity * CHUNK_INODES;
    const { first, kind, marks, nlink, links, parent, gen } = this;
    (this.first = new Float64Array(capacity)).set(first);
    (this.kind = new Uint8Array(rows)).set(kind);
    (this.marks = new Uint8Array(rows)).set(marks);
    (this.nlink = new Uint32Array(rows)).set(nlink);
    (this.links = new Uint32Array(rows)).set(links);
    (this.parent = new Uint32Array(rows)).set(parent);
    if (this.geometry.features.parent) (this.gen = new Uint32Array(rows)).set(gen);
  }

  /** The row of `ino`, or NO_ROW when no chunk has it. */
  find(ino: number): number {
    const { first } = this;
    // Entries of a directory tend to stay in a chunk.
    const near = ino - first[this.last]!;
    if (near >= 0 && near < CHUNK_INODES && this.last < this.chunks) return this.last * CHUNK_INODES + near;
    let low = 0;
    let high = this.chunks;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (first[middle]! <= ino) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return NO_ROW;
    const distance = ino - first[low - 1]!;
    if (!(distance < CHUNK_INODES)) return NO_ROW;
    this.last = low - 1;
    return (low - 1) * CHUNK_INODES + distance;
  }

  /** A directory was read; `dotdot`: the inode that its ".." names, -1 when it has none. */
  addDirectory(row: number, dotdot: number): void {
    this.directories.push(row);
    this.dotdots.push(dotdot);
  }

  /** The inode number of a row. */
  ino(row: number): number {
    return this.first[Math.floor(row / CHUNK_INODES)]! + (row % CHUNK_INODES);
  }

  /** Whether the inode of this row is in use. */
  isInUse(row: number): boolean {
    return this.kind[row] !== KIND.FREE;
  }
}
