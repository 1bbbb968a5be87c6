/**
 * What a block is in one of the images, by who owns it: headers, log, a btree block, inodes, or a block of an inode's
 * fork. What its bytes look like is not asked: they may be left over from an earlier use.
 */
import { CHUNK_INODES } from '../../format/geometry.ts';
import { isHole } from '../../fs/scan/chunk.ts';
import { SortedRuns } from '../../fs/scan/sortedruns.ts';
import { FLAG_ATTR, FLAG_BMBT, RunColumns } from '../../fs/space/columns.ts';
import type { Filesystem } from '../filesystem.ts';
import { SpaceIndex } from '../scan/spaceindex.ts';

export interface ForkRole {
  readonly kind: 'fork';
  /** Type of db that it is. */
  readonly type: 'bmapbtd' | 'bmapbta' | 'attr3' | 'dir3' | 'symlink' | 'dqblk' | 'data';
  readonly ino: number;
  readonly fileoff: number;
  /** All inodes that map it. */
  readonly owners: readonly number[];
}

export type Role =
  | { readonly kind: 'headers' | 'log' | 'inodes' | 'free' | 'unowned' | 'outside' }
  | { readonly kind: 'tree'; readonly type: string; readonly level: number }
  | ForkRole;

export class Roles {
  readonly filesystem: Filesystem;
  readonly index: SpaceIndex;
  private readonly inodes: readonly SortedRuns<RunColumns>[];
  private readonly free: readonly SortedRuns<RunColumns>[];
  private readonly directories: ReadonlySet<number>;
  private readonly symlinks: ReadonlySet<number>;
  private readonly quotas: ReadonlySet<number>;

  constructor(filesystem: Filesystem) {
    this.filesystem = filesystem;
    this.index = new SpaceIndex(filesystem);
    this.inodes = this.index.ags.map((_, agno) => new SortedRuns(this.inodeRuns(agno)));
    this.free = this.index.ags.map(({ free, freeList }) => {
      for (const agbno of freeList) free.push(agbno, 1);
      return new SortedRuns(free);
    });
    this.directories = new Set(this.index.directories);
    this.symlinks = new Set(this.index.symlinks);
    const { uquotino, gquotino, pquotino } = filesystem.superblock;
    this.quotas = new Set([uquotino, gquotino, pquotino].filter((ino) => ino > 0));
  }

  private inodeRuns(agno: number): RunColumns {
    const { geometry } = this.filesystem;
    const runs = new RunColumns();
    for (const record of this.index.ags[agno]!.chunks) {
      for (let i = 0; i < CHUNK_INODES; i += 4) {
        const agbno = geometry.aginoAgbno(record.startino + i);
        if (!isHole(record, i) && geometry.isAgbno(agno, agbno)) runs.push(agbno, 1);
      }
    }
    return runs;
  }

  role(agno: number, agbno: number): Role {
    const { geometry } = this.filesystem;
    if (!geometry.isAgbno(agno, agbno)) return { kind: 'outside' };
    if (agbno < geometry.headerBlocks) return { kind: 'headers' };
    if (this.isLog(agno, agbno)) return { kind: 'log' };
    const tree = this.index.ags[agno]!.trees.get(agbno);
    if (tree) return { kind: 'tree', type: tree.tree, level: tree.level };
    if (!this.inodes[agno]!.over(agbno, 1).next().done) return { kind: 'inodes' };
    const fork = this.fork(agno, agbno);
    if (fork) return fork;
    return { kind: this.free[agno]!.over(agbno, 1).next().done ? 'unowned' : 'free' };
  }

  private isLog(agno: number, agbno: number): boolean {
    const { geometry } = this.filesystem;
    const { logstart, logblocks } = geometry;
    if (logstart === 0 || geometry.fsbnoAgno(logstart) !== agno) return false;
    const first = geometry.fsbnoAgbno(logstart);
    return agbno >= first && agbno < first + logblocks;
  }

  private fork(agno: number, agbno: number): ForkRole | undefined {
    const runs = this.index.mapped(agno);
    const { columns } = runs;
    let found: ForkRole | undefined;
    const owners: number[] = [];
    for (const row of runs.over(agbno, 1)) {
      const ino = columns.owner[row]!;
      const flags = columns.flags[row]!;
      owners.push(ino);
      const isBmbt = (flags & FLAG_BMBT) !== 0;
      const fileoff = isBmbt ? 0 : columns.offset[row]! + agbno - columns.start[row]!;
      found ??= { kind: 'fork', type: this.typeOf(ino, flags), ino, fileoff, owners };
    }
    return found;
  }

  private typeOf(ino: number, flags: number): ForkRole['type'] {
    if ((flags & FLAG_BMBT) !== 0) return (flags & FLAG_ATTR) !== 0 ? 'bmapbta' : 'bmapbtd';
    if ((flags & FLAG_ATTR) !== 0) return 'attr3';
    if (this.directories.has(ino)) return 'dir3';
    if (this.symlinks.has(ino)) return 'symlink';
    return this.quotas.has(ino) ? 'dqblk' : 'data';
  }
}

/** A role in words, with the inode that owns the block. */
export function roleText(role: Role): string {
  if (role.kind === 'tree') return `${role.type} level ${role.level}`;
  if (role.kind === 'fork') return `${role.type} of inode ${role.ino}`;
  return role.kind === 'free' ? 'free space' : role.kind;
}

/** Whether its bytes mean something to db. */
export function isMetadata(role: Role): boolean {
  return ['headers', 'inodes', 'tree'].includes(role.kind) || (role.kind === 'fork' && role.type !== 'data');
}
