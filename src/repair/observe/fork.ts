/**
 * Forks of inodes: what their extents claim. Extents stored in the inode are claimed at once; forks with a
 * btree are handed to bmbt.ts, and the inode's counters are settled when that is done.
 *
 * A fork that cannot be read in full sets `filesLost`: blocks may then be owned that nobody knows of.
 */
import { BMDR_HEADER, maxRootKeys } from '../../format/btree.ts';
import { FEATURES } from '../../format/features.ts';
import {
  DIFLAG,
  DIFLAG2,
  DINODE,
  FORK,
  INODE_CORE_BYTES,
  S_IFDIR,
  S_IFLNK,
  S_IFREG,
} from '../../format/inode.ts';
import { SUPERBLOCK } from '../../format/superblock.ts';
import type { ParentRecords } from '../content/parentrecords.ts';
import type { BmbtWalk } from './bmbt.ts';
import type { Context } from './context.ts';
import {
  checkBlockCount,
  checkExtentCount,
  count64,
  type ExtentReader,
  forkName,
  reportInode,
} from './extent.ts';
import { CONTENT, type ForkExtents } from './forkextents.ts';
import { InlineReader } from './inline.ts';

/** The feature bit in versionnum. */
const ATTRIBUTES = FEATURES.find(({ name }) => name === 'ATTR')!.bit;

/** File type: the upper four bits of the mode. */
const DIRECTORY = S_IFDIR >>> 12;
const REGULAR = S_IFREG >>> 12;
const SYMLINK = S_IFLNK >>> 12;

export class ForkReader {
  private readonly context: Context;
  private readonly extents: ExtentReader;
  private readonly bmbt: BmbtWalk;
  /** The verifier has spoken about this inode: what is lost by it needs no finding of its own. */
  private reported = false;
  private readonly kept: ForkExtents;
  /** Inodes that the superblock names and that are files: their content has a form. */
  private readonly special: ReadonlySet<number>;
  private readonly inlined: InlineReader;
  private readonly parents: ParentRecords | undefined;
  /** The superblock says that there may be attributes, or that it does not was reported. */
  private attributesKnown: boolean;

  constructor(
    context: Context,
    extents: ExtentReader,
    bmbt: BmbtWalk,
    superblock: Uint8Array,
    parents?: ParentRecords,
  ) {
    this.context = context;
    this.extents = extents;
    this.bmbt = bmbt;
    this.kept = extents.kept;
    this.inlined = new InlineReader(context, parents);
    this.parents = parents;
    const sb = SUPERBLOCK.over(superblock);
    this.attributesKnown = (sb.versionnum & ATTRIBUTES) !== 0;
    this.special = new Set(
      [sb.rbmino, sb.rsumino, sb.uquotino, sb.gquotino, sb.pquotino].filter((n) => n > 0),
    );
  }

  /**
   * Claims what the allocated inode at `at` owns, and keeps what is to be looked into. Returns the number of data
   * extents by its own account. `row`: the inode's in the InodeTable.
   * `reported`: the core's verifier has found something, so a fork that cannot be read needs no second finding.
   */
  read(view: DataView, at: number, ino: number, row: number, reported: boolean): number {
    this.reported = reported;
    const literal = this.context.geometry.inodesize - INODE_CORE_BYTES;
    const type = view.getUint16(at + DINODE.offset.mode) >>> 12;
    const wide = (view.getUint32(at + DINODE.offset.flags2 + 4) & (1 << DIFLAG2.NREXT64)) !== 0;
    const nextents = wide
      ? count64(view, at + DINODE.offset.big_nextents)
      : view.getUint32(at + DINODE.offset.nextents);
    const anextents = wide
      ? view.getUint32(at + DINODE.offset.nextents)
      : view.getUint16(at + DINODE.offset.anextents);
    const nblocks = count64(view, at + DINODE.offset.nblocks);
    const forkoff = view.getUint8(at + DINODE.offset.forkoff) * 8;
    const format = view.getUint8(at + DINODE.offset.format);
    const aformat = view.getUint8(at + DINODE.offset.aformat);
    const shape = this.shapeFault(type, format, aformat, forkoff, literal, anextents);
    const size = count64(view, at + DINODE.offset.size);
    const keepAs = this.beginData(type, ino, row, size, format);
    if (shape !== undefined) {
      this.forkFault(ino, shape);
      this.parents?.loseAttributes(row);
      if (keepAs >= 0) this.kept.lost.set(keepAs, 1);
      return nextents;
    }
    const dataBytes = forkoff === 0 ? literal : forkoff;
    const attrBytes = forkoff === 0 ? 0 : literal - forkoff;
    const start = at + INODE_CORE_BYTES;
    const realtime =
      (view.getUint16(at + DINODE.offset.flags) & (1 << DIFLAG.REALTIME)) !== 0 && type === REGULAR;
    const local = this.localFault(view, start, type, format, size, dataBytes);
    if (local !== undefined) {
      this.forkFault(ino, local);
      if (keepAs >= 0) this.kept.lost.set(keepAs, 1);
    } else if (type === SYMLINK && format === FORK.LOCAL) this.inlined.symlink(view, start, size, ino);
    else if (type === SYMLINK && size > 0 && size <= dataBytes)
      this.inlined.shortTarget(size, dataBytes, ino);

    let blocks = 0;
    let pending = false;
    this.extents.keepAs = keepAs;
    this.extents.regular = type === REGULAR;
    if (format === FORK.BTREE) pending = this.root(view, start, dataBytes, ino, false, realtime, nextents);
    else blocks += this.inline(view, start, format, dataBytes, nextents, ino, false, realtime);
    if (forkoff !== 0) {
      const attrStart = start + forkoff;
      const local = aformat === FORK.LOCAL;
      // Most files have a fork for attributes and nothing in it.
      const empty = aformat === FORK.EXTENTS && anextents === 0;
      this.extents.keepAs = local || empty ? -1 : this.kept.begin(CONTENT.ATTRIBUTE, ino, row, size, false);
      if (local) {
        const fault = this.inlined.attributes(view, attrStart, attrBytes, ino, row);
        if (fault !== undefined) this.forkFault(ino, fault);
      }
      const any = local ? attrBytes >= 4 && view.getUint8(attrStart + 2) > 0 : anextents > 0;
      if (any && !this.attributesKnown) this.reportFeature(ino);
      if (aformat === FORK.BTREE) {
        pending = this.root(view, attrStart, attrBytes, ino, true, false, anextents) || pending;
      } else blocks += this.inline(view, attrStart, aformat, attrBytes, anextents, ino, true, false);
    }
    if (pending) this.bmbt.settleLater(ino, nblocks, blocks);
    else checkBlockCount(this.context, ino, nblocks, blocks);
    return nextents;
  }

