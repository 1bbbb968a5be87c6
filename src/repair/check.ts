/**
 * Check: observe, compare, and what both found as one list. Reads only.
 *
 * With a dirty log it looks at what a mount would see (mounted.ts); findings are provisional only where that fails.
 */
import type { Device } from '../device/device.ts';
import type { Finding, Severity } from '../format/findings.ts';
import type { Recovery } from '../fs/log/recover/recover.ts';
import { byCause } from './cause.ts';
import { type Comparison, compareSteps } from './compare/compare.ts';
import { describeRecovery, type MountedView, mountedView } from './mounted.ts';
import type { LogObservation, Observation } from './observation.ts';
import { observeSteps } from './observe/observe.ts';
import type { CheckOptions } from './progress.ts';
import { findingOf } from './sink.ts';
import { finish, type Steps } from './steps.ts';

export interface CheckResult {
  readonly observation: Observation;
  readonly comparison: Comparison;
  /** By AG, then by severity, in the order they were met. */
  readonly findings: readonly Finding[];
  /** The same, what follows from another under it. */
  readonly roots: readonly Finding[];
  readonly provisional: boolean;
  /** The log as the image has it, and what its replay did. */
  readonly log: LogObservation;
  readonly recovery: Recovery | undefined;
  /** What was looked at: the image, or with a dirty log what its replay makes of it. */
  readonly device: Device;
  /** The same of an external log. */
  readonly logDevice: Device | undefined;
}

const SEVERITY_ORDER: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2 };

/** Throws DeviceError and UnsupportedFeature when the device is no XFS filesystem that we handle. */
export function checkImage(device: Device, options: CheckOptions = {}): CheckResult {
  return finish(checkSteps(device, options));
}

/** The same, with pauses. */
export function* checkSteps(device: Device, options: CheckOptions = {}): Steps<CheckResult> {
  const mounted = mountedView(device, options.logDevice);
  yield;
  return yield* checkMounted(mounted, options);
}

/** The same of what a mount would see. */
export function* checkMounted(mounted: MountedView, options: CheckOptions = {}): Steps<CheckResult> {
  const observation = yield* observeSteps(mounted.device, {
    ...options,
    logDevice: mounted.logDevice,
    quotaBehind: mounted.recovery !== undefined && changesUse(mounted.recovery),
  });
  options.progress?.begin('comparison', observation.ags.length, 'AGs');
  const comparison = yield* compareSteps(observation, options.progress);
  const findings = [...observation.findings, ...comparison.findings, ...logFindings(mounted)];
  findings.sort(
    (a, b) =>
      (a.where.agno ?? -1) - (b.where.agno ?? -1) || SEVERITY_ORDER[a.severity] - SEVERITY_ORDER[b.severity],
  );
  const log = mounted.head ?? observation.log;
  const provisional = log.state === 'unreadable' || mounted.failure !== undefined;
  const { recovery } = mounted;
  const roots = byCause(findings, observation.inodes.namesLost);
  const { device, logDevice } = mounted;
  return { observation, comparison, findings, roots, provisional, log, recovery, device, logDevice };
}

/** Whether a recovery did more than the log says: freed inodes, finished intents. Quota records do not know of it. */
function changesUse({ unlinked, intents }: Recovery): boolean {
  return unlinked > 0 || Object.values(intents).some((count) => count > 0);
}

/** A dirty log that was replayed, or could not be. */
function logFindings({ head, recovery, failure }: MountedView): Finding[] {
  if (recovery) {
    const text = `log: dirty, ${head!.detail}; seen as after a mount: ${describeRecovery(recovery)}`;
    return [findingOf('LOG_DIRTY', { structure: 'log' }, text)];
  }
  if (failure === undefined) return [];
  return [findingOf('LOG_REPLAY', { structure: 'log' }, `log: it cannot be replayed, ${failure}`)];
}

/** Whether the findings amount to damage; notes do not. */
export function isDamaged(findings: readonly Finding[]): boolean {
  return findings.some(
    ({ severity, consequences }) =>
      severity !== 'note' || (consequences !== undefined && isDamaged(consequences)),
  );
}

/** Why metadata must not be written: what the log holds is unknown or waits to be replayed. */
export function whyLogForbids(check: CheckResult): string | undefined {
  const { state, detail } = check.log;
  if (state === 'dirty' && !check.recovery) return `the log is dirty (${detail}) and cannot be replayed`;
  if (state === 'unreadable') return `the log cannot be read (${detail})`;
  if (state === 'external') return 'the log is on another device, so it cannot be told whether it is dirty';
  return undefined;
}
