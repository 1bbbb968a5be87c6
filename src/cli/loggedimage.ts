/** An image and its log, opened for the commands that look at the log or write it. */
import { type Filesystem, openFilesystem } from '../db/filesystem.ts';
import type { Device } from '../device/device.ts';
import { type OpenOptions, openDevice } from '../device/open.ts';
import type { LogHead } from '../fs/log/head.ts';
import { headAt, type LogPlace, placeOfLog } from '../fs/log/place.ts';
import { warnWhenBusy } from './checkimage.ts';
import { type PlaceFlags, placeIn } from './place.ts';
import { refuseSides } from './sides.ts';

export interface LogFlags extends PlaceFlags {
  readonly log?: string;
}

/** Of all actions of `log`. */
export interface LogActionFlags extends LogFlags {
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly dryRun?: boolean;
  /** A path; false with --no-undo, true without either. */
  readonly undo?: string | boolean;
  readonly check?: boolean;
  readonly forceTail?: boolean;
  readonly transactions?: boolean;
  readonly inodes?: boolean;
  readonly buffers?: boolean;
  readonly quotas?: boolean;
  readonly data?: boolean;
  readonly goOn?: boolean;
  /** Letters of xfs_logprint. */
  readonly reference?: string;
  readonly start?: string;
  readonly copy?: string;
}

export interface LoggedImage {
  readonly device: Device;
  /** Of an external log, where it was named. */
  readonly logDevice: Device | undefined;
  readonly filesystem: Filesystem;
  /** Undefined: the log is on another device, which was not named. */
  readonly place: LogPlace | undefined;
  readonly head: LogHead;
  close(): void;
}

/** Finds the log of a filesystem. Throws DeviceError, UnsupportedFeature. */
export function logOf(device: Device, logDevice: Device | undefined): Omit<LoggedImage, 'close'> {
  const filesystem = openFilesystem(device);
  const place = placeOfLog(device, filesystem.geometry, logDevice);
  return { device, logDevice, filesystem, place, head: headAt(device, filesystem.geometry, place) };
}

/** Opens an image and finds its log. Throws DeviceError, UnsupportedFeature, UsageError. */
export function openLogged(
  image: string,
  flags: LogFlags,
  lead: string,
  how: Pick<OpenOptions, 'write'> = {},
): LoggedImage {
  const opened: Device[] = [];
  const close = (): void => {
    for (const device of opened) device.close();
  };
  const open = (path: string, options: OpenOptions): Device => {
    const device = openDevice(path, options);
    opened.push(device);
    warnWhenBusy(lead, device); // nothing busy is opened for writing
    return device;
  };
  try {
    const device = open(image, { ...how, ...placeIn(image, flags) });
    const logDevice = flags.log === undefined ? undefined : open(flags.log, how);
    refuseSides(device, logDevice, undefined);
    const found = logOf(device, logDevice);
    for (const warning of found.filesystem.warnings) process.stderr.write(`${lead}: ${image}: ${warning}\n`);
    return { ...found, close };
  } catch (error) {
    close();
    throw error;
  }
}
