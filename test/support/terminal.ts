/**
 * A program on a pseudo terminal, by the `script` of util-linux: keys go in, and what the screen was sent comes back.
 * Commands that need it go into `describeTerminal`: skipped loudly where there is none, failing under CI=true.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { describeWith } from './oracle.ts';
import { hasTerminal } from './shell.ts';

/** A group of tests on a terminal. */
export function describeTerminal(name: string, body: () => void): void {
  describeWith(
    () => (hasTerminal() ? undefined : 'no pseudo terminal: the script of util-linux is not installed'),
    name,
    body,
  );
}

/** Keys as a terminal sends them. */
export const KEY = { tab: '\t', enter: '\r', up: '\u001b[A', ctrlC: '\u0003', ctrlD: '\u0004' } as const;

const PATIENCE = 30_000;

export class Terminal {
  /** All that came, escape sequences included. */
  screen = '';
  private readonly child: ChildProcess;
  private readonly closed: Promise<number | null>;
  private from = 0;

  /** Starts a command; `env` is added to the environment, undefined removes a name. */
  constructor(words: readonly string[], env: Readonly<Record<string, string | undefined>> = {}) {
    const command = words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
    const all: NodeJS.ProcessEnv = {
      ...process.env,
      TERM: 'xterm',
      NO_COLOR: '1',
      FORCE_COLOR: undefined,
      ...env,
    };
    for (const name of Object.keys(all)) if (all[name] === undefined) delete all[name];
    this.child = spawn('script', ['-qefc', `stty cols 500; exec ${command}`, '/dev/null'], {
      env: all,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const hear = (chunk: Buffer) => {
      this.screen += chunk.toString('latin1');
    };
    this.child.stdout!.on('data', hear);
    this.child.stderr!.on('data', hear);
    this.closed = new Promise((resolve) => this.child.on('close', resolve));
  }

  type(keys: string): void {
    this.child.stdin!.write(keys);
  }

  /** Waits for a pattern behind what was waited for last; gives what came up to its end. */
  async see(pattern: RegExp): Promise<string> {
    const deadline = Date.now() + PATIENCE;
    for (;;) {
      const rest = plain(this.screen.slice(this.from));
      const match = pattern.exec(rest);
      if (match) {
        this.from = this.screen.length;
        return rest;
      }
      if (Date.now() > deadline) throw new Error(`waiting for ${pattern}, saw ${JSON.stringify(rest)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Types a line, and gives what came until the next prompt. */
  async line(keys: string, prompt = /\n[^\n]*> $/): Promise<string> {
    this.type(keys + KEY.enter);
    return this.see(prompt);
  }

  /** Waits for the end; its exit status. */
  async end(): Promise<number | null> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), PATIENCE);
    const status = await this.closed;
    clearTimeout(timer);
    return status;
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}

/** Without what moves the cursor, clears or colours. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what they are
  return text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r', '');
}
