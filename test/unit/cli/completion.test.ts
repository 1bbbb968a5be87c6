/**
 * `xfskit completion`: the scripts in the shells they are for. bash answers what it would offer and takes a real Tab;
 * zsh (by Tab) and fish where they are installed. Expected words come from commander's help and from the rows.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { commands } from '../../../src/cli/commands.ts';
import { OPTIONS, type OptionRow } from '../../../src/mkfs/options.ts';
import { INJECT_KINDS } from '../../../src/repair/inject/inject.ts';
import { temporaryDirectory, xfskit } from '../../support/oracle.ts';
import {
  bashOffers,
  fishOffers,
  hasShell,
  hasTerminal,
  pressTab,
  type ShellName,
} from '../../support/shell.ts';

const folder = join(temporaryDirectory(), 'folder');
mkdirSync(join(folder, 'deeper'), { recursive: true });
for (const name of ['disk.img', 'disk two.img', 'log.img']) writeFileSync(join(folder, name), '');

function scriptOf(shell: ShellName): string {
  const path = join(temporaryDirectory(), `completion.${shell}`);
  const made = xfskit(['completion', shell]);
  expect([made.status, made.stderr]).toEqual([0, '']);
  writeFileSync(path, made.stdout);
  return path;
}

const rowsOf = (group: string): OptionRow[] =>
  OPTIONS.filter((row) => row.group === group && !('refused' in row && row.refused)) as OptionRow[];

/** Lines, and all that may be offered for them where the cursor is; both engines must say so. */
const EXACT: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ['xfskit ', [...commands.map(({ name }) => name), 'help']],
  ['xfskit in', ['inject']],
  ['xfskit help ch', ['check']],
  ['xfskit mkfs --dry', ['--dry-run']],
  ['xfskit mkfs --profile ', ['6.1', '6.6', '6.12', '6.18']],
  ['xfskit mkfs -d su', ['su=', 'sunit=']],
  ['xfskit mkfs -f -d agcount=4,su', ['agcount=4,su=', 'agcount=4,sunit=']],
  ['xfskit mkfs -d agcount=4,agc', []],
  ['xfskit mkfs -m rm', ['rmapbt', 'rmapbt=0', 'rmapbt=1']],
  [
    'xfskit mkfs -m crc=1,rmapbt=0,refl',
    ['reflink', 'reflink=0', 'reflink=1'].map((word) => `crc=1,rmapbt=0,${word}`),
  ],
  ['xfskit mkfs -n version=', ['version=2', 'version=ci']],
  ['xfskit mkfs -L ', []],
  [
    'xfskit inject missing-',
    INJECT_KINDS.map(({ name }) => name).filter((name) => name.startsWith('missing-')),
  ],
  ['xfskit db -c agf', ['agf', 'agfl']],
  ['xfskit completion ', ['bash', 'zsh', 'fish']],
  ['xfskit mkfs -q dee', ['deeper']],
  ['xfskit check lo', ['log.img']],
];

/** What bash is handed: only what stands behind the last `=` of the word. */
function behindBreak(line: string, words: readonly string[]): string[] {
  const typed = line.split(' ').at(-1)!;
  const strip = typed.includes('=') ? typed.lastIndexOf('=') + 1 : 0;
  return words.map((word) => word.slice(strip));
}

/** A group for a shell that may not be there. */
function describeShell(shell: ShellName, body: () => void): void {
  if (hasShell(shell)) describe(shell, body);
  else {
    process.stderr.write(`\n*** SKIPPED: completion in ${shell}: it is not installed\n`);
    describe.skip(shell, body);
  }
}

/** Without the `script` of util-linux there is no terminal to press a key on. */
function isDeaf(): boolean {
  if (hasTerminal()) return false;
  process.stderr.write('\n*** SKIPPED: the Tab key: no `script` of util-linux\n');
  return true;
}

