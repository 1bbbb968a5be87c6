/**
 * The cursor: a stack of places, the top one being current, and a ring of places visited.
 *
 * A place is a buffer (512-byte units from a daddr on, or a list of such pieces for a directory block that is not
 * contiguous) and in it the object: its byte range and type. An inode's buffer is its cluster, as the kernel and
 * xfs_db read inodes. The current inode goes along when the place moves on to its blocks.
 */
import { DeviceError } from '../device/device.ts';
import { crcIsGood } from '../format/checksum.ts';
import { DADDR_BYTES } from '../format/geometry.ts';
import { DINODE, INODE_CRC_OFFSET, S_IFDIR, S_IFMT } from '../format/inode.ts';
import { viewOf } from '../format/struct.ts';
import { DbError } from './error.ts';
import type { Filesystem, SideDevice } from './filesystem.ts';
import { readComplaint } from './readcomplaint.ts';
import { type DbType, hasMagic, typeNamed } from './types.ts';
import type { CrcState } from './value.ts';

export const NO_INO = -1;
const RING_ENTRIES = 20;
/** Cluster of 256-byte inodes, bytes; larger inodes have proportionally larger clusters. */
const CLUSTER_BYTES = 8192;
const SMALLEST_INODE = 256;

/** A piece of a buffer: daddr and length in 512-byte units. */
export interface Piece {
  readonly daddr: number;
  readonly bbs: number;
}

export interface Place {
  readonly type: DbType | undefined;
  /** Where daddr counts, if not on the data device. */
  readonly device?: SideDevice;
  readonly daddr: number;
  readonly bbs: number;
  /** Several pieces instead of one run from daddr. */
  readonly map?: readonly Piece[];
  /** Byte of the object in the buffer. */
  readonly start: number;
  /** Bytes of the object. */
  readonly length: number;
  readonly data: Uint8Array;
  /** All of the buffer that the object lies in. */
  readonly buffer: Uint8Array;
  /** Verdict of the last verification; a write that leaves it out leaves the verdict. */
  crc: CrcState;
  /** Generation of the filesystem that the bytes are of. */
  generation: number;
  readonly ino: number;
  readonly dirIno: number;
  readonly mode: number;
}

const NOWHERE: Place = {
  type: undefined,
  daddr: 0,
  bbs: 0,
  start: 0,
  length: 0,
  data: new Uint8Array(0),
  buffer: new Uint8Array(0),
  crc: 'unchecked',
  generation: 0,
  ino: NO_INO,
  dirIno: NO_INO,
  mode: 0,
};

interface Visited {
  readonly type: DbType;
  readonly daddr: number;
  readonly bbs: number;
  readonly map: readonly Piece[] | undefined;
  readonly device: SideDevice | undefined;
}

export interface MoveOptions {
  readonly device?: SideDevice;
  readonly map?: readonly Piece[];
  /** Byte in the buffer at which the object starts, and its length if it is not the rest. */
  readonly start?: number;
  readonly length?: number;
  readonly keepRing?: boolean;
}

export class Cursor {
  readonly filesystem: Filesystem;
  /** Current AG; undefined before any was chosen. */
  agno: number | undefined;
  /** What moving had to say, e.g. of a bad CRC. */
  readonly notes: string[] = [];
  /** What xfs_db says on its standard error. */
  readonly complaints: string[] = [];
  /** The lowest entry is nowhere, and stays so. */
  private readonly stack: Place[] = [NOWHERE];
  private readonly ring: (Place | undefined)[] = new Array(RING_ENTRIES).fill(undefined);
  private head = -1;
  private tail = -1;
  private ringAt = -1;
  /** Lengths of what was verified at a daddr and is still at hand, 512-byte units. */
  private readonly verified = new Map<number, readonly number[]>();

  constructor(filesystem: Filesystem) {
    this.filesystem = filesystem;
  }

  /** The current place, its bytes as they are now. */
  get top(): Place {
    const top = this.stack[this.stack.length - 1]!;
    if (top.generation !== this.filesystem.generation) this.reread(top);
    return top;
  }
  /** Places that were pushed and the current one, oldest first; empty when all is popped. */
  get places(): readonly Place[] {
    return this.stack.slice(1);
  }

