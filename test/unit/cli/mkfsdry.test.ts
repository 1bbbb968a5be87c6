/** `xfskit mkfs -N` from 100 MiB to 100 TiB: the measured numbers, with no image and over a sparse one, which stays as it is. */
import { rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { parseSize } from '../../../src/mkfs/given.ts';
import { VECTORS, vectorNumbers } from '../../support/mkfsvectors.ts';
import { temporaryDirectory, xfskit } from '../../support/oracle.ts';

const env = { TEST_DIR: undefined, TEST_DEV: undefined, QA_CHECK_FS: undefined };
const dry = (options: string, ...args: string[]) =>
  xfskit(['mkfs', '-N', ...options.split(' ').filter((word) => word !== ''), ...args], { env });

/** A sparse file of that size; false where the filesystem below has none so large. */
function makeSparse(path: string, bytes: number): boolean {
  writeFileSync(path, '');
  try {
    truncateSync(path, bytes);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EFBIG') throw error;
    return false;
  }
}

let sparse = 0;
test.each(VECTORS)('$size $options', ({ size, options, ...numbers }) => {
  const path = join(temporaryDirectory(), 'image');
  rmSync(path, { force: true });
  const told = dry(options, '-d', `size=${size}`, path);
  expect([told.status, told.stderr]).toEqual([0, '']);
  expect(vectorNumbers(told.stdout)).toEqual(numbers);
  expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
  const bytes = parseSize(size, { blocksize: 0, sectsize: 0 })!;
  if (!makeSparse(path, bytes)) return;
  const { mtimeMs } = statSync(path);
  expect(dry(options, path).stdout).toBe(told.stdout);
  expect(statSync(path)).toMatchObject({ size: bytes, blocks: 0, mtimeMs });
  sparse++;
});

test('sparse files of most of these sizes, every form of the line', () => {
  expect(VECTORS).toHaveLength(17);
  expect(sparse).toBeGreaterThanOrEqual(12); // ext4 ends below 16 TiB
  const path = join(temporaryDirectory(), 'image');
  rmSync(path, { force: true });
  const forms = [
    ['-d', 'size=100t', path],
    ['-d', `file,name=${path},size=100t`],
    ['-d', `name=${path}`, '-dsize=109951162777600'],
    [path, '100t'],
    ['-q', '-d', 'size=0x640000000000', path],
    ['-d', 'size=26843545600b', '-b', 'size=4k', path],
  ].map((form) => dry('', ...form));
  expect(new Set(forms.map(({ stdout, stderr, status }) => `${status}${stderr}${stdout}`)).size).toBe(1);
  expect(vectorNumbers(forms[0]!.stdout)).toMatchObject({ agcount: 100, dblocks: 26843545500 });
  expect(dry('', path).stderr).toMatch('a size makes it');
});

test('what Linux does not mount is said: log sectors above those of the data', () => {
  const log = (sectsize: number) => {
    const options = `-b size=4096 -s size=1024 -l file,name=log,size=70m,sectsize=${sectsize}`;
    return dry(options, join(temporaryDirectory(), 'image'), '1g');
  };
  expect([log(1024).status, log(1024).stderr]).toEqual([0, '']);
  expect(log(2048).status).toBe(0);
  expect(log(2048).stderr).toMatch(
    /^xfskit mkfs: log sector size 2048 is above that of the data, 1024: Linux mounts/,
  );
});
