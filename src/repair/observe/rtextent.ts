/**
 * Extents of realtime files. They lie in the realtime section, which has no AGs and whose owners no AG btree knows,
 * so they have columns of their own; only the bitmap of the section is held against them.
 */
import { NumberList } from './list.ts';

export class RealtimeExtents {
  /** First block in the realtime section. */
  readonly start = new NumberList();
  /** Blocks. */
  readonly count = new NumberList();
  readonly ino = new NumberList();
  /** File offset, blocks. */
  readonly fileoff = new NumberList();

  push(start: number, count: number, ino: number, fileoff: number): void {
    this.start.push(start);
    this.count.push(count);
    this.ino.push(ino);
    this.fileoff.push(fileoff);
  }

  get length(): number {
    return this.start.length;
  }
}
