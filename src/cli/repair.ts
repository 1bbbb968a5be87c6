/**
 * `xfskit repair`: plans, proves the plan on an overlay, writes an undo journal, applies. `-n` prints the same plan
 * and stops. Exit bits: 1 fixed, 4 damage left (both may be set).
 */
import type { Command } from 'commander';
import type { Device } from '../device/device.ts';
import { type OpenOptions, openDevice } from '../device/open.ts';
import { writeOut } from '../device/stdout.ts';
import { UsageError } from '../format/errors.ts';
import { isDamaged } from '../repair/check.ts';
import type { Progress } from '../repair/progress.ts';
import { applyRepair, type FinalRuns, finalRuns, type PlannedRepair, planSteps } from '../repair/repair.ts';
import { printJson } from '../report/json.ts';
import type { CheckReport } from '../report/report.ts';
import { printText } from '../report/text.ts';
import { reportOf, warnWhenBusy } from './checkimage.ts';
import { useColour } from './colour.ts';
import { exitBits } from './exit.ts';
import { inBreaths, protect } from './interrupt.ts';
import { type Journalled, refuseOldUndo, type UndoPath, undoPaths, withUndo } from './journal.ts';
import { lossOf } from './losinglog.ts';
import { print } from './outputs.ts';
import { type PlaceFlags, placeIn } from './place.ts';
import { terminalProgress } from './progress.ts';
import { refuseSides } from './sides.ts';

interface Flags {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly offset?: string;
  readonly partition?: string;
  readonly log?: string;
  readonly undo?: string;
  readonly optimize?: boolean;
  readonly loseLog?: boolean;
  readonly yesLoseLog?: boolean;
}

export interface RepairHow extends PlaceFlags {
  readonly dryRun?: boolean;
  /** Device of an external log. */
  readonly log?: string;
  readonly undo?: string;
  readonly optimize?: boolean;
  /** Throw the log away; where it could be replayed, only with `yesLoseLog`. */
  readonly loseLog?: boolean;
  readonly yesLoseLog?: boolean;
  readonly progress?: Progress | undefined;
  /** What messages begin with. */
  readonly lead: string;
}

export interface Repaired {
  readonly planned: PlannedRepair;
  readonly report: CheckReport;
}

const LEAD = 'xfskit repair';

const AFTER_HELP = `
The plan is carried out on a copy in memory and checked there; only if it is right is IMAGE written. Files and
directories keep their names and data. A dirty log is replayed first, as a mount would; one that cannot be is refused.
While it writes, the old bytes are in an undo journal (IMAGE.xfskit-undo, or FILE of --undo); what was cut off is
taken back with "xfskit undo JOURNAL IMAGE". The device of an external log has a journal of its own.
-L puts an empty log in place of a dirty or damaged one and says what was lost; where it could be replayed that must be
spelled out: -L --yes-lose-log. A clean log is left as it is.
Exit status (bits): 0 nothing to do, 1 mended, 4 damage left, 8 IMAGE cannot be used, 16 usage,
32 cancelled, with nothing written.`;

export function define(command: Command): void {
  command
    .argument('<IMAGE>', 'image file or block device')
    .option('-n, --dry-run', 'print the plan and write nothing')
    .option('--json', 'print the report as JSON')
    .option('-v, --verbose', 'all findings, each with explanation and fix')
    .option('-l, --log <device>', 'where an external log is')
    .option('-L, --lose-log', 'do not replay the log: throw it away')
    .option('--yes-lose-log', 'with -L: also a log that could be replayed')
    .option('--offset <bytes>', 'the filesystem starts here in IMAGE')
    .option('--partition <number>', 'the filesystem is this partition of IMAGE')
    .option('--undo <file>', 'keep the undo journal here (without it, it is removed after success)')
    .option('--optimize', 'also clear reflink flags of files that share nothing any more')
    .addHelpText('after', AFTER_HELP)
    .action((image: string, flags: Flags) => repairImage(image, flags));
}

async function repairImage(image: string, flags: Flags): Promise<void> {
  const progress = flags.json ? undefined : terminalProgress();
  progress?.image(image);
  try {
    const { planned, report } = await repairAt(image, { ...flags, progress, lead: LEAD });
    progress?.end();
    say(image, planned, report, flags);
  } finally {
    progress?.end();
  }
}

