/**
 * Blocks of btrees, read in runs: a level's blocks are known before the first of them is read, and those that follow
 * one another on disk come with one call. What was read ahead is kept until the next run.
 *
 * A run that cannot be read is read block by block, so that a bad block takes no other with it.
 */
import { scratchBytes } from '../../format/checksum.ts';
import { viewOf } from '../../format/struct.ts';
import type { Context } from './context.ts';

const RUN_BYTES = 2 ** 18;

export class BlockRuns {
  /** The block last asked for; valid until another is. */
  block: Uint8Array;
  view: DataView;
  /** Blocks of the longest run. */
  readonly most: number;
  private readonly context: Context;
  private readonly memory: Uint8Array;
  private readonly blocks: Uint8Array[] = [];
  private readonly views: DataView[] = [];
  // Bytes that the memory holds.
  private from = -1;
  private end = -1;

  constructor(context: Context) {
    const { blocksize } = context.geometry;
    this.context = context;
    this.most = Math.max(1, Math.floor(RUN_BYTES / blocksize));
    this.memory = scratchBytes('blocks', this.most * blocksize);
    this.block = this.slot(0);
    this.view = this.views[0]!;
  }

  /** Forgets what was read ahead: the memory is shared with other walks. */
  forget(): void {
    this.from = -1;
    this.end = -1;
  }

  /** Makes the block at `byte` the present one if it was read ahead. */
  find(byte: number): boolean {
    if (byte < this.from || byte >= this.end) return false;
    const index = (byte - this.from) / this.context.geometry.blocksize;
    this.block = this.slot(index);
    this.view = this.views[index]!;
    return true;
  }

  /**
   * Makes block `agbnos[index]` the present one, reading those of the list that follow it on disk with it. False when
   * it cannot be read, which is reported of `what`.
   */
  readListed(agno: number, agbnos: readonly number[], index: number, what: string): boolean {
    const agbno = agbnos[index]!;
    if (this.find(this.context.geometry.agbnoByte(agno, agbno))) return true;
    let count = 1;
    while (count < this.most && agbnos[index + count] === agbno + count) count++;
    return this.read(agno, agbno, count, what);
  }

  /** Reads the block at `agbno` and `count - 1` behind it. */
  read(agno: number, agbno: number, count: number, what: string): boolean {
    const { context } = this;
    const { geometry } = context;
    const byte = geometry.agbnoByte(agno, agbno);
    const length = Math.min(count, this.most) * geometry.blocksize;
    this.forget();
    this.block = this.slot(0);
    this.view = this.views[0]!;
    if (count > 1 && context.tryRead(byte, this.memory.subarray(0, length))) {
      this.from = byte;
      this.end = byte + length;
      return true;
    }
    return context.readBlock(agno, agbno, this.block, what);
  }

  private slot(index: number): Uint8Array {
    const { blocksize } = this.context.geometry;
    if (this.blocks[index] === undefined) {
      for (let i = this.blocks.length; i <= index; i++) {
        this.blocks.push(this.memory.subarray(i * blocksize, (i + 1) * blocksize));
        this.views.push(viewOf(this.blocks[i]!));
      }
    }
    return this.blocks[index]!;
  }
}
