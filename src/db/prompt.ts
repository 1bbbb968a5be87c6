/**
 * The prompt: a terminal gets one with history and completion; commands from a pipe are read to the end and run in
 * order without any. The history is the user's own file (mode 0600, like what shells keep), the newest line first.
 */
import { closeSync, fchmodSync, openSync, readFileSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { elementScope, isShape, type Scope, type Shape } from '../format/struct.ts';
import { UNIT_NAMES } from './convert.ts';
import { presentRows } from './field.ts';
import { objectOf, type Result, type Session } from './session.ts';
import { TYPES } from './types.ts';

const HISTORY_LINES = 500;

/** Runs lines from standard input until it ends or a command ends the session. */
export async function runInput(session: Session, show: (result: Result) => void): Promise<void> {
  const run = (line: string): boolean => runLine(session, line, show);
  if (process.stdin.isTTY === true && process.stdout.isTTY === true) await runTerminal(session, run);
  else await runPipe(run);
}

/** Runs a line, and what is left of files that it began to read; false when the session is over. */
function runLine(session: Session, line: string, show: (result: Result) => void): boolean {
  const result = session.run(line);
  show(result);
  if (result.ends) return false;
  while (session.input.hasMore) {
    const more = session.input.next();
    if (more === undefined) continue;
    const next = session.run(more);
    show(next);
    if (next.ends) return false;
  }
  return true;
}

async function runPipe(run: (line: string) => boolean): Promise<void> {
  let rest = '';
  process.stdin.setEncoding('utf8');
  for await (const chunk of process.stdin) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    for (const line of lines) if (!run(line)) return;
  }
  if (rest !== '') run(rest);
}

async function runTerminal(session: Session, run: (line: string) => boolean): Promise<void> {
  const lines = createInterface({
    input: process.stdin,
    output: process.stdout,
    terminal: true,
    prompt: 'xfskit> ',
    history: readHistory(),
    historySize: HISTORY_LINES,
    removeHistoryDuplicates: true,
    completer: (line: string) => complete(session, line),
  });
  lines.on('history', writeHistory);
  lines.on('SIGINT', () => {
    process.stdout.write('^C\n');
    lines.write(null, { ctrl: true, name: 'e' });
    lines.write(null, { ctrl: true, name: 'u' });
    lines.prompt();
  });
  lines.prompt();
  for await (const line of lines) {
    if (!run(line)) break;
    lines.prompt();
  }
  lines.close();
}

function historyPath(): string {
  return process.env.XFSKIT_HISTORY ?? join(homedir(), '.xfskit_history');
}

function readHistory(): string[] {
  try {
    return readFileSync(historyPath(), 'utf8').split('\n').filter(Boolean).slice(0, HISTORY_LINES);
  } catch {
    return [];
  }
}

/** Losing the history is no reason to disturb a session. */
function writeHistory(lines: readonly string[]): void {
  try {
    const file = openSync(historyPath(), 'w', 0o600);
    try {
      fchmodSync(file, 0o600);
      writeSync(file, `${lines.slice(0, HISTORY_LINES).join('\n')}\n`);
    } finally {
      closeSync(file);
    }
  } catch {
    // a read-only home, for one
  }
}

/** Completions of the last word of a line, and that word, as readline wants them. */
export function complete(session: Session, line: string): [string[], string] {
  const words = line.trimStart().split(/\s+/);
  const word = words[words.length - 1] ?? '';
  const command = words[0] === 'push' && words.length > 2 ? words[1] : words[0];
  const isFirst = words.length === 1;
  const candidates = isFirst ? names(session) : candidatesOf(session, command!, word);
  return [candidates.filter((candidate) => candidate.startsWith(word)).sort(), word];
}

function names(session: Session): string[] {
  return session.commands.map((row) => row.name);
}

function candidatesOf(session: Session, command: string, word: string): string[] {
  switch (session.find(command)?.completes) {
    case 'command':
      return names(session);
    case 'type':
      return TYPES.map((type) => type.name);
    case 'unit':
      return [...UNIT_NAMES];
    case 'field':
      return fieldNames(session, word);
    default:
      return [];
  }
}

/** Fields on the level of the path that is being typed. */
function fieldNames(session: Session, word: string): string[] {
  if (!session.cursor.top.type?.shape) return [];
  let { shape, scope }: { shape: Shape; scope: Scope } = objectOf(session.cursor);
  const done = word.split('.').slice(0, -1);
  for (const part of done) {
    const [name, index] = part.replace(']', '').split('[');
    const placed = presentRows(shape, scope).find((p) => (p.row.alias ?? p.row.name) === name);
    if (!placed || !isShape(placed.row.kind)) return [];
    const element = Number(index ?? placed.row.base ?? 0) - (placed.row.base ?? 0);
    if (!(element >= 0 && element < placed.count)) return [];
    scope = elementScope(scope, placed, element);
    shape = placed.row.kind;
  }
  const lead = done.map((part) => `${part}.`).join('');
  const present = presentRows(shape, scope).map((p) => lead + (p.row.alias ?? p.row.name));
  return [...new Set(present)];
}
