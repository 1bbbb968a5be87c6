/** Findings of extended attributes, symlinks and parent pointers. */
import { found } from './findingrow.ts';

export const ATTRIBUTE_FINDINGS = {
  ATTR_BLOCK: found(
    'attribute',
    'error',
    'attribute block is invalid',
    'A block of an attribute fork is damaged or not where it should be; attributes in it are not known.',
  ),
  PARENT_MISSING: found(
    'link',
    'error',
    'parent pointer is missing',
    'A directory entry names the inode, and the inode has no PARENT attribute for it.',
  ),
  PARENT_SURPLUS: found(
    'link',
    'error',
    'parent pointer has no directory entry',
    'The inode has a PARENT attribute for a name that the directory it leads to does not have.',
  ),
  PARENT_WRONG: found(
    'link',
    'error',
    'parent pointer is wrong',
    'A PARENT attribute and the directory entry that it is for disagree in the directory, its generation, or the name.',
  ),
} as const;
