/**
 * Inodes as they are read: whole chunks that follow one another on disk together, up to 1 MiB. Where the command can
 * wait and the device can read beside, a run is read by another thread while the one before it is looked into: copying
 * it takes the kernel a quarter of the time that the whole check of its inodes takes.
 *
 * Only bytes are read ahead, and what did not come is read again in its turn: so findings and their order stay the same.
 */
import { scratchBytes } from '../../format/checksum.ts';
import { CHUNK_INODES } from '../../format/geometry.ts';
import { viewOf } from '../../format/struct.ts';
import type { ChunkColumns } from '../../fs/space/columns.ts';
import type { Steps } from '../steps.ts';
import type { Context } from './context.ts';

const RUN_BYTES = 2 ** 20;
/** Chunks of an AG from which on it is worth while: some milliseconds of reading. */
const WORTH_WHILE = 256;

export class InodeRuns {
  /** The run last read; valid until the next. */
  buffer: Uint8Array;
  view: DataView;
  private spare: Uint8Array | undefined;
  private spareView: DataView | undefined;
  private readonly context: Context;
  private readonly ahead: boolean;
  private readonly chunkBytes: number;
  private readonly longest: number;
  /** What is being read into the spare memory. */
  private coming:
    | { readonly from: number; readonly length: number; readonly whole: Promise<boolean> }
    | undefined;

  /** `ahead`: whoever runs the steps waits for a promise that they yield. */
  constructor(context: Context, ahead: boolean) {
    this.context = context;
    this.ahead = ahead;
    this.chunkBytes = CHUNK_INODES * context.geometry.inodesize;
    this.longest = Math.max(RUN_BYTES, this.chunkBytes);
    this.buffer = scratchBytes('inodes', this.longest);
    this.view = viewOf(this.buffer);
  }

  /** Index behind the last chunk of the run that chunk `first`, one without holes, begins. */
  endOf(chunks: ChunkColumns, first: number): number {
    let end = first + 1;
    while (
      end < chunks.length &&
      (end - first + 1) * this.chunkBytes <= this.longest &&
      chunks.holemask[end] === 0 &&
      chunks.startino[end] === chunks.startino[end - 1]! + CHUNK_INODES
    ) {
      end++;
    }
    return end;
  }

  /** Reads chunks `first` to `end`; false, with a finding, when that cannot be done. */
  *readChunks(agno: number, chunks: ChunkColumns, first: number, end: number): Steps<boolean> {
    const from = this.byteOf(agno, chunks, first);
    const length = (end - first) * this.chunkBytes;
    const { coming } = this;
    const came = (yield* this.settle()) && coming?.from === from && coming.length === length;
    if (came) this.turn();
    const readable = came || this.readInodes(agno, chunks.startino[first]!, (end - first) * CHUNK_INODES);
    if (this.ahead && chunks.length >= WORTH_WHILE) this.begin(agno, chunks, end);
    return readable;
  }

  /** Reads inodes at once. */
  readInodes(agno: number, agino: number, inodes: number): boolean {
    const { geometry } = this.context;
    const ino = geometry.ino(agno, agino);
    const into = this.buffer.subarray(0, inodes * geometry.inodesize);
    return this.context.read(geometry.inoByte(ino), into, `inodes ${ino} + ${inodes}`, agno);
  }

  /** Waits for what is being read: nothing may be written to the scratch memory after its time. True if all of it came. */
  *settle(): Steps<boolean> {
    const { coming } = this;
    if (!coming) return false;
    this.coming = undefined;
    let whole = false;
    yield coming.whole.then((all) => {
      whole = all;
    });
    return whole;
  }

  private begin(agno: number, chunks: ChunkColumns, first: number): void {
    const { device } = this.context;
    if (!device.readBeside || first >= chunks.length || chunks.holemask[first] !== 0) return;
    const from = this.byteOf(agno, chunks, first);
    const length = (this.endOf(chunks, first) - first) * this.chunkBytes;
    if (from + length > device.size) return;
    this.spare ??= scratchBytes('inodesAhead', this.longest);
    this.coming = { from, length, whole: device.readBeside(from, this.spare.subarray(0, length)) };
  }

  private byteOf(agno: number, chunks: ChunkColumns, index: number): number {
    const { geometry } = this.context;
    return geometry.inoByte(geometry.ino(agno, chunks.startino[index]!));
  }

  /** What was the spare memory becomes the present run. */
  private turn(): void {
    const { buffer, view } = this;
    this.buffer = this.spare!;
    this.view = this.spareView ?? viewOf(this.spare!);
    this.spare = buffer;
    this.spareView = view;
  }
}
