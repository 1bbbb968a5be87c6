/**
 * The history of the prompt: the user's own file, mode 0600 like those of shells, the newest line first, bounded, and
 * shared by sessions: each line is put into what the file holds by then. Lines that begin with a blank are kept out of
 * it. Whatever goes wrong with the file, a session goes on without it.
 *
 * XFSKIT_HISTORY names it; an empty name is none. Else it is xfskit/db_history in XDG_STATE_HOME where that is set, and
 * ~/.xfskit_history where it is not.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const HISTORY_LINES = 500;
const LONGEST_LINE = 2000;
const LONGEST_FILE = HISTORY_LINES * (LONGEST_LINE + 1) * 4;

/** Where the history is kept; undefined: nowhere. The folder of our own in XDG_STATE_HOME is made when `make` says so. */
function historyPath(make: boolean): string | undefined {
  const { XFSKIT_HISTORY: named, XDG_STATE_HOME: state } = process.env;
  if (named !== undefined) return named === '' ? undefined : named;
  if (!state?.startsWith('/')) return join(homedir(), '.xfskit_history');
  const folder = join(state, 'xfskit');
  if (make) mkdirSync(folder, { recursive: true, mode: 0o700 });
  return join(folder, 'db_history');
}

/** Runs `work` with the open file if it is a plain one of bearable size. */
function withFile<T>(flags: number, work: (file: number) => T): T | undefined {
  try {
    const path = historyPath((flags & constants.O_CREAT) !== 0);
    if (path === undefined) return undefined;
    // A pipe must not stop the session, nor be waited for.
    const file = openSync(path, flags | constants.O_NONBLOCK, 0o600);
    try {
      const stat = fstatSync(file);
      return stat.isFile() && stat.size <= LONGEST_FILE ? work(file) : undefined;
    } finally {
      closeSync(file);
    }
  } catch {
    // A home that is missing or read-only, for one.
    return undefined;
  }
}

function linesOf(file: number): string[] {
  return readFileSync(file, 'utf8').split('\n').filter(isKept).slice(0, HISTORY_LINES);
}

/** Neither blank lines nor those that begin with a blank, nor what a terminal would take for more than text. */
function isKept(line: string): boolean {
  return line.length > 0 && line.length <= LONGEST_LINE && !/^\s|\p{Cc}/u.test(line);
}

/** The newest line first. */
export function readHistory(): string[] {
  return withFile(constants.O_RDONLY, linesOf) ?? [];
}

/** Puts a line on top of the history. */
export function addHistory(line: string): void {
  if (!isKept(line)) return;
  withFile(constants.O_RDWR | constants.O_CREAT, (file) => {
    const others = linesOf(file).filter((other) => other !== line);
    const text = Buffer.from(`${[line, ...others].slice(0, HISTORY_LINES).join('\n')}\n`);
    fchmodSync(file, 0o600);
    // Written over what was there, and then cut: a kill halfway leaves most of it.
    for (let at = 0; at < text.length; ) at += writeSync(file, text, at, text.length - at, at);
    ftruncateSync(file, text.length);
  });
}
