/** What mkfs writes, in which order, and what it leaves alone. */
import { describe, expect, test } from '@jest/globals';
import type { Device } from '../../../src/device/device.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { AGF } from '../../../src/format/agf.ts';
import { AGI } from '../../../src/format/agi.ts';
import { crcIsGood } from '../../../src/format/checksum.ts';
import { DINODE, INODE_CRC_OFFSET } from '../../../src/format/inode.ts';
import { geometryOf, SB_CRC_OFFSET, SUPERBLOCK } from '../../../src/format/superblock.ts';
import { chooseFilesystem } from '../../../src/mkfs/choose.ts';
import { GivenOptions } from '../../../src/mkfs/given.ts';
import { freeListOf } from '../../../src/mkfs/ownership.ts';
import type { Plan } from '../../../src/mkfs/plan.ts';
import { PLAIN_FILE } from '../../../src/mkfs/stripe.ts';
import { writeFilesystem } from '../../../src/mkfs/write.ts';

const MIB = 2 ** 20;
const NOW = { seconds: 1_700_000_000, nanoseconds: 42_000_000 };

function planOf(bytes: number, log = ''): Plan {
  const given = new GivenOptions();
  if (log) given.add('l', log);
  const uuid = '12345678-1234-1234-1234-123456789abc';
  const options = { label: 'twelve chars', makeUuid: () => uuid, allowSmall: true, processors: 4 };
  return chooseFilesystem(given, { bytes, topology: PLAIN_FILE }, options).plan;
}

interface Event {
  readonly what: 'write' | 'flush';
  readonly offset: number;
  readonly length: number;
}

/** Memory that tells what is done to it; `fresh` answers for the whole device; dies after `lives` writes. */
class Recorder implements Device {
  readonly name = 'recorder';
  readonly writable = true;
  readonly events: Event[] = [];
  readonly memory: MemoryDevice;
  readonly fresh: boolean;
  lives: number;
  reads = 0;
  constructor(bytes: Uint8Array, fresh: boolean, lives = Number.POSITIVE_INFINITY) {
    this.memory = new MemoryDevice(bytes);
    this.fresh = fresh;
    this.lives = lives;
  }
  get size(): number {
    return this.memory.size;
  }
  read(offset: number, into: Uint8Array): void {
    this.reads++;
    this.memory.read(offset, into);
  }
  write(offset: number, from: Uint8Array): void {
    if (this.lives-- <= 0) throw new Error('killed');
    this.events.push({ what: 'write', offset, length: from.length });
    this.memory.write(offset, from);
  }
  flush(): void {
    this.events.push({ what: 'flush', offset: 0, length: 0 });
  }
  close(): void {}
  isFresh(): boolean {
    return this.fresh;
  }
}

const superblock = (device: Recorder, at = 0) => SUPERBLOCK.over(device.memory.bytes, at);

describe('order', () => {
  const device = new Recorder(new Uint8Array(64 * MIB), true);
  const plan = planOf(64 * MIB);
  writeFilesystem({ data: device }, plan, NOW);
  const { events } = device;

  test('the primary superblock comes first and last, a flush before its last form', () => {
    expect(events[0]).toEqual({ what: 'write', offset: 0, length: 512 });
    // No flush behind the first: on a fresh device nothing needs to be gone before the rest arrives.
    expect(events.at(-1)!.what).toBe('flush');
    expect(events.at(-2)).toEqual({ what: 'write', offset: 0, length: 512 });
    expect(events.at(-3)!.what).toBe('flush');
    const between = events.slice(1, -2).filter((e) => e.what === 'write' && e.offset < 512);
    expect(between).toEqual([]);
  });
  test('a fresh device is not read, and written only where the format has something', () => {
    expect(device.reads).toBe(0);
    const written = events.reduce((sum, e) => sum + e.length, 0);
    expect(written).toBeLessThan(plan.agcount * 12 * 4096 + 40_000);
  });
  test('counters agree with the AGs', () => {
    const sb = superblock(device);
    const geometry = geometryOf(device.memory.bytes.subarray(0, 512));
    let free = 0;
    for (let agno = 0; agno < plan.agcount; agno++) {
      const agf = AGF.over(device.memory.bytes, geometry.headerByte(agno, 1));
      const agi = AGI.over(device.memory.bytes, geometry.headerByte(agno, 2));
      free += agf.freeblks + agf.flcount + agf.btreeblks;
      expect([agi.count, agi.freecount]).toEqual(agno === 0 ? [64, 61] : [0, 0]);
    }
    expect([sb.icount, sb.ifree, sb.fdblocks, sb.inprogress]).toEqual([64n, 61n, BigInt(free), 0]);
    expect(sb.fname).toBe('twelve chars');
  });
  test('secondaries: in progress, and two of them know the root inode', () => {
    const stride = plan.agblocks * plan.blocksize;
    const known = [1, 2, 3].map((agno) => superblock(device, agno * stride).rootino);
    expect(known).toEqual([superblock(device).rootino, -1, superblock(device).rootino]);
    for (const agno of [1, 2, 3]) {
      const sector = device.memory.bytes.subarray(agno * stride, agno * stride + 512);
      expect(crcIsGood(sector, SB_CRC_OFFSET)).toBe(true);
      expect(SUPERBLOCK.over(sector).inprogress).toBe(1);
    }
  });
  test('the root chunk: directory, bitmap, summary, free inodes', () => {
    const geometry = geometryOf(device.memory.bytes.subarray(0, 512));
    const start = geometry.inoByte(geometry.rootino);
    const modes = [0, 1, 2, 3, 63].map((i) => DINODE.over(device.memory.bytes, start + i * 512).mode);
    expect(modes).toEqual([0o40755, 0o100000, 0o100000, 0, 0]);
    for (let i = 0; i < 64; i++)
      expect(crcIsGood(device.memory.bytes, INODE_CRC_OFFSET, start + i * 512, 512)).toBe(true);
    const root = DINODE.over(device.memory.bytes, start);
    expect(root.mtime).toBe(BigInt(NOW.seconds + 2 ** 31) * 10n ** 9n + BigInt(NOW.nanoseconds));
  });
});

