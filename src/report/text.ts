/**
 * A report as text: findings grouped by AG (the filesystem's own first), worst first within a group, at most
 * `cap` lines a code and group, at most `lines` in all, and the count of the rest; then totals and the verdict.
 * No line depends on the terminal's width, so scripts may read it; JSON is better for them.
 */
import { Chalk, type ChalkInstance } from 'chalk';
import Table from 'cli-table3';
import { FINDINGS, type Finding, type Severity } from '../format/findings.ts';
import { consequenceText } from './consequence.ts';
import { printable } from './printable.ts';
import {
  type CheckReport,
  countsOf,
  countText,
  listed,
  type ReportWriter,
  stateOf,
  statesOf,
} from './report.ts';

export interface TextOptions {
  readonly colour: boolean;
  /** Lines shown of one code in one AG; default 1000. */
  readonly cap?: number;
  /** Lines of findings in all, over which whole AGs are only counted; default 1000. */
  readonly lines?: number;
  /** Every finding with the explanation and fix of its code. */
  readonly verbose?: boolean;
}

/** Lines of one code in one AG: enough for every real list of leaks, a bound for the rest. */
const DEFAULT_CAP = 1000;

const RANK: Readonly<Record<Severity, number>> = { error: 0, warning: 1, note: 2 };

/** The whole report, ending in a newline. */
export function printText(report: CheckReport, options: TextOptions): string {
  const chalk = new Chalk({ level: options.colour ? 1 : 0 });
  const lines: string[] = [];
  if (report.provisional) {
    lines.push(
      chalk.yellow(
        `log: ${printable(report.logState)}; what follows is provisional until it has been replayed`,
      ),
    );
  }
  const shown = listed(report);
  lines.push(...findingLines(shown, chalk, options));
  const hidden = report.findings.length - shown.length;
  if (hidden > 0) lines.push(`... and ${hidden} more; --max-findings ${report.limit}`);
  if (report.applied !== undefined && report.applied.length > 0) {
    lines.push(
      chalk.bold(report.exit & 1 ? 'changes' : 'planned changes'),
      ...capped(report.applied.map(printable), options.cap ?? DEFAULT_CAP),
    );
  }
  const totals = Object.entries(report.summary);
  if (totals.length > 0) lines.push(summaryTable(totals));
  lines.push(verdict(report, chalk));
  return `${lines.join('\n')}\n`;
}

function findingLines(findings: readonly Finding[], chalk: ChalkInstance, options: TextOptions): string[] {
  const lines: string[] = [];
  const groups = groupByAg(findings);
  const most = options.verbose ? Number.POSITIVE_INFINITY : (options.lines ?? 1000);
  for (const [i, [agno, group]] of groups.entries()) {
    if (lines.length >= most) {
      const rest = groups.slice(i);
      const count = rest.reduce((sum, [, some]) => sum + some.length, 0);
      lines.push(`... and ${count} more in ${rest.length} AGs; --verbose or --json has them all`);
      break;
    }
    lines.push(chalk.bold(agno === -1 ? 'filesystem' : `AG ${agno}`), ...groupLines(group, chalk, options));
  }
  return lines;
}

/** Findings by AG, -1 for those of no AG, in order. */
function groupByAg(findings: readonly Finding[]): [number, Finding[]][] {
  const groups = new Map<number, Finding[]>();
  for (const finding of findings) {
    const agno = finding.where.agno ?? -1;
    const group = groups.get(agno);
    if (group) group.push(finding);
    else groups.set(agno, [finding]);
  }
  return [...groups].sort((a, b) => a[0] - b[0]);
}

function groupLines(findings: readonly Finding[], chalk: ChalkInstance, options: TextOptions): string[] {
  const byCode = new Map<string, Finding[]>();
  for (const finding of findings) {
    const same = byCode.get(finding.code);
    if (same) same.push(finding);
    else byCode.set(finding.code, [finding]);
  }
  const lines: string[] = [];
  const groups = [...byCode.values()].sort((a, b) => RANK[a[0]!.severity] - RANK[b[0]!.severity]);
  for (const group of groups) {
    const cap = options.verbose ? group.length : (options.cap ?? DEFAULT_CAP);
    const shown = group.slice(0, cap);
    for (const finding of shown) {
      lines.push(`  ${findingLine(finding, chalk)}`, ...consequenceLines(finding, chalk, options, 4));
    }
    lines.push(...restLine(group.length - shown.length));
    if (options.verbose) lines.push(...explanation(group[0]!, chalk));
  }
  return lines;
}

