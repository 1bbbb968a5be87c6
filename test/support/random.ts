/**
 * Seeded pseudo-random numbers for tests: the same seed gives the same image on every machine and Node version.
 * Small state and no claim beyond that (mulberry32).
 */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** 0 .. 2^32-1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** 0 .. bound-1. */
  below(bound: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * bound);
  }

  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)] as T;
  }

  /** Content that differs in every 512 bytes and yet costs one number for each of them. */
  bytes(length: number): Buffer {
    const made = Buffer.alloc(length);
    for (let at = 0; at < length; at += 512) made.fill(1 + this.below(255), at, Math.min(at + 512, length));
    for (let at = 0; at + 8 <= length; at += 512) {
      made.writeUInt32LE(this.next(), at);
      made.writeUInt32LE((this.next() | 1) >>> 0, at + 4);
    }
    return made;
  }
}
