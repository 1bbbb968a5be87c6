/** Findings about quota: flags, inodes, records and counts. */
import { found, SEAL } from './findingrow.ts';

export const QUOTA_FINDINGS = {
  QUOTA_FLAGS: found(
    'quota',
    'warning',
    'quota flags of the superblock contradict themselves',
    'A flag has no meaning, belongs to accounting that is off, or says that quota is there though no inode holds it. The next mount decides anew.',
  ),
  QUOTA_INODE: found(
    'quota',
    'error',
    'quota inode cannot be used',
    'The superblock names an inode for the records of a type of quota that is not allocated, is no plain file of one link and size 0, or has another part already.',
  ),
  QUOTA_MAPPING: found(
    'quota',
    'error',
    'blocks of a quota inode are not where records can be',
    'An extent of a quota inode reaches behind the record of the greatest id.',
  ),
  DQUOT_CRC: found(
    'quota',
    'error',
    'quota record checksum is wrong',
    'A quota record does not match its CRC. What it says about limits and use cannot be relied on.',
    SEAL,
  ),
  DQUOT_FIELD: found(
    'quota',
    'error',
    'quota record is invalid',
    'A field of a quota record breaks a rule, or the record is that of another id, type or filesystem.',
  ),
  QUOTA_COUNT: found(
    'quota',
    'error',
    'quota record counts something else than there is',
    'The blocks, inodes or realtime blocks that a quota record says an id uses differ from what its files hold, though the superblock says that they were counted.',
  ),
  QUOTA_MISSING: found(
    'quota',
    'error',
    'id in use has no quota record',
    'Files belong to an id for which the quota inode has no record, though the superblock says that they were counted.',
  ),
} as const;
