/**
 * The log: a ring of 512-byte basic blocks. A record is a header block, extension header blocks if h_size is above
 * 32 KiB (count = ceil(size / 32768): from size, not from len), then `len` bytes of data. Word 0 of every data block
 * is replaced by the record's cycle, the word itself is kept in cycle_data; block i >= 64 uses extension i / 64.
 * The data are operations: a 12-byte header and its region, packed without padding, straddling blocks at will.
 *
 * LSN = cycle << 32 | basic block. After a mount, up to 4096 stand-in headers follow the head: trust cycles, not
 * magics. The CRC covers 328 bytes of the header with its CRC zero, 260 of each extension that the data needs, and
 * the data as stored.
 */
import { updateCrc32c } from './crc32c.ts';
import { bytes, i32, le16, le32, u8, u16, u32, u64, uuid } from './kinds.ts';
import { row, struct } from './struct.ts';

export const BASIC_BLOCK = 512;
export const LOG_RECORD_MAGIC = 0xfeedbabe;
export const LOG_RECORD_VERSION = 2;
/** Data bytes that one header block has cycle words for. */
export const LOG_HEADER_DATA = 32768;
/** `fmt` of records written by little-endian Linux. */
export const LOG_FORMAT_LITTLE = 1;
const CYCLE_WORDS = 64;

export const LOG_RECORD = struct('log_record', BASIC_BLOCK, 'Header of a log record', [
  row('magic', u32, '0xfeedbabe', { shown: 'hex' }),
  row('cycle', u32, 'pass through the log'),
  row('version', u32, '2'),
  row('len', u32, 'data after the headers, bytes'),
  row('lsn', u64, 'of this record', { shown: 'hex' }),
  row('tail_lsn', u64, 'oldest record still needed', { shown: 'hex' }),
  row('crc', le32, 'CRC32C of headers and data; 0 = none', { shown: 'crc' }),
  row('prev_block', i32, 'basic block of the record before, -1 = none', { shown: 'signed' }),
  row('num_logops', u32, 'operations'),
  row('cycle_data', u32, 'first words of data blocks 0 to 63', { count: CYCLE_WORDS, shown: 'hex' }),
  row('fmt', u32, '1 = little-endian Linux'),
  row('uuid', uuid, 'user-visible UUID of the filesystem'),
  row('size', u32, 'size of the in-core log buffer, bytes'),
  row('pad0', u32, 'zero', { hidden: true }),
  row('pad1', bytes(184), 'zero', { hidden: true }),
]);

export const LOG_EXTENSION = struct('log_extension', BASIC_BLOCK, 'Extension header of a log record', [
  row('cycle', u32, 'cycle of the record'),
  row('cycle_data', u32, 'first words of 64 more data blocks', { count: CYCLE_WORDS, shown: 'hex' }),
  row('pad', bytes(252), 'zero', { hidden: true }),
]);

const HEADER_CRC_BYTES = LOG_RECORD.offset.pad1;
/** Bytes of a record's header that its CRC covers, by width of the writer: 64 and 32 bits. */
export const LOG_HEADER_CRC_BYTES: readonly number[] = [HEADER_CRC_BYTES, HEADER_CRC_BYTES - 4];
const EXTENSION_CRC_BYTES = LOG_EXTENSION.offset.pad;

export const LOG_OPERATION = struct('log_operation', 12, 'Header of an operation in a record', [
  row('tid', u32, 'transaction', { shown: 'hex' }),
  row('len', u32, 'bytes of the region'),
  row('clientid', u8, '0x69 transaction, 0xaa log', { shown: 'hex' }),
  row('flags', u8, '1 start, 2 commit, 4 continues, 8 continued, 0x10 end, 0x20 unmount', { shown: 'hex' }),
  row('res2', u16, 'zero', { hidden: true }),
]);

export const LOG_OP = { START: 1, COMMIT: 2, CONTINUE: 4, WAS_CONT: 8, END: 0x10, UNMOUNT: 0x20 } as const;
export const LOG_CLIENT = { TRANSACTION: 0x69, LOG: 0xaa } as const;

/** First region of a transaction. Little-endian, as all that follows. */
export const LOG_TRANSACTION = struct('log_transaction', 16, 'Header of a transaction', [
  row('magic', le32, '"TRAN"', { shown: 'hex' }),
  row('type', le32, '40 = checkpoint'),
  row('tid', le32, 'transaction', { shown: 'hex' }),
  row('num_items', le32, 'regions, not items'),
]);
export const LOG_TRANSACTION_MAGIC = 0x5452414e;

export const LOG_UNMOUNT = struct('log_unmount', 8, 'Region of the unmount operation', [
  row('magic', le16, '0x556e', { shown: 'hex' }),
  row('pad1', le16, 'zero', { hidden: true }),
  row('pad2', le32, 'zero', { hidden: true }),
]);
export const LOG_UNMOUNT_MAGIC = 0x556e;

/** Header blocks of a record whose header says `size`; at least 1, and bounded although size is untrusted. */
export function logHeaderBlocks(size: number): number {
  return Math.min(8, Math.max(1, Math.ceil(size / LOG_HEADER_DATA)));
}

/**
 * CRC of a record. `headers` holds the header blocks, `data` the bytes after them as stored, `len` of them.
 * The caller has bounded `len` to data.length.
 */
export function logRecordCrc(
  headers: Uint8Array,
  data: Uint8Array,
  len: number,
  headerBytes = HEADER_CRC_BYTES,
): number {
  const at = LOG_RECORD.offset.crc;
  let crc = updateCrc32c(0xffffffff, headers, 0, at);
  crc = updateCrc32c(crc, new Uint8Array(4), 0, 4);
  crc = updateCrc32c(crc, headers, at + 4, headerBytes);
  const extensions = Math.ceil(len / LOG_HEADER_DATA);
  for (let i = 1; i < extensions && (i + 1) * BASIC_BLOCK <= headers.length; i++) {
    crc = updateCrc32c(crc, headers, i * BASIC_BLOCK, i * BASIC_BLOCK + EXTENSION_CRC_BYTES);
  }
  return ~updateCrc32c(crc, data, 0, len) >>> 0;
}

/** Whether a record has this CRC, as a 64-bit or as a 32-bit kernel computes it (without the padding of the header). */
export function hasLogRecordCrc(headers: Uint8Array, data: Uint8Array, len: number, stored: number): boolean {
  return LOG_HEADER_CRC_BYTES.some((bytes) => logRecordCrc(headers, data, len, bytes) === stored);
}
