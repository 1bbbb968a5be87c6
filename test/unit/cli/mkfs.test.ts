/** `xfskit mkfs` as a program: what it makes, refuses and prints, and its exit codes. No xfsprogs needed. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { openDevice } from '../../../src/device/open.ts';
import { SB_MAGIC, SUPERBLOCK } from '../../../src/format/superblock.ts';
import { repository, run, temporaryDirectory, xfskit } from '../../support/oracle.ts';

const MIB = 2 ** 20;
const strict = { TEST_DIR: undefined, TEST_DEV: undefined, QA_CHECK_FS: undefined };
const mkfs = (...args: string[]) => xfskit(['mkfs', ...args], { env: strict });

function superblockOf(path: string, offset = 0) {
  const device = openDevice(path, { offset });
  const sector = new Uint8Array(512);
  device.read(0, sector);
  device.close();
  return SUPERBLOCK.over(sector);
}

let image = '';
beforeEach(() => {
  image = join(temporaryDirectory(), 'image');
  rmSync(image, { force: true });
});

/** One line on stderr, nothing on stdout. */
function expectRefusal(result: ReturnType<typeof mkfs>, message: string | RegExp): void {
  expect(result.stderr).toMatch(message);
  expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  expect([result.status, result.stdout]).toEqual([1, '']);
}

describe('a new image', () => {
  test('missing, with a size: made sparse, in kilobytes', () => {
    const made = mkfs('-d', 'size=16t', '-L', 'big', image);
    expect([made.status, made.stderr]).toEqual([0, '']);
    expect(made.stdout.split('\n')[0]).toBe(
      `meta-data=${image.padEnd(22)} isize=512    agcount=16, agsize=268435455 blks`,
    );
    const stat = statSync(image);
    expect(stat.size).toBe(16 * 268435455 * 4096);
    expect(stat.blocks * 512).toBeLessThan(2 * MIB);
    expect(superblockOf(image)).toMatchObject({ magicnum: SB_MAGIC, inprogress: 0, fname: 'big' });
  });
  test('missing, without a size', () => {
    expectRefusal(mkfs(image), 'no such file');
    expect(statSync(image, { throwIfNoEntry: false })).toBeUndefined();
  });
  test('empty: grown to the size, or refused', () => {
    writeFileSync(image, '');
    expectRefusal(mkfs(image), 'is empty');
    expect(mkfs('-q', '-d', 'size=400m', image).status).toBe(0);
    expect(statSync(image).size).toBe(400 * MIB);
  });
  test('-d file makes an existing file anew, whatever it was', () => {
    writeFileSync(image, 'old');
    truncateSync(image, 900 * MIB);
    expect(mkfs('-q', '-d', `file,name=${image},size=310m`).status).toBe(0);
    expect(statSync(image).size).toBe(310 * MIB);
    expectRefusal(mkfs('-d', 'file', image), '-d file needs -d name and -d size');
    expect(mkfs('-q', '-d', 'file,size=320m', image).status).toBe(0);
    expect(statSync(image).size).toBe(320 * MIB);
    expectRefusal(mkfs('-d', `file,name=${temporaryDirectory()},size=310m`), 'no regular file');
  });
  test('behind an offset the bytes before it stay', () => {
    writeFileSync(image, Buffer.alloc(MIB, 0x5a));
    expect(mkfs('-q', '--offset', '1m', '-d', 'size=300m', '-f', image).status).toBe(1);
    truncateSync(image, 301 * MIB);
    expect(mkfs('-q', '--offset', '1m', image).status).toBe(0);
    expect(readFileSync(image).subarray(0, MIB).equals(Buffer.alloc(MIB, 0x5a))).toBe(true);
    expect(superblockOf(image, MIB)).toMatchObject({ magicnum: SB_MAGIC, dblocks: 76800 });
  });
});

describe('what is there', () => {
  test('is not overwritten unasked', () => {
    expect(mkfs('-q', '-d', 'size=300m', image).status).toBe(0);
    const before = superblockOf(image).uuid;
    expectRefusal(mkfs(image), /holds a filesystem \(xfs\)\. Use the -f option to force overwrite\./);
    expect(superblockOf(image).uuid).toBe(before);
    expect(mkfs('-f', '-q', image).status).toBe(0);
    expect(superblockOf(image).uuid).not.toBe(before);
  });
  test('-N writes nothing and says the same', () => {
    truncateSyncNew(image, 300 * MIB);
    const uuid = 'uuid=12345678-1234-1234-1234-123456789abc';
    const hash = () => createHash('sha256').update(readFileSync(image)).digest('hex');
    const before = hash();
    const dry = mkfs('-N', '-m', uuid, image);
    expect(hash()).toBe(before);
    expect(dry.stdout).toBe(mkfs('-m', uuid, image).stdout);
    expect(mkfs('-N', '-q', '-f', image).stdout).not.toBe('');
    const missing = join(temporaryDirectory(), 'never');
    expect(mkfs('-N', '-d', 'size=1g', missing).status).toBe(0);
    expect(statSync(missing, { throwIfNoEntry: false })).toBeUndefined();
  });
  test('the plan as JSON', () => {
    const plan = JSON.parse(mkfs('-N', '--json', '-d', 'size=1g', '-m', 'rmapbt=0', image).stdout);
    expect(plan).toMatchObject({
      agcount: 4,
      agblocks: 65536,
      logblocks: 16384,
      features: { rmapbt: false },
    });
  });
});

