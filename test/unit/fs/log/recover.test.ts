/** Recovery of logs made to order: where they lie, what they are made of, and what must be refused untouched. */
import { describe, expect, test } from '@jest/globals';
import { AGF } from '../../../../src/format/agf.ts';
import { AGI } from '../../../../src/format/agi.ts';
import { sealCrc } from '../../../../src/format/checksum.ts';
import { QFLAG } from '../../../../src/format/dquot.ts';
import { DINODE, INODE_CORE_BYTES } from '../../../../src/format/inode.ts';
import { BASIC_BLOCK, LOG_HEADER_CRC_BYTES, LOG_RECORD, logRecordCrc } from '../../../../src/format/log.ts';
import { LOG_ICREATE } from '../../../../src/format/logitem.ts';
import { viewOf } from '../../../../src/format/struct.ts';
import { geometryOf, SUPERBLOCK } from '../../../../src/format/superblock.ts';
import { openFileSystem } from '../../../../src/fs/filesystem.ts';
import { mapNewBlocks } from '../../../../src/fs/inode/allocation.ts';
import { BmapCursor } from '../../../../src/fs/inode/bmbt.ts';
import { readInode } from '../../../../src/fs/inode/inode.ts';
import { removeRange } from '../../../../src/fs/inode/mapping.ts';
import { transact } from '../../../../src/fs/transaction.ts';
import { CraftedLog, cancelled, inodeItem, planFor, wholeBuffer } from '../../../support/logwriter.ts';
import { memoryTree } from '../../../support/memorytree.ts';
import {
  createIn,
  expectClean,
  expectRecovered,
  linkIn,
  problemsOf,
  recover,
  unlinkIn,
} from '../../../support/recovered.ts';
import { type SmallImage, smallImage } from '../../../support/smallimage.ts';
import {
  changeInode,
  changeSuperblock,
  inodeBytes,
  packExtent,
  reindex,
} from '../../../support/specialimage.ts';

/** Names linked in the log, a transaction each; the block that each began in. */
function logLinks(log: CraftedLog, { geometry, files }: SmallImage, count: number): number[] {
  return Array.from({ length: count }, (_, i) =>
    log.change((tr) => linkIn(tr, geometry.rootino, `logged-${i}`, files[0]!.ino)),
  );
}

/** Expects the log to be refused for this reason, and nothing to be written. */
function expectRefused(log: CraftedLog, reason: RegExp): void {
  const before = Buffer.from(log.device.bytes);
  expect(() => log.plan()).toThrow(reason);
  expect(before.equals(log.device.bytes)).toBe(true);
}

describe('where the log lies', () => {
  test.each([
    ['behind that of mkfs', undefined],
    ['in the middle', { cycle: 7, block: 1000 }],
    ['from one block before its end on', { cycle: 3, block: -1 }],
    ['round its end', { cycle: 3, block: -30 }],
    ['from its start on', { cycle: 9, block: 0 }],
  ])('%s', (_name, at) => {
    const image = smallImage();
    const { size } = new CraftedLog(image.device);
    const log = new CraftedLog(
      image.device,
      at ? { at: { cycle: at.cycle, block: at.block < 0 ? size + at.block : at.block } } : {},
    );
    logLinks(log, image, 12);
    log.change((tr) => void createIn(tr, image.geometry.rootino, 'made'));
    expect(problemsOf(image.device)).not.toEqual([]);
    expect(log.plan().replay.transactions).toBe(13);
    expectRecovered(image.device, memoryTree(log.ahead));
  });

  test('records of 256 KiB, with extended headers', () => {
    const image = smallImage();
    const log = new CraftedLog(image.device, { at: { cycle: 5, block: 100 }, stripeUnit: 2 ** 18 });
    logLinks(log, image, 3);
    // Every block of the root directory and all inodes, as one record.
    log.change((tr) => {
      for (let i = 0; i < 1500; i++) linkIn(tr, image.geometry.rootino, `n${i}`, image.files[0]!.ino);
    });
    const { replay } = log.plan();
    expect([replay.records, replay.transactions]).toEqual([4, 4]);
    expectRecovered(image.device, memoryTree(log.ahead));
  });

  test('exactly one record, and none', () => {
    const image = smallImage();
    const log = new CraftedLog(image.device);
    logLinks(log, image, 1);
    expect(log.plan().replay.records).toBe(1);
    expectRecovered(image.device, memoryTree(log.ahead));
    expect(() => planFor(image.device)).toThrow(/clean/);
  });
});

