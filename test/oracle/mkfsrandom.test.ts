/**
 * Random option lines: what mkfs.xfs 6.1 takes, `xfskit mkfs --profile 6.1` takes too, prints the same geometry and
 * makes the same bytes, external log and realtime device included; what it refuses is refused.
 *
 * 60 lines, 400 with XFSKIT_LONG; XFSKIT_SEED gives others.
 */
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { differences, type Line, randomLine } from '../support/mkfsline.ts';
import {
  describeKernel,
  describeXfsprogs,
  mustRun,
  type RunResult,
  repairCheck,
  run,
  smallFilesystems,
  temporaryDirectory,
  withMounted,
  xfskit,
} from '../support/oracle.ts';

const UUID = '12345678-1234-1234-1234-123456789abc';
const seed = Number(process.env.XFSKIT_SEED ?? 20_260);
const count = process.env.XFSKIT_LONG ? 400 : 60;
const FILES = ['img', 'log', 'rt'] as const;
const place = (file: string): string => join(temporaryDirectory(), file);

/** Runs one program on new files, which are renamed to end in its name. */
function make(line: Line, who: 'theirs' | 'ours'): RunResult {
  for (const file of FILES) rmSync(place(file), { force: true });
  if (line.log) mustRun('truncate', ['-s', line.log, place('log')]);
  if (line.realtime) mustRun('truncate', ['-s', line.realtime, place('rt')]);
  const words = line.options.map((word) =>
    word.replace('=LOG', `=${place('log')}`).replace('=RT', `=${place('rt')}`),
  );
  const args = [...words, '-m', `uuid=${UUID}`, '-d', `file,name=${place('img')},size=${line.size}`];
  const how = { env: smallFilesystems, timeout: 60_000 };
  const made =
    who === 'theirs' ? run('mkfs.xfs', args, how) : xfskit(['mkfs', '--profile', '6.1', ...args], how);
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

function expectSame(line: Line): boolean {
  const theirs = make(line, 'theirs');
  const ours = make(line, 'ours');
  expect([theirs.status === 0, ours.status === 0 ? '' : ours.stderr]).toEqual([
    ours.status === 0,
    ours.status === 0 ? '' : expect.stringMatching(/^xfskit mkfs: .*\n$/),
  ]);
  if (theirs.status !== 0) return false;
  expect(geometryLines(ours.stdout)).toBe(geometryLines(theirs.stdout));
  for (const file of FILES.filter((name) => existsSync(place(`${name}.theirs`))))
    expect([file, differences(place(`${file}.ours`), place(`${file}.theirs`))]).toEqual([file, []]);
  return true;
}

describeXfsprogs('random lines as with mkfs.xfs', () => {
  let taken = 0;
  test.each(Array.from({ length: count }, (_, i) => seed + i))('line %d', (each) => {
    const line = randomLine(each);
    try {
      if (!expectSame(line)) return;
      taken++;
      // Repair knows no realtime section without its device; the bytes are those of mkfs.xfs, as seen above.
      if (line.realtime) return;
      const log = line.log ? place('log.ours') : undefined;
      expect(repairCheck(place('img.ours'), {}, log).status).toBe(0);
    } catch (error) {
      throw new Error(`${line.size} ${line.options.join(' ')} (log ${line.log}, rt ${line.realtime})`, {
        cause: error,
      });
    }
  });
  test('blocks of 64 KiB in AGs so small that no rmapbt has a second level', () => {
    const options = ['-b', 'size=65536', '-m', 'rmapbt=1', '-l', 'logdev=LOG'];
    expect(expectSame({ size: '64m', options, log: '130m', realtime: undefined })).toBe(true);
  });
  test('most of them were taken', () => {
    expect(taken).toBeGreaterThan(count / 2);
  });
});

describeKernel('an external log and a realtime device for the kernel', () => {
  test('external log: mounted, used, clean', () => {
    const line = {
      size: '400m',
      options: ['-l', 'logdev=LOG', '-m', 'rmapbt=1'],
      log: '100m',
      realtime: undefined,
    };
    expect(make(line, 'ours').status).toBe(0);
    const loop = mustRun('losetup', ['--find', '--show', place('log.ours')]).stdout.trim();
    try {
      withMounted(place('img.ours'), (dir) => writeFileSync(join(dir, 'file'), 'content'.repeat(10_000)), [
        `logdev=${loop}`,
      ]);
    } finally {
      mustRun('losetup', ['--detach', loop]);
    }
    expect(repairCheck(place('img.ours'), {}, place('log.ours')).status).toBe(0);
  });
});
