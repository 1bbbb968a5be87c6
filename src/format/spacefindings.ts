/** Findings of the comparison between what owns space and what the space indexes say. */
import { found } from './findingrow.ts';

const REBUILD = 'rebuild the space indexes of the AG';

export const SPACE_FINDINGS = {
  CROSS_LINK: found(
    'error',
    'blocks have two owners that may not share them',
    'Two owners claim the same blocks and at least one of them may not share (metadata, an attribute fork, or a file on a filesystem without reflink). Which one is right cannot be told from space alone, so nothing in this AG is rebuilt.',
  ),
  INDEX_CROSS_LINK: found(
    'error',
    'blocks of an AG btree or of the free list belong to someone else too',
    'A btree block or a slot of the free list stands on blocks that an inode, the log or another index owns. The indexes can be built anew elsewhere; what a file holds there may have been overwritten.',
    REBUILD,
  ),
  MAPPING_CONTESTED: found(
    'error',
    'the indexes give a file blocks that it does not hold',
    'No mapping holds these blocks, yet indexes that are kept apart on disk agree that they are in use: either they are all stale, or a mapping was damaged into another valid one and these are the true blocks of a file. Freeing them could cost its data, so nothing is rebuilt.',
  ),
  LEAKED_COW: found(
    'error',
    'leaked CoW staging extent',
    'The refcount btree stages blocks for a copy-on-write that will never finish: the filesystem is not mounted and its log is clean, so no file owns them and no mount frees them.',
    'free the blocks',
  ),
  RMAP_MISSING: found(
    'error',
    'rmap record is missing',
    'An owner holds blocks that the rmapbt does not record as its own.',
    REBUILD,
  ),
  RMAP_SURPLUS: found(
    'error',
    'surplus rmap record',
    'The rmapbt names an owner for blocks which that owner does not hold.',
    REBUILD,
  ),
  RMAP_WRONG: found(
    'error',
    'rmap record is wrong',
    'The rmapbt has a record for these blocks, but length, owner, offset or flags differ from what the owner holds.',
    REBUILD,
  ),
  RMAP_UNMERGED: found(
    'error',
    'rmap records should be one',
    'Neighbouring rmap records continue each other and the kernel would have merged them.',
    REBUILD,
  ),
  REFCOUNT_MISSING: found(
    'error',
    'refcount record is missing',
    'Blocks are shared by files (or staged for CoW, by the rmapbt) and the refcount btree does not say so: freeing one owner would free the others’ data.',
    REBUILD,
  ),
  REFCOUNT_SURPLUS: found(
    'error',
    'surplus refcount record',
    'The refcount btree says that blocks are shared or staged which are not: they would be copied or kept without need.',
    REBUILD,
  ),
  REFCOUNT_WRONG: found(
    'error',
    'refcount is wrong',
    'The number of files that share the blocks differs from the refcount record.',
    REBUILD,
  ),
  REFCOUNT_UNMERGED: found(
    'error',
    'refcount records should be one',
    'Neighbouring refcount records have the same count and the kernel would have merged them.',
    REBUILD,
  ),
  BNOBT_MISSING: found(
    'error',
    'free blocks are missing in the bnobt',
    'Nobody owns the blocks and the free-space btree by block number does not list them: leaked space.',
    REBUILD,
  ),
  BNOBT_SURPLUS: found(
    'error',
    'the bnobt calls used blocks free',
    'The free-space btree by block number lists blocks that have an owner: they could be given out a second time.',
    REBUILD,
  ),
  BNOBT_UNMERGED: found('error', 'bnobt records should be one', 'Free extents touch.', REBUILD),
  CNTBT_MISSING: found(
    'error',
    'free blocks are missing in the cntbt',
    'Nobody owns the blocks and the free-space btree by length does not list them.',
    REBUILD,
  ),
  CNTBT_SURPLUS: found(
    'error',
    'the cntbt calls used blocks free',
    'The free-space btree by length lists blocks that have an owner: they could be given out a second time.',
    REBUILD,
  ),
  CNTBT_UNMERGED: found('error', 'cntbt records should be one', 'Free extents touch.', REBUILD),
  INOBT_MISSING: found(
    'error',
    'inode chunk is missing in the inobt',
    'An inode chunk exists that the inobt does not list.',
    REBUILD,
  ),
  INOBT_SURPLUS: found(
    'error',
    'the inobt lists a chunk that does not exist',
    'No inodes are where the inobt record says.',
    REBUILD,
  ),
  INOBT_WRONG: found(
    'error',
    'inobt record is wrong',
    'Free mask, free count, hole mask or count of an inobt record differ from the inodes of the chunk.',
    REBUILD,
  ),
  FINOBT_MISSING: found(
    'error',
    'inode chunk is missing in the finobt',
    'A chunk has free inodes and the finobt does not list it.',
    REBUILD,
  ),
  FINOBT_SURPLUS: found(
    'error',
    'surplus finobt record',
    'The finobt lists a chunk that does not exist or has no free inode.',
    REBUILD,
  ),
  FINOBT_WRONG: found(
    'error',
    'finobt record is wrong',
    'A finobt record differs from the inodes of the chunk.',
    REBUILD,
  ),
  AGF_COUNTER: found(
    'error',
    'AGF counter is wrong',
    'A counter of the AGF differs from what it counts.',
    REBUILD,
  ),
  AGI_COUNTER: found(
    'error',
    'AGI counter is wrong',
    'A counter of the AGI differs from what it counts.',
    REBUILD,
  ),
  SB_COUNTER: found(
    'error',
    'superblock counter is wrong',
    'icount, ifree or fdblocks of the superblock differ from the sum over the AGs, though the log is clean.',
    'recount',
  ),
  REFLINK_FLAG_MISSING: found(
    'error',
    'reflink flag is missing',
    'A file shares blocks but its inode does not carry the reflink flag: a write would change the other files too.',
    'set the flag',
  ),
  REFLINK_FLAG_INVALID: found(
    'error',
    'reflink flag on an inode that cannot share',
    'The inode is not a regular file, or the filesystem has no reflink feature.',
    'clear the flag',
  ),
  REFLINK_FLAG_STALE: found(
    'note',
    'reflink flag on a file that shares nothing',
    'Legal: the kernel leaves the flag when the last sharer goes. Writes take a needless detour.',
    'clear the flag, when asked to optimize',
  ),
} as const;
