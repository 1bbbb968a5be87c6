/**
 * What 16 TiB cost: memory by the kernel's account of the process (its peak, so that no sampling can miss it), space
 * by the blocks that the file has. Neither may grow with the size of the image.
 */
import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { looksLikeCrash, measured } from '../../support/cli.ts';
import { temporaryDirectory } from '../../support/oracle.ts';

const KIB = 1024;

/** The bytes an AG writes: headers and roots, a sector more or less; and what comes once, with its log record. */
const allowance = (agcount: number, blocksize: number): number =>
  agcount * 8 * Math.max(blocksize, 4 * KIB) + 400 * KIB;

// size, AGs, block size, options
test.each<[string, number, number, string[]]>([
  ['16t', 16, 4096, []],
  ['16t', 16, 1024, ['-b', 'size=1024']],
  ['15t', 1000, 4096, ['-d', 'agcount=1000']],
  ['15t', 960, 4096, ['-d', 'agsize=16g,su=64k,sw=3']],
  ['16t', 16, 65536, ['-b', 'size=65536']],
  ['16t', 16, 4096, ['-l', 'size=2000m', '-m', 'rmapbt=0']],
])('%s, %d AGs, blocks of %d', (size, agcount, blocksize, options) => {
  const path = join(temporaryDirectory(), 'image');
  rmSync(path, { force: true });
  const made = measured(['mkfs', ...options, path, size]);
  expect([made.status, made.stderr, looksLikeCrash(made)]).toEqual([0, '', false]);
  expect(made.stdout).toMatch(`agcount=${agcount}, `);
  expect(made.peakMiB).toBeGreaterThan(20); // measured at all
  expect(made.peakMiB).toBeLessThan(80);
  const { size: length, blocks } = statSync(path);
  expect(length).toBeGreaterThan(14.9 * 2 ** 40);
  expect(blocks * 512).toBeLessThan(allowance(agcount, blocksize));
  rmSync(path);
});
