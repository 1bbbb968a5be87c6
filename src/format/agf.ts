/**
 * AGF: free space header, sector 1 of every AG. It holds the roots of bnobt, cntbt, rmapbt and refcountbt, and
 * the live window of the AGFL. Invariants: freeblks = blocks in the bnobt (AGFL not included); btreeblks =
 * (bnobt - 1) + (cntbt - 1) + (rmapbt - 1); longest <= freeblks <= length. Facts: section 5.
 */
import { bytes, le32, u32, u64, uuid } from './kinds.ts';
import { row, struct } from './struct.ts';

export const AGF_MAGIC = 0x58414746;

export const AGF = struct('agf', 224, 'Free space header of an AG', [
  row('magicnum', u32, '"XAGF"', { shown: 'hex' }),
  row('versionnum', u32, '1'),
  row('seqno', u32, 'agno'),
  row('length', u32, 'blocks in this AG'),
  row('bnoroot', u32, 'root of the bnobt', { goto: 'bnobt', shown: 'null' }),
  row('cntroot', u32, 'root of the cntbt', { goto: 'cntbt', shown: 'null' }),
  row('rmaproot', u32, 'root of the rmapbt, 0 if none', { goto: 'rmapbt', shown: 'blank' }),
  row('bnolevel', u32, 'levels of the bnobt'),
  row('cntlevel', u32, 'levels of the cntbt'),
  row('rmaplevel', u32, 'levels of the rmapbt'),
  row('flfirst', u32, 'first live AGFL slot'),
  row('fllast', u32, 'last live AGFL slot'),
  row('flcount', u32, 'live AGFL slots'),
  row('freeblks', u32, 'free blocks in the bnobt'),
  row('longest', u32, 'longest free extent, blocks'),
  row('btreeblks', u32, 'bnobt, cntbt and rmapbt blocks besides roots'),
  row('uuid', uuid, 'metadata UUID'),
  row('rmapblocks', u32, 'rmapbt blocks with root'),
  row('refcntblocks', u32, 'refcountbt blocks with root'),
  row('refcntroot', u32, 'root of the refcountbt', { goto: 'refcntbt', shown: 'blank' }),
  row('refcntlevel', u32, 'levels of the refcountbt'),
  row('spare', bytes(112), 'zero', { hidden: true }),
  row('lsn', u64, 'LSN of the last write', { shown: 'hex' }),
  row('crc', le32, 'CRC32C of the sector', { shown: 'crc' }),
  row('spare2', u32, 'zero', { hidden: true }),
]);

export const AGF_CRC_OFFSET = AGF.offset.crc;