describe('torn and damaged', () => {
  const ten = (): { image: SmallImage; log: CraftedLog; blocks: number[] } => {
    const image = smallImage();
    const log = new CraftedLog(image.device, { at: { cycle: 4, block: 500 } });
    return { image, log, blocks: logLinks(log, image, 10) };
  };

  test('the last record is torn: it is dropped', () => {
    const { image, log, blocks } = ten();
    log.block(blocks[9]! + 1).fill(0x77, 100);
    expect(log.plan().replay.transactions).toBe(9);
    recover(image.device);
    const names = memoryTree(image.device).map((line) => line.split(' ')[0]);
    expect(names).toContain('/logged-8');
    expect(names).not.toContain('/logged-9');
  });

  test('a record in the middle is damaged: nothing is replayed', () => {
    // More than may have been in flight lies behind it.
    const { log, blocks, image } = ten();
    for (let i = 0; i < 12; i++) log.change((tr) => void createIn(tr, image.geometry.rootino, `more-${i}`));
    log.block(blocks[3]! + 1).fill(0x77, 100);
    expectRefused(log, /CRC/);
  });

  test('a record at the tail was covered by a torn write at the head: it is gone over', () => {
    const image = smallImage();
    const { size } = new CraftedLog(image.device);
    // Round the whole log, but for a few blocks; the transactions at the tail say nothing new.
    const log = new CraftedLog(image.device, { at: { cycle: 4, block: 500 } });
    const filler = image.device.bytes.slice(0, image.geometry.sectsize);
    const first = log.items([[wholeBuffer(0, filler)[0]!, filler]]);
    while ((log.head.block - 500 + size) % size < size - 700 || log.head.cycle === 4) {
      log.items(Array.from({ length: 40 }, () => wholeBuffer(0, filler)));
      if (log.head.cycle > 4 && log.head.block > 440) break;
    }
    logLinks(log, image, 1);
    expect(log.plan().replay.records).toBeGreaterThan(3);
    log.block(first + 1).fill(0x11, 8);
    expect(log.plan().replay.records).toBeGreaterThan(3);
    expectRecovered(image.device, memoryTree(log.ahead));
  });

  test('a record of a 32-bit kernel, whose CRC leaves the padding of the header out', () => {
    const { image, log, blocks } = ten();
    log.edit(
      blocks[2]!,
      (header, data) => {
        const at = LOG_RECORD.over(header);
        at.crc = logRecordCrc(header, data, data.length, LOG_HEADER_CRC_BYTES[1]);
      },
      false,
    );
    expectRecovered(image.device, memoryTree(log.ahead));
  });

  test('a transaction that was never committed is dropped', () => {
    const { image, log } = ten();
    const tree = memoryTree(log.ahead);
    log.items([wholeBuffer(0, new Uint8Array(512).fill(0xee))], false);
    expect(log.plan().replay.dropped).toBe(1);
    expectRecovered(image.device, tree);
  });

  test.each<[string, (log: CraftedLog, image: SmallImage) => void, RegExp]>([
    [
      'an unknown item',
      (log) => void log.items([[new Uint8Array([0x99, 0x12, 1, 0, 0, 0, 0, 0])]]),
      /0x1299/,
    ],
    [
      'another byte order',
      (log) => log.edit(log.items([]), (header) => void (LOG_RECORD.over(header).fmt = 2)),
      /format 2/,
    ],
    ['a realtime intent', (log) => void log.items([[realtimeIntent()]]), /EFI_RT.*realtime/],
    [
      'a buffer past the end',
      (log) => void log.items([wholeBuffer(2 ** 40, new Uint8Array(512))]),
      /not on the device/,
    ],
    [
      'an item with too few regions',
      (log) => void log.items([[wholeBuffer(0, new Uint8Array(512))[0]!]]),
      /regions/,
    ],
    [
      'fewer AGs than there are',
      (log, image) => void log.items([wholeBuffer(0, shrunk(image))]),
      /2 AGs, there are 3/,
    ],
  ])('refused: %s', (_name, make, reason) => {
    const { image, log } = ten();
    make(log, image);
    expectRefused(log, reason);
  });

  test('refused: a log of another filesystem', () => {
    const image = smallImage();
    const log = new CraftedLog(image.device, { uuid: '11111111-2222-4333-8444-555555555555' });
    logLinks(log, image, 2);
    expectRefused(log, /of filesystem 11111111/);
  });
});

