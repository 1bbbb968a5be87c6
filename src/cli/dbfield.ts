/**
 * `xfskit db get` and `xfskit db set`: one field of an image, for scripts. A field is named as one would go there in
 * db: `inode 131 core.size`. Numbers are exact to 64 bits, in both directions.
 */
import type { Command } from 'commander';
import { commandsFor } from '../db/commands/wanted.ts';
import { openFilesystem } from '../db/filesystem.ts';
import { getField, goTo, parseSelector } from '../db/select.ts';
import { Session } from '../db/session.ts';
import { Stage } from '../db/stage.ts';
import { openDevice } from '../device/open.ts';
import { writeOut } from '../device/stdout.ts';
import { UsageError } from '../format/errors.ts';
import { exitBits } from './exit.ts';
import { protect } from './interrupt.ts';
import { parseOffset } from './offset.ts';

interface Flags {
  readonly json?: boolean;
  readonly offset?: string;
  readonly force?: boolean;
  readonly undo?: string;
}

const GET_HELP = `
  xfskit db get disk.img 'inode 131 core.size'
  xfskit db get disk.img 'inode 131; dblock 0; bu[2].name' --json
Exit status: 0, 8 when there is no such field or the device cannot be used, 16 usage.`;

const SET_HELP = `
  xfskit db set disk.img 'inode 131 core.uid' 1000
  xfskit db set disk.img 'sb 0 fname' '"backup"' --undo sb.undo
A value is a number (decimal, 0x, 0, negative), a "string", #hexadecimal bytes, or a UUID.
What the kernel would not read is refused, unless --force says otherwise; the CRC is right in either case.
Exit status: 0, 8 when it was not written, 16 usage.`;

export function defineGet(command: Command): void {
  command
    .argument('<IMAGE>', 'image file or block device')
    .argument('<FIELD>', 'where it is, and its name')
    .option('--json', 'as a JSON document of one line')
    .option('--offset <bytes>', 'the filesystem starts here in IMAGE')
    .addHelpText('after', GET_HELP)
    .action(async (image: string, selector: string, _flags: Flags, self: Command) => {
      const flags = self.optsWithGlobals<Flags>();
      const device = openDevice(image, flags.offset ? { offset: parseOffset(flags.offset) } : {});
      try {
        const session = new Session(openFilesystem(device), await commandsFor([selector]));
        const { text, json } = getField(session, selector);
        writeOut(flags.json ? `${JSON.stringify(json)}\n` : text);
      } finally {
        device.close();
      }
    });
}

export function defineSet(command: Command): void {
  command
    .argument('<IMAGE>', 'image file or block device')
    .argument('<FIELD>', 'where it is, and its name')
    .argument('<VALUE>', 'what it shall be')
    .option('--force', 'write what the kernel would not read, too')
    .option('--undo <journal>', 'write what is overwritten to a new file, for "xfskit undo"')
    .option('--json', 'what was written as a JSON document of one line')
    .option('--offset <bytes>', 'the filesystem starts here in IMAGE')
    .addHelpText('after', SET_HELP)
    .action(async (image: string, selector: string, value: string, _flags: Flags, self: Command) => {
      const flags = self.optsWithGlobals<Flags>();
      const selection = parseSelector(selector);
      const { field } = selection;
      if (field === undefined) throw new UsageError(`'${selector}' names no field`);
      const offset = flags.offset ? { offset: parseOffset(flags.offset) } : {};
      const undo = flags.undo === undefined ? {} : { undoPath: flags.undo };
      const stage = new Stage(openDevice(image, { write: true, ...offset }), { protect, ...undo });
      try {
        const session = new Session(openFilesystem(stage), await commandsFor([selector, 'write']), {
          expert: true,
        });
        goTo(session, selection);
        const output = session.runArgs(['write', ...(flags.force ? ['-d'] : []), '--', field, value]);
        stage.endCommand();
        stage.settle();
        if (output?.failed) process.exitCode = exitBits.operational;
        writeOut(flags.json ? `${JSON.stringify(output?.json)}\n` : (output?.text ?? ''));
      } finally {
        stage.close();
      }
    });
}
