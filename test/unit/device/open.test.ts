/** Opening: what is refused, in which words; creating, growing, freshness; parsing of the kernel's files. */
import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { mountPointOf, splitDeviceNumber } from '../../../src/device/busy.ts';
import { DeviceError, readBytes } from '../../../src/device/device.ts';
import { FaultyDevice } from '../../../src/device/faulty.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { bisectSize, openDevice } from '../../../src/device/open.ts';
import { temporaryDirectory } from '../../support/oracle.ts';

function scratch(name: string): string {
  return join(temporaryDirectory(), name);
}

function refusal(body: () => unknown): { code: string; message: string } {
  try {
    body();
  } catch (error) {
    if (error instanceof DeviceError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('not refused');
}

test('what can hold no filesystem is one clear line', () => {
  mkdirSync(scratch('folder'));
  writeFileSync(scratch('empty'), '');
  writeFileSync(scratch('file'), 'x'.repeat(600));
  execFileSync('mkfifo', [scratch('pipe')]);
  symlinkSync('loop-link', scratch('loop-link'));
  const seen = ['folder', 'empty', 'missing', 'pipe', 'file/below', 'loop-link'].map((name) =>
    refusal(() => openDevice(scratch(name))),
  );
  expect(seen.map((r) => r.code)).toEqual(['DIRECTORY', 'EMPTY', 'ENOENT', 'TYPE', 'ENOTDIR', 'ELOOP']);
  for (const { message } of seen) expect(message).toMatch(/^[^\n]*xfskit-test-[^\n]*: [^\n]+$/);
  expect(refusal(() => openDevice('/dev/null')).message).toBe(
    '/dev/null: is a character device, not an image file or block device',
  );
  for (const options of [{ offset: -1 }, { offset: 1.5 }, { offset: 600 }, { offset: 2 ** 60 }]) {
    expect(refusal(() => openDevice(scratch('file'), options)).code).toBe('RANGE');
  }
});

test('reads and writes keep inside; a file opened for reading is not written', () => {
  writeFileSync(
    scratch('bounds'),
    Uint8Array.from({ length: 1000 }, (_, i) => i & 0xff),
  );
  const device = openDevice(scratch('bounds'));
  expect([...readBytes(device, 998, 2)]).toEqual([998 & 0xff, 999 & 0xff]);
  expect(refusal(() => readBytes(device, 999, 2)).code).toBe('RANGE');
  expect(refusal(() => readBytes(device, -1, 2)).code).toBe('RANGE');
  expect(refusal(() => device.write(0, Uint8Array.of(1))).code).toBe('READONLY');
  device.close();
  device.close();
  const window = openDevice(scratch('bounds'), { offset: 512, write: true });
  expect(window.size).toBe(488);
  window.write(0, Uint8Array.of(7));
  expect(refusal(() => readBytes(window, 487, 2)).code).toBe('RANGE');
  window.close();
  const again = openDevice(scratch('bounds'));
  expect(readBytes(again, 512, 1)[0]).toBe(7);
  again.close();
});

test('a file that shrinks while it is open gives an error, not short data', () => {
  writeFileSync(scratch('shrinks'), new Uint8Array(8192));
  const device = openDevice(scratch('shrinks'));
  const fd = openSync(scratch('shrinks'), 'r+');
  ftruncateSync(fd, 100);
  closeSync(fd);
  const { code, message } = refusal(() => readBytes(device, 0, 4096));
  expect(code).toBe('SHORT');
  expect(message).toContain('stopped after 100, the file now has 100');
  device.close();
});

test('creates and grows sparse files, and says which ranges are known to be zeros', () => {
  const made = openDevice(scratch('made'), { write: true, create: 2 ** 30 });
  expect(made.size).toBe(2 ** 30);
  expect(statSync(scratch('made')).blocks).toBe(0);
  expect(made.isFresh?.(0, 4096)).toBe(true);
  made.close();
  writeFileSync(scratch('grown'), new Uint8Array(100_000).fill(1));
  const grown = openDevice(scratch('grown'), { write: true, create: 2 ** 20 });
  expect(grown.size).toBe(2 ** 20);
  expect(grown.isFresh?.(99_999, 1)).toBe(false);
  expect(grown.isFresh?.(100_000, 4096)).toBe(true);
  expect(readBytes(grown, 99_999, 2)).toEqual(Uint8Array.of(1, 0));
  expect(grown.discard?.()).toBe(true);
  expect(grown.isFresh?.(0, 4096)).toBe(true);
  expect(readBytes(grown, 0, 4096)).toEqual(new Uint8Array(4096));
  expect(grown.size).toBe(2 ** 20);
  grown.close();
  const written = openDevice(scratch('made'), { write: true });
  written.write(5 * 2 ** 20, Uint8Array.of(1));
  written.close();
  const reopened = openDevice(scratch('made'));
  expect(reopened.isFresh?.(0, 4096)).toBe(false);
  reopened.close();
  const longer = openDevice(scratch('grown'), { write: true, create: 4096 });
  expect(longer.size).toBe(2 ** 20);
  longer.close();
  const offset = openDevice(scratch('behind'), { write: true, create: 8192, offset: 4096 });
  expect(offset.size).toBe(8192);
  expect(statSync(scratch('behind')).size).toBe(12_288);
  offset.close();
});

test('beyond 4 GiB offsets stay exact', () => {
  const at = 5 * 2 ** 40 + 512;
  let device: ReturnType<typeof openDevice>;
  try {
    device = openDevice(scratch('large'), { write: true, create: 6 * 2 ** 40 });
  } catch (error) {
    // A filesystem that cannot hold such a file says so plainly.
    expect((error as DeviceError).code).toBe('EFBIG');
    return;
  }
  device.write(at, Uint8Array.of(1, 2, 3));
  device.close();
  const again = openDevice(scratch('large'));
  expect(readBytes(again, at - 1, 5)).toEqual(Uint8Array.of(0, 1, 2, 3, 0));
  again.close();
});

test('reads mountinfo lines, also with spaces in the path', () => {
  const text = [
    '27 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
    '42 27 7:0 / /tmp/with\\040space rw,relatime shared:1 - xfs /dev/loop0 rw',
  ].join('\n');
  expect(mountPointOf(text, { major: 7, minor: 0 })).toBe('/tmp/with space');
  expect(mountPointOf(text, { major: 254, minor: 0 })).toBe('/');
  expect(mountPointOf(text, { major: 7, minor: 1 })).toBeUndefined();
  expect(mountPointOf('', { major: 7, minor: 0 })).toBeUndefined();
});

test('splits device numbers beyond eight bits', () => {
  expect(splitDeviceNumber(0x700n)).toEqual({ major: 7, minor: 0 });
  // As makedev(3) packs 259:300 and 4000:1000000.
  expect(splitDeviceNumber(1114924n)).toEqual({ major: 259, minor: 300 });
  expect(splitDeviceNumber(4096761920n)).toEqual({ major: 4000, minor: 1_000_000 });
});

test('the size of a device without sysfs is found by reading', () => {
  for (const sectors of [0, 1, 2, 3, 7, 8, 1000, 2048, 123_457, 2 ** 33 + 5]) {
    let probes = 0;
    const size = bisectSize((offset) => {
      probes++;
      return offset < sectors * 512;
    });
    expect(size).toBe(sectors * 512);
    expect(probes).toBeLessThan(90);
  }
});

test('a faulty device does what its plan says', () => {
  const memory = new MemoryDevice(new Uint8Array(2048));
  const device = new FaultyDevice(memory, [
    { on: 'write', nth: 0, kind: 'lost' },
    { on: 'write', nth: 1, kind: 'torn', sectors: 1 },
    { on: 'write', nth: 2, kind: 'flip', bit: 9 },
    { on: 'write', nth: 3, kind: 'fail' },
    { on: 'read', nth: 0, kind: 'flip', bit: 0 },
    { on: 'read', nth: 1, kind: 'fail' },
    { on: 'write', nth: 5, kind: 'cut' },
  ]);
  device.write(0, new Uint8Array(512).fill(1));
  expect(memory.bytes[0]).toBe(0);
  device.write(0, new Uint8Array(1024).fill(2));
  expect([memory.bytes[511], memory.bytes[512]]).toEqual([2, 0]);
  device.write(1024, new Uint8Array(2));
  expect([memory.bytes[1024], memory.bytes[1025]]).toEqual([0, 2]);
  expect(refusal(() => device.write(0, Uint8Array.of(9))).code).toBe('EIO');
  expect(readBytes(device, 1024, 1)[0]).toBe(1);
  expect(refusal(() => readBytes(device, 1024, 1)).code).toBe('EIO');
  device.write(1536, Uint8Array.of(5));
  expect(memory.bytes[1536]).toBe(5);
  for (let i = 0; i < 2; i++) expect(refusal(() => device.write(0, Uint8Array.of(9))).code).toBe('EIO');
  expect(refusal(() => readBytes(device, 0, 1)).code).toBe('EIO');
  expect(refusal(() => device.flush()).code).toBe('EIO');
  expect(memory.bytes[0]).toBe(2);
});
