/**
 * Check: observe, compare, and what both found as one list. Reads only.
 *
 * With a dirty log the image is not what a mount would see: findings are provisional, and the log itself is one.
 */
import type { Device } from '../device/device.ts';
import type { Finding, Severity } from '../format/findings.ts';
import { type Comparison, compareSteps } from './compare/compare.ts';
import type { Observation } from './observation.ts';
import { observeSteps } from './observe/observe.ts';
import type { CheckOptions } from './progress.ts';
import { finish, type Steps } from './steps.ts';

export interface CheckResult {
  readonly observation: Observation;
  readonly comparison: Comparison;
  /** By AG, then by severity, in the order they were met. */
  readonly findings: readonly Finding[];
  readonly provisional: boolean;
}

const SEVERITY_ORDER: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2 };

/** Throws DeviceError and UnsupportedFeature when the device is no XFS filesystem that we handle. */
export function checkImage(device: Device, options: CheckOptions = {}): CheckResult {
  return finish(checkSteps(device, options));
}

/** The same, with pauses. */
export function* checkSteps(device: Device, options: CheckOptions = {}): Steps<CheckResult> {
  const observation = yield* observeSteps(device, options);
  options.progress?.begin('comparison', observation.ags.length, 'AGs');
  const comparison = yield* compareSteps(observation, options.progress);
  const findings = [...observation.findings, ...comparison.findings];
  findings.sort(
    (a, b) =>
      (a.where.agno ?? -1) - (b.where.agno ?? -1) || SEVERITY_ORDER[a.severity] - SEVERITY_ORDER[b.severity],
  );
  const { state } = observation.log;
  return { observation, comparison, findings, provisional: state === 'dirty' || state === 'unreadable' };
}

/** Whether the findings amount to damage; notes do not. */
export function isDamaged(findings: readonly Finding[]): boolean {
  return findings.some((finding) => finding.severity !== 'note');
}

/** Why metadata must not be written: what the log holds is unknown or waits to be replayed. */
export function whyLogForbids(check: CheckResult): string | undefined {
  const { state, detail } = check.observation.log;
  if (state === 'dirty') return `the log is dirty (${detail}): mount and unmount it, or replay it, first`;
  if (state === 'unreadable') return `the log cannot be read (${detail})`;
  if (state === 'external') return 'the log is on another device, so it cannot be told whether it is dirty';
  return undefined;
}
