/** Trees of several levels: AG 2 of an image with 1 KiB blocks, filled by the builder with many extents. */
import { describe, expect, test } from '@jest/globals';
import { AGF } from '../../../../src/format/agf.ts';
import { BTREE, pointerOffset, SHORT_HEADER } from '../../../../src/format/btree.ts';
import { buildAg } from '../../../../src/fs/space/build.ts';
import type { Observation } from '../../../../src/repair/observation.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { contentsOf, stageAg } from '../../../../src/repair/plan.ts';
import { type Place, withEdit } from '../../../support/edit.ts';
import { emptyImage } from '../../../support/smallimage.ts';

const AG = 2;
const EXTENTS = 2500;
const device = emptyImage(48 << 20, ['b.size=1024']);
const empty = observe(device);
const { geometry } = empty;
{
  const contents = contentsOf(geometry, empty.ags[AG]!);
  const ino = geometry.rootino + 3;
  for (let i = 0; i < EXTENTS; i++) {
    contents.owners.push(2000 + 3 * i, 1 + (i % 2), ino, 10 * i, 0);
    if (i % 2) contents.owners.push(2000 + 3 * i, 1, ino + 1, 10 * i, 0);
  }
  stageAg(geometry, device, buildAg(geometry, contents));
}
const clean = observe(device);
const tree = (name: 'bnobt' | 'cntbt' | 'rmapbt' | 'refcntbt', seen: Observation = clean) =>
  seen.ags[AG]![name]!;
const H = SHORT_HEADER.offset;
const place = (agbno: number): Place => ({
  offset: geometry.agbnoByte(AG, agbno),
  length: geometry.blocksize,
  crcOffset: H.crc,
});
const rmapRoot = tree('rmapbt').blocks[0]!;
const rootKey = SHORT_HEADER.size;

/** Findings, and the tree, after one block has been changed. */
function changed(
  name: 'bnobt' | 'cntbt' | 'rmapbt' | 'refcntbt',
  agbno: number,
  change: (v: DataView) => void,
) {
  const seen = withEdit(device, place(agbno), change, () => observe(device));
  return { tree: tree(name, seen), text: seen.findings.map((f) => `${f.code} ${f.message}`).join('\n') };
}

test('what the builder wrote is sound on all levels', () => {
  expect(clean.findings).toEqual([]);
  expect(tree('rmapbt').level).toBe(3);
  expect(tree('rmapbt').records.length).toBeGreaterThan(EXTENTS * 1.5);
  expect(tree('rmapbt').blocks.length).toBe(AGF.over(clean.ags[AG]!.agf!).rmapblocks);
  expect(tree('refcntbt').level).toBe(2);
  expect(tree('bnobt').level).toBe(2);
  expect(tree('bnobt').records.length).toBe(tree('cntbt').records.length);
});

describe('keys', () => {
  test('a low key in the root', () => {
    const one = changed('rmapbt', rmapRoot, (v) => v.setUint32(rootKey + 40, v.getUint32(rootKey + 40) + 1));
    expect(one.text).toMatch(
      /^BTREE_KEY AG 2 rmapbt block \d+: low key in the parent: startblock \d+, expected \d+$/,
    );
    expect(one.tree.sound).toBe(false);
    expect(one.tree.records.length).toBe(tree('rmapbt').records.length);
  });
  test('a high key in the root', () => {
    const one = changed('rmapbt', rmapRoot, (v) => v.setUint32(rootKey + 20, 9));
    expect(one.text).toMatch(/^BTREE_KEY .*high key in the parent: startblock 9, expected \d+$/);
  });
  test('the unwritten bit in a key means nothing', () => {
    const at = rootKey + 40 + 12;
    const one = changed('rmapbt', rmapRoot, (v) => v.setUint32(at, v.getUint32(at) + 0x20000000));
    expect(one.text).toBe('');
    expect(one.tree.sound).toBe(true);
  });
  test('both words of a key of the free space trees', () => {
    const second = (v: DataView) => v.setUint32(rootKey + 12, v.getUint32(rootKey + 12) + 1);
    expect(changed('cntbt', tree('cntbt').blocks[0]!, second).text).toMatch(
      /BTREE_KEY .*low key in the parent: blockcount/,
    );
    expect(changed('bnobt', tree('bnobt').blocks[0]!, second).text).toMatch(
      /BTREE_KEY .*low key in the parent: blockcount/,
    );
  });
});

