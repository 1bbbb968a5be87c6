/**
 * What waits in the log, printed: record by record with the operations of each, or transaction by transaction with the
 * items of each; as text or as JSON lines.
 */
import { LOG_CLIENT, LOG_OP, LOG_OPERATION, LOG_TRANSACTION } from '../../format/log.ts';
import { viewOf } from '../../format/struct.ts';
import { LogAssembler, type LoggedTransaction } from '../../fs/log/assembly.ts';
import type { LogHead } from '../../fs/log/head.ts';
import { LogError, type LogRecord, readRecord, readRecords } from '../../fs/log/record.ts';
import type { LogRing } from '../../fs/log/ring.ts';
import type { Filesystem } from '../filesystem.ts';
import { dumpData, fieldsJson, printFields } from '../print.ts';
import type { Json } from '../value.ts';
import { headView, type ItemDetail, type ItemView, itemView } from './item.ts';

export interface LogForm extends ItemDetail {
  readonly transactions: boolean;
  /** Bytes of the regions, in the view of records. */
  readonly data: boolean;
  readonly json: boolean;
  /** Go on behind a damaged record. */
  readonly goesOn: boolean;
  /** Block to begin at, in place of the tail. */
  readonly start: number | undefined;
}

export interface LogToPrint {
  readonly filesystem: Filesystem;
  readonly ring: LogRing;
  readonly head: LogHead;
}

