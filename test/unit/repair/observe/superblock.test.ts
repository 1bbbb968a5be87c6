/** The primary superblock and its copies: one field changed, that finding expected; and who is believed. */
import { describe, expect, test } from '@jest/globals';
import { MemoryDevice } from '../../../../src/device/memory.ts';
import { CorruptionError, UnsupportedFeature } from '../../../../src/format/errors.ts';
import { SUPERBLOCK } from '../../../../src/format/superblock.ts';
import { checkImage } from '../../../../src/repair/check.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { type Place, withEdit } from '../../../support/edit.ts';
import { smallImage } from '../../../support/smallimage.ts';

const { device, geometry } = smallImage();
type Field = keyof typeof SUPERBLOCK.offset;
const copy = (agno: number): Place => ({
  offset: geometry.headerByte(agno, 0),
  length: geometry.sectsize,
  crcOffset: SUPERBLOCK.offset.crc,
});
const primary = copy(0);
const [second, third] = [copy(1), copy(2)];
const change = (field: Field, value: number, bits: 8 | 16 | 32) => (v: DataView) => {
  const at = SUPERBLOCK.offset[field];
  if (bits === 8) v.setUint8(at, value);
  else if (bits === 16) v.setUint16(at, value);
  else v.setUint32(at, value);
};
const wiped = (v: DataView) => {
  for (let at = 0; at < v.byteLength; at++) v.setUint8(at, 0);
};
const thrownNow = (): unknown => {
  try {
    return observe(device).findings;
  } catch (error) {
    return error;
  }
};
const thrown = (edit: (v: DataView) => void, seal = true) => withEdit(device, primary, edit, thrownNow, seal);
const told = () => observe(device).findings.map((f) => `${f.code} ${f.where.agno} ${f.where.field}`);
/** Without the copies: then the primary is all there is. */
const alone = <T>(look: () => T): T =>
  withEdit(device, second, wiped, () => withEdit(device, third, wiped, look), false);

describe('a primary that cannot be used', () => {
  test('and no copies: refused, each in its way', () => {
    alone(() => {
      expect(thrown(change('magicnum', 1, 32))).toMatchObject({ code: 'NOT_XFS' });
      expect(thrown(change('versionnum', 0xb4a4, 16))).toBeInstanceOf(UnsupportedFeature);
      expect(thrown(change('features_incompat', 0x80000000, 32))).toBeInstanceOf(UnsupportedFeature);
      expect(thrown(change('features_incompat', 0x10b, 32))).toBeInstanceOf(UnsupportedFeature);
      expect(thrown(change('agblocks', 77, 32))).toBeInstanceOf(CorruptionError);
      expect(thrown(change('blocklog', 13, 8))).toBeInstanceOf(CorruptionError);
      expect(thrown(change('agcount', 0xffffffff, 32))).toBeInstanceOf(CorruptionError);
    });
  });

  test('one copy is not enough against a checksum that is right', () => {
    withEdit(device, third, wiped, () => {
      expect(thrown(change('features_incompat', 0x80000000, 32))).toBeInstanceOf(UnsupportedFeature);
      const stale = thrown(change('features_incompat', 0x80000000, 32), false);
      expect(stale).toMatchObject([{ code: 'SB_LOST' }, { code: 'SB_SECONDARY', where: { agno: 2 } }]);
    });
  });

  test.each<[string, string, (view: DataView) => void]>([
    ['magic', 'SB_LOST', change('magicnum', 1, 32)],
    ['all of it', 'SB_LOST', wiped],
    ['version', 'SB_LOST', change('versionnum', 0xb4a4, 16)],
    ['unknown features', 'SB_LOST', change('features_ro_compat', 0x80000000, 32)],
    ['agblocks', 'SB_GEOMETRY', change('agblocks', 77, 32)],
    ['blocklog', 'SB_GEOMETRY', change('blocklog', 13, 8)],
    ['inopblock', 'SB_GEOMETRY', change('inopblock', 3, 16)],
  ])('%s: one finding, and the rest is read by the copies', (_, code, edit) => {
    withEdit(device, primary, edit, () => {
      const { findings, observation } = checkImage(device);
      expect(findings.map((f) => f.code)).toEqual([code]);
      expect(observation.superblockLost).toBe(true);
      expect(observation.inodesAllocated).toBe(6);
      expect(observation.geometry.rootino).toBe(geometry.rootino);
    });
  });

  test('copies that disagree: most of them are believed', () => {
    withEdit(device, primary, wiped, () =>
      withEdit(device, second, change('logblocks', 900, 32), () => {
        // Two copies, two opinions: the one that was found is used, and the other is told.
        expect(told()[0]).toBe('SB_LOST 0 undefined');
      }),
    );
  });

  test('not XFS: zeros, too short', () => {
    expect(() => observe(new MemoryDevice(new Uint8Array(1 << 20)))).toThrow(/no XFS superblock/);
    expect(() => observe(new MemoryDevice(new Uint8Array(100)))).toThrow(/too short/);
  });
});

