/**
 * A clean log of any cycle. Records are all alike: header block(s), one unmount operation, and blocks that carry
 * nothing but the cycle. In cycle 1 one record at the start is all, and zeros follow. In any later cycle the record
 * at the start is the head, and the rest of the log holds records of the cycle before, so that the search for the
 * head finds the turn; blocks between the first record and the second stay zeros.
 *
 * Like the reference tool we leave the CRC of the records 0, which a clean log may have.
 */
import {
  BASIC_BLOCK,
  LOG_CLIENT,
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
} from '../../format/log.ts';
import { viewOf } from '../../format/struct.ts';

/** Cycle of a log that was never written round. */
export const FIRST_CYCLE = 1;
/** Basic blocks of the records that fill a log. */
const FILLING_BLOCKS = 512;
/** Nothing refers to the transaction of an unmount; this number is the reference tool's. */
const UNMOUNT_TID = 0xb0c0d0d0;

export interface CleanLog {
  /** User-visible UUID. */
  readonly uuid: string;
  /** Bytes; 0 and 1 are none. */
  readonly stripeUnit: number;
  /** Length of the log, basic blocks. */
  readonly blocks: number;
  readonly cycle: number;
  /** Basic blocks of the records that fill the log behind the first; as many as can be, if not said. */
  readonly filling?: number;
}

/** A piece of the log: `bytes` from basic block `block` on. What no piece covers is zeros. */
export interface LogPiece {
  readonly block: number;
  readonly bytes: Uint8Array;
}

/** The records of a clean log, in order. */
export function* cleanLogRecords(log: CleanLog): Generator<LogPiece> {
  yield firstRecord(log);
  if (log.cycle === FIRST_CYCLE) return;
  for (let block = log.filling ?? FILLING_BLOCKS; block < log.blocks; ) {
    const piece = fillingRecord(log, block);
    yield piece;
    block += piece.bytes.length / BASIC_BLOCK;
  }
}

/** The piece that begins at or before a block of a log whose cycle is not the first: a record, or zeros between them. */
export function cleanLogPieceAt(log: CleanLog, block: number): LogPiece {
  const filling = log.filling ?? FILLING_BLOCKS;
  if (block >= filling) return fillingRecord(log, block - (block % filling));
  const first = firstRecord(log);
  const end = first.bytes.length / BASIC_BLOCK;
  if (block < end) return first;
  return { block: end, bytes: new Uint8Array((Math.min(filling, log.blocks) - end) * BASIC_BLOCK) };
}

function firstRecord(log: CleanLog): LogPiece {
  const { cycle, blocks } = log;
  const first = Math.max(2, Math.floor(log.stripeUnit / BASIC_BLOCK));
  const tail = cycle === FIRST_CYCLE ? { cycle, block: 0 } : { cycle: cycle - 1, block: blocks - first };
  return { block: 0, bytes: encodeRecord(log, log.stripeUnit, { cycle, block: 0 }, tail) };
}

function fillingRecord(log: CleanLog, block: number): LogPiece {
  const length = Math.min(log.filling ?? FILLING_BLOCKS, log.blocks - block);
  const place = { cycle: log.cycle - 1, block };
  const before = { cycle: log.cycle - 1, block: block - length };
  return { block, bytes: encodeRecord(log, length * BASIC_BLOCK, place, before) };
}

interface LogPlace {
  readonly cycle: number;
  /** Basic block. */
  readonly block: number;
}

const lsnOf = ({ cycle, block }: LogPlace): bigint => (BigInt(cycle) << 32n) | BigInt(block);

/** One record of `unit` bytes (less than two blocks: of two). */
function encodeRecord(log: CleanLog, unit: number, at: LogPlace, tail: LogPlace): Uint8Array {
  const headers = logHeaderBlocks(unit);
  const length = Math.max(Math.floor(unit / BASIC_BLOCK), headers + 1);
  const bytes = new Uint8Array(length * BASIC_BLOCK);
  const view = viewOf(bytes);
  const operationByte = headers * BASIC_BLOCK;
  const operation = LOG_OPERATION.over(bytes, operationByte);
  operation.tid = UNMOUNT_TID;
  operation.len = LOG_UNMOUNT.size;
  operation.clientid = LOG_CLIENT.LOG;
  operation.flags = LOG_OP.UNMOUNT;
  LOG_UNMOUNT.over(bytes, operationByte + LOG_OPERATION.size).magic = LOG_UNMOUNT_MAGIC;
  const displaced = view.getUint32(operationByte);
  for (let i = 1; i < length; i++) view.setUint32(i * BASIC_BLOCK, at.cycle);

  const record = LOG_RECORD.over(bytes);
  record.cycle_data = record.cycle_data.map((word, i) => (i === 0 ? displaced : word));
  record.magic = LOG_RECORD_MAGIC;
  record.cycle = at.cycle;
  record.version = LOG_RECORD_VERSION;
  record.len = Math.max(2 * BASIC_BLOCK, unit) - headers * BASIC_BLOCK;
  record.lsn = lsnOf(at);
  record.tail_lsn = lsnOf(tail);
  record.prev_block = -1;
  record.num_logops = 1;
  record.fmt = LOG_FORMAT_LITTLE;
  record.uuid = log.uuid;
  record.size = Math.max(LOG_HEADER_DATA, unit);
  return bytes;
}
