/**
 * Devices and pipes. Node has no mknod, so the program of that name makes them: under a name of ours in the folder
 * that it inherits as a descriptor, from where the node is moved to its own name (which may hold any bytes).
 */
import { spawnSync } from 'node:child_process';
import { linkSync } from 'node:fs';
import { INODE_CORE_BYTES } from '../../format/inode.ts';
import type { Inode, InodeFacts } from '../../fs/read/inode.ts';
import type { Folder } from './folder.ts';

const S_IFCHR = 0o020000;
const S_IFBLK = 0o060000;
const S_IFIFO = 0o010000;
const KINDS: Readonly<Record<number, string>> = { [S_IFCHR]: 'c', [S_IFBLK]: 'b', [S_IFIFO]: 'p' };
const INHERITED = 3;

/** Makes the node; a string says why it was not made. Throws errors of the system. */
export function makeNode(
  folder: Folder,
  name: Uint8Array,
  inode: Inode,
  facts: InodeFacts,
): string | undefined {
  const kind = KINDS[facts.type];
  if (kind === undefined) return 'a socket (or something unknown): not copied';
  if (process.platform !== 'linux') return 'devices and pipes are copied on Linux alone';
  const temporary = Buffer.from(`.xfskit-node-${process.pid}`);
  const mode = (facts.mode & 0o7777).toString(8);
  const numbers = kind === 'p' ? [] : deviceNumbers(inode.view.getUint32(INODE_CORE_BYTES));
  const path = `/proc/self/fd/${INHERITED}/${temporary.toString()}`;
  folder.remove(temporary);
  const made = spawnSync('mknod', ['-m', mode, path, kind, ...numbers], {
    stdio: ['ignore', 'ignore', 'pipe', folder.descriptor],
    encoding: 'utf8',
  });
  if (made.error) return 'mknod is not installed';
  if (made.status !== 0) return `not copied: ${made.stderr.trim().split(': ').at(-1) ?? 'mknod failed'}`;
  try {
    linkSync(folder.entry(temporary), folder.entry(name));
  } finally {
    folder.remove(temporary);
  }
  return undefined;
}

/** Major and minor number as XFS keeps them: 14 and 18 bits. */
export function deviceNumbers(raw: number): [string, string] {
  return [String((raw >>> 18) & 0x3fff), String(raw & 0x3ffff)];
}
