/** The oracle's own promises: it refuses to mount a damaged image, and takes everything down. */
import {
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import {
  attachLoop,
  describeKernel,
  mountImage,
  mustRun,
  run,
  smallFilesystems,
  temporaryDirectory,
  withMounted,
} from '../support/oracle.ts';

function mounts(): string {
  return readFileSync('/proc/self/mountinfo', 'utf8');
}

test('a missing program is status 127, a slow one is ended', () => {
  expect(run('no-such-program-here', []).status).toBe(127);
  const slow = run('sleep', ['20'], { timeout: 200 });
  expect(slow.status).toBeNull();
  expect(slow.signal).toBe('SIGKILL');
});

describeKernel('mounting images', () => {
  test('mounts a clean image, unmounts it when the body throws, and frees the loop device', () => {
    const image = join(temporaryDirectory(), 'clean.img');
    mustRun('mkfs.xfs', ['-q', '-d', `file,name=${image},size=32m`], { env: smallFilesystems });
    let seen = '';
    expect(() =>
      withMounted(image, (mountPoint) => {
        seen = mountPoint;
        expect(mounts()).toContain(mountPoint);
        writeFileSync(join(mountPoint, 'file'), 'x');
        throw new Error('body failed');
      }),
    ).toThrow('body failed');
    expect(mounts()).not.toContain(seen);
    expect(mustRun('losetup', ['--associated', image]).stdout).toBe('');
    withMounted(image, (mountPoint) => expect(existsSync(join(mountPoint, 'file'))).toBe(true));
  });

  test('refuses an image that xfs_repair does not call clean', () => {
    const image = join(temporaryDirectory(), 'damaged.img');
    copyFileSync(join(temporaryDirectory(), 'clean.img'), image);
    const fd = openSync(image, 'r+');
    writeSync(fd, Uint8Array.of(0xff), 0, 1, 512 + 55); // low byte of agf_freeblks in AG 0
    closeSync(fd);
    const mountPoint = join(temporaryDirectory(), 'never');
    expect(() => mountImage(image, mountPoint)).toThrow('not mounted');
    expect(mounts()).not.toContain(mountPoint);
  });

  test('detaches loop devices', () => {
    const image = join(temporaryDirectory(), 'clean.img');
    const { device, detach } = attachLoop(image);
    expect(mustRun('losetup', ['--associated', image]).stdout).toContain(device);
    detach();
    expect(mustRun('losetup', ['--associated', image]).stdout).toBe('');
  });
});
