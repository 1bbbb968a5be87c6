/** The devices beside the image: external log (`-l logdev=`) and realtime section (`-r rtdev=`). */
import { type Stats, statSync } from 'node:fs';
import { DeviceError } from '../device/device.ts';
import { systemError } from '../device/file.ts';
import { openDevice } from '../device/open.ts';
import { UsageError } from '../format/errors.ts';
import type { GivenOptions } from './given.ts';
import type { SideTarget } from './target.ts';
import { readTopology } from './topology.ts';

export interface Side extends SideTarget {
  /** It is a regular file that is to be made, or made anew. */
  readonly make: boolean;
}

const SIDES = {
  log: { device: 'l.logdev', name: 'l.name', file: 'l.file', size: 'l.size', group: 'l' },
  realtime: { device: 'r.rtdev', name: 'r.name', file: 'r.file', size: 'r.size', group: 'r' },
} as const;

/** What a path is; undefined: nothing. Throws DeviceError. */
export function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    throw systemError(error, path);
  }
}

/** What the options say of a log or realtime device, looked at without changing it. Throws UsageError, DeviceError. */
export function findSide(given: GivenOptions, which: keyof typeof SIDES): Side | undefined {
  const keys = SIDES[which];
  const name = given.text(keys.device) ?? given.text(keys.name);
  const asFile = given.flag(keys.file);
  if (which === 'log' && given.has('l.internal') && given.flag('l.internal') === (name !== undefined))
    throw new UsageError(
      name === undefined ? '-l internal=0 needs -l logdev' : '-l internal and -l name exclude each other',
    );
  // `file` without a name says nothing, as with mkfs.xfs.
  if (name === undefined) return undefined;
  if (asFile && !given.has(keys.size))
    throw new UsageError(`-${keys.group} file needs -${keys.group} name and -${keys.group} size`);
  const stat = statOf(name);
  if (asFile) {
    if (stat && !stat.isFile()) throw new UsageError(`-${keys.group} file: ${name} is no regular file`);
    return { name, bytes: undefined, topology: readTopology(name), isFile: true, make: true };
  }
  if (!stat) throw new DeviceError('ENOENT', `${name}: no such file`);
  const device = openDevice(name);
  try {
    return {
      name,
      bytes: device.size,
      topology: readTopology(name),
      isFile: stat.isFile(),
      make: false,
    };
  } finally {
    device.close();
  }
}

/** Refuses one file or device in two places. */
export function checkApart(paths: readonly string[]): void {
  const seen = new Map<string, string>();
  for (const path of paths) {
    const stat = statOf(path);
    if (!stat) continue;
    const identity = stat.isBlockDevice() ? `block ${stat.rdev}` : `${stat.dev} ${stat.ino}`;
    const other = seen.get(identity);
    if (other !== undefined) throw new UsageError(`${path} and ${other} are the same file or device`);
    seen.set(identity, path);
  }
}
