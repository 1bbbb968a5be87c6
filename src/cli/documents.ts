/** Every generated document by its path: what `npm run docs` writes and what the tests compare with the files. */
import { formatMarkdown } from '../format/documentation.ts';
import { manualPages } from '../report/man.ts';
import { findingsMarkdown } from '../report/markdown.ts';
import { commands } from './commands.ts';
import { AFTER_HELP, SUMMARY } from './main.ts';
import { outlineCommands } from './outline.ts';

const OPTIONS = [
  ['--help', 'show the help; behind a command, that of the command'],
  ['--version', 'print the version'],
  ['--color', 'colour also where the output is no terminal'],
  ['--no-color', 'no colour'],
] as const;

const ENVIRONMENT = [
  ['NO_COLOR', 'set to anything: no colour'],
  ['FORCE_COLOR', 'set to anything but 0: colour also where the output is no terminal'],
  ['XFSKIT_DEBUG', 'set to 1: errors say where they came from'],
  ['SOURCE_DATE_EPOCH', 'seconds since 1970: the time that mkfs puts into a filesystem'],
] as const;

export async function documents(): Promise<Map<string, string>> {
  const exitStatus = AFTER_HELP.trim().split('\n--')[0]!;
  const general = { summary: SUMMARY, options: OPTIONS, environment: ENVIRONMENT, exitStatus };
  const pages = manualPages(await outlineCommands(commands), general);
  return new Map([
    ['docs/FORMAT.md', formatMarkdown()],
    ['docs/FINDINGS.md', findingsMarkdown()],
    ...[...pages].map(([name, text]) => [`docs/man/${name}`, text] as const),
  ]);
}
