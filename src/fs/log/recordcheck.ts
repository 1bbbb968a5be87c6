/**
 * Log records that count: the unmount record of a clean log, or every record from tail to head of a dirty one, each
 * field by field. What else lies in the log is of earlier turns and means nothing.
 *
 * A mount goes over a few records with a bad checksum right behind the tail: what they held was written back before
 * the tail came there. Zero is no checksum where mkfs and repair tools write a record; the kernel always has one.
 */
import type { Device } from '../../device/device.ts';
import {
  BASIC_BLOCK,
  hasLogRecordCrc,
  LOG_CLIENT,
  LOG_FORMAT_LITTLE,
  LOG_OP,
  LOG_OPERATION,
  LOG_RECORD,
  LOG_RECORD_MAGIC,
  LOG_RECORD_VERSION,
  LOG_UNMOUNT_MAGIC,
  logHeaderBlocks,
  logRecordCrc,
} from '../../format/log.ts';
import { viewOf } from '../../format/struct.ts';
import type { LogHead } from './head.ts';

/** Largest in-core buffer, bytes, and how many there are at most. */
const MOST_BYTES = 2 ** 18;
const MOST_BUFFERS = 8;
const CYCLE_WORDS = 64;
const KNOWN_FLAGS =
  LOG_OP.START | LOG_OP.COMMIT | LOG_OP.CONTINUE | LOG_OP.WAS_CONT | LOG_OP.END | LOG_OP.UNMOUNT;

export interface LogPlacement {
  readonly device: Device;
  /** Bytes. */
  readonly start: number;
  /** Basic blocks. */
  readonly blocks: number;
  /** User-visible UUID. */
  readonly uuid: string;
}

export interface RecordProblem {
  /** Basic block of the record in the log. */
  readonly block: number;
  readonly field: string;
  readonly found: string | number;
  readonly expected: string | number;
}

/** What is wrong with the records that matter; the first that cannot be stepped over ends it. Throws DeviceError. */
export function checkLogRecords(log: LogPlacement, head: LogHead): RecordProblem[] {
  if (head.lastRecord < 0) return [];
  const check = new RecordCheck(log);
  if (head.state === 'clean') check.unmount(head);
  if (head.state === 'dirty') check.chain(head);
  return check.problems;
}

type Header = ReturnType<typeof LOG_RECORD.over>;

class RecordCheck {
  readonly problems: RecordProblem[] = [];
  private readonly log: LogPlacement;
  private block = 0;

  constructor(log: LogPlacement) {
    this.log = log;
  }

  /** The record of an unmount, which ends at the head. */
  unmount(head: LogHead): void {
    const block = head.lastRecord;
    const cycle = head.headCycle - (head.headBlock <= block ? 1 : 0);
    const header = this.header(block, cycle);
    if (!header) return;
    const { headers, data } = this.bodyOf(block, header);
    this.checksum(header, headers, data, true);
    const view = viewOf(data);
    const client = view.getUint8(LOG_OPERATION.offset.clientid);
    if (client !== LOG_CLIENT.LOG) this.add('clientid', client, LOG_CLIENT.LOG);
    const magic = view.getUint16(LOG_OPERATION.size, true);
    if (magic !== LOG_UNMOUNT_MAGIC) this.add('unmount magic', magic, LOG_UNMOUNT_MAGIC);
  }

  /** All records from the tail to the head, each where the one before ended. */
  chain(head: LogHead): void {
    const { blocks } = this.log;
    let block = head.tailBlock;
    let cycle = head.tailCycle;
    let before = -1;
    let walked = 0;
    let forgiven = 0;
    while (walked < blocks) {
      const header = this.header(block, cycle);
      if (!header) return;
      if (before >= 0 && header.prev_block !== before) this.add('prev_block', header.prev_block, before);
      const { headers, data } = this.bodyOf(block, header);
      // Reach of what a mount may step over, from the tail on.
      if (walked === 0) forgiven = (MOST_BUFFERS * header.size) / BASIC_BLOCK;
      if (this.checksum(header, headers, data, false, walked < forgiven)) this.operations(header, data);
      if (block === head.lastRecord) return;
      const length = (headers.length + header.len) / BASIC_BLOCK;
      walked += length;
      before = block;
      block += length;
      if (block >= blocks) {
        block -= blocks;
        cycle++;
      }
    }
  }

