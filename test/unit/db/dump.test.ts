/** Dumps of a small image in memory, restored, cut off, tampered with. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { openDumpInput } from '../../../src/db/dump/file.ts';
import { describeDump, readDumpHead } from '../../../src/db/dump/restore.ts';
import { Scrub } from '../../../src/db/dump/scrub.ts';
import { openFilesystem } from '../../../src/db/filesystem.ts';
import type { DeviceError } from '../../../src/device/device.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { AGFL_CRC_OFFSET } from '../../../src/format/agfl.ts';
import { crcIsGood, sealCrc } from '../../../src/format/checksum.ts';
import { SB_CRC_OFFSET, SUPERBLOCK } from '../../../src/format/superblock.ts';
import { checkImage } from '../../../src/repair/check.ts';
import { dumpTo, restoreTo } from '../../support/dump.ts';
import { temporaryDirectory } from '../../support/oracle.ts';
import { Random } from '../../support/random.ts';
import { emptyImage, smallImage } from '../../support/smallimage.ts';

const scratch = (name: string) => join(temporaryDirectory(), name);
const memory = (bytes: number) => new MemoryDevice(new Uint8Array(bytes), 'target');
const { device, geometry, files } = smallImage();

describe.each([1, 2] as const)('version %d', (version) => {
  test('restored, everything but file content is there, and check finds nothing', () => {
    const file = scratch('dump');
    expect(dumpTo(openFilesystem(device), file, { version })).toEqual([]);
    const restored = restoreTo(file, memory) as MemoryDevice;
    expect(restored.size).toBe(device.size);
    const { findings, observation } = checkImage(restored);
    expect(findings).toEqual([]);
    expect(observation.geometry.metaUuid).toBe(geometry.metaUuid);
    const at = geometry.inoByte(files[0]!.ino);
    const inode = (image: MemoryDevice) => Buffer.from(image.bytes.subarray(at, at + geometry.inodesize));
    expect(inode(restored).equals(inode(device))).toBe(true);
    // The content of `alone` is in AG 0 from block 700 on.
    const content = geometry.agbnoByte(0, 700);
    expect(device.bytes[content]).not.toBe(0);
    expect(restored.bytes.subarray(content, content + 4096).every((byte) => byte === 0)).toBe(true);
  });

  test('cut off anywhere: one line, and a target that says in progress', () => {
    const file = scratch('dump');
    dumpTo(openFilesystem(device), file, { version });
    const dump = readFileSync(file);
    const random = new Random(11);
    const cuts = [0, 3, 4, 8, 100, 511, 512, 513, 1024, dump.length - 1];
    for (let i = 0; i < 20; i++) cuts.push(random.below(dump.length));
    for (const cut of cuts) {
      writeFileSync(file, dump.subarray(0, cut));
      let target: MemoryDevice | undefined;
      const failure = failureOf(() => restoreTo(file, (bytes) => (target = memory(bytes))));
      // Version 2 has no end: cut between two extents it is a whole, shorter dump.
      if (failure === undefined) expect(version).toBe(2);
      else expect(failure.message).toMatch(/cut off after \d+ bytes$|not a metadata dump$/);
      const inProgress = target?.bytes[SUPERBLOCK.offset.inprogress] ?? 1;
      expect(inProgress).toBe(failure === undefined ? 0 : 1);
    }
  });

  test('bytes changed anywhere: restored or one line, within the size of the filesystem', () => {
    const file = scratch('dump');
    dumpTo(openFilesystem(device), file, { version });
    const dump = readFileSync(file);
    const random = new Random(12);
    const headers = headersOf(dump, version);
    let failures = 0;
    for (let i = 0; i < 100; i++) {
      const changed = Buffer.from(dump);
      // Mostly where the format's own fields are.
      const header = random.pick(headers);
      const length = version === 1 ? 64 : 12;
      const at = i % 3 === 0 ? random.below(dump.length) : header + random.below(length);
      changed[at] = random.below(256);
      writeFileSync(file, changed);
      let size = 0;
      const failure = failureOf(() =>
        restoreTo(file, (bytes) => {
          size = bytes;
          if (bytes > 2 ** 27) throw new RangeError('a filesystem of more than was dumped');
          return memory(bytes);
        }),
      );
      if (failure === undefined) continue;
      failures++;
      if (failure instanceof RangeError) expect(size).toBeGreaterThan(2 ** 27);
      else {
        expect(failure.name).toBe('DeviceError');
        expect(failure.message).not.toContain('\n');
      }
    }
    expect(failures).toBeGreaterThan(5);
  });
});

/** Where the format's own fields are: bytes of the headers of blocks or extents. */
function headersOf(dump: Buffer, version: 1 | 2): number[] {
  const found: number[] = [];
  for (let at = version === 1 ? 0 : 24; at < dump.length; ) {
    found.push(at);
    at += version === 1 ? (dump.readUInt16BE(at + 4) + 1) * 512 : 12 + dump.readUInt32BE(at + 8) * 512;
  }
  return found;
}

