/** `xfskit fsck`: the options, exit status and progress protocol of fsck(8). */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { geometryOf } from '../../../src/format/superblock.ts';
import { type RunResult, repository, run, temporaryDirectory, xfskit } from '../../support/oracle.ts';

function path(name: string): string {
  return join(temporaryDirectory(), name);
}

function fsck(...args: string[]): RunResult {
  return xfskit(['fsck', ...args.map((arg) => (arg.endsWith('.img') ? path(arg) : arg))]);
}

beforeAll(() => {
  expect(xfskit(['mkfs', '-q', '--unsupported', '-d', 'size=64m', path('clean.img')]).status).toBe(0);
  copyFileSync(path('clean.img'), path('leaked.img'));
  expect(xfskit(['inject', 'leaked-cow', path('leaked.img')]).status).toBe(0);
});

test('checks, and writes nothing unless told to repair', () => {
  const before = readFileSync(path('leaked.img'));
  for (const flags of [[], ['-n'], ['-fn'], ['-n', '-t', 'xfs', '-C']]) {
    const told = fsck(...flags, 'leaked.img');
    expect([flags, told.status]).toEqual([flags, 4]);
    expect(told.stdout).toMatch(/leaked\.img: damaged \(2 errors\)\n$/);
  }
  expect(readFileSync(path('leaked.img')).equals(before)).toBe(true);
  expect(fsck('-f', 'clean.img').status).toBe(0);
});

test.each(['-p', '-a', '-y', '-fp', '-pa'])('%s repairs; what is clean stays as it is', (flag) => {
  copyFileSync(path('leaked.img'), path('mended.img'));
  const told = fsck(flag, 'mended.img', 'missing.img', 'clean.img');
  expect([told.status, told.stdout]).toEqual([
    9,
    expect.stringMatching(/^3 images: 1 repaired, 1 failed, 1 clean$/m),
  ]);
  expect(told.stderr).toMatch(/^xfskit fsck: \S+missing\.img: no such file\n$/);
  expect(fsck('mended.img').status).toBe(0);
});

test('what repair refuses stays, with the bit that says so', () => {
  const bytes = readFileSync(path('clean.img'));
  // Where the root inode was, is no inode.
  const geometry = geometryOf(bytes);
  const root = geometry.inoByte(geometry.rootino);
  bytes.fill(0, root, root + 4);
  writeFileSync(path('lost.img'), bytes);
  const told = fsck('-y', 'lost.img');
  expect(told.status).toBe(4);
  expect(readFileSync(path('lost.img')).equals(bytes)).toBe(true);
});

test('-V tells the version; options that exclude each other and types of others are usage errors', () => {
  expect(fsck('-V', '-n', 'clean.img').stdout).toMatch(/^xfskit fsck \d+\.\d+/);
  for (const args of [
    ['-n', '-y', 'clean.img'],
    ['-p', '-y', 'clean.img'],
    ['-t', 'ext4', 'clean.img'],
    [],
    ['-C', '3'],
  ]) {
    const told = fsck(...args);
    expect([args, told.status, told.stdout]).toEqual([args, 16, '']);
    expect(told.stderr).toMatch(/^xfskit fsck: [^\n]+\n$/);
  }
});

test('-C: with a descriptor the lines of the protocol, before an image just that, and silent in a pipe', () => {
  const command = join(repository, 'bin', 'xfskit');
  const lines = (args: string, target: string) =>
    run('sh', ['-c', `exec "$0" "$1" fsck ${args} ${target}`, process.execPath, command], {
      cwd: temporaryDirectory(),
    });
  const told = lines('-C 5 -n clean.img leaked.img', '5>progress');
  expect(told.status).toBe(4);
  const protocol = readFileSync(path('progress'), 'utf8').trimEnd().split('\n');
  const parsed = protocol.map((line) => /^(\d+) (\d+) (\d+) (\S+)$/.exec(line)!.slice(1));
  for (const image of ['clean.img', 'leaked.img']) {
    const own = parsed.filter(([, , , name]) => name === image).map((one) => one.slice(0, 3).map(Number));
    const passes = [...new Set(own.map(([pass]) => pass!))];
    expect(passes).toEqual(passes.map((_, i) => i + 1));
    expect(passes.length).toBeGreaterThan(1);
    for (const pass of passes) {
      const steps = own.filter(([one]) => one === pass);
      expect(steps[0]![1]).toBe(0);
      expect(steps.at(-1)![1]).toBe(steps.at(-1)![2]);
      for (const [i, [, current]] of steps.entries())
        expect(current!).toBeGreaterThanOrEqual(steps[i - 1]?.[1] ?? 0);
    }
  }
  expect(lines('-C1 -n clean.img', '').stdout).toMatch(/^1 0 \d+ clean\.img\n/);
  expect(lines('-C clean.img', '')).toMatchObject({ status: 0, stderr: '' });
  // A reader that is gone, or a file that is full, ends nothing.
  expect(lines('-C 5 -n clean.img', '5>/dev/full').status).toBe(0);
});

test('-C refuses a descriptor that was not handed over; those of Node itself too', () => {
  for (let descriptor = 3; descriptor < 32; descriptor++) {
    const told = fsck('-C', String(descriptor), 'clean.img');
    expect([descriptor, told.signal, told.status]).toEqual([descriptor, null, 16]);
  }
});
