/** Geometry and log size against numbers measured with mkfs.xfs 6.1. */
import { describe, expect, test } from '@jest/globals';
import { chooseFilesystem } from '../../../src/mkfs/choose.ts';
import { GivenOptions, parseSize } from '../../../src/mkfs/given.ts';
import type { OptionGroup } from '../../../src/mkfs/options.ts';
import type { Plan } from '../../../src/mkfs/plan.ts';
import { formatGeometry } from '../../../src/mkfs/report.ts';
import { PLAIN_FILE } from '../../../src/mkfs/stripe.ts';

function choose(size: string, line = '', topology = PLAIN_FILE, allowSmall = true, canGrow = false) {
  const given = new GivenOptions();
  const words = line.split(' ').filter((word) => word !== '');
  for (let i = 0; i < words.length; i += 2) given.add(words[i]![1] as OptionGroup, words[i + 1]!);
  const bytes = parseSize(size, { blocksize: 4096, sectsize: 0 })!;
  return chooseFilesystem(
    given,
    { bytes, canGrow, topology },
    { label: '', makeUuid: () => '00000000-0000-0000-0000-000000000001', allowSmall, processors: 4 },
  );
}
const plan = (size: string, line = ''): Plan => choose(size, line).plan;

// size, agcount, agsize, blocks, imaxpct, log blocks
const MEASURED: readonly [string, number, number, number, number, number][] = [
  ['300m', 4, 19200, 76800, 25, 16384],
  ['512m', 4, 32768, 131072, 25, 16384],
  ['1g', 4, 65536, 262144, 25, 16384],
  ['16g', 4, 1048576, 4194304, 25, 16384],
  ['128g', 4, 8388608, 33554432, 25, 16384],
  ['256g', 4, 16777216, 67108864, 25, 32768],
  ['512g', 4, 33554432, 134217728, 25, 65536],
  ['1t', 4, 67108864, 268435456, 5, 131072],
  ['3t', 4, 201326592, 805306368, 5, 393216],
  ['4t', 4, 268435455, 1073741820, 5, 521728],
  ['5t', 5, 268435455, 1342177275, 5, 521728],
  ['32t', 32, 268435455, 8589934560, 5, 521728],
  ['50t', 50, 268435455, 13421772750, 5, 521728],
  ['60t', 60, 268435455, 16106127300, 1, 521728],
  ['100t', 100, 268435455, 26843545500, 1, 521728],
  ['16m', 1, 4096, 4096, 25, 3075],
  ['32m', 2, 4096, 8192, 25, 3075],
  ['64m', 4, 4096, 16384, 25, 3075],
  ['100m', 4, 6400, 25600, 25, 3075],
];

describe('default geometry', () => {
  test.each(MEASURED)('%s', (size, agcount, agblocks, dblocks, imaxpct, logblocks) => {
    expect(plan(size)).toMatchObject({ agcount, agblocks, dblocks, imaxpct, logblocks });
  });
});

