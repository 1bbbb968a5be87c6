/** `xfskit fsck`: check and repair behind the options and the exit status of fsck(8), for scripts that have those. */
import type { Command } from 'commander';
import { writeOut } from '../device/stdout.ts';
import { UsageError } from '../format/errors.ts';
import type { CheckReport } from '../report/report.ts';
import { version } from '../report/version.ts';
import { checkImageAt, failedReport } from './checkimage.ts';
import { cancellable } from './interrupt.ts';
import { openOutputs } from './outputs.ts';
import { descriptorProgress, type ShownProgress, terminalProgress } from './progress.ts';
import { repairAt, sayLeft } from './repair.ts';

interface Flags {
  readonly check?: boolean;
  readonly preen?: boolean;
  readonly auto?: boolean;
  readonly yes?: boolean;
  readonly force?: boolean;
  readonly progress?: string | true;
  readonly verbose?: boolean;
  readonly type?: string;
}

const LEAD = 'xfskit fsck';

const AFTER_HELP = `
Nothing is asked: without -p, -a or -y images are checked and not written. Repairs are those of "xfskit repair", proved
before anything is written. With several images, each is done whatever becomes of the others.
-C with a descriptor writes "pass current maximum device" lines there; without one, or with 0, it is a line on the
terminal.
Exit status (bits, of all images together): 0 clean, 1 mended, 4 damage left, 8 an IMAGE cannot be used, 16 usage,
32 cancelled.`;

export function define(command: Command): void {
  command
    .argument('[IMAGE...]', 'image file or block device')
    .option('-n, --check', 'check and write nothing (so does no option at all)')
    .option('-p, --preen', 'repair what can be mended without loss')
    .option('-a, --auto', 'as -p')
    .option('-y, --yes', 'as -p: there is nothing to be asked')
    .option('-f, --force', 'look at what seems clean, too: always done')
    .option('-C, --progress [fd]', 'show progress')
    .option('-V, --verbose', 'print the version, and all findings with explanation and fix')
    .option('-t, --type <type>', 'type of the filesystem: xfs')
    .addHelpText('after', AFTER_HELP)
    .action((images: readonly string[], flags: Flags) => cancellable(() => runFsck(images, flags)));
}

async function runFsck(given: readonly string[], flags: Flags): Promise<void> {
  const { type, progress: wanted } = flags;
  if (type !== undefined && type !== 'xfs') throw new UsageError(`-t ${type}: this is for xfs`);
  const modes = [flags.check && '-n', (flags.preen || flags.auto) && '-p', flags.yes && '-y'];
  const chosen = modes.filter((mode) => mode !== undefined && mode !== false);
  if (chosen.length > 1) throw new UsageError(`${chosen.join(' and ')} exclude each other`);
  // -C takes a number if one follows; anything else there is an image.
  const isDescriptor = typeof wanted === 'string' && /^\d+$/.test(wanted);
  const images = typeof wanted === 'string' && !isDescriptor ? [wanted, ...given] : given;
  if (images.length === 0) throw new UsageError("missing required argument 'IMAGE'");
  const progress = progressOf(wanted, isDescriptor);
  if (flags.verbose) writeOut(`xfskit fsck ${version}\n`);
  const outputs = await openOutputs({ verbose: flags.verbose ?? false }, images, undefined);
  const repairs = chosen.length > 0 && !flags.check;
  const reports: CheckReport[] = [];
  let exit = 0;
  for (const image of images) {
    const report = repairs
      ? await repairImage(image, progress)
      : await checkImageAt(image, { lead: LEAD, place: {}, quiet: false, progress });
    reports.push(report);
    exit |= report.exit;
    process.exitCode = exit;
    outputs.image(report);
  }
  progress?.end();
  outputs.end({ reports, exit });
}

function progressOf(wanted: string | true | undefined, isDescriptor: boolean): ShownProgress | undefined {
  if (wanted === undefined) return undefined;
  return isDescriptor && Number(wanted) > 0 ? descriptorProgress(Number(wanted)) : terminalProgress();
}

async function repairImage(image: string, progress: ShownProgress | undefined): Promise<CheckReport> {
  progress?.image(image);
  try {
    const { planned, report } = await repairAt(image, { lead: LEAD, progress });
    progress?.clear();
    sayLeft(LEAD, image, planned);
    return report;
  } catch (error) {
    progress?.clear();
    return failedReport(image, error, LEAD);
  }
}
