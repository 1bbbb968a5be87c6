/**
 * AGI: inode header, sector 2 of every AG: roots of inobt and finobt, inode counts, and the 64 heads of the
 * unlinked lists (bucket = agino mod 64, chained through di_next_unlinked, null terminated).
 */
import { le32, u32, u64, uuid } from './kinds.ts';
import { row, struct } from './struct.ts';

export const AGI_MAGIC = 0x58414749;
export const AGI_UNLINKED_BUCKETS = 64;

export const AGI = struct('agi', 344, 'Inode header of an AG', [
  row('magicnum', u32, '"XAGI"', { shown: 'hex' }),
  row('versionnum', u32, '1'),
  row('seqno', u32, 'agno', { shown: 'null' }),
  row('length', u32, 'blocks in this AG', { shown: 'null' }),
  row('count', u32, 'inodes allocated, holes of sparse chunks excluded', { shown: 'null' }),
  row('root', u32, 'root of the inobt', { goto: 'inobt', unit: 'agbno', shown: 'null' }),
  row('level', u32, 'levels of the inobt'),
  row('freecount', u32, 'inodes free', { shown: 'null' }),
  row('newino', u32, 'last allocated chunk, agino', { goto: 'inode', unit: 'agino', shown: 'null' }),
  row('dirino', u32, 'unused, null', { goto: 'inode', unit: 'agino', shown: 'null' }),
  row('unlinked', u32, 'heads of the unlinked lists, agino', {
    count: AGI_UNLINKED_BUCKETS,
    goto: 'inode',
    unit: 'agino',
    shown: 'nonnull',
  }),
  row('uuid', uuid, 'metadata UUID'),
  row('crc', le32, 'CRC32C of the sector', { shown: 'crc' }),
  row('pad32', u32, 'zero', { hidden: true, shown: 'hex' }),
  row('lsn', u64, 'LSN of the last write', { shown: 'hex' }),
  row('free_root', u32, 'root of the finobt', { goto: 'finobt', unit: 'agbno', shown: 'null' }),
  row('free_level', u32, 'levels of the finobt'),
  row('ino_blocks', u32, 'inobt blocks (INOBTCNT)'),
  row('fino_blocks', u32, 'finobt blocks (INOBTCNT)'),
]);

export const AGI_CRC_OFFSET = AGI.offset.crc;
