/**
 * Name hashes of a directory with where their entries are: collected from its data blocks, looked up from its
 * leaves. What no leaf has is listed bucket by bucket, in a bucket the last one first, as xfs_db does.
 */
const BUCKETS = 1024;
const NONE = -1;

export class DirHashes {
  private count = 0;
  private hash = new Uint32Array(256);
  private address = new Uint32Array(256);
  private next = new Int32Array(256);
  private seen = new Uint8Array(256);
  private readonly heads = new Int32Array(BUCKETS).fill(NONE);

  clear(): void {
    this.count = 0;
    this.heads.fill(NONE);
  }

  add(hash: number, address: number): void {
    if (this.count === this.hash.length) this.grow();
    const i = this.count++;
    const bucket = ((hash ^ address) >>> 0) % BUCKETS;
    this.hash[i] = hash;
    this.address[i] = address;
    this.seen[i] = 0;
    this.next[i] = this.heads[bucket]!;
    this.heads[bucket] = i;
  }

  /** Marks an entry as seen; false when there is none, or the newest of that kind was seen before. */
  see(hash: number, address: number): boolean {
    const bucket = ((hash ^ address) >>> 0) % BUCKETS;
    for (let i = this.heads[bucket]!; i !== NONE; i = this.next[i]!) {
      if (this.hash[i] !== hash || this.address[i] !== address) continue;
      if (this.seen[i] !== 0) return false;
      this.seen[i] = 1;
      return true;
    }
    return false;
  }

  *unseen(): Generator<[hash: number, address: number]> {
    for (const head of this.heads)
      for (let i = head; i !== NONE; i = this.next[i]!)
        if (this.seen[i] === 0) yield [this.hash[i]!, this.address[i]!];
  }

  private grow(): void {
    const double = <T extends Uint32Array | Int32Array | Uint8Array>(old: T): T => {
      const larger = new (old.constructor as new (n: number) => T)(old.length * 2);
      larger.set(old);
      return larger;
    };
    this.hash = double(this.hash);
    this.address = double(this.address);
    this.next = double(this.next);
    this.seen = double(this.seen);
  }
}
