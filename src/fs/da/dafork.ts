/**
 * Blocks of a directory or of an attribute fork, by their place in the file. An attribute block is one filesystem
 * block; a directory block is 2^dirblklog of them, which may lie in several pieces.
 */
import type { BlockType, ObjectPlace } from '../../format/registry.ts';
import { blockType, corrupt, type MetaBuffer, type Piece } from '../buffer.ts';
import { mapNewBlocks } from '../inode/allocation.ts';
import type { ForkName } from '../inode/bmbt.ts';
import type { Inode } from '../inode/inode.ts';
import { firstUnused, removeRange } from '../inode/mapping.ts';
import { noSpace } from '../nospace.ts';

export type DaForm = 'leaf' | 'node' | 'leaf1' | 'leafn' | 'block' | 'data' | 'free' | 'remote';

const TYPE_NAME = { attr: 'attr3', data: 'dir3' } as const;
/** Bytes of the common header's own fields. */
const AT = {
  block: { crc: 12, bno: 16, uuid: 32, owner: 48 },
  data: { crc: 4, bno: 8, uuid: 24, owner: 40 },
} as const;

const types = new Map<string, BlockType>();
function typeOf(name: ForkName, form: DaForm): BlockType {
  const key = `${name} ${form}`;
  let type = types.get(key);
  if (!type) {
    type = blockType(TYPE_NAME[name], form);
    types.set(key, type);
  }
  return type;
}

export class DaFork {
  readonly inode: Inode;
  readonly name: ForkName;
  /** Filesystem blocks in one of its blocks. */
  readonly blocks: number;
  /** Bytes of one of its blocks. */
  readonly bytes: number;
  /** Blocks that the whole operation may take. */
  total = 0;

  constructor(inode: Inode, name: ForkName) {
    const { geometry } = inode.tr.fs;
    this.inode = inode;
    this.name = name;
    this.blocks = name === 'attr' ? 1 : 2 ** geometry.dirblklog;
    this.bytes = this.blocks * geometry.blocksize;
  }

  /** Reads the block at `fileoff` (filesystem blocks), which must be of one of these forms. */
  read(fileoff: number, ...forms: readonly DaForm[]): MetaBuffer {
    const allowed = forms.map((form) => typeOf(this.name, form));
    return this.inode.tr.readForm(allowed, ...this.locate(fileoff));
  }

  /** A block made anew, of zeros, with its header's own fields. */
  create(fileoff: number, form: DaForm): MetaBuffer {
    const buffer = this.inode.tr.create(typeOf(this.name, form), ...this.locate(fileoff));
    this.identify(buffer, form);
    return buffer;
  }

  /** Turns a block that is there into one of another form, with a new header; what comes after it stays. */
  remake(buffer: MetaBuffer, form: DaForm, headerBytes: number): void {
    this.inode.tr.change(buffer);
    buffer.bytes.fill(0, 0, headerBytes);
    this.setForm(buffer, form);
    this.identify(buffer, form);
  }

  /** The block is of another form now. */
  setForm(buffer: MetaBuffer, form: DaForm): void {
    buffer.type = typeOf(this.name, form);
  }

  /** Writes magic, place, owner and UUID. */
  identify(buffer: MetaBuffer, form: DaForm): void {
    const { geometry } = this.inode.tr.fs;
    const { magic } = typeOf(this.name, form);
    const wide = magic!.bytes === 4;
    const at = wide ? AT.data : AT.block;
    if (wide) buffer.view.setUint32(magic!.at, magic!.value);
    else buffer.view.setUint16(magic!.at, magic!.value);
    buffer.view.setBigUint64(at.bno, BigInt(buffer.offset / 512));
    buffer.view.setBigUint64(at.owner, BigInt(this.inode.ino));
    geometry.metaUuidWords.forEach((word, i) => {
      buffer.view.setUint32(at.uuid + 4 * i, word);
    });
  }

  /** Copies a whole block over another; the copy keeps its own address. */
  copyBlock(from: MetaBuffer, to: MetaBuffer, bytes = this.bytes): void {
    this.inode.tr.change(to);
    to.bytes.set(from.bytes.subarray(0, bytes));
    to.type = from.type;
    const at = from.type.magic!.bytes === 4 ? AT.data : AT.block;
    to.view.setBigUint64(at.bno, BigInt(to.offset / 512));
  }

  /** Maps one more block at the first free place from `least` on; its file offset. */
  grow(least: number): number {
    const fileoff = firstUnused(this.inode.fork(this.name), this.blocks, least);
    this.growAt(fileoff);
    return fileoff;
  }

  /** Maps the block at `fileoff`, in one piece if that can be had. Throws NoSpaceError. */
  growAt(fileoff: number): void {
    const { inode, name, blocks } = this;
    const before = inode.core.nblocks;
    const { total } = this;
    if (!mapNewBlocks(inode, name, { fileoff, count: blocks, contiguous: true, total })) {
      for (let at = fileoff; at < fileoff + blocks; ) {
        const count = fileoff + blocks - at;
        const part =
          blocks > 1
            ? mapNewBlocks(inode, name, { fileoff: at, count, contiguous: false, total })
            : undefined;
        if (!part) noSpace(`a block for inode ${inode.ino}`);
        at += part.count;
      }
    }
    this.total = Math.max(0, this.total - (inode.core.nblocks - before));
  }

  /** Unmaps a block and frees it. */
  shrink(fileoff: number, buffer: MetaBuffer): void {
    removeRange(this.inode, this.name, fileoff, this.blocks);
    this.inode.tr.drop(buffer);
  }

  private locate(fileoff: number): [ObjectPlace, Piece[]] {
    const { inode, name } = this;
    const { geometry } = inode.tr.fs;
    const { extents } = inode.fork(name);
    const pieces: Piece[] = [];
    let place: ObjectPlace | undefined;
    for (let at = fileoff; at < fileoff + this.blocks; ) {
      const extent = extents.find(at);
      if (!extent) {
        const text = `inode ${inode.ino}: block ${at} of the ${name} fork is not mapped`;
        corrupt('INODE_FORK', { ino: inode.ino, fileoff: at }, text);
      }
      const skip = at - extent.fileoff;
      const count = Math.min(extent.count - skip, fileoff + this.blocks - at);
      const fsbno = extent.fsbno + skip;
      place ??= { agno: geometry.fsbnoAgno(fsbno), agbno: geometry.fsbnoAgbno(fsbno), ino: inode.ino };
      pieces.push({ offset: geometry.fsbnoByte(fsbno), length: count * geometry.blocksize });
      at += count;
    }
    return [place!, pieces];
  }
}
