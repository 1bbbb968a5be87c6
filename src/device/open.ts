/**
 * Opens an image file or block device by path, with the guards: what is mounted, backs a mounted loop device,
 * or is held exclusively is refused for writing (code BUSY), and flagged `busy` for reading. A block device
 * opened for writing is held exclusively, so that nobody mounts it meanwhile. Directories, pipes, character
 * devices, empty and missing files are one clear line each.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  statfsSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { readKernelFile, splitDeviceNumber, whyBackingBusy, whyBlockDeviceBusy } from './busy.ts';
import { type Device, DeviceError } from './device.ts';
import { FileDevice, systemError } from './file.ts';
import { WindowDevice } from './window.ts';

export interface OpenOptions {
  readonly write?: boolean;
  /** Bytes: only what lies from here on (a partition inside a disk image). */
  readonly offset?: number;
  /** Bytes: no more than these; to the end without it. */
  readonly length?: number;
  /**
   * Bytes, counted from `offset`: a missing file is created and a shorter regular file is grown, sparse, to hold
   * this much. Needs `write`.
   */
  readonly create?: number;
  /**
   * Bytes: a missing file is created and a regular file is emptied, whatever it held, and then has this length,
   * sparse. Needs `write`.
   */
  readonly replace?: number;
}

/** Opens `path`; throws DeviceError. */
export function openDevice(path: string, options: OpenOptions = {}): Device {
  const offset = options.offset ?? 0;
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new DeviceError('RANGE', `${path}: offset ${offset} is no position in a file`);
  }
  const device = openWhole(path, offset, options);
  if (offset === 0 && options.length === undefined) return device;
  try {
    return new WindowDevice(device, offset, options.length);
  } catch (error) {
    device.close();
    throw error;
  }
}

function openWhole(path: string, offset: number, options: OpenOptions): FileDevice {
  const write = options.write ?? false;
  const stat = describe(path, write && (options.create ?? options.replace) !== undefined);
  const busy = stat && whyBusy(path, stat, offset, options.length);
  if (write && busy !== undefined) throw busyError(path, busy);
  const isBlock = stat?.isBlockDevice() ?? false;
  if (write && isBlock && isReadOnly(stat!.rdev)) {
    throw new DeviceError('READ_ONLY', `${path}: is a read-only device`);
  }
  const descriptor = openDescriptor(path, { write, isBlock, isMissing: stat === undefined });
  try {
    // What was looked at and what was opened must be one thing.
    const opened = fstatSync(descriptor, { bigint: true });
    if (stat && (opened.dev !== stat.dev || opened.ino !== stat.ino)) {
      throw new DeviceError('CHANGED', `${path}: replaced by something else while it was being opened`);
    }
    if (isBlock) {
      const size = blockDeviceSize(path, descriptor, opened.rdev);
      return new FileDevice({
        name: path,
        descriptor,
        size,
        writable: write,
        isBlock,
        busy,
        freshFrom: size,
      });
    }
    const { size, freshFrom } =
      write && options.replace !== undefined
        ? { size: replaceFile(path, descriptor, options.replace), freshFrom: 0 }
        : prepareFile(path, descriptor, opened, write ? options.create : undefined, offset);
    return new FileDevice({ name: path, descriptor, size, writable: write, isBlock, busy, freshFrom });
  } catch (error) {
    closeSync(descriptor);
    if (stat === undefined) unlinkSync(path); // we made it, and could not make it right
    throw error;
  }
}

