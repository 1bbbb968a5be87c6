/** `xfskit mkfs` as a program: what it makes, refuses and prints, and its exit codes. No xfsprogs needed. */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { openDevice } from '../../../src/device/open.ts';
import { SB_MAGIC, SUPERBLOCK } from '../../../src/format/superblock.ts';
import { temporaryDirectory, xfskit } from '../../support/oracle.ts';

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
function expectRefusal(result: ReturnType<typeof mkfs>, status: number, message: string | RegExp): void {
  expect(result.stderr).toMatch(message);
  expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  expect([result.status, result.stdout]).toEqual([status, '']);
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
    expectRefusal(mkfs(image), 8, 'no such file');
    expect(statSync(image, { throwIfNoEntry: false })).toBeUndefined();
  });
  test('empty: grown to the size, or refused', () => {
    writeFileSync(image, '');
    expectRefusal(mkfs(image), 8, 'is empty');
    expect(mkfs('-q', '-d', 'size=400m', image).status).toBe(0);
    expect(statSync(image).size).toBe(400 * MIB);
  });
  test('-d file makes an existing file anew, whatever it was', () => {
    writeFileSync(image, 'old');
    truncateSync(image, 900 * MIB);
    expect(mkfs('-q', '-d', `file,name=${image},size=310m`).status).toBe(0);
    expect(statSync(image).size).toBe(310 * MIB);
    expectRefusal(mkfs('-d', 'file', image), 16, '-d file needs -d name and -d size');
    expect(mkfs('-q', '-d', 'file,size=320m', image).status).toBe(0);
    expect(statSync(image).size).toBe(320 * MIB);
    expectRefusal(mkfs('-d', `file,name=${temporaryDirectory()},size=310m`), 16, 'no regular file');
  });
  test('behind an offset the bytes before it stay', () => {
    writeFileSync(image, Buffer.alloc(MIB, 0x5a));
    expect(mkfs('-q', '--offset', '1m', '-d', 'size=300m', '-f', image).status).toBe(8);
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
    expectRefusal(mkfs(image), 8, /holds a filesystem \(xfs\)\. Use the -f option to force overwrite\./);
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
    expectRefusal(mkfs(...args, image), 16, message);
    expect(statSync(image, { throwIfNoEntry: false })).toBeUndefined();
  });
  test('no image, or one that is no file', () => {
    expectRefusal(mkfs('-d', 'size=400m'), 16, 'no image given');
    const folder = join(temporaryDirectory(), 'folder');
    mkdirSync(folder);
    expectRefusal(mkfs('-f', folder), 8, 'is a directory');
  });
  test('small ones with --unsupported', () => {
    expect(mkfs('--unsupported', '-q', '-d', 'size=16m', image).status).toBe(0);
    expect(superblockOf(image)).toMatchObject({ agcount: 1, dblocks: 4096, logblocks: 3075 });
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
