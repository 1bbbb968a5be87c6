/**
 * Writing the current object: its bytes were changed in the cursor's memory; here they pass the gate, get their CRC
 * and go to the stage. What is refused is read again, so the cursor never shows what is not there.
 *
 * Three ways, as xfs_db has them: `verified` (gate, CRC), `corrupt` (-c: neither) and `sealed` (-d: CRC alone). After
 * a write the CRC counts as right, whatever was written, until the place is read again: xfs_db does not verify what
 * it has just written. Inodes are the exception, theirs is looked at.
 */

import { crcIsGood, sealCrc } from '../format/checksum.ts';
import { DQBLK } from '../format/dquot.ts';
import { DADDR_BYTES } from '../format/geometry.ts';
import { DINODE, INODE_CRC_OFFSET } from '../format/inode.ts';
import { viewOf } from '../format/struct.ts';
import { SYMLINK_HEADER } from '../format/symlink.ts';
import type { Cursor, Place } from './cursor.ts';
import { DbError } from './error.ts';
import { type Candidate, CORRUPT, GATES, type Refusal } from './gate.ts';
import { attrForm, type DaForm, dirForm } from './gateda.ts';
import { refuseSuperblock, superblockHasCrc } from './gatesb.ts';

export type WriteMode = 'verified' | 'corrupt' | 'sealed';

/** What a write had to say, with newlines, and whether it was refused. */
export interface Written {
  readonly text: string;
  readonly refused: boolean;
}

/** Forms of directory and attribute blocks as they were read: a later change of the magic does not change them. */
const FORMS = new WeakMap<Place, DaForm | undefined>();

/** To be called before the bytes of a place are changed. */
export function beginWrite(place: Place): void {
  if (!FORMS.has(place)) FORMS.set(place, formOf(place));
}

function formOf({ type, buffer }: Place): DaForm | undefined {
  if (type?.name === 'dir3') return dirForm(viewOf(buffer));
  return type?.name === 'attr3' ? attrForm(viewOf(buffer)) : undefined;
}

/** Whether a place is one record of a block of quotas: then the record has the CRC, and not the block. */
function isRecord(place: Place): boolean {
  return place.type?.name === 'dqblk' && place.length === DQBLK.size;
}

/** Stages the current object as its bytes are now in memory. Throws DbError outside of the device. */
export function writeCurrent(cursor: Cursor, mode: WriteMode): Written {
  const place = cursor.top;
  if (mode === 'verified') {
    sealRecord(place);
    const { text, refusal } = refuse(cursor, place);
    if (refusal !== undefined) {
      const crc = place.crc;
      cursor.reread(place);
      place.crc = place.type?.name === 'inode' ? 'correct' : crc === 'unchecked' ? crc : 'correct';
      return { text: `${text}write error: ${refusal}\n`, refused: true };
    }
  }
  const text = mode === 'corrupt' ? '' : seal(place, mode);
  put(cursor, place);
  if (place.type?.shape) place.crc = crcAfter(place, mode);
  return { text, refused: false };
}

function crcAfter(place: Place, mode: WriteMode): Place['crc'] {
  if (place.type?.name !== 'inode' || mode !== 'corrupt') return 'correct';
  return crcIsGood(place.data, INODE_CRC_OFFSET) ? 'correct' : 'bad';
}

function put(cursor: Cursor, place: Place): void {
  const { filesystem } = cursor;
  if (place.device) throw new DbError('only the data device can be written');
  const pieces = place.map ?? [{ daddr: place.daddr, bbs: place.buffer.length / DADDR_BYTES }];
  let at = 0;
  for (const { daddr, bbs } of pieces) {
    const bytes = place.buffer.subarray(at, at + bbs * DADDR_BYTES);
    filesystem.write(daddr * DADDR_BYTES, bytes);
    at += bytes.length;
  }
  place.generation = filesystem.generation;
}

/** Inodes and quota records have their CRC renewed before the gate, as it looks at whole buffers. */
function sealRecord(place: Place): void {
  if (place.type?.name === 'inode') sealInode(place.data);
  else if (isRecord(place)) sealCrc(place.data, DQBLK.offset.crc);
}

/** Inodes below version 3 have no CRC. */
function sealInode(bytes: Uint8Array): void {
  if (bytes[DINODE.offset.version]! >= 3) sealCrc(bytes, INODE_CRC_OFFSET);
}

function refuse(cursor: Cursor, place: Place): { text: string; refusal?: Refusal } {
  const name = place.type?.name ?? '';
  const candidate = candidateOf(cursor, place);
  if (name === 'sb') {
    const refusal = refuseSuperblock(candidate);
    return { text: '', ...(refusal === undefined ? {} : { refusal }) };
  }
  if (name === 'dir3' || name === 'attr3') {
    const form = FORMS.get(place);
    const kind = name === 'dir3' ? 'directory' : 'attribute';
    if (!form) return { text: `Writing unknown ${kind} buffer type!\n`, refusal: CORRUPT };
    return { text: '', ...(form.gate(candidate) ? {} : { refusal: CORRUPT }) };
  }
  const gate = GATES[name];
  return { text: '', ...(!gate || gate(candidate) ? {} : { refusal: CORRUPT }) };
}

function candidateOf({ filesystem }: Cursor, place: Place): Candidate {
  const { geometry, superblock } = filesystem;
  const { rbmino, rsumino, uquotino, gquotino, pquotino } = superblock;
  const agno = Math.floor((place.daddr * DADDR_BYTES) / (geometry.agblocks * geometry.blocksize));
  return {
    bytes: place.buffer,
    view: viewOf(place.buffer),
    daddr: place.daddr,
    geometry,
    agno: place.map ? undefined : agno,
    hasLogDevice: filesystem.log !== undefined,
    internal: new Set([rbmino, rsumino, uquotino, gquotino, pquotino]),
    read: (offset, length) => filesystem.read(offset, length),
  };
}

/** Renews the CRC; says so when a directory or attribute block is of no kind that has one. */
function seal(place: Place, mode: WriteMode): string {
  const { type, buffer } = place;
  switch (type?.name) {
    case undefined:
      return '';
    case 'inode':
      sealRecord(place);
      return '';
    case 'dqblk':
      if (isRecord(place) || mode === 'sealed') sealCrc(place.data, DQBLK.offset.crc, 0, DQBLK.size);
      return '';
    case 'sb':
      if (mode === 'sealed' || superblockHasCrc(buffer)) sealCrc(buffer, type.crcOffset!);
      return '';
    case 'dir3':
    case 'attr3':
      return sealForm(place, mode);
    default:
      if (type?.name === 'symlink') sealCrc(buffer, SYMLINK_HEADER.offset.crc);
      else if (type?.crcOffset !== undefined) sealCrc(buffer, type.crcOffset);
      return '';
  }
}

/** With -d the magic decides as it is now, not as it was read. */
function sealForm(place: Place, mode: WriteMode): string {
  const view = viewOf(place.buffer);
  const isDir = place.type!.name === 'dir3';
  const form = mode === 'sealed' ? (isDir ? dirForm(view) : attrForm(view)) : FORMS.get(place);
  if (form) {
    sealCrc(place.buffer, form.crc);
    return '';
  }
  if (!isDir) return 'Unknown attribute buffer type!\n';
  const [wide, narrow] = [view.getUint32(0, true), view.getUint16(8, true)];
  return `Unknown directory buffer type! ${wide.toString(16)} ${narrow.toString(16)}\n`;
}
