/**
 * Lines that mkfs.xfs refuses: refused by us too, in one line, with the target as it was, byte for byte. And the
 * geometry of filesystems far larger than any disk here, which needs no image.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { looksLikeCrash } from '../support/cli.ts';
import { differences } from '../support/mkfsline.ts';
import { describeXfsprogs, mustRun, run, temporaryDirectory, xfskit } from '../support/oracle.ts';

/** The limits of a supported filesystem hold: none of the variables that waive them. */
const strict = { TEST_DIR: undefined, TEST_DEV: undefined, QA_CHECK_FS: undefined };

/** What comes before the name of an image of 400 MiB. */
const REFUSED: readonly string[] = [
  ...['size=512', 'size=3000', 'size=131072', 'size=4q', 'size=', 'size', 'size=1b', 'size=8s', 'size=0'].map(
    (value) => `-b ${value}`,
  ),
  ...['size=-4096', 'sizes=4096', 'size=4096,size=4096', 'size=4096 -b size=4096'].map(
    (value) => `-b ${value}`,
  ),
  ...['agcount=0', 'agcount=-1', 'agcount=2k', 'agcount=many', 'agcount=', 'agcount=100', 'agcount=1'].map(
    (value) => `-d ${value}`,
  ),
  ...['agsize=1m', 'agsize=500m', 'agsize=2t', 'agsize=20000001', 'agsize=16m,agcount=4', 'agsize=100b'].map(
    (value) => `-d ${value}`,
  ),
  ...['size=1m', 'size=500m', 'size=300000001', 'size=x', 'size=200m', 'size=-1g', 'name=x', 'file'].map(
    (value) => `-d ${value}`,
  ),
  ...['su=64k', 'sw=4', 'su=3k,sw=2', 'su=64k,sw=0', 'su=64k,sw=2,sunit=128', 'sunit=128', 'swidth=128'].map(
    (value) => `-d ${value}`,
  ),
  ...['sunit=128,swidth=200', 'sunit=256,swidth=128', 'su=64k,sw=2,noalign', 'noalign=2', 'noalign=x'].map(
    (value) => `-d ${value}`,
  ),
  ...['su=5g,sw=2', 'su=1g,sw=4000', 'su=64k,sw=-1', 'sunit=7,swidth=7', 'sectsize=100', 'sectsize=64k'].map(
    (value) => `-d ${value}`,
  ),
  ...[
    'extszinherit=9999999',
    'extszinherit=x',
    'extszinherit=20000',
    'projinherit=-1',
    'projinherit=5000000000',
  ].map((value) => `-d ${value}`),
  ...['cowextsize=9999999', 'cowextsize=x', 'daxinherit=2', 'rtinherit=2', 'concurrency=4', 'color=red'].map(
    (value) => `-d ${value}`,
  ),
  '-d cowextsize=16 -m reflink=0',
  '-d rtinherit=1,extszinherit=3 -r extsize=64k',
  ...['size=256', 'size=128', 'size=4096', 'size=513', 'size=1k', 'size=512,perblock=8', 'perblock=1'].map(
    (value) => `-i ${value}`,
  ),
  ...['perblock=3', 'perblock=512', 'perblock=16', 'maxpct=101', 'maxpct=-1', 'maxpct=x', 'sparse=2'].map(
    (value) => `-i ${value}`,
  ),
  ...['nrext64=2', 'align=0', 'attr=1', 'attr=3', 'projid32bit=0', 'exchange=1', 'shape=round', 'size='].map(
    (value) => `-i ${value}`,
  ),
  ...['size=1m', 'size=2m', 'size=32m', 'size=399m', 'size=3g', 'size=x', 'size=', 'su=260k', 'su=5k'].map(
    (value) => `-l ${value}`,
  ),
  ...['su=100', 'sunit=0', 'sunit=7', 'sunit=600', 'su=32k,sunit=64', 'agnum=4', 'agnum=-1', 'agnum=x'].map(
    (value) => `-l ${value}`,
  ),
  ...['version=1', 'version=3', 'version=x', 'lazy-count=0', 'lazy-count=2', 'internal=0', 'internal=2'].map(
    (value) => `-l ${value}`,
  ),
  ...[
    'internal,logdev=x',
    'internal,sectsize=512',
    'sectsize=4096',
    'sectsize=100',
    'logdev=/nowhere/at/all',
  ].map((value) => `-l ${value}`),
  ...[
    'logdev=',
    'logdev=a,name=b',
    'logdev=a,agnum=1',
    'file,name=/tmp/x',
    'size=65540k,su=256k',
    'depth=3',
  ].map((value) => `-l ${value}`),
  ...['crc=2', 'crc=x', 'finobt=2', 'finobt=0,inobtcount=1', 'rmapbt=2', 'reflink=2', 'bigtime=2'].map(
    (value) => `-m ${value}`,
  ),
  ...['uuid=', 'uuid=nonsense', 'uuid=12345678', 'metadir=1', 'autofsck=1', 'crc=1,crc=1', 'colour=2'].map(
    (value) => `-m ${value}`,
  ),
  ...[
    'size=512',
    'size=2048',
    'size=5000',
    'size=131072',
    'version=1',
    'version=3',
    'version=de',
    'ftype=0',
  ].map((value) => `-n ${value}`),
  ...['ftype=2', 'parent=1', 'size=', 'log=12'].map((value) => `-n ${value}`),
  ...[
    'size=100m',
    'extsize=1k',
    'extsize=2g',
    'extsize=5000',
    'extsize=x',
    'rtdev=/nowhere/at/all',
    'zoned=1',
  ].map((value) => `-r ${value}`),
  ...['rtdev=', 'rtdev=a,name=b', 'rgcount=4', 'file,name=/tmp/x', 'noalign=2'].map((value) => `-r ${value}`),
  ...['size=256', 'size=64k', 'size=1000', 'size=8s', 'size=1b', 'size=512,sectsize=512', 'sectsize=x'].map(
    (value) => `-s ${value}`,
  ),
  '-s size=8192',
  '-b size=1024 -s size=4096',
  '-b size=1024 -n size=65536 -i size=1024',
  '-s size=512 -d sectsize=512',
  '-c options=/nowhere/at/all',
  '-c options=',
  '-c file=x',
  '-L thirteen-bytes',
  '-z',
  '-b',
  '--colour',
];

