/** Findings of what connects inodes: link counts, parents, reachability. */
import { found } from './findingrow.ts';

export const LINK_FINDINGS = {
  LINK_COUNT: found(
    'link',
    'error',
    'link count is wrong',
    'The inode counts more or fewer links than directory entries name it.',
    { remedy: 'core', text: 'set to what was counted' },
  ),
  DISCONNECTED: found(
    'link',
    'error',
    'inode is not reachable',
    'The inode is in use and has links by its own count, but no directory that can be reached from the root names it.',
  ),
  DIR_PARENT: found(
    'link',
    'error',
    'directory has the wrong parent',
    'The ".." of a directory does not lead to the directory that names it, or two directories name it.',
    { remedy: 'directory', text: 'set ".." right' },
  ),
  ROOT_DIRECTORY: found(
    'link',
    'error',
    'root directory is lost',
    'The root inode is not a directory in use, so no name leads anywhere.',
  ),
} as const;
