/**
 * Ranges of two forks change places: what one file maps there, the other will. Blocks stay where they are; reverse
 * mappings follow. Extent by extent, as long as both files go on without a border.
 */
import { UnsupportedFeature } from '../../format/errors.ts';
import { DIFLAG2, FORK } from '../../format/inode.ts';
import { corrupt } from '../buffer.ts';
import type { ForkName } from './bmbt.ts';
import type { Extent } from './extent.ts';
import type { Inode } from './inode.ts';
import { addExtent, removeRange } from './mapping.ts';

export interface ExchangeSide {
  readonly inode: Inode;
  /** First block of the range. */
  readonly fileoff: number;
  /** Its size when all is done, bytes; without it sizes are left alone. */
  readonly newSize?: bigint;
  /** It shares no blocks when all is done. */
  readonly clearReflink: boolean;
}

export interface Exchange {
  readonly name: ForkName;
  /** Blocks. */
  readonly count: number;
  readonly first: ExchangeSide;
  readonly second: ExchangeSide;
  /** Sizes are set at the end; otherwise they only grow with what is mapped. */
  readonly setSizes: boolean;
  /** What the first file has not written stays where it is. */
  readonly onlyWritten: boolean;
}

/** Part of a range: mapped as one extent, or a hole (fsbno -1). */
interface Run {
  readonly fsbno: number;
  readonly count: number;
  readonly unwritten: boolean;
}

/** Exchanges the ranges. Throws CorruptionError, NoSpaceError, UnsupportedFeature for realtime files. */
export function exchangeRanges(exchange: Exchange): void {
  const { name, first, second } = exchange;
  needForks(exchange);
  if (name === 'data') shareReflink(first.inode, second.inode);
  for (let done = 0; done < exchange.count; ) {
    const rest = exchange.count - done;
    const a = runAt(first.inode, name, first.fileoff + done, rest);
    const skipped = exchange.onlyWritten && (a.fsbno < 0 || a.unwritten);
    if (skipped) {
      done += a.count;
      continue;
    }
    const b = runAt(second.inode, name, second.fileoff + done, a.count);
    if (a.fsbno !== b.fsbno) exchangeRun(exchange, done, a, b);
    else if (a.unwritten !== b.unwritten) {
      const { ino } = first.inode;
      corrupt('INODE_FORK', { ino }, `inode ${ino}: fsbno ${a.fsbno} is written for one file only`);
    }
    done += b.count;
  }
  if (exchange.setSizes) for (const side of [first, second]) setSize(side);
  for (const { inode, clearReflink } of [first, second]) if (clearReflink) setReflink(inode, false);
}

function needForks({ name, first, second }: Exchange): void {
  for (const { inode } of [first, second]) {
    if (inode.isRealtime) throw new UnsupportedFeature('realtime files are not changed');
    const { format } = inode.fork(name);
    if (format !== FORK.EXTENTS && format !== FORK.BTREE) {
      corrupt(
        'INODE_FORK',
        { ino: inode.ino },
        `inode ${inode.ino}: a ${name} fork without extents is exchanged`,
      );
    }
  }
}

/** What shares blocks may come into either file. */
function shareReflink(a: Inode, b: Inode): void {
  if (!a.isReflinked && !b.isReflinked) return;
  setReflink(a, true);
  setReflink(b, true);
}

function setReflink(inode: Inode, on: boolean): void {
  const bit = 1n << BigInt(DIFLAG2.REFLINK);
  inode.changed();
  inode.core.flags2 = on ? inode.core.flags2 | bit : inode.core.flags2 & ~bit;
}

/** What a fork has at `fileoff`, at most `most` blocks of it. */
function runAt(inode: Inode, name: ForkName, fileoff: number, most: number): Run {
  const { extents } = inode.fork(name);
  const index = extents.indexAt(fileoff);
  const extent = extents.at(index);
  if (!extent || extent.fileoff > fileoff) {
    const gap = extent ? extent.fileoff - fileoff : most;
    return { fsbno: -1, count: Math.min(gap, most), unwritten: false };
  }
  const skip = fileoff - extent.fileoff;
  const count = Math.min(extent.count - skip, most);
  return { fsbno: extent.fsbno + skip, count, unwritten: extent.unwritten };
}

function exchangeRun({ name, first, second }: Exchange, done: number, a: Run, b: Run): void {
  const { count } = b;
  const unmap = ({ inode, fileoff }: ExchangeSide, { fsbno }: Run): void => {
    if (fsbno < 0) return;
    removeRange(inode, name, fileoff + done, count, Number.POSITIVE_INFINITY, 'keep');
    inode.tr.finish();
  };
  const map = (side: ExchangeSide, { fsbno, unwritten }: Run): void => {
    if (fsbno < 0) return;
    const extent: Extent = { fileoff: side.fileoff + done, fsbno, count, unwritten };
    addExtent(side.inode, name, extent);
    side.inode.countBlocks(count);
    side.inode.tr.finish();
    if (name === 'data') growSize(side, extent);
  };
  unmap(first, a);
  unmap(second, b);
  map(first, b);
  map(second, a);
}

/** Nothing is mapped behind the end of a file. */
function growSize({ inode, newSize }: ExchangeSide, { fileoff, count }: Extent): void {
  if (newSize === undefined) return;
  const end = BigInt(fileoff + count) * BigInt(inode.tr.fs.geometry.blocksize);
  const size = end < newSize ? end : newSize;
  if (size <= inode.core.size) return;
  inode.changed();
  inode.core.size = size;
}

function setSize({ inode, newSize }: ExchangeSide): void {
  if (newSize === undefined) return;
  inode.changed();
  inode.core.size = newSize;
}
