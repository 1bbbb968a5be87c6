/**
 * Types of objects as db lists them: names and their order are xfs_db's for version 5. What a type is on disk (shape,
 * size, magic, where its CRC is) comes from the registry of block types; here is how it prints, and how a CRC is
 * judged where that is not over the whole buffer: inodes and quota records each have their own.
 */
import { crcIsGood } from '../format/checksum.ts';
import { DQBLK, dquotsPerBlock } from '../format/dquot.ts';
import type { Geometry } from '../format/geometry.ts';
import { BLOCK_TYPES, type BlockType } from '../format/registry.ts';
import { type Shape, viewOf } from '../format/struct.ts';
import { SUPERBLOCK } from '../format/superblock.ts';
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

const FORMS = new Map<string, BlockType[]>();
for (const type of BLOCK_TYPES) FORMS.set(type.name, [...(FORMS.get(type.name) ?? []), type]);

/** The form that a buffer is of, as its magic tells. */
function formOf(name: string, buffer: Uint8Array): BlockType | undefined {
  const view = viewOf(buffer);
  return FORMS.get(name)?.find(({ magic }) => {
    if (!magic || magic.at + magic.bytes > buffer.length) return false;
    return (magic.bytes === 4 ? view.getUint32(magic.at) : view.getUint16(magic.at)) === magic.value;
  });
}

/** Whether a buffer begins as one of that type does; quotas have that in every record. */
export function hasMagic(type: DbType, buffer: Uint8Array): boolean {
  return formOf(type.name, buffer) !== undefined;
}

function crcAt(offset: number, buffer: Uint8Array): CrcState {
  return buffer.length >= offset + 4 && crcIsGood(buffer, offset) ? 'correct' : 'bad';
}

/** A type of one form. */
function single(name: string, doc: string, crc?: DbType['crc']): DbType {
  const { shape, bytes, crc: crcOffset } = FORMS.get(name)![0]!;
  const judge = crc ?? ((buffer) => crcAt(crcOffset!, buffer));
  return { name, doc, print: 'fields', shape: shape!, bytes, crcOffset: crcOffset!, crc: judge };
}

/** A type of several forms; what is of none has no CRC. */
function several(name: string, doc: string, unknown: string): DbType {
  const { shape, bytes } = FORMS.get(name)![0]!;
  return {
    name,
    doc,
    print: 'fields',
    shape: shape!,
    bytes,
    crc: (buffer) => {
      const form = formOf(name, buffer);
      return form ? crcAt(form.crc!, buffer) : 'correct';
    },
    unknown: (buffer) => (formOf(name, buffer) ? undefined : unknown),
  };
}

function raw(name: string, doc: string, print: 'data' | 'text' | 'none'): DbType {
  return { name, doc, print, bytes: () => 512, crc: () => 'unchecked' };
}
const btree = (name: string) => single(name, `block of the ${name}`);

function dquotsGood(buffer: Uint8Array, geometry: Geometry): CrcState {
  const count = Math.min(dquotsPerBlock(geometry.blocksize), Math.floor(buffer.length / DQBLK.size));
  for (let i = 0; i < count; i++) {
    if (!crcIsGood(buffer, DQBLK.offset.crc, i * DQBLK.size, DQBLK.size)) return 'bad';
  }
  return 'correct';
}

/** A symlink's CRC is over the whole extent, so a longer buffer than a block is right when there is one. */
function symlinkGood(buffer: Uint8Array): CrcState {
  const form = formOf('symlink', buffer);
  return form ? crcAt(form.crc!, buffer) : 'bad';
}

/** What has not the magic of a superblock is not judged, and old versions only when there is something to judge. */
function superblockGood(buffer: Uint8Array): CrcState {
  const form = formOf('sb', buffer);
  if (!form || buffer.length < SUPERBLOCK.size) return 'correct';
  const view = viewOf(buffer);
  const isNew = (view.getUint16(SUPERBLOCK.offset.versionnum) & 15) === 5;
  return isNew || view.getUint32(form.crc!) !== 0 ? crcAt(form.crc!, buffer) : 'correct';
}

/** Its CRC is not always over the object. */
function withoutOffset({ crcOffset: _, ...type }: DbType): DbType {
  return type;
}

export const TYPES: readonly DbType[] = [
  single('agf', 'free space header of an AG'),
  single('agfl', 'free list of an AG'),
  single('agi', 'inode header of an AG'),
  several('attr3', 'block of an attribute fork', 'Unknown attribute buffer type!'),
  btree('bmapbta'),
  btree('bmapbtd'),
  btree('bnobt'),
  btree('cntbt'),
  btree('rmapbt'),
  btree('refcntbt'),
  raw('data', 'bytes', 'data'),
  several('dir3', 'block of a directory', 'Unknown directory buffer type!'),
  withoutOffset(single('dqblk', 'quota record', dquotsGood)),
  btree('inobt'),
  raw('inodata', 'what the current inode has in its data fork', 'none'),
  single('inode', 'inode'),
  raw('log', 'log', 'none'),
  raw('rtbitmap', 'realtime bitmap', 'text'),
  raw('rtsummary', 'realtime summary', 'text'),
  single('sb', 'superblock', superblockGood),
  withoutOffset(single('symlink', 'piece of a symlink target', symlinkGood)),
  raw('text', 'bytes with their letters', 'text'),
  btree('finobt'),
];

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
