/**
 * The least log a filesystem can have: the kernel refuses to mount when the log is smaller, so mkfs must compute
 * exactly what every kernel of the last years computes.
 *
 * The rule: take each kind of transaction with the bytes of log it may need (worst case of every btree it can
 * split) times the number of such steps it holds reserved at once; the largest of them, with log headers and
 * padding, must fit three times. The formulas keep some historical overestimates on purpose (rmapbt height 9,
 * eight write steps, refcount splits counted in the same transaction), as logs made today must satisfy them.
 *
 * Filesystems with parent pointers are younger than those mistakes: they are reckoned without them, but every change
 * of a name also changes an attribute.
 *
 * Units: bytes, unless named blocks. Transactions are rows; those that can never be the largest (each is a part of
 * a larger one) have no row.
 */
import { BTREE, type BtreeFamily, maxRecords } from '../../format/btree.ts';
import { heightForBlocks, heightForRecords } from '../../format/btreeheight.ts';

export interface LogDemand {
  readonly blocksize: number;
  readonly sectsize: number;
  readonly inodesize: number;
  readonly dirblocksize: number;
  /** Blocks in an AG. */
  readonly agblocks: number;
  readonly agblklog: number;
  /** Inode chunk alignment, blocks. */
  readonly inoalignmt: number;
  /** Log stripe unit, bytes; 1: none. */
  readonly logsunit: number;
  readonly finobt: boolean;
  readonly rmapbt: boolean;
  readonly reflink: boolean;
  readonly nrext64: boolean;
  readonly parent: boolean;
  /** Reckon what a transaction takes today, not what the least log must hold for the sake of older kernels. */
  readonly today?: boolean;
  /** Blocks of a realtime extent where there is a realtime section, else 0. */
  readonly rtExtent: number;
}

const OP_HEADER = 12;
const TRANSACTION_HEADER = 16;
const INODE_ITEM = 56;
const LONG_BTREE_HEADER = 72;
/** A buffer item's format and op headers, rounded up as it always was. */
const BUFFER_OVERHEAD = 128;
/** Six dquots with their item headers. */
export const DQUOTS = 6 * (24 + 104);
const SYMLINK_MAX = 1024;
const DA_MAX_DEPTH = 5;
const NAME_MAX_BYTES = 256;
/** Height of the rmapbt that early reflink kernels assumed whatever the AG size. */
const OLD_REFLINK_RMAP_LEVELS = 9;
const LOG_RECORD_BYTES = 256 * 1024;
const LOG_RECORD_HEADERS = (LOG_RECORD_BYTES / (32 * 1024)) * 512;
const LOG_FACTOR = 3;
/** Greatest length of an extent, blocks. */
const MAX_EXTENT = 2 ** 21 - 1;

/** What the intents for adding, removing and replacing a parent pointer add to a transaction. */
const PARENT_RECORD = 12;
const PARENT_LINK = 40 + PARENT_RECORD + NAME_MAX_BYTES;
const PARENT_RENAME = 3 * PARENT_LINK + PARENT_RECORD + NAME_MAX_BYTES;
/** Steps of setting or removing an attribute. */
const ATTRIBUTE_STEPS = 3;

const halfFull = (family: BtreeFamily, blocksize: number): [number, number] => [
  Math.floor(maxRecords(family, 0, blocksize) / 2),
  Math.floor(maxRecords(family, 1, blocksize) / 2),
];

/** Levels of a bmbt whose root holds `rootKeys` and which maps as many extents as an inode can count. */
function tallestBmbt(maxExtents: number, rootKeys: number, blocksize: number): number {
  const [leaf, node] = halfFull(BTREE.bmapbt, blocksize);
  let height = 1;
  for (let blocks = Math.ceil(maxExtents / leaf); blocks > 1; height++)
    blocks = blocks <= rootKeys ? 1 : Math.ceil(blocks / node);
  return height;
}

/** Without the overestimates of the early days of reflink. */
function isExact(d: LogDemand): boolean {
  return d.parent || d.today === true;
}

