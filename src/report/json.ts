/**
 * Reports as JSON: of one image the report itself, of several an object that holds them; or as JSON lines, a finding
 * a line. docs/schema/check.json describes all of it. Written in pieces: the findings of a hostile image may be more
 * than fits into one string.
 */
import { type Finding, subjectOf } from '../format/findings.ts';
import {
  type CheckReport,
  countsOf,
  listed,
  type ReportWriter,
  type RunReport,
  stateOf,
  statesOf,
} from './report.ts';
import { version } from './version.ts';

/** A finding with its subject, those that follow from it too. */
function findingJson(finding: Finding): object {
  const { code, severity, consequences, ...rest } = finding;
  return {
    code,
    severity,
    subject: subjectOf(finding),
    ...rest,
    ...(consequences ? { consequences: consequences.map(findingJson) } : {}),
  };
}

/** All of a report but its lists. */
function headJson(report: CheckReport): object {
  const omitted = report.findings.length - listed(report).length;
  return {
    image: report.image,
    state: stateOf(report),
    provisional: report.provisional,
    log: report.logState,
    counts: countsOf(report.findings),
    ...(omitted > 0 ? { omitted } : {}),
    ...(report.stopped ? { stopped: true } : {}),
    ...(report.error ? { error: report.error } : {}),
    summary: report.summary,
  };
}

/** The report as JSON-ready data. */
export function toJson(report: CheckReport): object {
  const left = report.left?.map(({ finding, reason }) => ({ finding: findingJson(finding), reason }));
  return {
    tool: 'xfskit',
    version,
    ...headJson(report),
    findings: listed(report).map(findingJson),
    ...(report.applied ? { applied: report.applied } : {}),
    ...(left ? { left } : {}),
    exit: report.exit,
  };
}

/** Bigints become decimal strings. */
function stringify(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? String(one) : one), indent);
}

/** The same text as JSON.stringify(value, null, 2), in pieces: members of lists of objects one by one. */
function* pieces(value: object, indent = ''): Generator<string> {
  const inner = `${indent}  `;
  const own = (one: unknown, lead: string): string => stringify(one, 2).replaceAll('\n', `\n${lead}`);
  let lead = `{\n${inner}`;
  for (const [key, one] of Object.entries(value)) {
    yield `${lead}${JSON.stringify(key)}: `;
    lead = `,\n${inner}`;
    if (!Array.isArray(one) || one.length === 0) {
      yield own(one, inner);
      continue;
    }
    yield '[\n';
    for (const [i, member] of one.entries())
      yield `${i > 0 ? ',\n' : ''}${inner}  ${own(member, `${inner}  `)}`;
    yield `\n${inner}]`;
  }
  yield `\n${indent}}`;
}

export function* printJson(report: CheckReport): Generator<string> {
  yield* pieces(toJson(report));
  yield '\n';
}

/** One document, at the end of the run. */
export function jsonWriter(): ReportWriter {
  return {
    *image() {},
    *end(run: RunReport) {
      if (run.reports.length === 1) return yield* printJson(run.reports[0]!);
      yield `{\n  "tool": "xfskit",\n  "version": ${JSON.stringify(version)},\n  "images": [\n`;
      for (const [i, report] of run.reports.entries()) {
        yield i > 0 ? ',\n    ' : '    ';
        yield* pieces(toJson(report), '    ');
      }
      yield `\n  ],\n  "states": ${stringify(Object.fromEntries(statesOf(run.reports)))},\n`;
      yield `  "exit": ${run.exit}\n}\n`;
    },
  };
}

/** Findings, a line each, and a line for their image as soon as that is done; at the end one for the run. */
export function jsonLinesWriter(): ReportWriter {
  return {
    *image(report) {
      const { image } = report;
      for (const finding of listed(report))
        yield `${stringify({ type: 'finding', image, ...findingJson(finding) })}\n`;
      yield `${stringify({ type: 'image', ...headJson(report), exit: report.exit })}\n`;
    },
    *end({ reports, exit }) {
      const states = Object.fromEntries(statesOf(reports));
      yield `${stringify({ type: 'summary', tool: 'xfskit', version, images: reports.length, states, exit })}\n`;
    },
  };
}
