/**
 * Forks of inodes: what their extents claim. Extents stored in the inode are claimed at once; forks with a
 * btree are handed to bmbt.ts, and the inode's counters are settled when that is done.
 *
 * A fork that cannot be read in full sets `filesLost`: blocks may then be owned that nobody knows of.
 */
import { BMDR_HEADER, maxRootKeys } from '../../format/btree.ts';
import type { FindingCode } from '../../format/findings.ts';
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
import { type ExtentColumns, FLAG_ATTR, FLAG_UNWRITTEN } from '../../fs/space/columns.ts';
import type { BmbtWalk } from './bmbt.ts';
import type { Context } from './context.ts';

/** File type: the upper four bits of the mode. */
const DIRECTORY = S_IFDIR >>> 12;
const REGULAR = S_IFREG >>> 12;
const SYMLINK = S_IFLNK >>> 12;
const LARGEST_FILEOFF = 2 ** 54;

/** Reads extent records and claims their blocks; results in fields, since it runs for every file. */
export class ExtentReader {
  /** Of the last call: extents and blocks that were good, first offset, and where the last extent ended. */
  extents = 0;
  blocks = 0;
  first = 0;
  end = 0;
  private readonly context: Context;
  private readonly owners: readonly ExtentColumns[];
  private readonly agPower: number;

  constructor(context: Context, owners: readonly ExtentColumns[]) {
    this.context = context;
    this.owners = owners;
    this.agPower = 2 ** context.geometry.agblklog;
  }

  /** `count` packed records at byte `at`; extents must begin at `from` or later. False when one was bad. */
  read(
    view: DataView,
    at: number,
    count: number,
    ino: number,
    attr: boolean,
    realtime: boolean,
    from: number,
  ): boolean {
    let good = true;
    this.extents = 0;
    this.blocks = 0;
    this.first = -1;
    this.end = from;
    for (let i = 0; i < count; i++, at += 16) {
      const w0 = view.getUint32(at);
      const w1 = view.getUint32(at + 4);
      const w2 = view.getUint32(at + 8);
      const w3 = view.getUint32(at + 12);
      const unwritten = w0 >>> 31;
      const offset = (w0 & 0x7fffffff) * 2 ** 23 + (w1 >>> 9);
      const fsbno = (w1 & 0x1ff) * 2 ** 43 + w2 * 2 ** 11 + (w3 >>> 21);
      const blocks = w3 & 0x1fffff;
      if (i === 0) this.first = offset;
      const agno = Math.floor(fsbno / this.agPower);
      const agbno = fsbno - agno * this.agPower;
      const wrong = this.wrongness(i, offset, fsbno, agno, agbno, blocks, attr, realtime, unwritten);
      if (wrong !== undefined) {
        this.report(ino, attr, offset, wrong);
        good = false;
        continue;
      }
      this.end = offset + blocks;
      this.extents++;
      this.blocks += blocks;
      if (realtime) continue;
      const flags = (attr ? FLAG_ATTR : 0) | (unwritten ? FLAG_UNWRITTEN : 0);
      this.owners[agno]!.push(agbno, blocks, ino, offset, flags);
    }
    return good;
  }

  private wrongness(
    index: number,
    offset: number,
    fsbno: number,
    agno: number,
    agbno: number,
    blocks: number,
    attr: boolean,
    realtime: boolean,
    unwritten: number,
  ): string | undefined {
    const { geometry } = this.context;
    if (blocks === 0) return `extent ${index + 1} is empty`;
    if (offset < this.end)
      return `extent ${index + 1} begins before block ${this.end}, where the last one ended`;
    if (offset + blocks > LARGEST_FILEOFF) return `extent ${index + 1} of ${blocks} blocks is too far out`;
    if (attr && unwritten) return `extent ${index + 1} of the attribute fork is unwritten`;
    if (realtime) {
      if (fsbno + blocks <= geometry.rblocks) return undefined;
      return `realtime extent ${fsbno} + ${blocks} leaves the device, ${geometry.rblocks} blocks`;
    }
    if (agno >= this.owners.length)
      return `extent of ${blocks} blocks is in AG ${agno}, there are ${this.owners.length}`;
    const length = geometry.agLength(agno);
    if (agbno >= geometry.headerBlocks && agbno + blocks <= length) return undefined;
    return `extent AG ${agno} block ${agbno} + ${blocks} leaves the AG, ${length} blocks`;
  }

