/** `xfskit metadump IMAGE FILE`: the metadata of a filesystem as a dump file, for xfskit mdrestore or xfs_mdrestore. */
import type { Command } from 'commander';
import { dumpOrder, runDump } from '../db/dump/run.ts';
import { openFilesystem } from '../db/filesystem.ts';
import { openDevice } from '../device/open.ts';
import { UsageError } from '../format/errors.ts';
import { parseOffset } from './offset.ts';

interface Flags {
  readonly wholeBlocks?: boolean;
  readonly stop?: boolean;
  readonly progress?: boolean;
  readonly maxExtent?: string;
  readonly plain?: boolean;
  readonly warn?: boolean;
  readonly dumpVersion?: string;
  readonly log?: string;
  readonly rtdev?: string;
  readonly offset?: string;
}

const AFTER_HELP = `
FILE "-" is the standard output. File contents are never in a dump; names and attributes are replaced by others,
unless -o is given. A dirty log goes into the dump as it is, with names in it.
Exit status: 0 dumped, 8 not dumped, 16 usage.`;

export function define(command: Command): void {
  command
    .argument('<IMAGE>', 'image file or block device')
    .argument('<FILE>', 'where the dump goes')
    .option('-a, --whole-blocks', 'unused space of metadata blocks too, instead of zeros')
    .option('-e, --stop', 'end at the first block that cannot be read')
    .option('-g, --progress', 'show progress')
    .option('-m, --max-extent <blocks>', 'longest extent of a metadata file that is taken for real')
    .option('-o, --plain', 'names and attributes as they are')
    .option('-w, --warn', 'tell of metadata that makes no sense')
    .option('-v, --dump-version <version>', '1 or 2; 2 also holds an external log (default 1, with -l 2)')
    .option('-l, --log <device>', 'where an external log is')
    .option('-r, --rtdev <device>', 'accepted: there is no metadata on a realtime device')
    .option('--offset <bytes>', 'the filesystem starts here in IMAGE')
    .addHelpText('after', AFTER_HELP)
    .action((image: string, file: string, flags: Flags) => {
      const order = dumpOrder(lettersOf(flags));
      if (typeof order === 'string') throw new UsageError(order);
      const device = openDevice(image, flags.offset ? { offset: parseOffset(flags.offset) } : {});
      const log = flags.log === undefined ? undefined : openDevice(flags.log);
      try {
        const filesystem = openFilesystem(device);
        for (const warning of filesystem.warnings) {
          process.stderr.write(`xfskit metadump: warning: ${warning}\n`);
        }
        filesystem.log = log;
        runDump(filesystem, file, order, 'xfskit metadump');
      } finally {
        log?.close();
        device.close();
      }
    });
}

/** The flags as the letters that db's metadump takes. */
function lettersOf(flags: Flags): [string, string | undefined][] {
  const letters: [string, string | undefined][] = [];
  if (flags.wholeBlocks) letters.push(['a', undefined]);
  if (flags.stop) letters.push(['e', undefined]);
  if (flags.progress) letters.push(['g', undefined]);
  if (flags.maxExtent !== undefined) letters.push(['m', flags.maxExtent]);
  if (flags.plain) letters.push(['o', undefined]);
  if (flags.warn) letters.push(['w', undefined]);
  if (flags.dumpVersion !== undefined) letters.push(['v', flags.dumpVersion]);
  return letters;
}
