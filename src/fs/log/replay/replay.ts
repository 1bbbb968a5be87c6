/**
 * The two passes over the log. First: which buffers were freed. Second: all committed transactions in order, each
 * item onto the device (an overlay), and which intents are open at the end.
 *
 * Inside a transaction items have an order of their own: buffers, then inodes and all else, then links of unlinked
 * lists, then what was freed. So an inode is written before the list it is on, and a buffer that this transaction freed is
 * not replayed but counts as freed for all items of the transaction.
 */
import type { Device } from '../../../device/device.ts';
import type { Geometry } from '../../../format/geometry.ts';
import { BASIC_BLOCK } from '../../../format/log.ts';
import { LOG_ITEMS } from '../../../format/logitem.ts';
import { viewOf } from '../../../format/struct.ts';
import { LogAssembler, type LoggedItem, type LoggedTransaction } from '../assembly.ts';
import type { LogHead } from '../head.ts';
import { LogError, readRecords } from '../record.ts';
import type { LogRing } from '../ring.ts';
import { BUF_FLAG, parseBuffer, type ReplayContext, replayBuffer } from './bufferitem.ts';
import { ReplayBuffers } from './buffers.ts';
import { CancelTable } from './cancel.ts';
import { replayChunk } from './chunkitem.ts';
import { replayDquot } from './dquotitem.ts';
import { geometryAfter } from './grown.ts';
import { replayInode } from './inodeitem.ts';
import { SplitBlocks } from './splitblocks.ts';

export const ITEM = {
  IUNLINK: 0x1238,
  INODE: 0x123b,
  BUF: 0x123c,
  DQUOT: 0x123d,
  QUOTAOFF: 0x123e,
  ICREATE: 0x123f,
} as const;

/** Type of the done item by that of the intent, and the other way. */
const DONE = new Map(LOG_ITEMS.flatMap((row) => (row.doneBy === undefined ? [] : [[row.type, row.doneBy]])));
const INTENT_OF = new Map([...DONE].map(([intent, done]) => [done, intent]));

/** An intent whose work is not done, as logged. */
export interface OpenIntent {
  readonly type: number;
  /** What its done item would refer to. */
  readonly id: bigint;
  readonly lsn: bigint;
  readonly regions: readonly Uint8Array[];
}

export interface ReplayResult {
  readonly records: number;
  readonly transactions: number;
  /** Items that changed something, and those that were there already or were cancelled. */
  readonly replayed: number;
  readonly skipped: number;
  /** Transactions that were never committed. */
  readonly dropped: number;
  /** In the order they were logged. */
  readonly intents: readonly OpenIntent[];
  readonly maxLsn: bigint;
}

export interface ReplaySource {
  readonly ring: LogRing;
  readonly head: LogHead;
  /** User-visible UUID. */
  readonly uuid: string;
  /** Whether quota is on. */
  readonly quota: boolean;
}

/**
 * Replays the log onto `device`. Throws LogError when the log cannot be replayed, whatever was written then is to be
 * thrown away: so `device` is an overlay.
 */
export function replayLog(device: Device, geometry: Geometry, source: ReplaySource): ReplayResult {
  const cancelled = findCancelled(source);
  return new Replay(device, geometry, source, cancelled).run();
}

function eachTransaction(
  source: ReplaySource,
  summed: boolean,
  commit: (transaction: LoggedTransaction) => void,
): { records: number; unfinished: number } {
  const assembler = new LogAssembler({ commit });
  let records = 0;
  for (const record of readRecords(source.ring, source.head, source.uuid, summed)) {
    assembler.take(record);
    records++;
  }
  return { records, unfinished: assembler.unfinished };
}

/** First pass. Items of a kind that we do not know are refused here, before anything is replayed. */
function findCancelled(source: ReplaySource): CancelTable {
  const cancelled = new CancelTable();
  const known = new Set(LOG_ITEMS.map((row) => row.type));
  eachTransaction(source, false, ({ items }) => {
    for (const item of items) {
      if (!known.has(item.type)) {
        throw new LogError('LOG_UNKNOWN', `an item of type 0x${item.type.toString(16)}, which is not known`);
      }
      if (orderOf(item) !== ORDER.CANCEL) continue;
      const { daddr, count } = parseBuffer(item);
      cancelled.add(daddr, count);
    }
  });
  return cancelled;
}

