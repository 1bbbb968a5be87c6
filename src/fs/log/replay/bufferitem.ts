/**
 * BUF items: parts of a buffer, in pieces of 128 bytes that a bitmap names. Replayed unless the buffer was freed later
 * (cancelled), or what is on disk is as new: its LSN is not below the transaction's.
 *
 * Buffers of inodes are special: of these only the links of unlinked lists are taken, as everything else of an
 * inode is logged as the inode. A cancel item marks a freed buffer: what was logged for it before must not be
 * replayed, for the blocks may be a file's by now.
 */
import { crcIsGood, sealCrc } from '../../../format/checksum.ts';
import type { Geometry } from '../../../format/geometry.ts';
import { DINODE, INODE_MAGIC } from '../../../format/inode.ts';
import { BASIC_BLOCK } from '../../../format/log.ts';
import { BLOCK_TYPES, type BlockType } from '../../../format/registry.ts';
import { viewOf } from '../../../format/struct.ts';
import type { LoggedItem } from '../assembly.ts';
import { LogError } from '../record.ts';
import type { ReplayBuffer, ReplayBuffers } from './buffers.ts';
import type { CancelTable } from './cancel.ts';
import type { SplitBlocks } from './splitblocks.ts';

const CHUNK = 128;
export const BUF_FLAG = { INODES: 1, CANCEL: 2, DQUOTS: 4 | 8 | 16 } as const;
const CONTENT_SHIFT = 11;
/** Contents that may be a part of a directory block. */
const FIRST_DIR = 10;
const LAST_DIR = 15;
/** What each content code may be, by name of the block type. */
const CONTENT: readonly (readonly string[])[] = [
  [],
  ['dqblk'],
  ['dqblk'],
  ['dqblk'],
  ['bnobt', 'cntbt', 'inobt', 'finobt', 'rmapbt', 'refcntbt', 'bmapbtd'],
  ['agf'],
  ['agfl'],
  ['agi'],
  ['inode'],
  ['symlink'],
  ['dir3'],
  ['dir3'],
  ['dir3'],
  ['dir3'],
  ['dir3'],
  ['dir3', 'attr3'],
  ['attr3'],
  ['attr3'],
  ['sb'],
];
const ALL_ONES = 2n ** 64n - 1n;

/** A BUF item, taken apart. */
export interface BufferChange {
  readonly flags: number;
  readonly daddr: number;
  /** Basic blocks. */
  readonly count: number;
  /** Pieces in order: byte in the buffer, and what goes there. */
  readonly pieces: readonly { readonly at: number; readonly bytes: Uint8Array }[];
}

/** Places at the head of the item (LOG_BUF). */
const AT = { flags: 4, len: 6, blkno: 8, mapSize: 16, map: 20 } as const;

/** Takes a BUF item apart. Throws LogError when it contradicts itself. */
export function parseBuffer(item: LoggedItem): BufferChange {
  const head = item.regions[0]!;
  if (head.length < AT.map) throw fault(`an item of ${head.length} bytes`);
  const view = viewOf(head);
  const flags = view.getUint16(AT.flags, true);
  const count = view.getUint16(AT.len, true);
  const daddr = Number(view.getBigInt64(AT.blkno, true));
  const words = view.getUint32(AT.mapSize, true);
  if (words > (head.length - AT.map) / 4) throw fault(`a map of ${words} words in ${head.length} bytes`);
  const pieces: { at: number; bytes: Uint8Array }[] = [];
  if (flags & BUF_FLAG.CANCEL) return { flags, daddr, count, pieces };
  const isSet = (bit: number): boolean =>
    bit < words * 32 && ((view.getUint32(AT.map + 4 * (bit >>> 5), true) >>> (bit & 31)) & 1) !== 0;
  let region = 1;
  for (let bit = 0; bit < words * 32; ) {
    if (!isSet(bit)) {
      bit++;
      continue;
    }
    const bytes = item.regions[region++];
    if (!bytes || bytes.length === 0 || bytes.length % CHUNK !== 0) {
      throw fault(`its regions do not fit its map, buffer at ${daddr}`);
    }
    let end = bit;
    while (isSet(end)) end++;
    // One run of bits may be logged as several regions, never one region for several runs.
    const chunks = Math.min(bytes.length / CHUNK, end - bit);
    if (bytes.length / CHUNK > end - bit || (bit + chunks) * CHUNK > count * BASIC_BLOCK) {
      throw fault(`a region of ${bytes.length} bytes leaves the buffer at ${daddr}`);
    }
    pieces.push({ at: bit * CHUNK, bytes });
    bit += chunks;
  }
  return { flags, daddr, count, pieces };
}

function fault(why: string): LogError {
  return new LogError('LOG_CORRUPT', `buffer item: ${why}`);
}

