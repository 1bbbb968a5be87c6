/** Inodes, free and in use: one field changed, that finding expected, and what is then known of the files. */
import { describe, expect, test } from '@jest/globals';
import { AGI } from '../../../../src/format/agi.ts';
import { sealCrc } from '../../../../src/format/checksum.ts';
import { DINODE, INODE_CORE_BYTES } from '../../../../src/format/inode.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { type Place, withEdit } from '../../../support/edit.ts';
import { smallImage } from '../../../support/smallimage.ts';

const { device, geometry, files } = smallImage();
const AT = DINODE.offset;
const inodeAt = (ino: number): Place => ({
  offset: geometry.inoByte(ino),
  length: geometry.inodesize,
  crcOffset: AT.crc,
});
const alone = files[0]!.ino;
const clean = observe(device);
const extent = INODE_CORE_BYTES;

/** Owners of an AG that are this inode, as [start, count, offset]. */
function claims(seen: ReturnType<typeof observe>, ino: number): number[][] {
  return seen.ags.flatMap((ag) => {
    const out: number[][] = [];
    const o = ag.owners;
    for (let i = 0; i < o.length; i++) {
      if (o.owner[i] === ino) out.push([ag.agno, o.start[i]!, o.count[i]!, o.offset[i]!, o.flags[i]!]);
    }
    return out;
  });
}

test('extents of a file are claimed in their AGs', () => {
  expect(claims(clean, alone)).toEqual([
    [0, 700, 9, 0, 0],
    [2, 600, 4, 9, 0],
  ]);
});

