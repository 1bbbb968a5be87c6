/** What an image in memory holds, without a kernel: names, inodes, contents, attributes, as text to compare. */
import { createHash } from 'node:crypto';
import type { Device } from '../../src/device/device.ts';
import { DINODE, S_IFDIR, S_IFREG } from '../../src/format/inode.ts';
import { geometryOf } from '../../src/format/superblock.ts';
import { walkAttrs } from '../../src/fs/read/attr.ts';
import { isDots, walkDir } from '../../src/fs/read/dir.ts';
import { forkExtents } from '../../src/fs/read/extent.ts';
import { type Inode, inodeFacts, readInode } from '../../src/fs/read/inode.ts';
import type { Volume } from '../../src/fs/read/volume.ts';

/** One line a path; throws for what cannot be read. `times`: with ctime and generation. */
export function memoryTree(device: Device): string[] {
  const sector = new Uint8Array(4096);
  device.read(0, sector);
  const volume: Volume = { device, geometry: geometryOf(sector) };
  const lines: string[] = [];
  const visit = (ino: number, path: string, depth: number): void => {
    const inode = readInode(volume, ino);
    if (!inode || depth > 20) throw new Error(`${path}: inode ${ino} cannot be read`);
    const facts = inodeFacts(inode);
    const { nblocks, gen } = DINODE.at(inode.view);
    lines.push(
      `${path} ${ino} ${facts.mode.toString(8)} ${facts.nlink} ${facts.size} ${nblocks} ${gen} ${contents(volume, inode)}`,
    );
    if (facts.type !== S_IFDIR) return;
    for (const { name, ino: child } of walkDir(volume, inode, fail)) {
      if (!isDots(name)) visit(child, `${path}/${Buffer.from(name).toString('latin1')}`, depth + 1);
    }
  };
  visit(volume.geometry.rootino, '', 0);
  return lines.sort();
}

function fail(what: string): never {
  throw new Error(what);
}

function contents(volume: Volume, inode: Inode): string {
  const { device, geometry } = volume;
  const hash = createHash('sha256');
  if (inodeFacts(inode).type === S_IFREG) {
    for (const { fileoff, fsbno, blocks, unwritten } of forkExtents(volume, inode, 'data', 0, fail)) {
      const bytes = new Uint8Array(blocks * geometry.blocksize);
      if (!unwritten) device.read(geometry.fsbnoByte(fsbno), bytes);
      for (let i = 0; i < blocks; i++) {
        hash.update(`${fileoff + i} ${unwritten} `);
        hash.update(bytes.subarray(i * geometry.blocksize, (i + 1) * geometry.blocksize));
      }
    }
  }
  const attrs = [...walkAttrs(volume, inode, fail)].map(({ name, namespace, value }) => {
    const bytes = value();
    if (!bytes) throw new Error(`inode ${inode.ino}: an attribute cannot be read`);
    const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 8);
    return `${namespace}.${Buffer.from(name).toString('latin1')}=${bytes.length}:${digest}`;
  });
  return `${hash.digest('hex').slice(0, 12)} ${attrs.sort().join(',')}`;
}
