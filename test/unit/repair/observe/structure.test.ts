/** Headers, btrees and logs: one field changed, that finding expected. */
import { describe, expect, test } from '@jest/globals';
import { AGF } from '../../../../src/format/agf.ts';
import { AGI } from '../../../../src/format/agi.ts';
import { OWNER, SHORT_HEADER } from '../../../../src/format/btree.ts';
import { DINODE } from '../../../../src/format/inode.ts';
import { SUPERBLOCK } from '../../../../src/format/superblock.ts';
import type { AgObservation } from '../../../../src/repair/observation.ts';
import { MARK } from '../../../../src/repair/observe/inodetable.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { type Place, withEdit } from '../../../support/edit.ts';
import { smallImage } from '../../../support/smallimage.ts';

const { device, geometry } = smallImage();
const clean = observe(device);
const sector = (agno: number, index: number, crcOffset: number): Place => ({
  offset: geometry.headerByte(agno, index),
  length: geometry.sectsize,
  crcOffset,
});
const block = (agno: number, agbno: number): Place => ({
  offset: geometry.agbnoByte(agno, agbno),
  length: geometry.blocksize,
  crcOffset: SHORT_HEADER.offset.crc,
});
const root = (tree: 'bnobt' | 'cntbt' | 'inobt' | 'finobt' | 'rmapbt' | 'refcntbt', agno = 2): Place =>
  block(agno, clean.ags[agno]![tree]!.blocks[0]!);
const codes = () => observe(device).findings.map((f) => f.code);

test('a sound image: nothing found, all trees sound, all that is owned is seen', () => {
  expect(clean.findings).toEqual([]);
  expect(clean.filesComplete).toBe(true);
  expect(clean.log.state).toBe('clean');
  for (const ag of clean.ags) {
    for (const tree of [ag.bnobt, ag.cntbt, ag.rmapbt, ag.refcntbt, ag.inobt, ag.finobt]) {
      expect(tree?.sound).toBe(true);
    }
    expect([ag.agfSound, ag.agiSound, ag.agflSound]).toEqual([true, true, true]);
    expect(ag.freeList.length).toBe(AGF.over(ag.agf!).flcount);
    expect(ag.owners.owner.slice(0, 1)).toEqual(Float64Array.of(OWNER.FS));
  }
  expect(clean.ags[0]!.chunks.length).toBe(1);
  expect(clean.inodesAllocated).toBe(6);
  // One file has no reflink flag, two share an extent.
  expect([...clean.inodes.marks].filter((marks) => marks !== 0)).toEqual([
    MARK.REGULAR,
    MARK.REGULAR | MARK.REFLINK,
    MARK.REGULAR | MARK.REFLINK,
  ]);
});

describe('AG headers', () => {
  const cases: [string, Place, (view: DataView) => void, string, RegExp, (ag: AgObservation) => boolean][] = [
    [
      'AGF length',
      sector(1, 1, 216),
      (v) => v.setUint32(AGF.offset.length, 5),
      'AGF_FIELD',
      /AG 1 AGF: length 5, expected/,
      (ag) => ag.agfSound,
    ],
    [
      'AGF fllast off the window',
      sector(1, 1, 216),
      (v) => v.setUint32(AGF.offset.fllast, 50),
      'AGF_FIELD',
      /fllast 50, expected/,
      (ag) => ag.agfSound,
    ],
    [
      'AGF root outside',
      sector(1, 1, 216),
      (v) => v.setUint32(AGF.offset.bnoroot, 0xfffffff0),
      'BTREE_ROOT',
      /bnobt: root 4294967280 is outside the AG/,
      (ag) => ag.bnobt.sound,
    ],
    [
      'AGF too many levels',
      sector(1, 1, 216),
      (v) => v.setUint32(AGF.offset.cntlevel, 40),
      'BTREE_ROOT',
      /cntbt: 40 levels/,
      (ag) => ag.cntbt.sound,
    ],
    [
      'AGI count',
      sector(1, 2, 312),
      (v) => v.setUint32(AGI.offset.count, 0x7fffffff),
      'AGI_FIELD',
      /AG 1 AGI: count 2147483647/,
      (ag) => ag.agiSound,
    ],
    [
      'AGI unlinked outside',
      sector(1, 2, 312),
      (v) => v.setUint32(AGI.offset.unlinked, 0x7ffffff0),
      'UNLINKED_LIST',
      /is outside the AG/,
      (ag) => ag.agiSound,
    ],
    [
      'AGFL entry outside',
      sector(1, 3, 32),
      (v) => v.setUint32(36 + 4 * 1, 0x00ffffff),
      'AGFL_ENTRY',
      /slot 1: block 16777215 is outside/,
      (ag) => ag.agflSound,
    ],
    [
      'AGFL entry twice',
      sector(1, 3, 32),
      (v) => v.setUint32(36 + 4 * 1, v.getUint32(36 + 4 * 2)),
      'AGFL_ENTRY',
      /slot 2: block \d+ is listed twice/,
      (ag) => ag.agflSound,
    ],
  ];
  test.each(cases)('%s', (_, place, change, code, message, sound) => {
    withEdit(device, place, change, () => {
      const { findings, ags } = observe(device);
      const found = findings.filter((f) => f.code === code);
      expect(found.map((f) => f.message).join('\n')).toMatch(message);
      expect(found[0]!.where.agno).toBe(1);
      expect(sound(ags[1]!)).toBe(false);
    });
  });

  test('a checksum alone', () => {
    for (const [index, byte, code] of [
      [1, AGF.offset.lsn + 7, 'AGF_CRC'],
      [2, AGI.offset.lsn + 7, 'AGI_CRC'],
      [3, 31, 'AGFL_CRC'],
    ] as const) {
      const flip = (view: DataView) => view.setUint8(byte, 1);
      expect(withEdit(device, sector(2, index, 0), flip, codes, false)).toEqual([code]);
    }
  });
});

