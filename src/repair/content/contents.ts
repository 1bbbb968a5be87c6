/** What readers of contents have in common: what they read from, and how they are called. */
import type { Context } from '../observe/context.ts';
import type { ForkExtents } from '../observe/forkextents.ts';
import type { InodeTable } from '../observe/inodetable.ts';
import type { ForkBlocks } from './forkblocks.ts';
import type { ParentRecords } from './parentrecords.ts';

/** What all readers of contents share. */
export interface Contents {
  readonly context: Context;
  readonly forks: ForkExtents;
  readonly inodes: InodeTable;
  readonly blocks: ForkBlocks;
  /** Where directory entries and PARENT attributes are noted; only on filesystems with parent pointers. */
  readonly parents: ParentRecords | undefined;
}

/** Looks into one fork; `blocks` is open at it. */
export interface ContentReader {
  read(fork: number): void;
  /** All forks were read. */
  finish?(): void;
}
