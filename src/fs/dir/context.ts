/**
 * A directory being changed: its blocks by number in each of its three spaces (data from file offset 0, leaves at
 * 32 GiB, free index at 64 GiB), and what the name to be found or put in hashes to.
 */
import { hashName, hashNameIgnoringCase } from '../../format/dahash.ts';
import { DIR_FREE_BYTE, DIR_LEAF_BYTE, dirEntryBytes } from '../../format/dir.ts';
import type { MetaBuffer } from '../buffer.ts';
import { corrupt } from '../buffer.ts';
import { DaFork } from '../da/dafork.ts';
import type { Inode } from '../inode/inode.ts';
import { DirData } from './data.ts';

/** Address unit of a leaf entry, bytes. */
const ADDRESS_BYTES = 8;
/** What an operation may take, as the allocator is told. */
const ENOUGH_BLOCKS = 64;

export class Directory {
  readonly inode: Inode;
  readonly fork: DaFork;
  readonly ftype: boolean;
  /** First file offsets of leaves and of the free index, filesystem blocks. */
  readonly leafStart: number;
  readonly freeStart: number;

  constructor(inode: Inode) {
    const { geometry } = inode.tr.fs;
    this.inode = inode;
    this.fork = new DaFork(inode, 'data');
    this.fork.total = ENOUGH_BLOCKS;
    this.ftype = geometry.features.ftype;
    this.leafStart = DIR_LEAF_BYTE / geometry.blocksize;
    this.freeStart = DIR_FREE_BYTE / geometry.blocksize;
  }

  /** Bytes of a directory block. */
  get bytes(): number {
    return this.fork.bytes;
  }
  hash(name: Uint8Array): number {
    return this.inode.tr.fs.geometry.features.asciiCi ? hashNameIgnoringCase(name) : hashName(name);
  }
  entryBytes(name: Uint8Array): number {
    return dirEntryBytes(name.length, this.ftype);
  }
  /** File offset behind the last mapped block. */
  get lastOffset(): number {
    const { extents } = this.inode.data;
    const last = extents.at(extents.length - 1);
    return last ? last.fileoff + last.count : 0;
  }
  isMapped(fileoff: number): boolean {
    return this.inode.data.extents.find(fileoff) !== undefined;
  }

  address(block: number, byte: number): number {
    return (block * this.bytes + byte) / ADDRESS_BYTES;
  }
  addressBlock(address: number): number {
    return Math.floor((address * ADDRESS_BYTES) / this.bytes);
  }
  addressByte(address: number): number {
    return (address * ADDRESS_BYTES) % this.bytes;
  }

  /** Reads data block `block` and looks at every entry in it. */
  data(block: number): DirData {
    const data = new DirData(this.fork.read(block * this.fork.blocks, 'data'), this.ftype);
    data.check(this.inode.ino);
    return data;
  }

  /** A new data block at the first hole; its number. */
  growData(): { block: number; data: DirData } {
    const fileoff = this.fork.grow(0);
    if (fileoff >= this.leafStart) this.bad('no room for data');
    const data = new DirData(this.fork.create(fileoff, 'data'), this.ftype);
    data.clear();
    const size = BigInt((fileoff + this.fork.blocks) * this.inode.tr.fs.geometry.blocksize);
    if (size > this.inode.core.size) {
      this.inode.changed();
      this.inode.core.size = size;
    }
    return { block: fileoff / this.fork.blocks, data };
  }

  /** Frees a data block; the directory's size follows when it was the last. */
  dropData(block: number, buffer: MetaBuffer): void {
    const { fork, inode } = this;
    fork.shrink(block * fork.blocks, buffer);
    if (inode.core.size > BigInt((block + 1) * this.bytes)) return;
    const { extents } = inode.data;
    const last = extents.at(extents.indexAt(block * fork.blocks) - 1);
    const end = last ? last.fileoff + last.count : 0;
    inode.changed();
    inode.core.size = BigInt(end * inode.tr.fs.geometry.blocksize);
  }

  bad(what: string): never {
    const { ino } = this.inode;
    corrupt('INODE_FORK', { ino }, `directory ${ino}: ${what}`);
  }
}

export function sameName(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
