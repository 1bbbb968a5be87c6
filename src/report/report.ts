/**
 * What a check or repair has to say, in the two forms it is said in: text for people (text.ts) and JSON for
 * programs. Both come from one CheckReport; findings are plain data and their titles and fixes come from the rows
 * in format/findings.ts.
 */
import type { Finding } from '../format/findings.ts';
import { version } from './version.ts';

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
}

/** The word for an exit code: cancelled, failed, provisional, damaged, partly repaired, repaired or clean. */
export function stateOf(report: CheckReport): string {
  if (report.exit & 32) return 'cancelled';
  if (report.exit & 8) return 'failed';
  if (report.exit & 4) {
    if (report.provisional) return 'provisional';
    return report.exit & 1 ? 'partly repaired' : 'damaged';
  }
  return report.exit & 1 ? 'repaired' : 'clean';
}

/** The report as JSON-ready data; bigints become decimal strings. */
export function toJson(report: CheckReport): object {
  return {
    tool: 'xfskit',
    version,
    image: report.image,
    state: stateOf(report),
    provisional: report.provisional,
    log: report.logState,
    findings: report.findings,
    summary: report.summary,
    ...(report.applied ? { applied: report.applied } : {}),
    ...(report.left ? { left: report.left } : {}),
    exit: report.exit,
  };
}

/** The report as a JSON text with a final newline. */
export function printJson(report: CheckReport): string {
  return `${JSON.stringify(toJson(report), (_, value) => (typeof value === 'bigint' ? String(value) : value), 2)}\n`;
}
