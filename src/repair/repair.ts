/**
 * Repair: check -> plan staged on an overlay -> checked again there until clean -> undo journal -> apply.
 *
 * The plan that `-n` prints is the plan that a run applies: both come from here, and a run differs only in the last
 * step. Nothing is written before the staged result has passed the same check that found the damage.
 */
import type { Device } from '../device/device.ts';
import { OverlayDevice } from '../device/overlay.ts';
import type { Finding } from '../format/findings.ts';
import { applyRecovery } from '../fs/log/recover/recover.ts';
import { type CheckResult, checkSteps, whyLogForbids } from './check.ts';
import { idOf, isSpoiled } from './fix/change.ts';
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
}

/** Plans a repair and proves it on an overlay. Throws NotConverged when the proof fails. */
export function planRepair(device: Device, options: PlanOptions): PlannedRepair {
  return finish(planSteps(device, options));
}

/** The same, with pauses. */
export function* planSteps(
  device: Device,
  options: PlanOptions,
  checking: CheckOptions = {},
): Steps<PlannedRepair> {
  const before = yield* checkSteps(device, checking);
  const overlay = new OverlayDevice(before.device);
  const refused = whyLogForbids(before);
  if (refused) return { before, after: before, overlay, actions: [], fixes: [], left: [], refused };
  const { recovery } = before;
  const actions = recovery ? [`log: ${describeRecovery(recovery)}`] : [];
  const fixes: Finding[] = [];
  const given = new Map<string, string>();
  let check = recovery ? yield* checkSteps(overlay, checking) : before;
  for (let round = 0; ; round++) {
    const plan = stagePlan(check, overlay, options, given);
    if (plan.fixes.length === 0 && plan.changes.length === 0) {
      return { before, after: check, overlay, actions, fixes, left: plan.left, refused: undefined };
    }
    const wanted = [...plan.changes.flatMap(({ change }) => change.findings), ...plan.fixes];
    if (round === MAX_ROUNDS) throw new NotConverged(wanted);
    const earlier = new Set(check.findings.map(idOf));
    check = yield* checkSteps(overlay, checking);
    const spoiled = plan.changes.filter(({ change }) => isSpoiled(change, earlier, check.findings));
    const kept = plan.changes.filter((staged) => !spoiled.includes(staged));
    for (const staged of spoiled) {
      staged.takeBack(overlay);
      for (const finding of staged.change.findings) given.set(idOf(finding), NOT_SANE);
    }
    if (spoiled.length > 0) check = yield* checkSteps(overlay, checking);
    for (const { change } of kept) {
      actions.push(change.action);
      fixes.push(...change.findings);
    }
    actions.push(...plan.actions);
    fixes.push(...plan.fixes);
  }
}

const NOT_SANE = 'its content is damaged as well, as other accounts of it show';

/** All that a repair will write, as it will be in the end: for the undo journal. */
export function finalRuns(planned: PlannedRepair, device: Device): OverlayDevice {
  const all = new OverlayDevice(device);
  const { recovery } = planned.before;
  if (recovery) applyRecovery(recovery, all, all);
  for (const { offset, bytes } of planned.overlay.runs()) all.write(offset, bytes);
  return all;
}

/** Replays the log, then writes staged runs so that headers point to new blocks only when those are durable, the superblock last. */
export function applyRepair(planned: PlannedRepair, device: Device): void {
  const { recovery } = planned.before;
  if (recovery) applyRecovery(recovery, device, device);
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