/** `lines`, indented, cut to `cap`; says how many are not shown. */
function capped(lines: readonly string[], cap: number): string[] {
  const shown = lines.slice(0, cap).map((line) => `  ${line}`);
  return [...shown, ...restLine(lines.length - shown.length)];
}

function restLine(count: number): string[] {
  return count > 0 ? [`  ... and ${count} more like the last one`] : [];
}

/** What follows from a finding: counted, or each with all that follows from it in turn. */
function consequenceLines(
  finding: Finding,
  chalk: ChalkInstance,
  options: TextOptions,
  indent: number,
): string[] {
  const { consequences = [] } = finding;
  if (consequences.length === 0) return [];
  const lead = ' '.repeat(indent);
  if (!options.verbose) return [`${lead}${chalk.dim(consequenceText(consequences))}`];
  return consequences.flatMap((one) => [
    `${lead}${findingLine(one, chalk)}`,
    ...consequenceLines(one, chalk, options, indent + 2),
  ]);
}

function findingLine(finding: Finding, chalk: ChalkInstance): string {
  const paint = { error: chalk.red, warning: chalk.yellow, note: chalk.cyan }[finding.severity];
  return `${paint(finding.severity.padEnd(7))} ${finding.code}  ${printable(finding.message)}`;
}

function explanation(finding: Finding, chalk: ChalkInstance): string[] {
  const row = FINDINGS[finding.code];
  const fix =
    'fix' in row && typeof row.fix === 'string' ? `repair: ${row.fix}` : 'repair leaves this as it is';
  return [chalk.dim(`          ${row.explanation}`), chalk.dim(`          ${fix}`)];
}

function summaryTable(totals: readonly [string, number | string][]): string {
  // Without the empty styles cli-table3 writes ANSI codes into pipes.
  const table = new Table({
    style: { head: [], border: [] },
    colAligns: ['left', 'right'],
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  for (const [name, value] of totals) table.push([printable(name), printable(String(value))]);
  return table.toString();
}

function verdict(report: CheckReport, chalk: ChalkInstance): string {
  const state = stateOf(report);
  const paint = state === 'clean' || state === 'repaired' ? chalk.green : chalk.red;
  const parts = [countText(countsOf(report.findings))];
  if (report.exit & 1) {
    const left = new Set(report.left?.map((entry) => entry.finding));
    const mended = report.findings.filter((finding) => finding.severity !== 'note' && !left.has(finding));
    parts[0] = withSuffix(mended, ' mended');
    parts.push(withSuffix([...left], ' left'));
  }
  if (report.error) parts[0] = printable(withoutName(report.error.message, report.image));
  if (report.only) parts.push(`only ${report.only.join(', ')}`);
  const told = parts.filter((part) => part !== '').join('; ');
  return `${printable(report.image)}: ${paint(state)}${told === '' ? '' : ` (${told})`}`;
}

/** Errors begin with the image, and so does the line. */
function withoutName(message: string, image: string): string {
  return message.startsWith(`${image}: `) ? message.slice(image.length + 2) : message;
}

/** `2 errors, 1 note mended`. */
function withSuffix(findings: readonly Finding[], suffix: string): string {
  return findings.length === 0 ? '' : `${countText(countsOf(findings))}${suffix}`;
}

/** A text of each image, and a line for the run where there are several. */
export function textWriter(options: TextOptions, images: number): ReportWriter {
  return {
    *image(report) {
      // Of a single image its line on stderr says it all.
      if (images > 1 || !report.error) yield printText(report, options);
    },
    *end({ reports }) {
      if (images < 2) return;
      const states = [...statesOf(reports)].map(([state, n]) => `${n} ${state}`);
      yield `${reports.length} images: ${states.join(', ')}\n`;
    },
  };
}
