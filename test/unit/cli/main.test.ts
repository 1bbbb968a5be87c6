/** The command line itself: help, versions, wrong usage, colour, broken pipes, interrupts. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { buildSync } from 'esbuild';
import { decideColour, takeColourFlag } from '../../../src/cli/colour.ts';
import { commands } from '../../../src/cli/commands.ts';
import { exitOf } from '../../../src/cli/exit.ts';
import { parseOffset } from '../../../src/cli/offset.ts';
import { DeviceError } from '../../../src/device/device.ts';
import { UnsupportedFeature, UsageError } from '../../../src/format/errors.ts';
import { repository, run, temporaryDirectory, xfskit } from '../../support/oracle.ts';

test('--version is that of package.json', () => {
  const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    version: string;
  };
  expect(xfskit(['--version']).stdout).toBe(`xfskit ${version}\n`);
});

test('help names every command, and every command has help', () => {
  const help = xfskit(['--help']);
  expect(help.status).toBe(0);
  for (const { name, summary } of commands) {
    expect(help.stdout).toContain(`  ${name} `);
    const own = xfskit([name, '--help']);
    expect(own.status).toBe(0);
    expect(own.stdout).toContain(`Usage: xfskit ${name}`);
    expect(own.stdout).toContain(summary);
    expect(xfskit(['help', name]).stdout).toBe(own.stdout);
  }
});

test('wrong usage is exit 16 and one line', () => {
  for (const line of [['nonsense'], ['--nonsense'], ['undo'], ['check'], ['check', '--nonsense', 'x']]) {
    const result = xfskit(line);
    expect(result.status).toBe(16);
    expect(result.stdout).toBe('');
    expect(result.stderr).toMatch(/^xfskit[^\n]*: [^\n]+\n$/);
  }
  // mkfs keeps to its model's two.
  const mkfs = xfskit(['mkfs', '--nonsense']);
  expect([mkfs.status, mkfs.stderr]).toEqual([1, "xfskit mkfs: unknown option '--nonsense'\n"]);
  expect(xfskit(['mkfs', '--help']).status).toBe(0);
  const bare = xfskit([]);
  expect(bare.status).toBe(16);
  expect(bare.stderr).toContain('Usage: xfskit');
});

test('errors have one exit code each', () => {
  expect(exitOf(new UsageError('x'))).toEqual({ code: 16, known: true });
  expect(exitOf(new DeviceError('EIO', 'x'))).toEqual({ code: 8, known: true });
  expect(exitOf(new UnsupportedFeature('x'))).toEqual({ code: 8, known: true });
  expect(exitOf(new TypeError('x'))).toEqual({ code: 8, known: false });
});

test('colour: flag > FORCE_COLOR > NO_COLOR > terminal > TERM', () => {
  const decide = (flag: boolean | undefined, env: Record<string, string>, isTTY: boolean): boolean =>
    decideColour({ flag, env, isTTY });
  expect(decide(true, { NO_COLOR: '1', FORCE_COLOR: '0' }, false)).toBe(true);
  expect(decide(false, { FORCE_COLOR: '1' }, true)).toBe(false);
  expect(decide(undefined, { FORCE_COLOR: '1', NO_COLOR: '1' }, false)).toBe(true);
  expect(decide(undefined, { FORCE_COLOR: '0' }, true)).toBe(false);
  expect(decide(undefined, { NO_COLOR: '1' }, true)).toBe(false);
  expect(decide(undefined, { NO_COLOR: '' }, true)).toBe(true);
  expect(decide(undefined, { TERM: 'dumb' }, true)).toBe(false);
  expect(decide(undefined, { TERM: 'xterm' }, false)).toBe(false);
  expect(takeColourFlag(['a', '--no-color', '--', '--color'])).toEqual({
    rest: ['a', '--', '--color'],
    flag: false,
  });
  expect(takeColourFlag(['--color=auto', '-L', 'x'])).toEqual({ rest: ['-L', 'x'], flag: undefined });
});

test('--offset takes bytes with suffixes', () => {
  expect(['0', '512', '0x200', '2s', '1k', '1M', '3g', '1t'].map(parseOffset)).toEqual([
    0,
    512,
    512,
    1024,
    1024,
    2 ** 20,
    3 * 2 ** 30,
    2 ** 40,
  ]);
  for (const wrong of ['', '-1', '1.5', 'x', '1kk', '99999999t', '1e3']) {
    expect(() => parseOffset(wrong)).toThrow(UsageError);
  }
});

test('a reader that goes away is no error', () => {
  const image = join(temporaryDirectory(), 'pipe.img');
  expect(xfskit(['mkfs', '-q', '--unsupported', '-d', 'size=64m', image]).status).toBe(0);
  const command = `"$0" "$1" check --json "$2" | true; echo "\${PIPESTATUS[0]}"`;
  const piped = run('bash', ['-c', command, process.execPath, join(repository, 'bin', 'xfskit'), image]);
  expect(piped.stdout).toBe('0\n');
  expect(piped.stderr).toBe('');
});

test('output that cannot be written is exit 8 and one line', () => {
  for (const line of ['--version', '--help', 'inject --list']) {
    const bin = join(repository, 'bin', 'xfskit');
    const full = run('bash', ['-c', `"$0" "$1" ${line} > /dev/full`, process.execPath, bin]);
    expect(full.status).toBe(8);
    expect(full.stderr).toMatch(/^xfskit[^\n]*: output: no space left\n$/);
  }
});

/** Runs a script with src/cli/interrupt.ts as `interrupt`, sends SIGINT when it says ready, and waits for the end. */
async function interrupted(script: string): Promise<{ code: unknown; signal: unknown; output: string }> {
  const { outputFiles } = buildSync({
    stdin: {
      contents: `import * as interrupt from './src/cli/interrupt.ts';\n${script}`,
      resolveDir: repository,
    },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  const child = spawn(process.execPath, ['-e', outputFiles[0]!.text], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const ended = new Promise<{ code: unknown; signal: unknown }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
    if (chunk.toString().includes('ready')) child.kill('SIGINT');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return { ...(await ended), output };
}

const BUSY = `const busy = (ms) => { const end = Date.now() + ms; while (Date.now() < end); };
  const say = (text) => require('fs').writeSync(1, text);`;

test('Ctrl-C: 32 at the next breath, at once where nothing breathes, never within protected work', async () => {
  const breathing = `${BUSY}
    function* steps() { for (let i = 0; i < 100; i++) { if (i === 2) say('ready '); busy(50); yield; } }
    interrupt.inBreaths(steps()).then(() => say('end'));`;
  expect(await interrupted(breathing)).toEqual({
    code: 32,
    signal: null,
    output: 'ready xfskit: cancelled\n',
  });
  const deaf = `${BUSY} say('ready '); busy(5000); say('end');`;
  expect(await interrupted(deaf)).toEqual({ code: null, signal: 'SIGINT', output: 'ready ' });
  const applying = `${BUSY}
    interrupt.protect(() => { say('ready '); busy(300); say('applied '); });
    setTimeout(() => say('end'), 50);`;
  expect(await interrupted(applying)).toEqual({ code: 0, signal: null, output: 'ready applied end' });
});
