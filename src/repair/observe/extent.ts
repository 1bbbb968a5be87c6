/**
 * Extent records of one fork, wherever they lie (in the inode or in a leaf of its btree): what they claim, and the
 * two counters of the inode that must agree with them.
 *
 * Records are 16 bytes, packed: unwritten 1 bit, file offset 54, block 52, length 21. Offsets rise; extents neither
 * overlap nor leave their AG. A bad record is reported and claims nothing, and sets `filesLost`.
 */
import type { FindingCode } from '../../format/findings.ts';
import { type ExtentColumns, FLAG_ATTR, FLAG_UNWRITTEN } from '../../fs/space/columns.ts';
import type { Context } from './context.ts';
import type { ForkExtents } from './forkextents.ts';
import { RealtimeExtents } from './rtextent.ts';

/** No file reaches beyond 2^63 bytes, though the record has room for it; so offsets in blocks stay below 2^53. */
const LARGEST_FILE_BYTES = 2 ** 63;

/** Reads extent records and claims their blocks; results in fields, since it runs for every file. */
export class ExtentReader {
  /** Of the last call: extents and blocks that were good, first offset, and where the last extent ended. */
  extents = 0;
  blocks = 0;
  first = 0;
  end = 0;
  /** Set before a call: the data fork is a regular file's, which alone may hold unwritten extents. */
  regular = true;
  /** Where good extents are noted besides, and under which of its forks; -1: nowhere. */
  readonly kept: ForkExtents;
  /** Where good extents of realtime files are noted instead. */
  readonly realtime = new RealtimeExtents();
  keepAs = -1;
  private readonly context: Context;
  private readonly owners: readonly ExtentColumns[];
  private readonly agPower: number;
  private readonly offsetLimit: number;

  constructor(context: Context, owners: readonly ExtentColumns[], kept: ForkExtents) {
    this.context = context;
    this.kept = kept;
    this.owners = owners;
    this.agPower = 2 ** context.geometry.agblklog;
    this.offsetLimit = LARGEST_FILE_BYTES / context.geometry.blocksize;
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
      const wrong = this.wrongness(i, offset, fsbno, agno, agbno, blocks, realtime);
      if (wrong !== undefined) {
        this.report(ino, attr, offset, wrong);
        if (this.keepAs >= 0) this.kept.lost.set(this.keepAs, 1);
        good = false;
        continue;
      }
      this.end = offset + blocks;
      this.extents++;
      this.blocks += blocks;
      if (realtime) {
        this.realtime.push(fsbno, blocks, ino, offset);
        continue;
      }
      if (this.keepAs >= 0) this.kept.push(this.keepAs, offset, fsbno, blocks);
      // What is kept of regular files are quota, realtime bitmap and summary.
      const mayBe = !attr && this.regular && this.keepAs < 0;
      // The blocks are known all the same, and what the bit should be too.
      if (unwritten && !mayBe) this.report(ino, attr, offset, `extent ${i + 1} is unwritten`, false);
      const flags = (attr ? FLAG_ATTR : 0) | (unwritten && mayBe ? FLAG_UNWRITTEN : 0);
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
    realtime: boolean,
  ): string | undefined {
    const { geometry } = this.context;
    if (blocks === 0) return `extent ${index + 1} is empty`;
    if (offset < this.end)
      return `extent ${index + 1} begins before block ${this.end}, where the last one ended`;
    if (offset + blocks > this.offsetLimit) return `extent ${index + 1} of ${blocks} blocks is too far out`;
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

  private report(ino: number, attr: boolean, fileoff: number, text: string, lost = true): void {
    const { context } = this;
    if (lost) context.filesLost = true;
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
  reportInode(
    context,
    'INODE_EXTENT_COUNT',
    ino,
    `${field} ${said}, ${found} extents found`,
    field,
    found,
    said,
  );
}

export function checkBlockCount(context: Context, ino: number, said: number, found: number): void {
  if (said === found) return;
  if (found < said) context.filesLost = true;
  reportInode(
    context,
    'INODE_BLOCK_COUNT',
    ino,
    `nblocks ${said}, ${found} blocks found`,
    'nblocks',
    found,
    said,
  );
}

export function reportInode(
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
export function count64(view: DataView, at: number): number {
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}