describe('btree blocks', () => {
  const H = SHORT_HEADER;
  const first = H.size;
  const cases: [string, Place, (view: DataView) => void, string, RegExp][] = [
    [
      'magic',
      root('bnobt'),
      (v) => v.setUint32(0, 1),
      'BTREE_BLOCK',
      /bnobt block \d+: magic 0x1, expected 0x41423342/,
    ],
    ['own address', root('cntbt'), (v) => v.setUint32(H.offset.bno + 4, 9), 'BTREE_BLOCK', /bno 9, expected/],
    ['owner', root('rmapbt'), (v) => v.setUint32(H.offset.owner, 0), 'BTREE_BLOCK', /owner 0, expected 2/],
    ['level', root('inobt'), (v) => v.setUint16(H.offset.level, 1), 'BTREE_BLOCK', /level 1, expected 0/],
    ['numrecs', root('refcntbt'), (v) => v.setUint16(H.offset.numrecs, 337), 'BTREE_BLOCK', /numrecs 337/],
    [
      'sibling',
      root('bnobt'),
      (v) => v.setUint32(H.offset.rightsib, 9),
      'BTREE_SIBLING',
      /right sibling 9, expected none/,
    ],
    [
      'free extent outside',
      root('bnobt'),
      (v) => v.setUint32(first + 4, 0x7fffffff),
      'BTREE_RECORD',
      /leaves the AG/,
    ],
    [
      'free extents unordered',
      root('bnobt'),
      (v) => {
        const a = v.getUint32(first);
        v.setUint32(first, v.getUint32(first + 8));
        v.setUint32(first + 8, a);
      },
      'BTREE_ORDER',
      /does not sort after/,
    ],
    [
      'rmap of no owner',
      root('rmapbt'),
      (v) => v.setUint32(first + 12, 0xfffffff0),
      'BTREE_RECORD',
      /no such owner/,
    ],
    [
      'rmap overlapping',
      root('rmapbt'),
      (v) => v.setUint32(first + 4, 4),
      'BTREE_ORDER',
      /overlaps blocks below 4/,
    ],
    [
      'rmap of an inode that cannot be',
      root('rmapbt'),
      (v) => v.setBigUint64(first + 8, 1n << 40n),
      'BTREE_RECORD',
      /no such inode/,
    ],
    [
      'refcount of one',
      root('refcntbt'),
      (v) => v.setUint32(first + 8, 1),
      'BTREE_RECORD',
      /refcount 1, expected at least 2/,
    ],
    [
      'staging shared',
      root('refcntbt'),
      (v) => v.setUint32(first, v.getUint32(first) + 0x80000000),
      'BTREE_RECORD',
      /staging extent .* refcount 2, expected 1/,
    ],
    [
      'chunk misaligned',
      root('inobt', 0),
      (v) => v.setUint32(first, v.getUint32(first) + 1),
      'BTREE_RECORD',
      /misaligned/,
    ],
    [
      'chunk count',
      root('inobt', 0),
      (v) => v.setUint8(first + 6, 63),
      'BTREE_RECORD',
      /count 63, holemask leaves 64/,
    ],
    [
      'chunk freecount',
      root('inobt', 0),
      (v) => v.setUint8(first + 7, 5),
      'BTREE_RECORD',
      /freecount 5, mask has 58/,
    ],
    [
      'finobt without free',
      root('finobt', 0),
      (v) => {
        v.setUint8(first + 7, 0);
        v.setBigUint64(first + 8, 0n);
      },
      'BTREE_RECORD',
      /has no free inode/,
    ],
  ];
  test.each(cases)('%s', (_, place, change, code, message) => {
    withEdit(device, place, change, () => {
      const { findings, ags } = observe(device);
      const found = findings.filter((f) => f.code === code);
      expect(found.map((f) => f.message).join('\n')).toMatch(message);
      expect(found[0]!.fix).toBeDefined();
      const trees = ags.flatMap((ag) => [ag.bnobt, ag.cntbt, ag.rmapbt, ag.refcntbt, ag.inobt, ag.finobt]);
      expect(trees.filter((tree) => tree && !tree.sound).map((tree) => tree!.name)).toEqual([
        found[0]!.where.structure,
      ]);
    });
  });

  test('a stale checksum', () => {
    const flip = (view: DataView) => view.setUint8(geometry.blocksize - 1, 1);
    expect(withEdit(device, root('rmapbt'), flip, codes, false)).toEqual(['BTREE_CRC']);
  });

  test('an AG whose inobt is lost: its chunks are known by the rmapbt, and nothing is called free for want of it', () => {
    withEdit(
      device,
      root('inobt', 0),
      (v) => v.setUint32(0, 0),
      () => {
        const seen = observe(device);
        expect(seen.ags[0]!.inobt.sound).toBe(false);
        expect(seen.ags[0]!.chunks.startino[0]).toBe(clean.ags[0]!.chunks.startino[0]);
        expect(seen.ags[0]!.chunks.freeLow[0]).toBe(clean.ags[0]!.chunks.freeLow[0]);
        expect(seen.inodesAllocated).toBe(clean.inodesAllocated);
        expect(seen.filesComplete).toBe(true);
      },
    );
  });
});

