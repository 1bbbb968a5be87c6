/**
 * AGFL: the AG's own reserve of free blocks for its btrees, sector 3. A circular array of agbnos: live slots are
 * flcount from flfirst (both in the AGF), wrapping; other slots are null after mkfs, stale later.
 */
import { le32, u32, u64, uuid } from './kinds.ts';
import { layout, row, struct } from './struct.ts';

export const AGFL_MAGIC = 0x5841464c;

export const AGFL_HEADER = struct('agfl_header', 36, 'Header of the AGFL', [
  row('magicnum', u32, '"XAFL"', { shown: 'hex' }),
  row('seqno', u32, 'agno', { shown: 'null' }),
  row('uuid', uuid, 'metadata UUID'),
  row('lsn', u64, 'LSN of the last write', { shown: 'hex' }),
  row('crc', le32, 'CRC32C of the sector', { shown: 'crc' }),
]);

export const AGFL_CRC_OFFSET = AGFL_HEADER.offset.crc;

/** Slots in an AGFL: what the sector holds after the header (119 at 512 bytes). */
export function agflSlots(sectorBytes: number): number {
  return Math.floor((sectorBytes - AGFL_HEADER.size) / 4);
}

export const AGFL = layout('agfl', 'Free list of an AG', [
  ...AGFL_HEADER.rows,
  row('bno', u32, 'free block, agbno', {
    count: (scope) => agflSlots(scope.geometry.sectsize),
    goto: 'data',
    unit: 'agbno',
    shown: 'blank',
  }),
]);