  /** Goes to `bbs` units from `daddr`. Throws DbError outside of the device; the cursor is then nowhere. */
  move(type: DbType, daddr: number, bbs: number, options: MoveOptions = {}): void {
    const buffer = this.readOrLeave(daddr, bbs, options);
    const { ino, dirIno, mode } = this.top;
    const start = options.start ?? 0;
    const length = options.length ?? buffer.length - start;
    const data = buffer.subarray(start, start + length);
    const whole = buffer.subarray(0, bbs * DADDR_BYTES);
    const judged = this.judge(type, data, whole);
    const isMapped = options.map !== undefined;
    const crc = options.device ? judged : this.verify(type, whole, judged, { daddr, bbs, isMapped });
    this.set({
      type,
      daddr,
      bbs,
      ...(options.device ? { device: options.device } : {}),
      ...(options.map ? { map: options.map } : {}),
      start,
      length,
      data,
      buffer,
      crc,
      generation: this.filesystem.generation,
      ino,
      dirIno,
      mode,
    });
    if (!options.keepRing) this.remember();
  }

  /**
   * As xfs_db, what was verified once and is still at hand is not verified again, not even as another type: its CRC
   * is then good. But here the bad CRC of what is of the type, as its magic tells, stays bad.
   */
  private verify(
    type: DbType,
    buffer: Uint8Array,
    judged: CrcState,
    { daddr, bbs, isMapped }: { daddr: number; bbs: number; isMapped: boolean },
  ): CrcState {
    const lengths = this.verified.get(daddr) ?? [];
    if (!type.shape) {
      this.verified.set(
        daddr,
        lengths.filter((other) => other !== bbs && this.isHeld(daddr, other)),
      );
      return judged;
    }
    if (lengths.includes(bbs)) return hasMagic(type, buffer) ? judged : 'correct';
    const held = lengths.filter((other) => this.isHeld(daddr, other));
    this.verified.set(daddr, [...held, bbs]);
    const note = type.unknown?.(buffer);
    if (note !== undefined) this.notes.push(note);
    const complaint = readComplaint(this.filesystem, type, { daddr, bytes: buffer, isMapped });
    if (complaint !== undefined) this.complaints.push(complaint);
    return judged;
  }

  /** Whether a place below the current one needs that buffer; of others only the last length is kept. */
  private isHeld(daddr: number, bbs: number): boolean {
    return this.stack.slice(0, -1).some((place) => place.daddr === daddr && place.bbs === bbs && place.type);
  }

  /** Inodes have CRCs of their own; of a whole cluster (from the ring) none is judged. */
  private judge(type: DbType, data: Uint8Array, buffer: Uint8Array): CrcState {
    const { geometry } = this.filesystem;
    if (type.name !== 'inode') return type.crc(buffer, geometry);
    return data.length > geometry.inodesize ? 'correct' : type.crc(data, geometry);
  }

  private readOrLeave(daddr: number, bbs: number, options: MoveOptions): Uint8Array {
    try {
      return this.readBuffer(daddr, bbs, options);
    } catch (error) {
      if (error instanceof DbError || error instanceof DeviceError) this.leave();
      throw error;
    }
  }

  /** The current place is nowhere, with the inode of the one below it. */
  private leave(): void {
    const below = this.stack.length > 2 ? this.stack[this.stack.length - 2]! : NOWHERE;
    const { ino, dirIno, mode } = below;
    this.set({ ...NOWHERE, ino, dirIno, mode, generation: this.filesystem.generation });
  }

  private readBuffer(daddr: number, bbs: number, options: MoveOptions): Uint8Array {
    const { filesystem } = this;
    const read = (from: number, length: number): Uint8Array =>
      options.device ? filesystem.readSide(options.device, from, length) : filesystem.read(from, length);
    if (!options.map) {
      const least = (options.start ?? 0) + (options.length ?? 0);
      return read(daddr * DADDR_BYTES, Math.max(bbs * DADDR_BYTES, least));
    }
    const buffer = new Uint8Array(bbs * DADDR_BYTES);
    let at = 0;
    for (const piece of options.map) {
      const bytes = read(piece.daddr * DADDR_BYTES, piece.bbs * DADDR_BYTES);
      buffer.set(bytes.subarray(0, buffer.length - at), at);
      at += bytes.length;
      if (at >= buffer.length) break;
    }
    return buffer;
  }

  /** Goes to bytes that are looked at as nothing in particular; the ring does not notice. */
  moveRaw(daddr: number, bbs: number): void {
    this.move(typeNamed('data'), daddr, bbs, { keepRing: true });
  }

