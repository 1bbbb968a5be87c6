/**
 * One quota inode: block n of it holds the records of the ids from n * perblock on. A block exists once one of its
 * ids was used, the others are holes; the inode's size stays 0. Counts are compared in both directions: an id in use
 * must have a record, and a record may count nothing that nobody holds.
 *
 * One block gives one finding however many of its records are bad: then it is the block that was hit.
 */
import {
  DISK_DQUOT,
  DQBLK,
  dquotsPerBlock,
  MAX_DQUOT_ID,
  QUOTA_INODE_FIELD,
  type QuotaType,
} from '../../format/dquot.ts';
import type { Where } from '../../format/findings.ts';
import type { Problem } from '../../format/problem.ts';
import { viewOf } from '../../format/struct.ts';
import { verifyDquot } from '../../format/verify.ts';
import { count64 } from '../observe/extent.ts';
import { ForkBlocks } from './forkblocks.ts';
import type { IdUsage, QuotaUsage } from './quotausage.ts';
import {
  findFork,
  type NamedInode,
  type NamedInodes,
  NO_FORK,
  readNamedInode,
  reportNamed,
  sizeOf,
} from './special.ts';

const AT = { ...DISK_DQUOT.offset };
/** An inode with more bad blocks than this holds no records at all; reading on could take for ever. */
const MOST_BAD_BLOCKS = 1000;

/** What a record counts, and the column of IdUsage that it must agree with. */
const COUNTS = [
  { field: 'bcount', at: AT.bcount, column: 'blocks' },
  { field: 'icount', at: AT.icount, column: 'inodes' },
  { field: 'rtbcount', at: AT.rtbcount, column: 'rtblocks' },
] as const;

interface BadRecord {
  readonly id: number;
  readonly problems: readonly Problem[];
}

export class QuotaFile {
  private readonly from: NamedInodes;
  private readonly type: QuotaType;
  private readonly named: NamedInode;
  private usage: IdUsage | undefined;
  private readonly perBlock: number;
  private badBlocks = 0;

  constructor(from: NamedInodes, type: QuotaType, ino: number) {
    this.from = from;
    this.type = type;
    this.named = {
      ino,
      what: `${type} quota inode`,
      field: QUOTA_INODE_FIELD[type],
      code: 'QUOTA_INODE',
    };
    this.perBlock = dquotsPerBlock(from.context.geometry.blocksize);
  }

  /** Whether the inode can hold records at all. */
  checkInode(): boolean {
    const inode = readNamedInode(this.from, this.named);
    if (!inode) return false;
    const size = sizeOf(inode);
    if (size !== 0) reportNamed(this.from.context, this.named, 'core.size', size, 0);
    return true;
  }

  /** `usage`: undefined when counts are not to be compared. */
  checkRecords(usage: QuotaUsage | undefined): void {
    const { forks } = this.from;
    this.usage = usage?.[this.type];
    const fork = findFork(forks, this.named.ino);
    if (fork === NO_FORK) return;
    const whole = this.readRecords(fork) && forks.lost.at(fork) === 0;
    if (whole && this.usage) this.reportMissing(this.usage);
  }

  /** Looks at all blocks; false when it was given up. */
  private readRecords(fork: number): boolean {
    const { forks, context } = this.from;
    const blocks = new ForkBlocks(context, forks);
    const most = Math.floor(MAX_DQUOT_ID / this.perBlock);
    blocks.open(fork);
    for (let i = 0; i < forks.count(fork); i++) {
      const first = forks.fileoff(forks.first(fork) + i);
      const end = first + forks.blockCount(forks.first(fork) + i);
      if (end - 1 > most) this.reportMapping(first, end - first, most);
      for (let fileoff = first; fileoff < Math.min(end, most + 1); fileoff++) {
        if (this.badBlocks > MOST_BAD_BLOCKS) return false;
        this.readBlock(blocks, fileoff);
      }
    }
    return true;
  }

