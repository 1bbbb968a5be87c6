/**
 * What a check or repair has to say, as plain data; every form it is said in (text, JSON, JUnit, SARIF, TAP) is made
 * of one CheckReport. Titles and fixes come from the rows in format/findings.ts.
 */
import type { Finding, Severity, Subject } from '../format/findings.ts';

export interface CheckReport {
  readonly image: string;
  readonly findings: readonly Finding[];
  /** True when the log is dirty: what is reported may change when it is replayed. */
  readonly provisional: boolean;
  /** `clean`, `dirty`, or what is wrong with the log. */
  readonly logState: string;
  /** The exit code that goes with it (bits, see cli/exit.ts). */
  readonly exit: number;
  /** Totals by name, e.g. `leaked CoW blocks`. */
  readonly summary: Readonly<Record<string, number | string>>;
  /** What repair changed (or, with -n, would change), a line each. */
  readonly applied?: readonly string[];
  /** Repair: damage that stays, with the reason. */
  readonly left?: readonly { readonly finding: Finding; readonly reason: string }[];
  /** Why the image could not be looked at at all. */
  readonly error?: { readonly code: string; readonly message: string };
  /** The one finding kept everything else from being looked at. */
  readonly stopped?: boolean;
  /** List no more than so many findings; all are counted. */
  readonly limit?: number;
  /** Nothing but what is about these was asked for; absent: all was. */
  readonly only?: readonly Subject[];
}

/** What goes for all images of a run. */
export interface RunReport {
  readonly reports: readonly CheckReport[];
  /** The exit codes of all of them, together. */
  readonly exit: number;
}

/** A form of report that is written while a run goes on. */
export interface ReportWriter {
  /** Said when an image is done. */
  image(report: CheckReport): Iterable<string>;
  /** Said when all are. */
  end(run: RunReport): Iterable<string>;
}

export type State =
  | 'cancelled'
  | 'failed'
  | 'provisional'
  | 'partly repaired'
  | 'damaged'
  | 'repaired'
  | 'clean';

/** The word for an exit code. */
export function stateOf(report: Pick<CheckReport, 'exit' | 'provisional'>): State {
  if (report.exit & 32) return 'cancelled';
  if (report.exit & 8) return 'failed';
  if (report.exit & 4) {
    if (report.provisional) return 'provisional';
    return report.exit & 1 ? 'partly repaired' : 'damaged';
  }
  return report.exit & 1 ? 'repaired' : 'clean';
}

const SEVERITIES = ['error', 'warning', 'note'] as const;

export type Counts = Readonly<Record<Severity, number>>;

/** How many of each severity; consequences are not counted. */
export function countsOf(findings: readonly Finding[]): Counts {
  const counts = { error: 0, warning: 0, note: 0 };
  for (const { severity } of findings) counts[severity]++;
  return counts;
}

/** `2 errors, 1 note`; empty for none. */
export function countText(counts: Counts): string {
  return SEVERITIES.filter((severity) => counts[severity] > 0)
    .map((severity) => `${counts[severity]} ${severity}${counts[severity] === 1 ? '' : 's'}`)
    .join(', ');
}

/** The findings to be listed: all, or the worst of them up to the limit, in their order. */
export function listed({ findings, limit }: Pick<CheckReport, 'findings' | 'limit'>): readonly Finding[] {
  if (limit === undefined || findings.length <= limit) return findings;
  const chosen = new Set<Finding>();
  for (const severity of SEVERITIES) {
    for (const finding of findings) {
      if (chosen.size >= limit) break;
      if (finding.severity === severity) chosen.add(finding);
    }
  }
  return findings.filter((finding) => chosen.has(finding));
}

/** How many images ended in each state. */
export function statesOf(reports: readonly CheckReport[]): ReadonlyMap<State, number> {
  const states = new Map<State, number>();
  for (const report of reports) states.set(stateOf(report), (states.get(stateOf(report)) ?? 0) + 1);
  return states;
}
