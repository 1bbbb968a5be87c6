/**
 * Logs made to order in an image in memory: any items in any transactions, at any place of the log, on top of what
 * replays it. Changes can be made with the ordinary code and end up in the log only: the image stays as it was, as if
 * the power had gone before anything was written back.
 */

import { type Device, readBytes } from '../../src/device/device.ts';
import type { MemoryDevice } from '../../src/device/memory.ts';
import { OverlayDevice } from '../../src/device/overlay.ts';
import type { Geometry } from '../../src/format/geometry.ts';
import { DINODE, dataExtents, dataForkBytes, FORK, INODE_CORE_BYTES } from '../../src/format/inode.ts';
import { BASIC_BLOCK, LOG_RECORD, logRecordCrc } from '../../src/format/log.ts';
import { LOG_DINODE } from '../../src/format/logitem.ts';
import { viewOf } from '../../src/format/struct.ts';
import { geometryOf, SUPERBLOCK } from '../../src/format/superblock.ts';
import type { Piece } from '../../src/fs/buffer.ts';
import { openFileSystem } from '../../src/fs/filesystem.ts';
import { readRoot } from '../../src/fs/inode/bmbt.ts';
import { type ChangedObject, encodeCheckpoint, encodeIntents } from '../../src/fs/log/checkpoint.ts';
import { findLogHead } from '../../src/fs/log/head.ts';
import { planRecovery, type Recovery } from '../../src/fs/log/recover/recover.ts';
import { clusterBlocks } from '../../src/fs/log/replay/chunkitem.ts';
import { type LogPosition, LogWriter } from '../../src/fs/log/writer.ts';
import { type Transaction, transact } from '../../src/fs/transaction.ts';

/** The regions of one item. */
export type Item = readonly Uint8Array[];

export interface LogOptions {
  /** Where the first record goes. Default: behind that of mkfs. */
  readonly at?: LogPosition;
  /** Bytes; records of more than 32 KiB need a stripe unit. */
  readonly stripeUnit?: number;
  readonly uuid?: string;
}

export class CraftedLog {
  readonly device: MemoryDevice;
  readonly geometry: Geometry;
  /** Basic blocks. */
  readonly size: number;
  /** Byte of the log in the image. */
  readonly start: number;
  /** User-visible UUID of the filesystem, which the records bear. */
  readonly uuid: string;
  /** What the image would be with all that was logged. */
  ahead: OverlayDevice;
  private readonly writer: LogWriter;
  private readonly tail: LogPosition;
  private tid = 100;

  constructor(device: MemoryDevice, options: LogOptions = {}) {
    this.device = device;
    this.geometry = geometryOf(device.bytes);
    this.ahead = new OverlayDevice(device);
    this.start = this.geometry.fsbnoByte(this.geometry.logstart);
    this.size = (this.geometry.logblocks * this.geometry.blocksize) / BASIC_BLOCK;
    this.tail = options.at ?? { cycle: 1, block: 2 };
    this.uuid = options.uuid ?? SUPERBLOCK.over(device.bytes).uuid;
    const stripeUnit = options.stripeUnit ?? 0;
    this.writer = new LogWriter({ size: this.size, uuid: this.uuid, stripeUnit }, this.tail, -1);
    if (options.at) this.turnTo(options.at);
  }

  /** Stamps the whole log as if it had been written up to here. */
  private turnTo({ cycle, block }: LogPosition): void {
    for (let i = 0; i < this.size; i++) {
      const bytes = this.block(i);
      bytes.fill(0);
      viewOf(bytes).setUint32(0, i < block ? cycle : cycle - 1);
    }
  }

  /** A basic block of the log, in the image. */
  block(index: number): Uint8Array {
    const at = this.start + (index % this.size) * BASIC_BLOCK;
    return this.device.bytes.subarray(at, at + BASIC_BLOCK);
  }

  get head(): LogPosition {
    return this.writer.head;
  }

  /** A transaction of these items; `commit: false` leaves it unfinished. Returns the block that it begins in. */
  items(items: readonly Item[], commit = true): number {
    const { block } = this.writer.head;
    const tid = this.tid++;
    const operations = encodeIntents(
      tid,
      items.map((regions) => ({ type: 0, id: 0n, lsn: 0n, regions })),
    );
    this.writer.transaction(tid, commit ? operations : operations.slice(0, -1), this.tail);
    this.flush();
    return block;
  }

