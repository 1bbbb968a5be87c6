/**
 * What users, groups and projects use, counted from the inodes: blocks, inodes, realtime blocks.
 *
 * Every inode in use counts for its three ids, also those that no directory names, but not the quota inodes
 * themselves. Blocks are those of the inode's own counter (both forks and their btrees) less the realtime ones.
 * Only made when quota is on, for the types whose records are to be compared; memory goes by the ids in use.
 */

import type { QuotaType } from '../../format/dquot.ts';
import { DIFLAG, DINODE } from '../../format/inode.ts';
import { count64 } from '../observe/extent.ts';
import { NumberList } from '../observe/list.ts';
import type { RealtimeExtents } from '../observe/rtextent.ts';

const AT = { ...DINODE.offset };

/** Use by the ids of one type. Rows are ids in the order they were met. */
export class IdUsage {
  readonly id = new NumberList();
  readonly inodes = new NumberList();
  readonly blocks = new NumberList();
  readonly rtblocks = new NumberList();
  /** 1: the id has a record on disk. */
  readonly recorded = new NumberList();
  private readonly rows = new Map<number, number>();

  /** The row of `id`, or -1. */
  find(id: number): number {
    return this.rows.get(id) ?? -1;
  }

  /** The row of `id`, made when missing. */
  row(id: number): number {
    const known = this.rows.get(id);
    if (known !== undefined) return known;
    const row = this.id.length;
    this.rows.set(id, row);
    this.id.push(id);
    for (const column of [this.inodes, this.blocks, this.rtblocks, this.recorded]) column.push(0);
    return row;
  }

  get length(): number {
    return this.id.length;
  }
}

export class QuotaUsage {
  readonly user: IdUsage | undefined;
  readonly group: IdUsage | undefined;
  readonly project: IdUsage | undefined;
  /** Quota inodes: what they use counts for nobody. */
  private readonly exempt: ReadonlySet<number>;
  /** Realtime inodes: their rows in the three lists follow, -1 where a type is not counted. */
  private readonly realtime = new Map<number, number>();
  private readonly realtimeRows = new NumberList();

  constructor(types: ReadonlySet<QuotaType>, exempt: ReadonlySet<number>) {
    this.user = types.has('user') ? new IdUsage() : undefined;
    this.group = types.has('group') ? new IdUsage() : undefined;
    this.project = types.has('project') ? new IdUsage() : undefined;
    this.exempt = exempt;
  }

  /** Counts the inode in use at `at`. */
  add(view: DataView, at: number, ino: number): void {
    if (this.exempt.has(ino)) return;
    const blocks = count64(view, at + AT.nblocks);
    const project = view.getUint16(at + AT.projid_hi) * 0x10000 + view.getUint16(at + AT.projid_lo);
    const user = count(this.user, view.getUint32(at + AT.uid), blocks);
    const group = count(this.group, view.getUint32(at + AT.gid), blocks);
    const third = count(this.project, project, blocks);
    if ((view.getUint16(at + AT.flags) & (1 << DIFLAG.REALTIME)) === 0) return;
    this.realtime.set(ino, this.realtimeRows.length);
    for (const row of [user, group, third]) this.realtimeRows.push(row);
  }

  /** Which of the blocks counted are realtime blocks is known when all extents are. */
  settleRealtime(extents: RealtimeExtents): void {
    for (let i = 0; i < extents.length; i++) {
      const at = this.realtime.get(extents.ino.at(i));
      if (at === undefined) continue;
      const blocks = extents.count.at(i);
      [this.user, this.group, this.project].forEach((usage, type) => {
        if (!usage) return;
        const row = this.realtimeRows.at(at + type);
        usage.blocks.set(row, usage.blocks.at(row) - blocks);
        usage.rtblocks.set(row, usage.rtblocks.at(row) + blocks);
      });
    }
  }
}

function count(usage: IdUsage | undefined, id: number, blocks: number): number {
  if (!usage) return -1;
  const row = usage.row(id);
  usage.inodes.set(row, usage.inodes.at(row) + 1);
  usage.blocks.set(row, usage.blocks.at(row) + blocks);
  return row;
}
