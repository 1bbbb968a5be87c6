/**
 * A session: lines in, results out. A line is words with blanks between; a word may hold blanks inside double quotes.
 * A command that fails changes nothing and the session goes on; it remembers that something failed.
 */
import { writeSync } from 'node:fs';
import { DeviceError } from '../device/device.ts';
import { type Scope, type Shape, scopeOf } from '../format/struct.ts';
import { ScanReader } from '../fs/scan/reader.ts';
import type { MapDrawing } from '../fs/scan/spacemap.ts';
import { Cursor } from './cursor.ts';
import { DbError } from './error.ts';
import type { Filesystem } from './filesystem.ts';
import { Input } from './input.ts';
import { type MountedState, mountedState } from './scan/verdict.ts';
import type { Json } from './value.ts';

/** What a command gives back. `text` and `json` may be getters: only the one that is shown is worked out. */
export interface Output {
  /** With its newlines. */
  readonly text: string;
  /** The same in pieces, where it is so long that it should never be in memory as a whole. */
  readonly chunks?: () => Iterable<string>;
  /** Its characters are bytes: names on disk are in no encoding. */
  readonly bytes?: boolean;
  readonly json?: Json;
  /** A list that may be long: a JSON line for each instead of one `json`. */
  readonly rows?: () => Iterable<Json>;
  /** What xfs_db says on its standard error, with newlines. */
  readonly stderr?: string;
  /** Status that xfs_db ends with because of this command. */
  readonly exitCode?: number;
  /** The text tells why it was not done. */
  readonly failed?: boolean;
  /** Something was compared and is not the same. */
  readonly differs?: boolean;
  /** The session is over. */
  readonly ends?: boolean;
}

/** A command: one row of commands/table.ts. */
export interface CommandRow {
  readonly name: string;
  readonly alias?: string;
  /** What its arguments are, for help. */
  readonly args?: string;
  readonly least: number;
  readonly most: number;
  /** May follow `push`. */
  readonly pushable?: boolean;
  /** There is no such command without expert mode (-x). */
  readonly expert?: true;
  readonly summary: string;
  /** More help, in lines. */
  readonly help?: readonly string[];
  /** Completes its last argument: `field`, `type`, `unit` or `command` names, or files. */
  readonly completes?: 'field' | 'type' | 'unit' | 'command' | 'file';
  /** Throws DbError when it cannot be done. */
  run(session: Session, args: readonly string[]): Output | undefined;
}

/** What one line gave. */
export interface Result {
  readonly line: string;
  /** All that goes to the terminal: notes, then output or the one line of an error. */
  readonly text: string;
  /** `text` in pieces. */
  readonly chunks?: () => Iterable<string>;
  /** Its characters are bytes. */
  readonly bytes?: boolean;
  readonly error?: string;
  readonly notes: readonly string[];
  readonly json?: Json;
  readonly rows?: () => Iterable<Json>;
  /** For the standard error, with newlines. */
  readonly stderr?: string;
  /** The user broke it off. */
  readonly interrupted?: boolean;
  readonly ends: boolean;
}

/** Runs a command so that the user can break it off: it then throws Interrupted, and nothing in it was unwound. */
export type Breakable = <T>(work: () => T) => T;

/** The user broke a command off. */
export class Interrupted extends DbError {
  constructor() {
    super('interrupted');
  }
}

/** Besides those of expert mode: commands that write, or run what writes, in a session that may write. */
const WRITING = ['source', 'label', 'uuid', 'version'];

export interface SessionOptions {
  /** -x: commands that write are there at all. */
  readonly expert?: boolean;
  /** -p: what messages call the program. */
  readonly program?: string;
  /** What `map` draws with. */
  readonly drawing?: MapDrawing;
}

export class Session {
  readonly cursor: Cursor;
  /** Those that can be called in this session. */
  readonly commands: readonly CommandRow[];
  readonly expert: boolean;
  readonly program: string;
  /** What the prompt says, before ">". */
  readonly prompt: string;
  readonly drawing: MapDrawing | undefined;
  /** Files of commands that are being read. */
  readonly input = new Input();
  /** Where a copy of all that is shown goes. */
  transcript: { readonly path: string; readonly descriptor: number } | undefined;
  debug = 0n;
  failed = false;
  /** A `diff` found a difference. */
  differs = false;
  /** What xfs_db would end with; the last command that says so decides. */
  exitCode = 0;
  private opened: MountedState | undefined;

  constructor(filesystem: Filesystem, commands: readonly CommandRow[], options: SessionOptions = {}) {
    this.cursor = new Cursor(filesystem);
    this.expert = options.expert ?? false;
    this.program = options.program ?? 'xfs_db';
    this.prompt = options.program ?? 'xfskit';
    this.drawing = options.drawing;
    this.commands = this.expert ? commands : commands.filter((row) => !row.expert);
  }

  /** Whether the image was opened for writing. */
  get writable(): boolean {
    return this.cursor.filesystem.stage !== undefined;
  }

  /** What the AG headers said before this session wrote anything. */
  openingState(): MountedState {
    const { device, geometry, superblock } = this.cursor.filesystem;
    this.opened ??= mountedState(new ScanReader(device, geometry), superblock.rootino);
    return this.opened;
  }