describe('refusals', () => {
  test.each<[string[], RegExp]>([
    [['-d', 'size=200m'], /Filesystem must be larger than 300MB\./],
    [['-d', 'size=400m', '-l', 'size=32m'], /log below 64 MB is not supported/],
    [['-d', 'size=400m,agcount=1'], /single allocation group is not supported/],
    [
      ['-d', 'size=400m', '-b', 'size=1024', '-s', 'size=4096'],
      /block size 1024 cannot be smaller than sector size 4096/,
    ],
    [['-d', 'size=400m', '-m', 'crc=0'], /version 4/],
    [['-d', 'size=400m', '-m', 'uuid=nonsense'], /not a UUID/],
    [['-d', 'size=400m', '-L', 'thirteen byte'], /at most 12 bytes/],
    [['-d', 'size=400m', '--profile', '6.1', '-d', 'concurrency=4'], /unknown option -d concurrency=4/],
    [['--profile', '5.0', '-d', 'size=400m'], /known are 6\.1 6\.6/],
    [['--seed', '1', '-d', 'size=400m'], /--seed needs --reproducible/],
    [['--reproducible', '--seed', 'x', '-d', 'size=400m'], /not a whole number/],
    [['--partition', '1', '--offset', '1m', '-d', 'size=400m'], /exclude each other/],
    [['-d', 'size=400m', '-l', 'file,name=log'], /-l file needs/],
    [['-d', 'size=400m', '-r', 'size=1g'], /no realtime device/],
    [['-d', 'size=1g', '-l', 'size=2097152'], /log size 512 blocks too small, minimum size is 3273 blocks/],
    [['-d', 'size=1g', '-z'], /unknown option '-z'/],
    [['-d', 'size=1g', 'one', 'two', 'three'], /too many arguments|expected 1 argument|Expected 1 argument/],
  ])('%j', (args, message) => {
    expectRefusal(mkfs(...args, image), message);
    expect(statSync(image, { throwIfNoEntry: false })).toBeUndefined();
  });
  test('no image, or one that is no file', () => {
    expectRefusal(mkfs('-d', 'size=400m'), 'no image given');
    const folder = join(temporaryDirectory(), 'folder');
    mkdirSync(folder);
    expectRefusal(mkfs('-f', folder), 'is a directory');
  });
  test('small ones with --unsupported', () => {
    expect(mkfs('--unsupported', '-q', '-d', 'size=16m', image).status).toBe(0);
    expect(superblockOf(image)).toMatchObject({ agcount: 1, dblocks: 4096, logblocks: 3075 });
  });
});

