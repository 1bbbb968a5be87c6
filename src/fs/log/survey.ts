/**
 * What waits in a dirty log, counted without replaying it: records, transactions, items by kind, intents that are open at
 * its end. A damaged record ends the count; what can be told of those behind it is what is lost if the log is cut there.
 */
import { LOG_OP, LOG_OPERATION } from '../../format/log.ts';
import { LOG_ITEMS } from '../../format/logitem.ts';
import { viewOf } from '../../format/struct.ts';
import { LogAssembler, type LoggedItem } from './assembly.ts';
import type { LogHead } from './head.ts';
import { LogError, type LogRecord, readRecord, readRecords } from './record.ts';
import type { LogRing } from './ring.ts';

export interface LogSurvey {
  readonly records: number;
  /** Of their data. */
  readonly bytes: number;
  readonly operations: number;
  readonly transactions: number;
  /** Without a COMMIT: they will be dropped. */
  readonly unfinished: number;
  /** Items of committed transactions, by kind. */
  readonly items: Readonly<Record<string, number>>;
  /** Intents whose work is not done at the end, by kind. */
  readonly open: Readonly<Record<string, number>>;
  readonly fault: LogFault | undefined;
}

/** Where the log cannot be read on. */
export interface LogFault {
  /** Basic block of the record. */
  readonly block: number;
  readonly message: string;
  /** What can still be read behind it: records, and transactions that are committed in them. */
  readonly lost: { readonly blocks: number; readonly records: number; readonly transactions: number };
}

/** Counts what is between tail and head of a dirty log. Throws DeviceError. */
export function surveyLog(ring: LogRing, head: LogHead, uuid: string): LogSurvey {
  const tally = new Tally();
  const assembler = new LogAssembler({ commit: ({ items }) => tally.transaction(items) });
  let block = head.tailBlock;
  let fault: LogFault | undefined;
  try {
    for (const record of readRecords(ring, head, uuid)) {
      block = record.block;
      // Taken as a whole, or not at all: a cut is made before a record.
      assembler.take(record);
      tally.record(record);
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    const at = typeof error.data.block === 'number' ? error.data.block : block;
    fault = { block: at, message: error.message, lost: behind(ring, head, at, uuid) };
  }
  return { ...tally.result(), unfinished: assembler.unfinished, fault };
}

const NAMES = new Map(LOG_ITEMS.map(({ type, name }) => [type, name]));
const INTENTS = new Set(LOG_ITEMS.flatMap(({ type, doneBy }) => (doneBy === undefined ? [] : [type])));
const INTENT_OF = new Map(
  LOG_ITEMS.flatMap(({ type, doneBy }) => (doneBy === undefined ? [] : [[doneBy, type]])),
);

/** Name of a kind of items. */
export function itemName(type: number): string {
  return NAMES.get(type) ?? `0x${type.toString(16)}`;
}

class Tally {
  private records = 0;
  private bytes = 0;
  private operations = 0;
  private transactions = 0;
  private readonly items: Record<string, number> = {};
  private readonly open = new Map<string, string>();

  record({ data, operations }: LogRecord): void {
    this.records++;
    this.bytes += data.length;
    this.operations += operations;
  }

  transaction(items: readonly LoggedItem[]): void {
    this.transactions++;
    for (const { type, regions } of items) {
      const name = itemName(type);
      this.items[name] = (this.items[name] ?? 0) + 1;
      const head = regions[0]!;
      if (head.length < 16) continue;
      const id = viewOf(head).getBigUint64(8, true);
      if (INTENTS.has(type)) this.open.set(`${type} ${id}`, name);
      const intent = INTENT_OF.get(type);
      if (intent !== undefined) this.open.delete(`${intent} ${id}`);
    }
  }

  result(): Omit<LogSurvey, 'unfinished' | 'fault'> {
    const { records, bytes, operations, transactions, items } = this;
    const open: Record<string, number> = {};
    for (const name of this.open.values()) open[name] = (open[name] ?? 0) + 1;
    return { records, bytes, operations, transactions, items, open };
  }
}

/** What of the log behind a damaged record can be read. */
function behind(ring: LogRing, head: LogHead, from: number, uuid: string): LogFault['lost'] {
  const blocks = ring.distance(from, head.headBlock) || ring.size;
  let records = 0;
  let transactions = 0;
  for (let at = 0; at < blocks; ) {
    const block = ring.after(from, at);
    const cycle = block < head.tailBlock ? head.tailCycle + 1 : head.tailCycle;
    const read = tryRecord(() => readRecord(ring, block, blocks - at, cycle, uuid));
    if (read) {
      records++;
      transactions += commitsIn(read.record);
    }
    at += read?.blocks ?? 1;
  }
  return { blocks, records, transactions };
}

function tryRecord<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof LogError) return undefined;
    throw error;
  }
}

/** COMMIT operations of a record, as far as they can be told. */
function commitsIn({ data, operations }: LogRecord): number {
  const view = viewOf(data);
  const { len, flags } = LOG_OPERATION.offset;
  let commits = 0;
  let at = 0;
  for (let i = 0; i < operations && at + LOG_OPERATION.size <= data.length; i++) {
    if (view.getUint8(at + flags) & LOG_OP.COMMIT) commits++;
    at += LOG_OPERATION.size + view.getUint32(at + len);
  }
  return commits;
}