  find(name: string): CommandRow | undefined {
    return this.commands.find((row) => row.name === name || row.alias === name);
  }

  /**
   * Runs a line. Errors of the user's and of the device become the result's. With `breakable` the user can break off
   * what does not write.
   */
  run(line: string, breakable?: Breakable): Result {
    const result = this.runLine(line, breakable);
    if (this.transcript)
      writeSync(this.transcript.descriptor, result.text, null, result.bytes ? 'latin1' : 'utf8');
    return result;
  }

  private runLine(line: string, breakable?: Breakable): Result {
    const { notes, complaints } = this.cursor;
    notes.length = 0;
    complaints.length = 0;
    const words = splitLine(line);
    try {
      const output = words.length === 0 ? undefined : this.runWords(words, breakable);
      if (output?.exitCode !== undefined) this.exitCode = output.exitCode;
      if (output?.failed) this.failed = true;
      if (output?.differs) this.differs = true;
      for (const stage of this.cursor.filesystem.stages) stage.endCommand();
      return this.result(line, output);
    } catch (error) {
      for (const stage of this.cursor.filesystem.stages) stage.abandonCommand();
      if (!(error instanceof DbError || error instanceof DeviceError)) throw error;
      this.failed = true;
      const message = `${error.message}\n`;
      const silent = !(error instanceof DbError) || error.toStderr;
      const option = error instanceof DbError ? error.option : undefined;
      const stderr = `${option === undefined ? '' : `${words[0]}: ${option}\n`}${silent ? message : ''}`;
      const result = this.result(line, { text: silent ? '' : message, ...(stderr === '' ? {} : { stderr }) });
      const interrupted = error instanceof Interrupted ? { interrupted: true } : {};
      return Object.assign(result, { error: error.message, ...interrupted });
    }
  }

  private runWords(words: readonly string[], breakable?: Breakable): Output | undefined {
    const row = this.find(words[0]!);
    if (!breakable || (row && this.mayWrite(row))) return this.runArgs(words);
    const goBack = this.cursor.remembered();
    try {
      return breakable(() => this.runArgs(words));
    } catch (error) {
      if (error instanceof Interrupted) goBack();
      throw error;
    }
  }

  private mayWrite(row: CommandRow): boolean {
    return this.writable && (row.expert === true || WRITING.includes(row.name));
  }

  private result(line: string, output: Output = { text: '' }): Result {
    const notes = [...this.cursor.notes];
    const complaints = this.cursor.complaints.map((complaint) => `${complaint}\n`).join('');
    const stderr = complaints + (output.stderr ?? '');
    const lead = notes.map((note) => `${note}\n`).join('');
    return {
      line,
      get text() {
        return lead + output.text;
      },
      // Not by a spread as the two below: that would work it out at once.
      get json() {
        return output.json as Json;
      },
      notes,
      ends: output.ends ?? false,
      ...(stderr === '' ? {} : { stderr }),
      ...(output.rows === undefined ? {} : { rows: output.rows }),
      ...(output.bytes === undefined ? {} : { bytes: output.bytes }),
      ...(output.chunks === undefined || lead !== '' ? {} : { chunks: output.chunks }),
    };
  }

  /** Runs a command with its arguments; throws DbError. */
  runArgs([name, ...args]: readonly string[]): Output | undefined {
    const row = this.find(name!);
    if (!row) throw new DbError(`command ${name} not found`);
    if (args.length < row.least || args.length > row.most) {
      throw new DbError(`bad argument count ${args.length} to ${name}, expected ${expected(row)} arguments`);
    }
    if (this.mayWrite(row)) this.openingState();
    return row.run(this, args);
  }
}

function expected({ least, most }: CommandRow): string {
  if (most === Number.POSITIVE_INFINITY) return `at least ${least}`;
  return least === most ? String(least) : `between ${least} and ${most}`;
}

/** Words of a line, between blanks and tabs; quotes and backslashes stay in them. */
export function splitLine(line: string): string[] {
  return line.match(/(?:"(?:\\.|[^"\\])*"?|\\.|[^ \t"\\]|\\$)+/gs) ?? [];
}

/** The current object as fields. Throws DbError when there is none or its type has no fields. */
export function objectOf(cursor: Cursor): { shape: Shape; scope: Scope } {
  const { type, data } = cursor.top;
  if (!type) throw new DbError('no current type');
  if (!type.shape) throw new DbError(`no fields for type ${type.name}`);
  return { shape: type.shape, scope: scopeOf(data, cursor.filesystem.geometry) };
}

/** A result as one JSON document. */
export function resultJson(result: Result): string {
  return [...resultLines(result)].join('\n');
}

/** A result as JSON documents: one, or for a list one for each of its rows. */
export function* resultLines(result: Result): Generator<string> {
  for (const value of resultValues(result)) yield JSON.stringify(value);
}

/** What `resultLines` writes. */
export function* resultValues(result: Result): Generator<Json> {
  const { line: command, error, rows } = result;
  const notes = result.notes.length > 0 ? { notes: result.notes } : {};
  if (rows && error === undefined) for (const row of rows()) yield { command, result: row };
  else yield { command, ...notes, ...(error === undefined ? { result: result.json ?? null } : { error }) };
}
