/**
 * From operations to transactions. A record is a run of operations; each carries a region, or a piece of one, of the
 * transaction that it names. A transaction is: START, a 16-byte header, the regions of its items, COMMIT. Operations of several
 * transactions are mixed, a region that did not fit its record goes on in the next.
 *
 * An item is its first region, which says how many regions belong to it, and these.
 */
import {
  LOG_CLIENT,
  LOG_OP,
  LOG_OPERATION,
  LOG_TRANSACTION,
  LOG_TRANSACTION_MAGIC,
} from '../../format/log.ts';
import { viewOf } from '../../format/struct.ts';
import { LogError, type LogRecord } from './record.ts';

/** Regions that one item may have: a buffer of 64 KiB, each piece by itself. */
const MOST_REGIONS = 65536 / 128 + 1;
const AT = LOG_OPERATION.offset;

export interface LoggedItem {
  readonly type: number;
  readonly regions: readonly Uint8Array[];
}

export interface LoggedTransaction {
  readonly tid: number;
  /** LSN of the record that it began in: what is written in its name is stamped with this. */
  readonly lsn: bigint;
  /** Number of regions by its header. */
  readonly announced: number;
  readonly items: readonly LoggedItem[];
}

/** Events of a log, in its order. */
export interface LogListener {
  commit(transaction: LoggedTransaction): void;
}

/** A transaction that is being put together. */
class Assembly {
  readonly tid: number;
  readonly lsn: bigint;
  readonly items: { type: number; wanted: number; regions: Uint8Array[] }[] = [];
  private header: Uint8Array = new Uint8Array(0);

  constructor(tid: number, lsn: bigint) {
    this.tid = tid;
    this.lsn = lsn;
  }

  /** A region, or the first piece of one. */
  add(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.header.length < LOG_TRANSACTION.size) {
      this.takeHeader(bytes);
      return;
    }
    const last = this.items.at(-1);
    if (last && last.regions.length < last.wanted) {
      last.regions.push(bytes);
      return;
    }
    if (bytes.length < 4) throw this.fault(`an item begins with ${bytes.length} bytes`);
    const view = viewOf(bytes);
    const wanted = view.getUint16(2, true);
    if (wanted < 1 || wanted > MOST_REGIONS) throw this.fault(`an item of ${wanted} regions`);
    this.items.push({ type: view.getUint16(0, true), wanted, regions: [bytes] });
  }

  /** What the last region, cut off at the end of a record, goes on with. */
  proceed(bytes: Uint8Array): void {
    const last = this.items.at(-1);
    if (!last) {
      this.takeHeader(bytes);
      return;
    }
    last.regions.push(joined(last.regions.pop()!, bytes));
  }

  whole(): LoggedTransaction {
    const last = this.items.at(-1);
    if (last && last.regions.length < last.wanted) {
      throw this.fault(`its last item has ${last.regions.length} of ${last.wanted} regions`);
    }
    const { tid, lsn, items, header } = this;
    const announced = header.length < LOG_TRANSACTION.size ? 0 : LOG_TRANSACTION.over(header).num_items;
    return { tid, lsn, announced, items };
  }

  private takeHeader(bytes: Uint8Array): void {
    this.header = joined(this.header, bytes);
    if (this.header.length > LOG_TRANSACTION.size)
      throw this.fault(`a header of ${this.header.length} bytes`);
    if (this.header.length < LOG_TRANSACTION.size) return;
    if (LOG_TRANSACTION.over(this.header).magic !== LOG_TRANSACTION_MAGIC) throw this.fault('no header');
  }

  private fault(why: string): LogError {
    return new LogError('LOG_CORRUPT', `transaction 0x${this.tid.toString(16)}: ${why}`, { tid: this.tid });
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}

export class LogAssembler {
  private readonly listener: LogListener;
  private readonly open = new Map<number, Assembly>();

  constructor(listener: LogListener) {
    this.listener = listener;
  }

  /** Transactions without a COMMIT so far. */
  get unfinished(): number {
    return this.open.size;
  }

  /** Takes all operations of a record. Throws LogError. */
  take(record: LogRecord): void {
    const view = viewOf(record.data);
    let at = 0;
    for (let i = 0; i < record.operations; i++) {
      const fault = (why: string): LogError =>
        new LogError('LOG_CORRUPT', `record at block ${record.block}, operation ${i}: ${why}`, {
          block: record.block,
        });
      if (at + LOG_OPERATION.size > record.data.length) throw fault('it leaves the record');
      const client = view.getUint8(at + AT.clientid);
      if (client !== LOG_CLIENT.TRANSACTION && client !== LOG_CLIENT.LOG) throw fault(`client ${client}`);
      const length = view.getUint32(at + AT.len);
      const from = at + LOG_OPERATION.size;
      if (from + length > record.data.length) throw fault(`${length} bytes leave the record`);
      const wrong = this.operation(
        view.getUint32(at + AT.tid),
        view.getUint8(at + AT.flags),
        record.data.subarray(from, from + length),
        record.lsn,
      );
      if (wrong !== undefined) throw fault(wrong);
      at = from + length;
    }
  }

  private operation(tid: number, flags: number, bytes: Uint8Array, lsn: bigint): string | undefined {
    const assembly = this.open.get(tid);
    if (!assembly) {
      // What began before the tail is of no concern.
      if (flags & LOG_OP.START) this.open.set(tid, new Assembly(tid, lsn));
      return undefined;
    }
    const kind = flags & LOG_OP.WAS_CONT ? LOG_OP.WAS_CONT : flags & ~LOG_OP.END;
    switch (kind) {
      case 0:
      case LOG_OP.CONTINUE:
        assembly.add(bytes);
        return undefined;
      case LOG_OP.WAS_CONT:
        assembly.proceed(bytes);
        return undefined;
      case LOG_OP.COMMIT:
        this.open.delete(tid);
        this.listener.commit(assembly.whole());
        return undefined;
      case LOG_OP.UNMOUNT:
        this.open.delete(tid);
        return undefined;
      default:
        return `flags 0x${flags.toString(16)}`;
    }
  }
}
