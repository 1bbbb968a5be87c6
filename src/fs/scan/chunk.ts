/**
 * Inode chunks of an inobt leaf, in the pieces in which inodes are read: a cluster with sparse chunks, else a whole
 * chunk. A chunk of 64 inodes may begin in the middle of a block that holds more.
 */
import { CHUNK_INODES, type Geometry } from '../../format/geometry.ts';

/** Bytes in a cluster of the smallest inodes; larger inodes have larger clusters where the alignment allows. */
const CLUSTER_BYTES = 8192;
const SMALLEST_INODE = 256;

export interface InodePieces {
  /** Blocks in a piece, and inodes of one chunk in it. */
  readonly blocks: number;
  readonly inodes: number;
  /** Blocks that a chunk takes; a block that holds more than a chunk counts as one. */
  readonly chunkBlocks: number;
}

/** Blocks in an inode cluster. */
export function clusterBlocks(geometry: Geometry): number {
  const { blocksize, inodesize, inoalignmt } = geometry;
  const wanted = (CLUSTER_BYTES * inodesize) / SMALLEST_INODE;
  const bytes = inoalignmt >= Math.floor(wanted / blocksize) ? wanted : CLUSTER_BYTES;
  return bytes <= blocksize ? 1 : Math.floor(bytes / blocksize);
}

export function inodePieces(geometry: Geometry): InodePieces {
  const chunkBlocks = Math.max(1, CHUNK_INODES / geometry.inopblock);
  const blocks = geometry.features.sparse ? clusterBlocks(geometry) : chunkBlocks;
  return { blocks, inodes: Math.min(blocks * geometry.inopblock, CHUNK_INODES), chunkBlocks };
}

/** A record of the inobt, as it stands in a leaf. */
export interface ChunkRecord {
  readonly startino: number;
  readonly holemask: number;
  readonly freecount: number;
  readonly freeHigh: number;
  readonly freeLow: number;
}

/** Reads the record at byte `at`. Without sparse chunks the hole mask is half of the free count, and zero. */
export function chunkRecord(view: DataView, at: number, sparse: boolean): ChunkRecord {
  return {
    startino: view.getUint32(at),
    holemask: view.getUint16(at + 4),
    freecount: sparse ? view.getUint8(at + 7) : view.getUint32(at + 4),
    freeHigh: view.getUint32(at + 8),
    freeLow: view.getUint32(at + 12),
  };
}

/** Whether inode `index` of a chunk is free by its mask. */
export function isFree(record: ChunkRecord, index: number): boolean {
  const word = index < 32 ? record.freeLow >>> index : record.freeHigh >>> (index - 32);
  return (word & 1) !== 0;
}

/** Whether inode `index` of a chunk does not exist. */
export function isHole(record: ChunkRecord, index: number): boolean {
  return ((record.holemask >>> (index >> 2)) & 1) !== 0;
}
