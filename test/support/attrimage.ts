/**
 * A small image with attributes of every form (`node`, `leaf`, `short`) and with symlinks, in the inode and in a
 * block; and where their blocks are.
 */
import type { MemoryDevice } from '../../src/device/memory.ts';
import type { Geometry } from '../../src/format/geometry.ts';
import { DINODE, INODE_CORE_BYTES, S_IFLNK } from '../../src/format/inode.ts';
import { setAttr } from '../../src/fs/attr/attr.ts';
import { addName } from '../../src/fs/dir/dir.ts';
import { openFileSystem } from '../../src/fs/filesystem.ts';
import { createInode } from '../../src/fs/inode/create.ts';
import { readInode as writableInode } from '../../src/fs/inode/inode.ts';
import { moveTargetOut } from '../../src/fs/inode/leavelocal.ts';
import { blockAt } from '../../src/fs/read/extent.ts';
import { readInode } from '../../src/fs/read/inode.ts';
import { transact } from '../../src/fs/transaction.ts';
import type { Place } from './edit.ts';
import { smallImage } from './smallimage.ts';

export interface AttrImage {
  readonly device: MemoryDevice;
  readonly geometry: Geometry;
  /** Inode numbers of files by the form of their attributes. */
  readonly node: number;
  readonly leaf: number;
  readonly short: number;
  /** Inode numbers of symlinks: target in the inode, and in a block. */
  readonly inline: number;
  readonly remote: number;
  inode(ino: number): Place;
  /** A block of an attribute fork. */
  block(ino: number, fileoff: number): Place;
  /** The block with the target of `remote`. */
  target(): Place;
}

export const INLINE_TARGET = 'inline/target';
export const REMOTE_TARGET = 'remote/'.repeat(60);
/** Bytes of the value that has blocks of its own, and of its last block. */
export const VALUE_BYTES = 10_000;

export function attrImage(options: readonly string[] = []): AttrImage {
  const { device, geometry, files } = smallImage(options);
  const fs = openFileSystem(device);
  const [node, leaf, short] = files.map(({ ino }) => ino) as [number, number, number];
  const bytes = (count: number) => new Uint8Array(count).fill(0x61);
  for (let i = 0; i < 60; i++) setAttr(fs, node, { namespace: 'user', name: `node-${i}`, value: bytes(200) });
  setAttr(fs, node, { namespace: 'trusted', name: 'large', value: bytes(VALUE_BYTES) });
  for (const name of ['one', 'two', 'three'])
    setAttr(fs, leaf, { namespace: 'user', name, value: bytes(200) });
  for (const name of ['a', 'b', 'c']) setAttr(fs, short, { namespace: 'user', name, value: bytes(8) });
  const symlink = (name: string, target: string, out: boolean): number =>
    transact(fs, (tr) => {
      const inode = createInode(tr, { mode: S_IFLNK | 0o777, nlink: 1, parent: geometry.rootino });
      inode.data.becomeLocal(new TextEncoder().encode(target));
      inode.core.size = BigInt(target.length);
      if (out) moveTargetOut(inode);
      addName(writableInode(tr, geometry.rootino), name, inode.ino, 7);
      return inode.ino;
    });
  const inline = symlink('inline', INLINE_TARGET, false);
  const remote = symlink('remote', REMOTE_TARGET, true);
  const blockOf = (ino: number, fork: 'attr' | 'data', fileoff: number): Place => {
    const volume = { device, geometry };
    const fsbno = blockAt(volume, readInode(volume, ino)!, fork, fileoff)!.at;
    return { offset: geometry.fsbnoByte(fsbno), length: geometry.blocksize, crcOffset: 12 };
  };
  return {
    device,
    geometry,
    node,
    leaf,
    short,
    inline,
    remote,
    inode: (ino) => ({
      offset: geometry.inoByte(ino),
      length: geometry.inodesize,
      crcOffset: DINODE.offset.crc,
    }),
    block: (ino, fileoff) => blockOf(ino, 'attr', fileoff),
    target: () => blockOf(remote, 'data', 0),
  };
}

/** Byte of the attribute fork in an inode. */
export function attrFork(view: DataView): number {
  return INODE_CORE_BYTES + 8 * view.getUint8(DINODE.offset.forkoff);
}