/** Heights of the trees, and what changing a number of things in them costs. */
function treeCosts(d: LogDemand) {
  const bs = d.blocksize;
  const allocLevels = heightForRecords(BTREE.bnobt, Math.floor((d.agblocks + 1) / 2), bs);
  const rmapTallest = d.reflink
    ? heightForBlocks(BTREE.rmapbt, d.agblocks, bs, d.today)
    : heightForRecords(BTREE.rmapbt, d.agblocks, bs);
  const rmapLevels = d.reflink && !isExact(d) ? OLD_REFLINK_RMAP_LEVELS : rmapTallest;
  const refcountLevels = heightForRecords(BTREE.refcntbt, d.agblocks, bs);
  const inopblog = Math.log2(bs / d.inodesize);
  const inobtLevels = heightForRecords(BTREE.inobt, 2 ** (d.agblklog + inopblog - 6), bs);
  const dataLevels = tallestBmbt(d.nrext64 ? 2 ** 48 - 1 : 2 ** 31 - 1, 3, bs);
  const attrLevels = tallestBmbt(d.nrext64 ? 2 ** 32 - 1 : 2 ** 15 - 1, 2, bs);
  const extentsPerBlock = maxRecords(BTREE.bnobt, 0, bs) - halfFull(BTREE.bnobt, bs)[0];
  /** bmbt blocks that adding `count` extents may take. */
  const bmbtBlocks = (count: number, levels: number) => Math.ceil(count / extentsPerBlock) * (levels - 1);

  const buffers = (count: number, size: number) => count * (size + BUFFER_OVERHEAD);
  const blocks = (count: number) => buffers(count, bs);
  const sectors = (count: number) => buffers(count, d.sectsize);
  const inodes = (count: number) =>
    count * (4 * OP_HEADER + INODE_ITEM + d.inodesize + 2 * LONG_BTREE_HEADER);
  /** Free space (and rmap) btree blocks that allocating or freeing `count` extents may change. */
  const space = (count: number) =>
    blocks(count * (2 * (2 * allocLevels - 1) + (d.rmapbt ? 2 * rmapLevels - 1 : 0)));
  const refcountSplits = (count: number) => (d.reflink ? blocks(count * (2 * refcountLevels - 1)) : 0);
  /** Refcount changes in the same transaction, as once they were; in one of their own, as they are. */
  const refcounts = (count: number) => (isExact(d) ? 0 : refcountSplits(count));
  const refcountsAlone = (count: number) =>
    isExact(d) && d.reflink ? sectors(count) + refcountSplits(count) : 0;
  const inobt = blocks(inobtLevels) + space(1);
  const finobt = d.finobt ? inobt : 0;
  /** Bitmap and summary blocks of the realtime section that `count` of the longest extents may change. */
  const realtime = (count: number) =>
    d.rtExtent > 0 ? blocks(count * (Math.ceil(Math.floor(MAX_EXTENT / d.rtExtent / 8) / bs) + 1)) : 0;

  return {
    ...{ bs, dataLevels, attrLevels, bmbtBlocks, buffers, blocks, sectors, inodes },
    ...{ space, refcounts, refcountsAlone, inobt, finobt, realtime },
  };
}

