/** Partition tables, as partitioning programs write them and as a hostile image may hold them. */
import { describe, expect, test } from '@jest/globals';
import { DeviceError } from '../../../src/device/device.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { findPartition } from '../../../src/device/partition.ts';
import { Random } from '../../support/random.ts';

const MIB = 2 ** 20;

function crc32(bytes: Uint8Array): number {
  const table = Array.from({ length: 256 }, (_, n) => {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    return c >>> 0;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (table[(crc ^ byte) & 0xff]! ^ (crc >>> 8)) >>> 0;
  return (crc ^ 0xffffffff) >>> 0;
}

/** Writes a GPT header and its table; partitions as [first, last] sectors, or none. */
function writeGpt(
  bytes: Uint8Array,
  header: number,
  table: number,
  sector: number,
  parts: readonly (readonly [number, number] | undefined)[],
): void {
  const entries = new Uint8Array(128 * 128);
  const entryView = new DataView(entries.buffer);
  parts.forEach((part, i) => {
    if (!part) return;
    entries.fill(0x11, i * 128, i * 128 + 16);
    entryView.setBigUint64(i * 128 + 32, BigInt(part[0]), true);
    entryView.setBigUint64(i * 128 + 40, BigInt(part[1]), true);
  });
  bytes.set(entries, table * sector);
  const head = new Uint8Array(sector);
  const view = new DataView(head.buffer);
  head.set(Buffer.from('EFI PART'));
  view.setUint32(8, 0x10000, true);
  view.setUint32(12, 92, true);
  view.setBigUint64(72, BigInt(table), true);
  view.setUint32(80, 128, true);
  view.setUint32(84, 128, true);
  view.setUint32(88, crc32(entries), true);
  view.setUint32(16, crc32(head.subarray(0, 92)), true);
  bytes.set(head, header * sector);
}

function writeMbr(
  bytes: Uint8Array,
  at: number,
  entries: readonly (readonly [number, number, number])[],
): void {
  const view = new DataView(bytes.buffer);
  entries.forEach(([type, first, count], i) => {
    bytes[at + 446 + i * 16 + 4] = type;
    view.setUint32(at + 446 + i * 16 + 8, first, true);
    view.setUint32(at + 446 + i * 16 + 12, count, true);
  });
  bytes[at + 510] = 0x55;
  bytes[at + 511] = 0xaa;
}

describe('GPT', () => {
  const made = (sector: number): MemoryDevice => {
    const device = new MemoryDevice(new Uint8Array(8 * MIB));
    const last = device.size / sector - 1;
    const parts = [[2048, 4095], undefined, [512, 1023]] as const;
    writeMbr(device.bytes, 0, [[0xee, 1, last]]);
    writeGpt(device.bytes, 1, 2, sector, parts);
    writeGpt(device.bytes, last, last - (128 * 128) / sector, sector, parts);
    return device;
  };
  test.each([512])('sectors of %d', (sector) => {
    expect(findPartition(made(sector), 1)).toEqual({ offset: 2048 * sector, length: 2048 * sector });
    expect(findPartition(made(sector), 3)).toEqual({ offset: 512 * sector, length: 512 * sector });
  });
  test('sectors of 4096; one that leaves the image', () => {
    expect(findPartition(made(4096), 3)).toEqual({ offset: 2 * MIB, length: 2 * MIB });
    expect(() => findPartition(made(4096), 1)).toThrow('not inside');
  });
  test('no such partition', () => {
    expect(() => findPartition(made(512), 2)).toThrow('has no partition 2');
    expect(() => findPartition(made(512), 500)).toThrow(DeviceError);
  });
  test('a damaged first table: the backup; both damaged: refused', () => {
    const device = made(512);
    device.bytes[512 + 80]! ^= 1;
    expect(findPartition(device, 1).offset).toBe(MIB);
    device.bytes[device.size - 512 + 80]! ^= 1;
    expect(() => findPartition(device, 1)).toThrow('its GPT is damaged');
    const entries = made(512);
    entries.bytes[1024 + 40]! ^= 1;
    expect(findPartition(entries, 1).offset).toBe(MIB);
  });
});

describe('MBR', () => {
  test('primary and logical partitions', () => {
    const device = new MemoryDevice(new Uint8Array(8 * MIB));
    writeMbr(device.bytes, 0, [
      [0x83, 2048, 100],
      [0x05, 4096, 8192],
      [0, 0, 0],
    ]);
    writeMbr(device.bytes, 4096 * 512, [
      [0x83, 64, 200],
      [0x05, 1024, 500],
    ]);
    writeMbr(device.bytes, (4096 + 1024) * 512, [[0x83, 32, 300]]);
    expect(findPartition(device, 1)).toMatchObject({ offset: 2048 * 512, length: 100 * 512 });
    expect(findPartition(device, 5)).toMatchObject({ offset: (4096 + 64) * 512, length: 200 * 512 });
    expect(findPartition(device, 6)).toMatchObject({ offset: (4096 + 1024 + 32) * 512, length: 300 * 512 });
    for (const missing of [3, 4, 7]) expect(() => findPartition(device, missing)).toThrow('has no partition');
  });
  test('a chain of logical partitions that bites its tail ends', () => {
    const device = new MemoryDevice(new Uint8Array(8 * MIB));
    writeMbr(device.bytes, 0, [[0x05, 4096, 8192]]);
    writeMbr(device.bytes, 4096 * 512, [
      [0x83, 64, 200],
      [0x05, 0, 500],
    ]);
    expect(findPartition(device, 5).length).toBe(200 * 512);
    expect(() => findPartition(device, 1000)).toThrow('has no partition 1000');
  });
});

test('no table, or random bytes: a DeviceError or a partition inside', () => {
  expect(() => findPartition(new MemoryDevice(new Uint8Array(MIB)), 1)).toThrow('holds no partition table');
  expect(() => findPartition(new MemoryDevice(new Uint8Array(100)), 1)).toThrow(DeviceError);
  for (let seed = 0; seed < 200; seed++) {
    const bytes = new Uint8Array(new Random(seed).bytes(64 * 1024));
    bytes.set([0x55, 0xaa], 510);
    const device = new MemoryDevice(bytes);
    try {
      const found = findPartition(device, 1 + (seed % 9));
      expect(found.offset + found.length).toBeLessThanOrEqual(device.size);
    } catch (error) {
      expect(error).toBeInstanceOf(DeviceError);
    }
  }
});
