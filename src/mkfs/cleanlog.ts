/**
 * The log of a new filesystem: zeros behind one record at its start, whose single operation says that the
 * filesystem was unmounted.
 *
 * The record is as long as the log stripe unit. It has one header block for each 32 KiB of that; the first holds
 * the real header, the others the cycle. Every data block starts with the cycle too; the word that it displaces
 * is kept in the header. The CRC stays 0, which a clean log may have.
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
} from '../format/log.ts';
import type { Plan } from './plan.ts';

const FIRST_CYCLE = 1;
/** Nothing refers to the transaction of an unmount; this number is what mkfs.xfs gives it. */
const UNMOUNT_TID = 0xb0c0d0d0;

/** Bytes of the record that starts the log; everything behind it must be zeros. */
export function encodeCleanLog(plan: Plan): Uint8Array {
  const sunit = plan.logsunit > 1 ? plan.logsunit : 0;
  const recordBytes = Math.max(2 * BASIC_BLOCK, sunit);
  const headers = logHeaderBlocks(sunit);
  const bytes = new Uint8Array(recordBytes);
  const view = new DataView(bytes.buffer);
  const operation = LOG_OPERATION.over(bytes, headers * BASIC_BLOCK);
  operation.tid = UNMOUNT_TID;
  operation.len = LOG_UNMOUNT.size;
  operation.clientid = LOG_CLIENT.LOG;
  operation.flags = LOG_OP.UNMOUNT;
  LOG_UNMOUNT.over(bytes, headers * BASIC_BLOCK + LOG_OPERATION.size).magic = LOG_UNMOUNT_MAGIC;

  const record = LOG_RECORD.over(bytes);
  const displaced = [...record.cycle_data];
  displaced[0] = view.getUint32(headers * BASIC_BLOCK);
  record.cycle_data = displaced;
  for (let at = BASIC_BLOCK; at < recordBytes; at += BASIC_BLOCK) view.setUint32(at, FIRST_CYCLE);
  record.magic = LOG_RECORD_MAGIC;
  record.cycle = FIRST_CYCLE;
  record.version = LOG_RECORD_VERSION;
  record.len = recordBytes - headers * BASIC_BLOCK;
  record.lsn = BigInt(FIRST_CYCLE) << 32n;
  record.tail_lsn = record.lsn;
  record.prev_block = -1;
  record.num_logops = 1;
  record.fmt = LOG_FORMAT_LITTLE;
  record.uuid = plan.uuid;
  record.size = Math.max(LOG_HEADER_DATA, sunit);
  return bytes;
}