/** The building blocks of the rows below, for one geometry. */
export function costsOf(d: LogDemand) {
  const trees = treeCosts(d);
  const { bs, dataLevels, attrLevels, bmbtBlocks, buffers, blocks, sectors, inodes } = trees;
  const { space, refcounts, refcountsAlone, inobt, finobt, realtime } = trees;
  const dirFsblocks = d.dirblocksize / bs;
  const dirDepth = DA_MAX_DEPTH + 2;
  const dirGrowth = bmbtBlocks(dirFsblocks, dataLevels);
  const dirBlocks = dirFsblocks * dirDepth + dirDepth * dirGrowth + 1;

  const clusterWanted = (8192 * d.inodesize) / 256;
  const clusterRaw = d.inoalignmt >= Math.floor(clusterWanted / bs) ? clusterWanted : 8192;
  const cluster = Math.max(bs, clusterRaw);
  const chunkBlocks = Math.max(64, bs / d.inodesize) / (bs / d.inodesize);

  const allocInodes = sectors(2) + d.sectsize + space(1) + inobt + finobt;
  const modifyDirectory = inodes(2) + sectors(1) + bs + blocks(dirBlocks) + finobt;
  const addUnlinked = sectors(1) + cluster;
  const dropUnlinked = sectors(1) + 2 * cluster;
  const setAttribute = DQUOTS + inodes(1) + sectors(1) + blocks(DA_MAX_DEPTH);
  const removeAttribute =
    DQUOTS +
    Math.max(
      inodes(1) + blocks(DA_MAX_DEPTH) + bs * attrLevels + buffers(dataLevels, 0),
      sectors(5) + space(2),
    );
  /** Least of a transaction that changes names, where each change is an attribute's as well. */
  const named = (attribute: number) => (d.parent ? attribute : 0);
  const create =
    DQUOTS + (d.parent ? PARENT_LINK : 0) + Math.max(allocInodes, modifyDirectory, named(setAttribute));
  const write =
    DQUOTS +
    Math.max(
      inodes(1) + blocks(dataLevels) + sectors(3) + space(2) + refcounts(2),
      d.rtExtent > 0 ? inodes(1) + blocks(dataLevels) + sectors(3) + realtime(1) + space(1) : 0,
      sectors(5) + space(2) + refcounts(2),
      refcountsAlone(1),
    );
  return {
    ...trees,
    ...{ d, dirBlocks, dirGrowth, chunkBlocks, named },
    ...{ allocInodes, addUnlinked, dropUnlinked, create, write, setAttribute, removeAttribute },
  };
}
export type Costs = ReturnType<typeof costsOf>;

interface TransactionRow {
  readonly name: string;
  /** Steps held reserved at once. */
  readonly steps: (d: LogDemand) => number;
  readonly bytes: (c: Costs) => number;
}

const transaction = (
  name: string,
  steps: number | ((d: LogDemand) => number),
  bytes: (c: Costs) => number,
): TransactionRow => ({ name, steps: typeof steps === 'number' ? () => steps : steps, bytes });

/** Steps of a change of mappings: overestimated in the early days of reflink; else two, and one for each intent. */
function writeSteps(d: LogDemand): number {
  if (!isExact(d)) return d.reflink ? 8 : 2;
  return 2 + Number(d.reflink || d.rmapbt) + Number(d.reflink) + Number(d.rmapbt);
}

/** Steps of a change of names: those of the directory, and with parent pointers those of an attribute. */
const nameSteps =
  (steps: number) =>
  (d: LogDemand): number =>
    d.parent ? steps + ATTRIBUTE_STEPS : steps;

export const TRANSACTIONS: readonly TransactionRow[] = [
  transaction('write', writeSteps, (c) => c.write),
  transaction(
    'truncate',
    writeSteps,
    (c) =>
      DQUOTS +
      Math.max(
        c.inodes(1) + c.blocks(c.dataLevels + 1),
        c.sectors(9) + c.space(4) + c.refcounts(4),
        c.d.rtExtent > 0 ? c.sectors(5) + c.realtime(2) + c.space(2) : 0,
        c.refcountsAlone(2),
      ),
  ),
  transaction(
    'rename',
    nameSteps(2),
    (c) =>
      DQUOTS +
      (c.d.parent ? PARENT_RENAME : 0) +
      Math.max(
        c.inodes(5) + c.blocks(2 * c.dirBlocks),
        c.sectors(7) + c.space(3),
        c.named(Math.max(c.setAttribute, c.removeAttribute)),
      ),
  ),
  transaction(
    'link',
    nameSteps(2),
    (c) =>
      DQUOTS +
      c.dropUnlinked +
      (c.d.parent ? PARENT_LINK : 0) +
      Math.max(c.inodes(2) + c.blocks(c.dirBlocks), c.sectors(3) + c.space(1), c.named(c.setAttribute)),
  ),
  transaction(
    'remove',
    nameSteps(2),
    (c) =>
      DQUOTS +
      c.addUnlinked +
      (c.d.parent ? PARENT_LINK : 0) +
      Math.max(
        c.inodes(2) + c.blocks(c.dirBlocks),
        c.sectors(c.d.parent ? 5 : 4) + c.space(2),
        c.named(c.removeAttribute),
      ),
  ),
  transaction('symlink', nameSteps(3), (c) => c.create + c.buffers(1, SYMLINK_MAX)),
  transaction('create', nameSteps(2), (c) => c.create),
  transaction('tmpfile', 2, (c) => DQUOTS + c.allocInodes + c.addUnlinked),
  transaction('mkdir', nameSteps(3), (c) => c.create),
  transaction(
    'inode free',
    2,
    (c) =>
      DQUOTS +
      c.inodes(1) +
      c.sectors(3) +
      c.dropUnlinked +
      c.space(1) +
      c.buffers(c.chunkBlocks, 0) +
      c.inobt +
      c.finobt,
  ),
  transaction(
    'add attribute fork',
    2,
    (c) =>
      DQUOTS +
      c.inodes(1) +
      c.sectors(2) +
      c.buffers(1, c.d.dirblocksize) +
      c.blocks(c.dirGrowth + 1) +
      c.space(1),
  ),
  transaction('drop attribute fork', 1, (c) =>
    Math.max(c.inodes(1) + c.blocks(c.attrLevels), c.sectors(9) + c.space(4)),
  ),
  transaction('set attribute', ATTRIBUTE_STEPS, (c) => c.setAttribute),
  transaction('remove attribute', ATTRIBUTE_STEPS, (c) => c.removeAttribute),
  transaction('grow', 2, (c) => c.sectors(3) + c.space(1)),
  transaction('allocate dquots', writeSteps, (c) => c.write + c.buffers(1, c.bs - 1)),
];

