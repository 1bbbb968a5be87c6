/**
 * Records of the log from tail to head, each verified and with the words restored that its cycle number replaced.
 * Every record in this range was acknowledged to whoever waited for it, so one that is damaged is not skipped: what
 * follows it would be replayed onto a state that never was.
 */
import { XfskitError } from '../../format/errors.ts';
import {
  BASIC_BLOCK,
  hasLogRecordCrc,
  LOG_EXTENSION,
  LOG_FORMAT_LITTLE,
  LOG_RECORD,
  LOG_RECORD_MAGIC,
  LOG_RECORD_VERSION,
  logHeaderBlocks,
  logRecordCrc,
} from '../../format/log.ts';
import { viewOf } from '../../format/struct.ts';
import type { LogHead } from './head.ts';
import type { LogRing } from './ring.ts';

const NIL_UUID = '00000000-0000-0000-0000-000000000000';
/** Cycle words in one header block. */
const WORDS = 64;
/** Data of the longest record, basic blocks. */
const MOST_DATA = 512;

/** The log holds something that cannot be replayed; nothing has been written. */
export class LogError extends XfskitError {
  constructor(
    code: 'LOG_CORRUPT' | 'LOG_FOREIGN' | 'LOG_UNKNOWN',
    message: string,
    data: Readonly<Record<string, unknown>> = {},
  ) {
    super(code, `log: ${message}`, data);
  }
}

export interface LogRecord {
  /** Basic block of its header. */
  readonly block: number;
  /** Cycle << 32 | block. */
  readonly lsn: bigint;
  readonly tailLsn: bigint;
  /** Operations in it. */
  readonly operations: number;
  /** Operations and their regions, as they were before they were stamped. */
  readonly data: Uint8Array;
}

/**
 * Records from tail to head. Throws LogError, DeviceError. `uuid`: the user-visible one of the filesystem; `summed`: their
 * checksums were looked at before.
 */
export function* readRecords(
  ring: LogRing,
  head: LogHead,
  uuid: string,
  summed = false,
): Generator<LogRecord> {
  let block = head.tailBlock;
  let left = ring.distance(head.tailBlock, head.headBlock);
  let cycle = head.tailCycle;
  while (left > 0) {
    const { record, blocks } = readRecord(ring, block, left, cycle, uuid, summed);
    yield record;
    left -= blocks;
    if (block + blocks >= ring.size) cycle++;
    block = ring.after(block, blocks);
  }
}

function corrupt(block: number, why: string): never {
  throw new LogError('LOG_CORRUPT', `record at block ${block}: ${why}`, { block });
}

/** The record at `block`, which must bear `cycle`, and the blocks that it takes; `left`: those up to the head. Throws LogError, DeviceError. */
export function readRecord(
  ring: LogRing,
  block: number,
  left: number,
  cycle: number,
  uuid: string,
  summed = false,
): { record: LogRecord; blocks: number } {
  const first = ring.read(block, 1);
  const header = LOG_RECORD.over(first);
  if (header.magic !== LOG_RECORD_MAGIC) corrupt(block, `magic 0x${header.magic.toString(16)}`);
  if (header.version !== LOG_RECORD_VERSION) corrupt(block, `version ${header.version}`);
  if (header.fmt !== LOG_FORMAT_LITTLE) {
    throw new LogError('LOG_FOREIGN', `record at block ${block} was written in format ${header.fmt}`, {
      block,
    });
  }
  if (header.uuid !== uuid && header.uuid !== NIL_UUID) {
    throw new LogError('LOG_FOREIGN', `record at block ${block} is of filesystem ${header.uuid}`, { block });
  }
  if (header.cycle !== cycle) corrupt(block, `cycle ${header.cycle}, expected ${cycle}`);
  const { len } = header;
  const dataBlocks = len / BASIC_BLOCK;
  const headers = logHeaderBlocks(header.size);
  if (len === 0 || len % BASIC_BLOCK !== 0 || dataBlocks > MOST_DATA) corrupt(block, `${len} bytes of data`);
  if (dataBlocks > headers * WORDS) corrupt(block, `${len} bytes of data for ${headers} header blocks`);
  if (headers + dataBlocks > left) corrupt(block, `it ends behind the head of the log`);
  const head = ring.read(block, headers);
  const data = ring.read(ring.after(block, headers), dataBlocks);
  if (!summed && !hasLogRecordCrc(head, data, len, header.crc)) {
    const crc = logRecordCrc(head, data, len);
    corrupt(block, `CRC 0x${header.crc.toString(16)}, computed 0x${crc.toString(16)}`);
  }
  unstamp(head, data, cycle, block, ring.size);
  const record = {
    block,
    lsn: header.lsn,
    tailLsn: header.tail_lsn,
    operations: header.num_logops,
    data,
  };
  return { record, blocks: headers + dataBlocks };
}

/** Puts back the first word of every data block. Those that went round the end of the log bear the next cycle. */
function unstamp(head: Uint8Array, data: Uint8Array, cycle: number, block: number, size: number): void {
  const words = viewOf(head);
  const view = viewOf(data);
  const blocks = data.length / BASIC_BLOCK;
  const first = block + head.length / BASIC_BLOCK;
  for (let i = 0; i < blocks; i++) {
    const stamp = view.getUint32(i * BASIC_BLOCK);
    const expected = first + i >= size ? cycle + 1 : cycle;
    if (stamp !== expected) corrupt(block, `data block ${i} has cycle ${stamp}, expected ${expected}`);
    const header = Math.floor(i / WORDS);
    const at = header === 0 ? LOG_RECORD.offset.cycle_data : LOG_EXTENSION.offset.cycle_data;
    view.setUint32(i * BASIC_BLOCK, words.getUint32(header * BASIC_BLOCK + at + 4 * (i % WORDS)));
  }
}
