/** Findings of directory contents: blocks, entries, indexes. */
import { found, SEAL } from './findingrow.ts';

export const DIRECTORY_FINDINGS = {
  DIR_BLOCK: found(
    'directory',
    'error',
    'directory block is invalid',
    'A block of a directory is damaged or not where it should be; names in it are not known.',
  ),
  DIR_CRC: found(
    'directory',
    'error',
    'directory block checksum is wrong',
    'A block of a directory does not match its CRC.',
    SEAL,
  ),
  DIR_MAP: found(
    'directory',
    'error',
    'directory size or mapping is wrong',
    'The size of a directory is not where its last data block ends, a block that its form needs is not mapped, or one is mapped where no block of a directory can be.',
  ),
  DIR_SHORT: found(
    'directory',
    'error',
    'shortform directory is invalid',
    'Header or layout of a directory inside its inode breaks a rule.',
  ),
  DIR_DOT: found(
    'directory',
    'error',
    'directory lacks "." or ".."',
    'The first two entries of a directory block must be "." for itself and ".." for its parent.',
  ),
  DIR_ENTRY: found(
    'directory',
    'error',
    'directory entry is invalid',
    'The tag of an entry or free area is not its place, or two free areas lie side by side.',
  ),
  DIR_NAME: found(
    'directory',
    'error',
    'name is not allowed',
    'A name in a directory is empty, holds "/" or NUL, or is a second "." or "..".',
  ),
  DIR_DUPLICATE: found(
    'directory',
    'error',
    'name stands twice in a directory',
    'Two entries of a directory have the same name: only one of them can be found.',
  ),
  DIR_ENTRY_INODE: found(
    'directory',
    'error',
    'directory entry leads to no file',
    'The inode that an entry names does not exist, is free, or is one that no directory may name.',
  ),
  DIR_FTYPE: found(
    'directory',
    'error',
    'file type of a directory entry is wrong',
    'An entry gives another file type than the inode that it names.',
  ),
  DIR_BESTFREE: found(
    'directory',
    'error',
    'longest free areas of a directory block are wrong',
    'The header of a directory block must list its three longest free areas, longest first.',
  ),
  DIR_HASH: found(
    'directory',
    'error',
    'hash index of a directory is wrong',
    'Every entry must stand once in the hash index, with the hash of its name, and nothing else may: lookups go astray.',
  ),
  DIR_LEAF: found(
    'directory',
    'error',
    'directory leaf is wrong',
    'Count, stale count, order or sibling pointers of a leaf of the hash index are wrong.',
  ),
  DIR_TREE: found(
    'directory',
    'error',
    'tree above the hash index of a directory is wrong',
    'A node gives a level, a hash or a child that is not so, siblings are not chained in order, or a block is not in the tree.',
  ),
  DIR_FREE: found(
    'directory',
    'error',
    'free index of a directory is wrong',
    'The list of the longest free area of every data block does not agree with the blocks, or does not cover them.',
  ),
} as const;
