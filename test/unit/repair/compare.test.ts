/** Compare: one field of an index record changed, its checksum valid, and exactly one finding tells it. */
import { expect, test } from '@jest/globals';
import { BTREE, RMAP_RECORD, SHORT_HEADER } from '../../../src/format/btree.ts';
import { checkImage } from '../../../src/repair/check.ts';
import { withEdit } from '../../support/edit.ts';
import { smallImage } from '../../support/smallimage.ts';

const { device, geometry, files } = smallImage();
const root = checkImage(device).observation.ags[0]!.rmapbt!.blocks[0]!;
const place = {
  offset: geometry.agbnoByte(0, root),
  length: geometry.blocksize,
  crcOffset: SHORT_HEADER.offset.crc,
};

/** Codes and messages of a check after the record of block 700 (file `alone`) has been changed. */
function after(change: (view: DataView, at: number) => void): string[] {
  const edit = (view: DataView): void => {
    const count = view.getUint16(SHORT_HEADER.offset.numrecs);
    for (let i = 0; i < count; i++) {
      const at = BTREE.rmapbt.headerBytes + i * BTREE.rmapbt.recordBytes;
      if (view.getUint32(at + RMAP_RECORD.offset.startblock) === 700) change(view, at);
    }
  };
  return withEdit(device, place, edit, () => checkImage(device)).findings.map(
    (f) => `${f.code} ${f.message}`,
  );
}

test('the record is what is looked at', () => {
  expect(after(() => undefined)).toEqual([]);
});

// The highest three bits of the offset word: attribute fork, bmbt block, unwritten.
test.each([
  ['attribute fork', 0x80000000],
  ['bmbt block', 0x40000000],
  ['unwritten', 0x20000000],
])('the flag %s in an rmap record', (_, bit) => {
  const found = after((view, at) => view.setUint32(at + 16, bit));
  expect(found).toHaveLength(1);
  expect(found[0]).toMatch(/^RMAP_WRONG AG 0 rmapbt: record says .*700\+9/);
  expect(found[0]).toContain(`inode ${files[0]!.ino}`);
});
