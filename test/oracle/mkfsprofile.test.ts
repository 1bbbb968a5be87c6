/**
 * Profiles 6.6, 6.12 and 6.18 against mkfs.xfs of later releases, where XFSKIT_RELEASES names folders that hold such
 * programs (mkfs.xfs and xfs_repair, or a build tree of xfsprogs), separated by colons; skipped where it does not,
 * under CI too: no distribution has them all. What they made once is held by `test/golden/mkfsprofile.test.ts`.
 *
 * Each release is judged by the last profile that is not younger. 25 lines each, 200 with XFSKIT_LONG; XFSKIT_SEED gives
 * others.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { isSince, PROFILES } from '../../src/mkfs/profile.ts';
import { type Line, randomLine } from '../support/mkfsline.ts';
import { expectSame, type Pair, place } from '../support/mkfspair.ts';
import { run } from '../support/oracle.ts';
import { Random } from '../support/random.ts';

const seed = Number(process.env.XFSKIT_SEED ?? 61_218);
const count = process.env.XFSKIT_LONG ? 200 : 25;

interface Release extends Pair {
  readonly version: string;
  readonly repair: string;
}

function programIn(folder: string, subfolder: string, name: string): string {
  const built = join(folder, subfolder, name);
  return existsSync(built) ? built : join(folder, name);
}

const minorOf = (version: string): number => Number(version.split('.')[1]);

function releaseIn(folder: string): Release {
  const mkfs = programIn(folder, 'mkfs', 'mkfs.xfs');
  const version = /version (\d+\.\d+)/.exec(run(mkfs, ['-V']).stdout)?.[1];
  const profile = PROFILES.filter((name) => minorOf(name) <= minorOf(version ?? '')).at(-1);
  if (version === undefined || profile === undefined)
    throw new Error(`XFSKIT_RELEASES: ${folder} has no mkfs.xfs of 6.1 or later`);
  // 6.18 learned to leave nothing to the clock and to chance.
  const fixed = isSince(profile, '6.18');
  return {
    version,
    profile,
    mkfs,
    repair: programIn(folder, 'repair', 'xfs_repair'),
    env: fixed ? { SOURCE_DATE_EPOCH: '1700000000', DETERMINISTIC_SEED: '1' } : {},
    varying: fixed ? 'nothing' : isSince(profile, '6.12') ? '6.12' : '6.1',
  };
}

/** A random line, with options that only later releases know. */
function laterLine(each: number, release: Release): Line {
  const line = randomLine(each);
  if (!isSince(release.profile, '6.12')) return line;
  const random = new Random(each * 7 + 3);
  const text = line.options.join(' ');
  const options = [...line.options];
  const maybe = (percent: number, group: string, name: string, values: readonly number[]): void => {
    if (random.below(100) < percent) options.push(`-${group}`, `${name}=${random.pick(values)}`);
  };
  maybe(40, 'n', 'parent', [0, 1]);
  maybe(40, 'i', 'exchange', [0, 1]);
  if (!/agcount|agsize/.test(text)) maybe(15, 'd', 'concurrency', [0, 2, 3, 8, 17, 64, 1000]);
  if (!/-l size|logdev/.test(text)) maybe(15, 'l', 'concurrency', [0, 2, 8, 64, 1000]);
  return { ...line, options };
}

/** 6.19 gives logs of large sectors the stripe unit of the data, where 6.18 and all before gave them one block. */
function differsBy619(line: Line, release: Release): boolean {
  const text = line.options.join(' ');
  const largeSectors = /-s size=(?!512\b)|sectsize=(?!512\b)/.test(text);
  return minorOf(release.version) >= 19 && largeSectors && /-d su/.test(text);
}

const folders = (process.env.XFSKIT_RELEASES ?? '').split(':').filter((folder) => folder !== '');
if (folders.length === 0) skipLoudly();
else describeReleases();

function skipLoudly(): void {
  const name = 'profiles against mkfs.xfs of later releases';
  process.stderr.write(`\n*** SKIPPED: "${name}": XFSKIT_RELEASES names no folder with such programs\n`);
  describe.skip(name, () => {
    test('has releases', () => {
      expect(folders).not.toEqual([]);
    });
  });
}

function describeReleases(): void {
  describe.each(folders.map(releaseIn))('profile $profile as mkfs.xfs $version', (release) => {
    let taken = 0;
    test.each(Array.from({ length: count }, (_, i) => seed + i))('line %d', (each) => {
      const line = laterLine(each, release);
      if (differsBy619(line, release)) return;
      try {
        if (!expectSame(line, release)) return;
        taken++;
        if (line.realtime) return;
        const log = line.log ? ['-l', place('log.ours')] : [];
        const checked = run(release.repair, ['-n', '-o', 'force_geometry', ...log, '-f', place('img.ours')]);
        expect([checked.status, checked.stderr]).toEqual([0, expect.any(String)]);
      } catch (error) {
        throw new Error(`${line.size} ${line.options.join(' ')} (log ${line.log}, rt ${line.realtime})`, {
          cause: error,
        });
      }
    });
    test('half of them were taken', () => {
      expect(taken).toBeGreaterThan(count / 2);
    });
  });
}