/** Setting the largest attribute value that is stored inside the attribute btree; three steps. */
function largestAttributeBytes(c: Costs): number {
  const value = Math.floor(c.bs / 2) + Math.floor(c.bs / 4) - NAME_MAX_BYTES - 1;
  const perBlock = c.sectors(1) + c.blocks(c.attrLevels);
  const blocks =
    DA_MAX_DEPTH +
    DA_MAX_DEPTH * c.bmbtBlocks(1, c.attrLevels) +
    Math.ceil(value / c.bs) +
    // The value's bytes were once taken for blocks here.
    c.bmbtBlocks(c.d.parent ? Math.ceil(value / c.bs) : value, c.attrLevels);
  return c.setAttribute + perBlock * blocks;
}

/** Bytes in the log of a transaction of `bytes`: with op headers, record headers and padding. */
function bytesInLog(bytes: number, logsunit: number): number {
  let total = bytes + OP_HEADER + TRANSACTION_HEADER + OP_HEADER;
  const room = LOG_RECORD_BYTES - LOG_RECORD_HEADERS;
  let records = Math.ceil(total / room);
  total += OP_HEADER * records;
  while (Math.ceil(total / room) > records) {
    total += OP_HEADER;
    records++;
  }
  return total + LOG_RECORD_HEADERS * (records + 1) + 2 * (logsunit > 1 ? logsunit : 512);
}

/** The transaction that needs most: bytes of one step, and steps held at once. */
export function largestTransaction(d: LogDemand): { readonly bytes: number; readonly steps: number } {
  const costs = costsOf(d);
  let largest = { bytes: 0, steps: 1 };
  for (const row of TRANSACTIONS) {
    const bytes = row.bytes(costs);
    const steps = row.steps(d);
    if (bytes * steps > largest.bytes * largest.steps) largest = { bytes, steps };
  }
  const attribute = largestAttributeBytes(costs);
  // Compared as a single step, as kernels do, though it has three.
  return attribute > largest.bytes * largest.steps ? { bytes: attribute, steps: ATTRIBUTE_STEPS } : largest;
}

/** Bytes of log that the largest transaction holds reserved at once. */
export function largestTransactionBytes(d: LogDemand): number {
  const { bytes, steps } = largestTransaction(d);
  return bytes * steps;
}

/** Least log for this geometry, in blocks. */
export function minimumLogBlocks(d: LogDemand): number {
  const { bytes, steps } = largestTransaction(d);
  const sectors = Math.ceil((bytesInLog(bytes, d.logsunit) * steps) / 512);
  const unit = d.logsunit > 1 ? Math.ceil(d.logsunit / 512) : 0;
  const padded = unit > 0 ? Math.ceil(sectors / unit) * unit + 2 * unit : sectors + 2 * 512;
  return Math.ceil((padded * LOG_FACTOR * 512) / d.blocksize);
}
