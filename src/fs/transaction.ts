/**
 * One change of a filesystem, whole or not at all. Objects are read through it (verified), declared before they are
 * changed, and on commit sealed and written: blocks first, AG headers next, the superblock last, so that until a
 * header is written the old structures are what it points to. Abort, or any exception, leaves no trace.
 *
 * Work that must come after other work (rmap records, freed extents, ...) is deferred. What is deferred while
 * deferred work is carried out comes before what was already waiting; that is the order of the reference, and the
 * order decides which blocks are taken.
 */

import type { BlockType, ObjectPlace } from '../format/registry.ts';
import type { Fields } from '../format/struct.ts';
import { SUPERBLOCK } from '../format/superblock.ts';
import {
  blockType,
  hasMagic,
  MetaBuffer,
  needSound,
  type Piece,
  readPieces,
  seal,
  writePieces,
} from './buffer.ts';
import type { FileSystem } from './filesystem.ts';
import { Perag } from './perag.ts';

/** One sort of deferred work. */
export interface DeferKind<T> {
  readonly name: string;
  /** Items of one sort that are carried out together, at most; 0: any number. */
  readonly most: number;
  /** Orders the items of one batch; they keep their order where it says 0. */
  readonly order?: (a: T, b: T) => number;
  /**
   * Carries one item out; true: there is more to do for it, after what it deferred itself. `before` is the item of
   * the same batch that came before.
   */
  finish(tr: Transaction, item: T, before: T | undefined): boolean;
}

interface Batch {
  // biome-ignore lint/suspicious/noExplicitAny: batches of all sorts wait in one queue
  readonly kind: DeferKind<any>;
  readonly items: unknown[];
}

/** What a transaction writes when its buffers are about to be: an inode in memory. */
export interface Flushable {
  /** `always`: counts as a change even if there was none since the last time. */
  flush(always: boolean): void;
}

const SB = blockType('sb');
const QUOTA_INODES = ['uquotino', 'gquotino', 'pquotino'] as const;
/** Headers are written after blocks; the superblock after both. */
const RANK: Readonly<Record<string, number>> = { agfl: 1, agf: 2, agi: 2, sb: 3 };

export class Transaction {
  readonly fs: FileSystem;
  /** AG of the first allocation, as fsbno: later ones must not go to a lower AG. -1: none yet. */
  firstBlock = -1;
  /** Inodes in memory, by number. */
  readonly inodes = new Map<number, Flushable>();
  private readonly changed = new Set<MetaBuffer>();
  /** Where objects were dropped. */
  private readonly dropped: Piece[] = [];
  private readonly perags = new Map<number, Perag>();
  private intake: Batch[] = [];
  private pending: Batch[] = [];
  private readonly delta = { icount: 0, ifree: 0, fdblocks: 0 };
  private counted = false;
  private superblock: Fields<typeof SUPERBLOCK.rows> | undefined;
  private open = true;

  constructor(fs: FileSystem) {
    if (fs.busy) throw new Error('a transaction is already under way');
    fs.busy = true;
    this.fs = fs;
  }

  perag(agno: number): Perag {
    let perag = this.perags.get(agno);
    if (!perag) {
      perag = new Perag(this, agno);
      this.perags.set(agno, perag);
    }
    return perag;
  }

  /** Reads an object. Throws CorruptionError when it is not a sound one of `type`, DeviceError. */
  read(type: BlockType, place: ObjectPlace, pieces: readonly Piece[]): MetaBuffer {
    const { cache, device, geometry } = this.fs;
    const known = cache.get(pieces[0]!.offset);
    if (known) {
      if (known.type === type && known.place.ino === place.ino) return known;
      if (known.before) {
        // Not sealed yet, so it cannot be verified as what it is not known to be.
        if (!hasMagic(known.bytes, type))
          needSound(new MetaBuffer(type, place, pieces, known.bytes), geometry);
        return known;
      }
    }
    const buffer = new MetaBuffer(type, place, pieces, readPieces(device, pieces));
    needSound(buffer, geometry);
    cache.set(buffer.offset, buffer);
    return buffer;
  }

  /** As `read`, for a place that may hold one of several forms; the magic tells which. */
  readForm(types: readonly BlockType[], place: ObjectPlace, pieces: readonly Piece[]): MetaBuffer {
    const known = this.fs.cache.get(pieces[0]!.offset);
    if (known && types.includes(known.type)) return known;
    const bytes = known?.bytes ?? readPieces(this.fs.device, pieces);
    const form = types.find((type) => hasMagic(bytes, type)) ?? types[0]!;
    return this.read(form, place, pieces);
  }

  /** An object that is to be made anew, all zeros, whatever was there. */
  create(type: BlockType, place: ObjectPlace, pieces: readonly Piece[]): MetaBuffer {
    const { cache } = this.fs;
    const known = cache.get(pieces[0]!.offset);
    if (known) this.drop(known);
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    const buffer = new MetaBuffer(type, place, pieces, new Uint8Array(length));
    buffer.before = buffer.bytes;
    cache.set(buffer.offset, buffer);
    this.changed.add(buffer);
    return buffer;
  }

  /** One block of an AG. */
  readBlock(type: BlockType, agno: number, agbno: number, ino?: number): MetaBuffer {
    return this.read(type, placeOf(agno, agbno, ino), [this.blockPiece(agno, agbno)]);
  }

  createBlock(type: BlockType, agno: number, agbno: number, ino?: number): MetaBuffer {
    return this.create(type, placeOf(agno, agbno, ino), [this.blockPiece(agno, agbno)]);
  }

  blockPiece(agno: number, agbno: number): Piece {
    const { geometry } = this.fs;
    return { offset: geometry.agbnoByte(agno, agbno), length: geometry.blocksize };
  }

