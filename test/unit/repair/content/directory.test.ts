/** Directories of every form: one field changed, that finding expected, at that place, and no other. */
import { describe, expect, test } from '@jest/globals';
import { hashName } from '../../../../src/format/dahash.ts';
import { DINODE, INODE_CORE_BYTES } from '../../../../src/format/inode.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import {
  type DirForm,
  type DirImage,
  dirImage,
  entryByte,
  freeByte,
  tagByte,
} from '../../../support/dirimage.ts';
import { withEdit } from '../../../support/edit.ts';

/** File offsets in blocks of 4 KiB. */
const LEAF = 2 ** 23;
const FREE = 2 ** 24;
const FORK = INODE_CORE_BYTES;

const images = new Map<DirForm, DirImage>();
function image(form: DirForm): DirImage {
  let made = images.get(form);
  if (!made) images.set(form, (made = dirImage(form)));
  return made;
}

/** Codes of all findings but notes, and the observation. */
function look({ device }: DirImage) {
  const seen = observe(device);
  return { seen, found: seen.findings.filter(({ severity }) => severity !== 'note') };
}

type Edit = (view: DataView, bytes: Uint8Array) => void;
/** [what, change, code, field] */
type Case = [string, Edit, string, RegExp];

/** Applies each change to a block (or, without, the inode) and expects one finding. */
function expectEach(
  form: DirForm,
  fileoff: number | undefined,
  crcOffset: number,
  cases: readonly Case[],
): void {
  test.each(cases)('%s', (_what, change, code, field) => {
    const dir = image(form);
    const place = fileoff === undefined ? dir.inode() : dir.block(fileoff, crcOffset);
    withEdit(dir.device, place, change, () => {
      const { found } = look(dir);
      expect(found.map((f) => `${f.code} ${f.message}`)).toHaveLength(1);
      const [{ where, code: given }] = found as [(typeof found)[0]];
      expect(given).toBe(code);
      expect(where.field).toMatch(field);
      expect(where.ino).toBe(dir.ino);
      if (fileoff === undefined) return;
      const byte = dir.geometry.agbnoByte(where.agno!, where.agbno!);
      expect([where.fileoff, byte]).toEqual([fileoff, place.offset]);
    });
  });
}

test.each(['short', 'block', 'leaf', 'node'] as const)('a sound %s directory: links and parent', (form) => {
  const { seen, found } = look(image(form));
  expect(found).toEqual([]);
  const { inodes } = seen;
  const { ino, file } = image(form);
  const row = inodes.find(file);
  expect(inodes.links[row]).toBe(inodes.nlink[row]);
  expect(inodes.directories.at(0)).toBe(inodes.find(ino));
  expect(inodes.dotdots.at(0)).toBe(ino);
  expect(inodes.namesLost).toBe(false);
});

