/**
 * A table of (hash, address) sorted by hash: in a leaf from its header on, in a block form directory before its tail.
 * Removed entries stay as stale ones (address 0) and are used again by what is added near them.
 */
const ENTRY_BYTES = 8;

export class LeafTable {
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  /** Byte of the first entry. */
  start: number;
  count: number;
  stale: number;

  constructor(bytes: Uint8Array, start: number, count: number, stale: number) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.start = start;
    this.count = count;
    this.stale = stale;
  }

  private byte(index: number): number {
    return this.start + index * ENTRY_BYTES;
  }
  hash(index: number): number {
    return this.view.getUint32(this.byte(index));
  }
  address(index: number): number {
    return this.view.getUint32(this.byte(index) + 4);
  }
  set(index: number, hash: number, address: number): void {
    this.view.setUint32(this.byte(index), hash);
    this.view.setUint32(this.byte(index) + 4, address);
  }
  get lastHash(): number {
    return this.count === 0 ? 0 : this.hash(this.count - 1);
  }

  /** First entry whose hash is not below `hash`; count when there is none. */
  find(hash: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.hash(middle) < hash) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  retire(index: number): void {
    this.view.setUint32(this.byte(index) + 4, 0);
    this.stale++;
  }

  /** Copies entries, also of another table. */
  take(from: LeafTable, index: number, count: number, to: number): void {
    this.bytes.set(from.bytes.slice(from.byte(index), from.byte(index + count)), this.byte(to));
  }

  /**
   * Puts an entry in at `index`, over a stale one near it or by moving up what follows. `reach`: of two as near, the
   * one after wins in a leaf (0); in a block form directory the one before does, even if one farther (1).
   */
  insert(index: number, hash: number, address: number, reach: 0 | 1 = 0): void {
    if (this.stale === 0) {
      this.take(this, index, this.count - index, index + 1);
      this.count++;
      this.set(index, hash, address);
      return;
    }
    const { low, high } = this.nearestStale(index, reach);
    this.stale--;
    const before = index - low - 1;
    const after = high - index + reach;
    if (low >= 0 && (high === this.count || (reach ? before <= after : before < after))) {
      this.take(this, low + 1, index - 1 - low, low);
      this.set(index - 1, hash, address);
      return;
    }
    this.take(this, index, high - index, index + 1);
    this.set(index, hash, address);
  }

  private nearestStale(index: number, reach: 0 | 1): { low: number; high: number } {
    let low = index - 1;
    while (low >= 0 && this.address(low) !== 0) low--;
    const before = index - low - 1;
    const goesOn = (high: number): boolean => {
      if (low < 0) return true;
      return reach ? before > high - index + 1 : before >= high - index;
    };
    let high = index;
    while (high < this.count && this.address(high) !== 0 && goesOn(high)) high++;
    return { low, high };
  }

  /** Takes stale entries out, all or all but the one nearest to `keepNear`; where `keepNear` is then. */
  compact(keepNear = -1): number {
    let kept = -1;
    if (keepNear >= 0) {
      const { low, high } = this.nearestStale(keepNear, 0);
      kept = low >= 0 && (high === this.count || keepNear - low <= high - keepNear) ? low : high;
    }
    let to = 0;
    let near = keepNear;
    for (let from = 0; from < this.count; from++) {
      if (from === keepNear) near = to;
      if (this.address(from) === 0 && from !== kept) continue;
      if (to < from) this.take(this, from, 1, to);
      to++;
    }
    if (keepNear === this.count) near = to;
    this.count = to;
    this.stale = kept >= 0 ? 1 : 0;
    return near;
  }
}