/** An ICREATE item. */
function newChunk(geometry: SmallImage['geometry'], ag: number, agbno: number): Uint8Array {
  const bytes = new Uint8Array(LOG_ICREATE.size);
  const fields = LOG_ICREATE.over(bytes);
  fields.type = 0x123f;
  fields.size = 1;
  Object.assign(fields, {
    ag,
    agbno,
    count: 64,
    isize: geometry.inodesize,
    length: geometry.chunkBlocks,
    gen: 77,
  });
  return bytes;
}

function realtimeIntent(): Uint8Array {
  const bytes = new Uint8Array(16);
  viewOf(bytes).setUint16(0, 0x124a, true);
  viewOf(bytes).setUint16(2, 1, true);
  return bytes;
}

function shrunk({ device, geometry }: SmallImage): Uint8Array {
  const sector = device.bytes.slice(0, geometry.sectsize);
  SUPERBLOCK.over(sector).agcount = 2;
  return sector;
}

describe('buffers', () => {
  const daddr = (geometry: SmallImage['geometry'], agbno: number) => geometry.agbnoDaddr(1, agbno);

  test('what was freed later is not replayed; what was logged for its new use is', () => {
    const { device, geometry } = smallImage();
    const log = new CraftedLog(device);
    const old = new Uint8Array(geometry.blocksize).fill(1);
    const fresh = new Uint8Array(geometry.blocksize).fill(2);
    log.items([wholeBuffer(daddr(geometry, 900), old), wholeBuffer(daddr(geometry, 901), old)]);
    log.items([
      cancelled(daddr(geometry, 900), geometry.blocksize),
      cancelled(daddr(geometry, 901), geometry.blocksize),
    ]);
    log.items([wholeBuffer(daddr(geometry, 901), fresh)]);
    recover(device);
    const at = geometry.agbnoByte(1, 900);
    expect(device.bytes[at]).toBe(0);
    expect(device.bytes[at + geometry.blocksize]).toBe(2);
  });

  test('freed twice: only what follows the last time counts', () => {
    const { device, geometry } = smallImage();
    const log = new CraftedLog(device);
    const block = (value: number) =>
      wholeBuffer(daddr(geometry, 900), new Uint8Array(geometry.blocksize).fill(value));
    const cancel = cancelled(daddr(geometry, 900), geometry.blocksize);
    log.items([block(1)]);
    log.items([cancel]);
    log.items([block(2)]);
    log.items([cancel]);
    recover(device);
    expect(device.bytes[geometry.agbnoByte(1, 900)]).toBe(0);
  });

  test('what is on disk already is not replayed, by its LSN', () => {
    const { device, geometry } = smallImage();
    const { sectsize } = geometry;
    const agf = device.bytes.subarray(sectsize, 2 * sectsize);
    const stamp = (lsn: bigint): void => {
      viewOf(agf).setBigUint64(AGF.offset.lsn, lsn);
      sealCrc(agf, AGF.offset.crc);
    };
    const log = new CraftedLog(device, { at: { cycle: 5, block: 40 } });
    log.items([wholeBuffer(sectsize / 512, agf.slice())]);
    stamp((5n << 32n) | 40n);
    expect(log.plan().replay).toMatchObject({ replayed: 0, skipped: 1 });
    stamp((5n << 32n) | 39n);
    expect(log.plan().replay).toMatchObject({ replayed: 1, skipped: 0 });
  });

  test('a superblock that grew makes room for what follows', () => {
    const { device, geometry } = smallImage();
    const grown = device.bytes.slice(0, geometry.sectsize);
    changeSuperblock(device, (sb) => {
      sb.agcount = 2;
      sb.dblocks = 2 * geometry.agblocks;
    });
    const log = new CraftedLog(device);
    log.items([wholeBuffer(0, grown)]);
    log.items([[newChunk(geometry, 2, 1024)]]);
    recover(device);
    expect(geometryOf(device.bytes).agcount).toBe(3);
    expect(DINODE.over(device.bytes, geometry.agbnoByte(2, 1024)).gen).toBe(77);
  });
});

