/** `repair -L` loses the log only when that is spelled out; `-l` of repair and of log replay: external logs. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { openDevice } from '../../../src/device/open.ts';
import { sealCrc } from '../../../src/format/checksum.ts';
import { SUPERBLOCK } from '../../../src/format/superblock.ts';
import { check } from '../../support/cli.ts';
import { writeLabels } from '../../support/dirtylog.ts';
import { temporaryDirectory, xfskit } from '../../support/oracle.ts';
import { smallImage } from '../../support/smallimage.ts';

const LABELS = Array.from({ length: 16 }, (_, i) => `label${i}`);
const path = (name: string): string => join(temporaryDirectory(), name);

let dirty: Buffer;
let logStart: number;
let logEnd: number;
let blocks: readonly number[];

beforeAll(() => {
  const { device, geometry } = smallImage();
  blocks = writeLabels(device, LABELS);
  dirty = Buffer.from(device.bytes);
  logStart = geometry.fsbnoByte(geometry.logstart);
  logEnd = logStart + geometry.logblocks * geometry.blocksize;
});

function imageOf(name: string, bytes: Uint8Array): string {
  writeFileSync(path(name), bytes);
  return path(name);
}

function head(image: string): { cycle: number; state: string } {
  const report = JSON.parse(xfskit(['log', 'status', '--json', image]).stdout) as {
    head: { cycle: number };
    state: string;
  };
  return { cycle: report.head.cycle, state: report.state };
}

test('a log that can be replayed is lost only with --yes-lose-log, and undo brings it back', () => {
  const image = imageOf('replayable.img', dirty);
  const refused = xfskit(['repair', '-L', image]);
  expect([refused.status, refused.stdout]).toEqual([16, '']);
  expect(refused.stderr).toMatch(
    /^xfskit repair: [^\n]* can be replayed, [^\n]* 16 transactions; items: BUF 16; open intents: none; [^\n]*--yes-lose-log\n$/,
  );
  expect(xfskit(['repair', '--yes-lose-log', image]).status).toBe(16);
  expect(xfskit(['repair', '-n', '-L', '--yes-lose-log', image]).status).toBe(4);
  expect(readFileSync(image).equals(dirty)).toBe(true);
  const journal = path('lost.undo');
  const lost = xfskit(['repair', '-L', '--yes-lose-log', '--undo', journal, image]);
  expect(lost.status).toBe(1);
  expect(lost.stderr).toContain('lost with the log: 16 transactions');
  expect(head(image)).toEqual({ cycle: 2, state: 'clean' });
  expect(check(image)).toMatchObject({ status: 0, findings: [] });
  const { fname } = SUPERBLOCK.over(readFileSync(image));
  expect(String(fname)).not.toContain('label');
  const again = readFileSync(image);
  expect(xfskit(['repair', '-L', image])).toMatchObject({
    status: 0,
    stderr: expect.stringContaining('nothing is lost'),
  });
  expect(readFileSync(image).equals(again)).toBe(true);
  expect(xfskit(['undo', journal, image]).status).toBe(0);
  expect(readFileSync(image).equals(dirty)).toBe(true);
});

test('a log that is damaged or cannot be read goes with -L alone', () => {
  const damaged = Buffer.from(dirty);
  damaged[logStart + blocks[3]! * 512 + 600]! ^= 1;
  const noise = Buffer.from(dirty);
  for (let i = logStart; i < logEnd; i++) noise[i] = Math.imul(i, 2654435761) >>> 24;
  for (const [name, bytes] of [
    ['damaged.img', damaged],
    ['noise.img', noise],
  ] as const) {
    const image = imageOf(name, bytes);
    expect(xfskit(['repair', image]).status).toBe(4);
    expect(readFileSync(image).equals(bytes)).toBe(true);
    expect(xfskit(['repair', '-L', image]).status).toBe(1);
    expect(head(image).state).toBe('clean');
    expect(check(image)).toMatchObject({ status: 0, findings: [] });
    expect(existsSync(`${image}.xfskit-undo`)).toBe(false);
  }
});

test('the new log is ahead of every LSN', () => {
  const bytes = Buffer.from(dirty);
  const { offset } = SUPERBLOCK;
  bytes.writeUInt32BE(7, offset.lsn);
  bytes.writeUInt32BE(9, offset.lsn + 4);
  sealCrc(bytes, offset.crc, 0, 512);
  const image = imageOf('ahead.img', bytes);
  expect(xfskit(['repair', '-L', '--yes-lose-log', image]).status).toBe(1);
  expect(head(image).cycle).toBe(8);
  expect(check(image).findings).toEqual([]);
});

/** A filesystem whose log is a file of its own, dirty. */
function external(name: string): { image: string; log: string } {
  const [image, log] = [path(`${name}.img`), path(`${name}.log`)];
  writeFileSync(log, new Uint8Array(16 << 20));
  const made = xfskit([
    'mkfs',
    '-q',
    '--unsupported',
    '-d',
    `size=64m`,
    '-l',
    `logdev=${log},size=16m`,
    image,
  ]);
  expect(made).toMatchObject({ status: 0, stderr: '' });
  const [device, logDevice] = [openDevice(image, { write: true }), openDevice(log, { write: true })];
  writeLabels(device, LABELS, logDevice);
  for (const each of [device, logDevice]) each.close();
  return { image, log };
}

test('external logs: needed, replayed, journalled, lost', () => {
  const { image, log } = external('apart');
  const before = [image, log].map((each) => readFileSync(each));
  expect(xfskit(['log', 'status', image]).status).toBe(8);
  expect(xfskit(['log', 'replay', image]).status).toBe(4);
  expect(xfskit(['log', 'status', '-l', log, image]).status).toBe(4);
  expect(xfskit(['repair', '-L', image]).status).toBe(16);
  const line = ['-l', log, '--undo', path('apart.undo'), image];
  for (const command of [
    ['log', 'replay', ...line],
    ['repair', ...line],
    ['repair', '-L', '--yes-lose-log', ...line],
  ]) {
    const done = xfskit(command);
    expect([command, done.status]).toEqual([command, 1]);
    expect(xfskit(['log', 'status', '-l', log, image]).status).toBe(0);
    expect(xfskit(['check', '-l', log, image]).status).toBe(0);
    const name = readFileSync(image).toString('latin1', SUPERBLOCK.offset.fname, SUPERBLOCK.offset.fname + 7);
    expect(name === 'label15').toBe(!command.includes('-L'));
    expect(xfskit(['undo', path('apart.undo'), image]).status).toBe(0);
    expect(xfskit(['undo', path('apart.undo.log'), log]).status).toBe(0);
    expect([image, log].map((each, i) => readFileSync(each).equals(before[i]!))).toEqual([true, true]);
    for (const each of ['apart.undo', 'apart.undo.log']) removed(path(each));
  }
});

function removed(file: string): void {
  expect(existsSync(file)).toBe(true);
  rmSync(file);
}
