/**
 * Where commands come from without -c: a terminal gets a prompt with history and completion; commands from a pipe are
 * read to the end and run in order without any.
 *
 * Ctrl-C at the prompt clears the line. A running command computes without pause, so no signal handler of ours would
 * run before its end: it runs inside a script of `node:vm` that SIGINT breaks off. That unwinds without any `finally`,
 * so the session puts its cursor and its staged writes back to where they were, and a command that writes is never
 * broken off: see `Session.run`. To be a signal and no character, ctrl-C needs the terminal out of raw mode meanwhile.
 * Nothing is written to the terminal inside of such a script: a stream broken off in the middle stays silent.
 */
import { createInterface, type Interface } from 'node:readline';
import { Script } from 'node:vm';
import { writeOut } from '../device/stdout.ts';
import { complete } from './completion.ts';
import { addHistory, HISTORY_LINES, readHistory } from './history.ts';
import { Interrupted, type Result, type Session } from './session.ts';

/** Pieces of what is shown of a result; made as they are asked for. */
export type Pieces = (result: Result) => Iterable<string | Uint8Array>;

export interface InputOptions {
  readonly pieces: Pieces;
  readonly colour: boolean;
}

/** Bytes that are written to a terminal before ctrl-C is heard again. */
const WRITE_BYTES = 1 << 14;

/** Runs lines from standard input until it ends or a command ends the session. */
export async function runInput(session: Session, options: InputOptions): Promise<void> {
  const isTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true;
  await (isTerminal ? runTerminal(session, options) : runPipe(session, options));
}

/** A line, and what is left of files that it began to read, until the session is over. */
function* follow(session: Session, first: string): Generator<string> {
  yield first;
  while (session.input.hasMore) {
    const more = session.input.next();
    if (more !== undefined) yield more;
  }
}

async function runPipe(session: Session, { pieces }: InputOptions): Promise<void> {
  const run = (first: string): boolean => {
    for (const line of follow(session, first)) {
      const result = session.run(line);
      showResult(result, pieces);
      if (result.ends) return false;
    }
    return true;
  };
  let rest = '';
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (!run(line)) return;
  }
  if (rest !== '') run(rest);
}

/** Writes a result to where it belongs. */
export function showResult(result: Result, pieces: Pieces): void {
  if (result.stderr !== undefined) process.stderr.write(result.stderr);
  for (const piece of pieces(result)) writeOut(piece);
}

const KEY = Symbol.for('xfskit.db.work');

/** Runs work that ctrl-C breaks off: it then throws Interrupted. */
function breakable<T>(work: () => T): T {
  const holder = globalThis as unknown as { [KEY]?: () => void };
  let value: { readonly of: T } | undefined;
  holder[KEY] = () => {
    value = { of: work() };
  };
  try {
    new Script("globalThis[Symbol.for('xfskit.db.work')]()").runInThisContext({ breakOnSigint: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw code === 'ERR_SCRIPT_EXECUTION_INTERRUPTED' ? new Interrupted() : error;
  } finally {
    delete holder[KEY];
  }
  return value!.of;
}

/** Ctrl-C while something is being written. */
class Interrupt {
  heard = false;
  private readonly listen = (): void => {
    this.heard = true;
  };
  start(): void {
    this.heard = false;
    process.on('SIGINT', this.listen);
  }
  end(): void {
    process.off('SIGINT', this.listen);
  }
}

class Terminal {
  private readonly session: Session;
  private readonly options: InputOptions;
  private readonly interrupt = new Interrupt();

  constructor(session: Session, options: InputOptions) {
    this.session = session;
    this.options = options;
  }

  /** Runs a line; false when the session is over. */
  async run(first: string): Promise<boolean> {
    const { session, interrupt } = this;
    process.stdin.setRawMode(false);
    interrupt.start();
    try {
      for (const line of follow(session, first)) {
        const result = session.run(line, breakable);
        if (await this.show(result)) continue;
        if (result.ends) return false;
        // What is left of a file of commands is not run either.
        session.input.clear();
        break;
      }
      return true;
    } finally {
      // A signal that came in at the end is heard (and dropped) before nobody listens any more.
      await turn();
      interrupt.end();
      process.stdin.setRawMode(true);
    }
  }

  /** False when nothing shall follow: the session is over, or ctrl-C was pressed. */
  private async show(result: Result): Promise<boolean> {
    const { interrupt, options } = this;
    if (result.stderr !== undefined) process.stderr.write(result.stderr);
    const pieces = options.pieces(result)[Symbol.iterator]();
    try {
      for (;;) {
        const next = breakable(() => pieces.next());
        if (next.done) break;
        const text = result.error !== undefined ? this.painted(next.value) : next.value;
        if (!(await this.write(text))) break;
      }
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      interrupt.heard = true;
      process.stdout.write(`\n${error.message}\n`);
    }
    return !result.ends && !interrupt.heard && !result.interrupted;
  }

  private painted(text: string | Uint8Array): string | Uint8Array {
    if (!this.options.colour || typeof text !== 'string') return text;
    return `\u001b[31m${text.replace(/\n$/, '')}\u001b[39m\n`;
  }

  /** Writes in pieces, between which ctrl-C is heard; false then. */
  private async write(text: string | Uint8Array): Promise<boolean> {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    for (let at = 0; at < bytes.length; at += WRITE_BYTES) {
      process.stdout.write(bytes.subarray(at, at + WRITE_BYTES));
      if (bytes.length > WRITE_BYTES) await turn();
      if (!this.interrupt.heard) continue;
      process.stdout.write('\n');
      return false;
    }
    return true;
  }
}

/** One turn of the event loop, in which signals are heard. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function runTerminal(session: Session, options: InputOptions): Promise<void> {
  const lines = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: true,
    prompt: options.colour ? `\u001b[1m${session.prompt}>\u001b[22m ` : `${session.prompt}> `,
    history: readHistory(),
    historySize: HISTORY_LINES,
    removeHistoryDuplicates: true,
    completer: (line: string) => complete(session, line),
  });
  lines.on('SIGINT', () => clearLine(lines));
  const terminal = new Terminal(session, options);
  let isOver = false;
  lines.prompt();
  for await (const line of lines) {
    addHistory(line);
    isOver = !(await terminal.run(line));
    if (isOver) break;
    lines.prompt();
  }
  // Ctrl-D leaves the cursor behind the prompt.
  if (!isOver) process.stdout.write('\n');
  lines.close();
}

function clearLine(lines: Interface): void {
  process.stdout.write('^C\n');
  lines.write(null, { ctrl: true, name: 'e' });
  lines.write(null, { ctrl: true, name: 'u' });
  lines.prompt();
}
