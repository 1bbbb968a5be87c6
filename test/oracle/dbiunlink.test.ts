/**
 * `iunlink`, `link` and `unlink` on what the kernel has written. xfs_repair has nothing to say of `iunlink` but that
 * the new inodes have no name, and dump_iunlinked lists them. Where XFSKIT_RELEASES (as for mkfsprofile.test.ts) has
 * an xfs_db that knows these commands, from 6.12 on, text and bytes are also compared with it.
 *
 * Not compared: times, generations and CRCs of inodes, which are left to clock and chance; and blocks that were in use
 * between two of the inodes of one command and are free again. We write each inode out, xfs_db only what is left in
 * the end, so such a block holds what it held before.
 */
import { copyFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../../src/db/commands/table.ts';
import { openFilesystem } from '../../src/db/filesystem.ts';
import { Session } from '../../src/db/session.ts';
import { Stage } from '../../src/db/stage.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { DINODE, INODE_MAGIC } from '../../src/format/inode.ts';
import { geometryOf } from '../../src/format/superblock.ts';
import {
  describeKernel,
  mustRun,
  repairCheck,
  run,
  smallFilesystems,
  temporaryDirectory,
  withMounted,
} from '../support/oracle.ts';

/** Options, and what the kernel does ($1 is the root). */
const GEOMETRIES: Readonly<Record<string, readonly [string, string, number]>> = {
  'free inodes here and there': [
    '-m rmapbt=1,reflink=1',
    'mkdir $1/d; for i in $(seq 500); do echo x >$1/d/f$i; done; for i in $(seq 1 3 500); do rm $1/d/f$i; done',
    400,
  ],
  'no finobt': [
    '-b size=1024 -m finobt=0,rmapbt=0,reflink=0,inobtcount=0 -i sparse=0',
    'mkdir $1/d; for i in $(seq 900); do : >$1/d/f$i; done; rm $1/d/f3 $1/d/f500 $1/d/f800',
    300,
  ],
  'parts of chunks': [
    '-i sparse=1,maxpct=100 -d agcount=2 -m rmapbt=1',
    'i=0; while dd if=/dev/zero of=$1/f$i bs=24k count=1 2>&-; do i=$((i+1)); done; rm $1/f*[13579]',
    600,
  ],
};

/** An xfs_db with these commands; undefined: none. */
function laterDb(): string | undefined {
  for (const folder of (process.env.XFSKIT_RELEASES ?? '').split(':').filter((name) => name !== '')) {
    const built = join(folder, 'db', 'xfs_db');
    const program = existsSync(built) ? built : join(folder, 'xfs_db');
    const minor = / 6\.(\d+)/.exec(run(program, ['-V']).stdout)?.[1];
    if (Number(minor) >= 12) return program;
  }
  process.stderr.write('\n*** SKIPPED: bytes of iunlink: XFSKIT_RELEASES names no xfs_db of 6.12 or later\n');
  return undefined;
}

const reference = laterDb();

function ask(device: MemoryDevice, lines: readonly string[]): string {
  const stage = new Stage(device);
  const session = new Session(openFilesystem(stage), COMMANDS, { expert: true });
  const text = lines.map((line) => session.run(line).text).join('');
  expect(session.failed).toBe(false);
  return text;
}

/** Bytes compared at once, before single inodes are looked at. */
const PIECE = 65536;
const VARYING = ['atime', 'mtime', 'ctime', 'gen', 'crc', 'crtime'] as const;

/** Offsets of inode-sized places at which two images differ, but for what varies, and for stale blocks. */
function differences(before: Buffer, ours: Buffer, theirs: Buffer, isFree: (byte: number) => boolean) {
  const { inodesize } = geometryOf(ours);
  const found: number[] = [];
  for (let at = 0; at < ours.length; at += inodesize) {
    if (at % PIECE === 0 && ours.subarray(at, at + PIECE).equals(theirs.subarray(at, at + PIECE))) {
      at += PIECE - inodesize;
      continue;
    }
    const [a, b, old] = [ours, theirs, before].map((image) => image.subarray(at, at + inodesize)) as [
      Buffer,
      Buffer,
      Buffer,
    ];
    if (a.equals(b)) continue;
    if (a.readUInt16BE(0) === INODE_MAGIC && b.readUInt16BE(0) === INODE_MAGIC) {
      for (const bytes of [a, b]) {
        for (const name of VARYING) {
          bytes.fill(
            0,
            DINODE.offset[name],
            DINODE.offset[name] + (name === 'gen' || name === 'crc' ? 4 : 8),
          );
        }
      }
      if (a.equals(b)) continue;
    }
    if (!(b.equals(old) && isFree(at))) found.push(at);
  }
  return found;
}

/** By the free extents that xfs_db lists. */
function freeBytes(image: string): (byte: number) => boolean {
  const { agblocks, blocksize } = geometryOf(readFileSync(image).subarray(0, 512));
  const extents = mustRun('xfs_db', ['-c', 'freesp -d', image])
    .stdout.split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(\d+)$/.exec(line)?.slice(1).map(Number))
    .filter((row) => row !== undefined);
  return (byte) => {
    const block = Math.floor(byte / blocksize);
    return extents.some(([agno, first, count]) => {
      const start = agno! * agblocks + first!;
      return block >= start && block < start + count!;
    });
  };
}

