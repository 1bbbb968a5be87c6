/**
 * How each AG btree's records and keys are written: one ops row per tree, over the columns that hold its records.
 * Hot: DataView at the offsets of the rows in `format/btree.ts`.
 */
import {
  type AgBtreeName,
  ALLOC_RECORD,
  INOBT_RECORD,
  INOBT_SPARSE_RECORD,
  REFCOUNT_COW,
  REFCOUNT_RECORD,
  RMAP_KEY,
  RMAP_OFF_ATTR,
  RMAP_OFF_BMBT,
  RMAP_OFF_UNWRITTEN,
  RMAP_RECORD,
} from '../../format/btree.ts';
import type { ChunkColumns, ExtentColumns, RefcountColumns, RunColumns } from '../space/columns.ts';
import { FLAG_ATTR, FLAG_BMBT, FLAG_UNWRITTEN } from '../space/columns.ts';

const TWO_32 = 2 ** 32;

/** Records of one tree, ready to be written in order. */
export interface RecordSource {
  readonly tree: AgBtreeName;
  readonly length: number;
  writeRecord(i: number, view: DataView, byte: number): void;
  writeLowKey(i: number, view: DataView, byte: number): void;
  /** Overlapping trees (rmapbt) alone: which of two records reaches higher, and its high key. */
  readonly higher?: (i: number, j: number) => number;
  readonly writeHighKey?: (i: number, view: DataView, byte: number) => void;
}

export function allocRecords(tree: 'bnobt' | 'cntbt', runs: RunColumns): RecordSource {
  const { startblock, blockcount } = ALLOC_RECORD.offset;
  const write = (i: number, view: DataView, byte: number): void => {
    view.setUint32(byte + startblock, runs.start[i]!);
    view.setUint32(byte + blockcount, runs.count[i]!);
  };
  return { tree, length: runs.length, writeRecord: write, writeLowKey: write };
}

export function inodeRecords(tree: 'inobt' | 'finobt', chunks: ChunkColumns, sparse: boolean): RecordSource {
  const full = INOBT_RECORD.offset;
  const packed = INOBT_SPARSE_RECORD.offset;
  return {
    tree,
    length: chunks.length,
    writeRecord(i, view, byte) {
      view.setUint32(byte + full.startino, chunks.startino[i]!);
      if (sparse) {
        view.setUint16(byte + packed.holemask, chunks.holemask[i]!);
        view.setUint8(byte + packed.count, chunks.count[i]!);
        view.setUint8(byte + packed.freecount, chunks.freecount[i]!);
      } else view.setUint32(byte + full.freecount, chunks.freecount[i]!);
      view.setUint32(byte + full.free, chunks.freeHigh[i]!);
      view.setUint32(byte + full.free + 4, chunks.freeLow[i]!);
    },
    writeLowKey: (i, view, byte) => view.setUint32(byte, chunks.startino[i]!),
  };
}

export function refcountRecords(refcounts: RefcountColumns): RecordSource {
  const { blockcount, refcount } = REFCOUNT_RECORD.offset;
  const key = (i: number): number => refcounts.start[i]! + (refcounts.cow[i] ? REFCOUNT_COW : 0);
  return {
    tree: 'refcntbt',
    length: refcounts.length,
    writeRecord(i, view, byte) {
      view.setUint32(byte, key(i));
      view.setUint32(byte + blockcount, refcounts.count[i]!);
      view.setUint32(byte + refcount, refcounts.refcount[i]!);
    },
    writeLowKey: (i, view, byte) => view.setUint32(byte, key(i)),
  };
}

/** Writes the 64-bit words of an rmap owner and offset; `unwritten` is masked in keys. */
function writeOwnerOffset(view: DataView, byte: number, owner: number, offset: number, flags: number): void {
  view.setUint32(byte, owner < 0 ? 0xffffffff : Math.floor(owner / TWO_32));
  view.setUint32(byte + 4, owner < 0 ? owner >>> 0 : owner % TWO_32);
  let high = Math.floor(offset / TWO_32);
  if (flags & FLAG_ATTR) high += RMAP_OFF_ATTR;
  if (flags & FLAG_BMBT) high += RMAP_OFF_BMBT;
  if (flags & FLAG_UNWRITTEN) high += RMAP_OFF_UNWRITTEN;
  view.setUint32(byte + 8, high);
  view.setUint32(byte + 12, offset % TWO_32);
}

export function rmapRecords(rmaps: ExtentColumns): RecordSource {
  const record = RMAP_RECORD.offset;
  const keyOwner = RMAP_KEY.offset.owner;
  const lastBlock = (i: number): number => rmaps.start[i]! + rmaps.count[i]! - 1;
  /** Extents of a fork map file offsets, so their high key moves on in the file too; others keep offset 0. */
  const highOffset = (i: number): number =>
    rmaps.owner[i]! < 0 || rmaps.flags[i]! & FLAG_BMBT
      ? rmaps.offset[i]!
      : rmaps.offset[i]! + rmaps.count[i]! - 1;
  return {
    tree: 'rmapbt',
    length: rmaps.length,
    writeRecord(i, view, byte) {
      view.setUint32(byte + record.startblock, rmaps.start[i]!);
      view.setUint32(byte + record.blockcount, rmaps.count[i]!);
      writeOwnerOffset(view, byte + record.owner, rmaps.owner[i]!, rmaps.offset[i]!, rmaps.flags[i]!);
    },
    writeLowKey(i, view, byte) {
      view.setUint32(byte, rmaps.start[i]!);
      const flags = rmaps.flags[i]! & ~FLAG_UNWRITTEN;
      writeOwnerOffset(view, byte + keyOwner, rmaps.owner[i]!, rmaps.offset[i]!, flags);
    },
    writeHighKey(i, view, byte) {
      view.setUint32(byte, lastBlock(i));
      const flags = rmaps.flags[i]! & ~FLAG_UNWRITTEN;
      writeOwnerOffset(view, byte + keyOwner, rmaps.owner[i]!, highOffset(i), flags);
    },
    higher(i, j) {
      return compareHigh(rmaps, lastBlock(i), highOffset(i), i, lastBlock(j), highOffset(j), j) >= 0 ? i : j;
    },
  };
}

function compareHigh(
  rmaps: ExtentColumns,
  blockI: number,
  offsetI: number,
  i: number,
  blockJ: number,
  offsetJ: number,
  j: number,
): number {
  if (blockI !== blockJ) return blockI - blockJ;
  const unsigned = (owner: number): number => (owner < 0 ? owner + 2 ** 64 : owner);
  if (rmaps.owner[i] !== rmaps.owner[j]) {
    // Both negative: compare as they are, since 2^64 swallows small differences in a double.
    if (rmaps.owner[i]! < 0 && rmaps.owner[j]! < 0) return rmaps.owner[i]! - rmaps.owner[j]!;
    return unsigned(rmaps.owner[i]!) - unsigned(rmaps.owner[j]!);
  }
  const fork = (k: number): number =>
    (rmaps.flags[k]! & FLAG_ATTR ? 2 : 0) + (rmaps.flags[k]! & FLAG_BMBT ? 1 : 0);
  return fork(i) - fork(j) || offsetI - offsetJ;
}
