/**
 * No false finding: whatever the kernel made of a filesystem in seeded workloads, over many geometries, with quotas,
 * crashes recovered and growth on the way, xfs_repair -n calls it clean, and so do we.
 *
 * A workload is named by its seed; XFSKIT_WORKLOAD=17 runs that one and keeps its image.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { openDevice } from '../../src/device/open.ts';
import type { FindingCode } from '../../src/format/findings.ts';
import { checkImage } from '../../src/repair/check.ts';
import { makeFilesystem } from '../support/corpus.ts';
import {
  describeKernel,
  mountAgain,
  mountImage,
  mustRun,
  repairCheck,
  run,
  temporaryDirectory,
} from '../support/oracle.ts';
import { Random } from '../support/random.ts';
import { Workload } from '../support/workload.ts';

const LONG = process.env.XFSKIT_LONG === '1';
const ONE = process.env.XFSKIT_WORKLOAD;
const SEEDS = ONE !== undefined ? [Number(ONE)] : Array.from({ length: LONG ? 100 : 6 }, (_, i) => i + 1);
const STEPS = LONG || ONE !== undefined ? 120 : 40;

/** What is legal and worth a note: the kernel leaves the flag on when the last sharer goes. */
const MAY_NOTE: readonly FindingCode[] = ['REFLINK_FLAG_STALE'];

/** A kernel may be built without. */
const HAS_QUOTA = existsSync('/proc/fs/xfs/xqmstat');

interface Plan {
  readonly program: 'mkfs.xfs' | 'xfskit';
  readonly sizeMiB: number;
  readonly blocksize: number;
  readonly reflink: boolean;
  readonly mkfs: readonly string[];
  readonly mount: readonly string[];
}

/** Blocks above 4 KiB wedged a kernel: never here. */
function planOf(random: Random): Plan {
  const blocksize = random.pick([1024, 2048, 4096, 4096]);
  const on = (): number => random.below(2);
  const reflink = random.below(4) > 0;
  const finobt = random.below(5) > 0;
  const m = [
    `rmapbt=${on()}`,
    `reflink=${reflink ? 1 : 0}`,
    `finobt=${finobt ? 1 : 0}`,
    `inobtcount=${finobt ? on() : 0}`,
    `bigtime=${on()}`,
  ];
  const inodes = [512, 1024, 2048].filter((size) => size <= blocksize / 2);
  const options = [
    ['-b', `size=${blocksize}`],
    ['-m', m.join()],
    ['-i', `size=${random.pick(inodes)},sparse=${on()},nrext64=${on()}`],
    ['-n', `size=${random.pick([4096, 4096, 8192, 65536])}`],
    ...(random.below(2) === 0 ? [['-d', `agcount=${1 + random.below(6)}`]] : []),
    ...(blocksize === 4096 && random.below(4) === 0 ? [['-s', 'size=4096']] : []),
    ...(random.below(6) === 0 ? [['-d', 'su=16k,sw=3']] : []),
  ];
  const quotas = !HAS_QUOTA ? [[]] : [[], [], ['uquota', 'gquota', 'pquota'], ['uquota'], ['pquota']];
  return {
    program: random.below(3) === 0 ? 'xfskit' : 'mkfs.xfs',
    sizeMiB: 96 + 16 * random.below(8),
    blocksize,
    reflink,
    mkfs: options.flat(),
    mount: random.pick(quotas),
  };
}

/** Lets the mounted filesystem grow into a longer file. */
function grow(image: string, mountPoint: string): void {
  const { size } = statSync(image);
  truncateSync(image, size + 24 * 2 ** 20);
  const loop = mustRun('findmnt', ['-n', '-o', 'SOURCE', mountPoint]).stdout.trim();
  mustRun('losetup', ['-c', loop]);
  mustRun('xfs_growfs', ['-d', mountPoint]);
}

function work(image: string, plan: Plan, random: Random): void {
  const mountPoint = mkdtempSync(join(temporaryDirectory(), 'work-'));
  const { blocksize, reflink } = plan;
  const workload = new Workload(mountPoint, random, { blocksize, reflink, steps: STEPS });
  let unmount = mountImage(image, mountPoint, plan.mount);
  try {
    for (let round = 0; round < 3; round++) {
      workload.round();
      const between = random.below(4);
      if (between === 0) {
        run('xfs_io', ['-x', '-c', random.below(2) === 0 ? 'shutdown -f' : 'shutdown', mountPoint]);
        unmount();
        unmount = mountAgain(image, mountPoint, plan.mount);
      } else if (between === 1) grow(image, mountPoint);
      else if (between === 2) mustRun('sync', ['-f', mountPoint]);
    }
  } finally {
    unmount();
  }
}

describeKernel('what the kernel made', () => {
  test.each(SEEDS)('workload %i', (seed) => {
    const random = new Random(seed);
    const plan = planOf(random);
    const folder = mkdtempSync(join(temporaryDirectory(), 'workload-'));
    const image = join(folder, 'image');
    makeFilesystem(image, plan.sizeMiB, 10, plan.mkfs, undefined, plan.program);
    work(image, plan, random);
    if (ONE !== undefined) copyFileSync(image, join(folder, '..', '..', `xfskit-workload-${seed}`));
    const reference = repairCheck(image, { timeout: 300_000 });
    const device = openDevice(image);
    const { findings } = checkImage(device);
    device.close();
    const said = findings
      .filter(({ code }) => !MAY_NOTE.includes(code))
      .map((one) => `${one.code}: ${one.message}`);
    expect([plan, reference.status, said]).toEqual([plan, 0, []]);
    rmSync(folder, { recursive: true });
  });
});
