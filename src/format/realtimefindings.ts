/** Findings about the classic realtime section: its extents, bitmap, summary and counter. */
import { found } from './findingrow.ts';

export const REALTIME_FINDINGS = {
  RT_INODE: found(
    'realtime',
    'error',
    'realtime bitmap or summary inode cannot be used',
    'The inode of the realtime bitmap or summary is not allocated, is no plain file of one link, has not the size that the superblock calls for, or has holes or unwritten blocks. Nothing in it is compared.',
  ),
  RT_CROSS_LINK: found(
    'realtime',
    'error',
    'realtime extent has two owners',
    'Files cannot share realtime extents, and two mappings hold the same one. Which is right cannot be told.',
  ),
  RT_PARTIAL: found(
    'realtime',
    'error',
    'realtime extent is mapped in part',
    'The realtime section is given out in whole extents, and a file maps only some of the blocks of one: the rest is lost, or its mapping is damaged.',
  ),
  RT_MAPPED_FREE: found(
    'realtime',
    'error',
    'realtime bitmap calls a mapped extent free',
    'A file holds a realtime extent whose bit says that it is free, so it can be given to another file.',
  ),
  RT_LEAKED: found(
    'realtime',
    'error',
    'realtime bitmap calls an unmapped extent used',
    'No file holds a realtime extent whose bit says that it is in use: the space is lost.',
  ),
  RT_BITMAP_TAIL: found(
    'realtime',
    'error',
    'realtime bitmap goes on behind the last extent',
    'Bits behind the last realtime extent are set. They are zero in every bitmap, and would be given out if the section grew.',
  ),
  RT_SUMMARY: found(
    'realtime',
    'error',
    'realtime summary is wrong',
    'A word of the summary does not count the free runs of its size class that begin in its bitmap block: allocation overlooks space, or searches where there is none.',
  ),
  RT_FREE_COUNT: found(
    'realtime',
    'error',
    'count of free realtime extents is wrong',
    'The superblock’s count of free realtime extents differs from the bitmap.',
  ),
} as const;
