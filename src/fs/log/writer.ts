/**
 * Writing to the log, from its head on: operations packed into records, each record stamped with its cycle. Nothing is
 * written here: pieces of bytes are made, for whoever decides on order and flushes.
 */
import {
  BASIC_BLOCK,
  LOG_CLIENT,
  LOG_EXTENSION,
  LOG_FORMAT_LITTLE,
  LOG_HEADER_DATA,
  LOG_OP,
  LOG_OPERATION,
  LOG_RECORD,
  LOG_RECORD_MAGIC,
  LOG_RECORD_VERSION,
  LOG_UNMOUNT,
  LOG_UNMOUNT_MAGIC,
  logHeaderBlocks,
  logRecordCrc,
} from '../../format/log.ts';
import { viewOf } from '../../format/struct.ts';
import type { LogOperation } from './checkpoint.ts';

/** Cycle words in one header block. */
const WORDS = 64;

/** Where the next record goes. */
export interface LogPosition {
  readonly cycle: number;
  /** Basic block. */
  readonly block: number;
}

export interface LogWriteOptions {
  /** Basic blocks in the log. */
  readonly size: number;
  /** User-visible UUID. */
  readonly uuid: string;
  /** Bytes that records are rounded up to; 0 and 1: basic blocks. */
  readonly stripeUnit: number;
}

/** Bytes for basic block `block` of the log; they never go round its end. */
export interface LogBytes {
  readonly block: number;
  readonly bytes: Uint8Array;
}

export function lsnOf({ cycle, block }: LogPosition): bigint {
  return (BigInt(cycle) << 32n) | BigInt(block);
}

export class LogWriter {
  readonly pieces: LogBytes[] = [];
  private readonly options: LogWriteOptions;
  private at: LogPosition;
  private before: number;
  /** Bytes of the longest record, and header blocks of every one: the smallest buffer of the kernel, or a stripe. */
  private readonly longest: number;
  private readonly headers: number;

  /** `before`: block of the record before the head; -1: none. */
  constructor(options: LogWriteOptions, head: LogPosition, before: number) {
    this.options = options;
    this.at = head;
    this.before = before;
    this.longest = Math.max(LOG_HEADER_DATA, options.stripeUnit);
    this.headers = logHeaderBlocks(this.longest);
  }

  get head(): LogPosition {
    return this.at;
  }
  /** Basic blocks written so far. */
  blocks = 0;

  /** Writes the operations of one transaction; `tail`: the oldest record that is still needed. */
  transaction(tid: number, operations: readonly LogOperation[], tail: LogPosition): void {
    let record = this.newData();
    const flush = (): void => {
      if (record.count > 0) this.record(record, tail);
      record = this.newData();
    };
    for (const { flags, bytes } of operations) {
      let from = 0;
      do {
        // An operation of which nothing would fit but its header is not begun.
        if (record.room < LOG_OPERATION.size + Math.min(4, bytes.length)) flush();
        const length = Math.min(bytes.length - from, record.room - LOG_OPERATION.size);
        const first = from === 0;
        const last = from + length === bytes.length;
        const pieces = (first ? 0 : LOG_OP.WAS_CONT) | (last ? (first ? 0 : LOG_OP.END) : LOG_OP.CONTINUE);
        record.add(tid, LOG_CLIENT.TRANSACTION, flags | pieces, bytes.subarray(from, from + length));
        from += length;
      } while (from < bytes.length);
    }
    flush();
  }

  /** The record that says: nothing waits in the log. */
  unmount(tid: number): void {
    const record = this.newData();
    const bytes = new Uint8Array(LOG_UNMOUNT.size);
    LOG_UNMOUNT.over(bytes).magic = LOG_UNMOUNT_MAGIC;
    record.add(tid, LOG_CLIENT.LOG, LOG_OP.UNMOUNT, bytes);
    this.record(record, this.at);
  }

  private newData(): RecordData {
    return new RecordData(this.longest - this.headers * BASIC_BLOCK);
  }

  private record(data: RecordData, tail: LogPosition): void {
    const unit = Math.max(BASIC_BLOCK, this.options.stripeUnit);
    const headerBytes = this.headers * BASIC_BLOCK;
    const whole = Math.ceil((headerBytes + data.length) / unit) * unit;
    const bytes = new Uint8Array(whole);
    bytes.set(data.bytes.subarray(0, data.length), headerBytes);
    const header = LOG_RECORD.over(bytes);
    header.magic = LOG_RECORD_MAGIC;
    header.cycle = this.at.cycle;
    header.version = LOG_RECORD_VERSION;
    header.len = whole - headerBytes;
    header.lsn = lsnOf(this.at);
    header.tail_lsn = lsnOf(tail);
    header.prev_block = this.before;
    header.num_logops = data.count;
    header.fmt = LOG_FORMAT_LITTLE;
    header.uuid = this.options.uuid;
    header.size = this.longest;
    this.stamp(bytes);
    const stored = bytes.subarray(headerBytes);
    header.crc = logRecordCrc(bytes.subarray(0, headerBytes), stored, stored.length);
    this.before = this.at.block;
    this.place(bytes);
  }

  /** Words go to the headers, the cycle to the blocks; those that go round the end belong to the next cycle. */
  private stamp(bytes: Uint8Array): void {
    const view = viewOf(bytes);
    for (let i = 1; i * BASIC_BLOCK < bytes.length; i++) {
      const at = i * BASIC_BLOCK;
      const word = i - this.headers;
      if (word >= 0) {
        const extension = Math.floor(word / WORDS);
        const words = extension === 0 ? LOG_RECORD.offset.cycle_data : LOG_EXTENSION.offset.cycle_data;
        view.setUint32(extension * BASIC_BLOCK + words + 4 * (word % WORDS), view.getUint32(at));
      }
      view.setUint32(at, this.at.cycle + (this.at.block + i >= this.options.size ? 1 : 0));
    }
  }

  private place(bytes: Uint8Array): void {
    const { size } = this.options;
    const { cycle, block } = this.at;
    const count = bytes.length / BASIC_BLOCK;
    const before = Math.min(count, size - block);
    this.pieces.push({ block, bytes: bytes.subarray(0, before * BASIC_BLOCK) });
    if (before < count) this.pieces.push({ block: 0, bytes: bytes.subarray(before * BASIC_BLOCK) });
    this.blocks += count;
    this.at =
      block + count >= size
        ? { cycle: cycle + 1, block: block + count - size }
        : { cycle, block: block + count };
  }
}

/** Operations of one record, packed. */
class RecordData {
  readonly bytes: Uint8Array;
  length = 0;
  count = 0;

  constructor(room: number) {
    this.bytes = new Uint8Array(room);
  }

  get room(): number {
    return this.bytes.length - this.length;
  }

  add(tid: number, client: number, flags: number, region: Uint8Array): void {
    const operation = LOG_OPERATION.over(this.bytes, this.length);
    operation.tid = tid;
    operation.len = region.length;
    operation.clientid = client;
    operation.flags = flags;
    this.bytes.set(region, this.length + LOG_OPERATION.size);
    this.length += LOG_OPERATION.size + region.length;
    this.count++;
  }
}
