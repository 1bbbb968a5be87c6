/** Usage text of the drop-in for mkfs.xfs, out of the rows: its callers grep it for suboptions such as `parent=0|1`. */
import { OPTION_GROUPS, OPTIONS, type OptionGroup, type OptionRow } from './options.ts';

function spell(row: OptionRow): string {
  if (row.kind === 'text') return `${row.name}=text`;
  if (row.words && row.kind === 'number' && row.bare === undefined)
    return `${row.name}=${[row.min, ...Object.keys(row.words)].join('|')}`;
  return row.max === 1 ? `${row.name}=0|1` : `${row.name}=num`;
}

const SWITCHES = [
  ['-f', 'overwrite what is there (also -C)'],
  ['-K', 'no discard'],
  ['-L label', 'at most 12 bytes'],
  ['-N', 'print the geometry, write nothing'],
  ['-q', 'quiet'],
  ['-V', 'version'],
] as const;

/** Every option, a group a line. */
export function formatUsage(program: string): string {
  const groups = (Object.keys(OPTION_GROUPS) as OptionGroup[]).map((group) => {
    const rows = OPTIONS.filter((row: OptionRow) => row.group === group && row.refused === undefined);
    const lines: string[] = [''];
    for (const word of rows.map(spell)) {
      const last = lines.length - 1;
      if (lines[last]!.length + word.length > 76) lines.push('');
      lines[lines.length - 1] += (lines.at(-1) === '' ? '' : ',') + word;
    }
    return rows.length === 0 ? '' : `  -${group} ${lines.join(`,\n     `)}\n`;
  });
  const switches = SWITCHES.map(([flag, text]) => `  ${flag.padEnd(10)}${text}\n`);
  return (
    `Usage: ${program} [options] device\n${groups.join('')}${switches.join('')}` +
    'num takes a suffix where it is a size: s sectors, b blocks, k m g t p e powers of 1024.\n'
  );
}
