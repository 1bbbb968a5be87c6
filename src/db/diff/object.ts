/** One object of both images, read at its place and compared by its fields. */
import { scopeOf } from '../../format/struct.ts';
import { readInode } from '../../fs/read/inode.ts';
import { extentsFrom, type Fork, mapRange } from '../extents.ts';
import type { Filesystem } from '../filesystem.ts';
import { type DbType, typeNamed } from '../types.ts';
import { compareFields, type FieldChange } from './fields.ts';

/** Fields that differ between two objects of a type. */
export function compareObjects(
  type: DbType,
  [a, bytesA]: readonly [Filesystem, Uint8Array],
  [b, bytesB]: readonly [Filesystem, Uint8Array],
): FieldChange[] {
  const { shape } = type;
  if (!shape) return [];
  const side = (filesystem: Filesystem, bytes: Uint8Array) => ({
    scope: scopeOf(bytes, filesystem.geometry),
    crc: type.crc(bytes, filesystem.geometry),
  });
  return compareFields(shape, side(a, bytesA), side(b, bytesB));
}

/** Bytes of a block of an AG. */
export function blockBytes({ device, geometry }: Filesystem, agno: number, agbno: number): Uint8Array {
  const into = new Uint8Array(geometry.blocksize);
  device.read(geometry.agbnoByte(agno, agbno), into);
  return into;
}

/** Bytes of `count` blocks of a fork from `fileoff` on; undefined when not all of them are mapped inside the device. */
export function forkBytes(
  filesystem: Filesystem,
  ino: number,
  fork: Fork,
  { fileoff, count }: { readonly fileoff: number; readonly count: number },
): Uint8Array | undefined {
  const { geometry, device } = filesystem;
  const inode = readInode(filesystem, ino);
  if (!inode) return undefined;
  const bytes = new Uint8Array(count * geometry.blocksize);
  let have = 0;
  for (const extent of mapRange(filesystem, inode.bytes, fork, { from: fileoff, count, most: count })) {
    const at = extent.fileoff - fileoff;
    if (at !== have || !geometry.isFsbnoRange(extent.fsbno, extent.blocks)) return undefined;
    const end = (at + extent.blocks) * geometry.blocksize;
    device.read(geometry.fsbnoByte(extent.fsbno), bytes.subarray(at * geometry.blocksize, end));
    have += extent.blocks;
  }
  return have === count ? bytes : undefined;
}

/** Blocks that a symlink's target takes at most, in the smallest blocks, with some to spare. */
const MOST_SYMLINK_BLOCKS = 8;

/**
 * The piece of a symlink that block `fileoff` belongs to: a header and part of the target fill an extent, whatever the
 * size of a block. Undefined where nothing is mapped, or more than a target needs.
 */
export function symlinkPiece(
  filesystem: Filesystem,
  ino: number,
  fileoff: number,
): { readonly fileoff: number; readonly fsbno: number; readonly bytes: Uint8Array } | undefined {
  const inode = readInode(filesystem, ino);
  if (!inode) return undefined;
  for (const { fileoff: start, fsbno, blocks } of extentsFrom(filesystem, inode.bytes, 'data', 0)) {
    if (fileoff < start || fileoff >= start + blocks || blocks > MOST_SYMLINK_BLOCKS) continue;
    const bytes = forkBytes(filesystem, ino, 'data', { fileoff: start, count: blocks });
    return bytes && { fileoff: start, fsbno, bytes };
  }
  return undefined;
}

/** The four headers of an AG, in the order of their sectors. */
export const HEADER_TYPES = ['sb', 'agf', 'agi', 'agfl'].map((name) => typeNamed(name));