const ORDER = { BUFFER: 0, OTHER: 1, INODES: 2, CANCEL: 3 } as const;

function orderOf(item: LoggedItem): number {
  if (item.type === ITEM.ICREATE) return ORDER.BUFFER;
  if (item.type !== ITEM.BUF) return ORDER.OTHER;
  const head = item.regions[0]!;
  // Too short to be one: replaying it says so.
  if (head.length < 6) return ORDER.BUFFER;
  const flags = head[4]! | (head[5]! << 8);
  if (flags & BUF_FLAG.CANCEL) return ORDER.CANCEL;
  return flags & BUF_FLAG.INODES ? ORDER.INODES : ORDER.BUFFER;
}

class Replay {
  private geometry: Geometry;
  private readonly device: Device;
  private readonly source: ReplaySource;
  private readonly buffers: ReplayBuffers;
  private readonly cancelled: CancelTable;
  private readonly open = new Map<string, OpenIntent>();
  private readonly split = new SplitBlocks();
  private transactions = 0;
  private replayed = 0;
  private skipped = 0;
  private maxLsn = 0n;

  constructor(device: Device, geometry: Geometry, source: ReplaySource, cancelled: CancelTable) {
    this.geometry = geometry;
    this.device = device;
    this.source = source;
    this.cancelled = cancelled;
    this.buffers = new ReplayBuffers(device);
  }

  run(): ReplayResult {
    const { records, unfinished } = eachTransaction(this.source, true, (transaction) =>
      this.replay(transaction),
    );
    this.buffers.submit();
    this.split.seal(this.device, this.geometry);
    const { transactions, replayed, skipped, maxLsn } = this;
    const intents = [...this.open.values()];
    return { records, transactions, replayed, skipped, dropped: unfinished, intents, maxLsn };
  }

  private replay({ items, lsn }: LoggedTransaction): void {
    this.transactions++;
    if (lsn > this.maxLsn) this.maxLsn = lsn;
    this.buffers.begin(lsn);
    const ordered = items.map((item, i) => ({ item, i, order: orderOf(item) }));
    ordered.sort((a, b) => a.order - b.order || a.i - b.i);
    for (const { item } of ordered) {
      if (this.item(this.context(lsn), item)) this.replayed++;
      else this.skipped++;
    }
  }

  private context(lsn: bigint): ReplayContext {
    const { geometry, buffers, cancelled } = this;
    return { geometry, buffers, cancelled, split: this.split, quota: this.source.quota, lsn };
  }

  private buffer(context: ReplayContext, item: LoggedItem): boolean {
    const changed = replayBuffer(context, item);
    if (changed && parseBuffer(item).daddr === 0) {
      const { bytes } = this.buffers.read(0, this.geometry.sectsize / BASIC_BLOCK);
      this.geometry = geometryAfter(this.geometry, bytes, this.device.size);
    }
    return changed;
  }

  private item(context: ReplayContext, item: LoggedItem): boolean {
    switch (item.type) {
      case ITEM.BUF:
        return this.buffer(context, item);
      case ITEM.INODE:
        return replayInode(context, item);
      case ITEM.ICREATE:
        return replayChunk(context, item);
      case ITEM.DQUOT:
        return replayDquot(context, item);
      case ITEM.IUNLINK:
      case ITEM.QUOTAOFF:
        return false;
      default:
        return this.intent(context, item);
    }
  }

  /** Intents wait for their done items. */
  private intent({ lsn }: ReplayContext, { type, regions }: LoggedItem): boolean {
    const head = regions[0]!;
    if (head.length < 16) throw new LogError('LOG_CORRUPT', `intent item of ${head.length} bytes`);
    const id = viewOf(head).getBigUint64(8, true);
    const intent = INTENT_OF.get(type);
    if (intent !== undefined) this.open.delete(`${intent} ${id}`);
    else this.open.set(`${type} ${id}`, { type, id, lsn, regions: regions.map((region) => region.slice()) });
    return true;
  }
}