// size, options, least log in blocks: what `mkfs.xfs -N -l size=2m` complains about
const LEAST_LOG: readonly [string, string, number][] = [
  ['128m', '', 3075],
  ['64m', '', 3075],
  ['1t', '', 4287],
  ['1t', '-m reflink=0', 4049],
  ['20m', '-m reflink=0', 4049],
  ['300m', '-m reflink=0', 4049],
  ['16m', '-m rmapbt=0', 4049],
  ['1t', '-m rmapbt=0', 2580],
  ['64m', '-m rmapbt=0', 4049],
  ['8t', '-m reflink=0,rmapbt=0', 4049],
  ['128m', '-m reflink=0,rmapbt=0', 4049],
  ['20m', '-m reflink=0,rmapbt=0', 4049],
  ['1t', '-m finobt=0', 4287],
  ['8t', '-m finobt=0', 4287],
  ['128m', '-m finobt=0', 3075],
  ['64m', '-i size=1024', 3075],
  ['128m', '-i size=1024', 3075],
  ['1g', '-i size=1024', 3273],
  ['64m', '-i size=2048,sparse=0', 3075],
  ['30g', '-i size=2048,sparse=0', 3693],
  ['1g', '-i size=2048,sparse=0', 3273],
  ['16m', '-i nrext64=0', 3075],
  ['20m', '-i nrext64=0', 3075],
  ['1t', '-i nrext64=0', 4287],
  ['16m', '-n size=16384', 3075],
  ['300m', '-n size=16384', 3075],
  ['30g', '-n size=16384', 3693],
  ['16m', '-n size=65536', 3075],
  ['300m', '-n size=65536', 3075],
  ['128m', '-n size=65536', 3075],
  ['30g', '-b size=1024', 6443],
  ['8t', '-b size=1024', 7307],
  ['128m', '-b size=1024', 5363],
  ['1t', '-b size=2048', 4878],
  ['64m', '-b size=2048', 3606],
  ['8t', '-b size=2048', 5490],
  ['8t', '-b size=16384', 3264],
  ['1t', '-b size=65536', 2570],
  ['30g', '-b size=1024 -n size=65536', 9501],
  ['300m', '-b size=1024 -n size=65536', 9501],
  ['128m', '-b size=1024 -n size=65536', 9501],
  ['8t', '-s size=4096', 4140],
  ['30g', '-s size=4096', 3546],
  ['300m', '-s size=4096', 2928],
  ['1g', '-l su=32k', 3336],
  ['30g', '-l su=32k', 3744],
  ['300m', '-l su=32k', 3120],
  ['128m', '-l su=256k', 6144],
  ['1g', '-l su=256k', 6528],
  ['1t', '-l su=256k', 7488],
  ['16m', '-b size=1024 -m reflink=0,rmapbt=0 -i nrext64=0', 2577],
  ['300m', '-b size=1024 -m reflink=0,rmapbt=0 -i nrext64=0', 2577],
  ['1t', '-b size=1024 -m reflink=0,rmapbt=0 -i nrext64=0', 2615],
  ['1g', '-b size=8192 -l su=64k -i size=2048', 3048],
  ['300m', '-b size=8192 -l su=64k -i size=2048', 3048],
  ['20m', '-b size=1024 -s size=1024 -m finobt=0', 3966],
  ['128m', '-b size=1024 -s size=1024 -m finobt=0', 3966],
  ['1g', '-b size=1024 -s size=1024 -m finobt=0', 4614],
  ['300m', '-d su=64k,sw=4', 3552],
  ['8t', '-d su=64k,sw=4', 4800],
  ['16m', '-d su=64k,sw=4', 3552],
  ['1t', '-b size=32768 -s size=32768', 3414],
  ['30g', '-b size=32768 -s size=32768', 2826],
];

describe('least log', () => {
  test.each(LEAST_LOG)('%s %s', (size, line, blocks) => {
    const wanted = new RegExp(`^log size \\d+ blocks too small, minimum size is ${blocks} blocks$`);
    expect(() => plan(size, `${line} -l size=2m`)).toThrow(wanted);
  });
});

