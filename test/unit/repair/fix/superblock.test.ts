/** The primary superblock from its copies and from itself, and copies from others: back to the very bytes. */
import { describe, expect, test } from '@jest/globals';
import type { FindingCode } from '../../../../src/format/findings.ts';
import { SB_CRC_OFFSET, SUPERBLOCK } from '../../../../src/format/superblock.ts';
import { inject } from '../../../../src/repair/inject/inject.ts';
import { withEdit } from '../../../support/edit.ts';
import { damageOf, expectLeft, expectMended } from '../../../support/mends.ts';
import { smallImage } from '../../../support/smallimage.ts';

type Fields = ReturnType<typeof SUPERBLOCK.over>;

const { device, geometry } = smallImage();
const { sectsize } = geometry;

function edit(
  agno: number,
  change: (sb: Fields, bytes: Uint8Array) => void,
  look: () => void,
  seal = true,
): void {
  const place = { offset: geometry.headerByte(agno, 0), length: sectsize, crcOffset: SB_CRC_OFFSET };
  withEdit(device, place, (_view, bytes) => change(SUPERBLOCK.over(bytes), bytes), look, seal);
}

function sectorOf(agno: number): Buffer {
  const at = geometry.headerByte(agno, 0);
  return Buffer.from(device.bytes.slice(at, at + sectsize));
}

/** Whether the sector is as it was. */
function same(agno: number): () => void {
  const before = sectorOf(agno);
  return () => expect(sectorOf(agno)).toEqual(before);
}

type Row = [string, (sb: Fields, bytes: Uint8Array) => void, FindingCode];

const PRIMARY: readonly Row[] = [
  ['no magic', (sb) => (sb.magicnum = 0), 'SB_LOST'],
  ['all zeros', (_, bytes) => bytes.fill(0), 'SB_LOST'],
  ['another block size', (sb) => (sb.blocksize = 8192), 'SB_GEOMETRY'],
  ['more AGs', (sb) => (sb.agcount += 1), 'SB_GEOMETRY'],
  ['another root inode', (sb) => (sb.rootino += 64), 'SB_FIELD'],
  ['realtime inodes', (sb) => (sb.rbmino = 7), 'SB_FIELD'],
  ['in progress', (sb) => (sb.inprogress = 1), 'SB_FIELD'],
  ['bytes behind the fields', (_, bytes) => bytes.fill(9, 400, 410), 'SB_FIELD'],
  ['shared_vn', (sb) => (sb.shared_vn = 1), 'SB_FIELD'],
  ['bad_features2', (sb) => (sb.bad_features2 ^= 1), 'SB_FIELD'],
  ['another UUID', (sb) => (sb.uuid = '00112233-4455-6677-8899-aabbccddeeff'), 'SB_FIELD'],
  ['inode alignment', (sb) => (sb.inoalignmt = 2), 'SB_FIELD'],
  ['more free blocks than there are', (sb) => (sb.fdblocks = 1n << 50n), 'SB_FIELD'],
  ['more free inodes than there are', (sb) => (sb.ifree = sb.icount + 1n), 'SB_FIELD'],
  ['the log elsewhere', (sb) => (sb.logstart += 1), 'SB_FIELD'],
  ['features of the log', (sb) => (sb.features_log_incompat = 1), 'SB_LOG_FEATURES'],
  ['a mark', (sb) => (sb.features_incompat |= 0x10), 'SB_NEEDSREPAIR'],
]; // biome-ignore format: one row a line

describe.each([
  ['sealed', true],
  ['with a checksum that does not fit', false],
])('primary, %s', (_, seal) => {
  test.each(PRIMARY)('%s', (name, change, code) => {
    // What copies do not know is lost with all of the sector.
    const look = name === 'all zeros' ? () => expect(damageOf(device)).toEqual([]) : same(0);
    edit(0, change, () => expectMended(device, [code], look), seal);
  });
});

test('a checksum that alone is wrong is resealed', () => {
  const look = same(0);
  edit(
    0,
    (sb) => (sb.crc ^= 1),
    () => {
      expect(expectMended(device, ['SB_CRC'], look).actions).toEqual(['superblock: reseal']);
    },
    false,
  );
});

test('the label is kept where it can be', () => {
  edit(
    0,
    (sb) => (sb.magicnum = 1),
    () => {
      expectMended(device, ['SB_LOST'], () => expect(SUPERBLOCK.over(sectorOf(0)).fname).toContain('small'));
    },
  );
});

const COPY: readonly Row[] = [
  ['no magic', (sb) => (sb.magicnum = 0), 'SB_SECONDARY'],
  ['block size', (sb) => (sb.blocksize = 512), 'SB_SECONDARY'],
  ['UUID', (sb) => (sb.uuid = '00112233-4455-6677-8899-aabbccddeeff'), 'SB_SECONDARY'],
  ['root inode', (sb) => (sb.rootino = 9), 'SB_SECONDARY'],
  ['bytes behind the fields', (_, bytes) => bytes.fill(9, 400, 410), 'SB_SECONDARY'],
];

describe.each([1, 2])('copy of AG %i', (agno) => {
  test.each(COPY)('%s', (_, change, code) => {
    edit(agno, change, () => expectMended(device, [code]));
  });

  test('and the checksum', () => {
    edit(
      agno,
      (sb) => (sb.crc ^= 1),
      () => expectMended(device, ['SB_SECONDARY']),
      false,
    );
  });
});

test('all copies at once', () => {
  const spoil = (sb: Fields) => (sb.magicnum = 5);
  edit(1, spoil, () => edit(2, spoil, () => expectMended(device, ['SB_SECONDARY'])));
});

test('primary and an index at once', () => {
  const mine = smallImage();
  inject(mine.device, 'leaked-cow', 1);
  SUPERBLOCK.over(mine.device.bytes.subarray(0, sectsize)).magicnum = 0;
  expectMended(mine.device, ['SB_LOST', 'LEAKED_COW']);
});

test('the mark stays while other damage does', () => {
  const mine = smallImage();
  // No inode there: what it owned is not known.
  mine.device.bytes.fill(
    0,
    mine.geometry.inoByte(mine.files[0]!.ino),
    mine.geometry.inoByte(mine.files[0]!.ino) + 2,
  );
  const place = { offset: 0, length: sectsize, crcOffset: SB_CRC_OFFSET };
  const mark = (_: DataView, bytes: Uint8Array) => {
    SUPERBLOCK.over(bytes).features_incompat |= 0x10;
  };
  withEdit(mine.device, place, mark, () => expectLeft(mine.device, 'SB_NEEDSREPAIR', /other damage/));
});
