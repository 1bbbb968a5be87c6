/** The catalogue of findings: every code as a line, one code explained, either as data. From the rows of format. */
import { Chalk } from 'chalk';
import { FINDINGS, type FindingCode, type FindingRow, SUBJECTS } from '../format/findings.ts';

export interface CatalogueEntry {
  readonly code: FindingCode;
  readonly subject: string;
  readonly severity: string;
  readonly title: string;
  readonly explanation: string;
  /** What repair does; null: it leaves the damage. */
  readonly fix: string | null;
  /** The fix loses information. */
  readonly losesData: boolean;
}

export function catalogueEntry(code: FindingCode): CatalogueEntry {
  const { subject, severity, title, explanation, fix, losesData }: FindingRow = FINDINGS[code];
  return { code, subject, severity, title, explanation, fix: fix ?? null, losesData };
}

/** A line each: code, severity, subject, title; columns parted by two spaces at least. */
export function catalogueTable(codes: readonly FindingCode[]): string {
  const rows = [
    ['CODE', 'SEVERITY', 'SUBJECT', 'TITLE'],
    ...codes
      .map(catalogueEntry)
      .map(({ code, severity, subject, title }) => [code, severity, subject, title]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) => `${row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  ')}\n`)
    .join('');
}

export function explainCode(code: FindingCode, options: { readonly colour: boolean }): string {
  const chalk = new Chalk({ level: options.colour ? 1 : 0 });
  const { subject, severity, title, explanation, fix, losesData }: FindingRow = FINDINGS[code];
  const loses = losesData ? ' (loses information)' : '';
  return [
    `${chalk.bold(code)}: ${title}`,
    `severity: ${severity}`,
    `subject:  ${subject} (${SUBJECTS[subject]})`,
    `repair:   ${fix === undefined ? 'none; left as it is' : `${fix}${loses}`}`,
    '',
    explanation,
    '',
  ].join('\n');
}
