/** The other devices of a filesystem that check is given: an external log (-l), the realtime section (-r). */
import type { Device } from '../device/device.ts';
import { DeviceError, readBytes } from '../device/device.ts';
import type { Finding } from '../format/findings.ts';
import type { Geometry } from '../format/geometry.ts';
import { SB_MAGIC, SUPERBLOCK } from '../format/superblock.ts';
import { findingOf } from '../repair/sink.ts';

const SECTOR = 512;

/** Refuses a device that the filesystem does not have. What is no superblock says so by itself, later. */
export function refuseSides(
  device: Device,
  logDevice: Device | undefined,
  rtDevice: Device | undefined,
): void {
  if ((!logDevice && !rtDevice) || device.size < SECTOR) return;
  const sb = SUPERBLOCK.over(readBytes(device, 0, SECTOR));
  if (sb.magicnum !== SB_MAGIC) return;
  if (logDevice && sb.logstart !== 0)
    throw new DeviceError('LOG_DEVICE', `${device.name}: its log is inside; -l is for an external one`);
  if (rtDevice && sb.rblocks === 0)
    throw new DeviceError('RT_DEVICE', `${device.name}: has no realtime section; -r is for its device`);
}

/** What is wrong with the realtime device: it must hold what the superblock counts. */
export function checkRtDevice(geometry: Geometry, rtDevice: Device | undefined): readonly Finding[] {
  if (!rtDevice) return [];
  const expected = geometry.rblocks * geometry.blocksize;
  const found = rtDevice.size;
  if (found >= expected) return [];
  const message = `realtime device ${rtDevice.name}: ${found} bytes, the superblock counts ${expected}`;
  return [findingOf('DEVICE_SHORT', { structure: 'rt' }, message, { found, expected })];
}
