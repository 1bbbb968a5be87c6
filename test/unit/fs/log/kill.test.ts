/**
 * Recovery that is killed: at every write, in the middle of one, and with the writes of a step arriving in any order. What
 * is left must be recovered again, to the very same files.
 */
import { describe, expect, test } from '@jest/globals';
import type { Device } from '../../../../src/device/device.ts';
import { OverlayDevice } from '../../../../src/device/overlay.ts';
import { setAttr } from '../../../../src/fs/attr/attr.ts';
import { openFileSystem } from '../../../../src/fs/filesystem.ts';
import { mapNewBlocks } from '../../../../src/fs/inode/allocation.ts';
import { readInode } from '../../../../src/fs/inode/inode.ts';
import { findLogHead } from '../../../../src/fs/log/head.ts';
import { applyRecovery, type Recovery } from '../../../../src/fs/log/recover/recover.ts';
import type { LogPosition } from '../../../../src/fs/log/writer.ts';
import { transact } from '../../../../src/fs/transaction.ts';
import { attri, bui, CraftedLog, cui, efi, planFor, rui, wholeBuffer } from '../../../support/logwriter.ts';
import { memoryTree } from '../../../support/memorytree.ts';
import { Random } from '../../../support/random.ts';
import { createIn, linkIn, problemsOf, unlinkIn } from '../../../support/recovered.ts';
import { type SmallImage, smallImage } from '../../../support/smallimage.ts';

const LONG = process.env.XFSKIT_LONG === '1';

/** A log with everything in it that recovery does: open intents of each kind, deleted inodes, staging, new chunks. */
function busyLog(image: SmallImage, at: LogPosition | undefined, withValues: boolean): CraftedLog {
  const { device, geometry, files } = image;
  const ino = (name: string): number => files.find((file) => file.name === name)!.ino;
  const fs = openFileSystem(device);
  const root = geometry.rootino;
  const chunk: number[] = [];
  for (let i = 0; i < 130; i++) transact(fs, (tr) => void chunk.push(createIn(tr, root, `file-${i}`)));
  setAttr(fs, chunk[0]!, { namespace: 'user', name: 'old', value: new Uint8Array(9000).fill(3) });
  for (const gone of [1, 2, 3]) {
    transact(fs, (tr) => {
      const inode = readInode(tr, chunk[gone]!);
      mapNewBlocks(inode, 'data', { fileoff: 0, count: 5 * gone, contiguous: false, total: 9 });
      inode.core.size = 4096n;
    });
  }
  const log = new CraftedLog(device, at ? { at } : {});
  for (let i = 0; i < 5; i++) log.change((tr) => linkIn(tr, root, `late-${i}`, chunk[i + 5]!));
  log.change((tr) => void createIn(tr, root, 'made'));
  // Deleted while open; among them all of one chunk of inodes, so that its blocks are freed.
  for (const name of [1, 2, 3, ...Array.from({ length: 64 }, (_, i) => 64 + i)]) {
    log.change((tr) => unlinkIn(tr, root, `file-${name}`));
  }
  const alone = geometry.fsbno(0, 700);
  log.change(
    (tr) => {
      const inode = readInode(tr, ino('alone'));
      inode.data.extents.remove(0);
      inode.data.recount();
      inode.countBlocks(-9);
    },
    [
      rui(1, { owner: ino('alone'), fsbno: alone, count: 9, fileoff: 0, flags: 3 }),
      efi(2, { fsbno: alone, count: 5 }),
      cui(3, { fsbno: alone + 5, count: 4, flags: 3 }),
      rui(4, { owner: -9, fsbno: alone + 5, count: 4, fileoff: 0, flags: 7 }),
    ],
  );
  const shared = geometry.fsbno(2, 806);
  log.items([
    bui(5, { owner: ino('clone'), fsbno: shared, count: 3, fileoff: 2, flags: 2 }),
    cui(6, { fsbno: shared, count: 3, flags: 2 }),
    attri(7, { ino: chunk[0]!, op: 3, names: ['old'], values: [new Uint8Array(withValues ? 14000 : 140)] }),
    attri(8, { ino: chunk[9]!, op: 1, names: ['new'], values: [new Uint8Array(withValues ? 5000 : 50)] }),
  ]);
  return log;
}