/** What the path is; undefined when it is missing and may be. Throws for what can hold no filesystem. */
function describe(path: string, mayBeMissing: boolean): BigIntStats | undefined {
  let stat: BigIntStats;
  try {
    stat = statSync(path, { bigint: true });
  } catch (error) {
    if (mayBeMissing && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw systemError(error, path);
  }
  if (stat.isFile() || stat.isBlockDevice()) return stat;
  const [code, what] = stat.isDirectory()
    ? ['DIRECTORY', 'a directory']
    : stat.isCharacterDevice()
      ? ['TYPE', 'a character device']
      : stat.isFIFO()
        ? ['TYPE', 'a pipe']
        : ['TYPE', 'a socket'];
  throw new DeviceError(code!, `${path}: is ${what}, not an image file or block device`);
}

function whyBusy(
  path: string,
  stat: BigIntStats,
  offset: number,
  length = Number.POSITIVE_INFINITY,
): string | undefined {
  const isBlock = stat.isBlockDevice();
  const direct = isBlock ? whyBlockDeviceBusy(path, stat.rdev) : undefined;
  if (direct !== undefined) return direct;
  const { dev, ino, rdev } = stat;
  return whyBackingBusy({ dev, ino, rdev, isBlock }, { start: offset, end: offset + length });
}

function busyError(path: string, why: string): DeviceError {
  return new DeviceError('BUSY', `${path}: not written, because ${why}`, { path, why });
}

function openDescriptor(
  path: string,
  how: { readonly write: boolean; readonly isBlock: boolean; readonly isMissing: boolean },
): number {
  let flags = how.write ? constants.O_RDWR : constants.O_RDONLY;
  if (how.isMissing) flags |= constants.O_CREAT | constants.O_EXCL;
  if (how.isBlock && how.write) flags |= constants.O_EXCL;
  try {
    return openSync(path, flags, 0o666);
  } catch (error) {
    if (how.isBlock && (error as NodeJS.ErrnoException).code === 'EBUSY') {
      throw busyError(path, 'something holds it exclusively');
    }
    throw systemError(error, path);
  }
}

/** Empties a regular file and makes it `length` bytes of nothing. */
function replaceFile(path: string, descriptor: number, length: number): number {
  try {
    ftruncateSync(descriptor, 0);
    ftruncateSync(descriptor, length);
  } catch (error) {
    throw systemError(error, `${path}: making it ${length} bytes long`);
  }
  return length;
}

/** Size of a regular file, grown when asked, and from where on it is known to be zeros. */
function prepareFile(
  path: string,
  descriptor: number,
  stat: BigIntStats,
  create: number | undefined,
  offset: number,
): { size: number; freshFrom: number } {
  const before = Number(stat.size);
  const wanted = create === undefined ? before : Math.max(before, offset + create);
  if (wanted > Number.MAX_SAFE_INTEGER) {
    throw new DeviceError('RANGE', `${path}: ${wanted} bytes are more than this program can address`);
  }
  if (wanted === 0) throw new DeviceError('EMPTY', `${path}: is empty`);
  const freshFrom = isWhollySparse(path, descriptor, stat) ? 0 : before;
  if (wanted > before) {
    try {
      ftruncateSync(descriptor, wanted);
    } catch (error) {
      throw systemError(error, `${path}: making it ${wanted} bytes long`);
    }
  }
  return { size: wanted, freshFrom };
}

/** Filesystems (by statfs type) that count allocated blocks truthfully: ext4, XFS, btrfs, f2fs, tmpfs, overlay. */
const HONEST = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010, 0x01021994, 0x794c7630]);
/** Shorter files may live inside their inode, with no block allocated. */
const LEAST_SPARSE = 64 * 1024;

function isWhollySparse(path: string, descriptor: number, stat: BigIntStats): boolean {
  if (stat.size === 0n) return true;
  if (stat.blocks !== 0n || stat.size < LEAST_SPARSE) return false;
  try {
    if (!HONEST.has(Number(statfsSync(path).type) >>> 0)) return false;
    // Delayed allocation: data written but not yet on disk may not be counted before a flush.
    fsyncSync(descriptor);
    return fstatSync(descriptor, { bigint: true }).blocks === 0n;
  } catch {
    return false;
  }
}

/** Opening a read-only block device for writing succeeds; only the writes would fail. */
function isReadOnly(rdev: bigint): boolean {
  const { major, minor } = splitDeviceNumber(rdev);
  return readKernelFile(`/sys/dev/block/${major}:${minor}/ro`)?.trim() === '1';
}

/** Bytes of a block device: sysfs knows; elsewhere by finding the last byte that can be read. */
function blockDeviceSize(path: string, descriptor: number, rdev: bigint): number {
  const { major, minor } = splitDeviceNumber(rdev);
  const sectors = Number(readKernelFile(`/sys/dev/block/${major}:${minor}/size`) ?? Number.NaN);
  const size = Number.isSafeInteger(sectors) ? sectors * 512 : bisectSize((at) => canRead(descriptor, at));
  if (!Number.isSafeInteger(size)) throw new DeviceError('RANGE', `${path}: larger than 8 PiB`);
  if (size === 0) throw new DeviceError('EMPTY', `${path}: has no size (nothing attached, no medium)`);
  return size;
}

function canRead(descriptor: number, at: number): boolean {
  try {
    return readSync(descriptor, new Uint8Array(512), 0, 512, at) > 0;
  } catch {
    return false;
  }
}

/** Size in bytes, a multiple of 512, from a probe whether the sector at an offset can be read. */
export function bisectSize(readable: (offset: number) => boolean): number {
  if (!readable(0)) return 0;
  let last = 0;
  let beyond = 512;
  while (readable(beyond)) {
    last = beyond;
    beyond *= 2;
    if (!Number.isSafeInteger(beyond)) return Number.POSITIVE_INFINITY;
  }
  while (beyond - last > 512) {
    const middle = last + Math.floor((beyond - last) / 1024) * 512;
    if (readable(middle)) last = middle;
    else beyond = middle;
  }
  return last + 512;
}
