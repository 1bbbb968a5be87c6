/** Inode cores: what has one right value is given it; what has not, or what other accounts contradict, stays as it is. */
import { describe, expect, test } from '@jest/globals';
import type { FindingCode } from '../../../../src/format/findings.ts';
import { DIFLAG, DIFLAG2, DINODE, INODE_CORE_BYTES, INODE_CRC_OFFSET } from '../../../../src/format/inode.ts';
import type { Fields } from '../../../../src/format/struct.ts';
import { withEdit } from '../../../support/edit.ts';
import { expectLeft, expectMended } from '../../../support/mends.ts';
import { smallImage } from '../../../support/smallimage.ts';

type Core = Fields<typeof DINODE.rows>;

const { device, geometry, files } = smallImage();
const file = files[0]!.ino;
const root = geometry.rootino;
/** Free, in the chunk of the root. */
const free = root + 40;

function place(ino: number) {
  return { offset: geometry.inoByte(ino), length: geometry.inodesize, crcOffset: INODE_CRC_OFFSET };
}

function edit(
  ino: number,
  change: (core: Core, bytes: Uint8Array) => void,
  look: () => void,
  seal = true,
): void {
  withEdit(device, place(ino), (_view, bytes) => change(DINODE.over(bytes), bytes), look, seal);
}

/** The inode is as it was before it was damaged. */
function restored(ino: number): () => void {
  const { offset, length } = place(ino);
  const before = device.bytes.slice(offset, offset + length);
  return () => expect(Buffer.from(device.bytes.slice(offset, offset + length))).toEqual(Buffer.from(before));
}

type Row = [string, number, (core: Core, bytes: Uint8Array) => void, FindingCode];

const ROWS: readonly Row[] = [
  ['pad', file, (_, bytes) => bytes.fill(7, DINODE.offset.pad2 + 3, DINODE.offset.pad2 + 5), 'INODE_CORE'],
  ['dmevmask', file, (core) => (core.dmevmask = 5), 'INODE_CORE'],
  ['dmstate', file, (core) => (core.dmstate = 5), 'INODE_CORE'],
  ['onlink', file, (core) => (core.onlink = 5), 'INODE_CORE'],
  ['an unknown flag', file, (core) => (core.flags |= 0x8000), 'INODE_CORE'],
  ['a flag of directories', file, (core) => (core.flags |= 1 << DIFLAG.PROJINHERIT), 'INODE_CORE'],
  ['unknown flags2', file, (core) => (core.flags2 |= 1n << 40n), 'INODE_CORE'],
  ['extent size without its flag', file, (core) => (core.extsize = 8), 'INODE_CORE'],
  ['a flag without its extent size', file, (core) => (core.flags |= 1 << DIFLAG.EXTSIZE), 'INODE_CORE'],
  ['the flag of a file', root, (core) => {
    core.flags |= 1 << DIFLAG.EXTSIZE;
    core.extsize = 4;
  }, 'INODE_CORE'],
  ['CoW extent size without its flag', file, (core) => (core.cowextsize = 8), 'INODE_CORE'],
  ['realtime without a section', file, (core) => (core.flags |= 1 << DIFLAG.REALTIME), 'INODE_CORE'],
  ['the mark of the realtime bitmap', file, (core) => (core.flags |= 1 << DIFLAG.NEWRTBM), 'INODE_CORE'],
  ['next_unlinked of a linked inode', file, (core) => (core.next_unlinked = 140), 'INODE_CORE'],
  ['block count too large', file, (core) => (core.nblocks += 3), 'INODE_BLOCK_COUNT'],
  ['block count too small', file, (core) => (core.nblocks -= 3), 'INODE_BLOCK_COUNT'],
  ['link count', file, (core) => (core.nlink = 7), 'LINK_COUNT'],
  ['link count of a directory', root, (core) => (core.nlink = 9), 'LINK_COUNT'],
  ['flags of a free inode', free, (core) => (core.flags = 1), 'INODE_CORE'],
  ['blocks of a free inode', free, (core) => (core.nblocks = 4), 'INODE_CORE'],
  ['links of a free inode', free, (core) => (core.nlink = 2), 'INODE_CORE'],
  ['fork offset of a free inode', free, (core) => (core.forkoff = 3), 'INODE_CORE'],
  ['next_unlinked of a free inode', free, (core) => (core.next_unlinked = 140), 'INODE_CORE'],
]; // biome-ignore format: one row a line

describe.each([
  ['with a good checksum', true],
  ['with a checksum that does not fit', false],
])('%s', (_, seal) => {
  test.each(ROWS)('%s', (_name, ino, change, code) => {
    const same = restored(ino);
    edit(ino, change, () => expectMended(device, seal ? [code] : [code, 'INODE_CRC'], same), seal);
  });
});

test('several fields at once are one action', () => {
  const change = (core: Core) => {
    core.dmstate = 1;
    core.nlink = 4;
    core.cowextsize = 2;
  };
  edit(file, change, () => {
    const { actions } = expectMended(device, ['INODE_CORE', 'LINK_COUNT'], restored(root));
    expect(actions).toEqual([`inode ${file}: set right v3.cowextsize, core.dmstate, core.nlinkv2`]);
  });
});

test('a checksum that alone is wrong is resealed', () => {
  const same = restored(file);
  edit(
    file,
    (core) => (core.crc ^= 1),
    () => {
      const { actions } = expectMended(device, ['INODE_CRC'], same);
      expect(actions).toEqual([`inode ${file}: reseal`]);
    },
    false,
  );
});

test.each([
  ['length', 15, 1],
  ['place', 13, 1],
])('a mapping of another %s under a wrong checksum is not made to look sound', (_, byte, bit) => {
  const change = (_core: Core, bytes: Uint8Array) => (bytes[INODE_CORE_BYTES + byte]! ^= bit);
  edit(file, change, () => expectLeft(device, 'INODE_CRC', /damage/), false);
});

test('without an rmapbt neither', () => {
  const other = smallImage(['m.rmapbt=0']);
  const at = other.geometry.inoByte(file) + INODE_CORE_BYTES;
  other.device.bytes[at + 13]! ^= 1;
  expectLeft(other.device, 'INODE_CRC', /damage/);
});

test('extents that a lower count cut off are not given up', () => {
  const { nrext64 } = geometry.features;
  const change = (core: Core) => {
    if (nrext64) core.big_nextents = 1n;
    else core.nextents = 1;
  };
  edit(file, change, () => expectLeft(device, 'INODE_BLOCK_COUNT', /not known/));
});

test('the reflink flag of a directory goes, the inode stays', () => {
  const same = restored(root);
  const change = (core: Core) => (core.flags2 |= 1n << BigInt(DIFLAG2.REFLINK));
  edit(root, change, () => expectMended(device, ['INODE_CORE'], same));
});