describe('shortform', () => {
  const first = FORK + 6;
  expectEach('short', undefined, 0, [
    ['count too large', (v) => v.setUint8(FORK, 4), 'DIR_SHORT', /hdr.count/],
    ['count too small', (v) => v.setUint8(FORK, 2), 'DIR_SHORT', /hdr.count/],
    ['i8count', (v) => v.setUint8(FORK + 1, 1), 'DIR_SHORT', /hdr.i8count/],
    [
      'size',
      (v) => v.setUint8(DINODE.offset.size + 7, v.getUint8(DINODE.offset.size + 7) + 3),
      'DIR_SHORT',
      /core.size/,
    ],
    ['a name too long', (v) => v.setUint8(first, 200), 'DIR_SHORT', /core.size/],
    ['offset below the first', (v) => v.setUint16(first + 1, 0x58), 'DIR_SHORT', /list\[0\].offset/],
    ['offset beyond the next', (v) => v.setUint16(first + 1, 0x100), 'DIR_SHORT', /list\[0\].offset/],
    ['offset no multiple of 8', (v) => v.setUint16(first + 1, 0x61), 'DIR_SHORT', /list\[0\].offset/],
    ['slash', (v) => v.setUint8(first + 4, 0x2f), 'DIR_NAME', /list\[0\].name/],
    ['NUL', (v) => v.setUint8(first + 4, 0), 'DIR_NAME', /list\[0\].name/],
    ['file type', (v) => v.setUint8(first + 8, 3), 'DIR_FTYPE', /list\[0\].filetype/],
    [
      'free inode',
      (v) => v.setUint32(first + 9, image('short').ino + 40),
      'DIR_ENTRY_INODE',
      /list\[0\].inumber/,
    ],
    ['no inode', (v) => v.setUint32(first + 9, 0x7fffffff), 'DIR_ENTRY_INODE', /list\[0\].inumber/],
    [
      'inode of the superblock',
      (v) => v.setUint32(first + 9, image('short').ino + 1),
      'DIR_ENTRY_INODE',
      /inumber/,
    ],
  ]);

  test('no room for its offsets in a block', () => {
    const dir = image('short');
    const change: Edit = (v) => v.setUint16(FORK + 6 + 13 + 14 + 1, 4080);
    withEdit(dir.device, dir.inode(), change, () => {
      expect(look(dir).found.map((f) => f.code)).toEqual(['DIR_SHORT']);
    });
  });

  test('a name twice', () => {
    const dir = image('short');
    const change: Edit = (_v, b) => b.set(b.subarray(FORK + 6 + 3, FORK + 6 + 8), FORK + 6 + 13 + 14 + 3);
    withEdit(dir.device, dir.inode(), change, () => {
      expect(look(dir).found.map((f) => f.code)).toEqual(['DIR_DUPLICATE']);
    });
  });
});

/** Changes of what all data blocks have; `name` stands in it. */
const dataCases = (name: string): Case[] => [
  ['uuid', (v) => v.setUint8(24, 0), 'DIR_BLOCK', /uuid/],
  ['owner', (v) => v.setUint32(44, 77), 'DIR_BLOCK', /owner/],
  ['own address', (v) => v.setUint32(12, 77), 'DIR_BLOCK', /bno/],
  ['magic', (v) => v.setUint8(0, 0), 'DIR_BLOCK', /magic/],
  ['bestfree length', (v) => v.setUint16(50, v.getUint16(50) - 8), 'DIR_BESTFREE', /bestfree\[0\]/],
  ['bestfree offset', (v) => v.setUint16(48, v.getUint16(48) + 8), 'DIR_BESTFREE', /bestfree\[0\]/],
  ['bestfree of nothing', (v) => v.setUint16(58, 8), 'DIR_BESTFREE', /bestfree\[2\]/],
  ['tag', (v) => v.setUint16(tagByte(v, name), 8), 'DIR_ENTRY', /tag/],
  ['name length', (v) => v.setUint8(entryByte(v, name) + 8, 100), 'DIR_ENTRY', /namelen/],
  ['short name length', (v) => v.setUint8(entryByte(v, name) + 8, 1), 'DIR_ENTRY', /namelen/],
  ['free length', (v) => v.setUint16(freeByte(v) + 2, 8), 'DIR_ENTRY', /length/],
  ['free tag', (v) => v.setUint16(freeByte(v), 1), 'DIR_ENTRY', /freetag/],
  ['slash', (v) => v.setUint8(entryByte(v, name) + 10, 0x2f), 'DIR_NAME', /name/],
  ['NUL', (v) => v.setUint8(entryByte(v, name) + 10, 0), 'DIR_NAME', /name/],
  ['file type', (v) => v.setUint8(entryByte(v, name) + 9 + name.length, 2), 'DIR_FTYPE', /filetype/],
  ['no inode', (v) => v.setUint32(entryByte(v, name), 9), 'DIR_ENTRY_INODE', /inumber/],
  ['inode of all ones', (v) => v.setBigUint64(entryByte(v, name), -1n), 'DIR_ENTRY', /inumber/],
];

const dotCases: Case[] = [
  ['"." of another inode', (v) => v.setUint32(68, 131), 'DIR_DOT', /inumber/],
  ['"." by another name', (v) => v.setUint8(73, 0x2d), 'DIR_DOT', /name/],
  ['".." by another name', (v) => v.setUint8(90, 0x2d), 'DIR_DOT', /name/],
  ['type of ".."', (v) => v.setUint8(91, 1), 'DIR_FTYPE', /filetype/],
];