const EXPECTED = [
  /^agi unlinked bucket \d+ is \d+ in ag \d+ \(inode=\d+\)$/,
  /^Would clear next_unlinked in inode \d+$/,
  /^disconnected inode \d+, would move to lost\+found$/,
  /^would have reset inode \d+ nlinks from 0 to 1$/,
];

/** What xfs_repair says of an image: its complaints are on the standard error. */
function repairText(image: string): string {
  const { stdout, stderr } = repairCheck(image);
  return stdout + stderr.replace(/^Cannot get host.*\n.*\n.*\n/gm, '');
}

function complaints(text: string): string[] {
  const lines = text.split('\n').filter((line) => line !== '' && !/^(Phase| +- |No modify flag)/.test(line));
  return lines.filter((line) => !EXPECTED.some((expected) => expected.test(line)));
}

let made = 0;
function makeImage(options: string, script: string): string {
  const image = join(temporaryDirectory(), `iunlink-${made++}.img`);
  writeFileSync(image, '');
  truncateSync(image, 64 << 20);
  mustRun('mkfs.xfs', ['-q', '-f', ...options.split(' '), image], { env: smallFilesystems });
  withMounted(image, (root) => mustRun('sh', ['-c', `${script}; true`, 'sh', root]));
  return image;
}

describeKernel('inodes without a name', () => {
  test.each(Object.keys(GEOMETRIES))(
    'iunlink: %s',
    (name) => {
      const [options, script, count] = GEOMETRIES[name]!;
      const image = makeImage(options, script);
      const before = readFileSync(image);
      const device = new MemoryDevice(readFileSync(image));
      const text = ask(device, [`iunlink -n ${count}`]);
      const inodes = [...text.matchAll(/^Created unlinked inode (\d+) in agno \d+$/gm)].map(([, ino]) =>
        Number(ino),
      );
      expect(new Set(inodes).size).toBe(count);
      const ours = `${image}.ours`;
      writeFileSync(ours, device.bytes);
      const checked = repairText(ours);
      expect(complaints(checked)).toEqual([]);
      const lost = [...checked.matchAll(/^disconnected inode (\d+)/gm)].map(([, ino]) => Number(ino));
      expect(lost.sort((a, b) => a - b)).toEqual(inodes.toSorted((a, b) => a - b));
      const geometry = geometryOf(device.bytes);
      const listed: number[] = [];
      let agno = 0;
      for (const [, ag, agino] of ask(device, ['dump_iunlinked -q']).matchAll(
        /(?:AG (\d+) bucket \d+)? agino (\d+)/g,
      )) {
        agno = ag === undefined ? agno : Number(ag);
        listed.push(geometry.ino(agno, Number(agino)));
      }
      expect(listed.sort((a, b) => a - b)).toEqual(inodes.toSorted((a, b) => a - b));
      if (!reference) return;
      const theirs = `${image}.theirs`;
      copyFileSync(image, theirs);
      expect(mustRun(reference, ['-x', '-c', `iunlink -n ${count}`, theirs]).stdout).toBe(text);
      const isFree = freeBytes(theirs);
      expect(differences(before, Buffer.from(device.bytes), readFileSync(theirs), isFree)).toEqual([]);
    },
    120_000,
  );

  test('link and unlink, down to the last name', () => {
    const script = 'mkdir $1/d; for i in $(seq 200); do echo x >$1/d/name$i; done; : >$1/one; : >$1/two';
    const image = makeImage('-b size=1024 -m rmapbt=1', script);
    const theirs = `${image}.theirs`;
    copyFileSync(image, theirs);
    const device = new MemoryDevice(readFileSync(image));
    const long = 'y'.repeat(200);
    const scripts = [
      ['path /', 'link -p /one again'],
      ...Array.from({ length: 30 }, (_, i) => ['path /d', `link -p /one ${long}${i}`]),
      ['path /d', 'unlink name7'],
      ['path /d', 'unlink name8'],
      ...Array.from({ length: 20 }, (_, i) => ['path /d', `unlink ${long}${i}`]),
      ['path /', 'unlink two'],
    ];
    for (const lines of scripts) {
      ask(device, lines);
      if (!reference) continue;
      const old = readFileSync(theirs);
      mustRun(reference, ['-x', ...lines.flatMap((line) => ['-c', line]), theirs]);
      const isFree = (): boolean => false;
      const found = differences(old, Buffer.from(device.bytes), readFileSync(theirs), isFree);
      expect([lines, found]).toEqual([lines, []]);
    }
    const ours = `${image}.ours`;
    writeFileSync(ours, device.bytes);
    const said = repairText(ours);
    expect(complaints(said)).toEqual([]);
    expect(said.match(/^disconnected inode/gm)?.length).toBe(3);
  }, 120_000);
});
