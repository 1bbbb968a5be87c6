/** Attributes of every form: one field changed, that finding expected, at that place, and no other. */
import { describe, expect, test } from '@jest/globals';
import { ATTR_LEAF_HEADER, attrEntryByte } from '../../../../src/format/attr.ts';
import { DINODE } from '../../../../src/format/inode.ts';
import { setAttr } from '../../../../src/fs/attr/attr.ts';
import { openFileSystem } from '../../../../src/fs/filesystem.ts';
import { checkImage } from '../../../../src/repair/check.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { type Case, damage, type Edit, expectChanges, flip, type Target } from '../../../support/attrcase.ts';
import { attrFork, attrImage, VALUE_BYTES } from '../../../support/attrimage.ts';
import { type Place, withEdit } from '../../../support/edit.ts';
import { smallImage } from '../../../support/smallimage.ts';

const image = attrImage();
const { device, geometry } = image;
const look = () => damage(device);

function expectEach(target: Target, cases: readonly Case[]): void {
  expectChanges(image, target, cases);
}

test('nothing is found while nothing is changed', () => {
  expect(checkImage(device).findings.filter(({ code }) => code !== 'ATTR_FEATURE')).toEqual([]);
});

const AT = ATTR_LEAF_HEADER.offset;
const nameidx = (v: DataView, i: number) => v.getUint16(attrEntryByte(i) + 4);
describe('shortform', () => {
  const at = (v: DataView, byte: number) => attrFork(v) + byte;
  // Header 4, then entries of 3 + 1 + 8 bytes.
  expectEach(
    ['short'],
    [
      ['totsize too large for the fork', (v) => v.setUint16(at(v, 0), 5000), 'INODE_FORK', /^$/],
      ['totsize larger than the entries', (v) => v.setUint8(at(v, 29), 7), 'ATTR_SHORT', /hdr.totsize/],
      ['totsize smaller', (v) => v.setUint16(at(v, 0), 39), 'ATTR_SHORT', /list\[2\]/],
      ['count larger', (v) => v.setUint8(at(v, 2), 4), 'ATTR_SHORT', /list\[3\]/],
      ['count smaller', (v) => v.setUint8(at(v, 2), 2), 'ATTR_SHORT', /hdr.totsize/],
      ['padding', (v) => v.setUint8(at(v, 3), 1), 'ATTR_SHORT', /hdr.padding/],
      ['no name', (v) => v.setUint8(at(v, 4), 0), 'ATTR_SHORT', /list\[0\]/],
      ['a name too long', (v) => v.setUint8(at(v, 16), 200), 'ATTR_SHORT', /list\[1\]/],
      ['a value too long', (v) => v.setUint8(at(v, 29), 9), 'ATTR_SHORT', /list\[2\]/],
      ['a flag that none has', (v) => v.setUint8(at(v, 6), 0x10), 'ATTR_ENTRY', /list\[0\].flags/],
      ['LOCAL', (v) => v.setUint8(at(v, 6), 1), 'ATTR_ENTRY', /list\[0\].flags/],
      ['INCOMPLETE', (v) => v.setUint8(at(v, 6), 0x80), 'ATTR_ENTRY', /list\[0\].flags/],
      ['PARENT without the feature', (v) => v.setUint8(at(v, 6), 8), 'ATTR_ENTRY', /list\[0\].flags/],
      ['two namespaces', (v) => v.setUint8(at(v, 6), 6), 'ATTR_ENTRY', /list\[0\].flags/],
      ['NUL in a name', (v) => v.setUint8(at(v, 7), 0), 'ATTR_ENTRY', /list\[0\].name/],
      ['a name twice', (v) => v.setUint8(at(v, 31), 0x61), 'ATTR_DUPLICATE', /list\[2\]/],
    ],
  );

  test('the same name in two namespaces is two attributes', () => {
    const change: Edit = (v) => {
      v.setUint8(at(v, 31), 0x61);
      v.setUint8(at(v, 30), 2);
    };
    withEdit(device, image.inode(image.short), change, () => expect(look()).toEqual([]));
  });

  test('no more than a handful of findings for one inode', () => {
    const { device: many, files, geometry: g } = smallImage();
    const fs = openFileSystem(many);
    const { ino } = files[0]!;
    for (const name of 'abcdefgh') setAttr(fs, ino, { namespace: 'user', name, value: new Uint8Array(1) });
    const place = { offset: g.inoByte(ino), length: g.inodesize, crcOffset: DINODE.offset.crc };
    const change: Edit = (v) => {
      for (let i = 0; i < 8; i++) v.setUint8(at(v, 4 + 5 * i + 2), 0x40);
    };
    withEdit(many, place, change, () => {
      const found = observe(many).findings.filter(({ code }) => code === 'ATTR_ENTRY');
      expect(found).toHaveLength(4);
      expect(found.at(-1)!.message).toMatch(/not listed/);
    });
  });
});

