/**
 * The manual pages: every command, option and suboption is in them, with what its row says, and roff prints them
 * without a warning where it is installed. That the files are fresh is seen to by the tidy test.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { commands } from '../../../src/cli/commands.ts';
import { documents } from '../../../src/cli/documents.ts';
import { outlineCommands } from '../../../src/cli/outline.ts';
import { OPTIONS, type OptionRow } from '../../../src/mkfs/options.ts';
import { manualPages } from '../../../src/report/man.ts';
import { repository, run, xfskit } from '../../support/oracle.ts';

const pages = new Map([...(await documents())].filter(([path]) => path.startsWith('docs/man/')));
const page = (name: string): string => pages.get(`docs/man/${name}.1`) ?? '';

/** A page as a reader sees it, on one line; without roff, its text without escapes and fonts. */
function readable(text: string): string {
  const plain = text
    .replace(/^\.\\".*\n/gm, '')
    .replace(/^\.(TP|PP|RS|RE|nf|fi|nh)\n/gm, '')
    .replace(/\\f[BIR]/g, '')
    .replace(/\\\(aq/g, "'")
    .replace(/\\\(ti/g, '~')
    .replace(/\\&/g, '')
    .replace(/\\-/g, '-');
  return plain.replace(/\s+/g, ' ');
}

test('a page for each command, and one for all of them', () => {
  expect([...pages.keys()].sort()).toEqual(
    ['xfskit', ...commands.map(({ name }) => `xfskit-${name}`)].map((name) => `docs/man/${name}.1`).sort(),
  );
  for (const { name, summary } of commands) {
    expect(readable(page('xfskit')).toLowerCase()).toContain(`${name} ${summary}`.toLowerCase());
    expect(readable(page(`xfskit-${name}`))).toContain(`xfskit-${name} - ${summary}`);
  }
});

test.each(commands.map(({ name }) => name))('%s: what --help says is in its page', (name) => {
  const { stdout } = xfskit([name, '--help']);
  const options = /\nOptions:\n([\s\S]*?)(?:\n\n|$)/.exec(stdout)![1]!;
  const text = readable(page(`xfskit-${name}`));
  const spellings = [...options.matchAll(/^ {2}(-[^ ]+(?:, --[\w-]+)?)/gm)].map((match) => match[1]!);
  expect(spellings.length).toBeGreaterThan(0);
  expect(spellings.filter((spelling) => !text.includes(spelling))).toEqual([]);
  expect(text).toMatch('EXIT STATUS');
});

describe('suboptions of mkfs', () => {
  const text = readable(page('xfskit-mkfs'));
  const suboptions = text.slice(text.indexOf('.SH SUBOPTIONS'));
  const rows: readonly OptionRow[] = OPTIONS;

  test('every row that is not refused, with its help and all it excludes', () => {
    expect(rows.length).toBeGreaterThan(60);
    for (const row of rows.filter(({ refused }) => refused === undefined)) {
      const start = suboptions.indexOf(` -${row.group} ${row.name}${row.bare === undefined ? '=' : '[='}`);
      expect([row.group, row.name, start > 0]).toEqual([row.group, row.name, true]);
      const own = suboptions.slice(start + 1, start + 600);
      expect(own.toLowerCase()).toContain(row.help.toLowerCase());
      for (const other of row.conflicts) expect(own).toContain(`-${other.replace('.', ' ')}`);
      if (row.needs) expect(own).toContain(`Needs -${row.needs.key.replace('.', ' ')}`);
    }
  });

  test('ranges and defaults of the profiles', () => {
    expect(text).toContain(
      'Size of an allocation group. From 16 MiB to 1 TiB. Excludes -d agcount, -d concurrency.',
    );
    expect(text).toContain('A power of 2, 512 bytes to 64 KiB.');
    expect(text).toContain('Reverse mapping btree. Default 0 in profile 6.1, 1 in profiles 6.6, 6.12, 6.18.');
    expect(text).toContain('Unknown to profiles before 6.12.');
    expect(text).toContain('One of ci, 2. Default 2.');
  });
});

test('text that roff would read as its own stands as it is', async () => {
  const [first] = await outlineCommands(commands.slice(0, 1));
  const tricky = {
    ...first!,
    name: 'x',
    notes: ["Notes:\n.dot and 'quote' and back\\slash\n  .indented \\n"],
  };
  const made = manualPages([tricky], {
    summary: 's',
    options: [],
    environment: [],
    exitStatus: 'Exit status: 0',
  });
  const text = made.get('xfskit-x.1')!;
  expect(text).toContain('\n\\&.dot and \\(aqquote\\(aq and back\\eslash\n');
  expect(text).toContain('\n\\&.indented \\en\n');
});

describe('roff', () => {
  const lint = (command: string, args: readonly string[], drop: RegExp): void => {
    if (run(command, args, { input: '' }).status === 127) {
      process.stderr.write(`\n*** SKIPPED: manual pages by ${command}: it is not installed\n`);
      return;
    }
    for (const path of pages.keys()) {
      const { stdout, stderr } = run(command, [...args, join(repository, path)]);
      const complaints = `${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !drop.test(line));
      expect([path, complaints]).toEqual([path, []]);
      expect(readFileSync(join(repository, path), 'latin1')).toMatch(/^[\n -~]+$/);
    }
    const offence = run(command, args, {
      input: '.TH X 1\n.SH NAME\nx \\- y\n.TP\n\\fBx\n.nonsense\n\\*[none]\n',
    });
    expect(offence.stdout + offence.stderr).not.toBe('');
  };
  test('groff has no warning', () => lint('groff', ['-man', '-ww', '-z', '-Tutf8'], /^$/));
  test('mandoc has none but for the date that we leave out', () =>
    lint('mandoc', ['-T', 'lint', '-W', 'warning'], /missing date/));
});