  private readBlock(blocks: ForkBlocks, fileoff: number): void {
    const { context } = this.from;
    const { geometry } = context;
    const bytes = blocks.read(fileoff, 1, `${this.named.what} ${this.named.ino} block ${fileoff}`);
    const agno = geometry.fsbnoAgno(blocks.fsbno);
    const agbno = geometry.fsbnoAgbno(blocks.fsbno);
    const where = { agno, agbno, ino: this.named.ino, fileoff, structure: 'dqblk' };
    const view = bytes && viewOf(bytes);
    const bad: BadRecord[] = [];
    for (let slot = 0; slot < this.perBlock; slot++) {
      const id = fileoff * this.perBlock + slot;
      if (id > MAX_DQUOT_ID) break;
      const row = this.usage?.find(id) ?? -1;
      if (row >= 0) this.usage!.recorded.set(row, 1);
      if (!view) continue;
      const at = slot * DQBLK.size;
      const problems = verifyDquot(view, at, geometry, this.type, id);
      if (problems.length === 0) {
        const what = `${this.type} quota AG ${agno} block ${agbno} id ${id}`;
        context.checkLsn(view, at + DQBLK.offset.lsn, what, where);
      }
      if (this.usage && !problems.some((p) => p.stops) && this.compare(view, at, id, row, where)) continue;
      if (problems.length > 0) bad.push({ id, problems });
    }
    if (!view || bad.length > 1) this.badBlocks++;
    this.reportBad(bad, where);
  }

  /** Holds a record's counts against what is used; true when they differ. */
  private compare(view: DataView, at: number, id: number, row: number, where: Where): boolean {
    const usage = this.usage!;
    const wrong = COUNTS.map(({ field, at: offset, column }) => {
      const found = count64(view, at + offset);
      return { field, found, expected: row < 0 ? 0 : usage[column].at(row) };
    }).filter(({ found, expected }) => found !== expected);
    const first = wrong[0];
    if (!first) return false;
    const list = wrong.map(({ field, found, expected }) => `${field} ${found}, counted ${expected}`);
    this.from.context.sink.add(
      'QUOTA_COUNT',
      { ...where, field: `diskdq.${first.field}` },
      `${this.type} quota id ${id}: ${list.join('; ')}`,
      { found: first.found, expected: first.expected },
    );
    return true;
  }

  private reportBad(bad: readonly BadRecord[], where: Where): void {
    const record = bad[0];
    if (!record) return;
    const first = record.problems[0]!;
    const code = first.field === 'crc' ? 'DQUOT_CRC' : 'DQUOT_FIELD';
    const place = `${this.type} quota AG ${where.agno} block ${where.agbno}`;
    const text =
      bad.length === 1
        ? `${place} id ${record.id}: ${record.problems.map((p) => p.message).join('; ')}`
        : `${place}: ${bad.length} of ${this.perBlock} records are bad, the first that of id ${record.id}: ${first.message}`;
    const { found, expected } = first;
    this.from.context.sink.add(code, { ...where, field: first.field }, text, { found, expected });
  }

  private reportMapping(fileoff: number, blocks: number, most: number): void {
    const { context } = this.from;
    const { ino, what } = this.named;
    const where = { agno: context.geometry.inoAgno(ino), ino, fileoff, structure: 'data' };
    const text = `${what} ${ino}: ${blocks} blocks at offset ${fileoff}, the last record is in block ${most}`;
    context.sink.add('QUOTA_MAPPING', where, text);
  }

  /** Ids in use that no block was met for: one finding for each block that is missing. */
  private reportMissing(usage: IdUsage): void {
    const ids: number[] = [];
    for (let row = 0; row < usage.length; row++) {
      if (usage.recorded.at(row) === 0) ids.push(usage.id.at(row));
    }
    ids.sort((a, b) => a - b);
    for (let i = 0; i < ids.length; ) {
      const fileoff = Math.floor(ids[i]! / this.perBlock);
      let end = i;
      while (end < ids.length && Math.floor(ids[end]! / this.perBlock) === fileoff) end++;
      this.reportMissingBlock(fileoff, ids.slice(i, end));
      i = end;
    }
  }

  private reportMissingBlock(fileoff: number, ids: readonly number[]): void {
    const { context } = this.from;
    const { ino } = this.named;
    const where = {
      agno: context.geometry.inoAgno(ino),
      ino,
      fileoff,
      structure: 'dqblk',
      field: 'diskdq.id',
    };
    const text = `${this.type} quota: no record for ${ids.length === 1 ? 'id' : 'ids'} ${ids.join(', ')} in use`;
    context.sink.add('QUOTA_MISSING', where, text, { expected: ids[0]! });
  }
}
