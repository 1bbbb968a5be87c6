/** Directories of bytes that nobody wrote: no exception, no endless walk, few findings for each cause. */
import { expect, test } from '@jest/globals';
import { sealCrc } from '../../../../src/format/checksum.ts';
import { DINODE, INODE_CORE_BYTES } from '../../../../src/format/inode.ts';
import { observe } from '../../../../src/repair/observe/observe.ts';
import { type DirForm, dirImage } from '../../../support/dirimage.ts';
import { withEdit } from '../../../support/edit.ts';
import { Random } from '../../../support/random.ts';

const LEAF = 2 ** 23;
const FREE = 2 ** 24;
/** Blocks of each form, with the place of their CRC. */
const BLOCKS: Readonly<Record<DirForm, readonly (readonly [number, number])[]>> = {
  short: [],
  block: [[0, 4]],
  leaf: [
    [0, 4],
    [1, 4],
    [LEAF, 12],
  ],
  node: [
    [0, 4],
    [5, 4],
    [LEAF, 12],
    [LEAF + 1, 12],
    [FREE, 4],
  ],
};

/** Writes random numbers, small, large and of the block's own, here and there. */
function scribble(bytes: Uint8Array, from: number, random: Random): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let n = 1 + random.below(12); n > 0; n--) {
    const at = random.below(3) === 0 ? from + random.below(32) : from + random.below(bytes.length - from - 4);
    const value = random.pick([
      0,
      1,
      0xffff,
      0xffffffff,
      random.next(),
      random.below(64),
      view.getUint32(at) + 8,
    ]);
    if (random.below(2)) view.setUint16(at, value);
    else view.setUint32(at, value);
  }
}

test.each(['block', 'leaf', 'node'] as const)('%s form, 150 times', (form) => {
  const dir = dirImage(form);
  const random = new Random(form.length);
  for (let round = 0; round < 150; round++) {
    const [fileoff, crcOffset] = random.pick(BLOCKS[form]);
    // The header says whose block it is: mostly left alone, so that the rest is looked into.
    const from = random.below(6) === 0 ? 0 : 48;
    withEdit(
      dir.device,
      dir.block(fileoff, crcOffset),
      (_v, b) => scribble(b, from, random),
      () => {
        const { findings } = observe(dir.device);
        expect(findings.length).toBeLessThan(60);
      },
    );
  }
});

test('shortform, 300 times', () => {
  const dir = dirImage('short');
  const random = new Random(9);
  const place = dir.inode();
  for (let round = 0; round < 300; round++) {
    const change = (view: DataView, bytes: Uint8Array): void => {
      scribble(bytes.subarray(0, INODE_CORE_BYTES + 64), INODE_CORE_BYTES, random);
      if (random.below(3) === 0) view.setUint8(DINODE.offset.size + 7, random.below(256));
      sealCrc(bytes, DINODE.offset.crc);
    };
    withEdit(dir.device, place, change, () => expect(observe(dir.device).findings.length).toBeLessThan(60));
  }
});

test('the same blocks mapped over and over', () => {
  const dir = dirImage('node');
  const repeat = (view: DataView): void => {
    const nextents = DINODE.offset.big_nextents + 4;
    const first = INODE_CORE_BYTES;
    const record = [view.getBigUint64(first), view.getBigUint64(first + 8)] as const;
    for (let i = 0; i < 20; i++) {
      view.setBigUint64(first + 16 * i, record[0] + (BigInt(i * 100) << 9n));
      view.setBigUint64(first + 16 * i + 8, record[1]);
    }
    view.setUint32(nextents, 20);
  };
  withEdit(dir.device, dir.inode(), repeat, () => {
    const { findings, inodes } = observe(dir.device);
    expect(findings.filter(({ code }) => code.startsWith('DIR_')).map((f) => f.code)).toEqual(['DIR_MAP']);
    expect(inodes.namesLost).toBe(true);
  });
});