describe('allocation groups', () => {
  test('stripes: aligned, and not all on one disk', () => {
    const p = plan('100g', '-d su=64k,sw=4');
    expect(p.agblocks % 16).toBe(0);
    expect(p.agblocks % 64).not.toBe(0);
    expect(p).toMatchObject({ sunit: 16, swidth: 64, logsunit: 65536 });
  });
  test('a last AG below 16 MiB is dropped', () => {
    const p = plan('1g', '-d agsize=100m');
    expect(p.agcount).toBe(11);
    const q = plan('310m', '-d agsize=100m');
    expect(q).toMatchObject({ agcount: 3, dblocks: 3 * 25600 });
  });
  test('a count of AGs that whole stripe units make larger', () => {
    // As many as asked for, less the one whose blocks are too few, although the image then has to grow.
    const line = '-d agcount=14,su=16m,sw=1';
    const grown = choose('385m', line, PLAIN_FILE, true, true);
    expect(grown.plan).toMatchObject({ agcount: 13, agblocks: 8192, dblocks: 106496 });
    expect(grown.notices.join('\n')).toMatch('make it larger, 106496 blocks for 98560');
    expect(() => plan('385m', line)).toThrow('do not fit, the device has 98560 blocks');
    expect(plan('1g', `${line},size=385m`)).toMatchObject({ agcount: 13, dblocks: 106496 });
    // What mkfs.xfs plans here it cannot write.
    expect(() => plan('78720b', '-d agcount=15,su=4m,sw=2')).toThrow(
      '-d agcount=15: 78720 blocks are 13 AGs of 6144 blocks (whole stripe units of 1024)',
    );
    expect(plan('400m', '-d agcount=24,su=1m,sw=1')).toMatchObject({ agcount: 23, dblocks: 23 * 4352 });
  });
  test('what cannot be is refused', () => {
    expect(() => plan('100m', '-d agcount=10')).toThrow(
      'AG size of 2560 blocks is too small, the least is 4096',
    );
    expect(() => plan('3t', '-d agcount=2')).toThrow('too large, the greatest is 268435455');
    expect(() => plan('15m')).toThrow('3840 blocks are too few for a filesystem, the least is 4096');
    expect(() => plan('1g', '-d size=2g')).toThrow('-d size=2g: the image has 262144 blocks');
  });
  test('a stripe that the device reports', () => {
    const raid = { ...PLAIN_FILE, stripeUnit: 65536, stripeWidth: 262144 };
    expect(choose('8g', '', raid).plan).toMatchObject({ sunit: 16, swidth: 64 });
    expect(choose('8g', '-d noalign', raid).plan).toMatchObject({ sunit: 0, swidth: 0 });
    const small = choose('500m', '', raid);
    expect(small.plan.sunit).toBe(0);
    expect(small.notices.join()).toMatch('below 1 GiB');
    const odd = choose('8g', '', { ...raid, stripeWidth: 65537 });
    expect(odd.plan.sunit).toBe(0);
    expect(odd.notices.join()).toMatch('cannot be: ignored');
  });
  test('sectors of the device', () => {
    const advanced = { ...PLAIN_FILE, physicalSector: 4096 };
    expect(choose('1g', '', advanced).plan.sectsize).toBe(4096);
    const switched = choose('1g', '-b size=1024', advanced);
    expect(switched.plan.sectsize).toBe(512);
    expect(switched.notices.join()).toMatch('switching to logical sector size 512');
    expect(() => choose('1g', '-s size=512', { ...advanced, logicalSector: 4096 })).toThrow(
      'below that of the device, 4096',
    );
  });
});

