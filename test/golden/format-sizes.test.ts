/**
 * Sizes and offsets of the structures, as numbers: the rows must agree with what the reference asserts about its own
 * structures and with what was measured on real images. A wrong row fails here by name.
 */
import { describe, expect, test } from '@jest/globals';
import { AGF } from '../../src/format/agf.ts';
import { AGFL_HEADER, agflSlots } from '../../src/format/agfl.ts';
import { AGI } from '../../src/format/agi.ts';
import * as attr from '../../src/format/attr.ts';
import * as btree from '../../src/format/btree.ts';
import { daBlkinfo } from '../../src/format/dablock.ts';
import * as dir from '../../src/format/dir.ts';
import { DISK_DQUOT, DQBLK, dquotsPerBlock } from '../../src/format/dquot.ts';
import { DINODE, INODE_CORE, INODE_V3, TIMESTAMP } from '../../src/format/inode.ts';
import * as log from '../../src/format/log.ts';
import * as items from '../../src/format/logitem.ts';
import { RT_BLOCK_HEADER, RT_BTREE_ROOT, RTSB } from '../../src/format/realtime.ts';
import type { Shape } from '../../src/format/struct.ts';
import { SUPERBLOCK } from '../../src/format/superblock.ts';
import { SYMLINK_HEADER } from '../../src/format/symlink.ts';

const SIZES: readonly (readonly [Shape, number])[] = [
  [SUPERBLOCK, 304],
  [AGF, 224],
  [AGI, 344],
  [AGFL_HEADER, 36],
  [btree.SHORT_HEADER, 56],
  [btree.LONG_HEADER, 72],
  [btree.ALLOC_RECORD, 8],
  [btree.CNTBT_KEY, 8],
  [btree.INOBT_RECORD, 16],
  [btree.INOBT_SPARSE_RECORD, 16],
  [btree.INOBT_KEY, 4],
  [btree.RMAP_RECORD, 24],
  [btree.RMAP_KEY, 20],
  [btree.RMAP_NODE_KEY, 40],
  [btree.REFCOUNT_RECORD, 12],
  [btree.REFCOUNT_KEY, 4],
  [btree.BMBT_RECORD, 16],
  [btree.BMBT_KEY, 8],
  [btree.BMDR_HEADER, 4],
  [DINODE, 176],
  [INODE_CORE, 176],
  [INODE_V3, 176],
  [TIMESTAMP, 8],
  [SYMLINK_HEADER, 56],
  [DISK_DQUOT, 104],
  [DQBLK, 136],
  [daBlkinfo('x', { goto: 'attr3', unit: 'attroff' }), 56],
  [dir.DIR_BLOCK_HEADER, 48],
  [dir.DIR_DATA_HEADER, 64],
  [dir.DIR_DATA_FREE, 4],
  [dir.DIR_LEAF_HEADER, 64],
  [dir.DIR_LEAF_ENTRY, 8],
  [dir.DIR_LEAF_TAIL, 4],
  [dir.DIR_BLOCK_TAIL, 8],
  [dir.DIR_FREE_HEADER, 64],
  [dir.DIR_NODE_HEADER, 64],
  [dir.DIR_NODE_ENTRY, 8],
  [attr.SFATTR_HEADER, 4],
  [attr.ATTR_LEAF_HEADER, 80],
  [attr.ATTR_LEAF_MAP, 4],
  [attr.ATTR_LEAF_ENTRY, 8],
  [attr.ATTR_REMOTE_HEADER, 56],
  [log.LOG_RECORD, 512],
  [log.LOG_EXTENSION, 512],
  [log.LOG_OPERATION, 12],
  [log.LOG_TRANSACTION, 16],
  [log.LOG_UNMOUNT, 8],
  [items.LOG_EXTENT, 16],
  [items.LOG_PHYSICAL_EXTENT, 16],
  [items.LOG_MAP_EXTENT, 32],
  [items.LOG_RUD, 16],
  [items.LOG_CUD, 16],
  [items.LOG_BUD, 16],
  [items.LOG_ATTRI, 40],
  [items.LOG_ATTRD, 16],
  [items.LOG_XMI, 88],
  [items.LOG_XMD, 16],
  [items.LOG_INODE, 56],
  [items.LOG_INODE_32, 52],
  [items.LOG_DINODE, 176],
  [items.LOG_DQUOT, 24],
  [items.LOG_QUOTAOFF, 20],
  [items.LOG_ICREATE, 28],
  [RT_BLOCK_HEADER, 48],
  [RTSB, 56],
  [RT_BTREE_ROOT, 4],
];

describe('sizes in bytes', () => {
  test.each(SIZES.map(([shape, size]) => [shape.name, shape, size] as const))('%s', (_name, shape, size) => {
    expect(shape.fixedBits).toBe(size * 8);
  });
});

