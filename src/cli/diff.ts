/**
 * `xfskit diff A B`: the structural difference of two images, for "what did that command change": the `diff` of db in
 * a session of its own. Ends as diff(1) does: 0 the same, 1 different, and 8 when they cannot be compared.
 */
import type { Command } from 'commander';
import { COMMANDS } from '../db/commands/table.ts';
import { DbError } from '../db/error.ts';
import { openFilesystem } from '../db/filesystem.ts';
import { Session } from '../db/session.ts';
import { openDevice } from '../device/open.ts';
import { exitBits } from './exit.ts';

/** Characters that are written at once. */
const CHUNK = 1 << 16;

const AFTER_HELP = `
Blocks that differ are named by who owns them: headers, btree blocks, inodes, blocks of directories, attributes and
symlinks, with each field that differs in db's names, first the value of IMAGE1. File content, log and free space are
only summed up. Images of different sizes are compared as far as both reach; where block, sector, inode or AG size
differ, only the superblocks are. External log and realtime devices are not compared.
SELECTOR limits it: "inode 131" or a path inside the filesystem, with all blocks of that file; "agf 0", "sb 1",
"agf 0; addr bnoroot": that object; "inode 131 core.size": that field.

  cp --sparse=always disk.img before.img; COMMAND disk.img; xfskit diff before.img disk.img
Exit status: 0 no difference, 1 different, 8 one of them cannot be used, 16 usage.`;

export function define(command: Command): void {
  command
    .argument('<IMAGE1>', 'image file or block device')
    .argument('<IMAGE2>', 'the one to compare it with')
    .argument('[SELECTOR...]', 'only this object, or the file of this path')
    .option('--json', 'a JSON document of one line for each object, then one that counts them')
    .addHelpText('after', AFTER_HELP)
    .action(
      (image: string, other: string, selector: readonly string[], flags: { readonly json?: boolean }) => {
        const device = openDevice(image);
        try {
          const session = new Session(openFilesystem(device), COMMANDS, { program: 'xfskit diff' });
          const output = session.runArgs(['diff', other, ...selector]);
          if (!output) throw new DbError('nothing was compared');
          let chunk = '';
          for (const piece of flags.json ? jsonLines(output.rows!()) : [output.text]) {
            chunk += piece;
            if (chunk.length < CHUNK) continue;
            process.stdout.write(chunk);
            chunk = '';
          }
          process.stdout.write(chunk);
          if (output.differs) process.exitCode = exitBits.different;
        } finally {
          device.close();
        }
      },
    );
}

function* jsonLines(rows: Iterable<unknown>): Generator<string> {
  for (const row of rows) yield `${JSON.stringify(row)}\n`;
}