describe('inodes', () => {
  test.each([false, true])('an INODE item; of a 32-bit kernel: %p', (short) => {
    const image = smallImage();
    const { device, geometry, files } = image;
    const log = new CraftedLog(device);
    const { ino } = files[0]!;
    const inode = inodeBytes(device, geometry, ino).slice();
    DINODE.over(inode).mode = 0o100777;
    DINODE.over(inode).uid = 4711;
    log.items([inodeItem(geometry, { ino, inode, short })]);
    recover(device);
    const now = DINODE.over(inodeBytes(device, geometry, ino));
    expect([now.mode, now.uid, now.lsn]).toEqual([0o100777, 4711, (1n << 32n) | 2n]);
  });

  test('forks that were exchanged: all blocks of the btree get their new owner', () => {
    const image = smallImage(['b.size=1024', 'm.reflink=0', 'm.rmapbt=0']);
    const { device, geometry, files } = image;
    const { ino } = files[0]!;
    const fs = openFileSystem(device);
    transact(fs, (tr) => {
      const file = readInode(tr, ino);
      while (!removeRange(file, 'data', 0, 2 ** 40, 2)) tr.finish();
      for (let i = 0; i < 400; i++) {
        mapNewBlocks(file, 'data', { fileoff: 2 * i, count: 1, contiguous: false, total: 4 });
      }
      file.core.size = 800n * 1024n;
    });
    const tree = memoryTree(device);
    const inode = inodeBytes(device, geometry, ino).slice();
    // The blocks still bear another owner.
    let blocks = 0;
    transact(fs, (tr) => {
      const cursor = new BmapCursor(readInode(tr, ino).data);
      for (const pointer of leavesOf(cursor)) {
        const at = geometry.fsbnoByte(pointer);
        const bytes = device.bytes.subarray(at, at + geometry.blocksize);
        viewOf(bytes).setBigUint64(56, 999n);
        sealCrc(bytes, 64);
        blocks++;
      }
    });
    expect(blocks).toBeGreaterThan(4);
    expect(problemsOf(device)).not.toEqual([]);
    const log = new CraftedLog(device);
    log.items([inodeItem(geometry, { ino, inode, fields: 0x200 })]);
    expectRecovered(device, tree);
  });

  test('a directory block in two pieces keeps one checksum', () => {
    const image = smallImage(['n.size=8192', 'm.rmapbt=1', 'm.reflink=0']);
    const { device, geometry, files } = image;
    const root = geometry.rootino;
    const fs = openFileSystem(device);
    for (let i = 0; i < 30; i++)
      transact(fs, (tr) => linkIn(tr, root, `long-name-${i}-${'x'.repeat(40)}`, files[0]!.ino));
    // The second half of its block moves elsewhere.
    const to = geometry.fsbno(2, 1500);
    changeInode(device, geometry, root, (inode, view) => {
      const [first] = transact(openFileSystem(device), (tr) => [...readInode(tr, root).data.extents]);
      expect(first!.count).toBe(2);
      const from = geometry.fsbnoByte(first!.fsbno + 1);
      device.bytes.copyWithin(geometry.fsbnoByte(to), from, from + geometry.blocksize);
      packExtent(view, INODE_CORE_BYTES, { fileoff: 0, fsbno: first!.fsbno, count: 1 });
      packExtent(view, INODE_CORE_BYTES + 16, { fileoff: 1, fsbno: to, count: 1 });
      if (geometry.features.nrext64) inode.big_nextents = 2n;
      else inode.nextents = 2;
    });
    reindex(device);
    expect(problemsOf(device)).toEqual([]);
    const log = new CraftedLog(device);
    for (let i = 0; i < 30; i++)
      log.change((tr) => linkIn(tr, root, `another-${i}-${'y'.repeat(60)}`, files[0]!.ino));
    expectRecovered(device, memoryTree(log.ahead));
  });

  test('a list of deleted inodes that is broken is cut off; the others are freed', () => {
    const image = smallImage();
    const { device, geometry } = image;
    const made: number[] = [];
    const fs = openFileSystem(device);
    for (let i = 0; i < 6; i++) {
      transact(fs, (tr) => void made.push(createIn(tr, geometry.rootino, `gone-${i}`)));
      transact(fs, (tr) => unlinkIn(tr, geometry.rootino, `gone-${i}`));
    }
    const log = new CraftedLog(device);
    logLinks(log, image, 1);
    changeInode(device, geometry, made[2]!, (inode) => {
      inode.nlink = 1;
    });
    const plan = log.plan();
    expect(plan.unlinked).toBe(5);
    expect(plan.cutLists.map(({ agno, bucket }) => [agno, bucket])).toEqual([[0, made[2]! % 64]]);
    recoverLoosely(device, log);
    const agi = AGI.over(device.bytes, 2 * geometry.sectsize);
    expect((agi.unlinked as readonly number[]).every((head) => head === 0xffffffff || head === -1)).toBe(
      true,
    );
  });

  test('a fork that does not fit is refused', () => {
    const image = smallImage();
    const { device, geometry, files } = image;
    const { ino } = files[0]!;
    const inode = inodeBytes(device, geometry, ino).slice();
    const [head, core] = inodeItem(geometry, { ino, inode });
    const log = new CraftedLog(device);
    log.items([[head!, core!, new Uint8Array(4096)]]);
    expectRefused(log, /fork/);
  });
});

