/**
 * What the verifiers say of the current object: its row in the registry is chosen by type and, of several forms, by
 * magic; the verifier is told where the object is, so that it can compare block numbers and owners. The owner is the
 * current inode only if that really maps the block; else the block's own word is taken.
 */

import { DADDR_BYTES } from '../../format/geometry.ts';
import type { Problem } from '../../format/problem.ts';
import { BLOCK_TYPES, type BlockType, type ObjectPlace } from '../../format/registry.ts';
import { viewOf } from '../../format/struct.ts';
import { readInode } from '../../fs/read/inode.ts';
import type { Place } from '../cursor.ts';
import { symlinkPiece } from '../diff/object.ts';
import { extentsFrom } from '../extents.ts';
import type { Filesystem } from '../filesystem.ts';
import type { CrcState } from '../value.ts';

/** An object that can be judged. */
export interface Subject {
  readonly row: BlockType;
  readonly bytes: Uint8Array;
  readonly at: ObjectPlace;
  /** The verifier's rules alone, for any bytes in that place; the CRC is left out. */
  judge(bytes: Uint8Array): readonly Problem[];
}

export interface Verdict {
  /** Which form of the type; empty if there is only one. */
  readonly form: string;
  readonly crc: CrcState;
  readonly problems: readonly Problem[];
  /** Why no verifier looked at it; its CRC may be known all the same. */
  readonly unjudged?: string;
}

/** The block and AG of a place. */
export function positionOf({ geometry }: Filesystem, place: Place): ObjectPlace {
  const byte = place.daddr * DADDR_BYTES + place.start;
  const block = Math.floor(byte / geometry.blocksize);
  return { agno: Math.floor(block / geometry.agblocks), agbno: block % geometry.agblocks };
}

/** The row of a type that fits the bytes; of none that fits, the first. */
export function rowOf(name: string, bytes: Uint8Array): BlockType | undefined {
  const rows = BLOCK_TYPES.filter((row) => row.name === name);
  const view = viewOf(bytes);
  const fits = ({ magic }: BlockType): boolean => {
    if (!magic || magic.at + magic.bytes > bytes.length) return false;
    return (magic.bytes === 4 ? view.getUint32(magic.at) : view.getUint16(magic.at)) === magic.value;
  };
  return rows.find(fits) ?? rows[0];
}

function isMapped(filesystem: Filesystem, ino: number, fsbno: number): boolean {
  const inode = readInode(filesystem, ino);
  if (!inode) return false;
  for (const fork of ['data', 'attr'] as const) {
    for (const extent of extentsFrom(filesystem, inode.bytes, fork, 0))
      if (fsbno >= extent.fsbno && fsbno < extent.fsbno + extent.blocks) return true;
  }
  return false;
}

function objectPlace(filesystem: Filesystem, place: Place, row: BlockType): ObjectPlace {
  const { geometry } = filesystem;
  const at = positionOf(filesystem, place);
  if (row.name === 'inode') {
    const byte = (place.daddr * DADDR_BYTES + place.start) % geometry.blocksize;
    const agino = geometry.agbnoAgino(at.agbno) + Math.floor(byte / geometry.inodesize);
    return { ...at, ino: geometry.ino(at.agno, agino) };
  }
  const hasOwner = row.owner?.bytes === 8 && place.ino >= 0;
  return hasOwner && isMapped(filesystem, place.ino, geometry.fsbno(at.agno, at.agbno))
    ? { ...at, ino: place.ino }
    : at;
}

/** What can be judged at a place, or why nothing can. */
export function subjectOf(filesystem: Filesystem, place: Place): Subject | string {
  const { type, data } = place;
  if (!type) return 'there is no current object';
  if (place.device) return 'objects of other devices are not judged';
  const row = rowOf(type.name, data);
  const verify = row?.verify;
  if (!row || !verify) return `no verifier knows type ${type.name}`;
  const { geometry } = filesystem;
  const size = row.bytes(geometry);
  if (data.length < size) return `${data.length} bytes are less than a whole object of ${size}`;
  const at = objectPlace(filesystem, place, row);
  const bytes = row.name === 'symlink' ? symlinkBytes(filesystem, place) : data.subarray(0, size);
  const judge = (other: Uint8Array) =>
    verify(other, geometry, at).filter((problem) => !isCrcField(problem.field));
  return { row, bytes, at, judge };
}

/** A piece of a symlink is as long as its extent: of the current inode, if this is the start of one of its. */
function symlinkBytes(filesystem: Filesystem, place: Place): Uint8Array {
  const { agno, agbno } = positionOf(filesystem, place);
  const fsbno = filesystem.geometry.fsbno(agno, agbno);
  for (let fileoff = 0; place.ino >= 0; ) {
    const piece = symlinkPiece(filesystem, place.ino, fileoff);
    if (!piece) break;
    if (piece.fsbno === fsbno) return piece.bytes;
    fileoff = piece.fileoff + piece.bytes.length / filesystem.geometry.blocksize;
  }
  return place.data;
}

const isCrcField = (field: string) => field === 'crc' || field.endsWith('.crc');

/** The verdict on the object at a place. */
export function judgePlace(filesystem: Filesystem, place: Place): Verdict {
  const subject = subjectOf(filesystem, place);
  const crc =
    typeof subject === 'string'
      ? crcOf(filesystem, place)
      : place.type!.crc(subject.bytes, filesystem.geometry);
  const bad = crc === 'bad' ? [crcProblem(subject)] : [];
  if (typeof subject === 'string') return { form: '', crc, problems: bad, unjudged: subject };
  return { form: subject.row.form, crc, problems: [...bad, ...subject.judge(subject.bytes)] };
}

/** The CRC as it is now: what the place remembers of it may be older than a write that left the CRC alone. */
function crcOf({ geometry }: Filesystem, { type, data, buffer, start }: Place): CrcState {
  if (!type) return 'unchecked';
  if (type.name === 'inode') return type.crc(data.subarray(0, geometry.inodesize), geometry);
  return type.crc(start > 0 ? data : buffer, geometry);
}

function crcProblem(subject: Subject | string): Problem {
  const at = typeof subject === 'string' ? undefined : subject.row.crc;
  const stored =
    typeof subject === 'string' || at === undefined
      ? 'stored'
      : `0x${viewOf(subject.bytes).getUint32(at).toString(16)}`;
  const expected = 'the CRC32C of the object';
  return {
    field: 'crc',
    found: stored,
    expected,
    message: `crc ${stored}, expected ${expected}`,
    stops: false,
  };
}

/** Whether what a verifier calls `found` is the field at `path`, a part of it, or around it. */
export function concerns(path: string, found: string): boolean {
  const within = (outer: string, inner: string) =>
    inner === outer || inner.startsWith(`${outer}.`) || inner.startsWith(`${outer}[`);
  return within(path, found) || within(found, path) || path.endsWith(`.${found}`);
}