describe('beyond the original', () => {
  const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');
  const other = () => join(temporaryDirectory(), 'other');
  const clean = () => rmSync(other(), { force: true });

  test('IMAGE SIZE', () => {
    expect(mkfs('-q', image, '310m').status).toBe(0);
    expect(statSync(image).size).toBe(310 * MIB);
    expectRefusal(mkfs('-d', 'size=1g', image, '1g'), '-d size option respecified');
  });
  test('reproducible: same options, same bytes, whatever the name', () => {
    clean();
    const make = (path: string, ...more: string[]) => {
      rmSync(path, { force: true });
      expect(mkfs('-q', '--unsupported', '--reproducible', ...more, path, '32m').status).toBe(0);
      return sha256(path);
    };
    const first = make(image);
    expect(make(other())).toBe(first);
    expect(first).toBe('0ec8ccdd4ccad0f2bafa0cab6cd3594f055740d3df0d487ed4c91af48e473b44'); // test/golden
    expect(make(other(), '--seed', '1')).not.toBe(first);
    rmSync(image);
    const dated = { ...strict, SOURCE_DATE_EPOCH: '1700000000' };
    const args = ['mkfs', '-q', '--unsupported', image, '32m'];
    expect(xfskit(args, { env: dated }).status).toBe(0);
    const once = sha256(image);
    expect(xfskit([...args.slice(0, 2), '-f', ...args.slice(2)], { env: dated }).status).toBe(0);
    expect(sha256(image)).toBe(once);
  });
  test('--explain: a line for each number; --json: all of them', () => {
    const told = mkfs('-N', '--explain', image, '1g').stdout;
    for (const word of ['agcount', 'logblocks', 'imaxpct', 'root inode'])
      expect(told).toMatch(new RegExp(`^${word} +\\d+ +\\S+`, 'm'));
    const plan = JSON.parse(mkfs('-N', '--json', '--profile', '6.18', image, '1000001k').stdout);
    expect(plan).toMatchObject({ profile: '6.18', agcount: 4, features: { parent: true, exchrange: true } });
    expect(plan.featureBits.incompat).toBe(0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x80);
    expect(plan.ags.map((ag: { holdsLog: boolean }) => ag.holdsLog)).toEqual([false, false, true, false]);
    expect(plan.warnings.join()).toMatch('not in whole blocks');
  });
  test('profiles print their own geometry block', () => {
    const lines = (profile: string) =>
      mkfs('-N', '--profile', profile, image, '1g').stdout.split('\n').length;
    expect(['6.1', '6.6', '6.12', '6.18'].map(lines)).toEqual([11, 11, 12, 14]);
  });
  test('a partition of an MBR; the rest of the disk stays', () => {
    const disk = Buffer.alloc(2 * MIB, 0x5a);
    disk.fill(0, 0, 512);
    disk[446 + 4] = 0x83;
    disk.writeUInt32LE(2048, 446 + 8);
    disk.writeUInt32LE(310 * 2048, 446 + 12);
    disk.set([0x55, 0xaa], 510);
    writeFileSync(image, disk);
    truncateSync(image, 400 * MIB);
    expectRefusal(mkfs('--partition', '2', image), 'has no partition 2');
    expect(mkfs('-q', '--partition', '1', image).status).toBe(0);
    expect(superblockOf(image, MIB)).toMatchObject({ magicnum: SB_MAGIC, dblocks: (310 * MIB) / 4096 });
    expect(readFileSync(image).subarray(0, MIB).equals(disk.subarray(0, MIB))).toBe(true);
  });
  test('an external log and a realtime section in files that are made', () => {
    const log = join(temporaryDirectory(), 'log');
    const rt = join(temporaryDirectory(), 'rt');
    const made = mkfs('-l', `file,name=${log},size=70m`, '-r', `file,name=${rt},size=100m`, image, '400m');
    expect([made.status, made.stderr]).toEqual([0, '']);
    expect([statSync(log).size, statSync(rt).size]).toEqual([70 * MIB, 100 * MIB]);
    expect(readFileSync(log).readUInt32BE(0)).toBe(0xfeedbabe);
    expect(superblockOf(image)).toMatchObject({
      logstart: 0,
      logblocks: 17920,
      rblocks: 25600,
      rbmblocks: 1,
    });
    expectRefusal(mkfs('-f', '-l', `logdev=${image}`, image), 'are the same file or device');
    rmSync(image);
    expectRefusal(mkfs('-l', `logdev=${rt}`, '-d', 'size=400m', '-l', 'size=200m', image), 'log size');
    expect(statSync(image, { throwIfNoEntry: false })).toBeUndefined();
  });
  test('the drop-in: bare messages, exit 1, usage', () => {
    const dropIn = (...args: string[]) => run(join(repository, 'bin/compat/mkfs.xfs'), args, { env: strict });
    const bare = dropIn();
    expect([bare.status, bare.stdout]).toEqual([1, '']);
    expect(bare.stderr).toMatch('parent=0|1');
    const sector = dropIn('-bsize=1024', '-ssize=4096', `-dfile,name=${image},size=400m`);
    expect(sector.status).toBe(1);
    expect(sector.stderr).toMatch(/^block size [0-9]* cannot be smaller than sector size/);
    expect(dropIn('-N', '-l', 'size=2097152', '-d', `file,name=${image},size=1g`).stderr).toMatch(
      /^log size 512 blocks too small, minimum size is [0-9]* blocks/,
    );
    expect(dropIn('-fq', '-d', `file,name=${image},size=400m`).status).toBe(0);
    expect(dropIn(image).status).toBe(1);
    expect(dropIn('-V').stdout).toMatch(/^mkfs\.xfs version 6\.6\.0 \(xfskit \d/);
    expect(dropIn('-V', '--profile', '6.1').stdout).toMatch(/^mkfs\.xfs version 6\.1\.0/);
    // getopt_long takes long options cut short; what was said goes where it goes there.
    const small = dropIn('--unsup', '-qNf', '-dsize=100m', image);
    expect([small.status, small.stderr]).toEqual([0, '']);
    expect(small.stdout.split('\n')[0]).toBe('Filesystems formatted with --unsupported are not supported!!');
    const config = join(temporaryDirectory(), 'mkfs.conf');
    writeFileSync(config, '[data]\nagcount=5\n');
    const configured = dropIn('-Nf', '-c', `options=${config}`, image);
    expect(configured.stdout.split('\n')[0]).toBe(
      `Parameters parsed from config file ${config} successfully`,
    );
    expect(configured.stdout).toMatch('agcount=5,');
  });
});

test('help lists every suboption', () => {
  const help = mkfs('--help');
  expect(help.status).toBe(0);
  for (const word of ['-d agcount', '-i nrext64', '-l sunit', '-m rmapbt', '-n size', '-s size'])
    expect(help.stdout).toMatch(word);
});

function truncateSyncNew(path: string, size: number): void {
  writeFileSync(path, '');
  truncateSync(path, size);
}