  /** Reads and verifies a header; undefined when the record cannot be stepped over. */
  private header(block: number, cycle: number): Header | undefined {
    this.block = block;
    const { blocks, uuid } = this.log;
    const header = LOG_RECORD.over(this.read(block, 1));
    if (header.magic !== LOG_RECORD_MAGIC) {
      this.add('magic', header.magic, LOG_RECORD_MAGIC);
      return undefined;
    }
    const was = this.problems.length;
    if (header.cycle !== cycle) this.add('cycle', header.cycle, cycle);
    if (header.version !== LOG_RECORD_VERSION) this.add('version', header.version, LOG_RECORD_VERSION);
    const { size, len } = header;
    if (size <= 0 || size > MOST_BYTES || size % BASIC_BLOCK !== 0) this.add('size', size, 'a buffer size');
    // The unmount record of mkfs fills a log stripe unit, whatever buffers there will be.
    const most = header.num_logops === 1 ? MOST_BYTES : Math.min(size, MOST_BYTES);
    if (len <= 0 || len % BASIC_BLOCK !== 0 || len > most)
      this.add('len', len, `1 to ${most / BASIC_BLOCK} blocks`);
    if (logHeaderBlocks(size) + len / BASIC_BLOCK > blocks) this.add('len', len, 'less than the log');
    if (this.problems.length > was) return undefined;
    const lsn = (BigInt(cycle) << 32n) | BigInt(block);
    if (header.lsn !== lsn) this.add('lsn', lsnName(header.lsn), lsnName(lsn));
    const tailBlock = Number(header.tail_lsn & 0xffffffffn);
    if (header.tail_lsn > lsn || tailBlock >= blocks) {
      this.add('tail_lsn', lsnName(header.tail_lsn), `at most ${lsnName(lsn)}`);
    }
    const { prev_block } = header;
    if (prev_block < -1 || prev_block >= blocks) this.add('prev_block', prev_block, 'a block of the log');
    if (header.num_logops < 1) this.add('num_logops', header.num_logops, 'at least 1');
    if (header.fmt !== LOG_FORMAT_LITTLE)
      this.add('fmt', header.fmt, `${LOG_FORMAT_LITTLE}, this architecture`);
    if (header.uuid !== uuid && !isNil(header.uuid)) this.add('uuid', header.uuid, uuid);
    return header;
  }

  private bodyOf(block: number, { size, len }: Header): { headers: Uint8Array; data: Uint8Array } {
    const headerBlocks = logHeaderBlocks(size);
    const all = this.read(block, headerBlocks + len / BASIC_BLOCK);
    return {
      headers: all.subarray(0, headerBlocks * BASIC_BLOCK),
      data: all.subarray(headerBlocks * BASIC_BLOCK),
    };
  }

  /** Whether the checksum is right (or there is none); wrong ones are told unless `forgiven`. */
  private checksum(
    header: Header,
    headers: Uint8Array,
    data: Uint8Array,
    mayBeNone: boolean,
    forgiven = false,
  ): boolean {
    if (mayBeNone && header.crc === 0) return true;
    if (hasLogRecordCrc(headers, data, data.length, header.crc)) return true;
    if (!forgiven) this.add('crc', header.crc, logRecordCrc(headers, data, data.length));
    return false;
  }

  /** Operations follow one another inside the record. */
  private operations(header: Header, data: Uint8Array): void {
    const bytes = restoreWords(header, data, this.read(this.block, logHeaderBlocks(header.size)));
    const view = viewOf(bytes);
    const at = LOG_OPERATION.offset;
    let byte = 0;
    for (let i = 0; i < header.num_logops; i++) {
      if (byte + LOG_OPERATION.size > bytes.length) {
        this.add('num_logops', header.num_logops, `${i} operations that fit`);
        return;
      }
      const length = view.getUint32(byte + at.len);
      const client = view.getUint8(byte + at.clientid);
      const flags = view.getUint8(byte + at.flags);
      const known = client === LOG_CLIENT.TRANSACTION || client === LOG_CLIENT.LOG;
      if (!known || (flags & ~KNOWN_FLAGS) !== 0) {
        this.add(`operation ${i + 1}`, `client ${client}, flags ${flags}`, 'an operation of a transaction');
        return;
      }
      byte += LOG_OPERATION.size + length;
      if (byte > bytes.length) {
        this.add(`operation ${i + 1}`, `${length} bytes`, 'to end inside its record');
        return;
      }
    }
  }

  /** Blocks of the ring, over its end if need be. */
  private read(block: number, count: number): Uint8Array {
    const { device, start, blocks } = this.log;
    const bytes = new Uint8Array(count * BASIC_BLOCK);
    const before = Math.min(count, blocks - block);
    device.read(start + block * BASIC_BLOCK, bytes.subarray(0, before * BASIC_BLOCK));
    if (before < count) device.read(start, bytes.subarray(before * BASIC_BLOCK));
    return bytes;
  }

  private add(field: string, found: string | number, expected: string | number): void {
    this.problems.push({ block: this.block, field, found, expected });
  }
}

/** Data with the first word of each block put back from the headers. */
function restoreWords(header: Header, data: Uint8Array, headers: Uint8Array): Uint8Array {
  const bytes = data.slice();
  const to = viewOf(bytes);
  const from = viewOf(headers);
  const first = LOG_RECORD.offset.cycle_data;
  for (let i = 0; i * BASIC_BLOCK < bytes.length; i++) {
    const extension = Math.floor(i / CYCLE_WORDS);
    const at = extension === 0 ? first : extension * BASIC_BLOCK + 4;
    if ((extension + 1) * BASIC_BLOCK > headers.length) break;
    to.setUint32(i * BASIC_BLOCK, from.getUint32(at + 4 * (i % CYCLE_WORDS)));
  }
  return header.len === bytes.length ? bytes : bytes.subarray(0, header.len);
}

function lsnName(lsn: bigint): string {
  return `${lsn >> 32n}:${lsn & 0xffffffffn}`;
}

function isNil(uuid: string): boolean {
  return /^[0-]*$/.test(uuid);
}
