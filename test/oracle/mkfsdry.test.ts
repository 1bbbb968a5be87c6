/** `mkfs -N` up to 100 TiB prints what `mkfs.xfs -N` prints, word for word. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { VECTORS } from '../support/mkfsvectors.ts';
import {
  describeXfsprogs,
  mustRun,
  smallFilesystems,
  temporaryDirectory,
  xfskit,
} from '../support/oracle.ts';

describeXfsprogs('mkfs -N as mkfs.xfs -N', () => {
  test.each(VECTORS.map(({ size }) => size))('%s', (size) => {
    const path = join(temporaryDirectory(), 'image');
    for (const options of [
      [],
      ['-m', 'rmapbt=1', '-d', 'su=64k,sw=3'],
      ['-b', 'size=1024', '-i', 'nrext64'],
    ]) {
      const args = ['-N', ...options, '-d', `file,name=${path},size=${size}`];
      const theirs = mustRun('mkfs.xfs', args, { env: smallFilesystems });
      rmSync(path, { force: true }); // empty: mkfs.xfs opens before it knows that it writes nothing
      const ours = xfskit(['mkfs', '--profile', '6.1', ...args], { env: smallFilesystems });
      expect([ours.status, ours.stdout]).toEqual([0, theirs.stdout.replace(/^(?![a-z-]+ *=| +=).*\n/gm, '')]);
    }
  });
});
