/**
 * xfskit mkfs against mkfs.xfs: the same options give the same geometry block and, but for the times of the first
 * three inodes, the same bytes; xfs_repair -n calls every image clean; the kernel takes them.
 *
 * mkfs.xfs 6.1 has rmapbt and nrext64 off by default, so it is given our defaults explicitly.
 */

import {
  closeSync,
  cpSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Geometry } from '../../src/format/geometry.ts';
import { geometryOf } from '../../src/format/superblock.ts';
import {
  attachLoop,
  describeKernel,
  describeXfsprogs,
  mustRun,
  repairCheck,
  run,
  smallFilesystems,
  temporaryDirectory,
  withMounted,
  xfskit,
} from '../support/oracle.ts';

const UUID = '12345678-1234-1234-1234-123456789abc';

interface Case {
  readonly size: string;
  readonly options: string;
  /** Goes through the kernel too. */
  readonly mounted: boolean;
}
const plain = (size: string, options = ''): Case => ({ size, options, mounted: false });
const mounted = (size: string, options = ''): Case => ({ size, options, mounted: true });

const CASES: readonly Case[] = [
  mounted('16m'),
  plain('17m', '-m rmapbt=0'),
  plain('20m', '-m reflink=0,rmapbt=0'),
  plain('31m', '-i size=1024'),
  mounted('32m', '-m rmapbt=0,reflink=0 -i nrext64=0'),
  plain('48m', '-d agcount=3'),
  plain('64m', '-b size=1024'),
  plain('64m', '-m finobt=0 -l agnum=0'),
  plain('100m', '-d agcount=2 -l size=20m'),
  plain('127m', '-i sparse=0'),
  mounted('130m', '-b size=1024 -s size=1024'),
  plain('200m', '-n size=65536'),
  plain('250m', '-l su=32k'),
  plain('299m', '-m bigtime=0 -i nrext64=0,sparse=0'),
  mounted('300m'),
  plain('300m', '-m finobt=0'),
  plain('300m', '-m inobtcount=0'),
  plain('300m', '-m rmapbt=0'),
  plain('300m', '-m reflink=0'),
  plain('300m', '-m bigtime=0'),
  plain('300m', '-i nrext64=0'),
  plain('300m', '-i sparse=0'),
  plain('300m', '-i size=2048,maxpct=80'),
  plain('300m', '-d agcount=1'),
  plain('300m', '-l agnum=0'),
  plain('300m', '-m finobt=0,rmapbt=0 -d agcount=16 -l su=24k'),
  plain('300m', '-d agcount=1 -l size=5000b'),
  mounted('310m', '-d agsize=100m -L twelve-bytes'),
  plain('320m', '-b size=2048 -i size=1024 -n size=8192'),
  plain('400m', '-b size=8192'),
  plain('500m', '-b size=2048 -m finobt=0 -d agsize=16m'),
  plain('512m', '-s size=4096'),
  mounted('512m', '-s size=4096 -l su=64k -d agcount=5'),
  plain('512m', '-s size=2048 -b size=2048'),
  plain('600m', '-b size=16384 -s size=512'),
  plain('700m', '-b size=65536'),
  plain('1g', '-b size=65536 -i size=2048'),
  plain('1g', '-b size=32768 -s size=32768'),
  mounted('1g', '-d su=64k,sw=4'),
  plain('1g', '-d su=256k,sw=3 -b size=1024'),
  plain('1g', '-d sunit=128,swidth=512 -l su=256k'),
  plain('1g', '-d su=512k,sw=2'),
  plain('1g', '-d noalign -l su=4k'),
  plain('1g', '-d agcount=16,su=16k,sw=10'),
  plain('1g', '-l size=100m,agnum=3'),
  mounted('2g', '-b size=1024 -n size=16384 -i size=512'),
  plain('3g', '-d agcount=100'),
  plain('5g', '-n size=32768 -i size=1024'),
  plain('9g', '-d su=1m,sw=8'),
  plain('20g', '-d agcount=7'),
  plain('100g', '-s size=4096 -d su=128k,sw=6'),
  mounted('600g'),
  plain('1t', '-i maxpct=10'),
  plain('1t', '-b size=1024'),
  mounted('3t', '-d su=64k,sw=2'),
  plain('4t'),
  plain('5t', '-b size=16384'),
  plain('7t', '-m rmapbt=0 -d su=64k,sw=8'),
  mounted('8t', '-d agcount=50 -i size=1024'),
  plain('12t', '-l size=2000m'),
  plain('16t', '-b size=2048'),
  plain('15t', '-d agsize=100g'),
  mounted('16t'),
];

const title = (c: Case): string => `${c.size} ${c.options}`.trim();

