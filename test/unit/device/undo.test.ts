/** An undo journal is worth something only if it is on the disk before the first byte of the image changes. */
import * as fs from 'node:fs';
import { join } from 'node:path';
import { expect, jest, test } from '@jest/globals';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { temporaryDirectory } from '../../support/oracle.ts';

const flushed: string[] = [];
jest.unstable_mockModule('node:fs', () => ({
  ...fs,
  fsyncSync: (descriptor: number) => {
    const path = fs.readlinkSync(`/proc/self/fd/${descriptor}`);
    flushed.push(
      `${path}: ${fs.fstatSync(descriptor).isDirectory() ? 'folder' : fs.fstatSync(descriptor).size}`,
    );
    fs.fsyncSync(descriptor);
  },
}));
const { writeUndo } = await import('../../../src/device/undo.ts');

test('the journal is flushed when it is whole, then the folder that names it', () => {
  const path = join(temporaryDirectory(), 'flushed.undo');
  writeUndo(path, new MemoryDevice(new Uint8Array(8192)), [
    { offset: 512, bytes: new Uint8Array(512).fill(1) },
    { offset: 4096, bytes: new Uint8Array(1024).fill(2) },
  ]);
  expect(flushed).toEqual([`${path}: ${fs.statSync(path).size}`, `${temporaryDirectory()}: folder`]);
});
