/**
 * The log on its way into a dump. A clean one holds nothing that is needed, but old metadata and names in plenty: it
 * goes out as an empty one of the next cycle. A dirty one, or one that cannot be understood, goes out as it is, and
 * so does any log when nothing is to be changed.
 */
import { type Device, DeviceError } from '../../device/device.ts';
import { DADDR_BYTES } from '../../format/geometry.ts';
import { DUMP_DEVICE } from '../../format/metadump.ts';
import { cleanLogRecords } from '../../fs/log/clean.ts';
import { findLogHead, type LogHead } from '../../fs/log/head.ts';
import type { DumpContext } from './context.ts';

const PIECE = 2 ** 20;

export interface LogSource {
  readonly device: Device;
  readonly isExternal: boolean;
  readonly head: LogHead;
  readonly uuid: string;
  /** Bytes, as in the superblock. */
  readonly stripeUnit: number;
}

/** Where the log is and in which state; undefined for an external log that was not given. */
export function findLog(
  context: { readonly device: Device; readonly geometry: DumpContext['geometry'] },
  external: Device | undefined,
  superblock: { readonly uuid: string; readonly logsunit: number },
): LogSource | undefined {
  const isExternal = context.geometry.logstart === 0;
  const device = isExternal ? external : context.device;
  if (!device) return undefined;
  const head = findLogHead(device, context.geometry, isExternal);
  return { device, isExternal, head, uuid: superblock.uuid, stripeUnit: superblock.logsunit };
}

export function dumpLog(context: DumpContext, log: LogSource): void {
  const { geometry, listener, options } = context;
  listener.progress('Copying log');
  const bytes = geometry.logblocks * geometry.blocksize;
  const start = log.isExternal ? 0 : geometry.fsbnoByte(geometry.logstart);
  if (!(start >= 0 && bytes > 0 && start + bytes <= log.device.size)) {
    context.cannotRead('log');
    return;
  }
  context.sink.begin(
    start / DADDR_BYTES,
    bytes / DADDR_BYTES,
    log.isExternal ? DUMP_DEVICE.LOG : DUMP_DEVICE.DATA,
  );
  if (context.changes && log.head.state === 'clean') {
    listener.progress('Zeroing clean log');
    appendEmptyLog(context, log, bytes);
    return;
  }
  if (options.obfuscate) {
    listener.warn(
      log.head.state === 'dirty'
        ? 'the log is dirty: it holds names as they are, and replaying it into the dump can damage it; mount and unmount first, or use -o'
        : 'the log cannot be understood: it goes into the dump as it is, with the names in it',
    );
  }
  copyLog(context, log.device, start, bytes);
}

function appendEmptyLog(context: DumpContext, log: LogSource, bytes: number): void {
  const zeros = new Uint8Array(PIECE);
  const blocks = bytes / DADDR_BYTES;
  const fillTo = (from: number, to: number): void => {
    for (let at = from; at < to; at += PIECE)
      context.sink.append(zeros.subarray(0, Math.min(PIECE, to - at)));
  };
  let done = 0;
  const { uuid, stripeUnit } = log;
  for (const piece of cleanLogRecords({ uuid, stripeUnit, blocks, cycle: log.head.headCycle + 1 })) {
    const start = piece.block * DADDR_BYTES;
    if (start + piece.bytes.length > bytes) break; // too small a log for its stripe unit
    fillTo(done, start);
    context.sink.append(piece.bytes);
    done = start + piece.bytes.length;
  }
  fillTo(done, bytes);
}

/** What cannot be read of a log is zeros in the dump: its extent was announced. */
function copyLog(context: DumpContext, device: Device, start: number, bytes: number): void {
  const buffer = new Uint8Array(Math.min(PIECE, bytes));
  for (let at = 0; at < bytes; at += buffer.length) {
    const piece = buffer.subarray(0, Math.min(buffer.length, bytes - at));
    try {
      device.read(start + at, piece);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      context.cannotRead('log');
      piece.fill(0);
    }
    context.sink.append(piece);
  }
}