  /** A change by ordinary code, which goes to the log only, and items in the same transaction. */
  change(body: (tr: Transaction) => void, items: readonly Item[] = []): number {
    const { block } = this.writer.head;
    const before = this.ahead;
    this.ahead = new OverlayDevice(before);
    const changed = new Map<number, ChangedObject>();
    const freed = new Map<number, Piece>();
    const witness = {
      wrote: ({ type, pieces, offset }: ChangedObject & { offset: number }) => {
        changed.set(offset, { type, pieces });
      },
      freed: (piece: Piece) => {
        freed.set(piece.offset, piece);
      },
    };
    transact(openFileSystem(this.ahead, { witness }), body);
    const tid = this.tid++;
    const operations = encodeCheckpoint(this.geometry, before, this.ahead, {
      tid,
      changed: changed.values(),
      freed: freed.values(),
      done: [],
    });
    const extra = items.flat().map((bytes) => ({ flags: 0, bytes }));
    this.writer.transaction(tid, [...operations.slice(0, -1), ...extra, operations.at(-1)!], this.tail);
    this.flush();
    return block;
  }

  private flush(): void {
    for (const { block, bytes } of this.writer.pieces.splice(0)) {
      this.device.bytes.set(bytes, this.start + block * BASIC_BLOCK);
    }
  }

  /** Changes the record at `block` and gives it a CRC that fits, unless `seal` is false. */
  edit(block: number, change: (header: Uint8Array, data: Uint8Array) => void, seal = true): void {
    const length = LOG_RECORD.over(this.block(block)).len;
    const whole = this.copy(block, 1 + length / BASIC_BLOCK);
    const header = whole.subarray(0, BASIC_BLOCK);
    const data = whole.subarray(BASIC_BLOCK);
    change(header, data);
    if (seal) LOG_RECORD.over(header).crc = logRecordCrc(header, data, length);
    for (let i = 0; i * BASIC_BLOCK < whole.length; i++) {
      this.block(block + i).set(whole.subarray(i * BASIC_BLOCK, (i + 1) * BASIC_BLOCK));
    }
  }

  private copy(block: number, count: number): Uint8Array {
    const bytes = new Uint8Array(count * BASIC_BLOCK);
    for (let i = 0; i < count; i++) bytes.set(this.block(block + i), i * BASIC_BLOCK);
    return bytes;
  }

  plan(): Recovery {
    return planFor(this.device);
  }
}

/** The recovery of a dirty image. Throws what `planRecovery` does. */
export function planFor(device: Device): Recovery {
  const geometry = geometryOf(readBytes(device, 0, 4096));
  const head = findLogHead(device, geometry);
  if (head.state !== 'dirty') throw new Error(`the log is ${head.state}: ${head.detail}`);
  const place = { device, start: geometry.fsbnoByte(geometry.logstart), external: false };
  return planRecovery(device, geometry, place, head);
}

/** A region: values of 2, 4 or 8 bytes one after another, little-endian. */
function region(...fields: readonly (readonly [bytes: 2 | 4 | 8, value: number | bigint])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [width]) => sum + width, 0));
  const view = viewOf(bytes);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, Number(value), true);
    else if (width === 4) view.setUint32(at, Number(value), true);
    else view.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
    at += width;
  }
  return bytes;
}

export interface LoggedExtent {
  readonly fsbno: number;
  readonly count: number;
  readonly flags?: number;
  readonly owner?: number;
  readonly fileoff?: number;
}

function intent(type: number, id: number, extents: readonly Uint8Array[]): Item {
  const head = region([2, type], [2, 1], [4, extents.length], [8, id]);
  return [new Uint8Array(Buffer.concat([head, ...extents]))];
}

const plain = ({ fsbno, count, flags = 0 }: LoggedExtent): Uint8Array =>
  region([8, fsbno], [4, count], [4, flags]);
const mapped = ({ fsbno, count, flags = 0, owner = 0, fileoff = 0 }: LoggedExtent): Uint8Array =>
  region([8, owner], [8, fsbno], [8, fileoff], [4, count], [4, flags]);

export const efi = (id: number, ...extents: LoggedExtent[]): Item => intent(0x1236, id, extents.map(plain));
export const rui = (id: number, ...extents: LoggedExtent[]): Item => intent(0x1240, id, extents.map(mapped));
export const cui = (id: number, ...extents: LoggedExtent[]): Item => intent(0x1242, id, extents.map(plain));
export const bui = (id: number, ...extents: LoggedExtent[]): Item => intent(0x1244, id, extents.map(mapped));
/** The done item of an intent of `type`. */
export const done = (type: number, id: number): Item => [region([2, type + 1], [2, 1], [4, 0], [8, id])];

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  whole.set(bytes);
  return whole;
}

export interface LoggedAttr {
  readonly ino: number;
  readonly op: number;
  readonly filter?: number;
  readonly gen?: number;
  readonly names: readonly string[];
  readonly values?: readonly Uint8Array[];
}

export function attri(id: number, { ino, op, filter = 0, gen = 0, names, values = [] }: LoggedAttr): Item {
  const texts = names.map((name) => new TextEncoder().encode(name));
  const lengths = texts.length === 1 ? texts[0]!.length : texts[0]!.length + texts[1]!.length * 65536;
  const rest = [...texts, ...values].filter((bytes) => bytes.length > 0).map(padded);
  const valueBytes = values[0]?.length ?? 0;
  const head = region(
    [2, 0x1246],
    [2, 1 + rest.length],
    [4, gen],
    [8, id],
    [8, ino],
    [4, op],
    [4, lengths],
    [4, valueBytes],
    [4, filter],
  );
  return [head, ...rest];
}

