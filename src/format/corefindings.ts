/** Findings about the superblock, AG headers, inode cores and the log that go beyond a field and its rule. */
import { found } from './findingrow.ts';

export const CORE_FINDINGS = {
  SB_LOG_FEATURES: found(
    'superblock',
    'warning',
    'log features are set though the log is clean',
    'A log incompatible feature bit tells older kernels not to recover this log. It is cleared with the last change in the log, so under a clean log it is a leftover, or damage.',
    { remedy: 'primary', text: 'clear the bits' },
  ),
  LOG_RECORD: found(
    'log',
    'error',
    'log record is invalid',
    'A field or the checksum of a record that counts is wrong: the unmount record of a clean log, or one that a recovery would have to read.',
  ),
} as const;
