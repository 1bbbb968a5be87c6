/**
 * Geometry: the only place that converts units.
 *
 * agbno = block in AG; fsbno = agno and agbno packed with agblklog bits (sparse unless agblocks is a power of
 * two); daddr = 512-byte units from the device start; agino = inode in AG; ino = agno and agino packed.
 */
import type { Features } from './features.ts';
import { parseUuid } from './kinds.ts';

export const NULL_AGBNO = 0xffffffff;
export const NULL_AGINO = 0xffffffff;
export const DADDR_BYTES = 512;
/** Inodes in an inode chunk, whatever the block size. */
export const CHUNK_INODES = 64;

/** What a geometry is made from; everything else of it follows. */
export type GeometryFields = Pick<
  Geometry,
  | 'blocksize'
  | 'sectsize'
  | 'inodesize'
  | 'dblocks'
  | 'agblocks'
  | 'agcount'
  | 'agblklog'
  | 'dirblklog'
  | 'logstart'
  | 'logblocks'
  | 'rootino'
  | 'inoalignmt'
  | 'spinoAlign'
  | 'rblocks'
  | 'features'
  | 'metaUuid'
>;

export class Geometry {
  readonly blocksize: number;
  readonly sectsize: number;
  readonly inodesize: number;
  readonly dblocks: number;
  readonly agblocks: number;
  readonly agcount: number;
  readonly agblklog: number;
  readonly dirblklog: number;
  readonly logstart: number;
  readonly logblocks: number;
  readonly rootino: number;
  readonly inoalignmt: number;
  readonly spinoAlign: number;
  readonly rblocks: number;
  readonly features: Features;
  /** UUID that metadata blocks carry. */
  readonly metaUuid: string;
  /** The same as four big-endian words, for comparisons without a string. */
  readonly metaUuidWords: readonly number[];
  readonly blocklog: number;
  readonly inopblock: number;
  readonly inopblog: number;
  /** Bytes in a directory block. */
  readonly dirblocksize: number;
  /** Blocks that the four AG headers take. */
  readonly headerBlocks: number;
  /** Blocks that one full inode chunk takes (1 when a block holds 64 or more inodes). */
  readonly chunkBlocks: number;
  /** log2 of agino numbers in an AG. */
  readonly aginolog: number;

  constructor(f: GeometryFields) {
    this.blocksize = f.blocksize;
    this.sectsize = f.sectsize;
    this.inodesize = f.inodesize;
    this.dblocks = f.dblocks;
    this.agblocks = f.agblocks;
    this.agcount = f.agcount;
    this.agblklog = f.agblklog;
    this.dirblklog = f.dirblklog;
    this.logstart = f.logstart;
    this.logblocks = f.logblocks;
    this.rootino = f.rootino;
    this.inoalignmt = f.inoalignmt;
    this.spinoAlign = f.spinoAlign;
    this.rblocks = f.rblocks;
    this.features = f.features;
    this.metaUuid = f.metaUuid;
    const uuidView = new DataView(parseUuid(f.metaUuid).buffer);
    this.metaUuidWords = [0, 4, 8, 12].map((at) => uuidView.getUint32(at));
    this.blocklog = Math.log2(f.blocksize);
    this.inopblock = f.blocksize / f.inodesize;
    this.inopblog = Math.log2(this.inopblock);
    this.dirblocksize = f.blocksize * 2 ** f.dirblklog;
    this.headerBlocks = Math.ceil((4 * f.sectsize) / f.blocksize);
    this.chunkBlocks = Math.max(1, CHUNK_INODES / this.inopblock);
    this.aginolog = this.agblklog + this.inopblog;
  }

  /** Whether the 16 bytes at `byte` are the UUID that metadata carries. */
  isMetaUuid(view: DataView, byte: number): boolean {
    const w = this.metaUuidWords;
    return (
      view.getUint32(byte) === w[0] &&
      view.getUint32(byte + 4) === w[1] &&
      view.getUint32(byte + 8) === w[2] &&
      view.getUint32(byte + 12) === w[3]
    );
  }

  /** Blocks in AG `agno`: agblocks, less in the last. */
  agLength(agno: number): number {
    return agno === this.agcount - 1 ? this.dblocks - agno * this.agblocks : this.agblocks;
  }
  fsbno(agno: number, agbno: number): number {
    return agno * 2 ** this.agblklog + agbno;
  }
  fsbnoAgno(fsbno: number): number {
    return Math.floor(fsbno / 2 ** this.agblklog);
  }
  fsbnoAgbno(fsbno: number): number {
    return fsbno % 2 ** this.agblklog;
  }
  agbnoByte(agno: number, agbno: number): number {
    return (agno * this.agblocks + agbno) * this.blocksize;
  }
  fsbnoByte(fsbno: number): number {
    return this.agbnoByte(this.fsbnoAgno(fsbno), this.fsbnoAgbno(fsbno));
  }
  agbnoDaddr(agno: number, agbno: number): number {
    return this.agbnoByte(agno, agbno) / DADDR_BYTES;
  }
  fsbnoDaddr(fsbno: number): number {
    return this.fsbnoByte(fsbno) / DADDR_BYTES;
  }
  /** Byte offset of an AG header: sector 0 superblock, 1 AGF, 2 AGI, 3 AGFL. */
  headerByte(agno: number, sector: number): number {
    return this.agbnoByte(agno, 0) + sector * this.sectsize;
  }
  ino(agno: number, agino: number): number {
    return agno * 2 ** this.aginolog + agino;
  }
  inoAgno(ino: number): number {
    return Math.floor(ino / 2 ** this.aginolog);
  }
  inoAgino(ino: number): number {
    return ino % 2 ** this.aginolog;
  }
  aginoAgbno(agino: number): number {
    return Math.floor(agino / this.inopblock);
  }
  agbnoAgino(agbno: number): number {
    return agbno * this.inopblock;
  }
  inoByte(ino: number): number {
    const agino = this.inoAgino(ino);
    return (
      this.agbnoByte(this.inoAgno(ino), this.aginoAgbno(agino)) + (agino % this.inopblock) * this.inodesize
    );
  }
  isAgbno(agno: number, agbno: number): boolean {
    return agno >= 0 && agno < this.agcount && agbno >= 0 && agbno < this.agLength(agno);
  }
  /** Whether `count` blocks from `fsbno` lie inside one AG of this filesystem. */
  isFsbnoRange(fsbno: number, count: number): boolean {
    if (!(fsbno >= 0) || count < 1) return false;
    const agno = this.fsbnoAgno(fsbno);
    return agno < this.agcount && this.fsbnoAgbno(fsbno) + count <= this.agLength(agno);
  }
}
