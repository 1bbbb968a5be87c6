/**
 * Repair: check -> plan staged on an overlay -> checked again there until clean -> undo journal -> apply.
 *
 * The plan that `-n` prints is the plan that a run applies: both come from here, and a run differs only in the last
 * step. Nothing is written before the staged result has passed the same check that found the damage.
 */
import type { Device } from '../device/device.ts';
import { OverlayDevice } from '../device/overlay.ts';
import type { Finding } from '../format/findings.ts';
import type { ClearedLog } from '../fs/log/clear.ts';
import { applyRecovery } from '../fs/log/recover/recover.ts';
import { type CheckResult, checkSteps, whyLogForbids } from './check.ts';
import { idOf, isSpoiled, isVain } from './fix/change.ts';
import { checkWithoutLog } from './losinglog.ts';
import { describeRecovery } from './mounted.ts';
import { NotConverged, type PlanOptions, type RepairPlan, stagePlan } from './plan.ts';
import type { CheckOptions } from './progress.ts';
import { finish, type Steps } from './steps.ts';

/** One fix can bring to light what it hid, but not without end. */
const MAX_ROUNDS = 12;

export interface PlannedRepair {
  readonly before: CheckResult;
  /** Check of the staged result; the same as `before` when nothing is to be done. */
  readonly after: CheckResult;
  /** What is written after the log was replayed. */
  readonly overlay: OverlayDevice;
  readonly actions: readonly string[];
  readonly fixes: readonly Finding[];
  readonly left: RepairPlan['left'];
  /** Why nothing may be done at all, e.g. a dirty log. */
  readonly refused: string | undefined;
  /** The log that takes the place of one that is lost. */
  readonly cleared: ClearedLog | undefined;
}

export interface RepairOptions extends PlanOptions {
  /** Put an empty log in place of a dirty or damaged one, whatever waits in it. */
  readonly loseLog?: boolean;
}

/** Plans a repair and proves it on an overlay. Throws NotConverged when the proof fails. */
export function planRepair(device: Device, options: RepairOptions): PlannedRepair {
  return finish(planSteps(device, options));
}

/** The same, with pauses. */
export function* planSteps(
  device: Device,
  options: RepairOptions,
  checking: CheckOptions = {},
): Steps<PlannedRepair> {
  const lost = options.loseLog ? yield* checkWithoutLog(device, checking) : undefined;
  const before = lost ? lost.check : yield* checkSteps(device, checking);
  const cleared = lost?.cleared;
  const overlay = new OverlayDevice(before.device);
  const refused = whyLogForbids(before);
  if (refused) return { before, after: before, overlay, actions: [], fixes: [], left: [], refused, cleared };
  const { recovery, logDevice } = before;
  const afterwards = { ...checking, logDevice };
  const actions: string[] = [];
  if (recovery) actions.push(`log: ${describeRecovery(recovery)}`);
  if (cleared) actions.push(`log: cleared, what waited in it is lost; it goes on in cycle ${cleared.cycle}`);
  const fixes: Finding[] = [];
  const given = new Map<string, string>();
  let check = recovery ? yield* checkSteps(overlay, afterwards) : before;
  for (let round = 0; ; round++) {
    const plan = stagePlan(check, overlay, options, given);
    if (plan.fixes.length === 0 && plan.changes.length === 0) {
      const { left } = plan;
      return { before, after: check, overlay, actions, fixes, left, refused: undefined, cleared };
    }
    const wanted = [...plan.changes.flatMap(({ change }) => change.findings), ...plan.fixes];
    if (round === MAX_ROUNDS) throw new NotConverged(wanted);
    const earlier = new Set(check.findings.map(idOf));
    check = yield* checkSteps(overlay, afterwards);
    const { findings } = check;
    const spoiled = plan.changes.filter(
      ({ change }) => isSpoiled(change, earlier, findings) || isVain(change, findings),
    );
    const kept = plan.changes.filter((staged) => !spoiled.includes(staged));
    for (const staged of spoiled) {
      staged.takeBack(overlay);
      for (const finding of staged.change.findings) given.set(idOf(finding), NOT_SANE);
    }
    if (spoiled.length > 0) check = yield* checkSteps(overlay, afterwards);
    for (const { change } of kept) {
      actions.push(change.action);
      fixes.push(...change.findings);
    }
    actions.push(...plan.actions);
    fixes.push(...plan.fixes);
  }
}

