/**
 * AGF: free space header, sector 1 of every AG. It holds the roots of bnobt, cntbt, rmapbt and refcountbt, and
 * the live window of the AGFL. Invariants: freeblks = blocks in the bnobt (AGFL not included); btreeblks =
 * (bnobt - 1) + (cntbt - 1) + (rmapbt - 1); longest <= freeblks <= length.
 */
import { bytes, le32, u32, u64, uuid } from './kinds.ts';
import { layout, row, struct } from './struct.ts';

export const AGF_MAGIC = 0x58414746;

export const AGF = struct('agf', 224, 'Free space header of an AG', [
  row('magicnum', u32, '"XAGF"', { shown: 'hex', order: 0 }),
  row('versionnum', u32, '1', { order: 1 }),
  row('seqno', u32, 'agno', { shown: 'null', order: 2 }),
  row('length', u32, 'blocks in this AG', { shown: 'null', order: 3 }),
  row('bnoroot', u32, 'root of the bnobt', { goto: 'bnobt', unit: 'agbno', shown: 'null', order: 4 }),
  row('cntroot', u32, 'root of the cntbt', { goto: 'cntbt', unit: 'agbno', shown: 'null', order: 5 }),
  row('rmaproot', u32, 'root of the rmapbt, 0 if none', {
    goto: 'rmapbt',
    unit: 'agbno',
    shown: 'blank',
    order: 6,
  }),
  row('bnolevel', u32, 'levels of the bnobt', { order: 8 }),
  row('cntlevel', u32, 'levels of the cntbt', { order: 9 }),
  row('rmaplevel', u32, 'levels of the rmapbt', { order: 10 }),
  row('flfirst', u32, 'first live AGFL slot', { order: 14 }),
  row('fllast', u32, 'last live AGFL slot', { order: 15 }),
  row('flcount', u32, 'live AGFL slots', { order: 16 }),
  row('freeblks', u32, 'free blocks in the bnobt', { order: 17 }),
  row('longest', u32, 'longest free extent, blocks', { order: 18 }),
  row('btreeblks', u32, 'bnobt, cntbt and rmapbt blocks besides roots', { order: 19 }),
  row('uuid', uuid, 'metadata UUID', { order: 20 }),
  row('rmapblocks', u32, 'rmapbt blocks with root', { order: 12 }),
  row('refcntblocks', u32, 'refcountbt blocks with root', { order: 13 }),
  row('refcntroot', u32, 'root of the refcountbt', {
    goto: 'refcntbt',
    unit: 'agbno',
    shown: 'blank',
    order: 7,
  }),
  row('refcntlevel', u32, 'levels of the refcountbt', { order: 11 }),
  row('spare', bytes(112), 'zero', { hidden: true, unnamed: true, order: 21 }),
  row('lsn', u64, 'LSN of the last write', { shown: 'hex', order: 22 }),
  row('crc', le32, 'CRC32C of the sector', { shown: 'crc', order: 23 }),
  row('spare2', u32, 'zero', { hidden: true, unnamed: true, order: 24 }),
]);

/** As xfs_db lists it: what once were two arrays, by tree, still have their names. */
export const AGF_LISTED = layout(
  AGF.name,
  AGF.doc,
  [
    ...AGF.rows,
    row('roots', u32, 'roots of bnobt, cntbt and rmapbt', {
      count: 3,
      at: () => AGF.offset.bnoroot * 8,
      view: true,
      hidden: true,
      shown: 'null',
      order: 3.5,
    }),
    row('levels', u32, 'levels of bnobt, cntbt and rmapbt', {
      count: 3,
      at: () => AGF.offset.bnolevel * 8,
      view: true,
      hidden: true,
      order: 7.5,
    }),
  ],
  AGF.size,
);

export const AGF_CRC_OFFSET = AGF.offset.crc;