interface Write {
  readonly step: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

function writesOf({ steps }: Recovery): Write[] {
  return steps.flatMap((each, step) =>
    [...each.runs()].map(({ offset, bytes }) => ({ step, offset, bytes: bytes.slice() })),
  );
}

/** Recovers what a kill left, on an overlay, and compares the files. */
function expectSame(left: Device, tree: readonly string[], check: boolean): void {
  const device = new OverlayDevice(left);
  const geometry = openFileSystem(device).geometry;
  if (findLogHead(device, geometry).state !== 'clean') applyRecovery(planFor(device), device, device);
  expect(findLogHead(device, geometry).state).toBe('clean');
  expect(memoryTree(device)).toEqual(tree);
  if (check) expect(problemsOf(device)).toEqual([]);
}

/** The first sectors of a write. */
function torn({ offset, bytes }: Write, random: Random): { offset: number; bytes: Uint8Array } {
  return { offset, bytes: bytes.subarray(0, 512 * random.below(bytes.length / 512)) };
}

describe.each<[string, number | undefined, boolean]>([
  ['behind the log of mkfs', undefined, false],
  ['round the end of the log', -700, false],
  ['in a log that is full but for a few blocks', 300, true],
])('%s', (_name, block, full) => {
  const make = () => {
    const image = smallImage(['m.rmapbt=1']);
    const { size } = new CraftedLog(image.device);
    const at = block === undefined ? undefined : { cycle: 6, block: block < 0 ? size + block : block };
    const log = busyLog(image, at, !full);
    // Round the log with what says nothing, up to a few blocks before the tail.
    const filler = new Uint8Array(15360);
    const free = () => (at!.block - log.head.block + size) % size;
    while (full && free() > 14) log.items(free() < 200 ? [] : [1, 2].map(() => wholeBuffer(2 ** 14, filler)));
    const plan = log.plan();
    const end = new OverlayDevice(image.device);
    applyRecovery(plan, end, end);
    expect(problemsOf(end)).toEqual([]);
    return { device: image.device, plan, tree: memoryTree(end), writes: writesOf(plan) };
  };
  const made = make();

  test('is restartable, and does all there is to do', () => {
    expect(made.plan.restartable).toBe(true);
    expect(made.plan.intents).toEqual({ RUI: 2, EFI: 1, CUI: 2, BUI: 1, ATTRI: 2 });
    expect([made.plan.unlinked, made.plan.staging.length]).toEqual([67, 1]);
    expect(made.plan.steps.map(({ what }) => what).includes('open intents again')).toBe(full);
  });

  test('killed before every write, and in it', () => {
    const { device, tree, writes } = made;
    const random = new Random(1);
    const state = new OverlayDevice(device);
    const every = LONG ? 1 : Math.ceil(writes.length / (full ? 6 : 20));
    writes.forEach((write, i) => {
      const border = i > 0 && writes[i - 1]!.step !== write.step;
      if (border || i % every === 0) {
        expectSame(state, tree, border);
        const part = new OverlayDevice(state);
        const { offset, bytes } = torn(write, random);
        part.write(offset, bytes);
        expectSame(part, tree, false);
      }
      state.write(write.offset, write.bytes);
    });
    expectSame(state, tree, true);
  });

  test('with the writes of a step in any order', () => {
    const { device, tree, writes, plan } = made;
    const random = new Random(2);
    const state = new OverlayDevice(device);
    plan.steps.forEach((_step, step) => {
      const mine = writes.filter((write) => write.step === step);
      for (let i = 0; i < (LONG ? 25 : full ? 1 : 3); i++) {
        const part = new OverlayDevice(state);
        for (const write of mine) {
          const fate = random.below(3);
          const { offset, bytes } = fate === 0 ? torn(write, random) : write;
          if (fate < 2) part.write(offset, bytes);
        }
        expectSame(part, tree, false);
      }
      for (const { offset, bytes } of mine) state.write(offset, bytes);
    });
    expectSame(state, tree, true);
  });
});
