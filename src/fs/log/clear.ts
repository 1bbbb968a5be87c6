/**
 * A device as if its log had been cleared: reads of the log give the records of a clean one, everything else is what
 * lies below. So a check can look at what clearing leads to before anything is written, whatever the log's size.
 */
import { type Device, DeviceError } from '../../device/device.ts';
import { BASIC_BLOCK } from '../../format/log.ts';
import { type CleanLog, cleanLogPieceAt, FIRST_CYCLE, type LogPiece } from './clean.ts';
import type { LogPlace } from './place.ts';

export class ClearedLog implements Device {
  readonly name: string;
  readonly writable = false;
  readonly place: LogPlace;
  readonly cycle: number;
  private readonly log: CleanLog;
  /** Records are made one by one, as they are read. */
  private last: LogPiece | undefined;

  constructor(place: LogPlace, log: CleanLog) {
    if (log.cycle <= FIRST_CYCLE) throw new TypeError(`a log is not cleared to cycle ${log.cycle}`);
    this.name = place.device.name;
    this.place = place;
    this.log = log;
    this.cycle = log.cycle;
  }

  get size(): number {
    return this.place.device.size;
  }

  read(offset: number, into: Uint8Array): void {
    const { device, start } = this.place;
    device.read(offset, into);
    const end = Math.min(offset + into.length, start + this.log.blocks * BASIC_BLOCK);
    for (let at = Math.max(offset, start); at < end; ) {
      const piece = this.pieceAt(Math.floor((at - start) / BASIC_BLOCK));
      const pieceStart = start + piece.block * BASIC_BLOCK;
      const stop = Math.min(end, pieceStart + piece.bytes.length);
      into.set(piece.bytes.subarray(at - pieceStart, stop - pieceStart), at - offset);
      at = stop;
    }
  }

  write(): void {
    throw new DeviceError('READ_ONLY', `${this.name}: what is seen here is written elsewhere`);
  }
  flush(): void {}
  close(): void {}

  /** The log as it is to be written, in disk order. */
  *runs(): Generator<{ offset: number; bytes: Uint8Array }> {
    for (let block = 0; block < this.log.blocks; ) {
      const piece = this.pieceAt(block);
      yield { offset: this.place.start + block * BASIC_BLOCK, bytes: piece.bytes };
      block = piece.block + piece.bytes.length / BASIC_BLOCK;
    }
  }

  private pieceAt(block: number): LogPiece {
    const { last } = this;
    if (last && block >= last.block && block < last.block + last.bytes.length / BASIC_BLOCK) return last;
    this.last = cleanLogPieceAt(this.log, block);
    return this.last;
  }
}
