/** Findings of extended attributes, symlinks and parent pointers. */
import { found } from './findingrow.ts';

export const ATTRIBUTE_FINDINGS = {
  ATTR_BLOCK: found(
    'attribute',
    'error',
    'attribute block is invalid',
    'A block of an attribute fork is damaged or not where it should be; attributes in it are not known.',
  ),
} as const;
