/** Logs written record by record into memory. A filesystem is not needed: only where the log is. */
import { describe, expect, test } from '@jest/globals';
import { MemoryDevice } from '../../../../src/device/memory.ts';
import { updateCrc32c } from '../../../../src/format/crc32c.ts';
import type { Geometry } from '../../../../src/format/geometry.ts';
import { findLogHead } from '../../../../src/fs/log/head.ts';

const BB = 512;
const MAGIC = 0xfeedbabe;
/** Basic blocks of the log: more than may be in flight, so that not all of it is looked at. */
const SIZE = 10240;

class Log {
  readonly bytes = new Uint8Array(SIZE * BB);
  readonly view = new DataView(this.bytes.buffer);
  next = 0;
  cycle = 1;

  /** Appends a record of `blocks` data blocks, going round the end; `unmount`: its only operation is an unmount. */
  record(
    blocks: number,
    options: { tail?: [number, number]; unmount?: boolean; crc?: boolean } = {},
  ): number {
    const at = this.next;
    const cycle = this.cycle;
    const header = at * BB;
    this.bytes.fill(0, header, header + BB);
    this.view.setUint32(header, MAGIC);
    this.view.setUint32(header + 4, cycle);
    this.view.setUint32(header + 8, 2);
    this.view.setUint32(header + 12, blocks * BB);
    this.view.setUint32(header + 16, cycle);
    this.view.setUint32(header + 20, at);
    const [tailCycle, tailBlock] = options.tail ?? [cycle, at];
    this.view.setUint32(header + 24, tailCycle);
    this.view.setUint32(header + 28, tailBlock);
    this.view.setUint32(header + 40, options.unmount ? 1 : 5);
    this.view.setUint32(header + 320, 32768);
    const data: number[] = [];
    for (let i = 0; i < blocks; i++) {
      const block = (at + 1 + i) % SIZE;
      data.push(block);
      this.bytes.fill(0x5a, block * BB, block * BB + BB);
      this.view.setUint32(block * BB, at + 1 + i >= SIZE ? cycle + 1 : cycle);
    }
    this.view.setUint8(data[0]! * BB + 9, options.unmount ? 0x20 : 0);
    if (options.crc !== false) this.seal(header, data);
    this.next = at + 1 + blocks;
    if (this.next >= SIZE) {
      this.next -= SIZE;
      this.cycle++;
    }
    return at;
  }

  private seal(header: number, data: readonly number[]): void {
    let crc = updateCrc32c(0xffffffff, this.bytes, header, header + 328);
    for (const block of data) crc = updateCrc32c(crc, this.bytes, block * BB, block * BB + BB);
    this.view.setUint32(header + 32, ~crc >>> 0, true);
  }

  /** Records until block `until` of this turn. */
  fill(until: number): void {
    const cycle = this.cycle;
    while (this.cycle === cycle && this.next + 34 <= until) this.record(32);
    if (this.cycle === cycle && this.next + 1 < until) this.record(until - this.next - 1);
  }

  find() {
    const geometry = {
      logstart: 1,
      logblocks: SIZE / 8,
      blocksize: 4096,
      fsbnoByte: () => 0,
      isFsbnoRange: () => true,
    } as unknown as Geometry;
    return findLogHead(new MemoryDevice(this.bytes), geometry);
  }
}

test('never written: clean', () => {
  expect(new Log().find()).toMatchObject({ state: 'clean', headBlock: 0 });
});

test('one unmount record at the start, as mkfs writes it', () => {
  const log = new Log();
  log.record(1, { unmount: true, crc: false });
  expect(log.find()).toMatchObject({ state: 'clean', headCycle: 1, headBlock: 2, tailBlock: 2 });
});

test('records after that: dirty, from the tail of the last one', () => {
  const log = new Log();
  log.record(1, { unmount: true });
  const first = log.record(7);
  log.record(3, { tail: [1, first] });
  expect(log.find()).toMatchObject({
    state: 'dirty',
    headCycle: 1,
    headBlock: 14,
    tailCycle: 1,
    tailBlock: first,
  });
});

