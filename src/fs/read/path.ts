/** From a path inside the filesystem to its inode. Symlinks are not followed: a path names what stands there. */
import { S_IFDIR } from '../../format/inode.ts';
import { walkDir } from './dir.ts';
import { type Inode, inodeFacts, readInode } from './inode.ts';
import type { Volume } from './volume.ts';

export type Lookup = { readonly inode: Inode } | { readonly missing: string };

/** Looks a path up from the root directory; empty parts and "." mean nothing, ".." is refused. */
export function lookupPath(volume: Volume, path: string): Lookup {
  let inode = readInode(volume, volume.geometry.rootino);
  if (!inode) return { missing: 'the root directory cannot be read' };
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') return { missing: `${path}: ".." is not followed` };
    if (inodeFacts(inode).type !== S_IFDIR) return { missing: `${path}: Not a directory` };
    const ino = childOf(volume, inode, Buffer.from(part));
    if (ino === undefined) return { missing: `${path}: No such file or directory` };
    const child = readInode(volume, ino);
    if (!child) return { missing: `${path}: inode ${ino} cannot be read` };
    inode = child;
  }
  return { inode };
}

function childOf(volume: Volume, directory: Inode, name: Uint8Array): number | undefined {
  for (const entry of walkDir(volume, directory)) {
    if (Buffer.compare(entry.name, name) === 0) return entry.ino;
  }
  return undefined;
}