describe('block form', () => {
  expectEach('block', 0, 4, [...dataCases('name-3x'), ...dotCases]);
  const tail = 4096 - 8;
  const leaf = tail - 25 * 8;
  expectEach('block', 0, 4, [
    ['count too large', (v) => v.setUint32(tail, 26), 'DIR_LEAF', /btail.count/],
    ['count too small', (v) => v.setUint32(tail, 24), 'DIR_LEAF', /btail.count/],
    ['impossible count', (v) => v.setUint32(tail, 0xffffffff), 'DIR_LEAF', /btail.count/],
    ['stale', (v) => v.setUint32(tail + 4, 1), 'DIR_LEAF', /btail.stale/],
    ['hash', (v) => v.setUint32(leaf + 16, v.getUint32(leaf + 16) ^ 1), 'DIR_HASH', /bleaf\[2\].hashval/],
    ['address of nothing', (v) => v.setUint32(leaf + 20, 0x1f0), 'DIR_HASH', /bleaf\[2\].address/],
    ['address in no block', (v) => v.setUint32(leaf + 20, 0x4000), 'DIR_HASH', /bleaf\[2\].address/],
    [
      'address of another',
      (v) => v.setUint32(leaf + 20, v.getUint32(leaf + 28)),
      'DIR_HASH',
      /bleaf\[2\].address/,
    ],
    ['address stale', (v) => v.setUint32(leaf + 20, 0), 'DIR_HASH', /hashval/],
    ['name', (v) => v.setUint8(entryByte(v, 'name-3x') + 9, 0x4e), 'DIR_HASH', /bleaf\[\d+\].hashval/],
    ['two hashes change places', swap(leaf + 16, leaf + 24), 'DIR_LEAF', /bleaf\[\d\].hashval/],
  ]);

  test('a checksum alone: names are believed', () => {
    const dir = image('block');
    withEdit(
      dir.device,
      dir.block(0),
      (v) => v.setUint8(4, v.getUint8(4) ^ 1),
      () => {
        const { seen, found } = look(dir);
        expect(found.map((f) => f.code)).toEqual(['DIR_CRC']);
        expect(seen.inodes.namesLost).toBe(false);
      },
      false,
    );
  });

  test('a wrong checksum explains what else is wrong', () => {
    const dir = image('block');
    const change: Edit = (v) => v.setUint8(entryByte(v, 'name-3x') + 10, 0x2f);
    withEdit(
      dir.device,
      dir.block(0),
      change,
      () => {
        expect(look(dir).found.map((f) => f.code)).toEqual(['DIR_CRC']);
      },
      false,
    );
  });

  test('a block of zeros: one finding, names are lost', () => {
    const dir = image('block');
    withEdit(
      dir.device,
      dir.block(0),
      (_v, b) => b.fill(0),
      () => {
        const { seen, found } = look(dir);
        expect(found.map((f) => f.code)).toEqual(['DIR_BLOCK']);
        expect(seen.inodes.namesLost).toBe(true);
      },
      false,
    );
  });

  test('free areas side by side', () => {
    const dir = image('block');
    const cut: Edit = (v) => {
      const at = freeByte(v);
      const length = v.getUint16(at + 2);
      v.setUint16(at + 2, 16);
      v.setUint16(at + 14, at);
      v.setUint16(at + 16, 0xffff);
      v.setUint16(at + 18, length - 16);
      v.setUint16(at + length - 2, at + 16);
      v.setUint16(48, at + 16);
      v.setUint16(50, length - 16);
      v.setUint16(52, at);
      v.setUint16(54, 16);
    };
    withEdit(dir.device, dir.block(0), cut, () => {
      expect(look(dir).found.map((f) => f.code)).toEqual(['DIR_ENTRY']);
    });
  });

  test('a name twice, hashes and all', () => {
    const dir = image('block');
    const change: Edit = (v, b) => {
      // "name-5" becomes "name-0": its hash entry gives way to a second one of that hash.
      const from = entryByte(v, 'name-0');
      const to = entryByte(v, 'name-5');
      b.set(b.subarray(from + 9, from + 15), to + 9);
      rehash(v, b, tail, 25, to / 8, hashName(b.subarray(from + 9, from + 15)));
    };
    withEdit(dir.device, dir.block(0), change, () => {
      expect(look(dir).found.map((f) => f.code)).toEqual(['DIR_DUPLICATE']);
    });
  });

  test('many bad entries are told by number', () => {
    const dir = image('block');
    const change: Edit = (v) => {
      for (let i = 1; i <= 20; i++) v.setUint32(leaf + 8 * i + 4, 0x4000 + i);
    };
    withEdit(dir.device, dir.block(0), change, () => {
      const { found } = look(dir);
      expect(found).toHaveLength(7);
      expect(found.at(-1)!.message).toMatch(/14 more of this kind/);
    });
  });
});

