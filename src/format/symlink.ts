/**
 * Remote symlink: the target of a symlink that does not fit its inode, in up to three extents of the data fork.
 * Every extent is one object with its own header and CRC; a block carries at most blocksize - 56 bytes of the
 * target, 1024 in all. `offset` is where this piece starts in the target.
 */
import { char, count64, le32, u32, u64, uuid } from './kinds.ts';
import { layout, row, struct } from './struct.ts';

export const SYMLINK_MAGIC = 0x58534c4d;
/** Longest target, bytes. */
export const SYMLINK_MAX = 1024;

export const SYMLINK_HEADER = struct('symlink_header', 56, 'Header of a remote symlink block', [
  row('magic', u32, '"XSLM"', { shown: 'hex' }),
  row('offset', u32, 'where this piece starts in the target, bytes'),
  row('bytes', u32, 'bytes of the target here'),
  row('crc', le32, 'CRC32C of the object', { shown: 'crc' }),
  row('uuid', uuid, 'metadata UUID'),
  row('owner', count64, 'inode', { shown: 'null' }),
  row('bno', u64, 'own daddr', { shown: 'null' }),
  row('lsn', u64, 'LSN of the last write', { shown: 'hex' }),
]);

export const SYMLINK = layout('symlink', 'Piece of the target of a symlink', [
  ...SYMLINK_HEADER.rows,
  row('data', char, 'target, not terminated', {
    count: (scope) => {
      const at = scope.bit >>> 3;
      if (scope.bits < SYMLINK_HEADER.fixedBits || scope.view.getUint32(at) !== SYMLINK_MAGIC) return 0;
      return scope.view.getUint32(at + SYMLINK_HEADER.offset.bytes);
    },
    shown: 'text',
    unvalidated: true,
  }),
]);
