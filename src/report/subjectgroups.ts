/**
 * The findings of a report by what they are about: the test cases of JUnit and TAP. A subject is a case whether it has
 * findings or not, so that a case has the same name in every run and a clean image passes as many as a bad one fails.
 */
import { FINDINGS, type Finding, SUBJECTS, type Subject, subjectOf } from '../format/findings.ts';
import { flatten } from './consequence.ts';
import { type CheckReport, listed } from './report.ts';

export interface SubjectGroup {
  readonly subject: Subject;
  /** Errors and warnings. */
  readonly damage: readonly Finding[];
  readonly notes: readonly Finding[];
  /** Those of both that are to be listed. */
  readonly listed: readonly Finding[];
  /** Nothing is known of it: the check came to an end before. */
  readonly skipped: boolean;
}

/** Subjects of `only` (all, without it), and any other that has findings to tell. */
export function groupBySubject(report: CheckReport, only?: readonly Subject[]): SubjectGroup[] {
  const bySubject = groupFindings(report.findings);
  const shown = new Set(listed(report));
  const wanted = new Set<string>(only ?? Object.keys(SUBJECTS));
  const groups: SubjectGroup[] = [];
  for (const subject of Object.keys(SUBJECTS) as Subject[]) {
    const findings = bySubject.get(subject) ?? [];
    if (findings.length === 0 && !wanted.has(subject)) continue;
    groups.push({
      subject,
      damage: findings.filter(({ severity }) => severity !== 'note'),
      notes: findings.filter(({ severity }) => severity === 'note'),
      listed: findings.filter((finding) => shown.has(finding)),
      skipped: report.stopped === true && findings.length === 0,
    });
  }
  return groups;
}

/** A line for each finding to be listed and, indented, all that follows from it; then the count of the rest. */
export function* groupLines(group: SubjectGroup): Generator<string> {
  for (const finding of group.listed) {
    yield lineOf(finding);
    for (const one of flatten(finding.consequences ?? [])) yield `  follows: ${lineOf(one)}`;
    const { fix } = finding;
    if (fix !== undefined) yield `  repair: ${fix}`;
  }
  const rest = group.damage.length + group.notes.length - group.listed.length;
  if (rest > 0) yield `... and ${rest} more`;
}

function lineOf({ severity, code, message }: Finding): string {
  return `${severity} ${code} ${message}`;
}

/** What fails, in a line: the first message, or, where it is not listed, its title. */
export function headline({ damage, listed: shown }: SubjectGroup): string {
  const first = damage[0]!;
  const text = shown.includes(first) ? first.message : FINDINGS[first.code].title;
  return damage.length === 1 ? text : `${text} (and ${damage.length - 1} more)`;
}

function groupFindings(findings: readonly Finding[]): ReadonlyMap<Subject, Finding[]> {
  const groups = new Map<Subject, Finding[]>();
  for (const finding of findings) {
    const group = groups.get(subjectOf(finding));
    if (group) group.push(finding);
    else groups.set(subjectOf(finding), [finding]);
  }
  return groups;
}
