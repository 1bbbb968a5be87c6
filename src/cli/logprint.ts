/**
 * `xfskit log print`: what waits in the log, in db's names. With `--reference LETTERS` what xfs_logprint prints, for the
 * drop-in of that name.
 */
import { printLog } from '../db/log/print.ts';
import { runLogprint } from '../db/logprint/run.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import { UsageError } from '../format/errors.ts';
import { ringOf } from '../fs/log/place.ts';
import { oneLine } from './errorline.ts';
import { exitBits } from './exit.ts';
import { type LogActionFlags, openLogged } from './loggedimage.ts';
import { PrintBatch } from './outputs.ts';
import { placeIn } from './place.ts';

export function logprint(image: string, flags: LogActionFlags): void {
  if (flags.reference !== undefined) printReference(image, flags);
  else printOwn(image, flags);
}

const LEAD = 'xfskit log';

function printOwn(image: string, flags: LogActionFlags): void {
  const start = flags.start === undefined ? undefined : Number(flags.start);
  if (start !== undefined && !(Number.isSafeInteger(start) && start >= 0))
    throw new UsageError(`-s ${flags.start}: not a block of the log`);
  const isDetailed = flags.inodes || flags.buffers || flags.quotas;
  if (isDetailed && !flags.transactions) throw new UsageError('-i, -b and -q go with -t');
  const opened = openLogged(image, flags, LEAD);
  const batch = new PrintBatch();
  try {
    const { filesystem, place, head } = opened;
    if (!place || (head.state !== 'clean' && head.state !== 'dirty')) {
      process.stderr.write(`${LEAD}: ${image}: the log cannot be read: ${oneLine(head.detail)}\n`);
      process.exitCode = exitBits.operational;
      return;
    }
    const json = flags.json === true;
    if (!json) batch.add(`log ${head.state}: ${head.detail}\n`);
    const form = {
      transactions: flags.transactions === true,
      inodes: flags.inodes === true,
      buffers: flags.buffers === true,
      quotas: flags.quotas === true,
      data: flags.data === true,
      goesOn: flags.goOn === true,
      json,
      start,
    };
    const ring = ringOf(filesystem.geometry, place);
    const damage = printLog({ filesystem, ring, head }, form, (text) => batch.add(text));
    batch.flush();
    for (const message of damage) process.stderr.write(`${LEAD}: ${image}: ${oneLine(message)}\n`);
    if (damage.length > 0) process.exitCode = exitBits.operational;
  } finally {
    batch.flush();
    opened.close();
  }
}

function printReference(image: string, flags: LogActionFlags): void {
  const opened: Device[] = [];
  const open = (path: string, options = {}): Device => {
    const device = openDevice(path, options);
    opened.push(device);
    return device;
  };
  const batch = new PrintBatch();
  try {
    const device = open(image, placeIn(image, flags));
    const logDevice = flags.log === undefined ? undefined : open(flags.log);
    const line = {
      letters: flags.reference ?? '',
      start: flags.start === undefined ? undefined : Number.parseInt(flags.start, 10) || 0,
      copy: flags.copy,
      device,
      logDevice,
    };
    const complain = (text: string): void => {
      batch.flush();
      process.stderr.write(text);
    };
    if (!runLogprint(line, (text) => batch.add(text), complain)) process.exitCode = exitBits.operational;
  } finally {
    batch.flush();
    for (const device of opened) device.close();
  }
}