describe('a single leaf', () => {
  expectEach(
    ['leaf', 0],
    [
      ['magic', (v) => v.setUint16(8, 0x1234), 'ATTR_BLOCK', /magic/],
      ['magic of a directory leaf', (v) => v.setUint16(8, 0x3df1), 'ATTR_BLOCK', /magic/],
      ['all zeros', (_, b) => b.fill(0), 'ATTR_BLOCK', /magic/],
      ['owner', flip(55), 'ATTR_HEADER', /owner/],
      ['UUID', flip(32), 'ATTR_HEADER', /uuid/],
      ['address', flip(23), 'ATTR_BLOCK', /bno/],
      ['forw', (v) => v.setUint32(0, 3), 'ATTR_TREE', /forw/],
      ['back', (v) => v.setUint32(4, 3), 'ATTR_TREE', /back/],
      ['count beyond firstused', (v) => v.setUint16(AT.count, 4000), 'ATTR_BLOCK', /hdr.count/],
      ['usedbytes', flip(AT.usedbytes + 1, 4), 'ATTR_HEADER', /usedbytes/],
      ['firstused too low', (v) => v.setUint16(AT.firstused, 400), 'ATTR_HEADER', /firstused/],
      ['holes', (v) => v.setUint8(AT.holes, 2), 'ATTR_HEADER', /holes/],
      ['pad1', (v) => v.setUint8(AT.pad1, 1), 'ATTR_HEADER', /pad1/],
      ['pad2', (v) => v.setUint8(79, 1), 'ATTR_HEADER', /pad2/],
      ['pad of the common header', (v) => v.setUint8(11, 1), 'ATTR_HEADER', /hdr.pad/],
      [
        'free area not aligned',
        (v) => v.setUint16(AT.freemap, v.getUint16(AT.freemap) + 1),
        'ATTR_HEADER',
        /freemap/,
      ],
      [
        'free area over names',
        (v) => v.setUint16(AT.freemap + 2, v.getUint16(AT.freemap + 2) + 64),
        'ATTR_HEADER',
        /freemap/,
      ],
      ['free area over the entries', (v) => v.setUint16(AT.freemap, 80), 'ATTR_HEADER', /freemap/],
      ['free area too small', (v) => v.setUint16(AT.freemap + 2, 400), 'ATTR_HEADER', /freemap/],
      ['hash', flip(attrEntryByte(2) + 3), 'ATTR_HASH', /entries\[2\].hashval/],
      ['first hash', flip(attrEntryByte(0)), 'ATTR_HASH', /entries\[0\].hashval/],
      ['place out of the block', (v) => v.setUint16(attrEntryByte(1) + 4, 0xfff0), 'ATTR_ENTRY', /nameidx/],
      ['place among the entries', (v) => v.setUint16(attrEntryByte(1) + 4, 84), 'ATTR_ENTRY', /nameidx/],
      [
        'place not aligned',
        (v) => v.setUint16(attrEntryByte(1) + 4, nameidx(v, 1) + 1),
        'ATTR_ENTRY',
        /nameidx/,
      ],
      ['place of another', (v) => v.setUint16(attrEntryByte(2) + 4, nameidx(v, 1)), 'ATTR_ENTRY', /nameidx/],
      ['unknown flag', flip(attrEntryByte(1) + 6, 0x20), 'ATTR_ENTRY', /flags/],
      ['two namespaces', flip(attrEntryByte(1) + 6, 6), 'ATTR_ENTRY', /flags/],
      ['pad of an entry', (v) => v.setUint8(attrEntryByte(1) + 7, 1), 'ATTR_ENTRY', /pad2/],
      ['INCOMPLETE', flip(attrEntryByte(1) + 6, 0x80), 'ATTR_INCOMPLETE', /entries\[1\]/],
      ['no name', (v) => v.setUint8(nameidx(v, 1) + 2, 0), 'ATTR_ENTRY', /nvlist\[1\].name/],
      ['NUL in a name', (v) => v.setUint8(nameidx(v, 1) + 4, 0), 'ATTR_ENTRY', /nvlist\[1\].name/],
      [
        'a name one byte shorter',
        (v) => v.setUint8(nameidx(v, 1) + 2, v.getUint8(nameidx(v, 1) + 2) - 1),
        'ATTR_HASH',
        /hashval/,
      ],
      ['a value out of the block', (v) => v.setUint16(nameidx(v, 0), 0x8000), 'ATTR_ENTRY', /nameidx/],
      ['a value over another name', (v) => v.setUint16(nameidx(v, 2), 240), 'ATTR_ENTRY', /nameidx/],
      ['a value shorter', (v) => v.setUint16(nameidx(v, 1), 100), 'ATTR_HEADER', /usedbytes/],
    ],
  );

  test('a wrong checksum over sound content is one finding', () => {
    const place = image.block(image.leaf, 0);
    const broken = withEdit(device, place, (v) => v.setUint32(12, 1), look, false);
    expect(broken).toMatchObject([
      { code: 'ATTR_CRC', where: { ino: image.leaf, fileoff: 0, field: 'crc' } },
    ]);
    // A torn block: one more at the most.
    const torn = withEdit(device, place, (_, b) => b.fill(0xa5, 2048), look, false);
    expect(torn[0]).toMatchObject({ code: 'ATTR_CRC' });
    expect(torn.length).toBeLessThanOrEqual(2);
  });

  test('free areas that lie over each other, as kernels leave them, are a note', () => {
    const change: Edit = (v) => {
      v.setUint8(AT.holes, 1);
      v.setUint32(AT.freemap + 4, v.getUint32(AT.freemap));
    };
    withEdit(device, image.block(image.leaf, 0), change, () => {
      const codes = observe(device).findings.map(({ code, severity }) => `${severity} ${code}`);
      expect(codes).toEqual(['note ATTR_FREEMAP']);
    });
  });

  test('an LSN ahead of the log', () => {
    withEdit(
      device,
      image.block(image.leaf, 0),
      (v) => v.setUint32(24, 99),
      () => {
        expect(look()).toMatchObject([{ code: 'LSN_AHEAD', where: { ino: image.leaf, fileoff: 0 } }]);
      },
    );
  });

  test('an empty leaf', () => {
    const change: Edit = (v, b) => {
      b.fill(0, AT.count);
      v.setUint16(AT.firstused, b.length);
      v.setUint16(AT.freemap, ATTR_LEAF_HEADER.size);
      v.setUint16(AT.freemap + 2, b.length - ATTR_LEAF_HEADER.size);
    };
    withEdit(device, image.block(image.leaf, 0), change, () => {
      expect(look()).toMatchObject([{ code: 'ATTR_EMPTY', severity: 'warning' }]);
    });
  });

  test('the same attribute twice', () => {
    const change: Edit = (v, b) => {
      const [from, to] = [nameidx(v, 1), nameidx(v, 2)];
      b.copyWithin(to, from, from + 3 + v.getUint8(from + 2));
      v.setUint32(attrEntryByte(2), v.getUint32(attrEntryByte(1)));
    };
    withEdit(device, image.block(image.leaf, 0), change, () => {
      expect(look().map(({ code }) => code)).toContain('ATTR_DUPLICATE');
    });
  });

  test('many bad entries are a handful of findings', () => {
    const leaf = (v: DataView) => {
      const count = v.getUint16(AT.count);
      for (let i = 0; i < count; i++) v.setUint8(attrEntryByte(i) + 7, 1);
      return count;
    };
    let count = 0;
    withEdit(
      device,
      image.block(image.node, 1),
      (v) => (count = leaf(v)),
      () => {
        const found = look();
        expect(count).toBeGreaterThan(5);
        expect(found).toHaveLength(5);
        expect(found.at(-1)!.message).toMatch(new RegExp(`${count - 4} more`));
      },
    );
  });
});

