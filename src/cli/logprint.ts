/** `xfskit log print --reference LETTERS`: what xfs_logprint prints, for the drop-in of that name. */
import { runLogprint } from '../db/logprint/run.ts';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import { exitBits } from './exit.ts';
import type { LogActionFlags } from './loggedimage.ts';
import { PrintBatch } from './outputs.ts';
import { placeIn } from './place.ts';

export function logprint(image: string, flags: LogActionFlags): void {
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
