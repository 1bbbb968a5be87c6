/**
 * Hostile images and paths against every command: one line on stderr or a report, the right exit bits, no stack
 * trace, and no byte changed (compared by hash).
 */
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { type RunResult, temporaryDirectory, xfskit, xfskitUnprivileged } from '../../support/oracle.ts';

const MIB = 2 ** 20;

function path(name: string): string {
  return join(temporaryDirectory(), name);
}

function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** Commands that read IMAGE as a filesystem, as a user would type them. */
const readers: Readonly<Record<string, readonly string[]>> = {
  check: ['check'],
  'check --json': ['check', '--json'],
  'check --jsonl': ['check', '--jsonl'],
  'check --junit': ['check', '--junit', '-'],
  'check --sarif': ['check', '--sarif', '-'],
  'check --tap': ['check', '--tap'],
  'fsck -n': ['fsck', '-n'],
  'fsck -y': ['fsck', '-y', '-C'],
  'repair -n': ['repair', '-n'],
  repair: ['repair'],
  inject: ['inject', 'leaked-cow'],
  'log status': ['log', 'status'],
  'log status --json': ['log', 'status', '--json'],
  'log print': ['log', 'print', '-c'],
  'log print -tib': ['log', 'print', '-tib', '--json'],
  'log replay -n': ['log', 'replay', '-n'],
  'log replay': ['log', 'replay'],
};

/** A small stream of bytes that looks random (xorshift), the same on each run. */
function noise(length: number): Uint8Array {
  const words = new Uint32Array(length / 4);
  let state = 0x9e3779b9;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer);
}

function ext4Like(): Uint8Array {
  const bytes = new Uint8Array(16 * MIB);
  const view = new DataView(bytes.buffer);
  view.setUint32(1024, 4096, true); // s_inodes_count
  view.setUint32(1028, 4096, true); // s_blocks_count_lo
  view.setUint32(1048, 2, true); // s_log_block_size
  view.setUint16(1080, 0xef53, true); // s_magic
  return bytes;
}

function expectOneLine(result: RunResult): void {
  expect(result.signal).toBeNull();
  expect(result.stderr).not.toMatch(/^\s+at /m);
  expect(result.stderr).not.toContain('internal error');
  expect(result.stderr).toMatch(/^xfskit [a-z]+: [^\n]+\n$/);
}

beforeAll(() => {
  writeFileSync(path('zero.img'), new Uint8Array(16 * MIB));
  writeFileSync(path('random.img'), noise(10 * MIB));
  writeFileSync(path('ext4.img'), ext4Like());
  writeFileSync(path('tiny.img'), 'XFSB');
  const made = xfskit(['mkfs', '-q', '--unsupported', '-d', 'size=64m', path('whole.img')]);
  expect({ status: made.status, stderr: made.stderr }).toEqual({ status: 0, stderr: '' });
  const start = readFileSync(path('whole.img')).subarray(0, MIB);
  writeFileSync(path('cut.img'), start);
  writeFileSync(path('sector.img'), start.subarray(0, 512));
  writeFileSync(path('headless.img'), Buffer.concat([noise(4096), start.subarray(4096)]));
});

test.each(['zero.img', 'random.img', 'ext4.img', 'tiny.img', 'headless.img', 'sector.img', 'cut.img'])(
  'db looks at %s without falling over',
  (image) => {
    const before = hashOf(path(image));
    for (const commands of [['sb 0'], ['agf 0', 'addr bnoroot'], ['inode 128'], ['daddr 99999999999']]) {
      const line = [...commands, 'print'].flatMap((command) => ['-c', command]);
      const result = xfskit(['db', ...line, path(image)], { timeout: 20_000 });
      expect(result.signal).toBeNull();
      expect(result.stderr).not.toMatch(/^\s+at /m);
      expect(result.stderr).not.toContain('internal error');
      // 8 also when a command failed: 1 would say that something was fixed.
      expect([0, 4, 8]).toContain(result.status);
      if (result.status === 0) expect(result.stdout).not.toBe('');
      else expect(result.stderr).not.toBe('');
    }
    expect(hashOf(path(image))).toBe(before);
  },
);

describe.each(Object.keys(readers))('%s', (name) => {
  test.each(['zero.img', 'random.img', 'ext4.img', 'tiny.img', 'headless.img', 'sector.img', 'cut.img'])(
    'survives %s and leaves it alone',
    (image) => {
      const before = hashOf(path(image));
      const result = xfskit([...readers[name]!, path(image)], { timeout: 20_000 });
      expect(result.signal).toBeNull();
      expect(result.stderr).not.toMatch(/^\s+at /m);
      expect(result.stderr).not.toContain('internal error');
      expect(result.stderr.split('\n').length).toBeLessThanOrEqual(3);
      // Damage (4) or "this cannot be looked at" (8); never clean, never fixed.
      expect([4, 8]).toContain(result.status);
      expect(result.stdout.length + result.stderr.length).toBeGreaterThan(0);
      expect(hashOf(path(image))).toBe(before);
    },
  );
});

