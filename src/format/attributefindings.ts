/** Findings of extended attributes, symlinks and parent pointers. */
import { found } from './findingrow.ts';

export const ATTRIBUTE_FINDINGS = {
  ATTR_BLOCK: found(
    'attribute',
    'error',
    'attribute block is invalid',
    'A block of an attribute fork is damaged or not where it should be; attributes in it are not known.',
  ),
  ATTR_CRC: found(
    'attribute',
    'error',
    'attribute block checksum is wrong',
    'A block of an attribute fork does not match its CRC.',
  ),
  ATTR_HEADER: found(
    'attribute',
    'error',
    'attribute block header is wrong',
    'A field of the header of an attribute block contradicts its place or what the block holds.',
  ),
  ATTR_FREEMAP: found(
    'attribute',
    'note',
    'free areas of an attribute leaf are inexact',
    'Free areas in the header of an attribute leaf lie over each other, or are off by a few bytes. Kernels before 7.0 write this when entries are removed from a leaf that was full.',
  ),
  ATTR_TREE: found(
    'attribute',
    'error',
    'attribute blocks are linked wrongly',
    'Pointers, keys, levels or siblings of the blocks of an attribute fork contradict each other: lookups go astray.',
  ),
  ATTR_ENTRY: found(
    'attribute',
    'error',
    'attribute is invalid',
    'The flags, the name or the place of an attribute break a rule, or it overlaps another.',
  ),
  ATTR_HASH: found(
    'attribute',
    'error',
    'attribute hash is wrong',
    'An attribute carries a hash that is not that of its name, or that is out of order: it is not found by name.',
  ),
  ATTR_DUPLICATE: found(
    'attribute',
    'error',
    'attribute exists twice',
    'Two attributes of one inode have the same name in the same namespace.',
  ),
  ATTR_INCOMPLETE: found(
    'attribute',
    'warning',
    'attribute is incomplete',
    'An attribute was being set or removed when the filesystem stopped. It does not show, but keeps its space.',
  ),
  ATTR_EMPTY: found(
    'attribute',
    'warning',
    'attribute leaf is empty',
    'A leaf of an attribute fork holds no attribute: it was made, or emptied, when the filesystem stopped.',
  ),
  ATTR_SHORT: found(
    'attribute',
    'error',
    'shortform attributes are invalid',
    'Size, count or lengths of the attributes inside an inode contradict each other; those behind are not known.',
  ),
  ATTR_REMOTE: found(
    'attribute',
    'error',
    'attribute value cannot be read',
    'The value of an attribute is not in the blocks where it should be, or a block of it is damaged.',
  ),
  ATTR_VALUE: found(
    'attribute',
    'error',
    'attribute value is invalid',
    'An attribute that the system gives a meaning to (ACL, label, capabilities, parent pointer) has a value that has none.',
  ),
  ATTR_SURPLUS: found(
    'attribute',
    'warning',
    'attribute fork has unused blocks',
    'Blocks are mapped in an attribute fork that nothing in it leads to.',
  ),
  ATTR_FEATURE: found(
    'superblock',
    'note',
    'attributes without the feature bit',
    'Inodes have attributes, and the superblock does not have the bit that says so, as after xfs_repair took it from a copy. The next attribute sets it.',
  ),
  SYMLINK_BLOCK: found(
    'symlink',
    'error',
    'symlink block is invalid',
    'A block with the target of a symlink is damaged or not where it should be; the target is not known.',
  ),
  SYMLINK_CRC: found(
    'symlink',
    'error',
    'symlink block checksum is wrong',
    'A block with the target of a symlink does not match its CRC.',
  ),
  SYMLINK_HEADER: found(
    'symlink',
    'error',
    'symlink block header is wrong',
    'A field of the header of a symlink block contradicts its place or the length of the target.',
  ),
  SYMLINK_TARGET: found(
    'symlink',
    'error',
    'symlink target is invalid',
    'The target of a symlink is empty, too long, not as long as the inode says, or has a NUL in it.',
  ),
  SYMLINK_FORMAT: found(
    'symlink',
    'warning',
    'symlink is not inside its inode',
    'The target of a symlink is in a block though the inode has room for it, as when its attributes were removed. Kernels before 6.10 refuse to read it.',
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
