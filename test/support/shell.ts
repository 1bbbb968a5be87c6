/** Shells that complete a line: by their own completion engine, and by the Tab key on a pseudo terminal. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun, run, temporaryDirectory } from './oracle.ts';

export type ShellName = 'bash' | 'zsh' | 'fish';

export function hasShell(shell: ShellName): boolean {
  return run(shell, ['--version']).status === 0;
}

/** Whether the `script` of util-linux is there; others take other options. */
export function hasTerminal(): boolean {
  return run('script', ['--version']).stdout.includes('util-linux');
}

const BASH_PROBE = `
source "$1"; cd "$2"; COMP_LINE=$3 COMP_POINT=\${#3}
_xfskit
printf '%s\\n' "\${COMPREPLY[@]}"`;

/** What bash would offer for a line, as it replaces the part behind the last word break. */
export function bashOffers(script: string, line: string, folder: string): string[] {
  const { stdout, stderr } = mustRun('bash', ['--norc', '-c', BASH_PROBE, 'bash', script, folder, line]);
  if (stderr !== '') throw new Error(`bash: ${line}: ${stderr}`);
  return stdout.split('\n').filter((word) => word !== '');
}

/** What fish offers for a line: words without their descriptions. */
export function fishOffers(script: string, line: string, folder: string): string[] {
  const { stdout, stderr } = mustRun(
    'fish',
    ['-N', '-c', 'source $argv[1]; complete -C $argv[2]', script, line],
    {
      cwd: folder,
      env: { HOME: folder },
    },
  );
  if (stderr !== '') throw new Error(`fish: ${line}: ${stderr}`);
  return stdout.split('\n').flatMap((row) => (row === '' ? [] : row.split('\t')[0]!));
}

const START = {
  bash: { command: 'bash --noprofile --norc -i', setup: 'bind "set enable-bracketed-paste off" 2>/dev/null' },
  zsh: { command: 'zsh -f -i', setup: 'autoload -U compinit; compinit -u -D; PROMPT=; unsetopt prompt_sp' },
} as const;

/**
 * Types a line and Tab into an interactive shell and sends it off: what arrives as arguments of `xfskit`, which is a
 * function here that writes them down.
 */
export async function pressTab(
  shell: 'bash' | 'zsh',
  script: string,
  line: string,
  folder: string,
): Promise<string> {
  const heard = join(temporaryDirectory(), `heard-${shell}`);
  writeFileSync(heard, '');
  const { command, setup } = START[shell];
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: folder,
    env: { ...process.env, PS1: '', TERM: 'dumb', HISTFILE: '/dev/null', HOME: folder },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let seen = '';
  const closed = new Promise<void>((resolve) => child.on('close', () => resolve()));
  child.stdout.on('data', (chunk) => (seen += chunk));
  child.stderr.on('data', (chunk) => (seen += chunk));
  const waitFor = async (pattern: RegExp): Promise<void> => {
    const deadline = Date.now() + 20_000;
    while (!pattern.test(seen)) {
      if (Date.now() > deadline) throw new Error(`${shell} did not say ${pattern}: ${JSON.stringify(seen)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  try {
    const prepare = [
      setup,
      `source ${script}`,
      `xfskit() { echo "$*" >${heard}; echo he''ard; }`,
      "echo rea''dy",
    ];
    child.stdin.write(`${prepare.join('\n')}\n`);
    await waitFor(/^ready\r?$/m);
    child.stdin.write(`${line}\t\n`);
    await waitFor(/^heard\r?$/m);
    child.stdin.write('exit\n');
    await closed;
  } finally {
    child.kill('SIGKILL');
  }
  return mustRun('cat', [heard]).stdout.trimEnd();
}