describe('a tree', () => {
  const key = (i: number) => 64 + 8 * i;
  const pointer = (i: number) => 68 + 8 * i;
  const NODE_COUNT = 56;

  test('has a root and at least three leaves', () => {
    withEdit(
      device,
      image.block(image.node, 0),
      (v) => {
        expect(v.getUint16(8)).toBe(0x3ebe);
        expect(v.getUint16(NODE_COUNT)).toBeGreaterThan(2);
      },
      () => undefined,
    );
  });

  expectEach(
    ['node', 0],
    [
      ['magic', (v) => v.setUint16(8, 0), 'ATTR_BLOCK', /magic/],
      ['level of none', (v) => v.setUint16(58, 0), 'ATTR_BLOCK', /level/],
      ['level too deep', (v) => v.setUint16(58, 9), 'ATTR_BLOCK', /level/],
      ['no children', (v) => v.setUint16(NODE_COUNT, 0), 'ATTR_BLOCK', /count/],
      ['too many children', (v) => v.setUint16(NODE_COUNT, 505), 'ATTR_BLOCK', /count/],
      ['owner', flip(55), 'ATTR_HEADER', /owner/],
      ['forw', (v) => v.setUint32(0, 2), 'ATTR_TREE', /forw/],
      ['pad', (v) => v.setUint32(60, 2), 'ATTR_HEADER', /hdr.pad/],
      ['pad of the common header', (v) => v.setUint16(10, 2), 'ATTR_HEADER', /hdr.pad/],
      ['key', flip(key(1) + 3), 'ATTR_TREE', /btree\[1\].hashval/],
      ['pointer to nothing', (v) => v.setUint32(pointer(1), 900), 'ATTR_TREE', /btree\[1\].before/],
      ['pointer to the root', (v) => v.setUint32(pointer(1), 0), 'ATTR_TREE', /btree\[1\].before/],
      [
        'pointer to another child',
        (v) => v.setUint32(pointer(1), v.getUint32(pointer(0))),
        'ATTR_TREE',
        /btree\[1\].before/,
      ],
    ],
  );

  const child = (i: number): Place => {
    const { offset } = image.block(image.node, 0);
    const root = new DataView(device.bytes.buffer, device.bytes.byteOffset + offset, 4096);
    return image.block(image.node, root.getUint32(pointer(i)));
  };
  test.each<[string, number, Edit, string, RegExp]>([
    ['forw', 0, flip(3, 0x40), 'ATTR_TREE', /hdr.forw/],
    ['forw of the last', -1, flip(3, 0x40), 'ATTR_TREE', /hdr.forw/],
    ['back', 1, flip(7, 0x40), 'ATTR_TREE', /hdr.back/],
    ['back of the first', 0, flip(7, 0x40), 'ATTR_TREE', /hdr.back/],
    ['address', 1, flip(23), 'ATTR_BLOCK', /bno/],
    ['magic', 1, (v) => v.setUint16(8, 0x3ebe), 'ATTR_BLOCK', /magic/],
    ['all zeros', 1, (_, b) => b.fill(0), 'ATTR_BLOCK', /magic/],
    [
      'last hash',
      1,
      (v) => flip(attrEntryByte(v.getUint16(AT.count) - 1) + 3)(v, new Uint8Array(0)),
      'ATTR_HASH',
      /hashval/,
    ],
  ])('%s of a leaf', (_what, i, change, code, field) => {
    const { offset } = image.block(image.node, 0);
    const children = new DataView(device.bytes.buffer, device.bytes.byteOffset + offset).getUint16(
      NODE_COUNT,
    );
    const place = child(i < 0 ? children + i : i);
    withEdit(device, place, change, () => {
      const found = look();
      expect(found).toMatchObject([{ code, where: { ino: image.node } }]);
      expect(found[0]!.where.field).toMatch(field);
      expect(geometry.agbnoByte(found[0]!.where.agno!, found[0]!.where.agbno!)).toBe(place.offset);
    });
  });

  test('a leaf without entries in a tree', () => {
    const change: Edit = (v, b) => {
      b.fill(0, AT.count);
      v.setUint16(AT.firstused, b.length);
      v.setUint16(AT.freemap, ATTR_LEAF_HEADER.size);
      v.setUint16(AT.freemap + 2, b.length - ATTR_LEAF_HEADER.size);
    };
    withEdit(device, child(1), change, () => expect(look().map((f) => f.code)).toContain('ATTR_EMPTY'));
  });
});