function failureOf(action: () => unknown): DeviceError | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error as DeviceError;
  }
}

describe('heads that make no sense', () => {
  const file = scratch('dump');
  const headWith = (version: 1 | 2, change: (dump: Buffer) => void): string => {
    dumpTo(openFilesystem(device), file, { version });
    const dump = readFileSync(file);
    change(dump);
    writeFileSync(file, dump);
    const open = openDumpInput(file);
    try {
      readDumpHead(open.input);
      return 'accepted';
    } catch (error) {
      return (error as Error).message.slice(file.length + 2);
    } finally {
      open.close();
    }
  };
  const SB1 = 512;
  const SB2 = 24 + 12;
  test.each([
    [1, 'sectors of 2^31 bytes, not 512', (d: Buffer) => d.writeUInt8(31, 6)],
    [1, 'a block of 64 sectors, of which it can have 63', (d: Buffer) => d.writeUInt16BE(64, 4)],
    [1, 'the primary superblock does not come first', (d: Buffer) => d.writeUInt16BE(0, 4)],
    [1, 'the primary superblock does not come first', (d: Buffer) => d.writeUInt32BE(8, 12)],
    [1, 'its first sector is no superblock of XFS', (d: Buffer) => d.writeUInt32BE(0, SB1)],
    [1, 'a block size of 0', (d: Buffer) => d.writeUInt32BE(0, SB1 + 4)],
    [1, 'a block size of 1048576', (d: Buffer) => d.writeUInt32BE(1 << 20, SB1 + 4)],
    [1, 'a sector size of 0', (d: Buffer) => d.writeUInt16BE(0, SB1 + 102)],
    [1, 'the primary superblock is not whole', (d: Buffer) => d.writeUInt16BE(32768, SB1 + 102)],
    [1, 'a filesystem of -4096 bytes', (d: Buffer) => d.fill(0xff, SB1 + 8, SB1 + 16)],
    [2, 'version 3 of the format', (d: Buffer) => d.writeUInt32BE(3, 4)],
    [2, 'unknown features 0x80000000', (d: Buffer) => d.writeUInt32BE(0x80000000, 12)],
    [2, 'reserved field of the header is not zero', (d: Buffer) => d.writeUInt8(1, 23)],
    [2, 'the primary superblock does not come first', (d: Buffer) => d.writeUInt8(0x40, 24 + 1)],
    [2, 'an extent of device 3', (d: Buffer) => d.writeUInt8(0xc0, 24 + 1)],
    [2, 'a superblock of 4294967295 sectors', (d: Buffer) => d.fill(0xff, 24 + 8, SB2)],
    [2, 'an empty extent after 36 bytes', (d: Buffer) => d.fill(0, 24 + 8, SB2)],
    [2, 'a filesystem of 0 bytes', (d: Buffer) => d.fill(0, SB2 + 8, SB2 + 16)],
  ] as const)('version %d: %s', (version, message, change) => {
    expect(headWith(version, (dump) => void change(dump))).toBe(message);
  });
});