describe('one field changed', () => {
  // [name, change, code, message, files still complete]
  const cases: [string, (v: DataView) => void, string, RegExp, boolean][] = [
    ['magic', (v) => v.setUint16(0, 0), 'INODE_LOST', /core.magic 0x0, expected 0x494e/, false],
    ['version', (v) => v.setUint8(AT.version, 2), 'INODE_LOST', /core.version 2/, false],
    ['own number', (v) => v.setUint32(AT.ino + 4, 7), 'INODE_LOST', /v3.inumber 7, expected/, false],
    ['uuid', (v) => v.setUint32(AT.uuid, 7), 'INODE_LOST', /v3.uuid/, false],
    ['type', (v) => v.setUint16(AT.mode, 0o030644), 'INODE_CORE', /core.mode/, false],
    ['format', (v) => v.setUint8(AT.format, 1), 'INODE_CORE', /core.format 1/, false],
    ['extent hint', (v) => v.setUint32(AT.extsize, 16), 'INODE_CORE', /core.extsize 16, expected 0/, true],
    ['forkoff past the end', (v) => v.setUint8(AT.forkoff, 60), 'INODE_CORE', /core.forkoff 60/, false],
    [
      'nblocks too large',
      (v) => v.setUint32(AT.nblocks + 4, 14),
      'INODE_BLOCK_COUNT',
      /nblocks 14, 13 blocks found/,
      false,
    ],
    [
      'nblocks too small',
      (v) => v.setUint32(AT.nblocks + 4, 12),
      'INODE_BLOCK_COUNT',
      /nblocks 12, 13 blocks found/,
      true,
    ],
    ['unknown flag', (v) => v.setUint16(AT.flags, 0x8000), 'INODE_CORE', /core.flags 0x8000/, true],
    ['unknown flag of 2', (v) => v.setUint8(AT.flags2, 1), 'INODE_CORE', /v3.flags2 0x1/, true],
    ['link count', (v) => v.setUint8(AT.nlink, 0x80), 'INODE_CORE', /core.nlinkv2 2147483649/, true],
    [
      'nanoseconds of a short time',
      (v) => {
        v.setUint32(AT.flags2 + 4, v.getUint32(AT.flags2 + 4) & ~8);
        v.setUint32(AT.mtime + 4, 1_000_000_000);
      },
      'INODE_CORE',
      /core.mtime.nsec 1000000000, expected below/,
      true,
    ],
    [
      'linked and yet in an unlinked list',
      (v) => v.setUint32(AT.next_unlinked, geometry.rootino + 5),
      'INODE_CORE',
      /linked, but next_unlinked/,
      true,
    ],
    [
      'mode of a file with blocks lost',
      (v) => v.setUint16(AT.mode, 0),
      'INODE_CORE',
      /free, but nblocks 13/,
      false,
    ],
    [
      'more extents than fit',
      (v) => v.setUint32(AT.big_nextents + 4, 22),
      'INODE_CORE',
      /core.nextents 22/,
      false,
    ],
    [
      'empty extent',
      (v) => v.setUint32(extent + 12, v.getUint32(extent + 12) & ~0x1fffff),
      'INODE_EXTENT',
      /extent 1 is empty/,
      false,
    ],
    [
      'extent in no AG',
      (v) => v.setUint32(extent + 8, 0xffffffff),
      'INODE_EXTENT',
      /is in AG \d+, there are 3/,
      false,
    ],
    [
      'extent over the end of its AG',
      (v) => v.setUint32(extent + 12, v.getUint32(extent + 12) | 0x1fffff),
      'INODE_EXTENT',
      /leaves the AG/,
      false,
    ],
    [
      'extent beyond the largest file',
      (v) => v.setUint32(extent + 16, 0x7fffffff),
      'INODE_EXTENT',
      /is too far out/,
      false,
    ],
    [
      'extents out of order',
      (v) => v.setUint32(extent + 16 + 4, 3 << 9),
      'INODE_EXTENT',
      /begins before block 9/,
      false,
    ],
  ];
  test.each(cases)('%s', (_, change, code, message, complete) => {
    withEdit(device, inodeAt(alone), change, () => {
      const { findings, filesComplete } = observe(device);
      const found = findings.filter((f) => f.code === code);
      expect(found.map((f) => f.message).join('\n')).toMatch(message);
      expect(found[0]!.where).toMatchObject({ ino: alone, agno: 0 });
      expect(filesComplete).toBe(complete);
    });
  });

  test('an unwritten extent keeps its flag', () => {
    const unwritten = (v: DataView) => v.setUint8(extent, 0x80);
    const seen = withEdit(device, inodeAt(alone), unwritten, () => observe(device));
    expect(seen.findings).toEqual([]);
    expect(claims(seen, alone)[0]).toEqual([0, 700, 9, 0, 4]);
  });

  test('a stale checksum keeps what the inode claims, but the files are not complete', () => {
    const seen = withEdit(
      device,
      inodeAt(alone),
      (v) => v.setUint8(AT.gen, 9),
      () => observe(device),
      false,
    );
    expect(seen.findings.map((f) => f.code)).toEqual(['INODE_CRC']);
    expect(claims(seen, alone).length).toBe(2);
    expect(seen.filesComplete).toBe(false);
  });

  test('a free inode with a stale checksum owns nothing: files stay complete', () => {
    const free = inodeAt(geometry.rootino + 40);
    const seen = withEdit(
      device,
      free,
      (v) => v.setUint8(AT.gen, 9),
      () => observe(device),
      false,
    );
    expect(seen.findings.map((f) => f.code)).toEqual(['INODE_CRC']);
    expect(seen.filesComplete).toBe(true);
  });
});

