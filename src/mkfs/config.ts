/**
 * Config files of `-c options=FILE`: INI, a section per option group, one `name = value` (or `name: value`) a line.
 *
 * `#` and `;` start a comment line, ` ;` a comment behind a value. Section and option names are taken without regard
 * to case. An indented line goes on with the value of the one before it, which for options is to give it twice. What
 * stands in the file and on the command line alike is an error, as anywhere else.
 */
import { UsageError } from '../format/errors.ts';
import type { GivenOptions } from './given.ts';

interface Line {
  readonly number: number;
  readonly section: string;
  readonly name: string;
  readonly value: string;
}

function parseIni(text: string, file: string): Line[] {
  const lines: Line[] = [];
  let section = '';
  let previous: string | undefined;
  text
    .replace(/^\ufeff/, '')
    .split('\n')
    .forEach((raw, index) => {
      const number = index + 1;
      const line = raw.trim();
      if (line === '' || line.startsWith('#') || line.startsWith(';')) return;
      if (line.startsWith('[')) {
        const name = /^\[([^\]]*)\]/.exec(line)?.[1];
        if (name === undefined) throw new UsageError(`${file}: line ${number}: a section without its ]`);
        section = name;
        previous = undefined;
        return;
      }
      const bare = line.replace(/\s;.*$/, '');
      if (previous !== undefined && /^\s/.test(raw)) {
        lines.push({ number, section, name: previous, value: bare.trim() });
        return;
      }
      const pair = /^([^=:]*)[=:](.*)$/.exec(bare);
      if (!pair) throw new UsageError(`${file}: line ${number}: not name=value`);
      previous = pair[1]!.trim();
      lines.push({ number, section, name: previous, value: pair[2]!.trim() });
    });
  return lines;
}

/** Adds what a config file says to what the command line said. Throws UsageError. */
export function addConfig(given: GivenOptions, text: string, file: string): void {
  for (const { number, section, name, value } of parseIni(text, file)) {
    if (!given.addLine(section, name, value))
      throw new UsageError(`${file}: line ${number}: no option [${section}] ${name}=${value}`);
  }
}
