/** The command line itself: help, versions, wrong usage, colour, broken pipes, interrupts, start-up time. */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from '@jest/globals';
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

test('a missing bundle says what to do', () => {
  const copy = join(temporaryDirectory(), 'copy');
  mkdirSync(join(copy, 'bin'), { recursive: true });
  for (const name of ['xfskit', 'package.json']) {
    copyFileSync(join(repository, 'bin', name), join(copy, 'bin', name));
  }
  const result = run(process.execPath, [join(copy, 'bin', 'xfskit'), '--version']);
  expect(result.status).toBe(8);
  expect(result.stderr).toMatch(/^xfskit: [^\n]* is missing: run "npm ci"[^\n]*\n$/);
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
  expect(xfskit(['mkfs', '-q', '-d', 'size=512m', image]).status).toBe(0);
  const command = `"$0" "$1" check --json "$2" | true; echo "\${PIPESTATUS[0]}"`;
  const piped = run('bash', ['-c', command, process.execPath, join(repository, 'bin', 'xfskit'), image]);
  expect(piped.stdout).toBe('0\n');
  expect(piped.stderr).toBe('');
});

test('Ctrl-C is exit 32', async () => {
  const program = `import(process.argv[1]).then(async (xfskit) => {
    process.stdin.resume();
    await xfskit.main(['help']);
    console.log('ready');
  })`;
  const bundle = pathToFileURL(join(repository, 'dist', 'xfskit.js')).href;
  const child = spawn(process.execPath, ['-e', program, bundle], { stdio: ['pipe', 'pipe', 'pipe'] });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  await new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('ready')) resolve();
    });
  });
  const code = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGINT');
  expect(await code).toBe(32);
  expect(stderr).toBe('xfskit: cancelled\n');
});

test('start-up costs little more than Node itself', () => {
  const bundle = pathToFileURL(join(repository, 'dist', 'xfskit.js')).href;
  const spent = `const { user, system } = process.cpuUsage(); process.stderr.write(String((user + system) / 1000));`;
  const least = (script: string): number => {
    const times = Array.from({ length: 7 }, () =>
      Number(run(process.execPath, ['-e', script, bundle]).stderr),
    );
    return Math.min(...times);
  };
  // Processor time, the least of several runs: what else the machine does must not decide this.
  const ours = least(`import(process.argv[1]).then((x) => x.main(['--version'])).then(() => { ${spent} })`);
  expect(ours - least(spent)).toBeLessThan(40);
});
