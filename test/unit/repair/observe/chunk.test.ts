/** Where inode chunks are known from, when the inobt fails or says too much. */
import { describe, expect, test } from '@jest/globals';
import { AGI } from '../../../../src/format/agi.ts';
import { INOBT_SPARSE_RECORD, OWNER, RMAP_RECORD, SHORT_HEADER } from '../../../../src/format/btree.ts';
import { DINODE } from '../../../../src/format/inode.ts';
import { SB_CRC_OFFSET, SUPERBLOCK } from '../../../../src/format/superblock.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { type Place, withEdit } from '../../../support/edit.ts';
import { smallImage } from '../../../support/smallimage.ts';

const FIRST = SHORT_HEADER.size;

function subject(options: readonly string[]) {
  const { device, geometry } = smallImage(options);
  const clean = observe(device);
  const ag = clean.ags[0]!;
  const place = (tree: 'inobt' | 'finobt' | 'rmapbt'): Place => ({
    offset: geometry.agbnoByte(0, ag[tree]!.blocks[0]!),
    length: geometry.blocksize,
    crcOffset: SHORT_HEADER.offset.crc,
  });
  const agi: Place = {
    offset: geometry.headerByte(0, 2),
    length: geometry.sectsize,
    crcOffset: AGI.offset.crc,
  };
  const chunksOf = (seen = observe(device)) => {
    const { startino, freeLow, freeHigh, length } = seen.ags[0]!.chunks;
    return Array.from({ length }, (_, i) => [startino[i], freeHigh[i], freeLow[i]]);
  };
  return { device, geometry, clean, place, agi, chunksOf };
}

const noRecords = (v: DataView) => v.setUint16(SHORT_HEADER.offset.numrecs, 0);
const spoil = (v: DataView) => v.setUint32(0, 0);

describe.each([
  ['with rmapbt', []],
  ['without rmapbt', ['m.rmapbt=0']],
  ['without rmapbt and finobt', ['m.rmapbt=0', 'm.finobt=0', 'm.inobtcount=0']],
  ['without sparse chunks', ['i.sparse=0']],
])('%s', (_, options) => {
  const { device, clean, place, agi, chunksOf } = subject(options);
  const expected = chunksOf(clean);

  test('a lost inobt: the chunk is found elsewhere, and its inodes are read', () => {
    withEdit(device, place('inobt'), spoil, () => {
      const seen = observe(device);
      expect(chunksOf(seen)).toEqual(expected);
      expect(seen.inodesAllocated).toBe(clean.inodesAllocated);
      expect(seen.filesComplete).toBe(true);
    });
  });

  test('a missing record of a sound inobt', () => {
    withEdit(device, place('inobt'), noRecords, () => {
      const seen = observe(device);
      expect(seen.ags[0]!.inobt).toMatchObject({ sound: true, records: { length: 0 } });
      expect(chunksOf(seen)).toEqual(expected);
    });
  });

  test('without any other witness the counts of AGI and superblock decide whether all was found', () => {
    const less = (v: DataView) => v.setUint32(AGI.offset.count, 128);
    const lessInAll = (v: DataView) => v.setBigUint64(SUPERBLOCK.offset.icount, 128n);
    const superblock = { offset: 0, length: clean.geometry.sectsize, crcOffset: SB_CRC_OFFSET };
    const seen = withEdit(device, place('inobt'), spoil, () =>
      withEdit(device, agi, less, () => [
        observe(device),
        withEdit(device, superblock, lessInAll, () => observe(device)),
      ]),
    );
    expect(seen.map((one) => one.filesComplete)).toEqual([true, clean.geometry.features.rmapbt]);
  });
});

test('a surplus record, which rmapbt and disk both deny, makes no chunk and loses no file', () => {
  const { device, geometry, place, chunksOf, clean } = subject([]);
  const surplus = (v: DataView) => {
    const { startino, count, freecount, free } = INOBT_SPARSE_RECORD.offset;
    const at = FIRST + INOBT_SPARSE_RECORD.size;
    v.setUint16(SHORT_HEADER.offset.numrecs, 2);
    v.setUint32(at + startino, geometry.agbnoAgino(1600));
    v.setUint8(at + count, 64);
    v.setUint8(at + freecount, 64);
    v.setBigUint64(at + free, 0xffffffffffffffffn);
  };
  const seen = withEdit(device, place('inobt'), surplus, () => observe(device));
  expect(seen.ags[0]!.inobt.records.length).toBe(2);
  expect(chunksOf(seen)).toEqual(chunksOf(clean));
  expect([seen.filesComplete, seen.findings]).toEqual([true, []]);
});

test('a surplus record where no rmapbt can deny it: inodes are lost, for all that is known', () => {
  const { device, geometry, place } = subject(['m.rmapbt=0']);
  // Block 700 belongs to a file, so the bnobt does not call it free.
  const moved = (v: DataView) => {
    const { startino } = INOBT_SPARSE_RECORD.offset;
    v.setUint32(FIRST + startino, geometry.agbnoAgino(696));
  };
  const seen = withEdit(device, place('inobt'), moved, () => observe(device));
  expect(seen.findings.map((f) => f.code)).toContain('INODE_LOST');
  expect(seen.filesComplete).toBe(false);
});

test('rmapbt names inodes that are not there, and the inobt is lost: files may be missing', () => {
  const { device, geometry, place } = subject([]);
  const rmaps = observe(device).ags[0]!.rmapbt!.records;
  const index = rmaps.owner.subarray(0, rmaps.length).indexOf(OWNER.INODES);
  const longer = (v: DataView) => {
    const at = FIRST + index * RMAP_RECORD.size + RMAP_RECORD.offset.blockcount;
    v.setUint32(at, v.getUint32(at) + geometry.chunkBlocks);
  };
  const seen = withEdit(device, place('rmapbt'), longer, () =>
    withEdit(device, place('inobt'), spoil, () => observe(device)),
  );
  expect(seen.ags[0]!.rmapbt!.sound).toBe(true);
  expect(seen.filesComplete).toBe(false);
  // With the inobt to deny it, the rmap record is merely surplus.
  expect(withEdit(device, place('rmapbt'), longer, () => observe(device)).filesComplete).toBe(true);
});

test('one inode with our number is enough to prove a block', () => {
  const { device, geometry, place, chunksOf, clean } = subject([]);
  const first: Place = {
    offset: geometry.inoByte(geometry.rootino + 8),
    length: geometry.inodesize,
    crcOffset: DINODE.offset.crc,
  };
  const seen = withEdit(device, place('inobt'), spoil, () =>
    withEdit(
      device,
      first,
      (v) => v.setUint16(0, 0),
      () => observe(device),
    ),
  );
  expect(chunksOf(seen).length).toBe(chunksOf(clean).length);
  expect(seen.findings.map((f) => f.code)).toContain('INODE_LOST');
});
