/**
 * Is a device or image in use by a mounted filesystem? Writing under one destroys it, and Linux does not stop
 * that: plain O_RDWR on a mounted block device succeeds, and nothing at all protects the file behind a loop
 * device. Three sources together tell:
 *  - /proc/self/mountinfo: a mount whose device number is that of the block device;
 *  - O_EXCL on a block device: EBUSY when it is mounted (in any namespace) or held by dm, md, swap, ...;
 *  - /sys/block/loop*: loop devices backed by the file (compared by device and inode, so links do not hide
 *    it), which are themselves mounted or held.
 * A loop device that is attached but unused does not count. All of this is Linux; elsewhere nothing is busy.
 */
import { closeSync, constants, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/** Splits a raw st_rdev as Linux packs it: 12 + 20 bits of major, 8 + 24 bits of minor, interleaved. */
export function splitDeviceNumber(rdev: bigint): DeviceNumber {
  const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n);
  const minor = (rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}

/** Where a device number is mounted, by the text of a mountinfo file; undefined when it is not. */
export function mountPointOf(mountinfo: string, device: DeviceNumber): string | undefined {
  const wanted = `${device.major}:${device.minor}`;
  for (const line of mountinfo.split('\n')) {
    const fields = line.split(' ');
    if (fields[2] === wanted) return unescapeOctal(fields[4] ?? '?');
  }
  return undefined;
}

function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** What is in a file of /proc or /sys, trimmed; undefined when it is not there. */
export function readKernelFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** True when the block device refuses an exclusive opener; false also when that cannot be found out. */
function isHeld(path: string): boolean {
  try {
    closeSync(openSync(path, constants.O_RDONLY | constants.O_EXCL));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EBUSY';
  }
}

/** Why a block device must not be written; undefined when nothing is known against it. */
export function whyBlockDeviceBusy(path: string, rdev: bigint): string | undefined {
  const mountPoint = mountPointOf(readKernelFile('/proc/self/mountinfo') ?? '', splitDeviceNumber(rdev));
  if (mountPoint !== undefined) return `it is mounted on ${mountPoint}`;
  return isHeld(path) ? 'something holds it exclusively (a mount, swap, device mapper, ...)' : undefined;
}

/** A byte range of a file. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Why a regular file (or the block device below a loop device) must not be written: a loop device over it that
 * is mounted or held, and whose range of the file overlaps `range`.
 */
export function whyBackingBusy(
  identity: { readonly dev: bigint; readonly ino: bigint; readonly rdev: bigint; readonly isBlock: boolean },
  range: ByteRange,
): string | undefined {
  for (const name of loopNames()) {
    const folder = `/sys/block/${name}`;
    const backing = readKernelFile(`${folder}/loop/backing_file`);
    if (backing === undefined || !isSameFile(backing, identity)) continue;
    if (!overlaps(loopRange(folder), range)) continue;
    const why = whyLoopBusy(name);
    if (why !== undefined) return `it backs /dev/${name}: ${why}`;
  }
  return undefined;
}

function loopNames(): string[] {
  try {
    return readdirSync('/sys/block').filter((name) => /^loop\d+$/.test(name));
  } catch {
    return [];
  }
}

function isSameFile(path: string, identity: Parameters<typeof whyBackingBusy>[0]): boolean {
  try {
    const stat = statSync(path, { bigint: true });
    if (identity.isBlock) return stat.isBlockDevice() && stat.rdev === identity.rdev;
    return stat.dev === identity.dev && stat.ino === identity.ino;
  } catch {
    return false;
  }
}

/** The part of its file that a loop device shows. */
function loopRange(folder: string): ByteRange {
  const start = Number(readKernelFile(`${folder}/loop/offset`) ?? 0);
  const limit = Number(readKernelFile(`${folder}/loop/sizelimit`) ?? 0);
  return { start, end: limit > 0 ? start + limit : Number.POSITIVE_INFINITY };
}

function overlaps(a: ByteRange, b: ByteRange): boolean {
  return a.start < b.end && b.start < a.end;
}

/** Why a loop device (or a partition of it) is in use. */
function whyLoopBusy(name: string): string | undefined {
  const mountinfo = readKernelFile('/proc/self/mountinfo') ?? '';
  const folder = `/sys/block/${name}`;
  const parts = readdirSync(folder).filter((entry) => entry.startsWith(`${name}p`));
  for (const numbers of [folder, ...parts.map((part) => join(folder, part))]) {
    const [major, minor] = (readKernelFile(`${numbers}/dev`) ?? '').split(':').map(Number);
    if (major === undefined || minor === undefined) continue;
    const mountPoint = mountPointOf(mountinfo, { major, minor });
    if (mountPoint !== undefined) return `mounted on ${mountPoint}`;
  }
  return isHeld(`/dev/${name}`) ? 'held exclusively' : undefined;
}
