/** Records of logs written into memory, one field changed: the unmount record, and the chain of a dirty log. */
import { expect, test } from '@jest/globals';
import { MemoryDevice } from '../../../../src/device/memory.ts';
import type { Geometry } from '../../../../src/format/geometry.ts';
import {
  LOG_CLIENT,
  LOG_OP,
  LOG_OPERATION,
  LOG_RECORD,
  LOG_RECORD_MAGIC,
  LOG_UNMOUNT_MAGIC,
  logRecordCrc,
} from '../../../../src/format/log.ts';
import { findLogHead } from '../../../../src/fs/log/head.ts';
import { checkLogRecords } from '../../../../src/fs/log/recordcheck.ts';

const BB = 512;
const SIZE = 10240;
const UUID = '11111111-2222-3333-4444-555555555555';

class Log {
  readonly bytes = new Uint8Array(SIZE * BB);
  readonly view = new DataView(this.bytes.buffer);
  next = 0;
  cycle = 1;
  private before = -1;

  /** Appends a record of `blocks` data blocks that operations of equal length fill; or an unmount record. */
  record(blocks: number, tail?: readonly [number, number], unmount = false): number {
    const block = this.next;
    const data = new Uint8Array(blocks * BB);
    const operations = unmount ? 1 : blocks;
    for (let i = 0; i < operations; i++) {
      const op = LOG_OPERATION.over(data, i * BB);
      op.tid = 0x01020304;
      op.len = unmount ? 0 : BB - LOG_OPERATION.size;
      op.clientid = unmount ? LOG_CLIENT.LOG : LOG_CLIENT.TRANSACTION;
      op.flags = unmount ? LOG_OP.UNMOUNT : 0;
    }
    if (unmount) new DataView(data.buffer).setUint16(LOG_OPERATION.size, LOG_UNMOUNT_MAGIC, true);
    const headers = new Uint8Array(BB);
    const header = LOG_RECORD.over(headers);
    header.magic = LOG_RECORD_MAGIC;
    header.cycle = this.cycle;
    header.version = 2;
    header.len = data.length;
    header.lsn = (BigInt(this.cycle) << 32n) | BigInt(block);
    const [tailCycle, tailBlock] = tail ?? [this.cycle, block];
    header.tail_lsn = (BigInt(tailCycle) << 32n) | BigInt(tailBlock);
    header.prev_block = this.before;
    header.num_logops = operations;
    header.fmt = 1;
    header.uuid = UUID;
    header.size = 32768;
    const words = new DataView(data.buffer);
    header.cycle_data = header.cycle_data.map((_, i) => (i < blocks ? words.getUint32(i * BB) : 0));
    for (let i = 0; i < blocks; i++) {
      words.setUint32(i * BB, block + 1 + i >= SIZE ? this.cycle + 1 : this.cycle);
    }
    header.crc = logRecordCrc(headers, data, data.length);
    this.put(block, headers);
    for (let i = 0; i < blocks; i++) this.put((block + 1 + i) % SIZE, data.subarray(i * BB, (i + 1) * BB));
    this.before = block;
    this.next = block + 1 + blocks;
    if (this.next >= SIZE) {
      this.next -= SIZE;
      this.cycle++;
    }
    return block;
  }

  private put(block: number, bytes: Uint8Array): void {
    this.bytes.set(bytes, block * BB);
  }

  /** Changes a record's header, and its checksum with it. */
  edit(block: number, change: (header: ReturnType<typeof LOG_RECORD.over>) => void): void {
    const headers = this.bytes.subarray(block * BB, (block + 1) * BB);
    const header = LOG_RECORD.over(headers);
    const { len } = header;
    change(header);
    header.crc = logRecordCrc(headers, this.bytes.subarray((block + 1) * BB, (block + 1) * BB + len), len);
  }

  check(): string[] {
    const geometry = {
      logstart: 1,
      logblocks: SIZE / 8,
      blocksize: 4096,
      fsbnoByte: () => 0,
      isFsbnoRange: () => true,
    } as unknown as Geometry;
    const device = new MemoryDevice(this.bytes);
    const head = findLogHead(device, geometry);
    const place = { device, start: 0, blocks: SIZE, uuid: UUID };
    return checkLogRecords(place, head).map(({ block, field }) => `${head.state} ${block} ${field}`);
  }
}

