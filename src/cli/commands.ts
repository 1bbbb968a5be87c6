/** The commands, one row each; a command's module is evaluated only when it is called. */
import type { CommandRow } from './row.ts';

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
    name: 'map',
    summary: 'draw what all blocks of a filesystem are used for',
    load: () => import('./map.ts'),
  },
  {
    name: 'diff',
    summary: 'tell which objects and fields of two images differ',
    // As diff(1): 1 says that they differ.
    load: () => import('./diff.ts'),
  },
  {
    name: 'check',
    summary: 'find what is wrong with a filesystem; never writes',
    load: () => import('./check.ts'),
  },
  {
    name: 'findings',
    summary: 'list what check can say, or explain one code',
    load: () => import('./findings.ts'),
  },
  {
    name: 'repair',
    summary: 'mend what can be mended without loss',
    load: () => import('./repair.ts'),
  },
  {
    name: 'fsck',
    summary: 'check or repair with the options of fsck(8)',
    load: () => import('./fsck.ts'),
  },
  {
    name: 'log',
    summary: 'print what is in the log, or replay it without a mount',
    load: () => import('./log.ts'),
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
  {
    name: 'metadump',
    summary: 'put the metadata of a filesystem, and nothing else, into a dump file',
    load: () => import('./metadump.ts'),
  },
  {
    name: 'mdrestore',
    summary: 'make a filesystem of a metadata dump',
    load: () => import('./mdrestore.ts'),
  },
  {
    name: 'completion',
    summary: 'print a script that completes commands and options in bash, zsh or fish',
    load: async () => (await import('./completion.ts')).completionOf(commands),
  },
];
