/**
 * Buffers that were freed: nothing logged for them before that may be replayed. Each cancel item counts; in the second
 * pass the item that freed the buffer takes its count away again, so what is logged for a new use of the blocks
 * is replayed.
 */
export class CancelTable {
  private readonly counts = new Map<string, number>();

  add(daddr: number, count: number): void {
    const key = `${daddr} ${count}`;
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  has(daddr: number, count: number): boolean {
    return this.counts.has(`${daddr} ${count}`);
  }

  release(daddr: number, count: number): void {
    const key = `${daddr} ${count}`;
    const left = (this.counts.get(key) ?? 0) - 1;
    if (left > 0) this.counts.set(key, left);
    else this.counts.delete(key);
  }
}