describe('log', () => {
  test('place: after the roots, aligned to its stripe unit', () => {
    expect(plan('1g')).toMatchObject({ logAgno: 2, logAgbno: 7 });
    expect(plan('1g', '-l su=256k')).toMatchObject({ logAgno: 2, logAgbno: 64, logsunit: 262144 });
    expect(plan('1g', '-l agnum=3 -m rmapbt=0')).toMatchObject({ logAgno: 3, logAgbno: 6 });
  });
  test('a stripe unit above 256 KiB becomes 32 KiB', () => {
    const { plan: p, notices } = choose('1g', '-d su=512k,sw=2');
    expect(p.logsunit).toBe(32768);
    expect(notices.join()).toMatch('above 256 KiB: 32 KiB are used');
  });
  test('a stripe unit that leaves nothing in AG 0', () => {
    const p = plan('41m', '-d agcount=2,su=16m,sw=1');
    expect(p).toMatchObject({ agcount: 1, dblocks: 8192, logAgno: 0, logblocks: 3120 });
  });
  test('with 4 KiB sectors it writes whole blocks', () => {
    expect(plan('1g', '-s size=4096').logsunit).toBe(4096);
  });
  test('what cannot be is refused', () => {
    expect(() => plan('300m', '-l size=200m')).toThrow(
      /log size 51200 blocks too large, its AG has room for/,
    );
    expect(() => plan('1g', '-l agnum=4')).toThrow('-l agnum=4: allocation groups are 0 to 3');
    expect(() => plan('1g', '-l su=6k')).toThrow('not in whole blocks of 4096');
    expect(() => plan('1g', '-l size=65m,su=256k,agnum=1 -d agcount=2')).not.toThrow();
    expect(() => plan('1g', '-l size=16390b,su=32k')).toThrow('is not in whole stripe units of 8');
    expect(() => plan('1g', '-s size=4096 -l sectsize=512')).toThrow(
      "an internal log has the data's sector size",
    );
  });
  test('a last AG too short for it', () => {
    expect(plan('2g', '-d agsize=1984m')).toMatchObject({ logAgno: 1, logblocks: 16384 - 7 - 5 });
    expect(() => plan('2g', '-d agsize=1984m -l size=64m')).toThrow('its AG has room for 16372');
    expect(() => plan('2g', '-d agsize=2030m -l size=64m')).toThrow('its AG has room for');
  });
  test('a root inode that repair would not find is refused', () => {
    expect(() => plan('300m', '-d agcount=1 -l su=256k')).toThrow('no room for the root inode');
    // Here the AGFL would be where the root inode must be.
    expect(() => plan('300m', '-l agnum=0,su=12k,size=16395b')).toThrow('no room for the root inode');
  });
});

describe('floors', () => {
  const strict = (size: string, line = '') => choose(size, line, PLAIN_FILE, false);
  test('300 MB, 64 MB of log, two AGs', () => {
    expect(() => strict('299m')).toThrow('Filesystem must be larger than 300MB.');
    expect(() => strict('1g', '-l size=32m')).toThrow('A log below 64 MB is not supported.');
    expect(() => strict('1g', '-d agcount=1')).toThrow('A single allocation group is not supported');
    expect(() => strict('300m')).not.toThrow();
  });
});

test('inode and directory sizes', () => {
  expect(plan('1g', '-b size=65536')).toMatchObject({ inodesize: 512, inoalignmt: 0, spinoAlign: 0 });
  expect(plan('1g', '-i sparse=0')).toMatchObject({ inoalignmt: 4, spinoAlign: 0 });
  expect(plan('1g', '-i perblock=2')).toMatchObject({ inodesize: 2048, inoalignmt: 32, spinoAlign: 16 });
  expect(plan('1g', '-b size=1024').dirblocksize).toBe(4096);
  expect(() => plan('1g', '-b size=1024 -i size=1024')).toThrow(
    'inode size 1024: blocks of 1024 bytes allow 512',
  );
  expect(() => plan('1g', '-i size=256')).toThrow('inode size 256: version 5 needs at least 512');
  expect(() => plan('1g', '-b size=512')).toThrow('block size 512: version 5 needs at least 1024');
  expect(() => plan('1g', '-b size=8192 -n size=4096')).toThrow(
    'directory block size 4096 is below the block size 8192',
  );
});

test('the geometry block, column for column', () => {
  expect(formatGeometry(plan('300m', '-m rmapbt=0 -i maxpct=7'), 'a.img')).toBe(
    `meta-data=a.img                  isize=512    agcount=4, agsize=19200 blks
         =                       sectsz=512   attr=2, projid32bit=1
         =                       crc=1        finobt=1, sparse=1, rmapbt=0
         =                       reflink=1    bigtime=1 inobtcount=1 nrext64=1
data     =                       bsize=4096   blocks=76800, imaxpct=7
         =                       sunit=0      swidth=0 blks
naming   =version 2              bsize=4096   ascii-ci=0, ftype=1
log      =internal log           bsize=4096   blocks=16384, version=2
         =                       sectsz=512   sunit=0 blks, lazy-count=1
realtime =none                   extsz=4096   blocks=0, rtextents=0
`,
  );
});
