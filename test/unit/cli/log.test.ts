/** `xfskit log status` and `log replay` on logs written by hand: exit status, what is said, what is written. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { SUPERBLOCK } from '../../../src/format/superblock.ts';
import { writeLabels } from '../../support/dirtylog.ts';
import { temporaryDirectory, xfskit } from '../../support/oracle.ts';
import { smallImage } from '../../support/smallimage.ts';

const LABELS = Array.from({ length: 20 }, (_, i) => `label${i}`);

let clean: Uint8Array;
let dirty: Uint8Array;
/** The same with its sixth record damaged: too far from the head to be a torn write. */
let damaged: Uint8Array;

beforeAll(() => {
  const { device, geometry } = smallImage();
  clean = device.bytes.slice();
  const blocks = writeLabels(device, LABELS);
  dirty = device.bytes.slice();
  damaged = dirty.slice();
  damaged[geometry.fsbnoByte(geometry.logstart) + blocks[5]! * 512 + 600]! ^= 1;
});

function imageOf(name: string, bytes: Uint8Array): string {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, bytes);
  return path;
}

function labelOf(path: string): string {
  const bytes = readFileSync(path);
  const at = SUPERBLOCK.offset.fname;
  return bytes
    .subarray(at, at + 12)
    .toString('latin1')
    .replace(/\0+$/, '');
}

test('status: clean, dirty and damaged logs', () => {
  const whole = xfskit(['log', 'status', imageOf('clean.img', clean)]);
  expect([whole.status, whole.stderr]).toEqual([0, '']);
  expect(whole.stdout).toMatch(/log clean\n {2}head {10}1:2\n {2}tail {10}1:2\n/);

  const path = imageOf('dirty.img', dirty);
  const waiting = xfskit(['log', 'status', path]);
  expect([waiting.status, waiting.stderr]).toEqual([4, '']);
  expect(waiting.stdout).toMatch(/records {7}20, /);
  expect(waiting.stdout).toMatch(/items {9}BUF 20\n {2}open intents {2}none\n/);
  const report = JSON.parse(xfskit(['log', 'status', '--json', path]).stdout) as Record<string, unknown>;
  expect(report).toMatchObject({
    state: 'dirty',
    records: 20,
    transactions: 20,
    unfinished: 0,
    items: { BUF: 20 },
    openIntents: {},
    replay: { transactions: 20, itemsReplayed: 20, restartable: true },
    exit: 4,
  });

  const broken = xfskit(['log', 'status', '--json', imageOf('damaged.img', damaged)]);
  expect(broken.status).toBe(8);
  expect(JSON.parse(broken.stdout)).toMatchObject({
    state: 'dirty',
    records: 5,
    damage: { lost: { records: 14, transactions: 14 } },
    refused: expect.stringMatching(/^log: record at block \d+: CRC/),
  });
  expect(readFileSync(path).equals(dirty)).toBe(true);
});

test('replay: -n writes nothing and names what changes; a run writes it once', () => {
  const path = imageOf('replay.img', dirty);
  const dry = xfskit(['log', 'replay', '-n', path]);
  expect([dry.status, dry.stderr]).toEqual([4, '']);
  expect(dry.stdout).toMatch(/would replay: 20 transactions replayed/);
  expect(dry.stdout).toMatch(/^ {2}sb +1 {2}.*fname/m);
  expect(xfskit(['log', 'replay', '-n', '-v', path]).stdout).toContain('fname = "small\\000');
  expect(readFileSync(path).equals(dirty)).toBe(true);

  const journal = join(temporaryDirectory(), 'replay.undo');
  const done = xfskit(['log', 'replay', '--undo', journal, path]);
  expect([done.status, done.stderr]).toEqual([1, '']);
  expect(labelOf(path)).toBe('label19');
  expect(xfskit(['check', path]).status).toBe(0);
  const again = xfskit(['log', 'replay', path]);
  expect([again.status, again.stdout]).toEqual([0, expect.stringContaining('nothing to replay')]);
  expect(xfskit(['undo', journal, path]).status).toBe(0);
  expect(readFileSync(path).equals(dirty)).toBe(true);
});

test('replay --json ends with what was done', () => {
  const path = imageOf('json.img', dirty);
  const dry = xfskit(['log', 'replay', '-n', '--json', path]).stdout.trim().split('\n');
  const rows = dry.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(rows.some(({ object }) => object === 'sb 0')).toBe(true);
  expect(rows.at(-1)).toMatchObject({ applied: false, exit: 4 });
  const done = xfskit(['log', 'replay', '--json', '--no-undo', path]);
  expect(JSON.parse(done.stdout)).toMatchObject({ applied: true, exit: 1, state: 'dirty' });
  expect(existsSync(`${path}.xfskit-undo`)).toBe(false);
});

