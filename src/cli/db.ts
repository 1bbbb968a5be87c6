/**
 * `xfskit db`: looks at an image by structure and field, and with -x edits it, with the commands, names and text of
 * xfs_db. Without -x the device is opened for reading only. Exit code 8 when any command failed: bit 1 would say that
 * something was fixed.
 */
import { type Command, Option } from 'commander';
import { commandsFor } from '../db/commands/wanted.ts';
import { openFilesystem } from '../db/filesystem.ts';
import { runInput, showResult } from '../db/prompt.ts';
import { type CommandRow, type Result, resultLines, Session } from '../db/session.ts';
import { Stage } from '../db/stage.ts';
import { type Device, readBytes } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import { UsageError } from '../format/errors.ts';
import { viewOf } from '../format/struct.ts';
import { SB_MAGIC } from '../format/superblock.ts';
import type { Vocabulary } from '../report/outline.ts';
import { useColour } from './colour.ts';
import { defineGet, defineSet } from './dbfield.ts';
import { exitBits } from './exit.ts';
import { protect } from './interrupt.ts';
import { parseOffset } from './offset.ts';

/** Characters of JSON lines that are written at once. */
const JSON_CHUNK = 1 << 16;

interface Flags {
  readonly command?: readonly string[];
  readonly expert?: boolean;
  readonly readOnly?: boolean;
  readonly inactive?: boolean;
  readonly program?: string;
  readonly undo?: string;
  readonly json?: boolean;
  readonly offset?: string;
  readonly logDevice?: string;
  readonly rtDevice?: string;
  readonly force?: boolean;
  readonly referenceStatus?: boolean;
}

const afterHelp = (rows: readonly CommandRow[]) => `
Without -c, commands are read from standard input: at a prompt on a terminal, quietly from a pipe.
Commands:
${rows.map((row) => `  ${`${row.name} ${row.args ?? ''}`.trimEnd().padEnd(40)} ${row.summary}`).join('\n')}

  xfskit db -c 'agf 0' -c 'addr rmaproot' -c 'print recs[1-4]' disk.img
At the prompt, Tab completes commands, types, units, fields and files, and ctrl-C breaks off a command that does not
write. Lines are kept in ~/.xfskit_history (xfskit/db_history in XDG_STATE_HOME where that is set; XFSKIT_HISTORY names
another file, or none), but for those that begin with a blank.
--json: a line for each command, or for each row of a list: {"command": ..., "result": ...}, or "error" in place of the
result; null is nothing to show. Whole numbers above 2^53 are strings of digits; masks and LSNs are strings "0x...".
Exit status: 0, 1 if a diff found a difference, 8 if a command failed or the device cannot be used, 16 usage.`;

export async function define(command: Command, helps: boolean): Promise<void> {
  command
    .argument('<IMAGE>', 'image file or block device')
    .option('-c, --command <cmd>', 'run this command and exit; may be repeated', collect)
    .option('-x, --expert', 'open the image for writing, with the commands that write')
    .option('-r, --read-only', 'open the image for reading only, whatever else is said')
    .option('-i, --inactive', 'as -r, for an image that is mounted for reading only')
    .option('-f, --file', 'accepted: whether IMAGE is a file is seen from it')
    .option('-F, --force', 'accepted: a broken primary superblock stops nothing here')
    .option('-p, --program <name>', 'what messages call the program')
    .option('-l, --log-device <device>', 'where an external log is')
    .option('-R, --rt-device <device>', 'where the realtime section is')
    .option('--undo <journal>', 'with -x: write what each commit overwrites to a new file, for "xfskit undo"')
    .option('--json', "each command's result as a JSON document of one line")
    .option('--offset <bytes>', 'the filesystem starts here in IMAGE')
    .addOption(new Option('--reference-status', 'refuse and end as xfs_db does').hideHelp())
    .enablePositionalOptions()
    .action(async (image: string, flags: Flags) => {
      const device = openImage(image, flags);
      const log = flags.logDevice === undefined ? undefined : openLog(flags.logDevice, flags);
      const realtime = flags.rtDevice === undefined ? undefined : openDevice(flags.rtDevice);
      try {
        if (flags.referenceStatus && !flags.force) refuseForeign(device);
        const filesystem = openFilesystem(device);
        filesystem.log = log;
        filesystem.realtime = realtime;
        for (const warning of filesystem.warnings)
          process.stderr.write(`${flags.program ?? 'xfskit db'}: warning: ${warning}\n`);
        const drawing = mayDraw(flags.command) ? (await import('./mapdrawing.ts')).drawing : undefined;
        const session = new Session(filesystem, await commandsFor(flags.command), {
          expert: flags.expert ?? false,
          ...(drawing === undefined ? {} : { drawing }),
          ...(flags.program === undefined ? {} : { program: flags.program }),
        });
        const pieces = flags.json ? jsonPieces : textPieces;
        if (flags.command) runCommands(session, flags.command, (result) => showResult(result, pieces));
        else await runInput(session, { pieces, colour: useColour() });
        for (const stage of filesystem.stages) stage.settle();
        if (flags.referenceStatus) process.exitCode = session.exitCode;
        else if (session.failed) process.exitCode = exitBits.operational;
        else if (session.differs) process.exitCode = exitBits.different;
      } finally {
        for (const each of [log, realtime, device]) each?.close();
      }
    });
  if (helps) command.addHelpText('after', afterHelp(await commandsFor(undefined)));
  defineGet(command.command('get').description('one field of an image, for scripts'));
  defineSet(command.command('set').description('set one field of an image'));
}

