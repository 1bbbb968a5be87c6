/**
 * How tall the AG btrees can become: with every block but the root at its least fill (half of maxrecs). Verifiers
 * bound the levels in AGF and AGI by it, and the least length of the AGFL follows from it.
 */
import { type AgBtreeName, BTREE, type BtreeFamily, maxRecords } from './btree.ts';
import { CHUNK_INODES, type Geometry } from './geometry.ts';

function leastFill(family: BtreeFamily, level: number, blocksize: number): number {
  return maxRecords(family, level, blocksize) >>> 1;
}

/** Height of a tree of `records` records at least fill. */
export function heightForRecords(family: BtreeFamily, records: number, blocksize: number): number {
  const node = leastFill(family, 1, blocksize);
  let blocks = Math.ceil(records / leastFill(family, 0, blocksize));
  let height = 1;
  for (; blocks > 1; height++) blocks = Math.ceil(blocks / node);
  return height;
}

/**
 * Height at which a tree of least fill, with two blocks under its root, has used up `blocks` blocks. With
 * `halfFullRoot` the root, too, has its least fill, as xfsprogs 6.1 and its kernels reckoned.
 */
export function heightForBlocks(
  family: BtreeFamily,
  blocks: number,
  blocksize: number,
  halfFullRoot = false,
): number {
  const node = leastFill(family, 1, blocksize);
  let left = blocks - 1;
  let width = halfFullRoot ? node : 2;
  let height = 1;
  for (; width < left; height++) {
    left -= width;
    width *= node;
  }
  return height;
}

/** Greatest number of levels a tree of this name can have in an AG of this filesystem. */
export function maxLevels(name: AgBtreeName, geometry: Geometry): number {
  const { agblocks, blocksize } = geometry;
  const family = BTREE[name];
  switch (name) {
    case 'bnobt':
    case 'cntbt':
      // Free extents cannot touch one another, so at most every other block begins one.
      return heightForRecords(family, Math.ceil(agblocks / 2), blocksize);
    case 'inobt':
    case 'finobt':
      return heightForRecords(family, Math.ceil(2 ** geometry.aginolog / CHUNK_INODES), blocksize);
    case 'rmapbt':
      // Shared blocks have any number of owners; then only the room for the tree itself is a limit.
      return geometry.features.reflink
        ? heightForBlocks(family, agblocks, blocksize)
        : heightForRecords(family, agblocks, blocksize);
    case 'refcntbt':
      return heightForRecords(family, agblocks, blocksize);
  }
}

/** Keys that a bmbt root is sure to have room for, by fork. */
const LEAST_ROOT_KEYS = { data: 3, attr: 2 } as const;

/** Greatest number of levels of a bmbt, its root in the inode included: as many extents as an inode can count. */
export function maxBmbtLevels(fork: 'data' | 'attr', geometry: Geometry): number {
  const { nrext64 } = geometry.features;
  const extents =
    fork === 'data' ? (nrext64 ? 2 ** 48 - 1 : 2 ** 31 - 1) : nrext64 ? 2 ** 32 - 1 : 2 ** 15 - 1;
  const node = leastFill(BTREE.bmapbt, 1, geometry.blocksize);
  let blocks = Math.ceil(extents / leastFill(BTREE.bmapbt, 0, geometry.blocksize));
  let levels = 1;
  for (; blocks > 1; levels++) blocks = blocks <= LEAST_ROOT_KEYS[fork] ? 1 : Math.ceil(blocks / node);
  return levels;
}