describe('offsets', () => {
  test('superblock', () => {
    expect(SUPERBLOCK.offset).toMatchObject({
      magicnum: 0, dblocks: 8, uuid: 32, logstart: 48, rootino: 56, agblocks: 84, agcount: 88, versionnum: 100,
      sectsize: 102, inodesize: 104, fname: 108, blocklog: 120, agblklog: 124, inprogress: 126, icount: 128,
      fdblocks: 144, uquotino: 160, qflags: 176, inoalignmt: 180, unit: 184, dirblklog: 192, logsectsize: 194,
      logsunit: 196, features2: 200, features_ro_compat: 212, features_incompat: 216, crc: 224, spino_align: 228,
      pquotino: 232, lsn: 240, meta_uuid: 248, metadirino: 264, rgcount: 272, rgblklog: 280, rtstart: 288,
      rtreserved: 296,
    }); // biome-ignore format: pairs
  });
  test('AG headers', () => {
    expect(AGF.offset).toMatchObject({
      seqno: 8, length: 12, bnoroot: 16, rmaproot: 24, bnolevel: 28, flfirst: 40, flcount: 48, freeblks: 52,
      longest: 56, btreeblks: 60, uuid: 64, rmapblocks: 80, refcntblocks: 84, refcntroot: 88, refcntlevel: 92,
      lsn: 208, crc: 216,
    }); // biome-ignore format: pairs
    expect(AGI.offset).toMatchObject({
      count: 16, root: 20, level: 24, freecount: 28, newino: 32, unlinked: 40, uuid: 296, crc: 312, lsn: 320,
      free_root: 328, ino_blocks: 336, fino_blocks: 340,
    }); // biome-ignore format: pairs
    expect(AGFL_HEADER.offset).toMatchObject({ magicnum: 0, seqno: 4, uuid: 8, lsn: 24, crc: 32 });
    expect([agflSlots(512), agflSlots(4096)]).toEqual([119, 1015]);
  });
  test('btree headers', () => {
    expect(btree.SHORT_HEADER.offset).toMatchObject({
      leftsib: 8,
      bno: 16,
      lsn: 24,
      uuid: 32,
      owner: 48,
      crc: 52,
    });
    expect(btree.LONG_HEADER.offset).toMatchObject({
      leftsib: 8,
      bno: 24,
      lsn: 32,
      uuid: 40,
      owner: 56,
      crc: 64,
    });
  });
  test('inode', () => {
    expect(DINODE.offset).toMatchObject({
      mode: 2, format: 5, nlink: 16, big_nextents: 24, atime: 32, size: 56, nblocks: 64, extsize: 72, nextents: 76,
      anextents: 80, forkoff: 82, aformat: 83, flags: 90, gen: 92, next_unlinked: 96, crc: 100, changecount: 104,
      lsn: 112, flags2: 120, cowextsize: 128, crtime: 144, ino: 152, uuid: 160,
    }); // biome-ignore format: pairs
  });
  test('fork blocks, quota, log', () => {
    expect(dir.DIR_BLOCK_HEADER.offset).toMatchObject({
      magic: 0,
      crc: 4,
      bno: 8,
      lsn: 16,
      uuid: 24,
      owner: 40,
    });
    expect(dir.DIR_LEAF_HEADER.offset).toMatchObject({ count: 56, stale: 58 });
    expect(dir.DIR_FREE_HEADER.offset).toMatchObject({ firstdb: 48, nvalid: 52, nused: 56 });
    expect(attr.ATTR_LEAF_HEADER.offset).toMatchObject({
      count: 56,
      usedbytes: 58,
      firstused: 60,
      holes: 62,
      freemap: 64,
    });
    expect(attr.ATTR_REMOTE_HEADER.offset).toMatchObject({
      offset: 4,
      bytes: 8,
      crc: 12,
      uuid: 16,
      owner: 32,
      bno: 40,
      lsn: 48,
    });
    expect(SYMLINK_HEADER.offset).toEqual(attr.ATTR_REMOTE_HEADER.offset);
    expect(DQBLK.offset).toMatchObject({ fill: 104, crc: 108, lsn: 112, uuid: 120 });
    expect(DISK_DQUOT.offset).toMatchObject({
      id: 4,
      blk_hardlimit: 8,
      bcount: 40,
      itimer: 56,
      iwarns: 64,
      rtbcount: 88,
    });
    expect(dquotsPerBlock(4096)).toBe(30);
    expect(log.LOG_RECORD.offset).toMatchObject({
      len: 12,
      lsn: 16,
      tail_lsn: 24,
      crc: 32,
      cycle_data: 44,
      fmt: 300,
      uuid: 304,
      size: 320,
      pad1: 328,
    });
    expect(RT_BLOCK_HEADER.offset).toMatchObject({ crc: 4, owner: 8, bno: 16, lsn: 24, uuid: 32 });
  });
});

test('records that fit a block', () => {
  const most = (name: keyof typeof btree.BTREE) =>
    [0, 1].map((level) => btree.maxRecords(btree.BTREE[name], level, 4096));
  expect(most('bnobt')).toEqual([505, 336]);
  expect(most('cntbt')).toEqual([505, 336]);
  expect(most('inobt')).toEqual([252, 505]);
  expect(most('finobt')).toEqual([252, 505]);
  expect(most('rmapbt')).toEqual([168, 91]);
  expect(most('refcntbt')).toEqual([336, 505]);
  expect(most('bmapbt')).toEqual([251, 251]);
  expect(btree.maxRootKeys(192)).toBe(11);
});
