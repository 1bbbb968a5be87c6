/** Verifiers: sound objects have no problem, one changed field gives the problem that names it. */
import { describe, expect, test } from '@jest/globals';
import { AGF, AGF_CRC_OFFSET } from '../../../src/format/agf.ts';
import { BTREE, SHORT_HEADER } from '../../../src/format/btree.ts';
import { sealCrc } from '../../../src/format/checksum.ts';
import { DINODE } from '../../../src/format/inode.ts';
import { geometryOf, SB_CRC_OFFSET, SB_MAGIC, SUPERBLOCK } from '../../../src/format/superblock.ts';
import { verifyAgf, verifyDinode, verifyShortBlock, verifySuperblock } from '../../../src/format/verify.ts';

const UUID = '01234567-89ab-cdef-0123-456789abcdef';

function superblock(change: (sb: ReturnType<typeof SUPERBLOCK.over>) => void = () => {}): Uint8Array {
  const sector = new Uint8Array(512);
  const sb = SUPERBLOCK.over(sector);
  Object.assign(sb, {
    magicnum: SB_MAGIC, blocksize: 4096, dblocks: 49152, uuid: UUID, logstart: 32775, rootino: 128, rextsize: 1,
    agblocks: 12288, agcount: 4, logblocks: 2560, versionnum: 0xb4a5, sectsize: 512, inodesize: 512, inopblock: 8,
    blocklog: 12, sectlog: 9, inodelog: 9, inopblog: 3, agblklog: 14, imax_pct: 25, icount: 64n, ifree: 61n,
    fdblocks: 46000n, inoalignmt: 8, logsunit: 1, features2: 0x18a, bad_features2: 0x18a, features_ro_compat: 15,
    features_incompat: 0x2b, spino_align: 4,
  }); // biome-ignore format: pairs
  change(sb);
  sealCrc(sector, SB_CRC_OFFSET);
  return sector;
}

describe('superblock', () => {
  test('sound', () => {
    expect(verifySuperblock(superblock(), 49152 * 4096)).toEqual([]);
  });

  /** Fields, a wrong value each, and whether nothing may be computed from the superblock then. */
  const wrong: [string, number | bigint, boolean][] = [
    ['magicnum', 1, true],
    ['blocksize', 4095, true],
    ['blocklog', 11, true],
    ['blocklog', 255, true],
    ['sectsize', 256, true],
    ['sectlog', 200, true],
    ['inodesize', 300, true],
    ['inodelog', 31, true],
    ['inopblock', 0, true],
    ['inopblog', 9, true],
    ['agblocks', 0, true],
    ['agblocks', 0xffffffff, true],
    ['agblklog', 13, true],
    ['agcount', 5, true],
    ['agcount', 0xffffffff, true],
    ['dblocks', 2 ** 52, true],
    ['dblocks', -1, true],
    ['dirblklog', 200, true],
    ['versionnum', 0xb4a4, true],
    ['versionnum', 0x94a5, false],
    ['features2', 0x8a, false],
    ['bad_features2', 0, false],
    ['qflags', 0x10, false],
    ['imax_pct', 101, false],
    ['shared_vn', 1, false],
    ['inoalignmt', 4, false],
    ['spino_align', 3, false],
    ['logblocks', 2 ** 21, false],
    ['logstart', 2 ** 40, false],
    ['logstart', 16384, false],
    ['logsectsize', 512, false],
    ['logsectlog', 9, false],
    ['logsunit', 5000, false],
    ['logsunit', 2 ** 20, false],
    ['unit', 4, false],
    ['rextsize', 0, false],
    ['rextents', 7, false],
    ['inprogress', 1, false],
    ['rootino', -1, false],
    ['fdblocks', 50000n, false],
    ['icount', 2n ** 60n, false],
    ['ifree', 65n, false],
  ];
  test.each(wrong)('%s = %s', (field, value, stops) => {
    const sector = superblock((sb) => Object.assign(sb, { [field]: value }));
    const problems = verifySuperblock(sector);
    expect(problems.map((p) => p.field)).toContain(field);
    expect(problems.some((p) => p.stops)).toBe(stops);
    expect(problems[0]!.message).toContain(problems[0]!.field);
  });

  test('its CRC, the size of the device, a short sector', () => {
    const sector = superblock();
    sector[500] = 1;
    expect(verifySuperblock(sector).map((p) => p.field)).toEqual(['crc']);
    expect(verifySuperblock(superblock(), 2 ** 20).map((p) => p.field)).toEqual(['dblocks']);
    expect(verifySuperblock(new Uint8Array(100))[0]!.stops).toBe(true);
  });

  test('secondaries may be in progress and without a root', () => {
    const sector = superblock((sb) => Object.assign(sb, { inprogress: 1, rootino: -1 }));
    expect(verifySuperblock(sector, undefined, { secondary: true })).toEqual([]);
  });
});

const geometry = geometryOf(superblock());

