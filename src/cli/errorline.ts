/** An error as one line on stderr; with XFSKIT_DEBUG=1 also where it came from. */
import { exitOf } from './exit.ts';

/** Says it after `lead`; returns the exit code that it stands for. */
export function sayError(lead: string, error: unknown): number {
  process.stderr.write(`${lead}: ${oneLine(errorText(error))}\n`);
  if (process.env.XFSKIT_DEBUG === '1' && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return exitOf(error).code;
}

/** What it says; our own bugs say that they are. */
export function errorText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return exitOf(error).known ? message : `internal error: ${message}`;
}

/** Text as one line: names may hold anything. */
export function oneLine(text: string): string {
  return text
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
