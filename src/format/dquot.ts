/**
 * Quota record: a block of a quota inode holds floor(blocksize / 136) of them, one for each id in order (slot =
 * id mod that count), each with its own CRC. `type` says user 1, project 2, group 4, with 0x80 for timers stored
 * as a quarter of the seconds (never on id 0, whose timers are grace periods).
 */
import { char, le32, u8, u16, u32, u64, uuid } from './kinds.ts';
import { row, struct } from './struct.ts';

export const DQUOT_MAGIC = 0x4451;
export const DQUOT_VERSION = 1;

/** Whose quota: the low bits of `type`. */
export const DQTYPE = { user: 1, project: 2, group: 4 } as const;
/** Bit of `type`: timers count four seconds each. */
export const DQTYPE_BIGTIME = 0x80;
/** Greatest id; all ones is one like any other to the format. */
export const MAX_DQUOT_ID = 2 ** 32 - 1;

/** Bits of the superblock's qflags, for each type: accounting, enforcement, and "the counts are right". */
export const QFLAG = {
  user: { acct: 0x1, enfd: 0x2, chkd: 0x4 },
  group: { acct: 0x40, enfd: 0x80, chkd: 0x100 },
  project: { acct: 0x8, enfd: 0x200, chkd: 0x400 },
} as const;
/** Bits of qflags that have a meaning in version 5. */
export const QFLAGS_KNOWN = 0x7cf;

export type QuotaType = keyof typeof QFLAG;
export const QUOTA_TYPES = ['user', 'group', 'project'] as const satisfies readonly QuotaType[];
/** The superblock's field with the inode of each type. */
export const QUOTA_INODE_FIELD = {
  user: 'uquotino',
  group: 'gquotino',
  project: 'pquotino',
} as const;

export const DISK_DQUOT = struct('disk_dquot', 104, 'Limits and use of one id', [
  row('magic', u16, '"DQ"', { shown: 'hex' }),
  row('version', u8, '1', { shown: 'hex' }),
  row('type', u8, 'whose quota, and how timers are stored', { shown: 'hex' }),
  row('id', u32, 'user, group or project', { shown: 'signed' }),
  row('blk_hardlimit', u64, 'blocks'),
  row('blk_softlimit', u64, 'blocks'),
  row('ino_hardlimit', u64, 'inodes'),
  row('ino_softlimit', u64, 'inodes'),
  row('bcount', u64, 'blocks in use'),
  row('icount', u64, 'inodes in use'),
  row('itimer', u32, 'when the inode soft limit turns hard', { shown: 'qtimer' }),
  row('btimer', u32, 'when the block soft limit turns hard', { shown: 'qtimer' }),
  row('iwarns', u16, 'warnings', { unvalidated: true }),
  row('bwarns', u16, 'warnings', { unvalidated: true }),
  row('pad0', u32, 'zero', { hidden: true, shown: 'hex' }),
  row('rtb_hardlimit', u64, 'realtime blocks'),
  row('rtb_softlimit', u64, 'realtime blocks'),
  row('rtbcount', u64, 'realtime blocks in use'),
  row('rtbtimer', u32, 'when the realtime soft limit turns hard', { shown: 'qtimer' }),
  row('rtbwarns', u16, 'warnings', { unvalidated: true }),
  row('pad', u16, 'zero', { hidden: true, shown: 'hex' }),
]);

export const DQBLK = struct('dqblk', 136, 'Quota record in its place', [
  row('diskdq', DISK_DQUOT, 'limits and use'),
  row('fill', char, 'zero', { count: 4, hidden: true, shown: 'chars' }),
  row('crc', le32, 'CRC32C of the record', { shown: 'crc' }),
  row('lsn', u64, 'LSN of the last write', { shown: 'hex' }),
  row('uuid', uuid, 'metadata UUID'),
]);

export const DQUOT_CRC_OFFSET = DQBLK.offset.crc;

/** Records in a block. */
export function dquotsPerBlock(blocksize: number): number {
  return Math.floor(blocksize / DQBLK.size);
}
