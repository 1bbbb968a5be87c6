/**
 * Types of objects, one row each: how large one is, its shape, where its CRC is and how it prints. Names and their
 * order are xfs_db's for version 5. A CRC is judged over the whole buffer, but inodes and quota records each have
 * their own.
 */
import { AGF, AGF_CRC_OFFSET, AGF_MAGIC } from '../format/agf.ts';
import { AGFL, AGFL_CRC_OFFSET, AGFL_MAGIC } from '../format/agfl.ts';
import { AGI, AGI_CRC_OFFSET, AGI_MAGIC } from '../format/agi.ts';
import { ATTR_LEAF_MAGIC, ATTR_REMOTE_HEADER, ATTR_REMOTE_MAGIC, ATTR3 } from '../format/attr.ts';
import { BTREE, LONG_HEADER, SHORT_HEADER } from '../format/btree.ts';
import {
  BMAPBTA_BLOCK,
  BMAPBTD_BLOCK,
  BNOBT_BLOCK,
  CNTBT_BLOCK,
  FINOBT_BLOCK,
  INOBT_BLOCK,
  REFCNTBT_BLOCK,
  RMAPBT_BLOCK,
} from '../format/btreeblock.ts';
import { crcIsGood } from '../format/checksum.ts';
import {
  DA_NODE_MAGIC,
  DIR_BLOCK_MAGIC,
  DIR_DATA_MAGIC,
  DIR_FREE_MAGIC,
  DIR_LEAF1_MAGIC,
  DIR_LEAFN_MAGIC,
  DIR3,
} from '../format/dir.ts';
import { DQBLK, dquotsPerBlock } from '../format/dquot.ts';
import type { Geometry } from '../format/geometry.ts';
import { INODE, INODE_CRC_OFFSET } from '../format/inode.ts';
import { type Shape, viewOf } from '../format/struct.ts';
import { SB_CRC_OFFSET, SB_MAGIC, SUPERBLOCK } from '../format/superblock.ts';
import { SYMLINK, SYMLINK_HEADER, SYMLINK_MAGIC } from '../format/symlink.ts';
import type { CrcState } from './value.ts';

export interface DbType {
  readonly name: string;
  readonly doc: string;
  readonly print: 'fields' | 'data' | 'text' | 'none';
  readonly shape?: Shape;
  /** Bytes of one object. */
  bytes(geometry: Geometry): number;
  /** Where the CRC over the whole object is, if it is always at the same byte. */
  readonly crcOffset?: number;
  /** Judges a buffer that was read as this type. */
  crc(buffer: Uint8Array, geometry: Geometry): CrcState;
  /** What xfs_db says when nothing it knows of this type is in the buffer. */
  unknown?(buffer: Uint8Array): string | undefined;
}

const judged = (good: boolean): CrcState => (good ? 'correct' : 'bad');
const crcAt =
  (offset: number) =>
  (buffer: Uint8Array): CrcState =>
    judged(buffer.length >= offset + 4 && crcIsGood(buffer, offset));
const sector = (geometry: Geometry) => geometry.sectsize;
const block = (geometry: Geometry) => geometry.blocksize;

function fields(
  name: string,
  doc: string,
  shape: Shape,
  bytes: DbType['bytes'],
  crc: DbType['crc'] | number,
  unknown?: DbType['unknown'],
): DbType {
  const judge = typeof crc === 'number' ? { crc: crcAt(crc), crcOffset: crc } : { crc };
  return { name, doc, print: 'fields', shape, bytes, ...judge, ...(unknown ? { unknown } : {}) };
}
function raw(name: string, doc: string, print: 'data' | 'text' | 'none'): DbType {
  return { name, doc, print, bytes: () => 512, crc: () => 'unchecked' };
}
const short = (name: string, shape: Shape) =>
  fields(name, `block of the ${name}`, shape, block, SHORT_HEADER.offset.crc);
const long = (name: string, shape: Shape) =>
  fields(name, `block of the ${name}`, shape, block, LONG_HEADER.offset.crc);

const DA_CRC = 12;
const DIR_DATA_CRC = 4;
const magic32 = (buffer: Uint8Array) => (buffer.length >= 4 ? viewOf(buffer).getUint32(0) : 0);
const magic16 = (buffer: Uint8Array) => (buffer.length >= 10 ? viewOf(buffer).getUint16(8) : 0);

/** Where a directory block has its CRC; undefined for none of the known magics. */
function dirCrc(buffer: Uint8Array): number | undefined {
  if ([DIR_BLOCK_MAGIC, DIR_DATA_MAGIC, DIR_FREE_MAGIC].includes(magic32(buffer))) return DIR_DATA_CRC;
  return [DIR_LEAF1_MAGIC, DIR_LEAFN_MAGIC, DA_NODE_MAGIC].includes(magic16(buffer)) ? DA_CRC : undefined;
}
function attrCrc(buffer: Uint8Array): number | undefined {
  if (magic32(buffer) === ATTR_REMOTE_MAGIC) return ATTR_REMOTE_HEADER.offset.crc;
  return [ATTR_LEAF_MAGIC, DA_NODE_MAGIC].includes(magic16(buffer)) ? DA_CRC : undefined;
}
const byMagic =
  (where: (buffer: Uint8Array) => number | undefined) =>
  (buffer: Uint8Array): CrcState => {
    const offset = where(buffer);
    return offset === undefined ? 'correct' : crcAt(offset)(buffer);
  };

