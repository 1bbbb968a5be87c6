/**
 * Losing the log: the filesystem as it is on disk, with an empty log in place of what waits in it. The cycle of the new
 * log is ahead of every LSN in metadata, for a kernel takes what seems to be from the future for damage.
 */
import { type Device, DeviceError, readBytes } from '../device/device.ts';
import { AGF } from '../format/agf.ts';
import type { Geometry } from '../format/geometry.ts';
import { BASIC_BLOCK } from '../format/log.ts';
import { viewOf } from '../format/struct.ts';
import { SUPERBLOCK } from '../format/superblock.ts';
import { ClearedLog } from '../fs/log/clear.ts';
import { headAt, placeOfLog } from '../fs/log/place.ts';
import { type CheckResult, checkSteps } from './check.ts';
import { readPrimary } from './observe/superblock.ts';
import type { CheckOptions } from './progress.ts';
import { FindingSink } from './sink.ts';
import type { Steps } from './steps.ts';

/** A cycle above this is no cycle that a log came to, but damage. */
const HIGHEST_CYCLE = 0x7fffffff;

export interface LostLog {
  /** The new log, seen in its place. */
  readonly cleared: ClearedLog;
  /** Check of the filesystem with it. */
  readonly check: CheckResult;
}

/** Checks the filesystem as it would be with an empty log. Throws DeviceError when its log is not at hand. */
export function* checkWithoutLog(device: Device, checking: CheckOptions): Steps<LostLog> {
  const primary = readPrimary(device, new FindingSink());
  if (primary.lost) throw new DeviceError('SUPERBLOCK', `${device.name}: its primary superblock is lost`);
  const { geometry, sector } = primary;
  const place = placeOfLog(device, geometry, checking.logDevice);
  const head = headAt(device, geometry, place);
  const blocks = (geometry.logblocks * geometry.blocksize) / BASIC_BLOCK;
  const isThere = geometry.logstart === 0 || geometry.isFsbnoRange(geometry.logstart, geometry.logblocks);
  if (!place || !isThere || place.start + blocks * BASIC_BLOCK > place.device.size)
    throw new DeviceError('LOG_DEVICE', `${device.name}: the log cannot be cleared: ${head.detail}`);
  const { uuid, logsunit } = SUPERBLOCK.over(sector);
  let cycle = Math.max(head.headCycle, highestCycle(device, geometry)) + 1;
  for (;;) {
    const cleared = new ClearedLog(place, { uuid, stripeUnit: logsunit, blocks, cycle });
    const view = place.external
      ? yield* checkSteps(device, { ...checking, logDevice: cleared })
      : yield* checkSteps(cleared, checking);
    const { cycleAhead } = view.observation;
    if (cycleAhead < cycle || cycleAhead >= HIGHEST_CYCLE) return { cleared, check: view };
    cycle = cycleAhead + 1;
  }
}

/** Highest cycle of the LSNs in the superblock and AGF headers, which are written often: a first guess. */
function highestCycle(device: Device, geometry: Geometry): number {
  const agBytes = geometry.agblocks * geometry.blocksize;
  let highest = 1;
  for (let agno = 0; agno < geometry.agcount; agno++) {
    for (const [sector, at] of [
      [0, SUPERBLOCK.offset.lsn],
      [1, AGF.offset.lsn],
    ] as const) {
      const byte = agno * agBytes + sector * geometry.sectsize;
      if (byte + geometry.sectsize > device.size) return highest;
      const cycle = viewOf(readBytes(device, byte, geometry.sectsize)).getUint32(at);
      if (cycle < HIGHEST_CYCLE) highest = Math.max(highest, cycle);
    }
  }
  return highest;
}