describe('the inode types', () => {
  test('a realtime file claims nothing in the AGs', () => {
    const realtime = (v: DataView) => v.setUint16(AT.flags, 1);
    const seen = withEdit(device, inodeAt(alone), realtime, () => observe(device));
    expect(claims(seen, alone)).toEqual([]);
  });

  test('a directory that fits the inode must be inside it', () => {
    const asDirectory = (v: DataView) => {
      v.setUint16(AT.mode, 0o040755);
      v.setBigUint64(AT.size, 100n);
    };
    const seen = withEdit(device, inodeAt(alone), asDirectory, () => observe(device));
    expect(seen.findings.map((f) => f.code)).toContain('INODE_CORE');
  });

  test('attributes in extents are claimed as such, and may not be unwritten', () => {
    const withAttributes = (flag: number) => (v: DataView) => {
      v.setUint8(AT.forkoff, 24);
      v.setUint8(AT.aformat, 2);
      v.setUint32(AT.nextents, 1);
      v.setUint32(AT.nblocks + 4, 14);
      v.setUint32(extent + 192, flag);
      const start = BigInt(geometry.fsbno(1, 300));
      v.setBigUint64(extent + 200, (start << 21n) | 1n);
    };
    const good = withEdit(device, inodeAt(alone), withAttributes(0), () => observe(device));
    // The block itself is of zeros.
    expect(good.findings.map((f) => f.code)).toEqual(['ATTR_FEATURE', 'ATTR_BLOCK']);
    expect(claims(good, alone)).toContainEqual([1, 300, 1, 0, 1]);
    const bad = withEdit(device, inodeAt(alone), withAttributes(0x80000000), () => observe(device));
    expect(bad.findings.map((f) => f.message).join()).toMatch(/attr fork: offset 0: extent 1 is unwritten/);
  });

  test('inline attributes larger than their fork', () => {
    const withAttributes = (v: DataView) => {
      v.setUint8(AT.forkoff, 24);
      v.setUint8(AT.aformat, 1);
      v.setUint16(extent + 192, 400);
    };
    const seen = withEdit(device, inodeAt(alone), withAttributes, () => observe(device));
    expect(seen.findings).toMatchObject([{ code: 'INODE_FORK', where: { ino: alone } }]);
    expect(seen.filesComplete).toBe(false);
  });
});

describe('unlinked lists', () => {
  const agi = { offset: geometry.headerByte(0, 2), length: geometry.sectsize, crcOffset: AGI.offset.crc };
  const bucket = (ino: number) => AGI.offset.unlinked + 4 * (ino % 64);
  /** Sets link count and next of an inode for good; the caller restores the image. */
  const setInode = (ino: number, nlink: number, next: number) => {
    const place = inodeAt(ino);
    const bytes = device.bytes.subarray(place.offset, place.offset + place.length);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint32(AT.nlink, nlink);
    view.setUint32(AT.next_unlinked, next);
    sealCrc(bytes, AT.crc);
  };
  const withInode = <T>(ino: number, nlink: number, next: number, look: () => T): T =>
    withEdit(device, inodeAt(ino), () => setInode(ino, nlink, next), look);

  test('an inode on its list is listed, as a warning', () => {
    const seen = withInode(alone, 0, 0xffffffff, () =>
      withEdit(
        device,
        agi,
        (v) => v.setUint32(bucket(alone), alone),
        () => observe(device),
      ),
    );
    expect(seen.unlinked).toEqual([{ agno: 0, bucket: alone % 64, ino: alone }]);
    expect(seen.findings).toMatchObject([{ code: 'UNLINKED_INODE', severity: 'warning' }]);
  });

  test('a circle ends', () => {
    const seen = withInode(alone, 0, alone, () =>
      withEdit(
        device,
        agi,
        (v) => v.setUint32(bucket(alone), alone),
        () => observe(device),
      ),
    );
    expect(seen.unlinked.length).toBe(1);
    expect(seen.findings.map((f) => f.message).join('\n')).toMatch(/is on a list already/);
  });

  test('an inode in use, a free inode, and one of another list are named', () => {
    for (const [ino, at, message] of [
      [alone, bucket(alone), /is in use, nlink 1/],
      [geometry.rootino + 40, bucket(geometry.rootino + 40), /is not allocated/],
      [alone, bucket(alone + 1), /belongs to list/],
    ] as const) {
      const seen = withEdit(
        device,
        agi,
        (v) => v.setUint32(at, ino),
        () => observe(device),
      );
      expect(seen.unlinked).toEqual([]);
      expect(seen.findings.map((f) => f.message).join('\n')).toMatch(message);
    }
  });

  test('an inode without links on no list', () => {
    const seen = withInode(alone, 0, 0xffffffff, () => observe(device));
    expect(seen.findings).toMatchObject([{ code: 'UNLINKED_STRAY', where: { ino: alone } }]);
  });
});