describe('a device with a past', () => {
  const plan = planOf(64 * MIB);

  test('both ends, the log and old secondary superblocks are wiped; the rest is left', () => {
    const device = new Recorder(new Uint8Array(64 * MIB), false);
    const { bytes } = device.memory;
    writeFilesystem({ data: device }, planOf(48 * MIB), NOW); // three AGs of other sizes: their secondaries must go
    const oldStride = superblock(device).agblocks * 4096;
    expect(oldStride).not.toBe(plan.agblocks * plan.blocksize);
    const logAt = (plan.logAgno * plan.agblocks + plan.logAgbno) * plan.blocksize;
    bytes.fill(0xa5, logAt + 4096, logAt + 8192);
    bytes.fill(0xa5, 60_000, 61_000);
    bytes.fill(0xa5, bytes.length - 9000, bytes.length);
    const data = 5 * MIB;
    bytes.fill(0xa5, data, data + 4096);
    writeFilesystem({ data: device }, plan, NOW);
    const zeros = (from: number, to: number) => bytes.subarray(from, to).every((b) => b === 0);
    expect(zeros(logAt + 1024, logAt + plan.logblocks * plan.blocksize)).toBe(true);
    expect(zeros(bytes.length - 128 * 1024, bytes.length)).toBe(true);
    expect(zeros(oldStride, oldStride + 4)).toBe(true);
    expect(bytes[data]).toBe(0xa5);
  });

  test('killed after any write it is no filesystem, or a whole one', () => {
    const bytes = new Uint8Array(64 * MIB);
    const first = new Recorder(bytes, false);
    writeFilesystem({ data: first }, planOf(48 * MIB), NOW);
    const old = superblock(first).dblocks;
    const states = new Set<string>();
    // Each round goes one write further over what the round before left, until one comes through.
    for (let lives = 0, done = false; !done; lives++) {
      const device = new Recorder(bytes, false, lives);
      try {
        writeFilesystem({ data: device }, plan, NOW);
        done = true;
      } catch (error) {
        expect((error as Error).message).toBe('killed');
      }
      const sb = superblock(device);
      const state =
        sb.magicnum === 0
          ? 'nothing'
          : sb.inprogress === 1
            ? 'in progress'
            : sb.dblocks === old
              ? 'old'
              : 'new';
      states.add(state);
      expect(state === 'old').toBe(lives === 0);
      expect(state === 'new').toBe(done);
    }
    expect([...states]).toEqual(['old', 'nothing', 'in progress', 'new']);
  }, 60_000);
});

describe('AGFL blocks', () => {
  const aligned = planOf(300 * MIB, 'su=256k');
  const length = aligned.agblocks;
  test('come from the smallest run that holds them', () => {
    expect(freeListOf(aligned, 0, length)).toEqual([7, 8, 9, 10, 11, 12]);
    expect(freeListOf(aligned, aligned.logAgno, length)).toEqual([7, 8, 9, 10, 11, 12]);
    const tight = planOf(300 * MIB, 'su=32k'); // one block before the log, too few
    const end = tight.logAgbno + tight.logblocks;
    expect(freeListOf(tight, tight.logAgno, length)[0]).toBe(end);
  });
  test('are none where a log fills its AG', () => {
    const filled = { ...aligned, logAgbno: 7, logblocks: length - 12 };
    expect(freeListOf(filled, aligned.logAgno, length)).toEqual([]);
    const exact = { ...aligned, logAgbno: 7, logblocks: length - 13 };
    expect(freeListOf(exact, aligned.logAgno, length)).toHaveLength(6);
  });
});
