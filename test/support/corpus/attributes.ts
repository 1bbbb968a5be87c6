/**
 * Attribute forks of every form: inline, one leaf, node, remote values of one and of many blocks, fork in extents
 * and in btree format, freed space in leaves; also on directories, symlinks and by ACL; special files.
 */
import { linkSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { mustRun } from '../oracle.ts';
import type { Random } from '../random.ts';
import { type TarEntry, unpack } from '../tar.ts';
import type { CorpusRow } from './rows.ts';

function attributes(
  random: Random,
  prefix: string,
  count: number,
  length: number,
): (readonly [string, Uint8Array])[] {
  return Array.from(
    { length: count },
    (_, i) => [`user.${prefix}.${String(i).padStart(5, '0')}`, random.bytes(length)] as const,
  );
}

/** A POSIX ACL of seven entries, as the system.posix_acl_* attributes hold it (little-endian). */
function accessList(): Buffer {
  const entries = [
    [1, 6, 0xffffffff],
    [2, 7, 1000],
    [2, 4, 1001],
    [4, 4, 0xffffffff],
    [8, 5, 100],
    [16, 7, 0xffffffff],
    [32, 0, 0xffffffff],
  ] as const;
  const list = Buffer.alloc(4 + entries.length * 8);
  list.writeUInt32LE(2, 0);
  for (const [i, [tag, permissions, id]] of entries.entries()) {
    list.writeUInt16LE(tag, 4 + i * 8);
    list.writeUInt16LE(permissions, 6 + i * 8);
    list.writeUInt32LE(id, 8 + i * 8);
  }
  return list;
}

/**
 * Sets further attributes on existing files, round by round: tar would replace the files, so it unpacks them beside
 * and cp carries the attributes over.
 */
function addRounds(root: string, rounds: readonly (readonly TarEntry[])[]): void {
  const stage = (i: number): string => `stage/${i}`;
  const entries: TarEntry[] = [{ name: 'stage', type: '5' }];
  for (const [i, round] of rounds.entries()) {
    entries.push({ name: stage(i), type: '5' });
    for (const entry of round) entries.push({ ...entry, name: `${stage(i)}/${entry.name}` });
  }
  unpack(root, entries);
  for (const [i, round] of rounds.entries()) {
    const files = round.map((entry) => `${stage(i)}/${entry.name}`);
    mustRun('cp', ['--attributes-only', '--preserve=xattr', '-t', 'attr', ...files], { cwd: root });
  }
  rmSync(join(root, 'stage'), { recursive: true });
}

/** Two files given one remote value each in turns, so that their attribute forks fall into single blocks. */
function interleaved(random: Random, row: CorpusRow): TarEntry[][] {
  const length = Math.min(row.blockSize - 100, 60000);
  return Array.from({ length: Math.ceil((row.inodeSize - 176) / 16) + 6 }, (_, i) =>
    ['btree', 'btree2'].map((name): TarEntry => ({ name, xattrs: [[`user.r${i}`, random.bytes(length)]] })),
  );
}

export function makeAttributes(root: string, row: CorpusRow, random: Random): void {
  const block = row.blockSize;
  const shapes: readonly [name: string, count: number, length: number][] = [
    ['sf', 2, 8],
    ['leaf', 12, 60],
    ['leaf_full', 20, 100],
    ['node', Math.max(60, Math.floor(block / 60)), 60],
    ['deep', Math.min(900, Math.max(150, Math.floor(block / 5))), 200],
    ['remote1', 1, Math.min(block + 100, 65536)],
    ['remote_many', 6, 9000],
    ['remote64k', 2, 65536],
  ];
  const empty = new Uint8Array(0);
  const entries: TarEntry[] = [{ name: 'attr', type: '5' }];
  for (const [name, count, length] of shapes) {
    entries.push({ name: `attr/${name}`, xattrs: attributes(random, name, count, length) });
  }
  entries.push({
    name: 'attr/spaces',
    xattrs: [
      ['trusted.t', Buffer.from('v')],
      ['security.s', Buffer.from('v')],
      ['user.e', empty],
    ],
  });
  entries.push({ name: 'attr/dirwithattr', type: '5', xattrs: attributes(random, 'd', 1, 300) });
  entries.push({ name: 'attr/lnk', type: '2', link: 'x', xattrs: [['trusted.l', Buffer.from('sym')]] });
  entries.push({ name: 'attr/acl', xattrs: [['system.posix_acl_access', accessList()]] });
  entries.push({ name: 'attr/defacl', type: '5', xattrs: [['system.posix_acl_default', accessList()]] });
  entries.push({ name: 'attr/defacl/inherits' });
  unpack(root, entries);
  // The same names again with shorter values: space inside the leaves and remote blocks are freed.
  addRounds(root, [
    [
      { name: 'shrunk', xattrs: attributes(random, 'r', 40, 200) },
      { name: 'shrunk_remote', xattrs: attributes(random, 'r', 4, 20000) },
    ],
    [
      { name: 'shrunk', xattrs: attributes(random, 'r', 37, 3) },
      { name: 'shrunk_remote', xattrs: attributes(random, 'r', 3, 30) },
    ],
    ...(block <= 8192 ? interleaved(random, row) : []),
  ]);
}

/** Symlinks inline and remote, device nodes, fifo, socket, odd modes and owners, times at the limits. */
export async function makeSpecialFiles(root: string, row: CorpusRow): Promise<void> {
  const entries: TarEntry[] = [{ name: 'misc', type: '5' }];
  for (const length of [1, 30, 150, 330, 400, 1000, 1023]) {
    const target = `l${length}/`.repeat(400).slice(0, length);
    entries.push({ name: `misc/sym${length}`, type: '2', link: target });
  }
  entries.push({ name: 'misc/fifo', type: '6', mode: 0o600 });
  entries.push({ name: 'misc/chr', type: '3', mode: 0o666, major: 1, minor: 3 });
  entries.push({ name: 'misc/blk', type: '4', mode: 0o660, major: 259, minor: 70000 });
  entries.push({ name: 'misc/suid', mode: 0o6755, uid: 1000, gid: 1001, data: Buffer.from('s') });
  entries.push({ name: 'misc/sticky', type: '5', mode: 0o3777 });
  entries.push({ name: 'misc/hl0', data: Buffer.from('hard') });
  entries.push({ name: 'misc/biguid', uid: 0xfffffffe - 5, gid: 0x7fffffff + 9 });
  const late = row.bigtime ? [2200000000, 13574563200, 16299260424] : [];
  for (const seconds of [-2147483648, -1, 2147483647, ...late]) {
    entries.push({ name: `misc/time_${seconds}`, mtimeSeconds: seconds });
  }
  unpack(root, entries);
  for (let i = 1; i < 40; i++) linkSync(join(root, 'misc', 'hl0'), join(root, 'misc', `hl${i}`));
  await makeSocket(join(root, 'misc', 'sock'));
}

/** A socket inode; closing the server removes only the name that it was given. */
async function makeSocket(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(`${path}.0`, resolve);
  });
  linkSync(`${path}.0`, `${path}.1`);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  rmSync(`${path}.0`, { force: true });
  renameSync(`${path}.1`, path);
}
