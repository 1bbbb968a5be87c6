/**
 * All superblocks, for commands that read or change a field of every copy. As with xfs_db, a copy that is read is
 * left again, while one that is written stays the current place, on the stack above the one before.
 *
 * Changing a copy also brings it into the form in which it is always written: no quota inode is all ones and not
 * zero, and bad_features2 equals features2.
 */
import { DADDR_BYTES } from '../format/geometry.ts';
import { SB_MAGIC, SUPERBLOCK } from '../format/superblock.ts';
import type { Cursor } from './cursor.ts';
import { DbError } from './error.ts';
import { typeNamed } from './types.ts';
import { beginWrite, writeCurrent } from './write.ts';

export type Superblock = ReturnType<typeof SUPERBLOCK.over>;
const NO_INODE = -1;
const QUOTA_INODES = ['uquotino', 'gquotino', 'pquotino'] as const;

/** Goes to the superblock of an AG, above the current place. Throws DbError for one that is none. */
export function pushSuperblock(cursor: Cursor, agno: number): Superblock {
  const { geometry } = cursor.filesystem;
  cursor.push();
  cursor.move(typeNamed('sb'), geometry.headerByte(agno, 0) / DADDR_BYTES, geometry.sectsize / DADDR_BYTES, {
    keepRing: true,
  });
  const sb = SUPERBLOCK.over(cursor.top.data);
  const hex = (value: number) => (value === 0 ? '0' : `0x${value.toString(16)}`);
  if (sb.magicnum !== SB_MAGIC) throw new DbError(`bad sb magic # ${hex(sb.magicnum)} in AG ${agno}`);
  if ((sb.versionnum & 15) !== 5) throw new DbError(`bad sb version # ${hex(sb.versionnum)} in AG ${agno}`);
  if (agno === 0 && sb.inprogress !== 0) throw new DbError('mkfs not completed successfully');
  return sb;
}

/** Reads something of the superblock of an AG, and leaves it again. */
export function readSuperblock<T>(cursor: Cursor, agno: number, take: (sb: Superblock) => T): T {
  const taken = take(pushSuperblock(cursor, agno));
  cursor.pop();
  return taken;
}

/** Changes the superblock of an AG; gives what writing it had to say. */
export function changeSuperblock(cursor: Cursor, agno: number, change: (sb: Superblock) => void): string {
  const sb = pushSuperblock(cursor, agno);
  beginWrite(cursor.top);
  for (const name of QUOTA_INODES) if (sb[name] === 0) sb[name] = NO_INODE;
  sb.bad_features2 = sb.features2;
  change(sb);
  return writeCurrent(cursor, 'verified').text;
}
