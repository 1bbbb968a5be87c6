/** The guards, against real mounts, loop devices and exclusive holders. */
import { spawn } from 'node:child_process';
import { copyFileSync, linkSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { type DeviceError, readBytes } from '../../src/device/device.ts';
import { openDevice } from '../../src/device/open.ts';
import {
  attachLoop,
  describeKernel,
  mountImage,
  mustRun,
  repairCheck,
  run,
  smallFilesystems,
  temporaryDirectory,
  xfskit,
} from '../support/oracle.ts';

/** Why opening for writing is refused; undefined when it is not. */
function refused(path: string, offset = 0): string | undefined {
  try {
    openDevice(path, { write: true, offset }).close();
    return undefined;
  } catch (error) {
    expect((error as DeviceError).code).toBe('BUSY');
    return (error as DeviceError).message;
  }
}

describeKernel('guards of openDevice', () => {
  let image = '';
  beforeAll(() => {
    image = join(temporaryDirectory(), 'guarded.img');
    mustRun('mkfs.xfs', ['-q', '-d', `file,name=${image},size=32m`], { env: smallFilesystems });
  });

  test('an image behind a mounted loop device is refused by every name, and free again afterwards', () => {
    const mountPoint = join(temporaryDirectory(), 'mnt');
    const names = ['link', 'hard'].map((name) => join(temporaryDirectory(), `${name}.img`));
    symlinkSync(image, names[0]!);
    linkSync(image, names[1]!);
    expect(refused(image)).toBeUndefined();
    const unmount = mountImage(image, mountPoint);
    try {
      for (const name of [image, ...names]) {
        expect(refused(name)).toMatch(/not written, because it backs \/dev\/loop\d+: mounted on .*mnt$/);
        const reader = openDevice(name);
        expect(reader.busy).toContain('mounted on');
        expect(readBytes(reader, 0, 4)).toEqual(Uint8Array.from(Buffer.from('XFSB')));
        reader.close();
      }
      for (const line of [['mkfs', '-f', '--unsupported'], ['repair'], ['inject', 'leaked-cow']]) {
        const result = xfskit([...line, image]);
        expect({ line, status: result.status, stdout: result.stdout }).toEqual({
          line,
          status: line[0] === 'mkfs' ? 1 : 8,
          stdout: '',
        });
        expect(result.stderr).toMatch(/^xfskit [a-z]+: [^\n]*: not written, because it backs [^\n]*\n$/);
      }
      for (const line of [['check'], ['repair', '-n']]) {
        const { status, stderr } = xfskit([...line, image]);
        expect(status).not.toBe(8);
        expect(stderr).toContain('what is read may be changing');
      }
      const copy = join(temporaryDirectory(), 'copy.img');
      copyFileSync(image, copy);
      expect(refused(copy)).toBeUndefined();
    } finally {
      unmount();
    }
    for (const name of [image, ...names]) expect(refused(name)).toBeUndefined();
    expect(repairCheck(image).status).toBe(0);
    const reader = openDevice(image);
    expect(reader.busy).toBeUndefined();
    reader.close();
  });

  test('a mounted block device is refused, an idle one has its size and can be written', () => {
    const { device, detach } = attachLoop(image);
    const idle = openDevice(device, { write: true });
    expect(idle.size).toBe(statSync(image).size);
    expect(readBytes(idle, 0, 4)).toEqual(Uint8Array.from(Buffer.from('XFSB')));
    // Held by us: nobody else gets it, a mount neither.
    expect(run('mount', [device, temporaryDirectory()]).status).not.toBe(0);
    expect(refused(device)).toContain('exclusively');
    idle.close();
    expect(refused(image)).toBeUndefined(); // attached, but not in use
    const mountPoint = join(temporaryDirectory(), 'block');
    mkdirSync(mountPoint);
    mustRun('mount', ['-t', 'xfs', device, mountPoint]);
    try {
      expect(refused(device)).toBe(`${device}: not written, because it is mounted on ${mountPoint}`);
      expect(refused(image)).toContain(`it backs ${device}: mounted on ${mountPoint}`);
      const before = readFileSync(image).subarray(0, 512);
      const undone = xfskit(['undo', '/nonexistent', device]);
      expect(undone.status).toBe(8);
      expect(undone.stderr).toMatch(/^xfskit undo: [^\n]* mounted on [^\n]*\n$/);
      expect(Buffer.compare(readFileSync(image).subarray(0, 512), before)).toBe(0);
      const reader = openDevice(device);
      expect(reader.busy).toContain('mounted');
      reader.close();
    } finally {
      mustRun('umount', [mountPoint]);
    }
    expect(refused(device)).toBeUndefined();
    detach();
  });

  test('a read-only device is refused before anything is said or written', () => {
    const { device, detach } = attachLoop(image, ['--read-only']);
    for (const line of [['mkfs', '-f', '--unsupported'], ['repair'], ['inject', 'leaked-cow']]) {
      const { status, stdout, stderr } = xfskit([...line, device]);
      expect({ line, status, stdout }).toEqual({ line, status: line[0] === 'mkfs' ? 1 : 8, stdout: '' });
      expect(stderr).toBe(`xfskit ${line[0]}: ${device}: is a read-only device\n`);
    }
    expect(xfskit(['check', device]).status).toBe(0);
    detach();
  });

  test('a device that another process holds exclusively is refused', async () => {
    const { device, detach } = attachLoop(image);
    const holder = spawn(process.execPath, [
      '-e',
      `const fs = require('fs');
       fs.openSync(process.argv[1], fs.constants.O_RDWR | fs.constants.O_EXCL);
       console.log('held');
       setInterval(() => {}, 1000);`,
      device,
    ]);
    try {
      await new Promise((resolve) => holder.stdout.once('data', resolve));
      expect(refused(device)).toContain('something holds it exclusively');
      expect(refused(image)).toContain('held exclusively');
    } finally {
      const gone = new Promise((resolve) => holder.once('exit', resolve));
      holder.kill('SIGKILL');
      await gone;
    }
    expect(refused(device)).toBeUndefined();
    detach();
  });

  test('only the part of an image that a mounted loop device shows is closed', () => {
    const disk = join(temporaryDirectory(), 'disk.img');
    mustRun('truncate', ['-s', '96M', disk]);
    const partition = 48 * 2 ** 20;
    mustRun('dd', [`if=${image}`, `of=${disk}`, 'bs=1M', 'seek=48', 'conv=notrunc', 'status=none']);
    const limits = ['--offset', String(partition), '--sizelimit', String(32 * 2 ** 20)];
    const { device, detach } = attachLoop(disk, limits);
    const mountPoint = join(temporaryDirectory(), 'partition');
    mkdirSync(mountPoint);
    mustRun('mount', ['-t', 'xfs', device, mountPoint]);
    try {
      expect(refused(disk)).toContain('mounted on');
      expect(refused(disk, partition)).toContain('mounted on');
      expect(refused(disk, 80 * 2 ** 20)).toBeUndefined();
    } finally {
      mustRun('umount', [mountPoint]);
    }
    expect(refused(disk, partition)).toBeUndefined();
    detach();
  });
});
