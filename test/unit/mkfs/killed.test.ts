/**
 * A mkfs that dies at any instant, on the faulty device: before its first write the target is as it was; until its
 * last one nothing takes it for a filesystem, neither by its superblock nor by what lay there before.
 */
import { describe, expect, test } from '@jest/globals';
import type { Device } from '../../../src/device/device.ts';
import { FaultyDevice } from '../../../src/device/faulty.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { WindowDevice } from '../../../src/device/window.ts';
import { SB_MAGIC, SUPERBLOCK } from '../../../src/format/superblock.ts';
import { chooseFilesystem } from '../../../src/mkfs/choose.ts';
import { GivenOptions } from '../../../src/mkfs/given.ts';
import { findSignature } from '../../../src/mkfs/signature.ts';
import { PLAIN_FILE } from '../../../src/mkfs/stripe.ts';
import { writeFilesystem } from '../../../src/mkfs/write.ts';

const BYTES = 40 * 2 ** 20;
const NOW = { seconds: 1_700_000_000, nanoseconds: 0 };

function planOf(...options: readonly (readonly ['d' | 'm' | 'l', string])[]) {
  const given = new GivenOptions();
  for (const [group, text] of options) given.add(group, text);
  const target = { bytes: BYTES, topology: PLAIN_FILE };
  const makeUuid = (): string => '12345678-1234-1234-1234-123456789abc';
  return chooseFilesystem(given, target, { label: '', makeUuid, allowSmall: true, processors: 4 }).plan;
}

/** What a tool makes of the first sector. */
function stateOf(bytes: Uint8Array): 'filesystem' | 'in progress' | 'nothing' {
  const sb = SUPERBLOCK.over(bytes.subarray(0, 512));
  if (sb.magicnum !== SB_MAGIC) return 'nothing';
  return sb.inprogress === 1 ? 'in progress' : 'filesystem';
}

const plan = planOf(['d', 'agcount=2'], ['m', 'rmapbt=0']);

function oldXfs(): Uint8Array {
  const device = new MemoryDevice(new Uint8Array(BYTES));
  writeFilesystem({ data: device }, planOf(['d', 'agcount=1']), NOW);
  return device.bytes;
}

function oldExt(): Uint8Array {
  const bytes = new Uint8Array(BYTES).fill(0x5a);
  bytes.set([0x53, 0xef], 1080);
  return bytes;
}

describe.each([
  ['xfs', oldXfs],
  ['ext2/3/4', oldExt],
] as const)('over an old %s', (name, make) => {
  const old = make();
  const work = new MemoryDevice(new Uint8Array(BYTES));
  /** Formats with one fault; how many writes there were. */
  const format = (fault?: 'cut' | 'torn', nth = 0, sectors = 1): number => {
    work.bytes.set(old);
    const cut = { on: 'write', nth: fault === 'torn' ? nth + 1 : nth, kind: 'cut' } as const;
    const torn = { on: 'write', nth, kind: 'torn', sectors } as const;
    const device = new FaultyDevice(work, fault === undefined ? [] : fault === 'torn' ? [torn, cut] : [cut]);
    try {
      writeFilesystem({ data: device }, plan, NOW);
    } catch (error) {
      expect(error).toMatchObject({ code: 'EIO' });
    }
    return device.writes;
  };
  const writes = format();

  test('a whole run makes a filesystem', () => {
    expect(stateOf(work.bytes)).toBe('filesystem');
    expect(writes).toBeGreaterThanOrEqual(8);
  });
  test('cut before any write', () => {
    const states = new Set<string>();
    for (let nth = 0; nth < writes; nth++) {
      format('cut', nth);
      if (nth === 0) {
        expect(Buffer.compare(work.bytes, old)).toBe(0);
        expect(findSignature(work)?.name).toBe(name);
        continue;
      }
      states.add(stateOf(work.bytes));
      // An unfinished superblock is all that may be recognised.
      expect([undefined, 'xfs']).toContain(findSignature(work)?.name);
    }
    expect(states).toEqual(new Set(['nothing', 'in progress']));
  });
  test('torn in any write but the last', () => {
    for (let nth = 0; nth < writes - 1; nth++) {
      format('torn', nth);
      const first = SUPERBLOCK.over(work.bytes.subarray(0, 512));
      expect([stateOf(work.bytes), first.inprogress]).not.toEqual(['filesystem', 0]);
    }
  });
});

describe('with a log and a realtime section of their own', () => {
  const LOG = 16 * 2 ** 20;
  const REALTIME = 2 ** 20;
  const side = (name: string, bytes: number) => ({ name, bytes, topology: PLAIN_FILE, isFile: true });
  const beside = (agcount: number) => {
    const given = new GivenOptions();
    given.add('d', `agcount=${agcount}`);
    given.add('l', 'logdev=log');
    given.add('r', 'rtdev=rt');
    const target = {
      bytes: BYTES,
      topology: PLAIN_FILE,
      log: side('log', LOG),
      realtime: side('rt', REALTIME),
    };
    const makeUuid = (): string => '12345678-1234-1234-1234-123456789abc';
    return chooseFilesystem(given, target, { label: '', makeUuid, allowSmall: true, processors: 4 }).plan;
  };
  /** The three lie in one memory, one behind the other, so that the cut counts the writes to all of them. */
  const devicesOf = (whole: Device) => ({
    data: new WindowDevice(whole, 0, BYTES),
    log: new WindowDevice(whole, BYTES, LOG),
    realtime: new WindowDevice(whole, BYTES + LOG, REALTIME),
  });
  const old = new MemoryDevice(new Uint8Array(BYTES + LOG + REALTIME).fill(0x77));
  writeFilesystem(devicesOf(old), beside(1), NOW);

  test('cut before any write', () => {
    const next = beside(2);
    const work = new MemoryDevice(new Uint8Array(old.bytes.length));
    const format = (nth: number): number => {
      work.bytes.set(old.bytes);
      const device = new FaultyDevice(work, [{ on: 'write', nth, kind: 'cut' }]);
      try {
        writeFilesystem(devicesOf(device), next, NOW);
      } catch (error) {
        expect(error).toMatchObject({ code: 'EIO' });
      }
      return device.writes;
    };
    const writes = format(Number.POSITIVE_INFINITY);
    expect(stateOf(work.bytes)).toBe('filesystem');
    expect(writes).toBeGreaterThanOrEqual(10);
    const whole = work.bytes.slice();
    const states = Array.from({ length: writes }, (_, nth) => {
      format(nth);
      if (nth === 0) expect(Buffer.compare(work.bytes, old.bytes)).toBe(0);
      return stateOf(work.bytes);
    });
    expect([states[0], new Set(states.slice(1))]).toEqual([
      'filesystem',
      new Set(['nothing', 'in progress']),
    ]);
    // Log and realtime section are whole before the superblock says that there is a filesystem.
    format(writes - 1);
    expect(Buffer.compare(work.bytes.subarray(BYTES), whole.subarray(BYTES))).toBe(0);
  });
});
