/**
 * `xfskit log ACTION IMAGE`: what is in the log (`status`, `print`), and its replay without a mount (`replay`). Each
 * action has a module of its own, loaded when it is asked for.
 */
import { Argument, type Command, Option } from 'commander';
import { UsageError } from '../format/errors.ts';
import type { LogActionFlags } from './loggedimage.ts';

interface ActionRow {
  /** Options that go with it, besides those that always do. */
  readonly options: readonly string[];
  readonly load: () => Promise<(image: string, flags: LogActionFlags) => void | Promise<void>>;
}

const ACTIONS: Readonly<Record<string, ActionRow>> = {
  status: { options: [], load: async () => (await import('./logstatus.ts')).logStatus },
  print: {
    options: [
      ...['transactions', 'inodes', 'buffers', 'quotas', 'data', 'goOn', 'start'],
      ...['reference', 'copy'],
    ],
    load: async () => (await import('./logprint.ts')).logprint,
  },
  replay: {
    options: ['dryRun', 'undo', 'check', 'forceTail', 'verbose'],
    load: async () => (await import('./logreplay.ts')).logReplay,
  },
};
const ALWAYS = ['json', 'log', 'offset', 'partition'];

const AFTER_HELP = `
status: clean or dirty, head and tail, what waits between them, what a replay would do.
print: what waits in the log, record by record with all operations, or with -t transaction by transaction; with --json
a document a line. Fields have the names of db; of a buffer that was logged in parts, those that the parts cover.
bin/compat/xfs_logprint prints what xfs_logprint prints.
replay: brings the filesystem to where a mount would, and leaves a clean log: committed changes, then open intents,
deleted inodes, leaked CoW staging, counters. It is done on a copy in memory first and checked there. While IMAGE is
written the old bytes are in an undo journal (IMAGE.xfskit-undo, or FILE of --undo; of an external log
LOGDEV.xfskit-undo, or FILE.log): "xfskit undo JOURNAL IMAGE" takes it back. A run that was cut off can be run again.
Where what it leads to has errors, it is refused: they are older than the log. Warnings stay, and are told.
A log of another byte order or filesystem, with unknown items, or damaged, is refused, and IMAGE left as it is.
Exit status: of print 0, or 8 where the log cannot be read on; of status 0 clean, 4 dirty, 8 it cannot be read or replayed; of replay (bits) 0 nothing to do,
1 replayed, 4 refused, or damage left, 8 IMAGE cannot be used, 16 usage, 32 cancelled, with nothing written.`;

export function define(command: Command): void {
  command
    .addArgument(new Argument('<ACTION>', 'what to do').choices(Object.keys(ACTIONS)))
    .argument('<IMAGE>', 'image file or block device')
    .option('-l, --log <device>', 'where an external log is')
    .option('--offset <bytes>', 'the filesystem starts here in IMAGE')
    .option('--partition <number>', 'the filesystem is this partition of IMAGE')
    .option('--json', 'print JSON')
    .option('-n, --dry-run', 'replay: say what would change, structure by structure, and write nothing')
    .option('-v, --verbose', 'replay -n: every field that would change')
    .option('--undo <file>', 'replay: keep the undo journal here (without it, it is removed after success)')
    .addOption(new Option('--no-undo', 'replay: write no undo journal'))
    .option('--no-check', 'replay: do not check what it leads to first')
    .option('--force-tail', 'replay: cut the log before a damaged record; what follows is lost')
    .option('-t, --transactions', 'print: committed transactions and their items, in place of records')
    .option('-i, --inodes', 'print -t: inodes, field by field')
    .option('-b, --buffers', 'print -t: what was logged of buffers, field by field')
    .option('-q, --quotas', 'print -t: quota records, field by field')
    .option('-D, --data', 'print: bytes of all regions')
    .option('-c, --go-on', 'print: go on behind a damaged record')
    .addOption(new Option('--reference <letters>', 'print what xfs_logprint prints').hideHelp())
    .addOption(new Option('--copy <file>').hideHelp())
    .addOption(new Option('-s, --start <block>', 'print: from this block of the log on'))
    .addHelpText('after', AFTER_HELP)
    .action((action: string, image: string, flags: LogActionFlags) =>
      runAction(command, action, image, flags),
    );
}

async function runAction(
  command: Command,
  action: string,
  image: string,
  flags: LogActionFlags,
): Promise<void> {
  const row = ACTIONS[action]!;
  for (const option of command.options) {
    const name = option.attributeName();
    if (command.getOptionValueSource(name) !== 'cli' || ALWAYS.includes(name)) continue;
    if (!row.options.includes(name)) throw new UsageError(`${option.flags} does not go with ${action}`);
  }
  const run = await row.load();
  await run(image, flags);
}
