/** `xfskit findings`: the catalogue of what check can say, as a table or JSON; one code with its explanation. */
import type { Command } from 'commander';
import { writeOut } from '../device/stdout.ts';
import { UsageError } from '../format/errors.ts';
import { FINDINGS, type FindingRow, isFindingCode } from '../format/findings.ts';
import { catalogueEntry, catalogueTable, explainCode } from '../report/catalogue.ts';
import type { Vocabulary } from '../report/outline.ts';
import { useColour } from './colour.ts';

const AFTER_HELP = `
Codes are permanent. Severities: error, damage; warning, sound but not as it should be; note, legal and worth
knowing. Notes alone leave the exit status of check at 0.
  xfskit findings LEAKED_COW
  xfskit findings --json | jq -r '.[] | select(.losesData) | .code'
Exit status: 0, or 16 for a code that there is not.`;

export function define(command: Command): void {
  command
    .argument('[CODE]', 'one code')
    .option('--json', 'print as JSON')
    .addHelpText('after', AFTER_HELP)
    .action((code: string | undefined, flags: { readonly json?: boolean }) => {
      writeOut(code === undefined ? wholeCatalogue(flags.json) : oneCode(code, flags.json));
    });
}

/** The codes, for completion. */
export function vocabulary(): Vocabulary {
  const rows: [string, FindingRow][] = Object.entries(FINDINGS);
  return { words: { CODE: rows.map(([word, { title }]) => ({ word, help: title })) } };
}

function wholeCatalogue(json: boolean | undefined): string {
  const codes = Object.keys(FINDINGS).filter(isFindingCode).sort();
  return json ? `${JSON.stringify(codes.map(catalogueEntry), null, 2)}\n` : catalogueTable(codes);
}

function oneCode(word: string, json: boolean | undefined): string {
  const code = word.toUpperCase();
  if (!isFindingCode(code)) throw new UsageError(`no finding ${word}; "xfskit findings" lists them`);
  return json
    ? `${JSON.stringify(catalogueEntry(code), null, 2)}\n`
    : explainCode(code, { colour: useColour() });
}
