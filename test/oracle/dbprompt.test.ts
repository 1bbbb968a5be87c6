/**
 * The prompt of db on a real (pseudo) terminal: completion by Tab, the history and its file, ctrl-C at the prompt and
 * in a long command, the end of input; and what must not reach a pipe. No xfsprogs are needed.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { looksLikeCrash } from '../support/cli.ts';
import { repository, temporaryDirectory, xfskit } from '../support/oracle.ts';
import { smallImage } from '../support/smallimage.ts';
import { describeTerminal, KEY, plain, Terminal } from '../support/terminal.ts';

let image: string;
const { files } = smallImage();
const { ino } = files.find(({ name }) => name === 'alone')!;

beforeAll(() => {
  image = join(temporaryDirectory(), 'prompt.img');
  writeFileSync(image, smallImage().device.bytes);
});

const open: Terminal[] = [];
afterEach(() => {
  for (const terminal of open.splice(0)) terminal.kill();
});

/** A session at its prompt, with a home of its own. */
async function start(
  options: readonly string[] = [],
  env: Readonly<Record<string, string | undefined>> = {},
): Promise<Terminal> {
  const home = env.HOME ?? mkdtempSync(join(temporaryDirectory(), 'home-'));
  const words = [process.execPath, join(repository, 'bin', 'xfskit'), 'db', ...options, image];
  const terminal = new Terminal(words, {
    XFSKIT_HISTORY: undefined,
    XDG_STATE_HOME: undefined,
    ...env,
    HOME: home,
  });
  open.push(terminal);
  await terminal.see(/^\w+> $/);
  return terminal;
}

/** Keys, then what is on the line when nothing more comes. */
async function typed(terminal: Terminal, keys: string, shown: RegExp): Promise<void> {
  terminal.type(keys);
  await terminal.see(shown);
}

describeTerminal('completion at the prompt', () => {
  test('commands, types, fields on every level, indices', async () => {
    const terminal = await start();
    await typed(terminal, `blockf${KEY.tab}`, /blockfree ?$/);
    terminal.type(KEY.ctrlC);
    await terminal.see(/\^C\n(?:xfskit> )+$/);
    await terminal.line(`inode ${ino}`);
    await typed(terminal, `print core.nbl${KEY.tab}`, /core\.nblocks ?$/);
    expect(await terminal.line('')).toContain('core.nblocks = 13\n');
    await typed(terminal, `print cor${KEY.tab}`, /core$/);
    await typed(terminal, `${KEY.tab}`, /\.$/);
    await typed(terminal, `forko${KEY.tab}`, /forkoff ?$/);
    expect(await terminal.line('')).toContain('core.forkoff = 0\n');
    await typed(terminal, `print u3.b${KEY.tab}`, /u3\.bmx$/);
    await typed(terminal, KEY.tab, /\[$/);
    await typed(terminal, `1]${KEY.tab}`, /1\]\.$/);
    await typed(terminal, `blockc${KEY.tab}`, /blockcount ?$/);
    expect(await terminal.line('')).toContain('u3.bmx[1].blockcount = 4\n');
    await typed(terminal, `type fino${KEY.tab}`, /finobt ?$/);
    expect(await terminal.line('')).not.toContain('no such');
    // Several that fit: both are listed.
    await typed(terminal, `convert agb${KEY.tab}${KEY.tab}`, /agblock +agbno +agboff/);
  }, 60_000);

  test('files, where a command takes one', async () => {
    const folder = mkdtempSync(join(temporaryDirectory(), 'files-'));
    mkdirSync(join(folder, 'inner'));
    writeFileSync(join(folder, 'inner', 'commands'), 'sb 0\nprint magicnum\n');
    const terminal = await start();
    await typed(terminal, `source ${folder}/in${KEY.tab}`, /inner\/$/);
    await typed(terminal, `comm${KEY.tab}`, /commands ?$/);
    expect(await terminal.line('')).toContain('magicnum = 0x58465342\n');
  }, 60_000);
});

