/**
 * Reading a filesystem as it is, sound or not: device and geometry together, and reads that answer `undefined`
 * instead of throwing. The readers of this folder (inodes, extents, directories, attributes, symlinks, paths) go
 * through here. They trust nothing: what they yield is in range and bounded, what they skip they report.
 */
import { type Device, DeviceError } from '../../device/device.ts';
import type { Geometry } from '../../format/geometry.ts';

export interface Volume {
  readonly device: Device;
  readonly geometry: Geometry;
}

/** Told, one line each, what could not be read or made no sense. */
export type Report = (what: string) => void;

export const ignore: Report = () => undefined;

/** `length` bytes from byte `offset`; undefined past the end of the device or where it cannot be read. */
export function tryRead(device: Device, offset: number, length: number): Uint8Array | undefined {
  if (!(offset >= 0) || offset + length > device.size) return undefined;
  const into = new Uint8Array(length);
  return tryReadInto(device, offset, into) ? into : undefined;
}

/** As `tryRead`, into memory that the caller has; false where it cannot be read. */
export function tryReadInto(device: Device, offset: number, into: Uint8Array): boolean {
  if (!(offset >= 0) || offset + into.length > device.size) return false;
  try {
    device.read(offset, into);
    return true;
  } catch (error) {
    if (error instanceof DeviceError) return false;
    throw error;
  }
}
