/**
 * Reports as TAP (version 14; readers of 13 take it too): each subject of each image is a test point, and an image
 * that cannot be looked at is one that is not ok. Points come as soon as their image is done, the plan at the end.
 */
import type { Subject } from '../format/findings.ts';
import { printable } from './printable.ts';
import { type CheckReport, countsOf, countText, type ReportWriter } from './report.ts';
import { groupBySubject, groupLines, type SubjectGroup } from './subjectgroups.ts';

/** A description: one line, its backslashes and number signs escaped. */
function description(text: string): string {
  return printable(text).replace(/[\\#]/g, '\\$&');
}

/** A YAML scalar: JSON is one, and what is printable needs no more than that. */
function scalar(text: string): string {
  return JSON.stringify(printable(text));
}

export function tapWriter(only?: readonly Subject[]): ReportWriter {
  let points = 0;
  const point = (ok: boolean, text: string, directive = ''): string => {
    points++;
    return `${ok ? 'ok' : 'not ok'} ${points} - ${description(text)}${directive}\n`;
  };
  const header = (): string => (points === 0 ? 'TAP version 14\n' : '');
  return {
    *image(report) {
      yield header();
      const { image, error } = report;
      if (error) {
        yield point(false, `${image}: image`);
        yield* diagnosis([
          `message: ${scalar(error.message)}`,
          'severity: fail',
          `code: ${scalar(error.code)}`,
        ]);
        return;
      }
      yield* comments(report);
      for (const group of groupBySubject(report, only)) {
        const directive = group.skipped ? ' # SKIP not looked at' : '';
        yield point(group.damage.length === 0, `${image}: ${group.subject}`, directive);
        yield* diagnosis(aboutGroup(group));
      }
    },
    *end() {
      yield `${header()}1..${points}\n`;
    },
  };
}

function* comments({ provisional, logState }: CheckReport): Generator<string> {
  if (provisional)
    yield `# ${printable(`log: ${logState}; what follows is provisional until it has been replayed`)}\n`;
}

function aboutGroup(group: SubjectGroup): string[] {
  const findings = [...group.damage, ...group.notes];
  if (findings.length === 0) return [];
  return [
    `message: ${scalar(countText(countsOf(findings)))}`,
    `severity: ${group.damage.length > 0 ? 'fail' : 'comment'}`,
    'findings:',
    ...[...groupLines(group)].map((line) => `  - ${scalar(line)}`),
  ];
}

function* diagnosis(lines: readonly string[]): Generator<string> {
  if (lines.length === 0) return;
  yield '  ---\n';
  for (const line of lines) yield `  ${line}\n`;
  yield '  ...\n';
}
