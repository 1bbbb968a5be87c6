/** `xfskit check` of packed images and of standard input: results, damaged streams, and what must not be left behind. */
import { spawn } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { SparseFile } from '../../../src/device/temporary.ts';
import {
  type RunOptions,
  type RunResult,
  repository,
  run,
  temporaryDirectory,
  xfskit,
} from '../../support/oracle.ts';

function path(name: string): string {
  return join(temporaryDirectory(), name);
}

/** Packed forms by name; those whose program is missing here are left out, and said so. */
const packed = new Map<string, string>();

beforeAll(() => {
  expect(xfskit(['mkfs', '-q', '--unsupported', '-d', 'size=64m', path('a.img')]).status).toBe(0);
  expect(xfskit(['inject', 'leaked-cow', path('a.img')]).status).toBe(0);
  const image = readFileSync(path('a.img'));
  writeFileSync(path('a.gz'), gzipSync(image));
  writeFileSync(
    path('two.gz'),
    Buffer.concat([gzipSync(image.subarray(0, 1e6)), gzipSync(image.subarray(1e6))]),
  );
  for (const name of ['a.gz', 'two.gz']) packed.set(name, 'gzip');
  const made: [string, string, string[]][] = [
    ['a.zst', 'zstd', ['-q', '-f', path('a.img'), '-o', path('a.zst')]],
    ['sum.zst', 'zstd', ['-q', '-f', '--no-check', '-19', path('a.img'), '-o', path('sum.zst')]],
    ['long.zst', 'zstd', ['-q', '-f', '--long=27', path('a.img'), '-o', path('long.zst')]],
    ['a.xz', 'xz', ['-k', '-0', '-f', path('a.img')]],
    ['crc32.xz', 'xz', ['-k', '-0', '-f', '--check=crc32', '-S', '.crc32', path('a.img')]],
    ['blocks.xz', 'xz', ['-k', '-0', '-f', '--block-size=1MiB', '-S', '.blocks', path('a.img')]],
  ];
  for (const [name, program, args] of made) {
    const { status } = run(program, args);
    if (status === 127 && process.env.CI !== 'true') {
      process.stderr.write(`\n*** SKIPPED: ${name}: no ${program} here\n`);
      continue;
    }
    expect([name, status]).toEqual([name, 0]);
    packed.set(name, program);
  }
  for (const name of ['a', 'crc32', 'blocks'])
    if (packed.has(`${name}.xz`))
      renameSync(path(name === 'a' ? 'a.img.xz' : `a.img.${name}`), path(`${name}.xz`));
});

/** Runs check with a folder of its own for temporary files, which must be empty afterwards. */
function check(args: readonly string[], options: RunOptions = {}): RunResult {
  const scratch = mkdtempSync(path('scratch-'));
  const result = xfskit(['check', ...args], { ...options, env: { ...options.env, TMPDIR: scratch } });
  expect(readdirSync(scratch)).toEqual([]);
  return result;
}

test('a packed image is checked as what it holds, whatever its name', () => {
  const plain = JSON.parse(check(['--json', path('a.img')]).stdout);
  expect(plain.findings.length).toBe(2);
  expect(packed.size).toBeGreaterThan(1);
  for (const name of packed.keys()) {
    copyFileSync(path(name), path('packed'));
    const before = readFileSync(path('packed'));
    const told = check(['--json', path('packed')]);
    expect([name, told.status, told.stderr]).toEqual([name, 4, '']);
    expect(JSON.parse(told.stdout)).toEqual({ ...plain, image: path('packed') });
    expect(readFileSync(path('packed')).equals(before)).toBe(true);
  }
});

test('standard input: packed, plain, from a pipe, from a file', () => {
  for (const name of ['a.img', ...packed.keys()]) {
    const told = check(['--jsonl', '-'], { input: readFileSync(path(name)) });
    expect([name, told.status, told.stdout.split('\n').length]).toEqual([name, 4, 5]);
    const script = `exec ${process.execPath} ${join(repository, 'bin', 'xfskit')} check -q - < ${path(name)}`;
    expect([name, run('sh', ['-c', script]).status]).toEqual([name, 4]);
  }
  expect(check(['-', '-'], { input: '' }).status).toBe(16);
  expect(check(['-'], { input: '' })).toMatchObject({
    status: 8,
    stdout: '',
    stderr: 'xfskit check: standard input: is empty\n',
  });
  expect(check(['-', path('a.img')], { input: 'XFS' }).stdout).toMatch(/^2 images: 1 failed, 1 damaged$/m);
});

test('a partition inside a packed disk image', () => {
  const image = readFileSync(path('a.img'));
  writeFileSync(path('disk.gz'), gzipSync(Buffer.concat([new Uint8Array(2 ** 20), image])));
  expect(check(['--offset', '1m', path('disk.gz')]).status).toBe(4);
  expect(check(['--partition', '1', path('disk.gz')]).status).toBe(8);
  expect(check(['--offset', '100m', path('disk.gz')]).status).toBe(8);
});