describe('leaf form', () => {
  expectEach('leaf', 0, 4, [...dataCases('name-3x'), ...dotCases]);
  expectEach('leaf', 1, 4, dataCases('name-200'));
  const tail = 4096 - 4;
  expectEach('leaf', LEAF, 12, [
    ['uuid', (v) => v.setUint8(32, 0), 'DIR_BLOCK', /uuid/],
    ['owner', (v) => v.setUint32(52, 77), 'DIR_BLOCK', /owner/],
    ['magic', (v) => v.setUint16(8, 0x3dff), 'DIR_BLOCK', /magic/],
    ['count', (v) => v.setUint16(56, 600), 'DIR_LEAF', /lhdr.count/],
    ['stale', (v) => v.setUint16(58, 1), 'DIR_LEAF', /lhdr.stale/],
    ['forw', (v) => v.setUint32(0, 1), 'DIR_LEAF', /forw/],
    ['back', (v) => v.setUint32(4, 1), 'DIR_LEAF', /back/],
    ['hash', (v) => v.setUint32(80, v.getUint32(80) ^ 1), 'DIR_HASH', /lents\[2\].hashval/],
    ['address', (v) => v.setUint32(84, 0x4000), 'DIR_HASH', /lents\[2\].address/],
    ['address stale', (v) => v.setUint32(84, 0), 'DIR_HASH', /hashval/],
    ['count too small', (v) => v.setUint16(56, 100), 'DIR_LEAF', /lhdr.count/],
    ['no count', (v) => v.setUint16(56, 0), 'DIR_LEAF', /lhdr.count/],
    ['count too large', (v) => v.setUint16(56, v.getUint16(56) + 3), 'DIR_LEAF', /lhdr|lents/],
    ['bestcount', (v) => v.setUint32(tail, 3), 'DIR_FREE', /ltail.bestcount/],
    ['impossible bestcount', (v) => v.setUint32(tail, 0x10000), 'DIR_FREE', /ltail.bestcount/],
    ['best', (v) => v.setUint16(tail - 4, 8), 'DIR_FREE', /lbests\[0\]/],
    ['best of no block', (v) => v.setUint16(tail - 2, 0xffff), 'DIR_FREE', /lbests\[1\]/],
  ]);

  test('a leaf of zeros: one finding, no name is lost', () => {
    const dir = image('leaf');
    withEdit(
      dir.device,
      dir.block(LEAF, 12),
      (_v, b) => b.fill(0),
      () => {
        const { seen, found } = look(dir);
        expect(found.map((f) => f.code)).toEqual(['DIR_BLOCK']);
        expect(seen.inodes.namesLost).toBe(false);
      },
      false,
    );
  });

  test('size beside the last data block', () => {
    const dir = image('leaf');
    const change: Edit = (v) => v.setUint32(DINODE.offset.size + 4, 3 * 4096);
    withEdit(dir.device, dir.inode(), change, () => {
      expect(look(dir).found.map((f) => `${f.code} ${f.where.field}`)).toEqual(['DIR_MAP core.size']);
    });
  });

  test('the leaf mapped elsewhere', () => {
    const dir = image('leaf');
    const { nextents64 } = { nextents64: DINODE.offset.big_nextents + 4 };
    const change: Edit = (v) => {
      const last = FORK + 16 * (v.getUint32(nextents64) - 1);
      v.setBigUint64(last, v.getBigUint64(last) + (5n << 9n));
    };
    withEdit(dir.device, dir.inode(), change, () => {
      const { seen, found } = look(dir);
      expect(found.length).toBeGreaterThan(0);
      for (const f of found) expect(f.code).toMatch(/^DIR_/);
      expect(seen.inodes.namesLost).toBe(false);
    });
  });
});