describe('pointers and siblings', () => {
  const pointer = (i: number) => pointerOffset(BTREE.rmapbt, i, geometry.blocksize);
  test('a pointer out of the AG: the rest of the tree is still read', () => {
    const one = changed('rmapbt', rmapRoot, (v) => v.setUint32(pointer(1), 0x00ffffff));
    expect(one.text).toMatch(
      /^BTREE_POINTER AG 2 rmapbt block \d+: pointer 2: block 16777215 is outside the AG/,
    );
    expect(one.text).not.toMatch(/SIBLING/);
    expect(one.tree.records.length).toBeGreaterThan(1000);
    expect(one.tree.records.length).toBeLessThan(tree('rmapbt').records.length);
  });
  test('two pointers to one block, and a pointer to the root: visited once', () => {
    const twice = changed('rmapbt', rmapRoot, (v) => v.setUint32(pointer(1), v.getUint32(pointer(0))));
    expect(twice.text).toMatch(/pointer 2: block \d+ was met before/);
    const round = changed('rmapbt', rmapRoot, (v) => v.setUint32(pointer(0), rmapRoot));
    expect(round.text).toMatch(/pointer 1: block \d+ was met before/);
  });
  test('a leaf that points past its neighbour', () => {
    const leaf = tree('refcntbt').blocks[3]!;
    const one = changed('refcntbt', leaf, (v) => v.setUint32(H.leftsib, 0xffffffff));
    expect(one.text).toMatch(/^BTREE_SIBLING AG 2 refcntbt block \d+: left sibling none, expected \d+$/);
    expect(one.tree.sound).toBe(false);
  });
  test('a lost leaf takes its records and no others', () => {
    const [, leaf] = tree('refcntbt').blocks;
    const count = new DataView(device.bytes.buffer).getUint16(geometry.agbnoByte(AG, leaf!) + H.numrecs);
    const one = changed('refcntbt', leaf!, (v) => v.setUint32(H.owner, 7));
    expect(one.tree.records.length).toBe(tree('refcntbt').records.length - count);
    expect(one.tree.blocks).not.toContain(leaf);
  });
  test('an empty leaf under a node', () => {
    const one = changed('refcntbt', tree('refcntbt').blocks[2]!, (v) => v.setUint16(H.numrecs, 0));
    expect(one.text).toMatch(/numrecs 0, expected at least 1/);
  });
});

test('a high key is that of the record that reaches furthest, be it the first of thousands', () => {
  const image = emptyImage(48 << 20, ['b.size=1024']);
  const contents = contentsOf(geometry, observe(image).ags[AG]!);
  const ino = geometry.rootino + 3;
  contents.owners.push(2000, 4 * EXTENTS, ino, 0, 0);
  for (let i = 0; i < EXTENTS; i++) contents.owners.push(2000 + 3 * i, 1, ino + 1, 10 * i, 0);
  const built = buildAg(geometry, contents);
  stageAg(geometry, image, built);
  const seen = observe(image);
  expect(seen.findings).toEqual([]);
  expect(seen.ags[AG]!.rmapbt!.level).toBe(3);
  // The canary: the block of the long record's last block is the high key of the root's first child.
  const root = seen.ags[AG]!.rmapbt!.blocks[0]!;
  const bytes = new DataView(image.bytes.buffer, geometry.agbnoByte(AG, root));
  expect(bytes.getUint32(SHORT_HEADER.size + BTREE.rmapbt.keyBytes / 2)).toBe(2000 + 4 * EXTENTS - 1);
});
