/**
 * Hostile images: random corruptions of metadata, truncated images, and files that are no XFS at all. Whatever the
 * bytes, check ends in findings or in one line on stderr, with the right exit bits, soon, in little memory, and
 * changes nothing. What is corrupted is found by magic and checksum, not by the code under test.
 *
 * A failing case is named by geometry and number; the number is its seed.
 */
import {
  chmodSync,
  closeSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { DeviceError } from '../../src/device/device.ts';
import { MemoryDevice } from '../../src/device/memory.ts';
import { OverlayDevice } from '../../src/device/overlay.ts';
import { XfskitError } from '../../src/format/errors.ts';
import { checkImage, isDamaged } from '../../src/repair/check.ts';
import { planRepair } from '../../src/repair/repair.ts';
import { looksLikeCrash, measured } from '../support/cli.ts';
import { corpusCopy, corpusImage } from '../support/corpus.ts';
import { type Corruption, chooseObjects, corrupt, findMetadata } from '../support/metadata.ts';
import { describeKernel, run, temporaryDirectory, xfskitUnprivileged } from '../support/oracle.ts';
import { Random } from '../support/random.ts';
import { fileDigest } from '../support/tree.ts';

const MOST_MILLISECONDS = 20_000;
const MOST_MIB = 1024;
const LONG = process.env.XFSKIT_LONG === '1';
const GEOMETRIES = ['rmap4k', 'b1k', 'base4k', 'i2048', 'leaky'] as const;
const CASES = LONG ? 2000 : 100;

/** What check (and the plan of a repair) make of a device; anything thrown that is not ours is a failure. */
function ordeal(device: OverlayDevice, expectedDamage: boolean): string | undefined {
  const started = performance.now();
  const staged = device.pageCount;
  try {
    const { findings } = checkImage(device);
    for (const { message } of findings) {
      if (message.includes('\n')) return `a message of several lines: ${message}`;
      if (/NaN|undefined|\[object/.test(message)) return `a message that makes no sense: ${message}`;
    }
    if (expectedDamage && !isDamaged(findings)) return 'not noticed';
    if (device.pageCount !== staged) return 'check wrote';
    planRepair(device, { optimize: false });
    if (device.pageCount !== staged) return 'planning a repair wrote';
  } catch (error) {
    if (!(error instanceof XfskitError) && !(error instanceof DeviceError)) {
      return `threw ${(error as Error).stack ?? error}`;
    }
    if (error.message.includes('\n')) return `an error of several lines: ${error.message}`;
    if (error.code === 'NOT_CONVERGED') return error.message;
  }
  const took = performance.now() - started;
  return took > MOST_MILLISECONDS ? `took ${took.toFixed(0)} ms` : undefined;
}

/** Types whose every byte check answers for, wherever they are found; the others may be stale blocks. */
const ALWAYS_LIVE = new Set(['superblock', 'agf', 'agi', 'agfl']);

/** A changed byte that its checksum gives away, in a structure that is in use for certain. */
function mustBeNoticed({ object, what }: Corruption): boolean {
  return ALWAYS_LIVE.has(object.type) && !what.endsWith('resealed');
}

describeKernel('random corruptions', () => {
  test.each(GEOMETRIES.map((name) => [name] as const))(
    '%s',
    async (name) => {
      const image = readFileSync(name === 'leaky' ? await leakyImage() : await corpusImage(name));
      const device = new MemoryDevice(image);
      const found = findMetadata(image);
      expect(new Set(found.map((object) => object.type)).size).toBeGreaterThan(9);
      const failures: string[] = [];
      for (const [seed, object] of chooseObjects(found, CASES, 1).entries()) {
        const corruption = corrupt(image, object, found, seed);
        const overlay = new OverlayDevice(device);
        overlay.write(object.offset, corruption.bytes);
        const failure = ordeal(overlay, mustBeNoticed(corruption));
        if (failure !== undefined) failures.push(`${name} ${seed}: ${corruption.what}: ${failure}`);
      }
      expect(failures).toEqual([]);
      expect(process.resourceUsage().maxRSS / 1024).toBeLessThan(4 * MOST_MIB);
    },
    600_000,
  );

  test('through the command', async () => {
    const path = await corpusCopy('rmap4k');
    const image = readFileSync(path);
    const found = findMetadata(image);
    const file = openSync(path, 'r+');
    const failures: string[] = [];
    for (const [i, object] of chooseObjects(found, 40, 2).entries()) {
      const corruption = corrupt(image, object, found, 5000 + i);
      writeSync(file, corruption.bytes, 0, corruption.bytes.length, object.offset);
      const before = fileDigest(path);
      const result = measured(['check', path]);
      const wrong: string[] = [];
      if (looksLikeCrash(result)) wrong.push(`crashed: ${result.stderr.slice(0, 500)}`);
      if (![0, 4, 8].includes(result.status ?? -1)) wrong.push(`exit ${result.status}`);
      if (mustBeNoticed(corruption) && result.status === 0) wrong.push('not noticed');
      if (result.status === 8 && result.stderr.trim().split('\n').length !== 1)
        wrong.push(`stderr ${result.stderr}`);
      if (result.milliseconds > MOST_MILLISECONDS) wrong.push(`${result.milliseconds.toFixed(0)} ms`);
      if (!(result.peakMiB < MOST_MIB)) wrong.push(`${result.peakMiB.toFixed(0)} MiB`);
      if (fileDigest(path) !== before) wrong.push('the image changed');
      if (wrong.length > 0) failures.push(`${5000 + i}: ${corruption.what}: ${wrong.join(', ')}`);
      writeSync(file, image, object.offset, object.length, object.offset);
    }
    closeSync(file);
    expect(failures).toEqual([]);
  }, 600_000);

  test('truncated images', async () => {
    const path = await corpusCopy('ag16');
    const whole = readFileSync(path);
    const random = new Random(9);
    const sizes = [1, 511, 512, 4096, 65536, 1 << 20, whole.length - 1, whole.length - 4096];
    for (let i = 0; i < 12; i++) sizes.push(random.below(whole.length));
    const failures: string[] = [];
    for (const size of sizes.sort((a, b) => b - a)) {
      truncateSync(path, size);
      const before = fileDigest(path);
      const result = measured(['check', path]);
      const ended = (result.status === 4 && result.stdout !== '') || result.status === 8;
      if (looksLikeCrash(result) || !ended || fileDigest(path) !== before) {
        failures.push(`${size} bytes: exit ${result.status} ${result.stderr.slice(0, 300)}`);
      }
      if (result.milliseconds > MOST_MILLISECONDS || !(result.peakMiB < MOST_MIB)) {
        failures.push(
          `${size} bytes: ${result.milliseconds.toFixed(0)} ms, ${result.peakMiB.toFixed(0)} MiB`,
        );
      }
    }
    expect(failures).toEqual([]);
  }, 300_000);
});

async function leakyImage(): Promise<string> {
  const { leakImage } = await import('../support/leak.ts');
  return (await leakImage(1)).image;
}

describe('what is no XFS image', () => {
  let folder: string;
  beforeAll(() => {
    folder = temporaryDirectory();
  });

  const file = (name: string, bytes: Uint8Array): string => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };

  /** An ext4 superblock where ext4 has it: magic, sizes and counts of a small filesystem. */
  const ext4 = (): Buffer => {
    const image = Buffer.alloc(1 << 20);
    image.writeUInt32LE(64, 1024);
    image.writeUInt32LE(1024, 1028);
    image.writeUInt16LE(0xef53, 1024 + 56);
    return image;
  };

  /** A primary superblock of noise behind a good magic number. */
  const magicOnly = (): Buffer => {
    const image = new Random(4).bytes(1 << 20);
    image.write('XFSB', 0);
    return image;
  };

  const CASES_NO_XFS: readonly (readonly [what: string, path: () => string])[] = [
    ['zeros', () => file('zeros', Buffer.alloc(4 << 20))],
    ['random bytes', () => file('random', new Random(3).bytes(10 << 20))],
    ['an ext4 image', () => file('ext4', ext4())],
    ['an XFS magic number and noise', () => file('magic', magicOnly())],
    ['an empty file', () => file('empty', new Uint8Array(0))],
    ['one byte', () => file('one', new Uint8Array(1))],
    ['a directory', () => folder],
    ['a missing file', () => join(folder, 'missing')],
    ['a character device', () => '/dev/null'],
  ];

  test.each(
    CASES_NO_XFS.flatMap(([what, path]) => [['check', what, path] as const, ['repair', what, path] as const]),
  )('%s of %s ends in one line', (command, _, path) => {
    const result = measured([command, path()]);
    expect(looksLikeCrash(result)).toBe(false);
    expect(result.status! & (4 | 8)).toBeGreaterThan(0);
    expect(result.status! & 1).toBe(0);
    expect((result.stderr + result.stdout).trim()).not.toBe('');
    if (result.status === 8) expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(result.peakMiB).toBeLessThan(MOST_MIB);
    expect(result.milliseconds).toBeLessThan(MOST_MILLISECONDS);
  });

  test('no permission', () => {
    const path = file('closed', Buffer.alloc(1 << 20));
    chmodSync(path, 0);
    const result = xfskitUnprivileged(['check', path]);
    expect(looksLikeCrash(result)).toBe(false);
    expect(result.status).toBe(8);
    expect(result.stderr.trim().split('\n')).toHaveLength(1);
    expect(result.stderr).toMatch(/permission denied/);
  });

  test('the harness notices a crash', () => {
    // The canary: what looksLikeCrash is for.
    const crash = run(process.execPath, ['-e', 'null.x']);
    expect(looksLikeCrash(crash)).toBe(true);
    expect(measured(['--version']).peakMiB).toBeGreaterThan(10);
    expect(looksLikeCrash(measured(['--version']))).toBe(false);
  });
});
