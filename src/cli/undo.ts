/** `xfskit undo JOURNAL IMAGE`: puts back the bytes that a repair changed, from its undo journal. */
import type { Command } from 'commander';
import { openDevice } from '../device/open.ts';
import { applyUndo } from '../device/undo.ts';
import { type PlaceFlags, placeIn } from './place.ts';

const AFTER_HELP = `
Nothing is written when the journal is torn or IMAGE has changed since.
Exit status: 0 undone, 8 not undone, 16 usage.`;

export function define(command: Command): void {
  command
    .argument('<JOURNAL>', 'what "xfskit repair --undo JOURNAL" wrote')
    .argument('<IMAGE>', 'the image that was repaired')
    .option('--offset <bytes>', 'where the filesystem starts in IMAGE')
    .option('--partition <number>', 'the filesystem is this partition of IMAGE')
    .addHelpText('after', AFTER_HELP)
    .action((journal: string, image: string, flags: PlaceFlags) => {
      const device = openDevice(image, { write: true, ...placeIn(image, flags) });
      try {
        const { runs, bytes } = applyUndo(journal, device);
        process.stdout.write(`${image}: ${bytes} bytes in ${runs} places are as they were before\n`);
      } finally {
        device.close();
      }
    });
}