const mayWrite = (flags: Flags) => flags.expert === true && !flags.readOnly && !flags.inactive;

function openLog(path: string, flags: Flags): Device {
  const write = mayWrite(flags);
  const device = openDevice(path, { write });
  if (!write) return device;
  return new Stage(device, {
    protect,
    ...(flags.undo === undefined ? {} : { undoPath: `${flags.undo}.log` }),
  });
}

/** As xfs_db: what does not begin with a superblock is no filesystem, without -F. */
function refuseForeign(device: Device): void {
  const magic = device.size < 4 ? 0 : viewOf(readBytes(device, 0, 4)).getUint32(0);
  if (magic === SB_MAGIC) return;
  const hex = magic.toString(16).padStart(8, '0');
  throw new UsageError(
    `${device.name} is not a valid XFS filesystem (unexpected SB magic number 0x${hex}); ` +
      'use -F to force a read attempt',
  );
}

/** Whether a session may come to draw a map; what draws is loaded only then. */
function mayDraw(lines: readonly string[] | undefined): boolean {
  return lines === undefined || lines.some((line) => /\b(map|source)\b/.test(line));
}

/** With -x, and nothing said against it, a stage over the image opened for writing. */
function openImage(image: string, flags: Flags): Device {
  const offset = flags.offset ? { offset: parseOffset(flags.offset) } : {};
  const write = mayWrite(flags);
  if (flags.undo !== undefined && !write) throw new UsageError('--undo: nothing is written without -x');
  const device = openDevice(image, { write, ...offset });
  if (!write) return device;
  return new Stage(device, { protect, ...(flags.undo === undefined ? {} : { undoPath: flags.undo }) });
}

/** The commands of -c, for completion. */
export async function vocabulary(): Promise<Vocabulary> {
  const rows = await commandsFor(undefined);
  return { words: { '-c': rows.map(({ name, summary }) => ({ word: name, help: summary })) } };
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Blank lines have no result. */
function* jsonPieces(result: Result): Generator<string> {
  if (result.line.trim() === '') return;
  let chunk = '';
  for (const line of resultLines(result)) {
    chunk += `${line}\n`;
    if (chunk.length < JSON_CHUNK) continue;
    yield chunk;
    chunk = '';
  }
  yield chunk;
}

function* textPieces(result: Result): Generator<string | Uint8Array> {
  for (const chunk of result.chunks?.() ?? [result.text])
    if (chunk !== '') yield result.bytes ? Buffer.from(chunk, 'latin1') : chunk;
}

function runCommands(session: Session, lines: readonly string[], show: (result: Result) => void): void {
  for (const line of lines) {
    const result = session.run(line);
    show(result);
    if (result.ends) return;
  }
}