describe('node form', () => {
  expectEach('node', 7, 4, dataCases('name-1190'));
  const child = 64;
  expectEach('node', LEAF, 12, [
    ['owner', (v) => v.setUint32(52, 77), 'DIR_BLOCK', /owner/],
    ['level', (v) => v.setUint16(58, 2), 'DIR_TREE', /nhdr.level/],
    ['no level', (v) => v.setUint16(58, 0), 'DIR_TREE', /level/],
    ['no count', (v) => v.setUint16(56, 0), 'DIR_TREE', /count/],
    ['impossible count', (v) => v.setUint16(56, 600), 'DIR_TREE', /count/],
    ['count too large', (v) => v.setUint16(56, v.getUint16(56) + 4), 'DIR_TREE', /count/],
    ['key', (v) => v.setUint32(child, v.getUint32(child) - 1), 'DIR_TREE', /nbtree\[0\].hashval/],
    ['child of nothing', (v) => v.setUint32(child + 4, 7), 'DIR_TREE', /nbtree\[0\].before/],
    [
      'the same child twice',
      (v) => v.setUint32(child + 4, v.getUint32(child + 12)),
      'DIR_TREE',
      /nbtree\[0\].before/,
    ],
    ['forw of the root', (v) => v.setUint32(0, 5), 'DIR_TREE', /forw/],
  ]);
  expectEach('node', LEAF + 1, 12, [
    ['magic', (v) => v.setUint16(8, 0x3df1), 'DIR_BLOCK', /magic/],
    ['forw', (v) => v.setUint32(0, 5), 'DIR_TREE', /forw/],
    ['back', (v) => v.setUint32(4, 5), 'DIR_TREE', /back/],
    ['stale', (v) => v.setUint16(58, 1), 'DIR_LEAF', /lhdr.stale/],
    ['hash', (v) => v.setUint32(80, v.getUint32(80) ^ 1), 'DIR_HASH', /lents\[2\].hashval/],
    ['address', (v) => v.setUint32(84, 0x4000), 'DIR_HASH', /lents\[2\].address/],
    ['two hashes change places', swap(80, 88), 'DIR_LEAF', /lents\[\d\].hashval/],
  ]);
  expectEach('node', FREE, 4, [
    ['owner', (v) => v.setUint32(44, 77), 'DIR_BLOCK', /owner/],
    ['firstdb', (v) => v.setUint32(48, 1), 'DIR_FREE', /firstdb/],
    ['nvalid too small', (v) => v.setUint32(52, v.getUint32(52) - 1), 'DIR_FREE', /nvalid/],
    ['nvalid too large', (v) => v.setUint32(52, v.getUint32(52) + 1), 'DIR_FREE', /nvalid/],
    ['impossible nvalid', (v) => v.setUint32(52, 0xffffffff), 'DIR_FREE', /nvalid/],
    ['nused', (v) => v.setUint32(56, v.getUint32(56) - 1), 'DIR_FREE', /nused/],
    ['best', (v) => v.setUint16(66, 8), 'DIR_FREE', /fbests\[1\]/],
    ['best of no block', (v) => v.setUint16(66, 0xffff), 'DIR_FREE', /fbests\[1\]/],
  ]);

  test('the free index not mapped', () => {
    const dir = image('node');
    const change: Edit = (v) => {
      const nextents = DINODE.offset.big_nextents + 4;
      v.setUint32(nextents, v.getUint32(nextents) - 1);
      v.setUint32(DINODE.offset.nblocks + 4, v.getUint32(DINODE.offset.nblocks + 4) - 1);
    };
    withEdit(dir.device, dir.inode(), change, () => {
      const { found } = look(dir);
      expect(found.map((f) => f.code)).toEqual(['DIR_MAP']);
      expect(found[0]!.message).toMatch(/free index is not mapped/);
    });
  });

  test('a node of zeros: one finding, no name is lost, no hash is told', () => {
    const dir = image('node');
    withEdit(
      dir.device,
      dir.block(LEAF, 12),
      (_v, b) => b.fill(0),
      () => {
        const { seen, found } = look(dir);
        expect(found.map((f) => f.code)).toEqual(['DIR_BLOCK']);
        expect(seen.inodes.namesLost).toBe(false);
      },
      false,
    );
  });
});

