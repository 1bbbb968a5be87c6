/** `xfskit check`: finds what is wrong with images; never writes to them. */
import type { Command } from 'commander';
import { UsageError } from '../format/errors.ts';
import { isSubject, SUBJECTS, type Subject } from '../format/findings.ts';
import type { Vocabulary } from '../report/outline.ts';
import type { CheckReport } from '../report/report.ts';
import { type CheckHow, checkImageAt } from './checkimage.ts';
import { sayError } from './errorline.ts';
import { cancellable } from './interrupt.ts';
import { type FormFlags, openOutputs } from './outputs.ts';
import { STANDARD_INPUT } from './packing.ts';
import { type PlaceFlags, parsePlace } from './place.ts';
import { terminalProgress } from './progress.ts';

interface Flags extends FormFlags, PlaceFlags {
  readonly only?: readonly string[];
  readonly maxFindings?: string;
  readonly logdev?: string;
  readonly rtdev?: string;
}

const LEAD = 'xfskit check';

const AFTER_HELP = `
Several images make several reports, and one summary. An image that cannot be looked at does not stop the others.
What is packed with gzip, zstd or xz, and standard input (-), is unpacked into a sparse temporary file in TMPDIR first.
FILE of --junit and --sarif appears whole or not at all; - is standard output, which takes one form.
docs/schema/check.json describes --json and --jsonl. "xfskit findings" explains what can be found.
A dirty log is replayed in memory first; where that cannot be done, findings are provisional. While IMAGE is mounted, what
is read may be changing.
  xfskit check --junit report.xml *.img
  xfskit check --jsonl disk.img | jq -r 'select(.type == "finding") | .message'
Exit status (bits, of all images together): 0 clean (notes may be told), 4 damage or a dirty log, 8 an IMAGE cannot
be used, 16 usage, 32 cancelled.`;

export function define(command: Command): void {
  command
    .argument('<IMAGE...>', 'image file, packed or not, or block device; - is standard input')
    .option('--json', 'print the report as JSON')
    .option('--jsonl', 'print findings as JSON, a line each, and a summary line')
    .option('--junit <file>', 'write the report as JUnit XML')
    .option('--sarif <file>', 'write the report as SARIF 2.1.0')
    .option('--tap', 'print the report as TAP')
    .option('--only <subject,...>', 'tell only what is about these; the exit status follows', subjectsOf)
    .option('--max-findings <n>', 'list at most so many findings of an image, the worst')
    .option('-q, --quiet', 'print no text and no progress: the exit status tells')
    .option('-v, --verbose', 'all findings, each with explanation and fix')
    .option('-l, --logdev <device>', 'the device of an external log')
    .option('-r, --rtdev <device>', 'the device of the realtime section')
    .option('--offset <bytes>', 'the filesystem starts here in IMAGE')
    .option('--partition <n>', 'the filesystem is this partition of IMAGE (GPT or MBR)')
    .addHelpText('after', AFTER_HELP)
    .action((images: readonly string[], flags: Flags) => cancellable(() => checkImages(images, flags)));
}

/** The subjects, for completion. */
export function vocabulary(): Vocabulary {
  return { words: { '--only': Object.entries(SUBJECTS).map(([word, help]) => ({ word, help })) } };
}

/** Commander's collector: the option may be repeated. */
function subjectsOf(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...text.split(',')];
}

function chosenSubjects(words: readonly string[] | undefined): readonly Subject[] | undefined {
  return words?.map((word) => {
    if (isSubject(word)) return word;
    throw new UsageError(`--only ${word}: no such subject; there are ${Object.keys(SUBJECTS).join(' ')}`);
  });
}

function limitOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const limit = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(limit)) throw new UsageError(`--max-findings ${text}: not a number of findings`);
  return limit;
}

async function checkImages(images: readonly string[], flags: Flags): Promise<void> {
  parsePlace(flags);
  if (images.filter((image) => image === STANDARD_INPUT).length > 1)
    throw new UsageError('standard input (-) holds one image');
  const only = chosenSubjects(flags.only);
  const limit = limitOf(flags.maxFindings);
  const outputs = await openOutputs(flags, images, only);
  const progress = flags.quiet ? undefined : terminalProgress();
  const how: CheckHow = {
    lead: LEAD,
    place: flags,
    quiet: flags.quiet ?? false,
    only: only && new Set(only),
    limit,
    logDevice: flags.logdev,
    rtDevice: flags.rtdev,
    progress,
  };
  const reports: CheckReport[] = [];
  let exit = 0;
  for (const image of images) {
    const report = await checkImageAt(image, how);
    reports.push(report);
    exit |= report.exit;
    process.exitCode = exit;
    outputs.image(report);
  }
  progress?.end();
  try {
    outputs.end({ reports, exit });
  } catch (error) {
    process.exitCode = exit | sayError(LEAD, error);
  }
}
