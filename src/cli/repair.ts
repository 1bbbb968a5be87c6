/**
 * `xfskit repair`: plans, proves the plan on an overlay, writes an undo journal, applies. `-n` prints the same plan
 * and stops. Exit bits: 1 fixed, 4 damage left (both may be set).
 */
import type { Command } from 'commander';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import { writeOut } from '../device/stdout.ts';
import { isDamaged } from '../repair/check.ts';
import type { Progress } from '../repair/progress.ts';
import { applyRepair, finalRuns, type PlannedRepair, planSteps } from '../repair/repair.ts';
import { printJson } from '../report/json.ts';
import type { CheckReport } from '../report/report.ts';
import { printText } from '../report/text.ts';
import { reportOf, warnWhenBusy } from './checkimage.ts';
import { useColour } from './colour.ts';
import { exitBits } from './exit.ts';
import { inBreaths, protect } from './interrupt.ts';
import { defaultUndo, refuseOldUndo, withUndo } from './journal.ts';
import { parseOffset } from './offset.ts';
import { print } from './outputs.ts';
import { terminalProgress } from './progress.ts';

interface Flags {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
  readonly offset?: string;
  readonly undo?: string;
  readonly optimize?: boolean;
}

export interface RepairHow {
  readonly dryRun?: boolean;
  readonly offset?: string;
  readonly undo?: string;
  readonly optimize?: boolean;
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
directories are left as they are. A dirty log is replayed first, as a mount would; one that cannot be is refused.
While it writes, the old bytes are in an undo journal (IMAGE.xfskit-undo, or FILE of --undo); what was cut off is
taken back with "xfskit undo JOURNAL IMAGE".
Exit status (bits): 0 nothing to do, 1 mended, 4 damage left, 8 IMAGE cannot be used, 16 usage,
32 cancelled, with nothing written.`;

export function define(command: Command): void {
  command
    .argument('<IMAGE>', 'image file or block device')
    .option('-n, --dry-run', 'print the plan and write nothing')
    .option('--json', 'print the report as JSON')
    .option('-v, --verbose', 'all findings, each with explanation and fix')
    .option('--offset <bytes>', 'the filesystem starts here in IMAGE')
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
  const undo = how.undo ?? defaultUndo(image);
  if (!how.dryRun) refuseOldUndo(undo, image);
  const where = how.offset ? { offset: parseOffset(how.offset) } : {};
  const device = openDevice(image, { ...where, write: !how.dryRun });
  try {
    warnWhenBusy(how.lead, device); // with -n only: nothing busy is opened for writing
    const { progress, optimize = false } = how;
    const planned = await inBreaths(planSteps(device, { optimize }, { progress }));
    const didApply = !how.dryRun && planned.actions.length > 0;
    if (didApply) apply(planned, device, undo, how.undo !== undefined);
    return { planned, report: repairReport(image, planned, didApply) };
  } finally {
    device.close();
  }
}

function apply(planned: PlannedRepair, device: Device, undo: string, keep: boolean): void {
  const journal = { path: undo, device, runs: () => finalRuns(planned, device).runs() };
  protect(() => withUndo([journal], keep, () => applyRepair(planned, device)));
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
  const remaining = planned.refused || isDamaged((didApply ? planned.after : planned.before).findings);
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