test('the final superblock is normalized, whatever its checksum was', () => {
  const image = emptyImage(48 << 20);
  const sb = SUPERBLOCK.over(image.bytes);
  sb.uquotino = 0;
  sb.bad_features2 = 0;
  sb.fname = 'abc';
  image.bytes.fill(0xaa, 300, 320);
  dumpTo(openFilesystem(image), scratch('dump'));
  const restored = restoreTo(scratch('dump'), memory) as MemoryDevice;
  const sector = restored.bytes.subarray(0, 512);
  const after = SUPERBLOCK.over(sector);
  expect(crcIsGood(sector, SB_CRC_OFFSET)).toBe(true);
  expect([after.uquotino, after.bad_features2, after.inprogress]).toEqual([-1, sb.features2, 0]);
  expect(sector.subarray(300).every((byte) => byte === 0)).toBe(true);
});

test('a primary superblock that could not be restored from is refused', () => {
  const bytes = device.bytes.slice();
  bytes[0] = 0;
  const broken = openFilesystem(new MemoryDevice(bytes, 'broken'));
  const failure = failureOf(() => dumpTo(broken, scratch('dump')));
  expect(failure?.message).toBe('bad superblock magic number 465342, giving up');
});

test('what is not live is cleared, and a checksum that was wrong stays wrong', () => {
  const bytes = device.bytes.slice();
  const at = geometry.headerByte(1, 3);
  const slot = at + 36 + 4 * 50;
  bytes.fill(0x11, slot, slot + 4);
  const agfl = (image: Uint8Array) => Buffer.from(image.subarray(at, at + geometry.sectsize));
  const restoredFrom = (image: Uint8Array) => {
    dumpTo(openFilesystem(new MemoryDevice(image, 'image')), scratch('dump'));
    return agfl((restoreTo(scratch('dump'), memory) as MemoryDevice).bytes);
  };
  sealCrc(bytes, AGFL_CRC_OFFSET, at, geometry.sectsize);
  const sealed = restoredFrom(bytes);
  expect(sealed.readUInt32BE(36 + 4 * 50)).toBe(0xffffffff);
  expect(crcIsGood(sealed, AGFL_CRC_OFFSET)).toBe(true);
  bytes[at + AGFL_CRC_OFFSET]! ^= 1;
  expect(crcIsGood(restoredFrom(bytes), AGFL_CRC_OFFSET)).toBe(false);
});

test('a scrub outside of its object does nothing', () => {
  const bytes = new Uint8Array(64).fill(1);
  const block = new Scrub(bytes, undefined);
  for (const [from, to] of [
    [60, 65],
    [10, 10],
    [20, 10],
    [-4, 4],
    [Number.NaN, 8],
  ] as const)
    block.clear(from, to);
  expect(bytes.every((byte) => byte === 1)).toBe(true);
});

test('what is said of a dump', () => {
  const flags = { obfuscated: true, fullBlocks: false, dirtyLog: false, externalLog: true, realtime: false };
  expect(describeDump('d', { version: 1, flags })).toBe('d: obfuscated, clean log, zeroed metadata blocks\n');
  expect(describeDump('d', { version: 1, flags: undefined })).toBe('d: no informational flags present\n');
  expect(describeDump('d', { version: 2, flags })).toContain('external log contents are dumped');
});

test.each([
  ['behind the device', (sb: Superblock) => (sb.logstart = 2 ** 40)],
  ['nowhere', (sb: Superblock) => (sb.logstart = -1)],
  ['longer than the device', (sb: Superblock) => (sb.logblocks = 0xffffffff)],
])('a log %s is told of, and left out', (_, change) => {
  const bytes = device.bytes.slice();
  change(SUPERBLOCK.over(bytes));
  sealCrc(bytes, SB_CRC_OFFSET, 0, geometry.sectsize);
  const filesystem = openFilesystem(new MemoryDevice(bytes, 'image'));
  expect(dumpTo(filesystem, scratch('dump'))).toEqual(['cannot read log']);
  expect(restoreTo(scratch('dump'), memory).size).toBe(device.size);
});

type Superblock = ReturnType<typeof SUPERBLOCK.over>;
