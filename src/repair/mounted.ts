/**
 * What a mount would see: with a dirty log the image is behind, and every index in it with good reason. So the log is
 * replayed onto an overlay, and the check looks at that; the image itself is not touched. A log that cannot be
 * replayed leaves the image as it is, and findings about it are provisional.
 */
import { type Device, DeviceError } from '../device/device.ts';
import { OverlayDevice } from '../device/overlay.ts';
import { XfskitError } from '../format/errors.ts';
import type { Geometry } from '../format/geometry.ts';
import type { LogHead } from '../fs/log/head.ts';
import { headAt, placeOfLog } from '../fs/log/place.ts';
import { applyRecovery, planRecovery, type Recovery } from '../fs/log/recover/recover.ts';
import { readPrimary } from './observe/superblock.ts';
import { FindingSink } from './sink.ts';

export interface MountedView {
  readonly device: Device;
  readonly logDevice: Device | undefined;
  /** The log of the image; undefined when its superblock cannot be used. */
  readonly head: LogHead | undefined;
  readonly recovery: Recovery | undefined;
  /** Why a dirty log could not be replayed. */
  readonly failure: string | undefined;
}

/**
 * Looks at the log, and replays it where it is dirty. `logDevice`: of an external log; `cut`: block of a damaged record,
 * which is given up with all that follows.
 */
export function mountedView(device: Device, logDevice?: Device, cut?: number): MountedView {
  const same = { device, logDevice, recovery: undefined, failure: undefined };
  const geometry = geometryOfPrimary(device);
  if (!geometry) return { ...same, head: undefined };
  const log = placeOfLog(device, geometry, logDevice);
  const head = headAt(device, geometry, log);
  if (head.state !== 'dirty' || !log) return { ...same, head };
  try {
    const recovery = planRecovery(device, geometry, log, head, cut);
    const after = new OverlayDevice(device);
    const logAfter = log.external ? new OverlayDevice(log.device) : undefined;
    applyRecovery(recovery, after, logAfter ?? after);
    return { device: after, logDevice: logAfter ?? logDevice, head, recovery, failure: undefined };
  } catch (error) {
    if (!(error instanceof XfskitError || error instanceof DeviceError)) throw error;
    return { ...same, head, failure: error.message };
  }
}

/** Undefined when check will say what is wrong with the superblock. */
function geometryOfPrimary(device: Device): Geometry | undefined {
  try {
    return readPrimary(device, new FindingSink()).geometry;
  } catch (error) {
    if (!(error instanceof XfskitError || error instanceof DeviceError)) throw error;
    return undefined;
  }
}

/** What replaying did, in words. */
export function describeRecovery({ replay, intents, unlinked, cutLists, staging }: Recovery): string {
  const parts = [`${number(replay.transactions, 'transaction')} replayed`];
  const open = Object.entries(intents).map(([kind, count]) => `${count} ${kind}`);
  if (open.length > 0) parts.push(`open intents finished: ${open.join(', ')}`);
  if (unlinked > 0) parts.push(`${number(unlinked, 'deleted inode')} freed`);
  if (cutLists.length > 0) parts.push(`${number(cutLists.length, 'broken list')} of deleted inodes cut off`);
  if (staging.length > 0) parts.push(`${number(staging.length, 'leaked CoW staging extent')} freed`);
  return parts.join('; ');
}

function number(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
