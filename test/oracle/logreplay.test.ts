/**
 * Our recovery of a dirty log against the kernel's of the same image: the same files, a log that is clean to
 * xfs_logprint, the same verdict of xfs_repair -n, and a filesystem that the kernel goes on working with. And recovery
 * that was killed, finished by the kernel.
 */
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Device } from '../../src/device/device.ts';
import { openDevice } from '../../src/device/open.ts';
import { applyRecovery, type Recovery } from '../../src/fs/log/recover/recover.ts';
import { check } from '../support/cli.ts';
import { copyImage, makeFilesystem } from '../support/corpus.ts';
import { type DirtyKind, dirtyImage } from '../support/leak.ts';
import { planFor } from '../support/logwriter.ts';
import {
  describeKernel,
  mountAgain,
  mountImage,
  mustRun,
  repairCheck,
  temporaryDirectory,
  withMounted,
  xfskit,
} from '../support/oracle.ts';
import { imageTree, type Tree } from '../support/tree.ts';
import { xfsIo } from '../support/xfsio.ts';

const LONG = process.env.XFSKIT_LONG === '1';
const KINDS: readonly DirtyKind[] = ['shutdown', 'frozen', 'powercut'];
const SHAPES: readonly (readonly string[])[] = LONG
  ? [
      ['-m', 'rmapbt=1'],
      ['-m', 'rmapbt=0'],
      ['-m', 'rmapbt=1', '-b', 'size=1024'],
      ['-m', 'rmapbt=1', '-n', 'size=16384'],
      ['-m', 'rmapbt=1', '-i', 'size=1024,nrext64=1'],
      ['-m', 'rmapbt=1', '-l', 'su=256k'],
      ['-m', 'rmapbt=1', '-s', 'size=4096'],
    ]
  : [['-m', 'rmapbt=1']];

/** Lets the kernel recover an image, and nothing more. */
function recoverByKernel(image: string): void {
  mountAgain(image, mkdtempSync(join(temporaryDirectory(), 'kernel-')))();
}

/** The tree, once xfs_repair -n says the image is clean. */
function treeOf(image: string): Tree {
  expect(repairCheck(image).status).toBe(0);
  return imageTree(image);
}

function work(root: string): void {
  const folder = join(root, 'worked');
  mkdirSync(folder);
  for (let i = 0; i < 200; i++) writeFileSync(join(folder, `file-${i}`), 'x'.repeat(i * 50));
  copyFileSync(join(folder, 'file-199'), join(folder, 'copy'));
  rmSync(join(folder, 'file-100'));
}

describeKernel('recovery of a dirty log', () => {
  test.each(KINDS.flatMap((kind) => SHAPES.map((options) => [kind, options.join(' ')] as const)))(
    '%s, %s',
    async (kind, options) => {
      const image = await dirtyImage(kind, options.split(' '));
      const [ours, theirs] = [copyImage(image), copyImage(image)];
      expect(xfskit(['log', 'replay', ours]).status).toBe(1);
      expect(mustRun('xfs_logprint', ['-t', ours]).stdout).toMatch(/<CLEAN>/);
      recoverByKernel(theirs);
      expect(repairCheck(ours).status).toBe(repairCheck(theirs).status);
      const tree = treeOf(theirs);
      expect(treeOf(ours)).toEqual(tree);
      expect(check(ours).findings).toEqual([]);
      withMounted(ours, work);
      expect(repairCheck(ours).status).toBe(0);
    },
    240_000,
  );

  test('without intents, every block is what the kernel makes of it', () => {
    const image = join(temporaryDirectory(), 'plain.img');
    makeFilesystem(image, 160, 10, ['-m', 'rmapbt=1']);
    const root = mkdtempSync(join(temporaryDirectory(), 'plain-'));
    const unmount = mountImage(image, root);
    try {
      work(root);
      for (let i = 0; i < 200; i += 3)
        renameSync(join(root, 'worked', `file-${i}`), join(root, `renamed-${i}`));
      xfsIo(root, ['open worked/file-1', 'fsync']);
      mustRun('xfs_io', ['-x', '-c', 'shutdown -f', root]);
    } finally {
      unmount();
    }
    const theirs = copyImage(image);
    expect(xfskit(['log', 'replay', image]).status).toBe(1);
    recoverByKernel(theirs);
    const { stdout } = xfskit(['diff', image, theirs]);
    const lines = stdout.trimEnd().split('\n');
    expect([lines.length, lines[0], lines[1]]).toEqual([
      2,
      expect.stringMatching(/^log: \d+ blocks differ/),
      '1 object differs',
    ]);
  }, 240_000);

  test('killed, and finished by the kernel', async () => {
    const image = await dirtyImage('shutdown', ['-m', 'rmapbt=1']);
    const theirs = copyImage(image);
    recoverByKernel(theirs);
    const tree = treeOf(theirs);
    const source = openDevice(image);
    const plan = planFor(source);
    const writes = plan.steps.map((step) => [...step.runs()].length);
    source.close();
    const total = writes.reduce((sum, count) => sum + count, 0);
    // In the middle of each step, or before each of them.
    let before = 0;
    const cuts = writes.map((count) => {
      before += count;
      return before - Math.ceil(count / 2);
    });
    for (const cut of LONG ? [...cuts, ...cuts.map((n) => n + 1)] : cuts.slice(1, 4)) {
      expect(cut).toBeLessThanOrEqual(total);
      const left = copyImage(image);
      const device = openDevice(left, { write: true });
      applyPart(planFor(device), device, cut);
      device.close();
      recoverByKernel(left);
      expect(treeOf(left)).toEqual(tree);
    }
    const whole = copyImage(image);
    const device = openDevice(whole, { write: true });
    applyRecovery(planFor(device), device, device);
    device.close();
    expect(treeOf(whole)).toEqual(tree);
  }, 240_000);
});

/** The first writes of a recovery. */
function applyPart({ steps }: Recovery, device: Device, count: number): void {
  let left = count;
  for (const step of steps) {
    for (const { offset, bytes } of step.runs()) {
      if (left-- <= 0) return;
      device.write(offset, bytes);
    }
    device.flush();
  }
}
