/**
 * Directories. Entries stay where they are, with their names: the file types that they give, "..", tags, and the lists
 * of free areas are set right, and an index that is wrong is made anew from the entries. One change a directory.
 *
 * Nothing is done where the entries themselves are in doubt (a data block that is not one, an area of unknown length):
 * an index of what is left would hide the loss.
 */
import { readBytes } from '../../device/device.ts';
import { crcIsGood, sealCrc } from '../../format/checksum.ts';
import { hashName, hashNameIgnoringCase } from '../../format/dahash.ts';
import {
  DIR_BLOCK_MAGIC,
  DIR_BLOCK_TAIL,
  DIR_DATA_MAGIC,
  DIR_DATA_START,
  DIR_FREE_TAG,
  dirAreaBytes,
} from '../../format/dir.ts';
import type { Finding, FindingCode } from '../../format/findings.ts';
import type { Geometry } from '../../format/geometry.ts';
import { DINODE, dataForkBytes, FORK, INODE_CORE_BYTES, INODE_CRC_OFFSET } from '../../format/inode.ts';
import { readCount64, writeCount64 } from '../../format/kinds.ts';
import { viewOf } from '../../format/struct.ts';
import { verifyDirIdentity } from '../../format/verify.ts';
import { type Inode, readInode } from '../../fs/read/inode.ts';
import { DirAreas } from '../content/directory/areas.ts';
import { type InodeTable, KIND, NO_ROW } from '../observe/inodetable.ts';
import {
  type Change,
  type Fixes,
  type FixSite,
  groupBy,
  type Left,
  nothingOf,
  type Piece,
} from './change.ts';
import { type DirBlock, type DirBlocks, piecesOf, readDirBlocks } from './dirblocks.ts';
import { type DirContent, type HashedEntry, writeBlockTable, writeIndex } from './dirindex.ts';

const NAMELEN = 8;
const NAME = 9;
const DOT_BYTES = 16;
const BEST = 48;
const TAIL = DIR_BLOCK_TAIL.size;
const INDEX: ReadonlySet<FindingCode> = new Set([
  'DIR_HASH',
  'DIR_LEAF',
  'DIR_TREE',
  'DIR_FREE',
  'DIR_BLOCK',
  'DIR_CRC',
]);

export function fixDirectories(site: FixSite, findings: readonly Finding[]): Fixes {
  const changes: Change[] = [];
  const left: Left[] = [];
  for (const [ino, mine] of groupBy(findings, (finding) => finding.where.ino)) {
    const inode = ino === undefined ? undefined : readInode(site, ino);
    const made = inode ? mend(site, inode, mine) : 'the inode cannot be read';
    if (typeof made === 'string') left.push(...nothingOf(mine, made).left);
    else changes.push(made);
  }
  return { changes, left };
}

function mend(site: FixSite, inode: Inode, mine: readonly Finding[]): Change | string {
  const second = mine.find(({ code, where }) => code === 'DIR_PARENT' && where.field !== '..');
  if (second) return 'an entry would have to go';
  if (!crcIsGood(inode.bytes, INODE_CRC_OFFSET)) return 'its inode must be mended first';
  const parent = mine.find(({ code }) => code === 'DIR_PARENT')?.expected;
  const dotdot = parent === undefined ? undefined : Number(parent);
  const local = inode.view.getUint8(DINODE.offset.format) === FORK.LOCAL;
  const made = local ? mendShort(site, inode, dotdot) : new Mender(site, inode, mine, dotdot).run();
  if (typeof made === 'string') return made;
  const what = [...new Set(mine.map(({ code }) => WORDS[code] ?? 'entries'))].join(', ');
  return {
    action: `directory ${inode.ino}: set right ${what}`,
    findings: mine,
    pieces: made,
    suspect: { ino: inode.ino },
  };
}

const WORDS: Partial<Record<FindingCode, string>> = {
  DIR_PARENT: '".."',
  DIR_FTYPE: 'file types',
  DIR_BESTFREE: 'longest free areas',
  DIR_ENTRY: 'tags',
  DIR_DOT: '"."',
  DIR_HASH: 'hash index',
  DIR_LEAF: 'hash index',
  DIR_TREE: 'hash index',
  DIR_BLOCK: 'index blocks',
  DIR_CRC: 'index blocks',
  DIR_FREE: 'free index',
};