/** Plans and, unless it is a dry run, repairs an image. Throws for what keeps it from being looked at or written. */
export async function repairAt(image: string, how: RepairHow): Promise<Repaired> {
  if (how.yesLoseLog && !how.loseLog) throw new UsageError('--yes-lose-log goes with -L');
  const undo = undoPaths(image, how);
  if (!how.dryRun) for (const { path, of } of undo) refuseOldUndo(path, of);
  const opened: Device[] = [];
  const open = (path: string, place: OpenOptions): Device => {
    const device = openDevice(path, { ...place, write: !how.dryRun });
    opened.push(device);
    warnWhenBusy(how.lead, device); // with -n only: nothing busy is opened for writing
    return device;
  };
  try {
    const device = open(image, placeIn(image, how));
    const logDevice = how.log === undefined ? undefined : open(how.log, {});
    refuseSides(device, logDevice, undefined);
    const loseLog = how.loseLog === true && losesLog(image, device, logDevice, how);
    const { progress, optimize = false } = how;
    const planned = await inBreaths(planSteps(device, { optimize, loseLog }, { progress, logDevice }));
    const didApply = !how.dryRun && planned.actions.length > 0;
    if (didApply) apply(planned, { device, logDevice }, undo, how.undo !== undefined);
    return { planned, report: repairReport(image, planned, didApply) };
  } finally {
    for (const device of opened) device.close();
  }
}

/** Says what is lost with the log; false where nothing is. Throws UsageError where that was not spelled out. */
function losesLog(image: string, device: Device, logDevice: Device | undefined, how: RepairHow): boolean {
  const { isClean, text, refused } = lossOf(device, logDevice, how.yesLoseLog === true);
  if (refused !== undefined) throw new UsageError(`${image}: refused, ${refused}`);
  process.stderr.write(`${how.lead}: ${image}: ${text}\n`);
  return !isClean;
}

interface Devices {
  readonly device: Device;
  readonly logDevice: Device | undefined;
}

function apply(
  planned: PlannedRepair,
  { device, logDevice }: Devices,
  undo: readonly UndoPath[],
  keep: boolean,
): void {
  const writesLog = planned.before.recovery !== undefined || planned.cleared !== undefined;
  const journals: Journalled[] = [
    { path: undo[0]!.path, device, runs: () => finalRuns(planned, device, logDevice).data },
  ];
  if (logDevice && writesLog) {
    const runs = (): FinalRuns['log'] => finalRuns(planned, device, logDevice).log;
    journals.push({ path: undo[1]!.path, device: logDevice, runs });
  }
  protect(() => withUndo(journals, keep, () => applyRepair(planned, device, logDevice)));
}

function say(image: string, planned: PlannedRepair, report: CheckReport, flags: Flags): void {
  process.exitCode = report.exit;
  if (flags.json) {
    print(printJson(report));
    return;
  }
  writeOut(printText(report, { colour: useColour(), verbose: flags.verbose ?? false }));
  sayLeft(LEAD, image, planned);
}

/** What was not mended and why, on stderr. */
export function sayLeft(lead: string, image: string, planned: PlannedRepair): void {
  if (planned.refused) process.stderr.write(`${lead}: ${image}: refused, ${planned.refused}\n`);
  const reasons = new Map<string, number>();
  for (const { reason } of planned.left) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  for (const [reason, count] of reasons)
    process.stderr.write(`${lead}: ${image}: ${count} left, ${reason}\n`);
}

/** What stays, told with the findings of the first check where they are the same. */
function leftOf(planned: PlannedRepair): NonNullable<CheckReport['left']> {
  if (planned.refused)
    return planned.before.findings.map((finding) => ({ finding, reason: planned.refused! }));
  const first = new Map(
    planned.before.findings.map((finding) => [`${finding.code} ${finding.message}`, finding]),
  );
  return planned.left.map(({ finding, reason }) => ({
    finding: first.get(`${finding.code} ${finding.message}`) ?? finding,
    reason,
  }));
}

function repairReport(image: string, planned: PlannedRepair, didApply: boolean): CheckReport {
  const waits = !didApply && planned.cleared !== undefined;
  const remaining =
    planned.refused || waits || isDamaged((didApply ? planned.after : planned.before).findings);
  const exit = (didApply ? exitBits.fixed : 0) | (remaining ? exitBits.unfixed : 0);
  // Flat: each is mended or left by itself.
  const { findings } = planned.before;
  return {
    ...reportOf(image, planned.before, exit),
    findings,
    applied: planned.actions,
    left: leftOf(planned),
  };
}