describe('a stream that is not right is one line and exit 8', () => {
  const broken = (name: string, bytes: Uint8Array): void => {
    writeFileSync(path('broken'), bytes);
    const told = check([path('broken')]);
    expect([name, told.status, told.stdout]).toEqual([name, 8, '']);
    expect(told.stderr).toMatch(
      /^xfskit check: \S+: its (gzip|zstd|xz) stream is damaged or cut off \([^\n]+\)\n$/,
    );
  };
  test('cut off anywhere', () => {
    for (const name of ['a.gz', 'a.zst', 'a.xz']) {
      if (!packed.has(name)) continue;
      const bytes = readFileSync(path(name));
      for (const length of [7, 20, bytes.length >> 1, bytes.length - 1])
        broken(`${name} ${length}`, bytes.subarray(0, length));
    }
  });
  test('with wrong bytes in it', () => {
    for (const name of ['a.gz', 'a.zst', 'a.xz']) {
      if (!packed.has(name)) continue;
      const bytes = readFileSync(path(name));
      for (const at of [Math.floor(bytes.length / 3), bytes.length - 2]) {
        // One bit may do no harm: zeros are the same from any distance.
        const wrong = Buffer.from(bytes);
        for (let i = at; i < Math.min(at + 64, bytes.length); i++) wrong[i]! ^= (i * 37) | 1;
        broken(`${name} ${at}`, wrong);
      }
    }
  });
  test('with noise behind its beginning', () => {
    const noise = Buffer.alloc(300_000, 'no stream of any kind ');
    for (const name of packed.keys())
      broken(name, Buffer.concat([readFileSync(path(name)).subarray(0, 10), noise]));
  });
});

test('zeros become holes, and what does not fit is refused before the disk is full', () => {
  const folder = path('holes');
  mkdirSync(folder);
  const file = new SparseFile(folder, 'x');
  expect(readdirSync(folder)).toEqual([]);
  const pattern = Buffer.alloc(5000, 'ab');
  const whole: Buffer[] = [];
  const lengths = [1, 4095, 4096, 4097, 10_000, 0, 123_457, 3];
  for (const [i, length] of lengths.entries()) {
    const piece = i % 2 === 0 ? Buffer.alloc(length) : Buffer.concat([pattern, Buffer.alloc(length)]);
    whole.push(piece);
    file.append(piece);
  }
  file.append(new Uint8Array(64 * 2 ** 20));
  const device = file.finish();
  const expected = Buffer.concat(whole);
  expect(device.size).toBe(expected.length + 64 * 2 ** 20);
  const back = Buffer.alloc(expected.length + 4096);
  device.read(0, back);
  expect(back.equals(Buffer.concat([expected, Buffer.alloc(4096)]))).toBe(true);
  device.close();
});

test('a bomb of zeros takes no room, one of data ends at the limit of the disk', () => {
  // 1 GiB of zeros in a megabyte; no superblock in it.
  const bomb = gzipSync(new Uint8Array(2 ** 30), { level: 1 });
  writeFileSync(path('bomb.gz'), bomb);
  const told = check([path('bomb.gz')]);
  expect(told.status).toBe(8);
  expect(told.stderr).toContain('no XFS superblock');
  if (process.getuid?.() !== 0) return;
  const small = path('small');
  mkdirSync(small);
  const script = `mount -t tmpfs -o size=100m none ${small} && TMPDIR=${small} ${process.execPath} ${join(repository, 'bin', 'xfskit')} check -
    status=$?; ls ${small}; umount ${small}; exit $status`;
  const data = Buffer.alloc(200 * 2 ** 20, 'no zeros ');
  const full = run('unshare', ['-m', 'sh', '-c', script], { input: gzipSync(data, { level: 1 }) });
  if (full.stderr.includes('unshare') || full.stderr.includes('mount')) return; // not allowed here
  expect([full.status, full.stdout]).toEqual([8, '']);
  expect(full.stderr).toMatch(
    /^xfskit check: standard input: unpacked it needs more than \S+ \(TMPDIR\) has free/,
  );
});

test.each(['SIGINT', 'SIGKILL'] as const)('%s while it unpacks leaves nothing behind', async (signal) => {
  const scratch = mkdtempSync(path('killed-'));
  const args = [join(repository, 'bin', 'xfskit'), 'check', '-'];
  const child = spawn(process.execPath, args, { env: { ...process.env, TMPDIR: scratch } });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  child.stdin.on('error', () => undefined);
  const ended = new Promise((resolve) => {
    child.on('exit', (code, by) => resolve([code, by]));
  });
  child.stdin.write(gzipSync(Buffer.alloc(2 ** 20, 'data')).subarray(0, 2000));
  // Its temporary file is open, and has no name: until then there is nothing to be left.
  const files = () => run('sh', ['-c', `ls -l /proc/${child.pid}/fd 2>/dev/null`]).stdout;
  for (let i = 0; i < 200 && !files().includes(scratch); i++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(files()).toContain('(deleted)');
  child.kill(signal);
  expect(await ended).toEqual(signal === 'SIGINT' ? [32, null] : [null, 'SIGKILL']);
  expect(stderr).toBe(signal === 'SIGINT' ? 'xfskit: cancelled\n' : '');
  expect(readdirSync(scratch)).toEqual([]);
});
