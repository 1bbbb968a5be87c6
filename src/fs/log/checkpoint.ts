/**
 * A checkpoint: the change of many objects as one transaction of the log. Objects are logged as buffers, in the pieces
 * of 128 bytes that changed; with them go done items of intents that were carried out, and cancel items of blocks
 * that were freed. Written to the log before the objects are written in place, it makes them one change: whoever
 * recovers the log finds all of it or nothing.
 */
import { type Device, readBytes } from '../../device/device.ts';
import type { Geometry } from '../../format/geometry.ts';
import { BASIC_BLOCK, LOG_OP, LOG_TRANSACTION, LOG_TRANSACTION_MAGIC } from '../../format/log.ts';
import { LOG_ITEMS } from '../../format/logitem.ts';
import type { BlockType } from '../../format/registry.ts';
import { viewOf } from '../../format/struct.ts';
import type { Piece } from '../buffer.ts';
import { BUF_FLAG } from './replay/bufferitem.ts';
import { clusterBlocks } from './replay/chunkitem.ts';
import type { OpenIntent } from './replay/replay.ts';

const CHUNK = 128;
const CHECKPOINT = 40;
const BUF = 0x123c;
const EFI = 0x1236;
const CONTENT_SHIFT = 11;
/** Content codes by block type and form. */
const CONTENT: Readonly<Record<string, number>> = {
  agf: 5,
  agfl: 6,
  agi: 7,
  inode: 8,
  symlink: 9,
  'dir3 block': 10,
  'dir3 data': 11,
  'dir3 free': 12,
  'dir3 leaf1': 13,
  'dir3 leafn': 14,
  'dir3 node': 15,
  'attr3 leaf': 16,
  'attr3 node': 15,
  sb: 18,
};
const BTREE_CONTENT = 4;

/** An object that was changed: where its bytes are on the device, in pieces. */
export interface ChangedObject {
  readonly type: BlockType;
  readonly pieces: readonly { readonly offset: number; readonly length: number }[];
}

/** One operation of a transaction. */
export interface LogOperation {
  readonly flags: number;
  readonly bytes: Uint8Array;
}

export interface Checkpoint {
  readonly tid: number;
  readonly changed: Iterable<ChangedObject>;
  /** Byte ranges that were freed. */
  readonly freed: Iterable<Piece>;
  readonly done: readonly OpenIntent[];
}

interface LoggedBuffer {
  readonly offset: number;
  readonly length: number;
  readonly content: number;
}

/** Operations of a checkpoint: objects as they are on `after`, against what they are on `before`. */
export function encodeCheckpoint(
  geometry: Geometry,
  before: Device,
  after: Device,
  checkpoint: Checkpoint,
): LogOperation[] {
  const buffers = buffersOf(geometry, checkpoint.changed);
  const regions: Uint8Array[] = [];
  for (const intent of checkpoint.done) regions.push(encodeDone(intent));
  for (const buffer of buffers.values()) regions.push(...encodeBuffer(before, after, buffer));
  for (const { offset, length } of cancelled(geometry, checkpoint.freed)) {
    if (!buffers.has(offset)) regions.push(encodeCancel(offset, length));
  }
  return framed(checkpoint.tid, regions);
}

/** Buffers by which freed bytes may have been logged: as they are, and as clusters of inodes. */
function cancelled(geometry: Geometry, freed: Checkpoint['freed']): Iterable<Piece> {
  const all = new Map<string, Piece>();
  const add = (offset: number, length: number): void => {
    all.set(`${offset} ${length}`, { offset, length });
  };
  const step = clusterBlocks(geometry) * geometry.blocksize;
  for (const { offset, length } of freed) {
    add(offset, length);
    if (length < step || length % step !== 0) continue;
    for (let at = offset; at < offset + length; at += step) add(at, step);
  }
  return all.values();
}

/** Operations that log open intents once more. */
export function encodeIntents(tid: number, intents: readonly OpenIntent[]): LogOperation[] {
  return framed(
    tid,
    intents.flatMap((intent) => intent.regions),
  );
}

/** A whole transaction of these regions. */
function framed(tid: number, regions: readonly Uint8Array[]): LogOperation[] {
  const header = new Uint8Array(LOG_TRANSACTION.size);
  const fields = LOG_TRANSACTION.over(header);
  fields.magic = LOG_TRANSACTION_MAGIC;
  fields.type = CHECKPOINT;
  fields.tid = tid;
  fields.num_items = regions.length;
  return [
    { flags: LOG_OP.START, bytes: new Uint8Array(0) },
    ...[header, ...regions].map((bytes) => ({ flags: 0, bytes })),
    { flags: LOG_OP.COMMIT, bytes: new Uint8Array(0) },
  ];
}

