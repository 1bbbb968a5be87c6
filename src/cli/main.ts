/**
 * The command line: finds the command, loads only its module, runs it, and turns whatever it throws into one
 * line on stderr and an exit code. A stack trace is shown with XFSKIT_DEBUG=1 alone.
 */
import { Command, CommanderError } from 'commander';
import { systemError } from '../device/file.ts';
import { writeOut } from '../device/stdout.ts';
import { version } from '../report/version.ts';
import { setColourFlag, takeColourFlag } from './colour.ts';
import { commands } from './commands.ts';
import { oneLine, sayError } from './errorline.ts';
import { exitBits } from './exit.ts';

export const SUMMARY = 'Raw disk-image tools for XFS, without a kernel and without root.';

export const AFTER_HELP = `
Exit status (bits, as fsck): 0 clean, 1 fixed, 4 damage left, 8 operational error, 16 usage, 32 cancelled.
Of mkfs: 0 made, 1 not made.
--color and --no-color go with every command; XFSKIT_DEBUG=1 shows where an error came from.`;

/**
 * Runs one command line (without node and script); sets process.exitCode. Resolves to the bits that say what an
 * error was, for the drop-ins, also where the command's own exit status says less. Messages begin with `speaker`.
 */
export async function main(argv: readonly string[], speaker?: string): Promise<number> {
  const { rest, flag } = takeColourFlag(argv);
  setColourFlag(flag);
  const name = commandName(rest);
  const fail = (error: unknown): number => reportError(name, error, speaker);
  const failAndEnd = (error: unknown): void => {
    if (isBrokenPipe(error)) return;
    fail(outputError(error));
    process.exit();
  };
  process.on('uncaughtException', failAndEnd);
  process.on('unhandledRejection', failAndEnd);
  if (argv.length === 1 && argv[0] === '--version') {
    writeOut(`xfskit ${version}\n`);
    return exitBits.clean;
  }
  try {
    const program = await defineProgram(name, rest.some(asksForHelp));
    if (rest.length === 0) program.help({ error: true });
    await program.parseAsync(rest, { from: 'user' });
    return exitBits.clean;
  } catch (error) {
    return fail(error);
  }
}

/** The command a line calls, also behind `help`. */
function commandName(argv: readonly string[]): string | undefined {
  const names = argv.filter((argument) => !argument.startsWith('-'));
  return names[0] === 'help' ? names[1] : names[0];
}

/** Also \`-xh\`; a value that only looks so does no harm. */
function asksForHelp(argument: string): boolean {
  return argument === 'help' || argument === '--help' || /^-\w*h/.test(argument);
}

async function defineProgram(name: string | undefined, helps: boolean): Promise<Command> {
  const program = new Command('xfskit')
    .description(SUMMARY)
    .version(`xfskit ${version}`, '--version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', AFTER_HELP)
    .exitOverride()
    .showHelpAfterError(false)
    .configureOutput({
      outputError: (text, write) => {
        const line = oneLine(text.trim().replace(/^error: /, ''));
        write(`xfskit${name === undefined ? '' : ` ${name}`}: ${line}\n`);
      },
    });
  for (const row of commands) {
    const command = program.command(row.name).summary(row.summary).description(row.summary);
    if (row.name === name) await (await row.load()).define(command, helps);
  }
  return program;
}

/** Says what went wrong and sets the exit status; returns what it is in bits. */
function reportError(name: string | undefined, error: unknown, speaker?: string): number {
  const failure = commands.find((row) => row.name === name)?.failure;
  if (error instanceof CommanderError) {
    // commander has printed the message (or the help that was asked for) itself.
    const code = error.exitCode === 0 ? exitBits.clean : exitBits.usage;
    process.exitCode = code === exitBits.clean ? code : (failure ?? code);
    return code;
  }
  const code = sayError(speaker ?? `xfskit${name === undefined ? '' : ` ${name}`}`, error);
  process.exitCode = failure ?? code;
  return code;
}

/**
 * A reader that went away (`| head`) is no error; the command goes on to its own exit status. The streams have no
 * listeners of their own for this: to touch them is to load them, and a quiet command needs neither.
 */
function isBrokenPipe(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code === 'EPIPE' && syscall === 'write';
}

/** What arrives here from a failed write was written to one of the standard streams. */
function outputError(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).syscall === 'write' ? systemError(error, 'output') : error;
}
