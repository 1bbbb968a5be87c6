/** Findings of reading an image: headers, btree structure, inodes, forks, unlinked lists, the log. */
import { found, REBUILD } from './findingrow.ts';

export const STRUCTURE_FINDINGS = {
  DEVICE_SHORT: found(
    'error',
    'device is shorter than the filesystem',
    'The superblock counts more blocks than the device or image file has: the image was truncated, or grown in the superblock alone.',
  ),
  READ_FAILED: found(
    'error',
    'metadata could not be read',
    'The device failed, or an address lies past its end.',
  ),
  SB_FIELD: found('error', 'superblock field is invalid', 'A field of the primary superblock breaks a rule.'),
  SB_GEOMETRY: found(
    'error',
    'superblock geometry contradicts itself',
    'Sizes of the primary superblock do not fit each other, so no address can be computed and nothing else is read.',
  ),
  SB_LOST: found(
    'error',
    'primary superblock is lost',
    'The primary superblock is not one that we can use, while the copy in another AG is sound. Nothing else is read.',
  ),
  SB_CRC: found('error', 'superblock checksum is wrong', 'The primary superblock does not match its CRC.'),
  SB_NEEDSREPAIR: found(
    'warning',
    'marked as needing repair',
    'The NEEDSREPAIR feature bit is set: a tool or an upgrade wants a full repair before the next mount.',
  ),
  SB_SECONDARY: found(
    'warning',
    'secondary superblock differs',
    'The copy of the superblock in another AG is damaged or differs in a field that never changes. It is only read when the primary is lost.',
  ),
  AGF_FIELD: found(
    'error',
    'AGF field is invalid',
    'A field of the free space header breaks a rule.',
    REBUILD,
  ),
  AGF_CRC: found('error', 'AGF checksum is wrong', 'The free space header does not match its CRC.', REBUILD),
  AGI_FIELD: found('error', 'AGI field is invalid', 'A field of the inode header breaks a rule.', REBUILD),
  AGI_CRC: found('error', 'AGI checksum is wrong', 'The inode header does not match its CRC.', REBUILD),
  AGFL_FIELD: found(
    'error',
    'AGFL field is invalid',
    'A field of the free list header breaks a rule.',
    REBUILD,
  ),
  AGFL_CRC: found('error', 'AGFL checksum is wrong', 'The free list does not match its CRC.', REBUILD),
  AGFL_ENTRY: found(
    'error',
    'AGFL entry is invalid',
    'A live slot of the free list holds a block outside the AG, or one that another slot holds too.',
    REBUILD,
  ),
  BTREE_ROOT: found(
    'error',
    'btree root is invalid',
    'The AG header points to a root outside the AG, or gives an impossible number of levels.',
    REBUILD,
  ),
  BTREE_CRC: found(
    'error',
    'btree block checksum is wrong',
    'A btree block does not match its CRC.',
    REBUILD,
  ),
  BTREE_BLOCK: found(
    'error',
    'btree block header is invalid',
    'Magic, UUID, owner, own address, level or record count of a btree block is not what its place demands.',
    REBUILD,
  ),
  BTREE_POINTER: found(
    'error',
    'btree pointer is invalid',
    'A pointer leads outside the AG, or to a block that another pointer leads to.',
    REBUILD,
  ),
  BTREE_KEY: found(
    'error',
    'btree key is wrong',
    'A key in a node is not the lowest (or, in the rmapbt, the highest) of the child below: lookups go astray.',
    REBUILD,
  ),
  BTREE_SIBLING: found(
    'error',
    'btree sibling pointer is wrong',
    'Left and right pointers of a level do not chain its blocks in order.',
    REBUILD,
  ),
  BTREE_RECORD: found('error', 'btree record is invalid', 'A record breaks a rule by itself.', REBUILD),
  BTREE_ORDER: found(
    'error',
    'btree records are out of order',
    'A record does not sort after the one before it, or overlaps where it may not.',
    REBUILD,
  ),
  INODE_LOST: found(
    'error',
    'inode cannot be recognised',
    'Where an inode should be, its magic, version, own number or UUID is not there. What it owned is not known.',
  ),
  INODE_CRC: found('error', 'inode checksum is wrong', 'An inode does not match its CRC.'),
  INODE_CORE: found('error', 'inode field is invalid', 'A field of an inode breaks a rule.'),
  INODE_FORK: found(
    'error',
    'inode fork is invalid',
    'Format or size of a data or attribute fork breaks a rule; its extents are not read.',
  ),
  INODE_EXTENT: found(
    'error',
    'file extent is invalid',
    'An extent of a data or attribute fork leaves its AG, is empty, out of order or overlaps the one before.',
  ),
  INODE_EXTENT_COUNT: found(
    'error',
    'extent count of an inode is wrong',
    'The extent counter of a fork differs from the extents found.',
  ),
  INODE_BLOCK_COUNT: found(
    'error',
    'block count of an inode is wrong',
    'The block counter of an inode differs from the blocks of its forks.',
  ),
  BMBT_BLOCK: found(
    'error',
    'bmbt block is invalid',
    'A block of a file’s extent btree is damaged or not where it should be; the extents below are not known.',
  ),
  BMBT_ORDER: found(
    'error',
    'bmbt keys or siblings are wrong',
    'Keys, sibling pointers or the order of records in a file’s extent btree contradict each other.',
  ),
  UNLINKED_INODE: found(
    'warning',
    'unlinked inode waits to be freed',
    'The inode has no name and is on the unlinked list of its AG: it was open when the filesystem stopped. Only log recovery frees it.',
  ),
  UNLINKED_LIST: found(
    'error',
    'unlinked list is broken',
    'An unlinked list leads to an inode that does not exist, is in use, or belongs to another list, or it runs in a circle.',
  ),
  UNLINKED_STRAY: found(
    'warning',
    'inode without links is on no unlinked list',
    'The inode is allocated, no directory names it by its own count, and no unlinked list holds it: it would never be freed.',
  ),
  LSN_AHEAD: found(
    'error',
    'metadata is newer than the log',
    'The object was last written by a log record that lies behind the head of the log: the log was zeroed or replaced after that. A mount refuses such blocks, and a later log recovery could take them for done.',
  ),
  LOG_DIRTY: found(
    'warning',
    'the log is dirty',
    'The filesystem was not unmounted cleanly and changes wait in the log: all other findings are provisional until it has been replayed.',
  ),
  LOG_UNREADABLE: found(
    'error',
    'the log cannot be understood',
    'No head or tail can be found in the log, so whether changes wait in it is not known.',
  ),
} as const;