describe('names that differ in case alone', () => {
  const dir = dirImage('leaf', ['n.version=ci']);

  test('are the same where the filesystem says so', () => {
    expect(look(dir).found).toEqual([]);
    const upper: Edit = (v) => v.setUint8(entryByte(v, 'name-20') + 9, 0x4e);
    withEdit(dir.device, dir.block(0), upper, () => expect(look(dir).found).toEqual([]));
  });

  test('and then two of them are one too many', () => {
    // The same hash would need another hash entry: it is told of both.
    const change: Edit = (v, b) => {
      const from = entryByte(v, 'name-20');
      const to = entryByte(v, 'name-25');
      b.set(b.subarray(from + 9, from + 16), to + 9);
      v.setUint8(to + 9, 0x4e);
    };
    withEdit(dir.device, dir.block(0), change, () => {
      expect(new Set(look(dir).found.map((f) => f.code))).toEqual(new Set(['DIR_HASH', 'DIR_DUPLICATE']));
    });
  });
});

describe('large and small directory blocks', () => {
  test.each([
    ['1 KiB', ['b.size=1024'], 700],
    ['64 KiB', ['n.size=65536'], 2500],
    ['8 KiB of 1 KiB', ['b.size=1024', 'n.size=8192'], 900],
  ] as const)('%s', (_what, options, count) => {
    const dir = dirImage('node', options, count);
    expect(look(dir).found).toEqual([]);
    withEdit(
      dir.device,
      dir.block(0),
      (v) => v.setUint8(entryByte(v, 'name-5') + 15, 3),
      () => {
        expect(look(dir).found.map((f) => f.code)).toEqual(['DIR_FTYPE']);
      },
    );
  });
});

describe('directories in directories', () => {
  // The root names itself, or a file becomes a directory by its entry.
  test('the root has no name', () => {
    const dir = image('block');
    const change: Edit = (v) => {
      const at = entryByte(v, 'name-0');
      v.setBigUint64(at, BigInt(dir.ino));
      v.setUint8(at + 15, 2);
    };
    withEdit(dir.device, dir.block(0), change, () => {
      const { found } = look(dir);
      expect(found.map((f) => f.code)).toEqual(['DIR_PARENT']);
      expect(found[0]!.where.ino).toBe(dir.ino);
    });
  });
});

/** Exchanges two hash entries of a leaf. */
function swap(one: number, other: number): Edit {
  return (_v, bytes) => {
    const kept = bytes.slice(one, one + 8);
    bytes.set(bytes.subarray(other, other + 8), one);
    bytes.set(kept, other);
  };
}

/** Gives the hash entry of an address another hash, and puts it where that belongs. */
function rehash(
  v: DataView,
  b: Uint8Array,
  tail: number,
  count: number,
  address: number,
  hash: number,
): void {
  const start = tail - 8 * count;
  const entries = Array.from({ length: count }, (_, i) => ({
    hash: v.getUint32(start + 8 * i),
    address: v.getUint32(start + 8 * i + 4),
  }));
  for (const entry of entries) if (entry.address === address) entry.hash = hash;
  entries.sort((x, y) => x.hash - y.hash);
  entries.forEach((entry, i) => {
    v.setUint32(start + 8 * i, entry.hash);
    v.setUint32(start + 8 * i + 4, entry.address);
  });
  expect(b.length).toBe(4096);
}