/** The file type that an entry for an inode should give; undefined: not known. */
function typeOf(inodes: InodeTable, ino: number): number | undefined {
  const row = inodes.find(ino);
  const kind = row === NO_ROW ? KIND.FREE : inodes.kind[row]!;
  return kind === KIND.FREE || kind === KIND.LOST ? undefined : kind;
}

/** A directory inside its inode. */
function mendShort(
  { check, device, geometry }: FixSite,
  { ino, view }: Inode,
  dotdot: number | undefined,
): Piece[] | string {
  const at = geometry.inoByte(ino);
  const bytes = readBytes(device, at, geometry.inodesize);
  const out = viewOf(bytes);
  const start = INODE_CORE_BYTES;
  const end = start + Math.min(Number(DINODE.at(view).size), dataForkBytes(view, 0, geometry.inodesize));
  const wide = bytes[start + 1]! !== 0;
  const inoBytes = wide ? 8 : 4;
  const number = (byte: number): number => (wide ? readCount64(out, byte) : out.getUint32(byte));
  if (dotdot !== undefined) {
    if (wide) writeCount64(out, start + 2, dotdot);
    else if (dotdot < 2 ** 32) out.setUint32(start + 2, dotdot);
    else return 'the number of its parent does not fit';
  }
  let next = start + 2 + inoBytes;
  for (let i = 0; geometry.features.ftype && i < bytes[start]!; i++) {
    const type = next + 3 + (next < end ? bytes[next]! : 0);
    if (type + 1 + inoBytes > end) return 'its entries do not fit its size';
    bytes[type] = typeOf(check.observation.inodes, number(type + 1)) ?? bytes[type]!;
    next = type + 1 + inoBytes;
  }
  sealCrc(bytes, INODE_CRC_OFFSET);
  return [{ offset: at, bytes }];
}

/** A directory in blocks. */
class Mender {
  private readonly site: FixSite;
  private readonly geometry: Geometry;
  private readonly inode: Inode;
  private readonly dotdot: number | undefined;
  private readonly areas: DirAreas;
  private remake: boolean;
  private readonly entries: HashedEntry[] = [];
  private readonly longest = new Map<number, number>();
  private readonly pieces: Piece[] = [];

  constructor(site: FixSite, inode: Inode, mine: readonly Finding[], dotdot: number | undefined) {
    this.site = site;
    this.geometry = site.geometry;
    this.inode = inode;
    this.dotdot = dotdot;
    this.areas = new DirAreas(site.geometry.features.ftype);
    this.remake = mine.some(({ code }) => INDEX.has(code));
  }

  run(): Piece[] | string {
    const { geometry, inode } = this;
    const blocks = readDirBlocks(this.site, inode);
    if (typeof blocks === 'string') return blocks;
    const [first] = blocks.data;
    if (first?.fileoff !== 0) return 'its first block is not mapped';
    const isBlock = blocks.leaves.length + blocks.free.length === 0 && blocks.data.length === 1;
    for (const block of blocks.data) {
      const why = this.dataBlock(block, isBlock);
      if (why !== undefined) return `block ${block.fileoff}: ${why}`;
    }
    this.entries.sort((a, b) => a.hash - b.hash || a.address - b.address);
    if (isBlock) return this.finishBlock(first);
    for (const block of blocks.data) this.pieces.push(...piecesOf(block, geometry, true));
    return this.remake ? this.finishIndex(blocks) : this.pieces;
  }

  private finishBlock(block: DirBlock): Piece[] | string {
    if (this.remake && !writeBlockTable(block, this.tableStart, this.entries))
      return 'its hashes have no room';
    return piecesOf(block, this.geometry, true);
  }

  private finishIndex(blocks: DirBlocks): Piece[] | string {
    const { geometry, inode, entries, longest } = this;
    const last = blocks.data.at(-1)!.fileoff / 2 ** geometry.dirblklog;
    const content: DirContent = { entries, longest, last };
    const why = writeIndex(blocks, geometry, inode.ino, content);
    if (why !== undefined) return why;
    for (const block of blocks.leaves) this.pieces.push(...piecesOf(block, geometry, false));
    for (const block of blocks.free) this.pieces.push(...piecesOf(block, geometry, true));
    return this.pieces;
  }