/** As `recover`, for an image in which something is left for repair. */
function recoverLoosely(device: SmallImage['device'], log: CraftedLog): void {
  for (const step of log.plan().steps)
    for (const { offset, bytes } of step.runs()) device.write(offset, bytes);
}

function* leavesOf(cursor: BmapCursor): Generator<number> {
  const { tree } = cursor;
  const visit = function* (block: ReturnType<typeof tree.root>, top: boolean): Generator<number> {
    if (!top) yield block.pointer;
    if (block.level > 0)
      for (let i = 1; i <= block.numrecs; i++) yield* visit(tree.block(block.child(i)), false);
  };
  yield* visit(tree.root(), true);
}

test('what somebody owns has changed: quotas are to be counted anew', () => {
  const image = smallImage();
  const { device, geometry } = image;
  const fs = openFileSystem(device);
  transact(fs, (tr) => void createIn(tr, geometry.rootino, 'gone'));
  transact(fs, (tr) => unlinkIn(tr, geometry.rootino, 'gone'));
  const all = QFLAG.user.acct | QFLAG.user.enfd | QFLAG.user.chkd;
  changeSuperblock(device, (sb) => {
    sb.qflags = all;
  });
  const log = new CraftedLog(device);
  logLinks(log, image, 1);
  expect(log.plan().unlinked).toBe(1);
  recoverLoosely(device, log);
  expect(SUPERBLOCK.over(device.bytes).qflags).toBe(QFLAG.user.acct | QFLAG.user.enfd);
});

test('a clean log stays as it is', () => {
  const image = smallImage();
  expectClean(image.device);
  expect(BASIC_BLOCK).toBe(512);
});
