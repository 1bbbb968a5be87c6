/**
 * The extents of a fork in memory, in the order of the file, as columns; and their 16-byte records on disk.
 */
import { BMBT_RECORD } from '../../format/btree.ts';

const TWO_9 = 2 ** 9;
const TWO_11 = 2 ** 11;
const TWO_21 = 2 ** 21;
const TWO_23 = 2 ** 23;
const TWO_32 = 2 ** 32;
const TWO_43 = 2 ** 43;

/** Longest extent, blocks. */
export const LONGEST_EXTENT = TWO_21 - 1;
export const RECORD_BYTES = BMBT_RECORD.size;

export interface Extent {
  /** File offset, blocks. */
  readonly fileoff: number;
  /** fsbno. */
  readonly fsbno: number;
  readonly count: number;
  readonly unwritten: boolean;
}

export function readExtent(view: DataView, byte: number): Extent {
  const w0 = view.getUint32(byte);
  const w1 = view.getUint32(byte + 4);
  const w2 = view.getUint32(byte + 8);
  const w3 = view.getUint32(byte + 12);
  return {
    unwritten: w0 >= 0x80000000,
    fileoff: (w0 % 0x80000000) * TWO_23 + Math.floor(w1 / TWO_9),
    fsbno: (w1 % TWO_9) * TWO_43 + w2 * TWO_11 + Math.floor(w3 / TWO_21),
    count: w3 % TWO_21,
  };
}

export function writeExtent(view: DataView, byte: number, extent: Extent): void {
  const { fileoff, fsbno, count, unwritten } = extent;
  view.setUint32(byte, Math.floor(fileoff / TWO_23) + (unwritten ? 0x80000000 : 0));
  view.setUint32(byte + 4, (fileoff % TWO_23) * TWO_9 + Math.floor(fsbno / TWO_43));
  view.setUint32(byte + 8, Math.floor((fsbno % TWO_43) / TWO_11));
  view.setUint32(byte + 12, (fsbno % TWO_11) * TWO_21 + count);
}

/** The two words of a record's file offset, as a key of the bmbt has them. */
export function fileoffWords(view: DataView, byte: number, into: Uint32Array): void {
  const w0 = view.getUint32(byte) % 0x80000000;
  const w1 = view.getUint32(byte + 4);
  into[0] = w0 >>> 9;
  into[1] = ((w0 % TWO_9) * TWO_23 + Math.floor(w1 / TWO_9)) % TWO_32;
}

/** Extents sorted by file offset, none touching another's offsets. */
export class ExtentList {
  private readonly list: Extent[] = [];

  get length(): number {
    return this.list.length;
  }
  at(index: number): Extent | undefined {
    return index < 0 ? undefined : this.list[index];
  }
  push(extent: Extent): void {
    this.list.push(extent);
  }
  insert(index: number, extent: Extent): void {
    this.list.splice(index, 0, extent);
  }
  replace(index: number, extent: Extent): void {
    this.list[index] = extent;
  }
  remove(index: number): void {
    this.list.splice(index, 1);
  }
  [Symbol.iterator](): Iterator<Extent> {
    return this.list[Symbol.iterator]();
  }

  /** Index of the first extent that ends after `fileoff`. */
  indexAt(fileoff: number): number {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { fileoff: start, count } = this.list[middle]!;
      if (start + count > fileoff) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** The extent that maps `fileoff`; undefined: a hole. */
  find(fileoff: number): Extent | undefined {
    const extent = this.list[this.indexAt(fileoff)];
    return extent && extent.fileoff <= fileoff ? extent : undefined;
  }
}