/** mkfs.xfs's own image at `path`; its geometry block. */
function reference(c: Case, path: string): string {
  const words = c.options.split(' ').filter((word) => word !== '');
  const defaults = [
    ...(c.options.includes('rmapbt') ? [] : ['-m', 'rmapbt=1']),
    ...(c.options.includes('nrext64') ? [] : ['-i', 'nrext64=1']),
  ];
  const args = [...words, ...defaults, '-m', `uuid=${UUID}`, '-d', `file,name=${path},size=${c.size}`];
  return mustRun('mkfs.xfs', args, { env: smallFilesystems }).stdout;
}

/** Our image at `path`; its geometry block. */
function ours(c: Case, path: string): string {
  const words = c.options.split(' ').filter((word) => word !== '');
  const result = xfskit(['mkfs', ...words, '-m', `uuid=${UUID}`, '-d', `size=${c.size}`, path], {
    env: smallFilesystems,
  });
  expect(result.stderr.replace(/^xfskit mkfs: (all AGs begin|log stripe unit).*\n/gm, '')).toBe('');
  expect(result.status).toBe(0);
  return result.stdout;
}

function readAt(descriptor: number, offset: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(descriptor, bytes, 0, length, offset);
  return bytes;
}

/** Stretches that mkfs writes: AG headers and roots, root inodes, the log's first MiB, both ends. */
function writtenParts(geometry: Geometry, size: number): [number, number][] {
  const parts: [number, number][] = [
    [geometry.inoByte(geometry.rootino), geometry.chunkBlocks * geometry.blocksize],
    [geometry.fsbnoByte(geometry.logstart), 1024 * 1024],
    [size - 128 * 1024, 128 * 1024],
  ];
  const step = Math.max(1, Math.floor(geometry.agcount / 40));
  for (let agno = 0; agno < geometry.agcount; agno++) {
    const last = agno === geometry.agcount - 1;
    const middle = Math.floor((geometry.agcount - 1) / 2);
    const log = geometry.fsbnoAgno(geometry.logstart);
    if (agno % step !== 0 && !last && agno !== middle && agno !== log) continue;
    parts.push([geometry.agbnoByte(agno, 0), (geometry.headerBlocks + 6) * geometry.blocksize]);
  }
  return parts;
}

/** Times and checksums of the three inodes in use: the only bytes that may differ. */
function blankTimes(bytes: Buffer, start: number, geometry: Geometry): void {
  const chunk = geometry.inoByte(geometry.rootino) - start;
  for (let i = 0; i < 3; i++) {
    const inode = chunk + i * geometry.inodesize;
    if (inode < 0 || inode + 176 > bytes.length) continue;
    bytes.fill(0, inode + 40, inode + 56); // mtime, ctime
    bytes.fill(0, inode + 100, inode + 104); // crc
    bytes.fill(0, inode + 144, inode + 152); // crtime
  }
}

/** Byte offsets of the first differences. */
function differences(left: string, right: string): string[] {
  const size = statSync(left).size;
  if (size !== statSync(right).size) return [`sizes ${size} and ${statSync(right).size}`];
  const a = openSync(left, 'r');
  const b = openSync(right, 'r');
  try {
    const geometry = geometryOf(readAt(a, 0, 512));
    const found: string[] = [];
    for (const [start, length] of writtenParts(geometry, size)) {
      const one = readAt(a, start, length);
      const other = readAt(b, start, length);
      blankTimes(one, start, geometry);
      blankTimes(other, start, geometry);
      if (!one.equals(other)) found.push(`byte ${start + one.findIndex((byte, i) => byte !== other[i])}`);
    }
    return found;
  } finally {
    closeSync(a);
    closeSync(b);
  }
}

/** Directories, files, copies that share blocks; then deletes some. */
function useFilesystem(mountPoint: string, reflink: boolean): void {
  const source = join(mountPoint, 'data');
  writeFileSync(source, Buffer.alloc(300_000, 'xfskit '));
  for (let d = 0; d < 5; d++) {
    const dir = join(mountPoint, `dir-${d}`);
    mustRun('mkdir', [dir]);
    for (let f = 0; f < 20; f++) writeFileSync(join(dir, `file-${f}`), `${d} ${f}\n`.repeat(f * 50));
  }
  if (reflink) {
    const copy = join(mountPoint, 'copy');
    mustRun('cp', ['--reflink=always', source, copy]);
    mustRun('xfs_io', ['-c', 'pwrite -S 0x55 65536 65536', '-c', 'fsync', copy]);
    expect(readFileSync(copy).subarray(0, 65536).equals(readFileSync(source).subarray(0, 65536))).toBe(true);
  }
  cpSync(join(mountPoint, 'dir-1'), join(mountPoint, 'dir-6'), { recursive: true });
  rmSync(join(mountPoint, 'dir-2'), { recursive: true });
  mustRun('sync', ['-f', mountPoint]);
}