  /** Byte of a block form directory where its table begins. */
  private tableStart = 0;

  /** Mends a data block in memory and takes its entries; why not, where they are in doubt. */
  private dataBlock(block: DirBlock, isBlock: boolean): string | undefined {
    const { geometry, inode, areas } = this;
    const { bytes, view, fileoff, places } = block;
    const place = { daddr: places[0]! / 512, owner: inode.ino };
    const magic = isBlock ? DIR_BLOCK_MAGIC : DIR_DATA_MAGIC;
    const problem = verifyDirIdentity(bytes, view, geometry, place, [magic])[0];
    if (problem) return problem.message;
    const end = isBlock ? this.findTable(block) : bytes.length;
    const stop = areas.walk(view, end);
    if (stop !== end || areas.wrongAt.length > 0 || areas.notFree >= 0) return 'its entries do not lead on';
    const before = areas.longest;
    this.takeAreas(block, end);
    if (areas.walk(view, end) !== end) return 'its entries do not lead on';
    this.writeBest(view, end);
    if (areas.longest !== before) this.remake = true;
    this.longest.set(fileoff / 2 ** geometry.dirblklog, areas.longest);
    return undefined;
  }

  /** Where the areas end and the hashes begin: by the count in the tail, else where the areas come to their end. */
  private findTable({ view, bytes }: DirBlock): number {
    const tail = bytes.length - TAIL;
    const said = tail - view.getUint32(tail) * 8;
    const possible = said >= DIR_DATA_START && this.areas.walk(view, said) === said;
    this.tableStart = possible ? said : this.areas.walk(view, tail);
    return this.tableStart;
  }

  /** Sets tags and file types, joins free areas, and takes the entries. */
  private takeAreas(block: DirBlock, end: number): void {
    const { view } = block;
    const { features } = this.geometry;
    let free = -1;
    for (let at = DIR_DATA_START; at < end; ) {
      const length = dirAreaBytes(view, at, end, features.ftype);
      const next = at + length;
      if (view.getUint16(at) === DIR_FREE_TAG) {
        if (free < 0) free = at;
        view.setUint16(free + 2, next - free);
        view.setUint16(next - 2, free);
      } else {
        free = -1;
        view.setUint16(next - 2, at);
        this.takeEntry(block, at);
      }
      at = next;
    }
  }

  private takeEntry({ bytes, view, fileoff }: DirBlock, at: number): void {
    const { geometry, inode, dotdot } = this;
    const length = bytes[at + NAMELEN]!;
    const name = bytes.subarray(at + NAME, at + NAME + length);
    const isFirst = fileoff === 0 && at < DIR_DATA_START + 2 * DOT_BYTES;
    if (isFirst && length === 1 && name[0] === 0x2e) writeCount64(view, at, inode.ino);
    if (isFirst && length === 2 && name[1] === 0x2e && dotdot !== undefined) writeCount64(view, at, dotdot);
    if (geometry.features.ftype) {
      const type = isFirst
        ? KIND.DIRECTORY
        : typeOf(this.site.check.observation.inodes, readCount64(view, at));
      if (type !== undefined) bytes[at + NAME + length] = type;
    }
    const hash = geometry.features.asciiCi ? hashNameIgnoringCase(name) : hashName(name);
    this.entries.push({ hash, address: (fileoff * geometry.blocksize + at) / 8 });
  }

  /** The three longest free areas, of those of one length the first. */
  private writeBest(view: DataView, end: number): void {
    if (this.areas.wrongBest(view) < 0) return;
    const free: { at: number; length: number }[] = [];
    for (let at = DIR_DATA_START; at < end; ) {
      const length = dirAreaBytes(view, at, end, this.geometry.features.ftype);
      if (view.getUint16(at) === DIR_FREE_TAG) free.push({ at, length });
      at += length;
    }
    free.sort((a, b) => b.length - a.length || a.at - b.at);
    for (let i = 0; i < 3; i++) {
      view.setUint16(BEST + 4 * i, free[i]?.at ?? 0);
      view.setUint16(BEST + 4 * i + 2, free[i]?.length ?? 0);
    }
  }
}