describe('fields of the primary', () => {
  test.each<[Field, number, 8 | 16 | 32]>([
    ['imax_pct', 101, 8],
    ['imax_pct', 24, 8],
    ['flags', 1, 8],
    ['inprogress', 1, 8],
    ['shared_vn', 1, 8],
    ['features2', 0x2018a, 32],
    ['features_compat', 1, 32],
    ['logsunit', 3, 32],
    ['logblocks', 900, 32],
    ['logstart', 7, 32],
    ['uuid', 7, 32],
    ['rextsize', 77, 32],
    ['spino_align', 1, 32],
    ['rbmino', 7, 32],
    ['rsumino', 7, 32],
    ['unit', 8, 32],
  ])('%s %d', (field, value, bits) => {
    // Whatever the field rules (log, UUID, features), nothing else looks damaged.
    const codes = withEdit(device, primary, change(field, value, bits), told);
    expect(codes).toContain(`SB_FIELD 0 ${field}`);
    expect(new Set(codes.map((c) => c.split(' ')[0]))).toEqual(new Set(['SB_FIELD']));
  });

  test.each<[string, number]>([
    ['finobt', 0x1],
    ['rmapbt', 0x2],
    ['reflink', 0x4],
    ['inobtcnt', 0x8],
  ])('a feature bit that contradicts the copies, %s: told once', (_, bit) => {
    const at = SUPERBLOCK.offset.features_ro_compat;
    const flip = (v: DataView) => v.setUint32(at, v.getUint32(at) ^ bit);
    expect(withEdit(device, primary, flip, told)).toEqual(['SB_FIELD 0 features_ro_compat']);
  });

  test.each<[Field, number]>([
    ['features_ro_compat', 0x2],
    ['features_ro_compat', 0x4],
    ['uuid', 0x1],
  ])('one copy against the primary, %s: the AG headers decide', (field, bit) => {
    const at = SUPERBLOCK.offset[field];
    const flip = (v: DataView) => v.setUint32(at, v.getUint32(at) ^ bit);
    withEdit(device, third, wiped, () => {
      expect(withEdit(device, primary, flip, told)).toEqual([
        `SB_FIELD 0 ${field}`,
        'SB_SECONDARY 2 magicnum',
      ]);
      expect(withEdit(device, second, flip, told)).toEqual([
        `SB_SECONDARY 1 ${field}`,
        'SB_SECONDARY 2 magicnum',
      ]);
    });
  });

  test('a value that breaks several rules of its field: told once', () => {
    const codes = withEdit(device, primary, change('logblocks', 0x7fffffff, 32), told);
    expect(codes).toEqual(['SB_FIELD 0 logblocks']);
  });

  test('the root inode', () => {
    const flip = change('rootino', 1, 32);
    expect(withEdit(device, primary, flip, told)).toEqual(['SB_FIELD 0 rootino']);
  });

  test('the checksum alone', () => {
    expect(withEdit(device, primary, change('fname', 24, 8), told, false)).toEqual(['SB_CRC 0 crc']);
  });

  test('what no feature uses is zero', () => {
    const unused = (v: DataView) => v.setUint16(SUPERBLOCK.size + 20, 0x0101);
    expect(thrown(unused)).toMatchObject([{ code: 'SB_FIELD', where: { field: 'unused' }, found: 2 }]);
  });

  test('log features under a clean log', () => {
    const edit = change('features_log_incompat', 1, 32);
    expect(withEdit(device, primary, edit, told)).toEqual(['SB_LOG_FEATURES 0 features_log_incompat']);
  });
});

