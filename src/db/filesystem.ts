/**
 * The filesystem that db looks at: device, geometry, and bounded reads. Nothing is verified here beyond what makes
 * addresses computable: db must open what check calls broken. When the primary superblock gives no geometry, the
 * first copy of it on the device that does is taken, and the caller warns.
 */
import { type Device, DeviceError, readBytes } from '../device/device.ts';
import { UnsupportedFeature } from '../format/errors.ts';
import { DADDR_BYTES, type Geometry } from '../format/geometry.ts';
import { geometryOf, SUPERBLOCK } from '../format/superblock.ts';
import { verifySuperblock } from '../format/verify.ts';
import { PutOffWrites } from '../fs/putoff.ts';
import { findSuperblockCopy } from '../fs/superblockcopy.ts';
import { DbError } from './error.ts';
import { Stage } from './stage.ts';

const LARGEST_SECTOR = 32768;

/** A device beside the data device. */
export type SideDevice = 'log' | 'realtime';

/** Fields of the superblock that the image was opened with. */
export type SuperblockFields = ReturnType<typeof SUPERBLOCK.over>;

export class Filesystem {
  /** What is read from, and written to: a Stage when it may be written. */
  readonly device: Device;
  readonly geometry: Geometry;
  readonly superblock: SuperblockFields;
  /** What the user should know about how it was opened. */
  readonly warnings: readonly string[];
  /** Blocks as they were before commands of the session changed attributes. */
  readonly putOff = new PutOffWrites();
  /** Device of an external log, and of the realtime section, where they were named. */
  log: Device | undefined;
  realtime: Device | undefined;

  constructor(device: Device, sector: Uint8Array, warnings: readonly string[]) {
    this.device = device;
    this.geometry = geometryOf(sector);
    this.superblock = SUPERBLOCK.over(sector);
    this.warnings = warnings;
  }

  /** 512-byte units in a block. */
  get blockBbs(): number {
    return this.geometry.blocksize / DADDR_BYTES;
  }

  /** Block that holds a daddr, as fsbno. */
  daddrFsbno(daddr: number): number {
    const { agblocks } = this.geometry;
    const block = Math.floor(daddr / this.blockBbs);
    return this.geometry.fsbno(Math.floor(block / agblocks), block % agblocks);
  }

  /** Where writes go; undefined when the image was opened for reading only. */
  get stage(): Stage | undefined {
    return this.device instanceof Stage ? this.device : undefined;
  }

  /** All that is written in stages: the image, and an external log. */
  get stages(): readonly Stage[] {
    return [this.log, this.device].filter((device) => device instanceof Stage);
  }

  /** Grows whenever bytes that were read may have become old. */
  get generation(): number {
    return this.stage?.generation ?? 0;
  }

  /** Reads bytes; throws DbError outside of the device. */
  read(offset: number, length: number): Uint8Array {
    if (!(offset >= 0) || offset + length > this.device.size) {
      throw new DbError(
        `bytes ${offset} to ${offset + length - 1} lie outside of the device (${this.device.size} bytes)`,
        true,
      );
    }
    return readBytes(this.device, offset, length);
  }

  /** Reads bytes of an external log or the realtime section; throws DbError outside of it or when it was not named. */
  readSide(side: SideDevice, offset: number, length: number): Uint8Array {
    const device = this[side];
    if (!device) {
      const isLog = side === 'log';
      throw new DbError(isLog ? 'no external log specified' : 'realtime device not loaded, use -R.', isLog);
    }
    if (!(offset >= 0) || offset + length > device.size) {
      throw new DbError(`bytes ${offset} to ${offset + length - 1} lie outside of ${device.name}`, true);
    }
    return readBytes(device, offset, length);
  }

  /** Stages bytes; throws DbError outside of the device or when it was opened for reading only. */
  write(offset: number, bytes: Uint8Array): void {
    if (!this.stage) throw new DbError('the image is open for reading only');
    if (!(offset >= 0) || offset + bytes.length > this.device.size) {
      throw new DbError(`bytes ${offset} to ${offset + bytes.length - 1} lie outside of the device`);
    }
    this.stage.write(offset, bytes);
  }
}

/** Opens what is on a device. Throws DeviceError or UnsupportedFeature when no superblock on it gives a geometry. */
export function openFilesystem(device: Device): Filesystem {
  if (device.size < 512) {
    throw new DeviceError('SIZE', `${device.name}: ${device.size} bytes hold no superblock`);
  }
  const primary = readBytes(device, 0, Math.min(device.size, LARGEST_SECTOR));
  const problems = verifySuperblock(primary, device.size);
  const stop = problems.find((problem) => problem.stops);
  if (!stop) {
    const warnings = problems.map(({ message }) => `primary superblock: ${message}`);
    return new Filesystem(device, primary, warnings);
  }
  const copy = findSuperblockCopy(device);
  if (!copy) {
    const why = `primary superblock: ${stop.message}, and no usable copy was found`;
    if (stop.field === 'versionnum') throw new UnsupportedFeature(`${device.name}: ${why}`);
    throw new DeviceError('NOTXFS', `${device.name}: ${why}`);
  }
  return new Filesystem(device, copy.sector, [
    `primary superblock: ${stop.message}; using the copy at byte ${copy.offset}`,
  ]);
}