export interface ReplayContext {
  readonly geometry: Geometry;
  readonly buffers: ReplayBuffers;
  readonly cancelled: CancelTable;
  readonly split: SplitBlocks;
  /** Kinds of quota that are on; their records are replayed. */
  readonly quota: boolean;
  /** LSN of the transaction. */
  readonly lsn: bigint;
}

/** Replays a BUF item; true when it changed something. */
export function replayBuffer(context: ReplayContext, item: LoggedItem): boolean {
  const change = parseBuffer(item);
  const { buffers, cancelled } = context;
  if (change.flags & BUF_FLAG.CANCEL) {
    cancelled.release(change.daddr, change.count);
    return false;
  }
  if (cancelled.has(change.daddr, change.count)) return false;
  const buffer = buffers.read(change.daddr, change.count);
  if (isAsNew(buffer, context)) return false;
  if (change.flags & BUF_FLAG.INODES) return replayUnlinked(context, buffer, change);
  if (change.flags & BUF_FLAG.DQUOTS && !context.quota) return false;
  for (const { at, bytes } of change.pieces) buffer.bytes.set(bytes, at);
  const content = change.flags >>> CONTENT_SHIFT;
  if (content >= FIRST_DIR && content <= LAST_DIR) {
    context.split.note(context.geometry, buffer.daddr * BASIC_BLOCK, buffer.bytes);
  }
  const type = typeOf(buffer, content);
  if (type?.name === 'inode' || type?.name === 'dqblk') {
    sealRecords(buffer, type, type.bytes(context.geometry));
    buffers.change(buffer, undefined);
  } else buffers.change(buffer, type);
  return true;
}

/** Whether the buffer's own LSN says that it has this change already. */
function isAsNew(buffer: ReplayBuffer, { geometry, lsn }: ReplayContext): boolean {
  const type = typeByMagic(buffer, BLOCK_TYPES);
  if (type?.lsn === undefined || type.uuid === undefined) return false;
  // Their LSN says nothing: of records in a block, or never set.
  if (type.name === 'inode' || type.name === 'dqblk' || type.form === 'remote') return false;
  if (type.lsn + 8 > buffer.bytes.length || type.uuid + 16 > buffer.bytes.length) return false;
  const { features } = geometry;
  const uuidAt = type.name === 'sb' && features.metaUuid ? META_UUID_AT : type.uuid;
  if (!geometry.isMetaUuid(buffer.view, uuidAt)) return false;
  const own = buffer.view.getBigUint64(type.lsn);
  if (own === 0n || own === ALL_ONES || own < lsn) return false;
  // A write that was torn may have brought the LSN and not the rest.
  return type.crc === undefined || crcIsGood(buffer.bytes, type.crc);
}

const META_UUID_AT = 248;

function typeByMagic(buffer: ReplayBuffer, types: readonly BlockType[]): BlockType | undefined {
  const { view, bytes } = buffer;
  return types.find(({ magic }) => {
    if (!magic || magic.at + magic.bytes > bytes.length) return false;
    return (magic.bytes === 4 ? view.getUint32(magic.at) : view.getUint16(magic.at)) === magic.value;
  });
}

function typeOf(buffer: ReplayBuffer, content: number): BlockType | undefined {
  const names = CONTENT[content];
  if (!names) return undefined;
  return typeByMagic(
    buffer,
    BLOCK_TYPES.filter((type) => names.includes(type.name)),
  );
}

/** Each record of the buffer has a CRC of its own; records that are none are left alone. */
function sealRecords(buffer: ReplayBuffer, type: BlockType, bytes: number): void {
  for (let at = 0; at + bytes <= buffer.bytes.length; at += bytes) {
    if (buffer.view.getUint16(at) === type.magic!.value) sealCrc(buffer.bytes, type.crc!, at, bytes);
  }
}

/** Takes the links of unlinked lists that the pieces cover. */
function replayUnlinked(context: ReplayContext, buffer: ReplayBuffer, change: BufferChange): boolean {
  const { inodesize } = context.geometry;
  let changed = false;
  for (const { at, bytes } of change.pieces) {
    const view = viewOf(bytes);
    const field = DINODE.offset.next_unlinked;
    for (let i = Math.floor(at / inodesize) * inodesize; i < at + bytes.length; i += inodesize) {
      const from = i + field - at;
      if (from < 0 || from + 4 > bytes.length) continue;
      const next = view.getUint32(from);
      if (next === 0) throw fault(`a link of 0 in an unlinked list, inodes at ${change.daddr}`);
      if (buffer.view.getUint16(i) !== INODE_MAGIC) throw fault(`no inode at ${change.daddr}, byte ${i}`);
      buffer.view.setUint32(i + field, next);
      sealCrc(buffer.bytes, DINODE.offset.crc, i, inodesize);
      changed = true;
    }
  }
  if (changed) context.buffers.change(buffer, undefined);
  return changed;
}