describe('a value in blocks of its own', () => {
  /** File offsets of the blocks with the value, by its leaf entry. */
  const site = (() => {
    for (let fileoff = 1; fileoff < 40; fileoff++) {
      let place: Place;
      try {
        place = image.block(image.node, fileoff);
      } catch {
        continue;
      }
      const v = new DataView(device.bytes.buffer, device.bytes.byteOffset + place.offset, place.length);
      if (v.getUint16(8) !== 0x3bee) continue;
      for (let i = 0; i < v.getUint16(AT.count); i++) {
        if ((v.getUint8(attrEntryByte(i) + 6) & 1) === 0)
          return { leaf: fileoff, entry: i, name: nameidx(v, i), value: v.getUint32(nameidx(v, i)) };
      }
    }
    throw new Error('no such attribute');
  })();
  const { leaf, entry, name, value } = site;

  expectEach(
    ['node', leaf],
    [
      ['in no block', (v) => v.setUint32(name, 0), 'ATTR_ENTRY', /valuelen/],
      ['of no bytes', (v) => v.setUint32(name + 4, 0), 'ATTR_ENTRY', /valuelen/],
      ['too long', (v) => v.setUint32(name + 4, 65537), 'ATTR_ENTRY', /valuelen/],
      ['in blocks that are not mapped', (v) => v.setUint32(name, 5000), 'ATTR_REMOTE', /valueblk/],
      ['in a block of the tree', (v) => v.setUint32(name, leaf), 'ATTR_REMOTE', /valueblk/],
      ['name', flip(name + 9), 'ATTR_HASH', /hashval/],
    ],
  );
  expectEach(
    ['node', value + 1],
    [
      ['magic', (v) => v.setUint32(0, 0), 'ATTR_REMOTE', /magic/],
      ['offset', flip(7), 'ATTR_HEADER', /hdr.offset/],
      ['bytes', flip(11, 8), 'ATTR_HEADER', /hdr.bytes/],
      ['more bytes than a block', (v) => v.setUint32(8, 5000), 'ATTR_BLOCK', /bytes/],
      ['UUID', flip(20), 'ATTR_HEADER', /uuid/],
      ['owner', flip(39), 'ATTR_HEADER', /owner/],
      ['address', flip(47), 'ATTR_BLOCK', /bno/],
      ['an LSN', (v) => v.setUint32(48, 1), 'ATTR_HEADER', /lsn/],
    ],
  );

  test('a wrong checksum', () => {
    const found = withEdit(device, image.block(image.node, value), flip(60), look, false);
    expect(found).toMatchObject([{ code: 'ATTR_CRC', where: { fileoff: value } }]);
  });

  test('a value that is shorter by a block leaves one in no use', () => {
    const shorter = 2 * (4096 - 56);
    const blocks = Math.ceil(VALUE_BYTES / (4096 - 56));
    expect(blocks).toBe(3);
    withEdit(
      device,
      image.block(image.node, leaf),
      (v) => v.setUint32(name + 4, shorter),
      () => {
        expect(look()).toMatchObject([{ code: 'ATTR_SURPLUS', severity: 'warning' }]);
      },
    );
  });

  test('incomplete, with its blocks or without: one finding', () => {
    const change: Edit = (v) => {
      flip(attrEntryByte(entry) + 6, 0x80)(v, new Uint8Array(0));
      v.setUint32(name, 0);
      v.setUint32(name + 4, 0);
    };
    withEdit(device, image.block(image.node, leaf), change, () => {
      expect(look()).toMatchObject([{ code: 'ATTR_INCOMPLETE', where: { fileoff: leaf } }]);
    });
  });
});