const NOT_SANE = 'its content is damaged as well, as other accounts of it show';

/** All that a repair writes to the image and to an external log, in disk order, as it will be in the end. */
export interface FinalRuns {
  readonly data: Iterable<Run>;
  readonly log: Iterable<Run>;
}

type Run = { readonly offset: number; readonly bytes: Uint8Array };

/** For the undo journals. `logDevice`: of an external log. */
export function finalRuns(planned: PlannedRepair, device: Device, logDevice?: Device): FinalRuns {
  const { recovery } = planned.before;
  const { cleared, overlay } = planned;
  if (cleared) {
    if (cleared.place.external) return { data: overlay.runs(), log: cleared.runs() };
    return { data: around(overlay, cleared), log: [] };
  }
  const all = new OverlayDevice(device);
  const log = logDevice && new OverlayDevice(logDevice);
  if (recovery) applyRecovery(recovery, all, log ?? all);
  for (const { offset, bytes } of overlay.runs()) all.write(offset, bytes);
  return { data: all.runs(), log: log?.runs() ?? [] };
}

/** What is written before the log, the log, and what is written behind it. */
function* around(overlay: OverlayDevice, cleared: ClearedLog): Generator<Run> {
  const { start } = cleared.place;
  for (const run of overlay.runs()) if (run.offset < start) yield run;
  yield* cleared.runs();
  for (const run of overlay.runs()) if (run.offset >= start) yield run;
}

/**
 * Replays the log, or puts an empty one in its place; then writes staged runs so that headers point to new blocks only
 * when those are durable, the superblock last. `logDevice`: of an external log.
 */
export function applyRepair(planned: PlannedRepair, device: Device, logDevice?: Device): void {
  const { recovery } = planned.before;
  const { cleared } = planned;
  if (recovery) applyRecovery(recovery, device, logDevice ?? device);
  if (cleared) {
    const target = cleared.place.device;
    for (const { offset, bytes } of cleared.runs()) target.write(offset, bytes);
    target.flush();
  }
  const { geometry } = planned.before.observation;
  const agBytes = geometry.agblocks * geometry.blocksize;
  const headerBytes = 4 * geometry.sectsize;
  const rank = (offset: number): number => {
    if (offset < geometry.sectsize) return 2;
    return offset % agBytes < headerBytes ? 1 : 0;
  };
  for (const wanted of [0, 1, 2]) {
    let wrote = false;
    for (const run of planned.overlay.runs()) {
      for (const piece of splitByRank(run, rank)) {
        if (piece.rank !== wanted) continue;
        device.write(piece.offset, piece.bytes);
        wrote = true;
      }
    }
    if (wrote) device.flush();
  }
}

/** A run may span the superblock, AG headers and what follows them: cut it where the rank changes (by sector). */
function* splitByRank(
  run: { offset: number; bytes: Uint8Array },
  rank: (offset: number) => number,
): Generator<{ offset: number; bytes: Uint8Array; rank: number }> {
  const SECTOR = 512;
  let from = 0;
  for (let at = SECTOR; ; at += SECTOR) {
    const end = at >= run.bytes.length;
    if (!end && rank(run.offset + at) === rank(run.offset + from)) continue;
    const stop = Math.min(at, run.bytes.length);
    yield { offset: run.offset + from, bytes: run.bytes.subarray(from, stop), rank: rank(run.offset + from) };
    if (end) return;
    from = at;
  }
}
