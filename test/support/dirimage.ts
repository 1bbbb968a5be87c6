/** A small image whose root directory has one of the four forms, and where its blocks are. */
import type { MemoryDevice } from '../../src/device/memory.ts';
import { dirEntryBytes } from '../../src/format/dir.ts';
import type { Geometry } from '../../src/format/geometry.ts';
import { DINODE, FORK, INODE_CORE_BYTES } from '../../src/format/inode.ts';
import { link } from '../../src/fs/dir/dir.ts';
import { openFileSystem } from '../../src/fs/filesystem.ts';
import type { Place } from './edit.ts';
import { smallImage } from './smallimage.ts';

export type DirForm = 'short' | 'block' | 'leaf' | 'node';

/** Names besides those of the small image. */
const NAMES: Readonly<Record<DirForm, number>> = { short: 0, block: 20, leaf: 250, node: 1200 };

export interface DirImage {
  readonly device: MemoryDevice;
  readonly geometry: Geometry;
  readonly ino: number;
  /** A file that the directory names. */
  readonly file: number;
  /** The directory block at a file offset in blocks; `crcOffset`: 4 for data and free index, 12 for leaves, nodes. */
  block(fileoff: number, crcOffset?: number): Place;
  inode(): Place;
}

/** `count` is the number of names added to those of the small image. */
export function dirImage(form: DirForm, options: readonly string[] = [], count = NAMES[form]): DirImage {
  const { device, geometry, files } = smallImage(options);
  const ino = geometry.rootino;
  const file = files[0]!.ino;
  const fs = openFileSystem(device);
  for (let i = 0; i < count; i++) link(fs, ino, `name-${i}${'x'.repeat((i * 7) % 5)}`, file);
  const at = geometry.inoByte(ino);
  return {
    device,
    geometry,
    ino,
    file,
    block: (fileoff, crcOffset = 4) => ({
      offset: blockByte(device, geometry, ino, fileoff),
      length: geometry.dirblocksize,
      crcOffset,
    }),
    inode: () => ({ offset: at, length: geometry.inodesize, crcOffset: DINODE.offset.crc }),
  };
}

/** Byte of a block of the directory, whose extents are in its inode. */
function blockByte(device: MemoryDevice, geometry: Geometry, ino: number, fileoff: number): number {
  const at = geometry.inoByte(ino);
  const view = new DataView(device.bytes.buffer, device.bytes.byteOffset + at, geometry.inodesize);
  if (view.getUint8(DINODE.offset.format) !== FORK.EXTENTS)
    throw new Error('the extents are not in the inode');
  const wide = geometry.features.nrext64;
  const count = view.getUint32(wide ? DINODE.offset.big_nextents + 4 : DINODE.offset.nextents);
  for (let i = 0; i < count; i++) {
    const high = view.getBigUint64(INODE_CORE_BYTES + 16 * i);
    const low = view.getBigUint64(INODE_CORE_BYTES + 16 * i + 8);
    const from = Number((high >> 9n) & ((1n << 54n) - 1n));
    const fsbno = Number(((high & 0x1ffn) << 43n) | (low >> 21n));
    const blocks = Number(low & 0x1fffffn);
    if (fileoff >= from && fileoff < from + blocks) return geometry.fsbnoByte(fsbno + fileoff - from);
  }
  throw new Error(`block ${fileoff} is not mapped`);
}

/** Byte of the entry of a name in a data block. */
export function entryByte(view: DataView, name: string): number {
  for (let at = 64; at + 16 <= view.byteLength; ) {
    if (view.getUint16(at) === 0xffff) {
      at += view.getUint16(at + 2);
      continue;
    }
    const length = view.getUint8(at + 8);
    let text = '';
    for (let i = 0; i < length; i++) text += String.fromCharCode(view.getUint8(at + 9 + i));
    if (text === name) return at;
    at += dirEntryBytes(length, true);
  }
  throw new Error(`no entry ${name}`);
}

/** Byte of the tag of the entry of a name. */
export function tagByte(view: DataView, name: string): number {
  return entryByte(view, name) + dirEntryBytes(name.length, true) - 2;
}

/** Byte of the first free area of a data block. */
export function freeByte(view: DataView): number {
  for (let at = 64; at + 8 <= view.byteLength; ) {
    if (view.getUint16(at) === 0xffff) return at;
    at += dirEntryBytes(view.getUint8(at + 8), true);
  }
  throw new Error('no free area');
}
