/** Progress: the line on a terminal by a clock of the test's own, and that nothing of it reaches a pipe. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { ProgressLine, ProgressLines } from '../../../src/cli/progress.ts';
import { repository, run, temporaryDirectory, xfskit } from '../../support/oracle.ts';

function line(columns = 80): {
  shown: () => string;
  texts: string[];
  progress: ProgressLine;
  pass: (ms: number) => void;
} {
  let now = 0;
  const texts: string[] = [];
  const progress = new ProgressLine(
    (text) => texts.push(text),
    () => now,
    () => columns,
  );
  const shown = (): string => texts.at(-1)!.replace('\r\u001b[K', '');
  return { shown, texts, progress, pass: (ms) => (now += ms) };
}

test('phase, per cent, rate and what is left', () => {
  const { shown, progress, pass } = line();
  progress.image('disk.img');
  progress.begin('inodes', 200, 'AGs');
  expect(shown()).toBe('disk.img: inodes 0 %');
  pass(2000);
  progress.advance(50);
  expect(shown()).toBe('disk.img: inodes 25 %, 25 AGs/s, 0:06 left');
  pass(4_000_000);
  progress.advance(50);
  expect(shown()).toBe('disk.img: inodes 50 %, 0.0 AGs/s, 1:06:42 left');
  progress.advance(1000);
  pass(200);
  progress.advance(0);
  expect(shown()).toMatch(/^disk\.img: inodes 100 %, 0\.3 AGs\/s$/);
  progress.end();
  expect(shown()).toBe('');
});

test('is not drawn more often than ten times a second, nor wider than the terminal', () => {
  const { texts, progress, pass, shown } = line(20);
  progress.image('a\u001b[31m\nvery long name of an image');
  progress.begin('inodes', 1e6, 'AGs');
  for (let i = 0; i < 10_000; i++) {
    pass(1);
    progress.advance(1);
  }
  expect(texts.length).toBeLessThanOrEqual(102);
  expect(shown().length).toBe(19);
  expect(texts.every((text) => !/\p{Cc}/u.test(text.replace('\r\u001b[K', '')))).toBe(true);
  const count = texts.length;
  progress.end();
  progress.end();
  expect(texts.length).toBe(count + 1);
});

test('lines of the protocol: each pass from its start to its end', () => {
  let now = 0;
  let text = '';
  const progress = new ProgressLines(
    (piece) => (text += piece),
    () => now,
  );
  progress.image('a b');
  progress.begin('one', 4, 'AGs');
  progress.advance(1);
  now += 1000;
  progress.advance(1);
  progress.begin('two', 0, 'AGs');
  progress.end();
  progress.image('c');
  progress.begin('one', 1, 'AGs');
  progress.clear();
  expect(text.split('\n')).toEqual([
    '1 0 4 a b',
    '1 1 4 a b',
    '1 2 4 a b',
    '1 4 4 a b',
    '2 0 0 a b',
    '1 0 1 c',
    '1 1 1 c',
    '',
  ]);
});

test('a terminal gets it and has none of it left; pipes and --quiet get nothing', () => {
  const image = join(temporaryDirectory(), 'a.img');
  expect(xfskit(['mkfs', '-q', '--unsupported', '-d', 'size=64m', image]).status).toBe(0);
  expect(xfskit(['check', image]).stderr).toBe('');
  const log = join(temporaryDirectory(), 'terminal');
  const command = join(repository, 'bin', 'xfskit');
  const onTerminal = (flags: string, term: string): string => {
    const inner = `stty columns 80; exec ${process.execPath} ${command} check ${flags} ${image}`;
    const { status } = run('script', ['-qec', inner, log], { env: { TERM: term } });
    if (status === 127) return '';
    return readFileSync(log, 'utf8');
  };
  const seen = onTerminal('', 'xterm');
  if (seen === '') {
    process.stderr.write('\n*** SKIPPED: progress on a terminal: no script(1) here\n');
    if (process.env.CI === 'true') throw new Error('script(1) is missing');
    return;
  }
  expect(seen).toContain('a.img: AG headers and btrees');
  // The last one draws nothing: what follows begins on an empty line.
  expect(seen.slice(seen.lastIndexOf('\r\u001b[K') + 4)).toMatch(/^\S+\r?\n.*AGs/u);
  expect(onTerminal('-q', 'xterm')).not.toContain('\u001b[K');
  expect(onTerminal('', 'dumb')).not.toContain('\u001b[K');
});
