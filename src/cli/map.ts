/** `xfskit map`: the whole filesystem as a picture, on the terminal or as a page for a browser. Never writes the image. */
import type { Command } from 'commander';
import { FEWEST_COLUMNS, MOST_COLUMNS, writePageFile } from '../db/commands/map.ts';
import { openFilesystem } from '../db/filesystem.ts';
import { spaceMapOf } from '../db/scan/picture.ts';
import { openDevice } from '../device/open.ts';
import { UsageError } from '../format/errors.ts';
import { warnWhenBusy } from './checkimage.ts';
import { drawing } from './mapdrawing.ts';
import { parseOffset } from './offset.ts';

interface Flags {
  readonly ag?: readonly string[];
  readonly width?: string;
  readonly html?: string;
  readonly json?: boolean;
  readonly offset?: string;
}

const AFTER_HELP = `
Rows are AGs from block 0 on; a cell has the letter and colour of what most of its blocks are used for. The use is taken from
all accounts: free space btrees, reverse mappings, reference counts, and the inodes themselves; cells with ! contradict
one another (see xfskit check), cells with ? are of nobody. The page of --html can be zoomed, and tells the owners of every
block. A damaged image is drawn as far as it can be read.

  xfskit map disk.img
  xfskit map --html disk.html disk.img
Exit status: 0, 8 if IMAGE cannot be used, 16 usage.`;

export function define(command: Command): void {
  command
    .argument('<IMAGE>', 'image file or block device')
    .option('-a, --ag <agno>', 'only this AG; may be repeated', collect)
    .option('-w, --width <columns>', 'columns of the picture (default: those of the terminal, or 80)')
    .option('--html <file>', 'write a page for a browser, which needs nothing else')
    .option('--json', 'the picture as JSON, a line for the filesystem and one a row')
    .option('--offset <bytes>', 'the filesystem starts here in IMAGE')
    .addHelpText('after', AFTER_HELP)
    .action((image: string, flags: Flags) => {
      const columns = numberOf('--width', flags.width, FEWEST_COLUMNS, MOST_COLUMNS);
      const device = openDevice(image, flags.offset ? { offset: parseOffset(flags.offset) } : {});
      try {
        warnWhenBusy('xfskit map', device);
        const filesystem = openFilesystem(device);
        for (const warning of filesystem.warnings) process.stderr.write(`xfskit map: warning: ${warning}\n`);
        const last = filesystem.geometry.agcount - 1;
        const agnos = flags.ag?.map((text) => numberOf('--ag', text, 0, last)!);
        const map = spaceMapOf(filesystem, agnos && [...new Set(agnos)].sort((a, b) => a - b));
        if (flags.html !== undefined) writePageFile(flags.html, image, () => drawing.page(map));
        else if (!flags.json) process.stdout.write(drawing.text(map, columns));
        else for (const row of drawing.rows(map, columns)) process.stdout.write(`${JSON.stringify(row)}\n`);
      } finally {
        device.close();
      }
    });
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

function numberOf(option: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most))
    throw new UsageError(`${option}: ${text} is not ${least} to ${most}`);
  return value;
}
