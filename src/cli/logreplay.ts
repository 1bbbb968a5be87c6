/**
 * `xfskit log replay`: recovery of a dirty log without a mount. What it leads to is staged on an overlay and checked
 * there; then the undo journal, then the steps of the recovery, each durable before the next.
 */

import { type Comparison, compareFilesystems, type Difference } from '../db/diff/diff.ts';
import { comparisonRows, comparisonText } from '../db/diff/report.ts';
import { openFilesystem } from '../db/filesystem.ts';
import { OverlayDevice } from '../device/overlay.ts';
import { writeOut } from '../device/stdout.ts';
import { UsageError } from '../format/errors.ts';
import type { Finding } from '../format/findings.ts';
import { ringOf } from '../fs/log/place.ts';
import { applyRecovery, type Recovery } from '../fs/log/recover/recover.ts';
import { type LogSurvey, surveyLog } from '../fs/log/survey.ts';
import { checkMounted, isDamaged } from '../repair/check.ts';
import { type MountedView, mountedView } from '../repair/mounted.ts';
import { oneLine } from './errorline.ts';
import { exitBits } from './exit.ts';
import { inBreaths, protect } from './interrupt.ts';
import { type Journalled, refuseOldUndo, type UndoPath, undoPaths, withUndo } from './journal.ts';
import { type LogActionFlags, type LoggedImage, openLogged } from './loggedimage.ts';
import { bytesOf, lossText, recoveryJson, replayText, surveyJson, type WrittenBytes } from './logstatus.ts';
import { print } from './outputs.ts';

const LEAD = 'xfskit log';

/** What came of it. */
interface Outcome {
  readonly exit: number;
  /** Undefined: the log was clean. */
  readonly survey?: LogSurvey;
  readonly recovery?: Recovery;
  readonly bytes?: WrittenBytes;
  readonly cut?: number;
  readonly refused?: string;
  /** Findings of the check of what it leads to; undefined: not checked. */
  readonly damage?: readonly Finding[];
  readonly applied: boolean;
  /** With -n. */
  readonly comparison?: Comparison;
}

export async function logReplay(image: string, flags: LogActionFlags): Promise<void> {
  if (flags.verbose && !flags.dryRun) throw new UsageError('-v goes with -n');
  const journals = flags.undo === false ? [] : undoPaths(image, flags);
  if (!flags.dryRun) for (const { path, of } of journals) refuseOldUndo(path, of);
  const opened = openLogged(image, flags, LEAD, { write: !flags.dryRun });
  try {
    const outcome = await replayOpened(opened, flags, journals);
    process.exitCode = outcome.exit;
    if (outcome.refused !== undefined) {
      process.stderr.write(`${LEAD}: ${image}: ${oneLine(`refused, ${outcome.refused}`)}\n`);
    }
    if (flags.json) print(jsonOf(image, opened, outcome));
    else sayOutcome(image, opened, outcome, flags);
  } finally {
    opened.close();
  }
}

async function replayOpened(
  opened: LoggedImage,
  flags: LogActionFlags,
  undo: readonly UndoPath[],
): Promise<Outcome> {
  const { head, place, filesystem, device, logDevice } = opened;
  if (head.state === 'clean') return { exit: exitBits.clean, applied: false };
  if (head.state !== 'dirty' || !place) {
    const { unfixed } = exitBits;
    return { exit: unfixed, refused: `the log cannot be read: ${head.detail}`, applied: false };
  }
  const survey = surveyLog(ringOf(filesystem.geometry, place), head, filesystem.superblock.uuid);
  const cut = flags.forceTail ? survey.fault?.block : undefined;
  const seen = mountedView(device, logDevice, cut);
  const found = { survey, ...(cut !== undefined && { cut }) };
  const refused = whyNot(seen, survey, flags);
  if (refused !== undefined) return { ...found, exit: exitBits.unfixed, refused, applied: false };
  const recovery = seen.recovery!;
  const damage = flags.check === false ? undefined : await damageOf(seen);
  const after = { ...found, recovery, bytes: bytesOf(recovery), ...(damage && { damage }) };
  const left = damage && damage.length > 0 ? exitBits.unfixed : 0;
  if (flags.dryRun) {
    const comparison = compare(opened, seen);
    return { ...after, exit: exitBits.unfixed, applied: false, comparison };
  }
  // Warnings a mount would leave as well (an attribute that was half set); and a cut, which was asked for, errors too.
  const errors = damage?.filter(({ severity }) => severity === 'error') ?? [];
  if (errors.length > 0 && cut === undefined) {
    const codes = [...new Set(errors.map(({ code }) => code))].slice(0, 5).join(', ');
    const why = `what it leads to is damaged (${errors.length} findings: ${codes}); xfskit repair replays and mends, --no-check replays all the same`;
    return { ...after, exit: exitBits.unfixed, refused: why, applied: false };
  }
  apply(opened, recovery, seen, flags, undo);
  return { ...after, exit: exitBits.fixed | left, applied: true };
}

/** Why a dirty log is not replayed. */
function whyNot(seen: MountedView, survey: LogSurvey, flags: LogActionFlags): string | undefined {
  if (!seen.head) return 'the primary superblock cannot be used';
  if (seen.failure !== undefined) {
    const { fault } = survey;
    const loss = fault && !flags.forceTail ? `; --force-tail cuts there and loses ${lossText(survey)}` : '';
    return `the log cannot be replayed: ${seen.failure.replace(/^log: /, '')}${loss}`;
  }
  if (flags.undo === false && !seen.recovery!.restartable && !flags.dryRun) {
    return 'this replay cannot be taken up again when it is cut off, so it needs an undo journal';
  }
  return undefined;
}

