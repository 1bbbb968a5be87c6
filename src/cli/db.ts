/**
 * `xfskit db`: looks at an image by structure and field, with the commands, names and text of xfs_db. The device is
 * opened for reading only. Exit code 8 when any command failed: bit 1 would say that something was fixed.
 */
import type { Command } from 'commander';
import { COMMANDS } from '../db/commands/table.ts';
import { openFilesystem } from '../db/filesystem.ts';
import { runInput } from '../db/prompt.ts';
import { type Result, resultLines, Session } from '../db/session.ts';
import { openDevice } from '../device/open.ts';
import { exitBits } from './exit.ts';
import { parseOffset } from './offset.ts';

/** Characters of JSON lines that are written at once. */
const JSON_CHUNK = 1 << 16;

interface Flags {
  readonly command?: readonly string[];
  readonly json?: boolean;
  readonly offset?: string;
}

const AFTER_HELP = `
Without -c, commands are read from standard input: at a prompt on a terminal, quietly from a pipe.
Commands:
${COMMANDS.map((row) => `  ${`${row.name} ${row.args ?? ''}`.trimEnd().padEnd(40)} ${row.summary}`).join('\n')}

  xfskit db -c 'agf 0' -c 'addr rmaproot' -c 'print recs[1-4]' disk.img
Exit status: 0, 8 if a command failed or the device cannot be used, 16 usage.`;

export function define(command: Command): void {
  command
    .argument('<IMAGE>', 'image file or block device')
    .option('-c, --command <cmd>', 'run this command and exit; may be repeated', collect)
    .option('-r, --read-only', 'accepted: the image is never written')
    .option('-x, --expert', 'accepted: there are no commands that write yet')
    .option('--json', "each command's result as a JSON document of one line")
    .option('--offset <bytes>', 'the filesystem starts here in IMAGE')
    .addHelpText('after', AFTER_HELP)
    .action(async (image: string, flags: Flags) => {
      const device = openDevice(image, flags.offset ? { offset: parseOffset(flags.offset) } : {});
      try {
        const filesystem = openFilesystem(device);
        for (const warning of filesystem.warnings) process.stderr.write(`xfskit db: warning: ${warning}\n`);
        const session = new Session(filesystem, COMMANDS);
        const show = (result: Result) => {
          if (result.stderr !== undefined) process.stderr.write(result.stderr);
          if (flags.json) writeJson(result);
          else process.stdout.write(result.text);
        };
        if (flags.command) runCommands(session, flags.command, show);
        else await runInput(session, show);
        if (session.failed) process.exitCode = exitBits.operational;
      } finally {
        device.close();
      }
    });
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Blank lines have no result. */
function writeJson(result: Result): void {
  if (result.line.trim() === '') return;
  let chunk = '';
  for (const line of resultLines(result)) {
    chunk += `${line}\n`;
    if (chunk.length < JSON_CHUNK) continue;
    process.stdout.write(chunk);
    chunk = '';
  }
  process.stdout.write(chunk);
}

function runCommands(session: Session, lines: readonly string[], show: (result: Result) => void): void {
  for (const line of lines) {
    const result = session.run(line);
    show(result);
    if (result.ends) return;
  }
}
