/** Findings of directory contents: blocks, entries, indexes. */
import { found } from './findingrow.ts';

export const DIRECTORY_FINDINGS = {
  DIR_BLOCK: found(
    'directory',
    'error',
    'directory block is invalid',
    'A block of a directory is damaged or not where it should be; names in it are not known.',
  ),
} as const;