export interface LoggedExchange {
  readonly inodes: readonly [number, number];
  readonly generations: readonly [number, number];
  readonly offsets: readonly [number, number];
  readonly count: number;
  readonly flags: number;
  readonly sizes: readonly [number, number];
}

export function xmi(id: number, { inodes, generations, offsets, count, flags, sizes }: LoggedExchange): Item {
  return [
    region(
      [2, 0x1248],
      [2, 1],
      [4, 0],
      [8, id],
      [8, inodes[0]],
      [8, inodes[1]],
      [4, generations[0]],
      [4, generations[1]],
      [8, offsets[0]],
      [8, offsets[1]],
      [8, count],
      [8, flags],
      [8, sizes[0]],
      [8, sizes[1]],
    ),
  ];
}

/** A BUF item that logs all of `bytes`, a multiple of 128, at `daddr`. */
export function wholeBuffer(daddr: number, bytes: Uint8Array, flags = 0): Item {
  const words = Math.ceil(bytes.length / 128 / 32);
  const bits = bytes.length / 128;
  const map = Array.from({ length: words }, (_, i) => [4, bitsFrom(bits - 32 * i)] as const);
  return [bufferHead(daddr, bytes.length, flags, 2, map), bytes];
}

function bitsFrom(left: number): number {
  return left >= 32 ? 0xffffffff : 2 ** left - 1;
}

/** A BUF item that cancels a buffer. */
export function cancelled(daddr: number, length: number): Item {
  return [bufferHead(daddr, length, 2, 1, [[4, 0]])];
}

function bufferHead(
  daddr: number,
  length: number,
  flags: number,
  regions: number,
  map: readonly (readonly [4, number])[],
): Uint8Array {
  return region(
    [2, 0x123c],
    [2, regions],
    [2, flags],
    [2, length / BASIC_BLOCK],
    [8, daddr],
    [4, map.length],
    ...map,
  );
}

/** Field bits of an INODE item. */
const FIELD = { CORE: 1, LOCAL: 2, EXTENTS: 4, ROOT: 8 } as const;

export interface LoggedInode {
  readonly ino: number;
  /** The inode as it would be on disk; its core is logged in the order of the machine. */
  readonly inode: Uint8Array;
  /** More field bits. */
  readonly fields?: number;
  /** As a 32-bit kernel logs it. */
  readonly short?: boolean;
  /** Its data fork is logged too. */
  readonly fork?: boolean;
}

export function inodeItem(
  geometry: Geometry,
  { ino, inode, fields = 0, short = false, fork = true }: LoggedInode,
): Item {
  const core = new Uint8Array(INODE_CORE_BYTES);
  const from = DINODE.over(inode) as Record<string, unknown>;
  const to = LOG_DINODE.over(core) as Record<string, unknown>;
  for (const name of Object.keys(DINODE.offset)) {
    const value = from[name];
    to[name] = typeof value === 'number' && typeof to[name] === 'bigint' ? BigInt(value) : value;
  }
  const data = fork ? forkRegion(inode) : undefined;
  const at = geometry.inoByte(ino);
  const cluster = clusterBlocks(geometry) * geometry.blocksize;
  const agByte = at - (at % (geometry.agblocks * geometry.blocksize));
  const start = agByte + Math.floor((at - agByte) / cluster) * cluster;
  const head = region(
    [2, 0x123b],
    [2, data ? 3 : 2],
    [4, FIELD.CORE | (data?.field ?? 0) | fields],
    [2, 0],
    [2, data?.bytes.length ?? 0],
    ...(short ? [] : [[4, 0] as const]),
    [8, ino],
    [8, 0],
    [8, 0],
    [8, start / BASIC_BLOCK],
    [4, cluster / BASIC_BLOCK],
    [4, at - start],
  );
  return data ? [head, core, data.bytes] : [head, core];
}

function forkRegion(inode: Uint8Array): { field: number; bytes: Uint8Array } | undefined {
  const view = viewOf(inode);
  const fork = inode.subarray(INODE_CORE_BYTES, INODE_CORE_BYTES + dataForkBytes(view, 0, inode.length));
  switch (view.getUint8(DINODE.offset.format)) {
    case FORK.LOCAL:
      return { field: FIELD.LOCAL, bytes: padded(fork.slice(0, Number(DINODE.over(inode).size))) };
    case FORK.EXTENTS: {
      const count = dataExtents(view, 0);
      return count === 0 ? undefined : { field: FIELD.EXTENTS, bytes: fork.slice(0, 16 * count) };
    }
    case FORK.BTREE:
      return { field: FIELD.ROOT, bytes: readRoot(fork)!.bytes };
    default:
      return undefined;
  }
}
