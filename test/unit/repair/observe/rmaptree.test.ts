/** The rmapbt is read again when it is compared: the same records, told apart from any others, and never trusted. */
import { expect, test } from '@jest/globals';
import { OWNER, SHORT_HEADER } from '../../../../src/format/btree.ts';
import type { ExtentColumns } from '../../../../src/fs/space/columns.ts';
import { ExtentColumns as Columns } from '../../../../src/fs/space/columns.ts';
import { copyExtents } from '../../../../src/fs/space/runs.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { withEdit } from '../../../support/edit.ts';
import { smallImage } from '../../../support/smallimage.ts';

const { device } = smallImage();
const seen = observe(device);
const tree = seen.ags[2]!.rmapbt!;

const copy = (): ExtentColumns => copyExtents(tree.records, new Columns());

test('records are those that were verified', () => {
  const { records } = tree;
  expect(records.length).toBe(tree.count);
  expect(records.length).toBeGreaterThan(5);
  expect([...records.owner.subarray(0, records.length)]).toContain(OWNER.FS);
  const inodes = [...records.owner.subarray(0, records.length)].filter((owner) => owner === OWNER.INODES);
  expect(tree.inodes.length).toBe(inodes.length);
});

test('rows are held only when each is the same in every column, and none is missing', () => {
  expect(tree.holds(copy())).toBe(true);
  for (const column of ['start', 'count', 'owner', 'offset', 'flags'] as const) {
    for (let i = 0; i < tree.count; i++) {
      const other = copy();
      other[column][i]! += 1;
      expect([column, i, tree.holds(other)]).toEqual([column, i, false]);
    }
  }
  const shorter = copy();
  shorter.length--;
  expect(tree.holds(shorter)).toBe(false);
  const longer = copy();
  longer.push(1, 1, 1, 1, 0);
  expect(tree.holds(longer)).toBe(false);
});

test('a leaf that changed meanwhile gives no record outside the AG and no more than it has room for', () => {
  const { geometry } = seen;
  const root = geometry.agbnoByte(2, tree.blocks[0]!);
  const leaf = device.bytes.slice(root, root + geometry.blocksize);
  const view = new DataView(device.bytes.buffer, root, geometry.blocksize);
  try {
    view.setUint16(SHORT_HEADER.offset.numrecs, 0xffff);
    view.setUint32(SHORT_HEADER.size + 4, 0xffffffff);
    const { records } = tree;
    for (let i = 0; i < records.length; i++) {
      expect(records.start[i]! + records.count[i]!).toBeLessThanOrEqual(geometry.agLength(2));
      expect(records.count[i]).toBeGreaterThan(0);
    }
    expect(records.length).toBeLessThan(geometry.blocksize / 24);
  } finally {
    device.bytes.set(leaf, root);
  }
});

test('one record that reaches too far is one finding, not one for every record it lies over', () => {
  const { geometry } = seen;
  const offset = geometry.agbnoByte(2, tree.blocks[0]!);
  const leaf = { offset, length: geometry.blocksize, crcOffset: SHORT_HEADER.offset.crc };
  // The AG headers, first of all and shared with nobody, to the end of the AG.
  const reachFar = (view: DataView) => view.setUint32(SHORT_HEADER.size + 4, geometry.agLength(2));
  const codes = withEdit(device, leaf, reachFar, () => observe(device).findings.map(({ code }) => code));
  expect(codes.filter((code) => code === 'BTREE_ORDER')).toEqual(['BTREE_ORDER']);
});
