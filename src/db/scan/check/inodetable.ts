/**
 * Inodes that blockget met, allocated or named by a directory, with their links and names. One hash table an AG,
 * because xfs_db lists inodes in the order of its table: bucket by bucket, in a bucket the newest first. Columns, as
 * an image has millions of inodes.
 */
import type { Geometry } from '../../../format/geometry.ts';

const AVERAGE_CHAIN = 8;
const FEWEST_BUCKETS = 256;
const MOST_BUCKETS = 65536;
/** A path of more names goes round in a circle. */
const MOST_NAMES = 4096;

export const NO_INODE = -1;
export const IS_DIRECTORY = 1;
export const IS_REFLINK = 2;
/** Set-user-id, set-group-id or special. */
export const IS_SECURITY = 4;
/** The user asked about it. */
export const IS_LISTED = 8;

function grown<T extends Float64Array | Int32Array | Uint32Array | Uint8Array>(old: T): T {
  const larger = new (old.constructor as new (n: number) => T)(old.length * 2);
  larger.set(old);
  return larger;
}

export class InodeTable {
  count = 0;
  ino = new Float64Array(256);
  /** Links that the inode says, and that were counted. */
  linksSaid = new Uint32Array(256);
  linksCounted = new Uint32Array(256);
  flags = new Uint8Array(256);
  parent = new Int32Array(256).fill(NO_INODE);
  private next = new Int32Array(256);
  /** Byte of the name in `names`, from 1 on; 0: none. */
  private nameAt = new Float64Array(256);
  private names = new Uint8Array(4096);
  private nameEnd = 1;
  private readonly geometry: Geometry;
  private readonly buckets: number;
  private readonly heads: Int32Array[] = [];

  constructor(geometry: Geometry, icount: number) {
    this.geometry = geometry;
    const wanted = Math.floor(icount / (AVERAGE_CHAIN * geometry.agcount));
    this.buckets = Math.max(Math.min(wanted, MOST_BUCKETS), FEWEST_BUCKETS);
  }

  /** Row of an inode; added when it is not there and `add` says so. NO_INODE for a number no AG can have. */
  find(ino: number, add: boolean): number {
    const { geometry } = this;
    if (!(ino >= 0 && ino < 2 ** 53)) return NO_INODE;
    const agno = geometry.inoAgno(ino);
    if (agno >= geometry.agcount) return NO_INODE;
    let heads = this.heads[agno];
    const bucket = geometry.inoAgino(ino) % this.buckets;
    for (let i = heads ? heads[bucket]! : NO_INODE; i !== NO_INODE; i = this.next[i]!) {
      if (this.ino[i] === ino) return i;
    }
    if (!add) return NO_INODE;
    if (!heads) {
      heads = new Int32Array(this.buckets).fill(NO_INODE);
      this.heads[agno] = heads;
    }
    const i = this.append(ino);
    this.next[i] = heads[bucket]!;
    heads[bucket] = i;
    return i;
  }

  private append(ino: number): number {
    if (this.count === this.ino.length) {
      const old = this.count;
      this.ino = grown(this.ino);
      this.linksSaid = grown(this.linksSaid);
      this.linksCounted = grown(this.linksCounted);
      this.flags = grown(this.flags);
      this.parent = grown(this.parent).fill(NO_INODE, old);
      this.next = grown(this.next);
      this.nameAt = grown(this.nameAt);
    }
    this.ino[this.count] = ino;
    return this.count++;
  }

  /** Rows of an AG in the order in which xfs_db lists them. */
  *list(agno: number): Generator<number> {
    const heads = this.heads[agno];
    if (!heads) return;
    for (const head of heads) for (let i = head; i !== NO_INODE; i = this.next[i]!) yield i;
  }

  /** Keeps the first name an inode is met under. */
  name(i: number, bytes: Uint8Array): void {
    if (this.nameAt[i] !== 0) return;
    const end = this.nameEnd + bytes.length + 1;
    while (end > this.names.length) this.names = grown(this.names);
    this.names.set(bytes, this.nameEnd);
    this.nameAt[i] = this.nameEnd;
    this.nameEnd = end;
  }

  /** Path below the root, a character a byte; undefined without a name. Ends at a zero byte, as C's strings do. */
  path(i: number): string | undefined {
    if (this.nameAt[i] === 0) return undefined;
    const parts: string[] = [];
    let at = i;
    while (at !== NO_INODE && this.nameAt[at] !== 0 && parts.length < MOST_NAMES) {
      const from = this.nameAt[at]!;
      parts.push(Buffer.from(this.names.buffer, from, this.names.indexOf(0, from) - from).toString('latin1'));
      at = this.parent[at]!;
    }
    return parts.reverse().join('/');
  }
}