describeXfsprogs('mkfs as mkfs.xfs', () => {
  test.each(CASES.map((c) => [title(c), c] as const))('%s', (_title, c) => {
    const path = join(temporaryDirectory(), 'image');
    const kept = join(temporaryDirectory(), 'reference');
    const expected = reference(c, path);
    renameSync(path, kept);
    expect(ours(c, path)).toBe(expected);
    expect(differences(path, kept)).toEqual([]);
    rmSync(kept);
    const checked = repairCheck(path);
    expect([checked.status, checked.status === 0 ? '' : checked.stdout + checked.stderr]).toEqual([0, '']);
    // A sparse image costs what is in it, whatever its size.
    const { agcount, blocksize } = geometryOf(readFileStart(path));
    expect(statSync(path).blocks * 512).toBeLessThan(2 ** 20 + agcount * 16 * Math.max(blocksize, 4096));
    rmSync(path);
  });

  test('as many combinations as promised', () => {
    expect(CASES.length).toBeGreaterThanOrEqual(60);
    expect(CASES.filter((c) => c.mounted).length).toBeGreaterThanOrEqual(12);
  });
});

function readFileStart(path: string): Buffer {
  const descriptor = openSync(path, 'r');
  try {
    return readAt(descriptor, 0, 512);
  } finally {
    closeSync(descriptor);
  }
}

describeKernel('mkfs for the kernel', () => {
  test.each(CASES.filter((c) => c.mounted).map((c) => [title(c), c] as const))(
    '%s',
    (_title, c) => {
      const path = join(temporaryDirectory(), 'image');
      ours(c, path);
      withMounted(path, (mountPoint) => useFilesystem(mountPoint, !c.options.includes('reflink=0')));
      expect(repairCheck(path).status).toBe(0);
      const checked = xfskit(['check', path]);
      expect([checked.status, checked.status === 0 ? '' : checked.stdout]).toEqual([0, '']);
      rmSync(path);
    },
    60_000,
  );

  test('a block device: its size, no overwriting unasked, nothing while mounted', () => {
    const path = join(temporaryDirectory(), 'disk');
    mustRun('truncate', ['-s', '400m', path]);
    const loop = attachLoop(path);
    const first = xfskit(['mkfs', loop.device]);
    expect([first.status, first.stderr]).toEqual([0, '']);
    expect(first.stdout).toMatch('blocks=102400, ');
    const again = xfskit(['mkfs', loop.device]);
    expect(again.status).toBe(1);
    expect(again.stderr).toMatch('holds a filesystem (xfs). Use the -f option to force overwrite.');
    expect(xfskit(['mkfs', '-f', '-q', loop.device]).status).toBe(0);
    loop.detach();
    withMounted(path, (mountPoint) => {
      const busy = xfskit(['mkfs', '-f', path]);
      expect(busy.status).toBe(1);
      expect(xfskit(['mkfs', '-f', '-N', path]).status).toBe(1);
      expect(busy.stderr.trim().split('\n')).toHaveLength(1);
      writeFileSync(join(mountPoint, 'still'), 'here');
    });
    expect(repairCheck(path).status).toBe(0);
  });
});

const MAGIC_OF_EXT = 'printf \'\\\\123\\\\357\' | dd of="$1" bs=1 seek=1080 conv=notrunc status=none';

describeXfsprogs('mkfs over something else', () => {
  test.each([
    ['ext4', 'mkfs.ext4', ['-q', '-F']],
    ['an XFS of other geometry', 'mkfs.xfs', ['-q', '-f', '-b', 'size=1024', '-d', 'agcount=9']],
  ])(
    '%s: refused, then forced and clean',
    (_what, program, args) => {
      const path = join(temporaryDirectory(), 'old');
      mustRun('truncate', ['-s', '350m', path]);
      const made = run(program, [...args, path], { env: smallFilesystems });
      // Without e2fsprogs its magic must do.
      if (made.status === 127) mustRun('sh', ['-c', MAGIC_OF_EXT, 'sh', path]);
      else expect(made.status).toBe(0);
      const refused = xfskit(['mkfs', path]);
      expect([refused.status, refused.stdout]).toEqual([1, '']);
      expect(xfskit(['mkfs', '-f', '-q', path]).status).toBe(0);
      expect(repairCheck(path).status).toBe(0);
      // An old superblock elsewhere would lead a repair astray once the primary is lost.
      mustRun('dd', ['if=/dev/zero', `of=${path}`, 'bs=512', 'count=1', 'conv=notrunc', 'status=none']);
      const repaired = run('xfs_repair', [path], { timeout: 120_000 });
      expect([
        repaired.status,
        /verified secondary superblock/.test(repaired.stderr + repaired.stdout),
      ]).toEqual([0, true]);
      expect(repairCheck(path).status).toBe(0);
      rmSync(path);
    },
    120_000,
  );
});