/** Prints a log with a known head; messages about damage that ended it. Throws DeviceError. */
export function printLog(log: LogToPrint, form: LogForm, print: (text: string) => void): string[] {
  const printer = new LogPrinter(log, form, print);
  const assembler = new LogAssembler({ commit: (transaction) => printer.transaction(transaction) });
  const damage: string[] = [];
  try {
    for (const record of recordsOf(log, form, damage)) {
      if (form.transactions) assembler.take(record);
      else printer.record(record);
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    damage.push(error.message);
  }
  return damage;
}

function* recordsOf(log: LogToPrint, form: LogForm, damage: string[]): Generator<LogRecord> {
  const { ring, head, filesystem } = log;
  const { uuid } = filesystem.superblock;
  // Nothing waits in a clean log.
  if (head.state === 'clean' && form.start === undefined) return;
  const from = form.start ?? head.tailBlock;
  if (from >= ring.size) return;
  // Behind the head the log is of the turn before.
  const tailCycle = from < head.headBlock ? head.headCycle : head.headCycle - 1;
  const start: LogHead = { ...head, state: 'dirty', tailBlock: from, tailCycle };
  if (!form.goesOn) {
    yield* readRecords(ring, start, uuid);
    return;
  }
  for (let left = ring.distance(from, head.headBlock) || ring.size; left > 0; ) {
    const block = ring.after(head.headBlock, ring.size - left);
    const cycle = block < from ? start.tailCycle + 1 : start.tailCycle;
    try {
      const { record, blocks } = readRecord(ring, block, left, cycle, uuid);
      yield record;
      left -= blocks;
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      if (damage.at(-1) === undefined || !/magic 0x/.test(error.message)) damage.push(error.message);
      left--;
    }
  }
}

class LogPrinter {
  private readonly filesystem: Filesystem;
  private readonly form: LogForm;
  private readonly print: (text: string) => void;
  /** Regions that the current item of a transaction still has; -1: its header comes next. */
  private readonly left = new Map<number, number>();

  constructor({ filesystem }: LogToPrint, form: LogForm, print: (text: string) => void) {
    this.filesystem = filesystem;
    this.form = form;
    this.print = print;
  }

  record(record: LogRecord): void {
    const operations = [...this.operations(record)];
    const { block, lsn, tailLsn } = record;
    if (this.form.json) {
      const rows = operations.map(({ region, item, ...rest }) => ({
        ...rest,
        ...(item && { item: itemJson(item) }),
        ...(this.form.data && { data: Buffer.from(region).toString('hex') }),
      }));
      const head = { lsn: lsnText(lsn), tail: lsnText(tailLsn), block, bytes: record.data.length };
      this.print(`${JSON.stringify({ ...head, operations: rows })}\n`);
      return;
    }
    const count = record.operations;
    this.print(
      `record ${lsnText(lsn)}: ${record.data.length} bytes, ${count} operations, tail ${lsnText(tailLsn)}\n`,
    );
    for (const { tid, bytes, what, item, region } of operations) {
      const told = item ? `${item.name} ${lineOf(item)}` : what;
      this.print(`  ${tid.padStart(8)} ${String(bytes).padStart(6)}  ${told}\n`);
      if (this.form.data && region.length > 0) this.print(indented(dumpData(region)));
    }
  }

  private *operations(record: LogRecord): Generator<OperationView> {
    const view = viewOf(record.data);
    const at = LOG_OPERATION.offset;
    let byte = 0;
    for (let i = 0; i < record.operations && byte + LOG_OPERATION.size <= record.data.length; i++) {
      const [tid, length] = [view.getUint32(byte + at.tid), view.getUint32(byte + at.len)];
      const [client, flags] = [view.getUint8(byte + at.clientid), view.getUint8(byte + at.flags)];
      const from = byte + LOG_OPERATION.size;
      const region = record.data.subarray(from, Math.min(record.data.length, from + length));
      const role = this.role(tid, flags, client, region);
      yield { tid: tid.toString(16), bytes: length, flags, region, ...role };
      byte = from + length;
    }
  }

  /** What an operation is, by those of its transaction before it. */
  private role(
    tid: number,
    flags: number,
    client: number,
    region: Uint8Array,
  ): { what: string; item?: ItemView } {
    if (flags & LOG_OP.UNMOUNT) return { what: 'unmount' };
    if (client !== LOG_CLIENT.TRANSACTION) return { what: `client 0x${client.toString(16)}` };
    if (flags & LOG_OP.START) {
      this.left.set(tid, -1);
      return { what: 'start' };
    }
    const left = this.left.get(tid);
    if (flags & LOG_OP.COMMIT) {
      this.left.delete(tid);
      return { what: 'commit' };
    }
    if (flags & LOG_OP.WAS_CONT) return { what: 'rest of a region' };
    if (left === undefined) return { what: 'of a transaction that began before' };
    if (left === -1) {
      this.left.set(tid, 0);
      const regions = region.length >= LOG_TRANSACTION.size ? LOG_TRANSACTION.over(region).num_items : 0;
      return { what: `header, ${regions} regions` };
    }
    if (left > 0 || region.length < 4) {
      this.left.set(tid, Math.max(0, left - 1));
      return { what: 'region' };
    }
    const head = viewOf(region);
    this.left.set(tid, Math.max(0, head.getUint16(2, true) - 1));
    return { what: 'item', item: headView(this.filesystem, head.getUint16(0, true), region) };
  }

  transaction({ tid, lsn, announced, items }: LoggedTransaction): void {
    const views = items.map((item) => itemView(this.filesystem, item, this.form));
    if (this.form.json) {
      const head = { tid: tid.toString(16), lsn: lsnText(lsn), regions: announced };
      this.print(`${JSON.stringify({ ...head, items: views.map(itemJson) })}\n`);
      return;
    }
    this.print(
      `transaction ${tid.toString(16)} at ${lsnText(lsn)}: ${announced} regions, ${items.length} items\n`,
    );
    for (const view of views) {
      this.print(`  ${view.name} ${lineOf(view)}\n`);
      for (const { title, nodes, bytes } of view.parts) {
        this.print(`    ${title}\n`);
        if (nodes.length > 0) this.print(indented(printFields(nodes, 'unchecked')));
        if (bytes) this.print(indented(dumpData(bytes)));
      }
    }
  }
}

interface OperationView {
  readonly tid: string;
  readonly bytes: number;
  readonly flags: number;
  readonly region: Uint8Array;
  readonly what: string;
  readonly item?: ItemView;
}

function lsnText(lsn: bigint): string {
  return `${lsn >> 32n}:${lsn & 0xffffffffn}`;
}

/** Fields of an item's head in one line; its type and number of regions are said elsewhere or follow from it. */
function lineOf({ nodes }: ItemView): string {
  const shown = nodes.filter(({ name }) => name !== 'type' && name !== 'size');
  return printFields(shown, 'unchecked')
    .trimEnd()
    .replace(/ ?\n(?=\d+:\[)/g, ' ')
    .replace(/\n/g, ', ');
}

function indented(text: string): string {
  return text.replace(/^(?=.)/gm, '      ');
}

function itemJson({ name, nodes, parts }: ItemView): Json {
  const told = parts.map(({ title, nodes: fields, bytes }) => ({
    title,
    ...(fields.length > 0 && { fields: fieldsJson(fields, 'unchecked') }),
    ...(bytes && { bytes: Buffer.from(bytes).toString('hex') }),
  }));
  return { name, fields: fieldsJson(nodes, 'unchecked'), ...(parts.length > 0 && { parts: told }) };
}