describeTerminal('history', () => {
  test('goes from one session to the next, in a file for the user alone', async () => {
    const home = mkdtempSync(join(temporaryDirectory(), 'home-'));
    const file = join(home, '.xfskit_history');
    const first = await start([], { HOME: home });
    await first.line('agf 1');
    await first.line(' agf 2');
    await first.line('print seqno');
    first.type(`quit${KEY.enter}`);
    expect(await first.end()).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toBe('quit\nprint seqno\nagf 1\n');
    chmodSync(file, 0o644);
    const second = await start([], { HOME: home });
    await typed(second, KEY.up.repeat(3), /agf 1$/);
    await second.line('');
    await typed(second, KEY.up.repeat(3), /print seqno$/);
    expect(await second.line('')).toContain('seqno = 1\n');
    second.type(KEY.ctrlD);
    await second.end();
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toBe('print seqno\nagf 1\nquit\n');
  }, 60_000);

  test('is bounded, leaves out what is no line, and is where XDG_STATE_HOME says', async () => {
    const state = mkdtempSync(join(temporaryDirectory(), 'state-'));
    const file = join(state, 'xfskit', 'db_history');
    const terminal = await start([], { XDG_STATE_HOME: state });
    await terminal.line('sb 0');
    expect(readFileSync(file, 'utf8')).toBe('sb 0\n');
    expect(statSync(join(state, 'xfskit')).mode & 0o777).toBe(0o700);
    const many = Array.from({ length: 2000 }, (_, i) => `echo ${i}`);
    writeFileSync(file, `\u001b[2J\n${many.join('\n')}\n`);
    await terminal.line('agf 0');
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(lines.length).toBe(500);
    expect(lines.slice(0, 3)).toEqual(['agf 0', 'echo 0', 'echo 1']);
  }, 60_000);

  test('is no reason to fail: no home, no file, a pipe, a device', async () => {
    const folder = mkdtempSync(join(temporaryDirectory(), 'odd-'));
    writeFileSync(join(folder, 'file'), 'x');
    symlinkSync('/dev/null', join(folder, 'null'));
    const mode = statSync('/dev/null').mode;
    for (const env of [
      { HOME: '/nonexistent/home' },
      { HOME: join(folder, 'file') },
      { XFSKIT_HISTORY: '' },
      { XFSKIT_HISTORY: join(folder, 'null') },
      { XFSKIT_HISTORY: folder },
    ]) {
      const terminal = await start([], env);
      await terminal.line('sb 0');
      expect(await terminal.line('print magicnum')).toContain('magicnum = 0x58465342\n');
      terminal.type(`quit${KEY.enter}`);
      expect(await terminal.end()).toBe(0);
      expect(looksLikeCrash({ status: 0, stdout: terminal.screen, stderr: '', signal: null })).toBe(false);
    }
    expect(statSync('/dev/null').mode).toBe(mode);
    expect(existsSync('/nonexistent/home')).toBe(false);
  }, 120_000);
});

describeTerminal('ctrl-C and the end', () => {
  test('ctrl-C clears the line, and a line after it runs', async () => {
    const terminal = await start();
    await typed(terminal, 'print something', /something$/);
    terminal.type(KEY.ctrlC);
    await terminal.see(/\^C\n(?:xfskit> )+$/);
    await terminal.line('sb 0');
    expect(await terminal.line('print magicnum')).not.toContain('something');
  }, 60_000);

  test('a long command is broken off; the session goes on where it was', async () => {
    const terminal = await start();
    await terminal.line(`inode ${ino}`);
    const endless = join(temporaryDirectory(), 'endless');
    writeFileSync(endless, `${'push\n'.repeat(5)}${'blockget -n\nblockfree\n'.repeat(20_000)}`);
    terminal.type(`source ${endless}${KEY.enter}`);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    terminal.type(KEY.ctrlC);
    expect(await terminal.see(/xfskit> $/)).toContain('interrupted\n');
    expect(await terminal.line('inode')).toContain(`current inode number is ${ino}\n`);
    expect(await terminal.line('print core.nblocks')).toContain('core.nblocks = 13\n');
    const stack = await terminal.line('stack');
    expect(stack.match(/byte offset/g)).toHaveLength(1);
    terminal.type(`quit${KEY.enter}`);
    expect(await terminal.end()).toBe(8);
  }, 60_000);

  test('long output is broken off', async () => {
    const terminal = await start();
    const long = join(temporaryDirectory(), 'long');
    writeFileSync(long, 'sb 0\nprint\n'.repeat(3000));
    terminal.type(`source ${long}${KEY.enter}`);
    await terminal.see(/magicnum/);
    terminal.type(KEY.ctrlC);
    await terminal.see(/\nxfskit> $/);
    await terminal.line('agf 1');
    expect(await terminal.line('print seqno')).toContain('seqno = 1\n');
  }, 60_000);

  test('ctrl-D on an empty line, and quit', async () => {
    const terminal = await start();
    terminal.type(KEY.ctrlD);
    expect(await terminal.end()).toBe(0);
    expect(plain(terminal.screen)).toMatch(/xfskit> \n$/);
    const other = await start();
    other.type(`quit${KEY.enter}`);
    expect(await other.end()).toBe(0);
  }, 60_000);
});

describeTerminal('what belongs on a terminal only', () => {
  test('the prompt, with the name of the program that it stands in for', async () => {
    const terminal = await start(['-p', 'xfs_db']);
    expect(plain(terminal.screen)).toBe('xfs_db> ');
    expect(await terminal.line('nosuch')).toContain('command nosuch not found\nxfs_db> ');
  }, 60_000);

  test('colour, where it is wanted', async () => {
    const coloured = await start([], { NO_COLOR: undefined });
    await coloured.line('nosuch');
    expect(coloured.screen).toContain('\u001b[31mcommand nosuch not found');
    const plainly = await start();
    await plainly.line('nosuch');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
    expect(plainly.screen).not.toMatch(/\u001b\[[0-9;]*m/);
  }, 60_000);

  test('a pipe gets neither prompt nor colour', () => {
    const result = xfskit(['db', image], { input: 'sb 0\nnosuch\nprint magicnum\n', env: { TERM: 'xterm' } });
    expect(result.stdout).toBe('command nosuch not found\nmagicnum = 0x58465342\n');
    expect(result.stderr).toBe('');
  });
});