  /** Reads a place's bytes anew, into the same memory. */
  reread(place: Place): void {
    place.generation = this.filesystem.generation;
    if (!place.type) return;
    const { map, device, start, length } = place;
    const options = { ...(map ? { map } : {}), ...(device ? { device } : {}), start, length };
    place.buffer.set(this.readBuffer(place.daddr, place.bbs, options));
    place.crc = this.judge(place.type, place.data, place.buffer);
  }

  /** Goes to an inode. Throws DbError for a number that no AG has room for. */
  moveInode(ino: bigint | number): void {
    const wrong = this.badInode(ino);
    if (wrong !== undefined) throw new DbError(wrong);
    this.setInode(Number(ino));
  }

  /** Goes to an inode, or stays and notes that there can be none; what cannot be read is noted as well. */
  tryInode(ino: bigint | number): void {
    const wrong = this.badInode(ino);
    if (wrong !== undefined) {
      this.notes.push(wrong);
      return;
    }
    try {
      this.setInode(Number(ino));
    } catch (error) {
      if (!(error instanceof DbError || error instanceof DeviceError)) throw error;
      this.complaints.push(error.message);
    }
  }

  private badInode(ino: bigint | number): string | undefined {
    const { geometry } = this.filesystem;
    const number = Number(ino);
    const isThere =
      Number.isSafeInteger(number) &&
      number >= 0 &&
      geometry.inoAgno(number) < geometry.agcount &&
      geometry.aginoAgbno(geometry.inoAgino(number)) < geometry.agblocks;
    return isThere ? undefined : `bad inode number ${BigInt.asIntN(64, BigInt(ino))}`;
  }

  /** The buffer that an inode is read in, and the byte of it at which the inode starts. */
  inodeBuffer(ino: number): { daddr: number; bbs: number; start: number } {
    const { geometry, blockBbs } = this.filesystem;
    const agbno = geometry.aginoAgbno(geometry.inoAgino(ino));
    const cluster = this.clusterOf(agbno);
    const slot = (agbno - cluster.agbno) * geometry.inopblock + (ino % geometry.inopblock);
    return {
      daddr: geometry.agbnoDaddr(geometry.inoAgno(ino), cluster.agbno),
      bbs: cluster.blocks * blockBbs,
      start: slot * geometry.inodesize,
    };
  }

  private setInode(ino: number): void {
    const { geometry } = this.filesystem;
    this.agno = geometry.inoAgno(ino);
    const { daddr, bbs, start } = this.inodeBuffer(ino);
    const type = typeNamed('inode');
    try {
      this.move(type, daddr, bbs, { keepRing: true });
    } catch (error) {
      if (error instanceof DbError) this.notes.push(`can't set block offset to ${start}`);
      throw error;
    }
    const place = this.stack[this.stack.length - 1]!;
    const data = place.buffer.subarray(start, start + geometry.inodesize);
    const mode = viewOf(data).getUint16(DINODE.offset.mode);
    const good = crcIsGood(data, INODE_CRC_OFFSET);
    if (!good) this.notes.push(`Metadata CRC error detected for ino ${ino}`);
    const dirIno = (mode & S_IFMT) === S_IFDIR ? ino : place.dirIno;
    const crc = good ? 'correct' : 'bad';
    this.set({ ...place, start, length: data.length, data, crc, ino, dirIno, mode });
    this.remember();
  }

  /** The inode cluster around a block; one block where chunks are not aligned to clusters. */
  private clusterOf(agbno: number): { agbno: number; blocks: number } {
    const { blocksize, inodesize, inoalignmt } = this.filesystem.geometry;
    const wanted = (CLUSTER_BYTES * inodesize) / SMALLEST_INODE;
    const wantedBlocks = Math.floor(wanted / blocksize);
    const bytes = inoalignmt >= wantedBlocks ? wanted : CLUSTER_BYTES;
    const blocks = Math.max(1, Math.floor(bytes / blocksize));
    if (bytes <= blocksize || inoalignmt < blocks || blocks === 1) return { agbno, blocks: 1 };
    return { agbno: agbno - (agbno % blocks), blocks };
  }

