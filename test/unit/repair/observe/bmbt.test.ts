/** A file whose extents are in a btree of three levels, written by hand in blocks whose disk order is not key order. */
import { describe, expect, test } from '@jest/globals';
import { BTREE, LONG_HEADER, maxRecords, maxRootKeys, pointerOffset } from '../../../../src/format/btree.ts';
import { sealCrc } from '../../../../src/format/checksum.ts';
import { DINODE, FORK, INODE_CORE_BYTES } from '../../../../src/format/inode.ts';
import { parseUuid } from '../../../../src/format/kinds.ts';
import { FLAG_BMBT } from '../../../../src/fs/space/columns.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { withEdit } from '../../../support/edit.ts';
import { smallImage } from '../../../support/smallimage.ts';

const { device, geometry, files } = smallImage();
const ino = files[0]!.ino;
const H = LONG_HEADER.offset;
const BMBT = BTREE.bmapbt;
const AG = 1;
/** agbnos: leaves 0 to 3 in key order, and the nodes over the first and the last two. */
const LEAVES = [1240, 1200, 1260, 1220];
const NODES = [1250, 1210];
const EXTENTS_EACH = 3;
/** Bytes of the data fork: less than its extents would need. */
const FORK_BYTES = 160;
const fsbno = (agbno: number) => BigInt(geometry.fsbno(AG, agbno));

function writeBlock(agbno: number, level: number, left: number, right: number, count: number): DataView {
  const at = geometry.agbnoByte(AG, agbno);
  const bytes = device.bytes.subarray(at, at + geometry.blocksize);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setUint32(H.magic, BMBT.magic);
  view.setUint16(H.level, level);
  view.setUint16(H.numrecs, count);
  view.setBigUint64(H.leftsib, left < 0 ? 0xffffffffffffffffn : fsbno(left));
  view.setBigUint64(H.rightsib, right < 0 ? 0xffffffffffffffffn : fsbno(right));
  view.setBigUint64(H.bno, BigInt(geometry.agbnoDaddr(AG, agbno)));
  bytes.set(parseUuid(geometry.metaUuid), H.uuid);
  view.setBigUint64(H.owner, BigInt(ino));
  return view;
}

const seal = (view: DataView) =>
  sealCrc(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), H.crc);

function craft(): void {
  LEAVES.forEach((agbno, leaf) => {
    const view = writeBlock(agbno, 0, LEAVES[leaf - 1] ?? -1, LEAVES[leaf + 1] ?? -1, EXTENTS_EACH);
    for (let i = 0; i < EXTENTS_EACH; i++) {
      const n = leaf * EXTENTS_EACH + i;
      const start = BigInt(geometry.fsbno(AG, 1500 + 10 * n));
      view.setBigUint64(H.pad + 4 + 16 * i, BigInt(n * 5) << 9n);
      view.setBigUint64(H.pad + 4 + 16 * i + 8, (start << 21n) | 2n);
    }
    seal(view);
  });
  NODES.forEach((agbno, node) => {
    const view = writeBlock(agbno, 1, NODES[node - 1] ?? -1, NODES[node + 1] ?? -1, 2);
    for (let i = 0; i < 2; i++) {
      const leaf = node * 2 + i;
      view.setBigUint64(BMBT.headerBytes + 8 * i, BigInt(leaf * EXTENTS_EACH * 5));
      view.setBigUint64(pointerOffset(BMBT, i, geometry.blocksize), fsbno(LEAVES[leaf]!));
    }
    seal(view);
  });
  const at = geometry.inoByte(ino);
  const bytes = device.bytes.subarray(at, at + geometry.inodesize);
  const inode = DINODE.over(bytes);
  inode.format = FORK.BTREE;
  inode.forkoff = FORK_BYTES / 8;
  inode.aformat = FORK.EXTENTS;
  inode.big_nextents = BigInt(LEAVES.length * EXTENTS_EACH);
  inode.nblocks = LEAVES.length * EXTENTS_EACH * 2 + LEAVES.length + NODES.length;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const root = INODE_CORE_BYTES;
  const room = maxRootKeys(FORK_BYTES);
  view.setUint16(root, 2);
  view.setUint16(root + 2, 2);
  for (let i = 0; i < 2; i++) {
    view.setBigUint64(root + 4 + 8 * i, BigInt(i * 2 * EXTENTS_EACH * 5));
    view.setBigUint64(root + 4 + 8 * room + 8 * i, fsbno(NODES[i]!));
  }
  sealCrc(bytes, DINODE.offset.crc);
}

craft();
const clean = observe(device);

