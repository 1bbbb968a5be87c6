/** Inodes read ahead by another thread: the same is observed and said, whatever comes of the reading. */
import { beforeAll, expect, test } from '@jest/globals';
import type { Device } from '../../../../src/device/device.ts';
import type { MemoryDevice } from '../../../../src/device/memory.ts';
import { CHUNK_INODES } from '../../../../src/format/geometry.ts';
import { type CheckResult, checkImage, checkSteps } from '../../../../src/repair/check.ts';
import { Context } from '../../../../src/repair/observe/context.ts';
import type { ForkReader } from '../../../../src/repair/observe/fork.ts';
import { InodeScan } from '../../../../src/repair/observe/inode.ts';
import { InodeTable } from '../../../../src/repair/observe/inodetable.ts';
import { FindingSink } from '../../../../src/repair/sink.ts';
import type { Steps } from '../../../../src/repair/steps.ts';
import { busyImage } from '../../../support/busyimage.ts';

const AG = 1;
let damaged: MemoryDevice;
let expected: CheckResult;

beforeAll(() => {
  const { device, geometry } = busyImage({ bytes: 128 << 20, chunks: 330 });
  const { chunks } = checkImage(device).observation.ags[AG]!;
  expect(chunks.length).toBeGreaterThan(300);
  // One inode of every tenth chunk: in the middle of runs, and in their first and last chunks.
  for (let i = 0; i < chunks.length; i += 10) {
    const ino = geometry.ino(AG, chunks.startino[i]! + (i % CHUNK_INODES));
    device.bytes[geometry.inoByte(ino) + 100]! ^= 1;
  }
  damaged = device;
  expected = checkImage(device);
  expect(expected.findings.length).toBeGreaterThan(30);
});

/** The damaged image, as a device that reads beside in the way given. */
function besides(readBeside: Device['readBeside']): Device {
  return Object.assign(Object.create(damaged) as Device, { readBeside });
}

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function waited<T>(steps: Steps<T>): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await step.value;
  }
}

const said = ({ findings, observation }: CheckResult) => ({
  findings,
  chunks: observation.ags.map(({ chunks }) => chunks),
  owners: observation.ags.map(({ owners }) => owners.length),
  allocated: observation.inodesAllocated,
});

async function besidesSays(readBeside: NonNullable<Device['readBeside']>): Promise<number> {
  let calls = 0;
  const device = besides((offset, into) => {
    calls++;
    return readBeside(offset, into);
  });
  expect(said(await waited(checkSteps(device, { readAhead: true })))).toEqual(said(expected));
  return calls;
}

test('bytes that come late are waited for', async () => {
  const calls = await besidesSays(async (offset, into) => {
    into.fill(0xee);
    await later();
    damaged.read(offset, into);
    return true;
  });
  expect(calls).toBeGreaterThan(8);
});

test('bytes that do not come are read in their turn', async () => {
  let turn = 0;
  await besidesSays(async (offset, into) => {
    await later();
    if (turn++ % 2 === 0) damaged.read(offset, into);
    else into.fill(0xee);
    return turn % 2 === 1;
  });
});

test('nothing is read ahead for whoever does not wait', () => {
  const device = besides(() => {
    throw new Error('asked');
  });
  expect(said(checkImage(device))).toEqual(said(expected));
});

test('what ends a check waits for what is being read', async () => {
  let begun = 0;
  let running = 0;
  const device = besides(async (offset, into) => {
    begun++;
    running++;
    await later();
    damaged.read(offset, into);
    running--;
    return true;
  });
  const { geometry, ags } = expected.observation;
  const forks = {
    read() {
      throw new Error('the program is broken');
    },
  } as unknown as ForkReader;
  const context = new Context(device, geometry, new FindingSink());
  const scan = new InodeScan(context, forks, new InodeTable(geometry), { ahead: true });
  await expect(waited(scan.scan(AG, ags[AG]!.chunks))).rejects.toThrow('the program is broken');
  expect(begun).toBeGreaterThan(0);
  expect(running).toBe(0);
});
