/**
 * The log of a new filesystem: zeros behind one record at its start, whose single operation says that the
 * filesystem was unmounted. Facts: format-facts 13.9.
 *
 * A record has one header sector for each 32 KiB of its greatest size; the first holds the real header, the others
 * the cycle. Every data sector starts with the cycle too; the word it displaces is kept in the header.
 */
import { parseUuid } from '../format/kinds.ts';
import type { Plan } from './plan.ts';

const SECTOR = 512;
const HEADER_MAGIC = 0xfeedbabe;
const CYCLE = 1;
const VERSION = 2;
const CYCLE_DATA = 44;
const FORMAT_LITTLE_ENDIAN = 1;
const RECORD_BYTES = 32 * 1024;
const UNMOUNT_TID = 0xb0c0d0d0;
const CLIENT_LOG = 0xaa;
const UNMOUNT_FLAG = 0x20;
const UNMOUNT_MAGIC = 0x556e;

/** Bytes of the record that starts the log; everything behind it must be zeros. */
export function encodeCleanLog(plan: Plan): Uint8Array {
  const sunit = plan.logsunit > 1 ? plan.logsunit : 0;
  const total = Math.max(2 * SECTOR, sunit);
  const headers = Math.max(1, Math.ceil(sunit / RECORD_BYTES));
  const bytes = new Uint8Array(Math.max(total, (headers + 1) * SECTOR));
  const view = new DataView(bytes.buffer);
  // Every sector shows the cycle, except the first, whose first word is the magic.
  for (let at = SECTOR; at < bytes.length; at += SECTOR) view.setUint32(at, CYCLE);
  view.setUint32(0, HEADER_MAGIC);
  view.setUint32(4, CYCLE);
  view.setUint32(8, VERSION);
  view.setUint32(12, total - headers * SECTOR);
  view.setUint32(16, CYCLE); // lsn: this cycle, block 0
  view.setUint32(24, CYCLE); // tail lsn: the same
  view.setUint32(36, 0xffffffff); // no record before
  view.setUint32(40, 1); // operations
  view.setUint32(CYCLE_DATA, UNMOUNT_TID); // displaced first word of the first data sector
  view.setUint32(300, FORMAT_LITTLE_ENDIAN);
  bytes.set(parseUuid(plan.uuid), 304);
  view.setUint32(320, Math.max(RECORD_BYTES, sunit));
  const operation = headers * SECTOR;
  view.setUint32(operation + 4, 8);
  view.setUint8(operation + 8, CLIENT_LOG);
  view.setUint8(operation + 9, UNMOUNT_FLAG);
  view.setUint16(operation + 12, UNMOUNT_MAGIC, true);
  return bytes;
}
