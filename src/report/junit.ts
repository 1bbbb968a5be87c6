/**
 * Reports as JUnit XML, as Jenkins, GitLab and others read it: an image is a suite, each subject of the check a case,
 * damage a failure, an image that cannot be looked at an error.
 */
import type { Subject } from '../format/findings.ts';
import { type CheckReport, type ReportWriter, type RunReport, stateOf } from './report.ts';
import { groupBySubject, groupLines, headline, type SubjectGroup } from './subjectgroups.ts';

/** What XML 1.0 cannot hold in any form: most control characters, halves of surrogate pairs, two others. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones that must go
const ILLEGAL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu;

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text as it may stand between tags; what XML cannot hold becomes a visible escape. */
export function xmlText(text: string): string {
  return text
    .replace(ILLEGAL, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replace(/[&<>"]/g, (c) => ENTITIES[c]!)
    .replace(/[\r\u007f-\u009f\u2028\u2029]/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** The value of an attribute; line breaks and tabs would be taken for spaces. */
function attribute(text: string): string {
  return xmlText(text).replace(/[\n\t]/g, (c) => `&#${c.charCodeAt(0)};`);
}

export function junitWriter(only?: readonly Subject[]): ReportWriter {
  return {
    *image() {},
    *end(run) {
      yield '<?xml version="1.0" encoding="UTF-8"?>\n';
      const suites = run.reports.map((report) => ({ report, groups: groupsOf(report, only) }));
      yield `<testsuites name="xfskit check" ${totals(run, suites)}>\n`;
      for (const { report, groups } of suites) yield* suite(report, groups);
      yield '</testsuites>\n';
    },
  };
}

function groupsOf(report: CheckReport, only?: readonly Subject[]): readonly SubjectGroup[] {
  return report.error ? [] : groupBySubject(report, only);
}

function failures(groups: readonly SubjectGroup[]): number {
  return groups.filter(({ damage }) => damage.length > 0).length;
}

function totals(run: RunReport, suites: readonly { readonly groups: readonly SubjectGroup[] }[]): string {
  const errors = run.reports.filter(({ error }) => error).length;
  const tests = suites.reduce((sum, { groups }) => sum + groups.length, errors);
  const failed = suites.reduce((sum, { groups }) => sum + failures(groups), 0);
  return `tests="${tests}" failures="${failed}" errors="${errors}"`;
}

function* suite(report: CheckReport, groups: readonly SubjectGroup[]): Generator<string> {
  const { image, error } = report;
  const name = attribute(image);
  const errors = error ? 1 : 0;
  const skipped = groups.filter((group) => group.skipped).length;
  const counts = `tests="${groups.length + errors}" failures="${failures(groups)}" errors="${errors}"`;
  yield `  <testsuite name="${name}" ${counts} skipped="${skipped}">\n    <properties>\n`;
  const properties = { state: stateOf(report), log: report.logState, ...report.summary };
  for (const [key, value] of Object.entries(properties)) {
    yield `      <property name="${attribute(key)}" value="${attribute(String(value))}"/>\n`;
  }
  yield '    </properties>\n';
  if (error) {
    yield `    <testcase name="image" classname="${name}">\n`;
    yield `      <error type="${attribute(error.code)}" message="${attribute(error.message)}"/>\n    </testcase>\n`;
  }
  for (const group of groups) yield* testCase(name, group);
  yield '  </testsuite>\n';
}

function* testCase(image: string, group: SubjectGroup): Generator<string> {
  const start = `    <testcase name="${group.subject}" classname="${image}"`;
  if (group.skipped) {
    yield `${start}>\n      <skipped/>\n    </testcase>\n`;
    return;
  }
  if (group.damage.length === 0 && group.notes.length === 0) {
    yield `${start}/>\n`;
    return;
  }
  yield `${start}>\n`;
  const codes = [...new Set(group.damage.map(({ code }) => code))].join(' ');
  const element = group.damage.length > 0 ? 'failure' : 'system-out';
  const attributes = element === 'failure' ? ` type="${codes}" message="${attribute(headline(group))}"` : '';
  yield `      <${element}${attributes}>`;
  for (const line of groupLines(group)) yield `${xmlText(line)}\n`;
  yield `</${element}>\n    </testcase>\n`;
}
