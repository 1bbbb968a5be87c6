/**
 * A metadump as it is asked for: its options (the same in db and on the command line), its file, and what it says
 * while it runs. Warnings go to the standard error; progress to the standard output, unless the dump goes there.
 */
import { leadingInt } from '../options.ts';
import type { DumpListener } from './context.ts';
import { type DumpRequest, type DumpSource, dumpFilesystem } from './dump.ts';
import { type OpenOutput, openDumpOutput } from './file.ts';

/** Letters, for `parseOptions`. */
export const DUMP_LETTERS = 'aegm:ov:w';

export interface DumpOrder {
  readonly request: DumpRequest;
  readonly showProgress: boolean;
}

const LONGEST_EXTENT = 2 ** 21 - 1;

/** What the options mean; a string tells what is wrong with one. */
export function dumpOrder(options: readonly (readonly [string, string | undefined])[]): DumpOrder | string {
  const has = (letter: string) => options.some(([given]) => given === letter);
  const value = (letter: string) => options.filter(([given]) => given === letter).at(-1)?.[1];
  const longest = value('m');
  const maxExtent = longest === undefined ? LONGEST_EXTENT : wholeNumber(longest);
  if (!(maxExtent > 0)) return `bad max extent size ${longest}`;
  const version = value('v');
  if (version !== undefined && version !== '1' && version !== '2') return `bad metadump version: ${version}`;
  return {
    request: {
      obfuscate: !has('o'),
      clear: !has('a'),
      stopOnError: has('e'),
      showWarnings: has('w'),
      maxExtent,
      version: version === undefined ? undefined : version === '1' ? 1 : 2,
    },
    showProgress: has('g'),
  };
}

/** A number as C's strtol takes it whole, with base 0; 0 for what is none. */
function wholeNumber(text: string): number {
  if (/^0x[0-9a-f]+$/i.test(text)) return Number(text);
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  return /^[1-9]\d*$/.test(text) ? leadingInt(text) : 0;
}

/** Dumps `source` into the file `path`. Throws DeviceError or UsageError; nothing is left of a dump that failed. */
export function runDump(source: DumpSource, path: string, order: DumpOrder, program: string): void {
  let file: OpenOutput | undefined;
  const open = () => {
    file = openDumpOutput(path, source.device.name);
    return file.output;
  };
  let isComplete = false;
  const talk = new Talk(program, order.showProgress, path === '-' ? process.stderr : process.stdout);
  try {
    dumpFilesystem(source, open, order.request, talk);
    isComplete = true;
  } finally {
    talk.end();
    file?.close(isComplete);
  }
}

const PROGRESS_WIDTH = 59;
/** Milliseconds between two lines on a terminal; what reads a file or a pipe gets every line, as xfs_db writes them. */
const PROGRESS_PAUSE = 100;

/** One line that is written over and over, and warnings between. */
class Talk implements DumpListener {
  private readonly program: string;
  private readonly shows: boolean;
  private readonly stream: { readonly isTTY?: boolean; write(text: string): unknown };
  private last = Number.NEGATIVE_INFINITY;
  private hasLine = false;

  constructor(
    program: string,
    shows: boolean,
    stream: { readonly isTTY?: boolean; write(text: string): unknown },
  ) {
    this.program = program;
    this.shows = shows;
    this.stream = stream;
  }

  warn(text: string): void {
    process.stderr.write(`${this.hasLine ? '\n' : ''}${this.program}: ${text}\n`);
    this.hasLine = false;
  }

  progress(text: string): void {
    const now = performance.now();
    if (!this.shows || (this.stream.isTTY && now - this.last < PROGRESS_PAUSE)) return;
    this.last = now;
    this.stream.write(`\r${text.slice(0, PROGRESS_WIDTH).padEnd(PROGRESS_WIDTH)}`);
    this.hasLine = true;
  }

  end(): void {
    if (this.hasLine) this.stream.write('\n');
    this.hasLine = false;
  }
}