  /** The data fork's number in ForkExtents when its content has a form, else -1. */
  private beginData(type: number, ino: number, row: number, size: number, format: number): number {
    const local = format === FORK.LOCAL;
    if (type === DIRECTORY) return this.kept.begin(CONTENT.DIRECTORY, ino, row, size, local);
    if (type === SYMLINK) return local ? -1 : this.kept.begin(CONTENT.SYMLINK, ino, row, size, false);
    return this.special.has(ino) ? this.kept.begin(CONTENT.SPECIAL, ino, row, size, local) : -1;
  }

  /** Formats and the boundary between the forks. */
  private shapeFault(
    type: number,
    format: number,
    aformat: number,
    forkoff: number,
    literal: number,
    anextents: number,
  ): string | undefined {
    if (forkoff >= literal) return `attribute fork at ${forkoff}, the inode has ${literal} bytes`;
    const inlined = type === DIRECTORY || type === SYMLINK || type === REGULAR;
    if (!inlined && format !== FORK.DEV) return `data fork format ${format}, expected ${FORK.DEV}`;
    if (inlined && (format < FORK.LOCAL || format > FORK.BTREE)) return `data fork format ${format}`;
    if (type === REGULAR && format === FORK.LOCAL) return 'data of a regular file inside the inode';
    if (format === FORK.DEV && forkoff > 8) return `attribute fork at ${forkoff}, expected 8`;
    if (forkoff !== 0) {
      const good = aformat >= FORK.LOCAL && aformat <= FORK.BTREE;
      return good ? undefined : `attribute fork format ${aformat}`;
    }
    if (aformat !== FORK.EXTENTS && aformat !== 0)
      return `attribute fork format ${aformat}, but there is none`;
    return anextents === 0 ? undefined : `${anextents} attribute extents, but there is no attribute fork`;
  }

  private localFault(
    view: DataView,
    start: number,
    type: number,
    format: number,
    size: number,
    room: number,
  ): string | undefined {
    if (format === FORK.LOCAL) {
      if (size > room) return `size ${size}, the data fork has ${room} bytes`;
      if (type === DIRECTORY && size < (view.getUint8(start + 1) === 0 ? 6 : 10))
        return `directory of ${size} bytes`;
      return undefined;
    }
    return type === DIRECTORY && size <= room
      ? `directory of ${size} bytes is not inside the inode`
      : undefined;
  }

  private reportFeature(ino: number): void {
    this.attributesKnown = true;
    this.context.sink.add(
      'ATTR_FEATURE',
      { agno: 0, structure: 'sb', field: 'versionnum' },
      `superblock: versionnum has no attribute bit, inode ${ino} has attributes`,
    );
  }

  /** A fork whose extents are in the inode (or that has none). Returns the blocks claimed. */
  private inline(
    view: DataView,
    start: number,
    format: number,
    room: number,
    count: number,
    ino: number,
    attr: boolean,
    realtime: boolean,
  ): number {
    if (format !== FORK.EXTENTS) {
      if (count !== 0) checkExtentCount(this.context, ino, attr, count, 0);
      return 0;
    }
    if (count * 16 > room) {
      this.loseKept();
      this.forkFault(ino, `${forkName(attr)} fork: ${count} extents do not fit its ${room} bytes`);
      return 0;
    }
    if (count === 0) return 0;
    this.extents.read(view, start, count, ino, attr, realtime, 0);
    return this.extents.blocks;
  }

  /** Hands the root of a fork's btree to the walk. False when it cannot be followed. */
  private root(
    view: DataView,
    start: number,
    room: number,
    ino: number,
    attr: boolean,
    realtime: boolean,
    nextents: number,
  ): boolean {
    const most = maxRootKeys(room);
    const level = view.getUint16(start);
    const count = room < BMDR_HEADER.size ? 0 : view.getUint16(start + 2);
    if (most < 1 || level < 1 || level > this.bmbt.mostLevels || count < 1 || count > most) {
      this.loseKept();
      this.forkFault(
        ino,
        `${forkName(attr)} fork: btree root of level ${level} with ${count} keys, room for ${most}`,
      );
      return false;
    }
    this.bmbt.addFork(view, start + BMDR_HEADER.size, most, level, count, {
      ino,
      attr,
      regular: this.extents.regular,
      realtime,
      nextents,
      keepAs: this.extents.keepAs,
    });
    return true;
  }

  private loseKept(): void {
    const { kept, keepAs } = this.extents;
    if (keepAs >= 0) kept.lost.set(keepAs, 1);
  }

  private forkFault(ino: number, text: string): void {
    this.context.filesLost = true;
    if (!this.reported) reportInode(this.context, 'INODE_FORK', ino, text);
  }
}
