/** The log as check looks at it: its state, and the records that count. */
import { type Device, DeviceError } from '../../device/device.ts';
import type { Geometry } from '../../format/geometry.ts';
import { BASIC_BLOCK } from '../../format/log.ts';
import { findLogHead } from '../../fs/log/head.ts';
import { checkLogRecords } from '../../fs/log/recordcheck.ts';
import type { LogObservation } from '../observation.ts';
import type { FindingSink } from '../sink.ts';

/** `uuid`: the user-visible one, which records carry. `logDevice`: where an external log is, if it is at hand. */
export function observeLog(
  device: Device,
  geometry: Geometry,
  uuid: string,
  sink: FindingSink,
  logDevice: Device | undefined,
): LogObservation {
  const external = geometry.logstart === 0 ? logDevice : undefined;
  const log = findLogHead(external ?? device, geometry, external !== undefined);
  if (log.state === 'dirty') sink.add('LOG_DIRTY', { structure: 'log' }, `log: dirty, ${log.detail}`);
  if (log.state === 'unreadable') sink.add('LOG_UNREADABLE', { structure: 'log' }, `log: ${log.detail}`);
  if (log.state === 'external' || log.state === 'unreadable') return log;
  const place = {
    device: external ?? device,
    start: external ? 0 : geometry.fsbnoByte(geometry.logstart),
    blocks: (geometry.logblocks * geometry.blocksize) / BASIC_BLOCK,
    uuid,
  };
  try {
    for (const { block, field, found, expected } of checkLogRecords(place, log)) {
      const text = `log: record at basic block ${block}: ${field} ${found}, expected ${expected}`;
      sink.add('LOG_RECORD', { structure: 'log', field }, text, { found, expected });
    }
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    sink.add('READ_FAILED', { structure: 'log' }, `log: ${error.message}`);
  }
  return log;
}