describeShell('bash', () => {
  const script = hasShell('bash') ? scriptOf('bash') : '';
  const offers = (line: string) => bashOffers(script, line, folder).sort();

  test.each(EXACT)('%s', (line, words) => {
    const general = line === 'xfskit ' ? ['--help', '--version'] : [];
    expect(offers(line)).toEqual([...behindBreak(line, words), ...general].sort());
  });

  test('every option that a help names', () => {
    for (const { name } of commands) {
      const { stdout } = xfskit([name, '--help']);
      const listed = /\nOptions:\n([\s\S]*?)(?:\n\n|$)/.exec(stdout)![1]!;
      const names = [...listed.matchAll(/^ {2}(-\w)?(?:, )?(--[\w-]+)?/gm)].flatMap(([, short, long]) =>
        [short, long].flatMap((some) => some ?? []),
      );
      expect(names.length).toBeGreaterThan(0);
      expect(offers(`xfskit ${name} -`)).toEqual(names.sort());
    }
  });

  test('every suboption of every row, and no refused one', () => {
    for (const group of 'bcdilmnrs') {
      const offered = new Set(offers(`xfskit mkfs -${group} `).map((word) => word.replace(/=.*/, '')));
      expect([...offered].sort()).toEqual([...new Set(rowsOf(group).map(({ name }) => name))].sort());
    }
    expect(offers('xfskit mkfs -p ')).toEqual([]);
    expect(offers('xfskit inject ')).toEqual(INJECT_KINDS.map(({ name }) => name).sort());
  });

  test('attached, long with =, behind options with values, paths behind a suboption', () => {
    expect(offers('xfskit mkfs -dagc')).toEqual(['-dagcount=']);
    expect(offers('xfskit mkfs --profile=6.1')).toEqual(['6.1', '6.12', '6.18']);
    expect(offers('xfskit mkfs -L label -b size=4096 disk.')).toEqual(['disk.img']);
    expect(offers('xfskit inject leaked-cow di')).toEqual(['disk two.img', 'disk.img']);
    expect(offers('xfskit mkfs -l size=64m,logdev=lo')).toEqual(['log.img']);
    expect(offers('xfskit mkfs -d name=dee')).toEqual(['deeper']);
    expect(offers('xfskit repair disk.img nothing')).toEqual([]);
  });

  test.each([
    ['xfskit mkfs -d agc', 'mkfs -d agcount='],
    ['xfskit mkfs -d agcount=4,cow', 'mkfs -d agcount=4,cowextsize='],
    ['xfskit mkfs -i sparse=0,maxp', 'mkfs -i sparse=0,maxpct='],
    ['xfskit mkfs -l logdev=lo', 'mkfs -l logdev=log.img'],
    ['xfskit check --verb', 'check --verbose'],
    ['xfskit undo disk\\ ', 'undo disk two.img'],
  ])('the Tab key: %s', async (line, heard) => {
    if (isDeaf()) return;
    expect(await pressTab('bash', script, line, folder)).toBe(heard);
  });
});

describeShell('fish', () => {
  const script = hasShell('fish') ? scriptOf('fish') : '';
  test.each(EXACT)('%s', (line, words) => {
    // Where nothing begins with what was typed, fish offers what holds its letters.
    const typed = line.split(' ').at(-1)!;
    const offered = fishOffers(script, line, folder)
      .map((word) => word.replace(/\/$/, ''))
      .filter((word) => word.startsWith(typed));
    expect(offered.sort()).toEqual([...words].sort());
  });
  test('attached, and paths behind a suboption', () => {
    expect(fishOffers(script, 'xfskit mkfs -dagc', folder)).toEqual(['-dagcount=']);
    expect(fishOffers(script, 'xfskit mkfs -l size=64m,logdev=lo', folder)).toEqual([
      'size=64m,logdev=log.img',
    ]);
  });
});

describeShell('zsh', () => {
  const script = hasShell('zsh') ? scriptOf('zsh') : '';
  test.each([
    ['xfskit in', 'inject'],
    ['xfskit mkfs --dry', 'mkfs --dry-run'],
    ['xfskit mkfs -d agc', 'mkfs -d agcount='],
    ['xfskit mkfs -dagc', 'mkfs -dagcount='],
    ['xfskit mkfs -d agcount=4,cow', 'mkfs -d agcount=4,cowextsize='],
    ['xfskit mkfs -m crc=1,metad', 'mkfs -m crc=1,metadir=0'],
    ['xfskit mkfs -l logdev=lo', 'mkfs -l logdev=log.img'],
    ['xfskit mkfs --profile=6.12', 'mkfs --profile=6.12'],
    ['xfskit inject leaked-c', 'inject leaked-cow'],
    ['xfskit check lo', 'check log.img'],
  ])('the Tab key: %s', async (line, heard) => {
    if (isDeaf()) return;
    expect(await pressTab('zsh', script, line, folder)).toBe(heard);
  });
});

test('an unknown shell', () => {
  const refused = xfskit(['completion', 'tcsh']);
  expect([refused.status, refused.stdout]).toEqual([16, '']);
  expect(refused.stderr).toMatch(/^xfskit completion: .*tcsh.*bash, zsh, fish.*\n$/);
  expect(xfskit(['completion']).status).toBe(16);
});
