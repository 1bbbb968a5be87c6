/**
 * Realtime section in blockget: which blocks its bitmap calls free, which files have the others, and whether the
 * summary (free runs by size and bitmap block) says what the bitmap does. Nothing here is used without such a section.
 */
import type { Geometry } from '../../../format/geometry.ts';
import { DbError } from '../../error.ts';
import type { BlockMap } from './blockmap.ts';
import { NO_INODE } from './inodetable.ts';
import { BLOCK_KINDS, KIND } from './kind.ts';
import type { BlockUsage } from './usage.ts';

const MOST_BLOCKS = 2 ** 29;

export interface RealtimeFields {
  readonly rblocks: number;
  readonly rextents: number;
  readonly rextsize: number;
  readonly rbmblocks: number;
  readonly rextslog: number;
}

/** Reads a block of a metadata file; undefined when it cannot be read. */
export type BlockReading = (fsbno: number) => DataView | undefined;

export class RealtimeUsage {
  freeExtents = 0;
  private readonly usage: BlockUsage;
  private readonly fields: RealtimeFields;
  private readonly geometry: Geometry;
  private readonly kinds: Uint8Array;
  private readonly owners: Int32Array;
  /** Free runs by log2 of their length and bitmap block: as the file says, and as the bitmap does. */
  private readonly said: Uint8Array;
  private readonly counted: Int32Array;

  constructor(usage: BlockUsage, fields: RealtimeFields) {
    this.usage = usage;
    this.fields = fields;
    this.geometry = usage.geometry;
    const blocks = fields.rextents === 0 ? 0 : fields.rblocks;
    const words = blocks === 0 ? 0 : (fields.rextslog + 1) * fields.rbmblocks;
    if (blocks > MOST_BLOCKS || words > MOST_BLOCKS) {
      throw new DbError(`too many realtime blocks to keep in memory: ${blocks}`);
    }
    this.kinds = new Uint8Array(blocks);
    this.owners = new Int32Array(blocks);
    this.said = new Uint8Array(words * 4);
    this.counted = new Int32Array(words);
  }

  isBlock(block: number): boolean {
    return block < this.fields.rblocks;
  }

  private inRange(block: number, length: number): boolean {
    if (block + length - 1 < this.kinds.length && length > 0) return true;
    const last = block + length - 1;
    if (!this.usage.options.silent && length > 0) {
      this.usage.say(
        length === 1 ? `rtblock ${block} out of range\n` : `rtblocks ${block}..${last} out of range\n`,
      );
    }
    this.usage.errors++;
    return false;
  }

  set(block: number, length: number, kind: number): void {
    if (!this.inRange(block, length)) return;
    const { usage, kinds } = this;
    for (let i = block; i < block + length; i++) {
      if (kinds[i] === KIND.unknown) continue;
      const text = `expected type unknown got ${BLOCK_KINDS[kinds[i]!]}`;
      usage.fail(`rtblock ${i} ${text}\n`, usage.isAskedFsbno(i));
    }
    for (let i = block; i < block + length; i++) {
      kinds[i] = kind;
      if (usage.options.verbose || usage.isAskedFsbno(i))
        usage.say(`setting rtblock ${i} to ${BLOCK_KINDS[kind]}\n`);
    }
  }

  setOwner(block: number, length: number, inode: number): void {
    const { usage, owners } = this;
    const { inodes } = usage;
    const ino = inodes.ino[inode]!;
    if (!this.inRange(block, length)) {
      usage.say(`rtblocks ${block}..${block + length - 1} claimed by inode ${ino}\n`);
      return;
    }
    let free = true;
    for (let i = block; i < block + length; i++) {
      const other = owners[i]! - 1;
      if (other === NO_INODE) continue;
      const text = `claimed by inode ${ino}, previous inum ${inodes.ino[other]}`;
      usage.fail(`rtblock ${i} ${text}\n`, usage.isListed(other) || usage.isAskedFsbno(i));
      free = false;
    }
    if (!free) return;
    const loud = usage.options.verbose || usage.isListed(inode);
    for (let i = block; i < block + length; i++) {
      owners[i] = inode + 1;
      if (loud || usage.isAskedFsbno(i)) usage.say(`setting inode to ${ino} for rtblock ${i}\n`);
    }
  }

  /** Takes the bitmap: a set bit is a free extent. */
  readBitmap(map: BlockMap, read: BlockReading): void {
    const { rextents, rextsize } = this.fields;
    const bitsPerBlock = this.geometry.blocksize * 8;
    let extent = 0;
    let runStart = -1;
    for (const [fileoff, fsbno] of map.blocks()) {
      if (extent >= rextents) break;
      const view = read(fsbno);
      if (!view) {
        this.usage.fail(`can't read block ${fileoff} for rtbitmap inode\n`);
        continue;
      }
      for (let bit = 0; bit < bitsPerBlock && extent < rextents; bit++, extent++) {
        const isFree = ((view.getUint32((bit >>> 5) * 4, true) >>> (bit & 31)) & 1) !== 0;
        const at = fileoff * bitsPerBlock + bit;
        if (isFree) {
          this.set(extent * rextsize, rextsize, KIND.rtfree);
          this.freeExtents++;
          if (runStart < 0) runStart = at;
        } else if (runStart >= 0) {
          this.countRun(runStart, at - runStart);
          runStart = -1;
        }
        if (isFree && extent === rextents - 1) this.countRun(runStart, at + 1 - runStart);
      }
    }
  }

  private countRun(start: number, length: number): void {
    const block = Math.floor(start / (this.geometry.blocksize * 8));
    const word = (31 - Math.clz32(length)) * this.fields.rbmblocks + block;
    if (word < this.counted.length) this.counted[word]!++;
  }

  readSummary(map: BlockMap, read: BlockReading): void {
    const { blocksize } = this.geometry;
    for (const [fileoff, fsbno] of map.blocks()) {
      const view = read(fsbno);
      if (!view) {
        this.usage.fail(`can't read block ${fileoff} for rtsummary inode\n`);
        continue;
      }
      const room = this.said.length - fileoff * blocksize;
      if (room > 0) {
        const bytes = new Uint8Array(view.buffer, view.byteOffset, Math.min(room, blocksize));
        this.said.set(bytes, fileoff * blocksize);
      }
    }
  }

  /** What no file has and is not free, and the summary against the bitmap. */
  checkAll(): void {
    const { usage, kinds, counted } = this;
    for (let i = 0; i < kinds.length; i++) {
      if (kinds[i] === KIND.unknown)
        usage.fail(`rtblock ${i} type unknown not expected\n`, usage.isAskedFsbno(i));
    }
    const view = new DataView(this.said.buffer);
    const { rbmblocks } = this.fields;
    for (let i = 0; i < counted.length; i++) {
      const said = view.getInt32(i * 4, true);
      if (said === counted[i]) continue;
      const size = Math.floor(i / rbmblocks);
      const text = `size ${size} block ${i % rbmblocks}, file: ${said}, computed: ${counted[i]}`;
      usage.fail(`rt summary mismatch, ${text}\n`);
    }
  }
}
