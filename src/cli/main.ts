/**
 * The command line: finds the command, loads only its module, runs it, and turns whatever it throws into one
 * line on stderr and an exit code. A stack trace is shown with XFSKIT_DEBUG=1 alone.
 */
import { Command, CommanderError } from 'commander';
import { systemError } from '../device/file.ts';
import { version } from '../report/version.ts';
import { setColourFlag, takeColourFlag } from './colour.ts';
import { commands } from './commands.ts';
import { exitBits, exitOf } from './exit.ts';

const AFTER_HELP = `
Exit status (bits, as fsck): 0 clean, 1 fixed, 4 damage left, 8 operational error, 16 usage, 32 cancelled.
--color and --no-color go with every command; XFSKIT_DEBUG=1 shows where an error came from.`;

/** Runs one command line (without node and script); sets process.exitCode. */
export async function main(argv: readonly string[]): Promise<void> {
  quietBrokenPipe(process.stdout);
  quietBrokenPipe(process.stderr);
  const { rest, flag } = takeColourFlag(argv);
  setColourFlag(flag);
  const name = commandName(rest);
  const fail = (error: unknown): void => reportError(name, error);
  const failAndEnd = (error: unknown): never => {
    fail(error);
    process.exit();
  };
  process.on('uncaughtException', failAndEnd);
  process.on('unhandledRejection', failAndEnd);
  if (argv.length === 1 && argv[0] === '--version') {
    process.stdout.write(`xfskit ${version}\n`);
    return;
  }
  try {
    const program = await defineProgram(name);
    if (rest.length === 0) program.help({ error: true });
    await program.parseAsync(rest, { from: 'user' });
  } catch (error) {
    fail(error);
  }
}

/** The command a line calls, also behind `help`. */
function commandName(argv: readonly string[]): string | undefined {
  const names = argv.filter((argument) => !argument.startsWith('-'));
  return names[0] === 'help' ? names[1] : names[0];
}

async function defineProgram(name: string | undefined): Promise<Command> {
  const program = new Command('xfskit')
    .description('Raw disk-image tools for XFS, without a kernel and without root.')
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
    if (row.name === name) (await row.load()).define(command);
  }
  return program;
}

function reportError(name: string | undefined, error: unknown): void {
  if (error instanceof CommanderError) {
    // commander has printed the message (or the help that was asked for) itself.
    process.exitCode = error.exitCode === 0 ? exitBits.clean : exitBits.usage;
    return;
  }
  const { code, known } = exitOf(error);
  process.exitCode = code;
  const message = error instanceof Error ? error.message : String(error);
  const lead = `xfskit${name === undefined ? '' : ` ${name}`}`;
  const text = known ? message : `internal error: ${message}`;
  process.stderr.write(`${lead}: ${oneLine(text)}\n`);
  if (process.env.XFSKIT_DEBUG === '1' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

/** Text as one line: names may hold anything. */
function oneLine(text: string): string {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** A reader that went away (`| head`) is no error; the command goes on to its own exit status. */
function quietBrokenPipe(stream: NodeJS.WriteStream): void {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw systemError(error, 'output');
  });
}