describe('AGF', () => {
  const agf = (change: object = {}): Uint8Array => {
    const sector = new Uint8Array(512);
    Object.assign(AGF.over(sector), {
      magicnum: 0x58414746, versionnum: 1, seqno: 1, length: 12288, bnoroot: 1, cntroot: 2, rmaproot: 5, bnolevel: 1,
      cntlevel: 1, rmaplevel: 1, flfirst: 1, fllast: 6, flcount: 6, freeblks: 12000, longest: 12000, uuid: UUID,
      rmapblocks: 1, refcntblocks: 1, refcntroot: 6, refcntlevel: 1, ...change,
    }); // biome-ignore format: pairs
    sealCrc(sector, AGF_CRC_OFFSET);
    return sector;
  };
  test('sound', () => {
    expect(verifyAgf(agf(), geometry, 1)).toEqual([]);
  });
  test.each([
    ['magicnum', 0], ['versionnum', 2], ['seqno', 0], ['length', 12287], ['flfirst', 119], ['fllast', 119],
    ['flcount', 120], ['freeblks', 12289], ['longest', 12001], ['btreeblks', 12289], ['bnolevel', 0],
    ['cntlevel', 99], ['bnoroot', 12288], ['cntroot', 0], ['rmaplevel', 0], ['rmapblocks', 12289],
    ['refcntroot', 0xffffffff], ['uuid', '00000000-0000-0000-0000-000000000000'],
  ])('%s = %s', (field, value) => {
    const problems = verifyAgf(agf({ [field]: value }), geometry, 1);
    expect(problems.map((p) => p.field)).toContain(field);
  }); // biome-ignore format: pairs
});

describe('btree block', () => {
  const block = (change: object = {}): Uint8Array => {
    const bytes = new Uint8Array(4096);
    const none = 0xffffffff;
    Object.assign(SHORT_HEADER.over(bytes), {
      magic: BTREE.bnobt.magic, level: 0, numrecs: 3, leftsib: none, rightsib: none, uuid: UUID, owner: 1,
      bno: BigInt(geometry.agbnoDaddr(1, 7)), ...change,
    }); // biome-ignore format: pairs
    sealCrc(bytes, SHORT_HEADER.offset.crc);
    return bytes;
  };
  test('sound', () => {
    expect(verifyShortBlock(block(), geometry, 'bnobt', 1, 7, { level: 0 })).toEqual([]);
  });
  test.each([
    ['magic', 0], ['level', 1], ['numrecs', 506], ['leftsib', 7], ['rightsib', 12288], ['bno', 0n], ['owner', 0],
    ['uuid', '00000000-0000-0000-0000-000000000000'],
  ])('%s = %s', (field, value) => {
    const problems = verifyShortBlock(block({ [field]: value }), geometry, 'bnobt', 1, 7, { level: 0 });
    expect(problems.map((p) => p.field)).toContain(field);
  }); // biome-ignore format: pairs
  test('half full when asked for', () => {
    const problems = verifyShortBlock(block(), geometry, 'bnobt', 1, 7, { halfFull: true });
    expect(problems.map((p) => p.field)).toEqual(['numrecs']);
  });
});

describe('inode', () => {
  const verify = (change: object = {}) => {
    const bytes = new Uint8Array(512);
    Object.assign(DINODE.over(bytes), {
      magic: 0x494e, mode: 0o100644, version: 3, format: 2, nlink: 1, size: 4096n, nblocks: 1, nextents: 1, aformat: 2,
      next_unlinked: 0xffffffff, ino: 131, uuid: UUID, flags2: 8n, ...change,
    }); // biome-ignore format: pairs
    return verifyDinode(new DataView(bytes.buffer), 0, geometry, 131).map((p) => p.field);
  };
  test('sound, and free', () => {
    expect(verify()).toEqual([]);
    expect(verify({ mode: 0, format: 0, aformat: 0, nlink: 0, nblocks: 0, nextents: 0, extsize: 7 })).toEqual(
      [],
    );
  });
  test.each<[object, string]>([
    [{ magic: 1 }, 'core.magic'],
    [{ version: 2 }, 'core.version'],
    [{ ino: 132 }, 'v3.inumber'],
    [{ uuid: '00000000-0000-0000-0000-000000000000' }, 'v3.uuid'],
    [{ next_unlinked: 0xfffffff0 }, 'next_unlinked'],
    [{ mode: 0o130644 }, 'core.mode'],
    [{ size: -1n }, 'core.size'],
    [{ mode: 0o40755, size: 0n }, 'core.size'],
    [{ onlink: 3 }, 'core.onlink'],
    [{ big_nextents: 1n }, 'core.v3_pad'],
    [{ nblocks: 0 }, 'core.nblocks'],
    [{ nblocks: 2 ** 40 }, 'core.nblocks'],
    [{ nextents: 0, nblocks: 5 }, 'core.nblocks'],
    [{ nextents: 22, nblocks: 22 }, 'core.nextents'],
    [{ format: 1, nextents: 0, nblocks: 0 }, 'core.format'],
    [{ format: 7 }, 'core.format'],
    [{ mode: 0o20644 }, 'core.format'],
    [{ mode: 0o40755, size: 30n }, 'core.format'],
    [{ forkoff: 42 }, 'core.forkoff'],
    [{ aformat: 1 }, 'core.aformat'],
    [{ anextents: 1, nblocks: 2 }, 'core.naextents'],
    [{ extsize: 3 }, 'core.extsize'],
    [{ flags: 0x800 }, 'core.extsize'],
    [{ flags: 0x1000, extsize: 2 }, 'core.extszinherit'],
    [{ flags: 0x800, extsize: 7000 }, 'core.extsize'],
    [{ cowextsize: 3 }, 'v3.cowextsize'],
    [{ mode: 0o40755, size: 4096n, flags2: 0xan }, 'v3.reflink'],
    [{ flags: 1 }, 'core.realtime'],
    [{ flags2: 0x18n, nextents: 0, nblocks: 1, big_nextents: 1n, anextents: 1 }, 'core.nrext64_pad'],
  ])('%j', (change, field) => {
    expect(verify(change)).toContain(field);
  });
});
