/** The commands, one row each; a command's module is evaluated only when it is called. */
import type { Command } from 'commander';

export interface CommandModule {
  /** Adds arguments, options and the action, which sets process.exitCode. */
  define(command: Command): void;
}

export interface CommandRow {
  readonly name: string;
  readonly summary: string;
  /** Exit status of every failure, where it is not the bits of fsck. */
  readonly failure?: number;
  load(): Promise<CommandModule>;
}

export const commands: readonly CommandRow[] = [
  {
    name: 'mkfs',
    summary: 'make a filesystem in an image file or on a block device',
    // As mkfs.xfs: made or not.
    failure: 1,
    load: () => import('./mkfs.ts'),
  },
  {
    name: 'db',
    summary: 'look at and edit structures and fields, as with xfs_db',
    load: () => import('./db.ts'),
  },
  {
    name: 'check',
    summary: 'find what is wrong with a filesystem; never writes',
    load: () => import('./check.ts'),
  },
  {
    name: 'repair',
    summary: 'mend what can be mended without loss',
    load: () => import('./repair.ts'),
  },
  {
    name: 'inject',
    summary: 'plant a named defect in a sound image',
    load: () => import('./inject.ts'),
  },
  {
    name: 'undo',
    summary: 'put back what a repair changed, from its undo journal',
    load: () => import('./undo.ts'),
  },
];
