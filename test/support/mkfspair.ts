/**
 * One option line given to two programs: mkfs.xfs of some release and ours, each on new files of the same names, which
 * are then renamed to end in `.theirs` and `.ours`. The programs must agree whether they take the line, and then in
 * geometry block and bytes.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';
import type { Profile } from '../../src/mkfs/profile.ts';
import { differences, type Line } from './mkfsline.ts';
import {
  mustRun,
  type RunResult,
  repairCheck,
  run,
  smallFilesystems,
  temporaryDirectory,
  xfskit,
} from './oracle.ts';

export interface Pair {
  /** The reference program. */
  readonly mkfs: string;
  readonly profile: Profile;
  /** Added to the environment of both. */
  readonly env: Readonly<Record<string, string>>;
  /** What may differ, see `differences`. */
  readonly varying: Parameters<typeof differences>[2];
}

/** The installed one. */
export const INSTALLED: Pair = { mkfs: 'mkfs.xfs', profile: '6.1', env: {}, varying: '6.1' };

const UUID = '12345678-1234-1234-1234-123456789abc';
const FILES = ['img', 'log', 'rt'] as const;

export const place = (file: string): string => join(temporaryDirectory(), file);

/** Runs one of the two programs. */
export function makeLine(line: Line, who: 'theirs' | 'ours', pair: Pair): RunResult {
  for (const file of FILES) rmSync(place(file), { force: true });
  if (line.log) mustRun('truncate', ['-s', line.log, place('log')]);
  if (line.realtime) mustRun('truncate', ['-s', line.realtime, place('rt')]);
  const words = line.options.map((word) =>
    word.replace('=LOG', `=${place('log')}`).replace('=RT', `=${place('rt')}`),
  );
  const args = [...words, '-m', `uuid=${UUID}`, '-d', `file,name=${place('img')},size=${line.size}`];
  const how = { env: { ...smallFilesystems, ...pair.env }, timeout: 60_000 };
  const made =
    who === 'theirs' ? run(pair.mkfs, args, how) : xfskit(['mkfs', '--profile', pair.profile, ...args], how);
  for (const file of FILES) {
    rmSync(place(`${file}.${who}`), { force: true });
    if (existsSync(place(file))) renameSync(place(file), place(`${file}.${who}`));
  }
  return made;
}

/** The geometry block alone: mkfs.xfs prints warnings on stdout too. */
function geometryLines(text: string): string {
  return text.match(/^(?:[a-z-]+ *|\s+)=.*$/gm)?.join('\n') ?? '';
}

/** Whether repair calls one of the two sound. */
export function isSound(line: Line, who: 'theirs' | 'ours'): boolean {
  const [log, realtime] = [line.log && place(`log.${who}`), line.realtime && place(`rt.${who}`)];
  return repairCheck(place(`img.${who}`), {}, log, realtime).status === 0;
}

/**
 * Both on one line; whether they took it. Where a log fills its AG to the end but not from the start, mkfs.xfs 6.1
 * forgets the free blocks before it, which repair notices; then ours is the sound one.
 */
export function expectSame(line: Line, pair: Pair): boolean {
  const theirs = makeLine(line, 'theirs', pair);
  const ours = makeLine(line, 'ours', pair);
  expect([theirs.status === 0, ours.status === 0 ? '' : ours.stderr]).toEqual([
    ours.status === 0,
    ours.status === 0 ? '' : expect.stringMatching(/^xfskit mkfs: .*\n$/),
  ]);
  if (theirs.status !== 0) return false;
  expect(geometryLines(ours.stdout)).toBe(geometryLines(theirs.stdout));
  const found = FILES.filter((name) => existsSync(place(`${name}.theirs`))).map((file) => [
    file,
    differences(place(`${file}.ours`), place(`${file}.theirs`), pair.varying),
  ]);
  if (found.some(([, bytes]) => bytes!.length > 0) && !isSound(line, 'theirs')) {
    expect(isSound(line, 'ours')).toBe(true);
    return false;
  }
  expect(found).toEqual(found.map(([file]) => [file, []]));
  return true;
}
