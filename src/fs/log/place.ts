/** Where the log of a filesystem is: inside, or on a device of its own. */
import type { Device } from '../../device/device.ts';
import type { Geometry } from '../../format/geometry.ts';
import { BASIC_BLOCK } from '../../format/log.ts';
import { findLogHead, type LogHead } from './head.ts';
import { LogRing } from './ring.ts';

export interface LogPlace {
  readonly device: Device;
  /** Byte of its first block on the device. */
  readonly start: number;
  /** Whether it is a device of its own. */
  readonly external: boolean;
}

/** `logDevice` counts where the filesystem has an external log; undefined: it has one, and no device was given. */
export function placeOfLog(
  device: Device,
  geometry: Geometry,
  logDevice: Device | undefined,
): LogPlace | undefined {
  if (geometry.logstart !== 0)
    return { device, start: geometry.fsbnoByte(geometry.logstart), external: false };
  return logDevice && { device: logDevice, start: 0, external: true };
}

export function headAt(device: Device, geometry: Geometry, log: LogPlace | undefined): LogHead {
  return log?.external ? findLogHead(log.device, geometry, true) : findLogHead(device, geometry);
}

/** The log as a ring; its geometry was found to fit the device (`headAt`). */
export function ringOf(geometry: Geometry, { device, start }: LogPlace): LogRing {
  return new LogRing(device, start, (geometry.logblocks * geometry.blocksize) / BASIC_BLOCK);
}