function clean(): Log {
  const log = new Log();
  log.record(1, undefined, true);
  log.record(4, [1, 0]);
  log.record(1, undefined, true);
  return log;
}

test('a clean log: only its last record counts', () => {
  expect(clean().check()).toEqual([]);
  const log = clean();
  log.edit(2, (h) => {
    h.uuid = '99999999-2222-3333-4444-555555555555';
  });
  expect(log.check()).toEqual([]);
});

test.each<[string, (header: ReturnType<typeof LOG_RECORD.over>) => void]>([
  ['uuid', (h) => void (h.uuid = '99999999-2222-3333-4444-555555555555')],
  ['fmt', (h) => void (h.fmt = 2)],
  ['lsn', (h) => void (h.lsn = 5n)],
  ['tail_lsn', (h) => void (h.tail_lsn = 7n << 32n)],
  ['prev_block', (h) => void (h.prev_block = SIZE)],
  ['size', (h) => void (h.size = 100)],
])('%s of the unmount record', (field, change) => {
  const log = clean();
  log.edit(7, change);
  expect(log.check()).toEqual([`clean 7 ${field}`]);
});

test('checksum and content of the unmount record; without a checksum it is one of mkfs', () => {
  const log = clean();
  log.bytes[9 * BB - 1] = 1;
  expect(log.check()).toEqual(['clean 7 crc']);
  log.view.setUint32(7 * BB + LOG_RECORD.offset.crc, 0);
  expect(log.check()).toEqual([]);
  log.bytes[8 * BB + LOG_OPERATION.offset.clientid] = 1;
  log.bytes[8 * BB + LOG_OPERATION.size] = 1;
  expect(log.check()).toEqual(['clean 7 clientid', 'clean 7 unmount magic']);
});

/** A dirty log with a tail far enough behind that a bad checksum in the middle is not forgiven. */
function dirty(): { log: Log; middle: number } {
  const log = new Log();
  const tail = log.record(60);
  for (let i = 0; i < 10; i++) log.record(60, [1, tail]);
  const middle = log.record(4, [1, tail]);
  for (let i = 0; i < 10; i++) log.record(60, [1, tail]);
  return { log, middle };
}

test('a dirty log: every record from the tail on', () => {
  const { log, middle } = dirty();
  expect(log.check()).toEqual([]);
  log.edit(middle, (h) => void (h.num_logops = 90));
  expect(log.check()).toEqual([`dirty ${middle} num_logops`]);
  log.edit(middle, (h) => void (h.prev_block = 0));
  expect(log.check()).toContain(`dirty ${middle} prev_block`);
});

test('a bad checksum counts, but right behind the tail', () => {
  const { log, middle } = dirty();
  log.bytes[62 * BB] = 99;
  expect(log.check()).toEqual([]);
  log.bytes[(middle + 2) * BB + 77] = 99;
  expect(log.check()).toEqual([`dirty ${middle} crc`]);
});

test('a header that is gone ends the list', () => {
  const { log, middle } = dirty();
  log.view.setUint32(middle * BB, 1);
  expect(log.check()).toEqual([`dirty ${middle} magic`]);
});

test('an operation that leaves its record', () => {
  const { log, middle } = dirty();
  log.view.setUint32((middle + 4) * BB + LOG_OPERATION.offset.len, 5000);
  log.edit(middle, () => undefined);
  expect(log.check()).toEqual([`dirty ${middle} operation 4`]);
});

test('round the end of the log', () => {
  const log = new Log();
  while (log.cycle === 1) log.record(60);
  const tail = log.record(3);
  log.record(3, [2, tail]);
  expect(log.check()).toEqual([]);
  const wrapped = new Log();
  let start = 0;
  while (wrapped.next + 61 < SIZE) start = wrapped.record(60);
  wrapped.record(60, [1, start]);
  expect(wrapped.cycle).toBe(2);
  wrapped.record(3, [1, start]);
  expect(wrapped.check()).toEqual([]);
});