describe('copies', () => {
  test.each<[Field, number, 8 | 16 | 32]>([
    ['magicnum', 5, 32],
    ['agblklog', 31, 8],
    ['imax_pct', 24, 8],
    ['features2', 0x2018a, 32],
    ['features_incompat', 0x1b, 32],
    ['features_incompat', 0x3b, 32],
    ['features_log_incompat', 1, 32],
    ['icount', 1, 32],
    ['ifree', 1, 32],
    ['fdblocks', 1, 32],
    ['frextents', 1, 32],
    ['inprogress', 2, 8],
    ['inprogress', 0, 8],
    ['rbmino', 1, 32],
    ['rsumino', 0, 32],
    ['uquotino', 1, 32],
    ['qflags', 1, 16],
    ['flags', 1, 8],
    ['shared_vn', 1, 8],
    ['unit', 8, 32],
    ['fname', 8, 32],
    ['metadirino', 8, 32],
  ])('%s %d: a warning', (field, value, bits) => {
    const found = withEdit(device, third, change(field, value, bits), () => observe(device).findings);
    const name = field === 'metadirino' ? 'unused' : field;
    expect(found).toMatchObject([
      { code: 'SB_SECONDARY', severity: 'warning', where: { agno: 2, field: name } },
    ]);
  });

  test('its checksum', () => {
    const stale = withEdit(device, second, change('lsn', 24, 8), told, false);
    expect(stale).toEqual(['SB_SECONDARY 1 crc']);
  });

  test('the root inode: in the last copy and one in the middle; the others may or may not know', () => {
    const { rootino } = SUPERBLOCK.offset;
    const none = (v: DataView) => v.setBigInt64(rootino, -1n);
    const wrong = (v: DataView) => v.setBigInt64(rootino, 64n);
    expect(withEdit(device, third, none, told)).toEqual(['SB_SECONDARY 2 rootino']);
    expect(withEdit(device, second, wrong, told)).toEqual(['SB_SECONDARY 1 rootino']);
  });

  test('written whole later (a new label, a grown filesystem): nothing to tell', () => {
    const whole = (v: DataView, bytes: Uint8Array) => {
      bytes.set(device.bytes.subarray(0, geometry.sectsize));
      v.setUint32(SUPERBLOCK.offset.ifree + 4, 1);
    };
    expect(withEdit(device, second, whole, () => withEdit(device, third, whole, told))).toEqual([]);
  });

  test('in progress with counters of a repair: nothing to tell', () => {
    const repaired = (v: DataView) => {
      v.setBigUint64(SUPERBLOCK.offset.fdblocks, 0n);
      v.setBigUint64(SUPERBLOCK.offset.rbmino, BigInt(geometry.rootino + 1));
    };
    expect(withEdit(device, second, repaired, told)).toEqual([]);
  });
});

test('a device cut short anywhere gives findings, and never calls its files complete', () => {
  for (const bytes of [
    4096,
    geometry.agbnoByte(1, 0),
    geometry.agbnoByte(1, 100) + 700,
    geometry.agbnoByte(2, 900),
  ]) {
    const seen = observe(new MemoryDevice(device.bytes.subarray(0, bytes)));
    expect(seen.findings.map((f) => f.code)).toContain('DEVICE_SHORT');
    expect(seen.ags.length).toBe(Math.ceil(bytes / geometry.agbnoByte(1, 0)));
  }
  expect(observe(new MemoryDevice(device.bytes.subarray(0, geometry.agbnoByte(1, 0)))).filesComplete).toBe(
    false,
  );
});