test.each(['check', 'repair', 'db', 'undo'])('%s: paths that hold no image', (command) => {
  writeFileSync(path('empty'), '');
  mkdirSync(path('folder'), { recursive: true });
  const run = (image: string): RunResult =>
    xfskit(command === 'undo' ? ['undo', path('nothing.undo'), image] : [command, image]);
  const seen = [path('folder'), path('empty'), path('missing'), '/dev/null', path('new\nline')].map(run);
  for (const result of seen) {
    expectOneLine(result);
    expect(result.status).toBe(8);
    expect(result.stdout).toBe('');
  }
  expect(seen.map(({ stderr }) => /: ([^:]+)\n$/.exec(stderr)![1])).toEqual([
    'is a directory, not an image file or block device',
    'is empty',
    'no such file',
    'is a character device, not an image file or block device',
    'no such file',
  ]);
});

test('hostile paths in every form of report: no control character reaches the output', () => {
  const names = [
    '\u001b[2Jx',
    'new\nline',
    'a]]>&<"',
    'ok 1 # SKIP',
    '--not-an-option.img',
    '\u202eimg',
    '%s%n',
  ];
  for (const name of names) writeFileSync(path(name), noise(4096));
  for (const form of [[], ['--json'], ['--jsonl'], ['--junit', '-'], ['--sarif', '-'], ['--tap']]) {
    const result = xfskit(['check', ...form, '--', ...names], { cwd: temporaryDirectory() });
    expect([form, result.status, result.signal]).toEqual([form, 8, null]);
    expect(/(?!\n)\p{Cc}/u.test(result.stdout + result.stderr)).toBe(false);
    expect(result.stderr.split('\n').length).toBe(names.length + 1);
    expect(result.stderr).not.toContain('internal error');
  }
});

test('heads of packings with nothing sound behind them', () => {
  const heads = [
    [0x1f, 0x8b, 8, 0xff, 0, 0],
    [0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff],
    [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0],
    [0x50, 0x2a, 0x4d, 0x18, 0xff, 0xff],
  ];
  for (const head of heads) {
    for (const rest of [new Uint8Array(0), new Uint8Array(100_000), noise(100_000)]) {
      writeFileSync(path('packed'), Buffer.concat([Buffer.from(head), rest]));
      const result = xfskit(['check', path('packed')], { timeout: 20_000 });
      expectOneLine(result);
      expect([head, result.status, result.stdout]).toEqual([head, 8, '']);
    }
  }
});

test('an image that may not be read or written is refused, by every command', () => {
  const closed = path('closed.img');
  writeFileSync(closed, new Uint8Array(4096));
  for (const [mode, lines] of [
    [0o444, [['repair'], ['inject', 'leaked-cow'], ['mkfs', '-f']]],
    [0, [['check'], ['db', '-c', 'sb 0'], ['repair', '-n'], ['repair'], ['mkfs', '-f']]],
  ] as const) {
    chmodSync(closed, mode);
    for (const line of lines) {
      const result = xfskitUnprivileged([...line, closed]);
      expectOneLine(result);
      expect([line, result.status]).toEqual([line, line[0] === 'mkfs' ? 1 : 8]);
      expect(result.stderr).toContain('permission denied');
    }
  }
});

test('check sees that the end of the image is missing', () => {
  const image = path('short.img');
  expect(xfskit(['mkfs', '-q', '--unsupported', '-d', 'size=64m', image]).status).toBe(0);
  truncateSync(image, 50 * MIB);
  const before = statSync(image).mtimeMs;
  const result = xfskit(['check', image]);
  expect([4, 8]).toContain(result.status);
  expect(result.stderr).not.toMatch(/^\s+at /m);
  expect(statSync(image).mtimeMs).toBe(before);
  const repair = xfskit(['repair', image]);
  expect([4, 8]).toContain(repair.status);
  expect(statSync(image).mtimeMs).toBe(before);
});

test('undo refuses what is no journal', () => {
  writeFileSync(path('no.undo'), 'not a journal, but long enough to be looked at'.repeat(10));
  const before = hashOf(path('zero.img'));
  const result = xfskit(['undo', path('no.undo'), path('zero.img')]);
  expectOneLine(result);
  expect(result.stderr).toContain('is no undo journal');
  expect(result.status).toBe(8);
  expect(hashOf(path('zero.img'))).toBe(before);
});