  /** Looks at the same place as another type. */
  retype(type: DbType): void {
    const { top } = this;
    if (!top.type) throw new DbError('no current object');
    if (top.type === type) return;
    const { geometry } = this.filesystem;
    if (type.name === 'inode' && !top.device) {
      const block = Math.floor(top.daddr / this.filesystem.blockBbs);
      const agino =
        geometry.agbnoAgino(block % geometry.agblocks) + Math.floor(top.start / geometry.inodesize);
      this.moveInode(geometry.ino(Math.floor(block / geometry.agblocks), agino));
      return;
    }
    const bbs = Math.max(1, Math.ceil(type.bytes(geometry) / DADDR_BYTES));
    const { start, device } = top;
    const options = { start, length: bbs * DADDR_BYTES, keepRing: true };
    this.move(type, top.daddr, bbs, { ...options, ...(device ? { device } : {}) });
  }

  /** What puts the cursor back to where it is now, wherever it was broken off meanwhile. */
  remembered(): () => void {
    const stack = [...this.stack];
    const ring = [...this.ring];
    const { agno, head, tail, ringAt } = this;
    return () => {
      this.stack.splice(0, this.stack.length, ...stack);
      this.ring.splice(0, this.ring.length, ...ring);
      Object.assign(this, { agno, head, tail, ringAt });
      this.verified.clear();
    };
  }

  /** Keeps the current place; what moves next, moves a copy of it. */
  push(): void {
    this.stack.push(this.top);
  }
  /** Keeps the current place; what comes next is nowhere, but has its inode. */
  pushEmpty(): void {
    const { ino, dirIno, mode } = this.top;
    this.stack.push({ ...NOWHERE, ino, dirIno, mode, generation: this.filesystem.generation });
  }
  /** As `push`, but the copy is read anew, as a whole buffer unless it is an inode, which is visited again. */
  pushHere(): void {
    const { top } = this;
    const { type, daddr, bbs, ino, map, device } = top;
    if (type?.name === 'inode') {
      this.pushEmpty();
      this.tryInode(ino);
      return;
    }
    this.stack.push(type ? top : { ...top });
    if (type) this.revisit({ type, daddr, bbs, map, device });
  }
  /** Drops the current place; without one there is nowhere to be. */
  pop(): void {
    if (this.stack.length > 1) this.stack.pop();
  }

  private set(place: Place): void {
    if (this.stack.length === 1) this.stack.push(place);
    else this.stack[this.stack.length - 1] = place;
  }

  /** Puts the current place into the ring. */
  remember(): void {
    const next = (i: number) => (i + 1) % RING_ENTRIES;
    if (this.head === -1) {
      this.head = this.tail = this.ringAt = 0;
    } else if (this.ringAt === this.head) {
      this.head = this.ringAt = next(this.head);
      if (this.head === this.tail) this.tail = next(this.tail);
    } else {
      this.ringAt = next(this.ringAt);
    }
    this.ring[this.ringAt] = this.top;
  }

  /** Visited places, newest first, with their numbers. */
  visited(): { index: number; place: Place; current: boolean }[] {
    const list: { index: number; place: Place; current: boolean }[] = [];
    if (this.head === -1) return list;
    for (let i = this.head; ; i = (i + RING_ENTRIES - 1) % RING_ENTRIES) {
      list.push({ index: i, place: this.ring[i]!, current: i === this.ringAt });
      if (i === this.tail) return list;
    }
  }

  back(): void {
    if (this.ringAt === -1) throw new DbError('ring is empty');
    if (this.ringAt === this.tail) throw new DbError('no previous entries');
    this.goRing((this.ringAt + RING_ENTRIES - 1) % RING_ENTRIES);
  }
  forward(): void {
    if (this.ringAt === -1) throw new DbError('ring is empty');
    if (this.ringAt === this.head) throw new DbError('no further entries');
    this.goRing((this.ringAt + 1) % RING_ENTRIES);
  }
  /** Goes to an entry of the ring: its buffer and type, but the inode stays the current one. */
  goRing(index: number): void {
    if (!(index >= 0 && index < RING_ENTRIES)) throw new DbError(`invalid entry: ${index}`);
    this.ringAt = index;
    const { type, daddr, bbs, map, device } = this.ring[index] ?? NOWHERE;
    if (type) {
      this.revisit({ type, daddr, bbs, map, device });
      return;
    }
    const { ino, dirIno, mode } = this.top;
    this.set({ ...NOWHERE, ino, dirIno, mode, generation: this.filesystem.generation });
  }

  private revisit({ type, daddr, bbs, map, device }: Visited): void {
    this.move(type, daddr, bbs, {
      keepRing: true,
      ...(map ? { map } : {}),
      ...(device ? { device } : {}),
    });
  }
}