describe('LSNs', () => {
  const { headCycle, headBlock } = clean.log;
  const inode = { offset: geometry.inoByte(geometry.rootino), length: geometry.inodesize, crcOffset: 100 };
  const objects: [string, Place, number, object][] = [
    ['superblock', sector(0, 0, SUPERBLOCK.offset.crc), SUPERBLOCK.offset.lsn, { structure: 'sb' }],
    ['AGF', sector(1, 1, AGF.offset.crc), AGF.offset.lsn, { agno: 1, structure: 'agf' }],
    ['AGI', sector(1, 2, AGI.offset.crc), AGI.offset.lsn, { agno: 1, structure: 'agi' }],
    ['AGFL', sector(2, 3, 32), 24, { agno: 2, structure: 'agfl' }],
    ['rmapbt', root('rmapbt'), SHORT_HEADER.offset.lsn, { agno: 2, structure: 'rmapbt' }],
    ['inode', inode, DINODE.offset.lsn, { ino: geometry.rootino }],
  ];
  const at = (place: Place, offset: number, cycle: number, bb: number) =>
    withEdit(
      device,
      place,
      (v) => {
        v.setUint32(offset, cycle);
        v.setUint32(offset + 4, bb);
      },
      () => observe(device).findings,
    );

  test.each(objects)('%s: up to the head of the log, not beyond', (_, place, offset, where) => {
    expect(at(place, offset, headCycle, headBlock)).toEqual([]);
    for (const [cycle, bb] of [
      [headCycle, headBlock + 1],
      [headCycle + 1, 0],
      [0xffffffff, 0],
    ] as const) {
      expect(at(place, offset, cycle, bb)).toMatchObject([
        { code: 'LSN_AHEAD', where, found: `${cycle}:${bb}`, expected: `${headCycle}:${headBlock}` },
      ]);
    }
  });
});