  private report(ino: number, attr: boolean, fileoff: number, text: string): void {
    const { context } = this;
    context.filesLost = true;
    const agno = context.geometry.inoAgno(ino);
    const where = { agno, ino, fileoff, structure: forkName(attr) };
    context.sink.add(
      'INODE_EXTENT',
      where,
      `inode ${ino} ${forkName(attr)} fork: offset ${fileoff}: ${text}`,
    );
  }
}

export function forkName(attr: boolean): string {
  return attr ? 'attr' : 'data';
}

export class ForkReader {
  private readonly context: Context;
  private readonly extents: ExtentReader;
  private readonly bmbt: BmbtWalk;
  /** The verifier has spoken about this inode: what is lost by it needs no finding of its own. */
  private reported = false;

  constructor(context: Context, extents: ExtentReader, bmbt: BmbtWalk) {
    this.context = context;
    this.extents = extents;
    this.bmbt = bmbt;
  }

  /**
   * Claims what the allocated inode at `at` owns. Returns the number of data extents by its own account.
   * `reported`: the core's verifier has found something, so a fork that cannot be read needs no second finding.
   */
  read(view: DataView, at: number, ino: number, reported: boolean): number {
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
    if (shape !== undefined) {
      this.forkFault(ino, shape);
      return nextents;
    }
    const dataBytes = forkoff === 0 ? literal : forkoff;
    const attrBytes = forkoff === 0 ? 0 : literal - forkoff;
    const start = at + INODE_CORE_BYTES;
    const realtime =
      (view.getUint16(at + DINODE.offset.flags) & (1 << DIFLAG.REALTIME)) !== 0 && type === REGULAR;
    const size = count64(view, at + DINODE.offset.size);
    const local = this.localFault(view, start, type, format, size, dataBytes);
    if (local !== undefined) this.forkFault(ino, local);

    let blocks = 0;
    let pending = false;
    if (format === FORK.BTREE) pending = this.root(view, start, dataBytes, ino, false, realtime, nextents);
    else blocks += this.inline(view, start, format, dataBytes, nextents, ino, false, realtime);
    if (forkoff !== 0) {
      const attrStart = start + forkoff;
      if (aformat === FORK.LOCAL) this.checkLocalAttr(view, attrStart, attrBytes, ino);
      if (aformat === FORK.BTREE) {
        pending = this.root(view, attrStart, attrBytes, ino, true, false, anextents) || pending;
      } else blocks += this.inline(view, attrStart, aformat, attrBytes, anextents, ino, true, false);
    }
    if (pending) this.bmbt.settleLater(ino, nblocks, blocks);
    else checkBlockCount(this.context, ino, nblocks, blocks);
    return nextents;
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

  private checkLocalAttr(view: DataView, start: number, room: number, ino: number): void {
    const total = room >= 4 ? view.getUint16(start) : 0;
    if (total < 4 || total > room) {
      this.forkFault(ino, `attributes of ${total} bytes, the attribute fork has ${room}`);
    }
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
      this.forkFault(
        ino,
        `${forkName(attr)} fork: btree root of level ${level} with ${count} keys, room for ${most}`,
      );
      return false;
    }
    this.bmbt.addFork(view, start + BMDR_HEADER.size, most, level, count, { ino, attr, realtime, nextents });
    return true;
  }

  private forkFault(ino: number, text: string): void {
    this.context.filesLost = true;
    if (!this.reported) report(this.context, 'INODE_FORK', ino, text);
  }
}

export function checkExtentCount(
  context: Context,
  ino: number,
  attr: boolean,
  said: number,
  found: number,
): void {
  if (said === found) return;
  // Fewer extents than the inode counts: some may be lost.
  if (found < said) context.filesLost = true;
  const field = attr ? 'anextents' : 'nextents';
  report(context, 'INODE_EXTENT_COUNT', ino, `${field} ${said}, ${found} extents found`, field, found, said);
}

export function checkBlockCount(context: Context, ino: number, said: number, found: number): void {
  if (said === found) return;
  if (found < said) context.filesLost = true;
  report(context, 'INODE_BLOCK_COUNT', ino, `nblocks ${said}, ${found} blocks found`, 'nblocks', found, said);
}

export function report(
  context: Context,
  code: FindingCode,
  ino: number,
  text: string,
  field?: string,
  expected?: number,
  found?: number,
): void {
  const agno = context.geometry.inoAgno(ino);
  const where = { agno, ino, ...(field === undefined ? {} : { field }) };
  const numbers = expected === undefined || found === undefined ? {} : { found, expected };
  context.sink.add(code, where, `inode ${ino}: ${text}`, numbers);
}

/** An unsigned 64-bit number; inexact, but still large, from 2^53 on. */
function count64(view: DataView, at: number): number {
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}
