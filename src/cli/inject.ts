/** `xfskit inject`: plants a named defect in a sound image. */
import type { Command } from 'commander';
import { openDevice } from '../device/open.ts';
import { OverlayDevice } from '../device/overlay.ts';
import { UsageError } from '../format/errors.ts';
import { INJECT_KINDS, inject } from '../repair/inject/inject.ts';
import type { Vocabulary } from '../report/outline.ts';
import { parseOffset } from './offset.ts';

interface Flags {
  readonly list?: boolean;
  readonly seed: string;
  readonly json?: boolean;
  readonly offset?: string;
}

const AFTER_HELP = `
Checksums stay valid unless the kind is about them, so only a checker that compares finds the defect. The same KIND,
seed and IMAGE give the same defect. IMAGE must check clean before: a defect among others would prove nothing.
  xfskit inject leaked-cow --seed 7 disk.img && xfskit check disk.img
Exit status: 0 planted, 8 there is nothing to spoil or IMAGE cannot be used, 16 usage.`;

export function define(command: Command): void {
  command
    .argument('[KIND]', 'what to plant')
    .argument('[IMAGE]', 'image file or block device that checks clean')
    .option('--list', 'list the kinds')
    .option('--seed <n>', 'which place to spoil, a whole number', '1')
    .option('--json', 'print as JSON')
    .option('--offset <bytes>', 'the filesystem starts here in IMAGE')
    .addHelpText('after', AFTER_HELP)
    .action((kind: string | undefined, image: string | undefined, flags: Flags) => {
      if (flags.list) list(flags.json ?? false);
      else plant(kind, image, flags);
    });
}

/** The kinds, for completion. */
export function vocabulary(): Vocabulary {
  return { words: { KIND: INJECT_KINDS.map(({ name, summary }) => ({ word: name, help: summary })) } };
}

function list(json: boolean): void {
  const rows = INJECT_KINDS.map(({ name, summary, needs, finds }) => ({ name, summary, needs, finds }));
  if (json) {
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return;
  }
  const width = Math.max(...rows.map((row) => row.name.length));
  for (const row of rows) process.stdout.write(`${row.name.padEnd(width)}  ${row.summary}\n`);
}

function plant(kind: string | undefined, image: string | undefined, flags: Flags): void {
  if (!kind || !image) throw new UsageError('inject wants KIND and IMAGE; --list names the kinds');
  if (!/^\d+$/.test(flags.seed)) throw new UsageError(`--seed ${flags.seed}: not a whole number`);
  const where = flags.offset ? { offset: parseOffset(flags.offset) } : {};
  const device = openDevice(image, { ...where, write: true });
  try {
    const overlay = new OverlayDevice(device);
    const planted = inject(overlay, kind, Number(flags.seed));
    for (const run of overlay.runs()) device.write(run.offset, run.bytes);
    device.flush();
    process.stdout.write(
      flags.json
        ? `${JSON.stringify({ image, kind, seed: Number(flags.seed), planted })}\n`
        : `${kind}: ${planted}\n`,
    );
  } finally {
    device.close();
  }
}
