/** Blocks with two owners that may not share them: it is told, and nothing of that AG is rebuilt from a guess. */
import { expect, test } from '@jest/globals';
import { DINODE, INODE_CORE_BYTES } from '../../../src/format/inode.ts';
import { inject } from '../../../src/repair/inject/inject.ts';
import { planRepair } from '../../../src/repair/repair.ts';
import { withEdit } from '../../support/edit.ts';
import { smallImage } from '../../support/smallimage.ts';

test('a file that also claims inode blocks stops the rebuild of that AG', () => {
  const { device, geometry, files } = smallImage();
  const alone = {
    offset: geometry.inoByte(files[0]!.ino),
    length: geometry.inodesize,
    crcOffset: DINODE.offset.crc,
  };
  const inodes = geometry.aginoAgbno(geometry.inoAgino(geometry.rootino));
  const thirdExtent = (view: DataView): void => {
    const at = INODE_CORE_BYTES + 2 * 16;
    view.setUint32(at + 4, 20 << 9); // file offset 20
    view.setUint32(at + 8, Math.floor(inodes / 2 ** 11));
    view.setUint32(at + 12, (((inodes % 2 ** 11) << 21) | 1) >>> 0); // one block
    // nextents, or big_nextents of NREXT64: whichever holds the two extents there are.
    const wide = view.getUint32(DINODE.offset.big_nextents + 4) === 2;
    view.setUint32(wide ? DINODE.offset.big_nextents + 4 : DINODE.offset.nextents, 3);
    const blocks = DINODE.offset.nblocks + 4;
    view.setUint32(blocks, view.getUint32(blocks) + 1);
  };
  // A surplus that any rebuild of AG 0 would mend; the seed is the first that lands there.
  const sound = device.bytes.slice();
  let planted = '';
  for (let seed = 1; seed < 50 && !planted.startsWith('AG 0'); seed++) {
    device.bytes.set(sound);
    planted = inject(device, 'surplus-rmap', seed);
  }
  expect(planRepair(device, { optimize: false }).actions.join('\n')).toContain('AG 0: rebuild');
  const planned = withEdit(device, alone, thirdExtent, () => planRepair(device, { optimize: false }));
  expect(planned.before.observation.filesComplete).toBe(true);
  expect([...planned.before.comparison.crossLinked]).toEqual([0]);
  // Chunks of inodes have no inode number: the place is the file, whichever of the two comes first on disk.
  const crossed = planned.before.findings.filter(({ code }) => code === 'CROSS_LINK');
  expect(crossed.map(({ where }) => where.ino)).toEqual([files[0]!.ino]);
  expect(planned.actions.filter((action) => action.startsWith('AG 0'))).toEqual([]);
  const reasons = planned.left.filter(({ finding }) => finding.where.agno === 0).map(({ reason }) => reason);
  expect(reasons).toContain('blocks of this AG have owners that exclude each other');
});
