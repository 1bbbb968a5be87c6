/**
 * Files that dumps go to and come from; "-" is the standard output or input, unless that is a terminal. A dump never
 * goes over the filesystem that it is made of, over anything mounted, or onto a block device.
 */
import { closeSync, fstatSync, openSync, type Stats, statSync, unlinkSync } from 'node:fs';
import { isatty } from 'node:tty';
import { whyBackingBusy } from '../../device/busy.ts';
import { DeviceError } from '../../device/device.ts';
import { systemError } from '../../device/file.ts';
import { DumpInput } from './reader.ts';
import { DescriptorOutput } from './writer.ts';

const STDIN = 0;
const STDOUT = 1;

export interface OpenOutput {
  readonly output: DescriptorOutput;
  /** Closes it; what is not complete is removed. */
  close(isComplete: boolean): void;
}

/** Opens the file that a dump of the device at path `source` shall go to, empty. Throws DeviceError. */
export function openDumpOutput(path: string, source: string): OpenOutput {
  if (path === '-') {
    if (isatty(STDOUT)) throw new DeviceError('TTY', 'cannot write to a terminal');
    return { output: new DescriptorOutput(STDOUT, 'standard output'), close: () => undefined };
  }
  const before = statOf(path);
  if (before) refuse(path, before, source);
  let descriptor: number;
  try {
    descriptor = openSync(path, 'w', 0o666);
  } catch (error) {
    throw systemError(error, path);
  }
  const isFile = fstatSync(descriptor).isFile();
  return {
    output: new DescriptorOutput(descriptor, path),
    close: (isComplete) => {
      closeSync(descriptor);
      if (!isComplete && isFile) unlinkSync(path);
    },
  };
}

function refuse(path: string, stat: Stats, source: string): void {
  const image = statOf(source);
  if (image && image.dev === stat.dev && image.ino === stat.ino) {
    throw new DeviceError('SAME', `${path}: is the filesystem itself`);
  }
  if (stat.isBlockDevice()) throw new DeviceError('TYPE', `${path}: is a block device, not a file`);
  if (!stat.isFile()) return;
  const { dev, ino } = statSync(path, { bigint: true });
  const why = whyBackingBusy(
    { dev, ino, rdev: 0n, isBlock: false },
    { start: 0, end: Number.POSITIVE_INFINITY },
  );
  if (why !== undefined) throw new DeviceError('BUSY', `${path}: not written, because ${why}`);
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

export interface OpenInput {
  readonly input: DumpInput;
  /** Whether `path` is the file that the dump is read from. */
  isSame(path: string): boolean;
  close(): void;
}

/** Opens a dump for reading. Throws DeviceError. */
export function openDumpInput(path: string): OpenInput {
  if (path === '-' && isatty(STDIN)) throw new DeviceError('TTY', 'cannot read from a terminal');
  let descriptor: number;
  try {
    descriptor = path === '-' ? STDIN : openSync(path, 'r');
  } catch (error) {
    throw systemError(error, path);
  }
  const stat = fstatSync(descriptor);
  if (stat.isDirectory()) {
    if (path !== '-') closeSync(descriptor);
    throw new DeviceError('DIRECTORY', `${path}: is a directory, not a metadata dump`);
  }
  return {
    input: new DumpInput(descriptor, path === '-' ? 'standard input' : path),
    isSame: (other) => {
      const found = statOf(other);
      return found !== undefined && found.dev === stat.dev && found.ino === stat.ino;
    },
    close: () => {
      if (path !== '-') closeSync(descriptor);
    },
  };
}