  /** Declares that an object is about to be changed. */
  change(buffer: MetaBuffer): MetaBuffer {
    if (!buffer.before) {
      buffer.before = buffer.bytes.slice();
      this.changed.add(buffer);
    }
    return buffer;
  }

  /** The object's blocks were freed: what it became is not written. */
  drop(buffer: MetaBuffer): void {
    this.changed.delete(buffer);
    this.fs.cache.delete(buffer.offset);
    buffer.before = undefined;
    this.dropped.push(...buffer.pieces);
  }

  /** As `drop`, for a range of bytes that may hold objects. */
  dropRange(offset: number, length: number): void {
    for (const buffer of this.fs.cache.values()) {
      if (buffer.offset >= offset && buffer.offset < offset + length) this.drop(buffer);
    }
    this.dropped.push({ offset, length });
  }

  /** Changes the counters of the superblock when the transaction commits. */
  count(name: 'icount' | 'ifree' | 'fdblocks', delta: number): void {
    this.delta[name] += delta;
    this.counted = true;
  }

  /** The primary superblock; call `changeSuperblock` before writing to it. */
  get sb(): Fields<typeof SUPERBLOCK.rows> {
    this.superblock ??= SUPERBLOCK.over(this.superblockBuffer().bytes);
    return this.superblock;
  }

  changeSuperblock(): Fields<typeof SUPERBLOCK.rows> {
    const { sb } = this;
    this.change(this.superblockBuffer());
    // mkfs writes 0 for "no quota inode"; whoever writes a superblock later writes all ones.
    for (const name of QUOTA_INODES) if (sb[name] === 0) sb[name] = -1;
    return sb;
  }

  defer<T>(kind: DeferKind<T>, item: T): void {
    const last = this.intake.at(-1);
    if (last && last.kind === kind && (kind.most === 0 || last.items.length < kind.most)) {
      last.items.push(item);
    } else this.intake.push({ kind, items: [item] });
  }

  /** Carries out all deferred work. A step ends between batches. */
  finish(): void {
    for (let first = true; this.intake.length > 0 || this.pending.length > 0; first = false) {
      for (const { kind, items } of this.intake) if (kind.order) items.sort(kind.order);
      this.pending = [...this.intake, ...this.pending];
      this.intake = [];
      if (!first) this.roll(true);
      const batch = this.pending[0]!;
      let again = false;
      let before: unknown;
      while (batch.items.length > 0 && !again) {
        const item = batch.items.shift();
        again = batch.kind.finish(this, item, before);
        if (again) batch.items.unshift(item);
        before = item;
      }
      if (!again) this.pending.splice(this.pending.indexOf(batch), 1);
    }
  }

  /**
   * The end of one step: inodes go to their buffers, as they do whenever the reference commits. Between batches of
   * deferred work it logs every inode of the transaction (`always`).
   */
  roll(always = false): void {
    for (const inode of this.inodes.values()) inode.flush(always);
    this.firstBlock = -1;
  }

  /** Carries out deferred work and writes everything to the device. */
  commit(): void {
    try {
      this.finish();
      this.roll();
      this.applyCounters();
      const { device, geometry } = this.fs;
      const buffers = [...this.changed];
      for (const buffer of buffers) seal(buffer, geometry, this.fs.lsn);
      const rank = (buffer: MetaBuffer): number => RANK[buffer.type.name] ?? 0;
      buffers.sort((a, b) => rank(a) - rank(b) || a.offset - b.offset);
      if (this.fs.putOff) for (const piece of this.dropped) this.fs.putOff.restore(device, piece);
      for (const buffer of buffers) {
        if (buffer.pieces.length === 1) this.fs.putOff?.remember(device, buffer.offset, buffer.bytes);
        writePieces(device, buffer);
      }
      this.tellWitness(buffers);
    } catch (error) {
      this.abort();
      throw error;
    }
    for (const buffer of this.changed) buffer.before = undefined;
    this.end();
  }

  private tellWitness(buffers: readonly MetaBuffer[]): void {
    const { witness } = this.fs;
    if (!witness) return;
    for (const piece of this.dropped) witness.freed(piece);
    for (const buffer of buffers) witness.wrote(buffer);
  }

  /** Drops every change. Harmless after the end. */
  abort(): void {
    if (!this.open) return;
    for (const buffer of this.changed) {
      this.fs.cache.delete(buffer.offset);
      buffer.before = undefined;
    }
    this.end();
  }

  private end(): void {
    this.open = false;
    this.changed.clear();
    this.inodes.clear();
    this.fs.busy = false;
    this.fs.trim();
  }

  private superblockBuffer(): MetaBuffer {
    const { sectsize } = this.fs.geometry;
    return this.read(SB, { agno: 0, agbno: 0 }, [{ offset: 0, length: sectsize }]);
  }

  private applyCounters(): void {
    const { icount, ifree, fdblocks } = this.delta;
    if (!this.counted) return;
    const sb = this.changeSuperblock();
    sb.icount += BigInt(icount);
    sb.ifree += BigInt(ifree);
    sb.fdblocks += BigInt(fdblocks);
  }
}

function placeOf(agno: number, agbno: number, ino: number | undefined): ObjectPlace {
  return ino === undefined ? { agno, agbno } : { agno, agbno, ino };
}

/** Runs `body` in a transaction of its own: commits, or aborts when it throws. */
export function transact<T>(fs: FileSystem, body: (tr: Transaction) => T): T {
  const tr = new Transaction(fs);
  let result: T;
  try {
    result = body(tr);
  } catch (error) {
    tr.abort();
    throw error;
  }
  tr.commit();
  return result;
}