function dquotsGood(buffer: Uint8Array, geometry: Geometry): CrcState {
  const count = Math.min(dquotsPerBlock(geometry.blocksize), Math.floor(buffer.length / DQBLK.size));
  for (let i = 0; i < count; i++) {
    if (!crcIsGood(buffer, DQBLK.offset.crc, i * DQBLK.size, DQBLK.size)) return 'bad';
  }
  return 'correct';
}

/** A symlink's CRC is over the whole extent, so a longer buffer than a block is right when there is one. */
function symlinkGood(buffer: Uint8Array): CrcState {
  return magic32(buffer) === SYMLINK_MAGIC ? crcAt(SYMLINK_HEADER.offset.crc)(buffer) : 'bad';
}

/** What has not the magic of a superblock is not judged, and old versions only when there is something to judge. */
function superblockGood(buffer: Uint8Array): CrcState {
  if (buffer.length < SUPERBLOCK.size || magic32(buffer) !== SB_MAGIC) return 'correct';
  const view = viewOf(buffer);
  const isNew = (view.getUint16(SUPERBLOCK.offset.versionnum) & 15) === 5;
  return isNew || view.getUint32(SB_CRC_OFFSET) !== 0 ? crcAt(SB_CRC_OFFSET)(buffer) : 'correct';
}

export const TYPES: readonly DbType[] = [
  fields('agf', 'free space header of an AG', AGF, sector, AGF_CRC_OFFSET),
  fields('agfl', 'free list of an AG', AGFL, sector, AGFL_CRC_OFFSET),
  fields('agi', 'inode header of an AG', AGI, sector, AGI_CRC_OFFSET),
  fields('attr3', 'block of an attribute fork', ATTR3, block, byMagic(attrCrc), (buffer) =>
    attrCrc(buffer) === undefined ? 'Unknown attribute buffer type!' : undefined,
  ),
  long('bmapbta', BMAPBTA_BLOCK),
  long('bmapbtd', BMAPBTD_BLOCK),
  short('bnobt', BNOBT_BLOCK),
  short('cntbt', CNTBT_BLOCK),
  short('rmapbt', RMAPBT_BLOCK),
  short('refcntbt', REFCNTBT_BLOCK),
  raw('data', 'bytes', 'data'),
  fields(
    'dir3',
    'block of a directory',
    DIR3,
    (g) => g.dirblocksize,
    byMagic(dirCrc),
    (buffer) => (dirCrc(buffer) === undefined ? 'Unknown directory buffer type!' : undefined),
  ),
  fields('dqblk', 'quota record', DQBLK, () => DQBLK.size, dquotsGood),
  short('inobt', INOBT_BLOCK),
  raw('inodata', 'what the current inode has in its data fork', 'none'),
  fields('inode', 'inode', INODE, (g) => g.inodesize, INODE_CRC_OFFSET),
  raw('log', 'log', 'none'),
  raw('rtbitmap', 'realtime bitmap', 'text'),
  raw('rtsummary', 'realtime summary', 'text'),
  { ...fields('sb', 'superblock', SUPERBLOCK, sector, superblockGood), crcOffset: SB_CRC_OFFSET },
  fields('symlink', 'piece of a symlink target', SYMLINK, block, symlinkGood),
  raw('text', 'bytes with their letters', 'text'),
  short('finobt', FINOBT_BLOCK),
];

const MAGICS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(Object.values(BTREE).map(({ name, magic }) => [name, magic])),
  bmapbta: BTREE.bmapbt.magic,
  bmapbtd: BTREE.bmapbt.magic,
  agf: AGF_MAGIC,
  agfl: AGFL_MAGIC,
  agi: AGI_MAGIC,
  sb: SB_MAGIC,
  symlink: SYMLINK_MAGIC,
};

/** Whether a buffer begins as one of that type does. */
export function hasMagic(type: DbType, buffer: Uint8Array): boolean {
  const magic = MAGICS[type.name];
  if (magic !== undefined) return magic32(buffer) === magic;
  return type.unknown !== undefined && type.unknown(buffer) === undefined;
}

const BY_NAME = new Map(TYPES.map((type) => [type.name, type]));

/** The type of that name; `undefined` if there is none. */
export function findType(name: string): DbType | undefined {
  return BY_NAME.get(name);
}

/** A type that the code itself names. */
export function typeNamed(name: string): DbType {
  const type = BY_NAME.get(name);
  if (!type) throw new TypeError(`no row for type ${name}`);
  return type;
}