describeXfsprogs('refused as by mkfs.xfs', () => {
  const image = join(temporaryDirectory(), 'target');
  const kept = join(temporaryDirectory(), 'kept');
  let prepared = false;
  const prepare = (): void => {
    if (prepared) return;
    prepared = true;
    mustRun('mkfs.xfs', ['-q', '-L', 'kept', '-d', `file,name=${image},size=400m`]);
    mustRun('cp', ['--sparse=always', image, kept]);
  };
  test.each(REFUSED.map((line) => [line]))('%s', (line) => {
    prepare();
    const words = [...line.split(' '), image];
    // -f: it is the line that must be refused, not what the image holds. -N: the reference shall not spoil it.
    const theirs = run('mkfs.xfs', ['-f', '-N', ...words], { env: strict });
    expect([theirs.status, theirs.stderr]).toEqual([1, expect.stringMatching(/./)]);
    const ours = xfskit(['mkfs', '--profile', '6.1', '-f', ...words], { env: strict });
    expect(ours.stderr).toMatch(/^xfskit mkfs: .+\n$/);
    expect(ours.status).toBe(1);
    expect(looksLikeCrash(ours)).toBe(false);
    expect(differences(image, kept, 'nothing')).toEqual([]);
  });
  test('as many lines as promised', () => {
    expect(new Set(REFUSED).size).toBe(REFUSED.length);
    expect(REFUSED.length).toBeGreaterThanOrEqual(120);
  });
});

// size, agcount, agsize, blocks, imaxpct, log blocks: measured with mkfs.xfs 6.1 -N
const VECTORS: readonly (readonly [string, number, number, number, number, number])[] = [
  ['300m', 4, 19200, 76800, 25, 16384],
  ['1g', 4, 65536, 262144, 25, 16384],
  ['256g', 4, 16777216, 67108864, 25, 32768],
  ['512g', 4, 33554432, 134217728, 25, 65536],
  ['1t', 4, 67108864, 268435456, 5, 131072],
  ['3t', 4, 201326592, 805306368, 5, 393216],
  ['4t', 4, 268435455, 1073741820, 5, 521728],
  ['5t', 5, 268435455, 1342177275, 5, 521728],
  ['20t', 20, 268435455, 5368709100, 5, 521728],
  ['32t', 32, 268435455, 8589934560, 5, 521728],
  ['50t', 50, 268435455, 13421772750, 5, 521728],
  ['60t', 60, 268435455, 16106127300, 1, 521728],
  ['100t', 100, 268435455, 26843545500, 1, 521728],
];

describe('-N needs no image', () => {
  test.each(VECTORS)('%s', (size, agcount, agblocks, dblocks, imaxpct, logblocks) => {
    const image = join(temporaryDirectory(), 'nowhere');
    const made = xfskit(['mkfs', '-N', '--profile', '6.1', '--json', image, size], { env: strict });
    expect([made.status, made.stderr]).toEqual([0, '']);
    expect(JSON.parse(made.stdout)).toMatchObject({ agcount, agblocks, dblocks, imaxpct, logblocks });
    expect(statSync(image, { throwIfNoEntry: false })).toBeUndefined();
  });
});
