/** `xfskit mdrestore SOURCE TARGET`: makes a filesystem of a metadata dump, of either version. */
import type { Command } from 'commander';
import { openDumpInput } from '../db/dump/file.ts';
import { type DumpHead, describeDump, readDumpHead, restoreDump } from '../db/dump/restore.ts';
import { type Device, DeviceError } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import { UsageError } from '../format/errors.ts';

interface Flags {
  readonly progress?: boolean;
  readonly info?: boolean;
  readonly log?: string;
  readonly rtdev?: string;
}

const AFTER_HELP = `
SOURCE "-" is the standard input. A regular file as TARGET is emptied, made as long as the filesystem, and stays
sparse; a device must be large enough. Until all of the dump is there, the superblock says "in progress": what a
restore that failed leaves behind is no filesystem. With -i and without TARGET nothing is restored.
Exit status: 0 restored, 8 not restored, 16 usage.`;

export function define(command: Command): void {
  command
    .argument('<SOURCE>', 'metadata dump')
    .argument('[TARGET]', 'image file or block device')
    .option('-g, --progress', 'show progress')
    .option('-i, --info', 'say what kind of dump it is')
    .option('-l, --log <device>', 'where the external log of the dump goes')
    .option('-r, --rtdev <device>', 'where the realtime section of the dump goes')
    .addHelpText('after', AFTER_HELP)
    .action((source: string, target: string | undefined, flags: Flags) => {
      if (target === undefined && !flags.info) throw new UsageError('a target is needed, or -i');
      const dump = openDumpInput(source);
      try {
        const head = readDumpHead(dump.input);
        if (flags.info) process.stdout.write(describeDump(source, head));
        if (target === undefined) return;
        for (const path of [target, flags.log, flags.rtdev]) {
          if (path !== undefined && dump.isSame(path)) throw new UsageError(`${path}: is the dump itself`);
        }
        needDevices(head, flags);
        const progress = flags.progress ? new Progress() : undefined;
        const targets = openTargets(head, target, flags);
        try {
          restoreDump(dump.input, head, targets, (bytes) => progress?.show(bytes));
        } finally {
          progress?.end();
          for (const device of [targets.log, targets.realtime, targets.data]) device?.close();
        }
      } finally {
        dump.close();
      }
    });
}

function needDevices({ version, logBytes, realtimeBytes }: DumpHead, flags: Flags): void {
  if (version === 1 && flags.log !== undefined) throw new UsageError('-l: this dump holds no external log');
  if (logBytes > 0 && flags.log === undefined) {
    throw new UsageError('this dump holds an external log: say with -l where it goes');
  }
  if (realtimeBytes > 0 && flags.rtdev === undefined) {
    throw new UsageError('this dump holds a part of a realtime device: say with -r where it goes');
  }
}

interface Targets {
  readonly data: Device;
  readonly log?: Device;
  readonly realtime?: Device;
}

/** All of them, or none stays open. */
function openTargets(head: DumpHead, target: string, flags: Flags): Targets {
  const opened: Device[] = [];
  const open = (path: string, bytes: number): Device => {
    const device = openDevice(path, { write: true, replace: bytes });
    opened.push(device);
    if (device.size < bytes) {
      throw new DeviceError('SIZE', `${path}: has ${device.size} bytes, the filesystem takes ${bytes}`);
    }
    return device;
  };
  try {
    return {
      data: open(target, head.dataBytes),
      ...(head.logBytes > 0 ? { log: open(flags.log!, head.logBytes) } : {}),
      ...(head.realtimeBytes > 0 ? { realtime: open(flags.rtdev!, head.realtimeBytes) } : {}),
    };
  } catch (error) {
    for (const device of opened) device.close();
    throw error;
  }
}

const MIB = 2 ** 20;
const PROGRESS_WIDTH = 59;

class Progress {
  private shown = -1;

  show(bytes: number): void {
    const now = Math.floor(bytes / MIB);
    if (now === this.shown) return;
    this.shown = now;
    process.stdout.write(`\r${`${now} MB read`.padEnd(PROGRESS_WIDTH)}`);
  }

  end(): void {
    if (this.shown >= 0) process.stdout.write('\n');
  }
}