/** Buffers that hold the objects, by byte offset: inodes by the cluster that they are read in, pieces that touch as one. */
function buffersOf(geometry: Geometry, changed: Iterable<ChangedObject>): Map<number, LoggedBuffer> {
  const buffers = new Map<number, LoggedBuffer>();
  for (const { type, pieces } of changed) {
    // Values of attributes are written before the log is, and never logged.
    if (type.form === 'remote') continue;
    const content = CONTENT[`${type.name} ${type.form}`.trim()] ?? BTREE_CONTENT;
    for (const piece of type.name === 'inode' ? [cluster(geometry, pieces[0]!.offset)] : touching(pieces)) {
      buffers.set(piece.offset, { ...piece, content });
    }
  }
  return new Map([...buffers].sort((a, b) => a[0] - b[0]));
}

function cluster(geometry: Geometry, inodeByte: number): { offset: number; length: number } {
  const blocks = clusterBlocks(geometry);
  const agBytes = geometry.agblocks * geometry.blocksize;
  const agno = Math.floor(inodeByte / agBytes);
  const agbno = Math.floor((inodeByte % agBytes) / geometry.blocksize);
  const first = agbno - (agbno % blocks);
  return { offset: geometry.agbnoByte(agno, first), length: blocks * geometry.blocksize };
}

function touching(pieces: ChangedObject['pieces']): { offset: number; length: number }[] {
  const joined: { offset: number; length: number }[] = [];
  for (const { offset, length } of pieces) {
    const last = joined.at(-1);
    if (last && last.offset + last.length === offset) last.length += length;
    else joined.push({ offset, length });
  }
  return joined;
}

/** The regions of one BUF item; none when nothing changed. */
function encodeBuffer(
  before: Device,
  after: Device,
  { offset, length, content }: LoggedBuffer,
): Uint8Array[] {
  const old = readBytes(before, offset, length);
  const now = readBytes(after, offset, length);
  const chunks = length / CHUNK;
  const words = Math.ceil(chunks / 32);
  const map = new Uint32Array(words);
  const regions: Uint8Array[] = [];
  for (let i = 0; i < chunks; ) {
    let end = i;
    while (end < chunks && differs(old, now, end * CHUNK)) {
      map[end >>> 5]! |= 1 << (end & 31);
      end++;
    }
    if (end > i) regions.push(now.subarray(i * CHUNK, end * CHUNK));
    i = Math.max(end, i + 1);
  }
  if (regions.length === 0) return [];
  return [bufferHead(offset, length, content << CONTENT_SHIFT, regions.length + 1, map), ...regions];
}

function differs(a: Uint8Array, b: Uint8Array, at: number): boolean {
  for (let i = at; i < at + CHUNK; i++) if (a[i] !== b[i]) return true;
  return false;
}

function encodeCancel(offset: number, length: number): Uint8Array {
  const words = Math.ceil(length / CHUNK / 32);
  return bufferHead(offset, length, BUF_FLAG.CANCEL, 1, new Uint32Array(words));
}

function bufferHead(
  offset: number,
  length: number,
  flags: number,
  regions: number,
  map: Uint32Array,
): Uint8Array {
  const bytes = new Uint8Array(20 + 4 * map.length);
  const view = viewOf(bytes);
  view.setUint16(0, BUF, true);
  view.setUint16(2, regions, true);
  view.setUint16(4, flags, true);
  view.setUint16(6, length / BASIC_BLOCK, true);
  view.setBigInt64(8, BigInt(offset / BASIC_BLOCK), true);
  view.setUint32(16, map.length, true);
  map.forEach((word, i) => {
    view.setUint32(20 + 4 * i, word, true);
  });
  return bytes;
}

/** The done item of an intent. That of freed extents repeats them. */
function encodeDone({ type, id, regions }: OpenIntent): Uint8Array {
  const doneBy = LOG_ITEMS.find((row) => row.type === type)?.doneBy;
  if (doneBy === undefined) throw new TypeError(`items of type ${type} are never done`);
  const bytes = type === EFI ? regions[0]!.slice() : new Uint8Array(16);
  const view = viewOf(bytes);
  view.setUint16(0, doneBy, true);
  view.setUint16(2, 1, true);
  view.setBigUint64(8, id, true);
  return bytes;
}