test('a damaged record in the middle is refused, with what a cut would lose; --force-tail cuts there', () => {
  const path = imageOf('cut.img', damaged);
  const refused = xfskit(['log', 'replay', path]);
  expect(refused.status).toBe(4);
  expect(refused.stdout).toBe('');
  expect(refused.stderr).toMatch(
    /^xfskit log: [^\n]*refused, the log cannot be replayed: record at block \d+: CRC [^\n]*--force-tail cuts there and loses [^\n]* 14 records with 14 committed transactions can be read\n$/,
  );
  expect(readFileSync(path).equals(damaged)).toBe(true);
  const unsafe = xfskit(['log', 'replay', '--force-tail', '--no-undo', path]);
  expect([unsafe.status, unsafe.stderr]).toEqual([4, expect.stringContaining('needs an undo journal')]);
  expect(readFileSync(path).equals(damaged)).toBe(true);
  const cut = xfskit(['log', 'replay', '--force-tail', path]);
  expect([cut.status, cut.stderr]).toEqual([1, '']);
  expect(cut.stdout).toMatch(/log cut at block \d+: lost /);
  expect(labelOf(path)).toBe('label4');
  expect(xfskit(['log', 'status', path]).status).toBe(0);
  expect(xfskit(['check', path]).status).toBe(0);
});

test('print: records with operations, transactions with items and fields', () => {
  const path = imageOf('print.img', dirty);
  const records = xfskit(['log', 'print', path]);
  expect([records.status, records.stderr]).toEqual([0, '']);
  expect(records.stdout.match(/^record 1:\d+: 512 bytes, 5 operations, tail 1:2$/gm)).toHaveLength(20);
  expect(records.stdout).toContain('      1000      0  start\n      1000     16  header, 2 regions\n');
  expect(records.stdout).toMatch(/^ {6}1000 +24 {2}BUF flags = 0x9000, len = 1, blkno = 0, /m);
  const items = xfskit(['log', 'print', '-t', '-b', path]).stdout;
  expect(items.match(/^transaction 10[01][0-9a-f] at 1:\d+: 2 regions, 1 items$/gm)).toHaveLength(20);
  expect(items).toContain('    sb at daddr 0\n');
  expect(items.match(/^ {6}fname = "label\d+/gm)).toHaveLength(20);
  // The checksum lies in a piece that was not logged.
  expect(items).not.toContain('crc =');
  const rows = xfskit(['log', 'print', '-tb', '--json', path]).stdout.trim().split('\n');
  expect(rows).toHaveLength(20);
  expect(JSON.parse(rows[0]!)).toMatchObject({
    tid: '1000',
    lsn: '1:2',
    regions: 2,
    items: [{ name: 'BUF', fields: { blkno: 0 }, parts: [{ title: 'sb at daddr 0' }] }],
  });
  expect(xfskit(['log', 'print', imageOf('clean.img', clean)])).toMatchObject({
    status: 0,
    stdout: 'log clean: head at 1:2\n',
  });
});

test('print: a damaged record ends it, or is gone over; a block to begin at', () => {
  const path = imageOf('print.img', damaged);
  const count = (...line: string[]): number =>
    xfskit(['log', 'print', ...line, path]).stdout.match(/^record /gm)?.length ?? 0;
  const ended = xfskit(['log', 'print', path]);
  expect([ended.status, ended.stderr]).toEqual([
    8,
    expect.stringMatching(/record at block \d+: CRC [^\n]*\n$/),
  ]);
  expect(count()).toBe(5);
  expect(count('-c')).toBe(19);
  expect(count('-s', '4')).toBe(4);
  expect(count('-s', '99999999')).toBe(0);
  expect(xfskit(['log', 'print', '-s', 'x', path]).status).toBe(16);
  expect(xfskit(['log', 'print', '-b', path]).status).toBe(16);
  expect(readFileSync(path).equals(damaged)).toBe(true);
});

test('lines that make no sense', () => {
  const path = imageOf('usage.img', clean);
  for (const line of [
    ['log', 'status', '-n', path],
    ['log', 'replay', '-v', path],
    ['log', 'mend', path],
    ['log', 'status'],
  ]) {
    const result = xfskit(line);
    expect([line, result.status, result.stdout]).toEqual([line, 16, '']);
    expect(result.stderr).toMatch(/^xfskit log: [^\n]+\n$/);
  }
});

test('an old journal, a log device that is not needed and one that is missing are refused', () => {
  const path = imageOf('busy.img', dirty);
  writeFileSync(`${path}.xfskit-undo`, 'old');
  const old = xfskit(['log', 'replay', path]);
  expect([old.status, old.stderr]).toEqual([8, expect.stringContaining('exists, perhaps from a run')]);
  const inside = xfskit(['log', 'status', '-l', imageOf('side.img', clean), path]);
  expect([inside.status, inside.stderr]).toEqual([8, expect.stringContaining('its log is inside')]);
  expect(readFileSync(path).equals(dirty)).toBe(true);
});
