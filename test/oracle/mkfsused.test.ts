/**
 * Targets that held something else: whatever that was, after `-f` our image equals mkfs.xfs's to the last byte, in
 * what both write, in what both wipe and in what both leave. Files keep old content; block devices are discarded,
 * unless -K.
 */
import { closeSync, mkdtempSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { differences } from '../support/mkfsline.ts';
import {
  attachLoop,
  describeKernel,
  describeXfsprogs,
  mustRun,
  repairCheck,
  run,
  smallFilesystems,
  temporaryDirectory,
  xfskit,
} from '../support/oracle.ts';
import { Random } from '../support/random.ts';

const MIB = 2 ** 20;
const SIZE = 72 * MIB;
const UUID = '12345678-1234-1234-1234-123456789abc';
const how = { env: smallFilesystems };
const place = (name: string): string => join(temporaryDirectory(), name);

const random = new Random(72);
const NOISE = Buffer.from(Array.from({ length: MIB }, () => random.below(256)));

/** Noise, in stretches with holes between them where the file is large. */
function fillWithNoise(path: string, size: number, step = MIB): void {
  mustRun('truncate', ['-s', '0', path]);
  mustRun('truncate', ['-s', String(size), path]);
  const file = openSync(path, 'r+');
  for (let at = 0; at < size; at += step) writeSync(file, NOISE, 0, Math.min(MIB, size - at), at);
  writeSync(file, NOISE, 0, MIB, size - MIB);
  closeSync(file);
}

const mkfs = (...words: string[]) => ['mkfs.xfs', '-f', '-q', ...words] as const;

/** What makes the old content, over noise. */
const OLD: readonly (readonly [string, readonly (readonly [string, ...string[]])[]])[] = [
  ['noise', []],
  ['an XFS of four AGs', [mkfs('-d', 'agcount=4')]],
  ['an XFS of 1 KiB blocks', [mkfs('-b', 'size=1024', '-m', 'rmapbt=1', '-d', 'agcount=3')]],
  ['an XFS of 4 KiB sectors in part of it', [mkfs('-s', 'size=4096', '-d', 'agcount=2,size=40m')]],
  ['ext4', [['mkfs.ext4', '-F', '-q']]],
  ['vfat', [['mkfs.vfat']]],
  ['swap', [['mkswap', '-f']]],
  ['a partition table', [['sgdisk', '-n', '1:2048:0']]],
];
const NEW = ['', '-b size=1024 -d agcount=2', '-s size=4096 -m rmapbt=1', '-b size=16384 -d su=64k,sw=2'];

function format(who: 'ours' | 'theirs', target: string, words: readonly string[]) {
  const args = ['-f', '-m', `uuid=${UUID}`, ...words, target];
  return who === 'theirs' ? run('mkfs.xfs', args, how) : xfskit(['mkfs', '--profile', '6.1', ...args], how);
}

describeXfsprogs('over old content, as with mkfs.xfs', () => {
  test.each(OLD)('%s', (name, commands) => {
    fillWithNoise(place('old'), SIZE);
    for (const [program, ...words] of commands) {
      const made = run(program, [...words, place('old')], how);
      if (made.status === 127) process.stderr.write(`skipped: ${program} is not installed\n`);
      else expect([program, made.status]).toEqual([program, 0]);
    }
    // Two each, so that all meet something.
    const at = OLD.findIndex((row) => row[0] === name) % NEW.length;
    for (const options of [NEW[at]!, NEW[(at + 1) % NEW.length]!]) {
      const words = options.split(' ').filter((word) => word !== '');
      const [theirs, ours] = (['theirs', 'ours'] as const).map((who) => {
        mustRun('cp', [place('old'), place(who)]);
        const made = format(who, place(who), words);
        return [made.status, made.stdout.replaceAll(place(who).padEnd(22), 'TARGET')];
      });
      expect([options, ours]).toEqual([options, theirs]);
      expect([options, differences(place('ours'), place('theirs'))]).toEqual([options, []]);
    }
    expect(repairCheck(place('ours')).status).toBe(0);
  });
  test('the comparison sees a single byte', () => {
    const file = openSync(place('ours'), 'r+');
    writeSync(file, Buffer.from([readFileSync(place('ours'))[SIZE / 2]! ^ 1]), 0, 1, SIZE / 2);
    closeSync(file);
    expect(differences(place('ours'), place('theirs'))).toEqual([`byte ${SIZE / 2}`]);
  });
});

/** Programs that leave their mark; an MBR, Sun or SGI label by sfdisk's script. */
const MARKS: readonly (readonly [string, ...string[]])[] = [
  ['mkfs.ext2', '-q', '-F'],
  ['mkfs.btrfs', '-q', '-f'],
  ['mkfs.vfat', '-F', '16'],
  ['mkfs.vfat', '-F', '32'],
  ['mkfs.exfat'],
  ['mkfs.ntfs', '-F', '-Q', '-q'],
  ['mkfs.f2fs', '-q'],
  ['mkfs.minix'],
  ['mkfs.minix', '-2'],
  ['mkfs.minix', '-3'],
  ['mkfs.bfs'],
  ['mkfs.xfs', '-q'],
  ['mkswap'],
  ['mkswap', '-p', '65536'],
  ...['dos', 'gpt', 'sun', 'sgi'].map((label) => ['sfdisk', '-q', '-X', label] as const),
];

describeXfsprogs('refused without -f, as by mkfs.xfs', () => {
  test.each(MARKS.map((words) => [words.join(' '), words] as const))('%s', (_name, [program, ...words]) => {
    mustRun('truncate', ['-s', '0', place('marked')]);
    mustRun('truncate', ['-s', '400m', place('marked')]);
    const input = program === 'sfdisk' ? `label: ${words.at(-1)}\n` : 'y\n';
    const made = run(program, [...words, place('marked')], { input });
    if (made.status === 127) {
      process.stderr.write(`skipped: ${program} is not installed\n`);
      return;
    }
    expect([made.status, made.status === 0 ? '' : made.stderr]).toEqual([0, '']);
    expect(run('mkfs.xfs', ['-N', place('marked')]).status).toBe(1);
    const ours = xfskit(['mkfs', '-N', place('marked')]);
    expect([ours.status, ours.stderr]).toEqual([1, expect.stringContaining('Use the -f option')]);
    expect(xfskit(['mkfs', '-N', '-f', place('marked')]).status).toBe(0);
  });
});

describeKernel('block devices, as with mkfs.xfs', () => {
  test.each([
    [512, ''],
    [512, '-K -b size=1024'],
    [4096, ''],
    [4096, '-K -b size=8192 -m rmapbt=1'],
    [4096, '-s size=512'],
    [4096, '-b size=2048'],
  ] as const)('%d-byte sectors, %s', (sector, options) => {
    const words = options.split(' ').filter((word) => word !== '');
    const [theirs, ours] = (['theirs', 'ours'] as const).map((who) => {
      fillWithNoise(place(who), SIZE, 8 * MIB);
      const loop = attachLoop(place(who), ['--sector-size', String(sector)]);
      const made = format(who, loop.device, words);
      loop.detach();
      return [made.status, made.stdout.replaceAll(loop.device.padEnd(22), 'TARGET'), made.stderr !== ''];
    });
    expect(ours).toEqual(theirs);
    expect(differences(place('ours'), place('theirs'))).toEqual([]);
  });
  test('image files have the sectors of the XFS they lie on; a reproducible one does not', () => {
    mustRun('truncate', ['-s', '0', place('host')]);
    mustRun('truncate', ['-s', '400m', place('host')]);
    const loop = attachLoop(place('host'), ['--sector-size', '4096']);
    mustRun('mkfs.xfs', ['-q', loop.device]);
    expect(repairCheck(loop.device).status).toBe(0);
    const dir = mkdtempSync(place('mnt-'));
    mustRun('mount', ['-t', 'xfs', loop.device, dir]);
    try {
      const image = join(dir, 'image');
      mustRun('truncate', ['-s', '1g', image]);
      const lines = [
        ['-N', image],
        ['-N', '-d', `file,name=${join(dir, 'new')},size=1g`],
        ['-N', '-b', 'size=2048', image],
        ['-N', '-s', 'size=512', image],
      ];
      for (const line of lines) {
        const theirs = run('mkfs.xfs', line);
        const ours = xfskit(['mkfs', '--profile', '6.1', ...line]);
        expect([line, ours.status, ours.stdout]).toEqual([line, theirs.status, theirs.stdout]);
      }
      expect(run('mkfs.xfs', lines[0]!).stdout).toMatch('sectsz=4096 ');
      expect(xfskit(['mkfs', '-N', '--reproducible', image]).stdout).toMatch('sectsz=512 ');
    } finally {
      mustRun('umount', [dir]);
      loop.detach();
    }
  });
});