/** Findings of the result that are damage; that the log of IMAGE is dirty is none of it. */
async function damageOf(seen: MountedView): Promise<readonly Finding[]> {
  const { logDevice } = seen;
  const check = await inBreaths(checkMounted(seen, { logDevice }));
  return check.findings.filter((finding) => finding.code !== 'LOG_DIRTY' && isDamaged([finding]));
}

function compare({ filesystem }: LoggedImage, { device }: MountedView): Comparison {
  const changed = device as OverlayDevice;
  return compareFilesystems(filesystem, openFilesystem(device), { changed: changed.runs() });
}

/** Writes the journals, then the steps. */
function apply(
  opened: LoggedImage,
  recovery: Recovery,
  seen: MountedView,
  flags: LogActionFlags,
  undo: readonly UndoPath[],
): void {
  const { device, place } = opened;
  const targets: (Journalled | undefined)[] = undo.map(({ path }, i) => {
    const [before, after] = i === 0 ? [device, seen.device] : [place!.device, seen.logDevice];
    return after instanceof OverlayDevice ? { path, device: before, runs: () => after.runs() } : undefined;
  });
  const journals = targets.filter((target) => target !== undefined);
  protect(() => {
    withUndo(journals, typeof flags.undo === 'string', () => applyRecovery(recovery, device, place!.device));
  });
}

function sayOutcome(image: string, opened: LoggedImage, outcome: Outcome, flags: LogActionFlags): void {
  const { recovery, bytes, comparison, survey, applied, cut, damage } = outcome;
  if (opened.head.state === 'clean')
    writeOut(`${image}: log clean, ${opened.head.detail}: nothing to replay\n`);
  if (!recovery || outcome.refused !== undefined) return;
  if (cut !== undefined) {
    writeOut(`${image}: log cut at block ${cut}: ${applied ? 'lost' : 'would lose'} ${lossText(survey!)}\n`);
  }
  writeOut(`${image}: ${applied ? 'replayed' : 'would replay'}: ${replayText(recovery, bytes!)}\n`);
  if (comparison) {
    writeOut(flags.verbose ? comparisonText(comparison) : typesText(comparison));
    for (const note of flags.verbose ? [] : comparison.notes) writeOut(`note: ${note}\n`);
  }
  if (damage && damage.length > 0) {
    writeOut(`${image}: damage stays, ${damage.length} findings: xfskit check ${image}\n`);
  }
}

/** Objects that change, by type, and the fields of each type that do, the most frequent first. */
function typesText({ differences }: Comparison): string {
  let text = '';
  for (const { type, objects, fields } of byType(differences)) {
    const names = [...fields].sort((a, b) => b[1] - a[1]);
    const shown = names
      .slice(0, MOST_FIELDS)
      .map(([name, count]) => (count > 1 ? `${name} (${count})` : name));
    const more = names.length > MOST_FIELDS ? `, and ${names.length - MOST_FIELDS} more` : '';
    text += `  ${type.padEnd(9)} ${String(objects).padStart(6)}  ${shown.join(', ')}${more}\n`;
  }
  return text;
}

const MOST_FIELDS = 12;

interface TypeChange {
  readonly type: string;
  objects: number;
  readonly fields: Map<string, number>;
}

function byType(differences: Comparison['differences']): TypeChange[] {
  const types = new Map<string, TypeChange>();
  for (const difference of differences) {
    const { type } = difference;
    let entry = types.get(type);
    if (!entry) {
      entry = { type, objects: 0, fields: new Map() };
      types.set(type, entry);
    }
    entry.objects++;
    for (const name of changesOf(difference)) entry.fields.set(name, (entry.fields.get(name) ?? 0) + 1);
  }
  return [...types.values()];
}

/** What of an object changes: fields, elements of arrays as one; what it becomes; or how many blocks. */
function changesOf({ fields, was, is, blocks }: Difference): ReadonlySet<string> {
  if (was !== undefined) return new Set([`${was} -> ${is}`]);
  if (blocks !== undefined) return new Set([`${blocks} blocks`]);
  return new Set(
    fields.map(({ field }) =>
      field.endsWith(', of no field') ? 'bytes of no field' : field.replace(/\[\d+\]/g, '[]'),
    ),
  );
}

/** One document a line: with -n an object that changes each; the last says what was done. */
function* jsonOf(image: string, opened: LoggedImage, outcome: Outcome): Generator<string> {
  const { exit, survey, recovery, bytes, cut, refused, damage, applied, comparison } = outcome;
  if (comparison) for (const row of comparisonRows(comparison)) yield `${JSON.stringify(row)}\n`;
  const last = {
    image,
    state: opened.head.state,
    ...(survey && { log: surveyJson(survey) }),
    ...(recovery && { replay: recoveryJson(recovery, bytes!) }),
    ...(cut !== undefined && { cut }),
    ...(refused !== undefined && { refused }),
    ...(damage && { damage: damage.map(({ code, message }) => ({ code, message })) }),
    applied,
    exit,
  };
  yield `${JSON.stringify(last)}\n`;
}