function changed(agbno: number, change: (view: DataView) => void, sealed = true) {
  const place = { offset: geometry.agbnoByte(AG, agbno), length: geometry.blocksize, crcOffset: H.crc };
  const seen = withEdit(device, place, change, () => observe(device), sealed);
  return { ...seen, text: seen.findings.map((f) => `${f.code} ${f.message}`).join('\n') };
}

test('all levels are read, and blocks and extents claimed', () => {
  expect(clean.findings).toEqual([]);
  expect(clean.filesComplete).toBe(true);
  const o = clean.ags[AG]!.owners;
  const own = [...Array(o.length).keys()].filter((i) => o.owner[i] === ino);
  const blocks = own.filter((i) => o.flags[i]! & FLAG_BMBT).map((i) => o.start[i]!);
  expect(blocks.sort()).toEqual([...LEAVES, ...NODES].sort());
  const extents = own.filter((i) => !(o.flags[i]! & FLAG_BMBT));
  expect(extents.map((i) => [o.start[i], o.count[i], o.offset[i]]).sort((a, b) => a[0]! - b[0]!)).toEqual(
    Array.from({ length: 12 }, (_, n) => [1500 + 10 * n, 2, n * 5]),
  );
});

describe('one thing changed', () => {
  const pointer = (i: number) => pointerOffset(BMBT, i, geometry.blocksize);
  const cases: [string, number, (v: DataView) => void, RegExp, boolean][] = [
    [
      'owner',
      LEAVES[2]!,
      (v) => v.setUint32(H.owner + 4, 7),
      /BMBT_BLOCK .* AG 1 block 1260: owner 7, expected/,
      false,
    ],
    ['magic', NODES[1]!, (v) => v.setUint32(0, 7), /BMBT_BLOCK .* AG 1 block 1210: magic 0x7/, false],
    ['level', NODES[0]!, (v) => v.setUint16(H.level, 2), /BMBT_BLOCK .* level 2, expected 1/, false],
    ['numrecs 0', LEAVES[0]!, (v) => v.setUint16(H.numrecs, 0), /BMBT_BLOCK .* numrecs 0/, false],
    [
      'numrecs too many',
      LEAVES[0]!,
      (v) => v.setUint16(H.numrecs, maxRecords(BMBT, 0, geometry.blocksize) + 1),
      /BMBT_BLOCK .* numrecs 252/,
      false,
    ],
    [
      'one extent fewer',
      LEAVES[1]!,
      (v) => v.setUint16(H.numrecs, 2),
      /INODE_EXTENT_COUNT .* nextents 12, 11 extents found/,
      false,
    ],
    [
      'left sibling',
      LEAVES[3]!,
      (v) => v.setBigUint64(H.leftsib, fsbno(LEAVES[1]!)),
      /BMBT_ORDER .* left sibling \d+, expected/,
      true,
    ],
    [
      'right sibling',
      NODES[0]!,
      (v) => v.setBigUint64(H.rightsib, 0xffffffffffffffffn),
      /BMBT_ORDER .* right sibling -1, expected/,
      true,
    ],
    [
      'key',
      NODES[0]!,
      (v) => v.setBigUint64(BMBT.headerBytes + 8, 14n),
      /BMBT_ORDER .* begins at offset 15, its key says 14/,
      true,
    ],
    [
      'order between leaves',
      LEAVES[1]!,
      (v) => v.setBigUint64(BMBT.headerBytes + 32, 31n << 9n),
      /BMBT_ORDER .* begins at offset 30, before 33 where the left ends/,
      true,
    ],
    [
      'two pointers to a leaf',
      NODES[0]!,
      (v) => v.setBigUint64(pointer(1), fsbno(LEAVES[0]!)),
      /BMBT_BLOCK .* another pointer leads to it too/,
      false,
    ],
    [
      'pointer to nowhere',
      NODES[1]!,
      (v) => v.setBigUint64(pointer(0), 0xffffffffffffn),
      /BMBT_BLOCK .* fsbno \d+: a pointer leads there, but it is not in the filesystem/,
      false,
    ],
    [
      'pointer to its parent',
      NODES[1]!,
      (v) => v.setBigUint64(pointer(0), fsbno(NODES[1]!)),
      /BMBT_BLOCK .* level 1, expected 0/,
      false,
    ],
  ];
  test.each(cases)('%s', (_, agbno, change, message, complete) => {
    const seen = changed(agbno, change);
    expect(seen.text).toMatch(message);
    expect(seen.filesComplete).toBe(complete);
  });

  test('a stale checksum', () => {
    const seen = changed(LEAVES[0]!, (v) => v.setUint8(geometry.blocksize - 1, 1), false);
    expect(seen.text).toMatch(/^BMBT_BLOCK .* crc 0x/);
    expect(seen.filesComplete).toBe(false);
  });
});
