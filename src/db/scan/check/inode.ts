/**
 * An inode in blockget: its core, what both forks map, and whether the counts it keeps of that are true. What lies
 * in the blocks of a directory, a quota file or the realtime files is for others, once the mapping is known.
 */
import {
  BMBT_RECORD,
  BMDR_HEADER,
  BTREE,
  LONG_HEADER,
  maxRecords,
  maxRootKeys,
} from '../../../format/btree.ts';
import { maxBmbtLevels } from '../../../format/btreeheight.ts';
import type { Geometry } from '../../../format/geometry.ts';
import {
  attrExtents,
  attrForkBytes,
  DIFLAG,
  DIFLAG2,
  DINODE,
  dataExtents,
  dataForkBytes,
  FORK,
  INODE_CORE_BYTES,
  INODE_MAGIC,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from '../../../format/inode.ts';
import type { ScanReader } from '../../../fs/scan/reader.ts';
import { TreeWalk, wordAgbno, wordAgno } from '../../../fs/scan/tree.ts';
import type { SuperblockFields } from '../../filesystem.ts';
import { hex, octal } from '../../number.ts';
import { BlockMap } from './blockmap.ts';
import { IS_DIRECTORY, IS_LISTED, IS_REFLINK, IS_SECURITY, NO_INODE } from './inodetable.ts';
import { KIND } from './kind.ts';
import type { RealtimeUsage } from './realtime.ts';
import type { BlockUsage } from './usage.ts';

const FORMAT_NAMES = ['dev', 'local', 'extents', 'btree', 'uuid'];
const FLAG_NAMES: readonly (readonly [bit: number, name: string])[] = [
  [DIFLAG.REALTIME, ' rt'],
  [DIFLAG.PREALLOC, ' pre'],
  [DIFLAG.IMMUTABLE, ' imm'],
  [DIFLAG.APPEND, ' app'],
  [DIFLAG.SYNC, ' syn'],
  [DIFLAG.NOATIME, ' noa'],
  [DIFLAG.NODUMP, ' nod'],
];
const S_ISUID_OR_GID = 0o6000;

/** Formats that each type of file (upper four bits of the mode) may have, as bits. */
const FORMATS: Readonly<Record<number, number>> = {
  1: 1 << FORK.DEV,
  2: 1 << FORK.DEV,
  4: (1 << FORK.LOCAL) | (1 << FORK.EXTENTS) | (1 << FORK.BTREE),
  6: 1 << FORK.DEV,
  8: (1 << FORK.EXTENTS) | (1 << FORK.BTREE),
  10: (1 << FORK.LOCAL) | (1 << FORK.EXTENTS),
  12: 1 << FORK.DEV,
  14: 1 << FORK.UUID,
};

/** What an inode maps, for whoever looks at the content. */
export interface InodeFound {
  readonly view: DataView;
  readonly at: number;
  readonly ino: number;
  readonly inode: number;
  readonly kind: number;
  readonly map: BlockMap;
  /** Blocks of the data fork, of its bmbt, and of the attribute fork with its bmbt. */
  readonly dataBlocks: number;
  readonly dataTreeBlocks: number;
  readonly attrBlocks: number;
}

/** One fork being read. */
interface ForkState {
  readonly inode: number;
  readonly ino: number;
  readonly kind: number;
  readonly isData: boolean;
  readonly map: BlockMap | undefined;
  blocks: number;
  treeBlocks: number;
  extents: number;
}

export class InodeCheck {
  /** Any inode has an attribute fork. */
  sawAttributes = false;
  private readonly usage: BlockUsage;
  private readonly geometry: Geometry;
  private readonly superblock: SuperblockFields;
  private readonly realtime: RealtimeUsage;
  private readonly walk: TreeWalk;
  private readonly content: (found: InodeFound) => void;

  constructor(
    usage: BlockUsage,
    reader: ScanReader,
    superblock: SuperblockFields,
    realtime: RealtimeUsage,
    content: (found: InodeFound) => void,
  ) {
    this.usage = usage;
    this.geometry = usage.geometry;
    this.superblock = superblock;
    this.realtime = realtime;
    this.walk = new TreeWalk(reader);
    this.content = content;
  }

  check(agno: number, agino: number, view: DataView, at: number, free: boolean): void {
    const { usage } = this;
    const ino = this.geometry.ino(agno, agino);
    // Free inodes are no rows, and their messages are those of block 0.
    const inode = free ? NO_INODE : usage.inodes.find(ino, true);
    if (!free && inode === NO_INODE) return;
    const { silent } = usage.options;
    const listed = !free && usage.isListed(inode);
    const fsbno = this.geometry.fsbno(agno, this.geometry.aginoAgbno(agino));
    const asked = free ? usage.isAskedFsbno(0) : usage.isAskedFsbno(fsbno);
    const loud = !silent || listed || asked;
    const say = (text: string, always = false) => {
      if (loud || always) usage.say(text);
      usage.errors++;
    };
    const magic = view.getUint16(at);
    const version = view.getUint8(at + DINODE.offset.version);
    if (magic !== INODE_MAGIC) {
      say(`bad magic number ${hex(magic)} for inode ${ino}\n`, free);
      return;
    }
    if (version !== 3) {
      say(`bad version number ${hex(version)} for inode ${ino}\n`, free);
      return;
    }
    if (free) this.checkFree(view, at, ino, say);
    else this.checkUsed(view, at, ino, inode, asked, say);
  }

  private checkFree(view: DataView, at: number, ino: number, say: (text: string) => void): void {
    const nblocks = view.getBigUint64(at + DINODE.offset.nblocks);
    const nlink = view.getUint32(at + DINODE.offset.nlink);
    const mode = view.getUint16(at + DINODE.offset.mode);
    if (nblocks !== 0n) say(`bad nblocks ${BigInt.asIntN(64, nblocks)} for free inode ${ino}\n`);
    if (nlink !== 0) say(`bad nlink ${nlink | 0} for free inode ${ino}\n`);
    if (mode !== 0) say(`bad mode ${octal(mode)} for free inode ${ino}\n`);
  }

  private checkUsed(
    view: DataView,
    at: number,
    ino: number,
    inode: number,
    asked: boolean,
    say: (text: string) => void,
  ): void {
    const nextUnlinked = view.getUint32(at + DINODE.offset.next_unlinked);
    if (nextUnlinked !== 0xffffffff) say(`bad next unlinked ${hex(nextUnlinked)} for inode ${ino}\n`);
    const mode = view.getUint16(at + DINODE.offset.mode);
    const format = view.getUint8(at + DINODE.offset.format);
    const type = mode & S_IFMT;
    // C shifts by the format modulo 32.
    if (((FORMATS[type >> 12] ?? 0) & (1 << (format & 31))) === 0) {
      say(`bad format ${format} for inode ${ino} type ${octal(type)}\n`);
      return;
    }
    const forkoff = view.getUint8(at + DINODE.offset.forkoff);
    if (forkoff * 8 > this.geometry.inodesize - INODE_CORE_BYTES) {
      say(`bad fork offset ${forkoff} for inode ${ino}\n`);
      return;
    }
    const aformat = view.getUint8(at + DINODE.offset.aformat);
    if (aformat > FORK.BTREE) {
      say(`bad attribute format ${(aformat << 24) >> 24} for inode ${ino}\n`);
      return;
    }
    const { verbose } = this.usage.options;
    if (verbose || this.usage.isListed(inode) || asked) this.usage.say(describe(view, at, ino));
    const kind = this.kindOf(view, at, ino, inode, mode);
    this.setLinks(view, at, inode, ino, kind, mode);
    this.checkForks(view, at, ino, inode, kind, say);
  }

  /** What the blocks of the data fork are. */
  private kindOf(view: DataView, at: number, ino: number, inode: number, mode: number): number {
    const { superblock } = this;
    const isRealtime = (view.getUint16(at + DINODE.offset.flags) & (1 << DIFLAG.REALTIME)) !== 0;
    switch (mode & S_IFMT) {
      case S_IFDIR:
        return KIND.dir;
      case S_IFLNK:
        return KIND.symlink;
      case S_IFREG: {
        if (isRealtime) return KIND.rtdata;
        const special = this.specialKind(ino, superblock);
        if (special === undefined) return KIND.data;
        // No directory names these.
        this.addLink(inode);
        return special;
      }
      default:
        return KIND.unknown;
    }
  }

  private specialKind(ino: number, superblock: SuperblockFields): number | undefined {
    if (ino === superblock.rbmino) return KIND.rtbitmap;
    if (ino === superblock.rsumino) return KIND.rtsum;
    const { uquotino, gquotino, pquotino } = superblock;
    return ino === uquotino || ino === gquotino || ino === pquotino ? KIND.quota : undefined;
  }

  addLink(inode: number): void {
    const { inodes, options } = this.usage;
    const links = ++inodes.linksCounted[inode]!;
    if (options.verbose || this.usage.isListed(inode))
      this.usage.say(`inode ${inodes.ino[inode]} add link, now ${links}\n`);
  }

  private setLinks(view: DataView, at: number, inode: number, ino: number, kind: number, mode: number): void {
    const { inodes, options } = this.usage;
    const type = mode & S_IFMT;
    const plain = type === S_IFDIR || type === S_IFLNK || (type === S_IFREG && (mode & S_ISUID_OR_GID) === 0);
    const reflink = (view.getUint32(at + DINODE.offset.flags2 + 4) & (1 << DIFLAG2.REFLINK)) !== 0;
    const isDirectory = kind === KIND.dir;
    const nlink = view.getUint32(at + DINODE.offset.nlink);
    inodes.linksSaid[inode] = nlink;
    inodes.flags[inode] =
      (inodes.flags[inode]! & IS_LISTED) |
      (isDirectory ? IS_DIRECTORY : 0) |
      (reflink ? IS_REFLINK : 0) |
      (plain ? 0 : IS_SECURITY);
    if (options.verbose || this.usage.isListed(inode))
      this.usage.say(`inode ${ino} nlink ${nlink} ${isDirectory ? 'is' : 'not'} dir\n`);
  }

  private checkForks(
    view: DataView,
    at: number,
    ino: number,
    inode: number,
    kind: number,
    say: (text: string) => void,
  ): void {
    const map = new BlockMap();
    const keepsMap = [KIND.dir, KIND.rtbitmap, KIND.rtsum, KIND.quota].includes(kind);
    const data: ForkState = {
      ...{ inode, ino, kind, isData: true, map: keepsMap ? map : undefined },
      ...{ blocks: 0, treeBlocks: 0, extents: 0 },
    };
    const attr: ForkState = { ...data, kind: KIND.attr, isData: false, map: undefined };
    this.readFork(view, at, data);
    if (view.getUint8(at + DINODE.offset.forkoff) !== 0) {
      this.sawAttributes = true;
      this.readFork(view, at, attr);
    }
    const total = data.blocks + data.treeBlocks + attr.blocks + attr.treeBlocks;
    const nblocks = view.getBigInt64(at + DINODE.offset.nblocks);
    if (BigInt(total) !== nblocks) say(`bad nblocks ${nblocks} for inode ${ino}, counted ${total}\n`);
    const extents = dataExtents(view, at);
    if (data.extents !== extents)
      say(`bad nextents ${extents | 0} for inode ${ino}, counted ${data.extents | 0}\n`);
    const anextents = attrExtents(view, at);
    if (attr.extents !== anextents)
      say(`bad anextents ${anextents | 0} for inode ${ino}, counted ${attr.extents | 0}\n`);
    this.content({
      ...{ view, at, ino, inode, kind, map },
      dataBlocks: data.blocks,
      dataTreeBlocks: data.treeBlocks,
      attrBlocks: attr.blocks + attr.treeBlocks,
    });
  }

  private readFork(view: DataView, at: number, fork: ForkState): void {
    const { inodesize } = this.geometry;
    const dataBytes = dataForkBytes(view, at, inodesize);
    const bytes = fork.isData ? dataBytes : attrForkBytes(view, at, inodesize);
    const start = at + INODE_CORE_BYTES + (fork.isData ? 0 : dataBytes);
    const format = view.getUint8(at + (fork.isData ? DINODE.offset.format : DINODE.offset.aformat));
    if (format === FORK.LOCAL) this.localFork(view, at, start, bytes, fork);
    else if (format === FORK.EXTENTS) this.extentFork(view, at, start, bytes, fork);
    else if (format === FORK.BTREE) this.treeFork(view, at, start, bytes, fork);
  }

  private localFork(view: DataView, at: number, start: number, bytes: number, fork: ForkState): void {
    const { usage, geometry } = this;
    const { ino } = fork;
    const fsbno = geometry.fsbno(geometry.inoAgno(ino), geometry.aginoAgbno(geometry.inoAgino(ino)));
    const loud = usage.isListed(fork.inode) || usage.isAskedFsbno(fsbno);
    if (fork.isData) {
      const size = view.getBigUint64(at + DINODE.offset.size);
      if (size > BigInt(bytes)) {
        const text = `local inode ${ino} data is too large (size ${BigInt.asIntN(64, size)})\n`;
        usage.fail(text, loud);
      }
      return;
    }
    const size = bytes >= 2 ? view.getUint16(start) : 0;
    if (size > bytes) usage.fail(`local inode ${ino} attr is too large (size ${size})\n`, loud);
  }

  private extentFork(view: DataView, at: number, start: number, bytes: number, fork: ForkState): void {
    const extents = fork.isData ? dataExtents(view, at) : attrExtents(view, at);
    fork.extents = extents;
    // Whatever the counters may hold, what does not fit into the fork is less.
    if (extents > Math.floor(bytes / BMBT_RECORD.size)) {
      const count = this.extentWord(view, at, fork.isData);
      this.usage.fail(
        `bad number of extents ${count} for inode ${fork.ino}\n`,
        this.usage.isListed(fork.inode),
      );
      return;
    }
    this.records(view, start, extents, fork);
  }

  private extentWord(view: DataView, at: number, isData: boolean): string {
    const large = (view.getUint32(at + DINODE.offset.flags2 + 4) & (1 << DIFLAG2.NREXT64)) !== 0;
    if (isData && large) return view.getBigUint64(at + DINODE.offset.big_nextents).toString();
    return String(isData ? dataExtents(view, at) : attrExtents(view, at));
  }

  private treeFork(view: DataView, at: number, start: number, bytes: number, fork: ForkState): void {
    const { usage, geometry } = this;
    const { agblklog, dblocks } = geometry;
    const loud = usage.isListed(fork.inode);
    const name = fork.isData ? 'data' : 'attr';
    const level = view.getUint16(start);
    const count = view.getUint16(start + 2);
    const tallest = maxBmbtLevels(fork.isData ? 'data' : 'attr', geometry);
    if (level >= tallest) {
      usage.fail(`level for ino ${fork.ino} ${name} fork bmap root too large (${level})\n`, loud);
      return;
    }
    const most = maxRootKeys(bytes);
    if (count > most) {
      usage.fail(`numrecs for ino ${fork.ino} ${name} fork bmap root too large (${count})\n`, loud);
      return;
    }
    if (level === 0) {
      this.records(view, start + BMDR_HEADER.size, count, fork);
      fork.extents += count;
      return;
    }
    const said = Number(view.getBigUint64(at + DINODE.offset.nblocks));
    this.walk.allow(Math.min(dblocks, Math.max(4096, said)));
    for (let i = 0; i < count; i++) {
      const word = start + BMDR_HEADER.size + most * 8 + 8 * i;
      const agno = wordAgno(view, word, agblklog);
      this.walk.long(agno, wordAgbno(view, word, agblklog), level - 1, {
        block: (block, blockLevel, blockAgno, agbno, isRoot) =>
          this.treeBlock(block, blockLevel, blockAgno, agbno, isRoot, fork),
        lost: (lostAgno, agbno) => usage.fail(`can't read btree block ${lostAgno}/${agbno}\n`),
      });
    }
    if (fork.extents <= Math.floor(bytes / BMBT_RECORD.size)) {
      const text = `extent count for ino ${fork.ino} ${name} fork too low (${fork.extents}) for file format`;
      usage.fail(`${text}\n`, loud);
    }
  }

  /** A bmbt block; the number of children to follow. */
  private treeBlock(
    view: DataView,
    level: number,
    agno: number,
    agbno: number,
    isRoot: boolean,
    fork: ForkState,
  ): number {
    const { usage, geometry } = this;
    const { ino } = fork;
    const fsbno = agno * 2 ** geometry.agblklog + agbno;
    const loud = usage.isListed(fork.inode) || usage.isAskedFsbno(fsbno);
    const magic = view.getUint32(0);
    const said = view.getUint16(LONG_HEADER.offset.level);
    const place = `inode ${ino} bmbt block ${agno}/${agbno}`;
    if (magic !== BTREE.bmapbt.magic) usage.fail(`bad magic # ${hex(magic)} in ${place}\n`, loud);
    if (said !== level) usage.fail(`expected level ${level} got ${said} in ${place}\n`, loud);
    usage.set(agno, agbno, 1, fork.kind, agno, agbno);
    usage.setOwner(agno, agbno, 1, fork.inode);
    fork.treeBlocks++;
    const count = view.getUint16(LONG_HEADER.offset.numrecs);
    const most = maxRecords(BTREE.bmapbt, level, geometry.blocksize);
    const least = most >>> 1;
    if (count > most || (!isRoot && count < least)) {
      const limits = `(${count}, min=${least}, max=${most})`;
      usage.fail(`bad btree nrecs ${limits} in inode ${ino} bmap block ${fsbno}\n`, loud);
      return 0;
    }
    if (level > 0) return count;
    fork.extents += count;
    this.records(view, LONG_HEADER.size, count, fork);
    return 0;
  }

  /** Extent records from byte `at` on. */
  private records(view: DataView, at: number, count: number, fork: ForkState): void {
    const { usage } = this;
    const { silent, verbose } = usage.options;
    const loud = verbose || usage.isListed(fork.inode);
    let end = 0;
    for (let i = 0; i < count; i++, at += BMBT_RECORD.size) {
      const high = view.getUint32(at);
      const fileoff = (high & 0x7fffffff) * 2 ** 23 + (view.getUint32(at + 4) >>> 9);
      const word = view.getUint32(at + 8);
      const start =
        (view.getUint32(at + 4) & 0x1ff) * 2 ** 43 + word * 2 ** 11 + (view.getUint32(at + 12) >>> 21);
      const blocks = view.getUint32(at + 12) & 0x1fffff;
      if (loud) usage.say(`inode ${fork.ino} extent [${fileoff},${start},${blocks},${high >>> 31}]\n`);
      if (!silent && i > 0 && end > fileoff)
        usage.say(`bmap rec out of order, inode ${fork.ino} entry ${i}\n`);
      end = fileoff + blocks;
      if (!silent && !this.isSane(start, blocks, fileoff, fork)) continue;
      fork.map?.add(fileoff, start, blocks);
      this.take(start, blocks, fileoff, fork);
      fork.blocks += blocks;
    }
  }

  private isSane(start: number, blocks: number, fileoff: number, fork: ForkState): boolean {
    const { usage, geometry } = this;
    const { ino } = fork;
    if (fork.kind === KIND.rtdata) {
      if (this.realtime.isBlock(start)) return true;
      usage.say(`inode ${ino} bad rt block number ${start}, offset ${fileoff}\n`);
      return false;
    }
    const agno = geometry.fsbnoAgno(start);
    const agbno = geometry.fsbnoAgbno(start);
    const bad = (block: number, inAg: number) => {
      const place = `[${agno | 0},${inAg | 0}], offset ${fileoff}`;
      usage.say(`inode ${ino} bad block number ${block} ${place}\n`);
      return false;
    };
    if (agno >= geometry.agcount || agbno >= geometry.agblocks) return bad(start, agbno);
    // An extent of no blocks at block 0 has its last block before it, which is no block.
    const last = agbno + blocks - 1;
    return (last >= 0 && last < geometry.agblocks) || bad(start + blocks - 1, agbno + blocks - 1);
  }

  private take(start: number, blocks: number, fileoff: number, fork: ForkState): void {
    const { usage, geometry } = this;
    const { inode, ino, kind } = fork;
    if (kind === KIND.rtdata) {
      this.realtime.set(start, blocks, KIND.rtdata);
      this.realtime.setOwner(start, blocks, inode);
    } else {
      const agno = geometry.fsbnoAgno(start) >>> 0;
      const agbno = geometry.fsbnoAgbno(start);
      const own = geometry.inoAgino(ino);
      usage.set(agno, agbno, blocks, kind, geometry.inoAgno(ino), geometry.aginoAgbno(own));
      usage.setOwner(agno, agbno, blocks, inode);
    }
    if (usage.asked.size === 0) return;
    for (const fsbno of [...usage.asked].sort((a, b) => a - b)) {
      if (fsbno < start || fsbno >= start + blocks) continue;
      usage.say(`inode ${ino} block ${fsbno} at offset ${fileoff + fsbno - start}\n`);
    }
  }
}

function describe(view: DataView, at: number, ino: number): string {
  const formats = [DINODE.offset.format, DINODE.offset.aformat].map(
    (byte) => FORMAT_NAMES[view.getUint8(at + byte)],
  );
  const flags = view.getUint16(at + DINODE.offset.flags);
  const names = FLAG_NAMES.filter(([bit]) => (flags & (1 << bit)) !== 0).map(([, name]) => name);
  return (
    `inode ${ino} mode ${octal(view.getUint16(at + DINODE.offset.mode))} fmt ${formats[0]} afmt ${formats[1]} ` +
    `nex ${dataExtents(view, at) | 0} anex ${attrExtents(view, at) | 0} ` +
    `nblk ${view.getBigInt64(at + DINODE.offset.nblocks)} sz ${view.getBigInt64(at + DINODE.offset.size)}` +
    `${names.join('')}\n`
  );
}
