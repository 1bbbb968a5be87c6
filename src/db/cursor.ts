/**
 * The cursor: a stack of places, the top one being current, and a ring of places visited.
 *
 * A place is a buffer (512-byte units from a daddr on, or a list of such pieces for a directory block that is not
 * contiguous) and in it the object: its byte range and type. An inode's buffer is its cluster, as the kernel and
 * xfs_db read inodes. The current inode goes along when the place moves on to its blocks.
 */
import { crcIsGood } from '../format/checksum.ts';
import { DADDR_BYTES } from '../format/geometry.ts';
import { DINODE, INODE_CRC_OFFSET, S_IFDIR, S_IFMT } from '../format/inode.ts';
import { viewOf } from '../format/struct.ts';
import { DbError } from './error.ts';
import type { Filesystem, SideDevice } from './filesystem.ts';
import { type DbType, typeNamed } from './types.ts';
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
  /** The lowest entry is nowhere, and stays so. */
  private readonly stack: Place[] = [NOWHERE];
  private readonly ring: (Place | undefined)[] = new Array(RING_ENTRIES).fill(undefined);
  private head = -1;
  private tail = -1;
  private ringAt = -1;

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

  /** Goes to `bbs` units from `daddr`. Throws DbError outside of the device; the cursor then stays. */
  move(type: DbType, daddr: number, bbs: number, options: MoveOptions = {}): void {
    const buffer = this.readBuffer(daddr, bbs, options);
    const { ino, dirIno, mode } = this.top;
    const start = options.start ?? 0;
    const length = options.length ?? buffer.length - start;
    const note = type.unknown?.(buffer);
    if (note !== undefined) this.notes.push(note);
    this.set({
      type,
      daddr,
      bbs,
      ...(options.device ? { device: options.device } : {}),
      ...(options.map ? { map: options.map } : {}),
      start,
      length,
      data: buffer.subarray(start, start + length),
      buffer,
      crc: type.crc(buffer, this.filesystem.geometry),
      generation: this.filesystem.generation,
      ino,
      dirIno,
      mode,
    });
    if (!options.keepRing) this.remember();
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

  /** Reads a place's bytes anew, into the same memory. */
  reread(place: Place): void {
    place.generation = this.filesystem.generation;
    if (!place.type) return;
    const { map, device, start, length } = place;
    const options = { ...(map ? { map } : {}), ...(device ? { device } : {}), start, length };
    place.buffer.set(this.readBuffer(place.daddr, place.bbs, options));
    const judged = place.type.name === 'inode' ? place.data : place.buffer;
    place.crc = place.type.crc(judged, this.filesystem.geometry);
  }

  /** Goes to an inode. Throws DbError for a number that no AG has room for. */
  moveInode(ino: bigint | number): void {
    const { geometry } = this.filesystem;
    const number = Number(ino);
    const agno = geometry.inoAgno(number);
    const agbno = geometry.aginoAgbno(geometry.inoAgino(number));
    if (
      !Number.isSafeInteger(number) ||
      number < 0 ||
      agno >= geometry.agcount ||
      agbno >= geometry.agblocks
    ) {
      throw new DbError(`bad inode number ${BigInt.asIntN(64, BigInt(ino))}`);
    }
    const cluster = this.clusterOf(agbno);
    const slot = (agbno - cluster.agbno) * geometry.inopblock + (number % geometry.inopblock);
    const daddr = geometry.agbnoDaddr(agno, cluster.agbno);
    const bbs = cluster.blocks * this.filesystem.blockBbs;
    const buffer = this.filesystem.read(daddr * DADDR_BYTES, bbs * DADDR_BYTES);
    const start = slot * geometry.inodesize;
    const data = buffer.subarray(start, start + geometry.inodesize);
    const mode = viewOf(data).getUint16(DINODE.offset.mode);
    const good = crcIsGood(data, INODE_CRC_OFFSET);
    if (!good) this.notes.push(`Metadata CRC error detected for ino ${number}`);
    const dirIno = (mode & S_IFMT) === S_IFDIR ? number : this.top.dirIno;
    const crc = good ? 'correct' : 'bad';
    const type = typeNamed('inode');
    this.agno = agno;
    const { generation } = this.filesystem;
    const length = data.length;
    this.set({
      type,
      daddr,
      bbs,
      start,
      length,
      data,
      buffer,
      crc,
      generation,
      ino: number,
      dirIno,
      mode,
    });
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

  push(): void {
    this.stack.push(this.top);
  }
  /** Drops the current place; without one there is nowhere to be. */
  pop(): void {
    if (this.stack.length > 1) this.stack.pop();
  }

  private set(place: Place): void {
    if (this.stack.length === 1) this.stack.push(place);
    else this.stack[this.stack.length - 1] = place;
  }

  private remember(): void {
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
  goRing(index: number): void {
    const place = this.ring[index];
    if (!place) throw new DbError(`invalid entry: ${index}`);
    this.ringAt = index;
    this.set(place);
  }
}
