/**
 * Superblock: sector 0 of every AG; AG 0's copy is the primary.
 *
 * Invariants: every log2 field matches its size field; agblklog = ceil(log2(agblocks)); the counters (icount,
 * ifree, fdblocks) are lazy and only authoritative after a clean unmount; secondaries keep inprogress = 1.
 */
import { decodeFeatures } from './features.ts';
import { Geometry } from './geometry.ts';
import { bytes, count64, i64, le32, text, u8, u16, u32, u64, uuid } from './kinds.ts';
import { row, struct } from './struct.ts';

export const SB_MAGIC = 0x58465342;

export const SUPERBLOCK = struct('sb', 304, 'Superblock, one sector, first of every AG', [
  row('magicnum', u32, '"XFSB"', { shown: 'hex' }),
  row('blocksize', u32, 'bytes in a filesystem block'),
  row('dblocks', count64, 'data blocks in all', { shown: 'null', unit: 'blocks' }),
  row('rblocks', count64, 'realtime blocks', { shown: 'null', unit: 'blocks' }),
  row('rextents', count64, 'realtime extents', { shown: 'null' }),
  row('uuid', uuid, 'user-visible UUID'),
  row('logstart', count64, 'fsbno of the internal log; 0 = external', {
    goto: 'log',
    unit: 'fsbno',
    shown: 'null',
  }),
  row('rootino', count64, 'inode of the root directory', { goto: 'inode', unit: 'ino', shown: 'null' }),
  row('rbmino', count64, 'realtime bitmap inode', { goto: 'inode', unit: 'ino', shown: 'null' }),
  row('rsumino', count64, 'realtime summary inode', { goto: 'inode', unit: 'ino', shown: 'null' }),
  row('rextsize', u32, 'realtime extent, blocks', { shown: 'null' }),
  row('agblocks', u32, 'blocks in an AG (the last may be shorter)', { shown: 'null' }),
  row('agcount', u32, 'allocation groups', { shown: 'null' }),
  row('rbmblocks', u32, 'realtime bitmap blocks'),
  row('logblocks', u32, 'log blocks'),
  row('versionnum', u16, 'low 4 bits: 5; the rest old feature bits', { shown: 'hex' }),
  row('sectsize', u16, 'bytes in a sector'),
  row('inodesize', u16, 'bytes in an inode'),
  row('inopblock', u16, 'inodes in a block'),
  row('fname', text(12), 'label, zero padded', { shown: 'text', unvalidated: true }),
  row('blocklog', u8, 'log2 blocksize'),
  row('sectlog', u8, 'log2 sectsize'),
  row('inodelog', u8, 'log2 inodesize'),
  row('inopblog', u8, 'log2 inopblock'),
  row('agblklog', u8, 'ceil log2 agblocks'),
  row('rextslog', u8, 'log2 rextents'),
  row('inprogress', u8, 'mkfs or growfs in progress; 1 in secondaries'),
  row('imax_pct', u8, 'percent of space for inodes'),
  row('icount', u64, 'inodes allocated'),
  row('ifree', u64, 'inodes free'),
  row('fdblocks', u64, 'free data blocks'),
  row('frextents', u64, 'free realtime extents'),
  row('uquotino', count64, 'user quota inode; 0 and all ones: none', {
    goto: 'inode',
    unit: 'ino',
    shown: 'null',
  }),
  row('gquotino', count64, 'group quota inode', { goto: 'inode', unit: 'ino', shown: 'null' }),
  row('qflags', u16, 'quota flags', { shown: 'hex' }),
  row('flags', u8, '1 = read-only', { shown: 'hex' }),
  row('shared_vn', u8, 'must be 0'),
  row('inoalignmt', u32, 'inode chunk alignment, blocks'),
  row('unit', u32, 'stripe unit, blocks'),
  row('width', u32, 'stripe width, blocks'),
  row('dirblklog', u8, 'log2 blocks in a directory block'),
  row('logsectlog', u8, 'log2 log sector; 0 unless SECTORBIT'),
  row('logsectsize', u16, 'log sector; 0 unless SECTORBIT'),
  row('logsunit', u32, 'log stripe unit, bytes; 1 = none'),
  row('features2', u32, 'old feature bits, second word', { shown: 'hex' }),
  row('bad_features2', u32, 'copy of features2', { shown: 'hex' }),
  row('features_compat', u32, 'compatible features', { shown: 'hex' }),
  row('features_ro_compat', u32, 'read-only compatible features', { shown: 'hex' }),
  row('features_incompat', u32, 'incompatible features', { shown: 'hex' }),
  row('features_log_incompat', u32, 'log incompatible features', { shown: 'hex' }),
  row('crc', le32, 'CRC32C of the sector', { shown: 'crc' }),
  row('spino_align', u32, 'sparse chunk alignment, blocks'),
  row('pquotino', count64, 'project quota inode', { goto: 'inode', unit: 'ino', shown: 'null' }),
  row('lsn', u64, 'LSN of the last write', { shown: 'hex' }),
  row('meta_uuid', uuid, 'UUID in metadata when META_UUID is set, else zero'),
  row('metadirino', count64, 'metadata directory root (METADIR)', { hidden: true, unnamed: true }),
  row('rgcount', u32, 'realtime groups (METADIR)', { hidden: true, unnamed: true }),
  row('rgextents', u32, 'extents in a realtime group (METADIR)', { hidden: true, unnamed: true }),
  row('rgblklog', u8, 'log2 realtime group blocks (METADIR)', { hidden: true, unnamed: true }),
  row('pad', bytes(7), 'zero', { hidden: true, unnamed: true }),
  row('rtstart', i64, 'start of the internal realtime section (ZONED)', { hidden: true, unnamed: true }),
  row('rtreserved', i64, 'reserved realtime blocks (ZONED)', { hidden: true, unnamed: true }),
]);

export const SB_CRC_OFFSET = SUPERBLOCK.offset.crc;

/** Geometry of a superblock whose fields have been verified (see `verify.ts`); performs no checks of its own. */
export function geometryOf(sector: Uint8Array): Geometry {
  const sb = SUPERBLOCK.over(sector);
  const features = decodeFeatures(sb);
  return new Geometry({
    blocksize: sb.blocksize,
    sectsize: sb.sectsize,
    inodesize: sb.inodesize,
    dblocks: sb.dblocks,
    agblocks: sb.agblocks,
    agcount: sb.agcount,
    agblklog: sb.agblklog,
    dirblklog: sb.dirblklog,
    logstart: sb.logstart,
    logblocks: sb.logblocks,
    rootino: sb.rootino,
    inoalignmt: sb.inoalignmt,
    spinoAlign: sb.spino_align,
    rblocks: sb.rblocks,
    features,
    metaUuid: features.metaUuid ? sb.meta_uuid : sb.uuid,
  });
}