describe('round the end of the log', () => {
  const turned = (): Log => {
    const log = new Log();
    log.fill(SIZE);
    expect([log.next, log.cycle]).toEqual([0, 2]);
    return log;
  };

  test('exactly full: the head is at the start of the next cycle', () => {
    const log = turned();
    expect(log.find()).toMatchObject({ state: 'dirty', headCycle: 2, headBlock: 0 });
  });

  test('in the middle of the second turn', () => {
    const log = turned();
    log.fill(5000);
    const tail = log.record(4);
    expect(log.find()).toMatchObject({
      state: 'dirty',
      headCycle: 2,
      headBlock: 5005,
      tailCycle: 2,
      tailBlock: tail,
    });
    log.record(1, { unmount: true });
    expect(log.find()).toMatchObject({ state: 'clean', headCycle: 2, headBlock: 5007 });
  });

  test('a record that itself goes round the end', () => {
    const log = new Log();
    log.fill(SIZE - 4);
    const at = log.record(10);
    expect(at).toBe(SIZE - 4);
    expect(log.find()).toMatchObject({
      state: 'dirty',
      headCycle: 2,
      headBlock: 7,
      tailCycle: 1,
      tailBlock: at,
    });
  });

  test('stand-in headers of the cycle before, behind the head, are no records', () => {
    const log = turned();
    log.fill(3000);
    log.record(1, { unmount: true });
    const head = log.next;
    for (let block = head; block < head + 4096; block++) {
      log.bytes.fill(0, block * BB, block * BB + BB);
      log.view.setUint32(block * BB, MAGIC);
      log.view.setUint32(block * BB + 4, 1);
      log.view.setUint32(block * BB + 8, 2);
    }
    expect(log.find()).toMatchObject({ state: 'clean', headCycle: 2, headBlock: head });
  });
});

describe('torn writes', () => {
  test('a hole among the last records moves the head before it', () => {
    const log = new Log();
    log.fill(600);
    const first = log.record(6);
    const second = log.record(6);
    log.record(6);
    // The second record never reached the disk: its blocks are as they were, never written.
    log.bytes.fill(0, second * BB, (second + 7) * BB);
    expect(log.find()).toMatchObject({ state: 'dirty', headBlock: second, tailBlock: first });
  });

  test('a last record without its end is dropped', () => {
    const log = new Log();
    log.record(1, { unmount: true });
    const torn = log.record(9);
    log.bytes.fill(0, (torn + 6) * BB, (torn + 10) * BB);
    // Before it stands the unmount record, so nothing waits.
    expect(log.find()).toMatchObject({ state: 'clean', headBlock: torn });
  });

  test('a record with a wrong CRC is dropped with all behind it', () => {
    const log = new Log();
    log.fill(300);
    const good = log.record(5);
    const torn = log.record(5);
    log.record(5);
    log.bytes[(torn + 3) * BB + 100]! ^= 1;
    expect(log.find()).toMatchObject({ state: 'dirty', headBlock: torn, tailBlock: good });
  });
});

describe('what cannot be understood', () => {
  test.each([
    ['no record', (log: Log) => log.bytes.fill(1)],
    ['cycles that do not follow', (log: Log) => log.view.setUint32((SIZE - 1) * BB, 77)],
    ['a tail outside the log', (log: Log) => log.record(2, { tail: [1, SIZE] })],
    ['an end never written behind a later cycle', (log: Log) => log.view.setUint32(0, 3)],
  ])('%s', (_, spoil) => {
    const log = new Log();
    log.record(1, { unmount: true });
    spoil(log);
    const found = log.find();
    expect(found.state).toBe('unreadable');
    expect(found.detail).not.toBe('');
  });

  test('noise never throws', () => {
    const log = new Log();
    log.fill(SIZE);
    let seed = 1;
    for (let n = 0; n < 300; n++) {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      log.bytes[seed % (n % 2 ? log.bytes.length : 40 * BB)] = seed >>> 16;
      expect(['clean', 'dirty', 'unreadable']).toContain(log.find().state);
    }
  });
});

test('an external log is not looked for, one outside the device is unreadable', () => {
  const device = new MemoryDevice(new Uint8Array(4096));
  const base = { logblocks: 10, blocksize: 4096, fsbnoByte: () => 0 };
  const external = { ...base, logstart: 0 } as unknown as Geometry;
  expect(findLogHead(device, external).state).toBe('external');
  const outside = { ...base, logstart: 5, isFsbnoRange: () => true } as unknown as Geometry;
  expect(findLogHead(device, outside)).toMatchObject({ state: 'unreadable' });
});
