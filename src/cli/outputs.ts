/**
 * Where the forms of a report go: one to standard output, others to files that appear whole or not at all. A form's
 * module is evaluated only when it is asked for.
 */
import {
  closeSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { DeviceError } from '../device/device.ts';
import { systemError } from '../device/file.ts';
import { writeOut } from '../device/stdout.ts';
import { UsageError } from '../format/errors.ts';
import type { Subject } from '../format/findings.ts';
import type { CheckReport, ReportWriter, RunReport } from '../report/report.ts';
import { useColour } from './colour.ts';

export interface FormFlags {
  readonly json?: boolean;
  readonly jsonl?: boolean;
  readonly tap?: boolean;
  readonly junit?: string;
  readonly sarif?: string;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
}

interface Output {
  readonly writer: ReportWriter;
  /** Undefined: standard output. */
  readonly file: string | undefined;
}

const STANDARD_OUTPUT = '-';
const BATCH = 1 << 16;

/** The outputs that a run has; throws where flags exclude each other or a file cannot be. */
export async function openOutputs(
  flags: FormFlags,
  images: readonly string[],
  only: readonly Subject[] | undefined,
): Promise<Outputs> {
  const { json, jsonl, tap, junit, sarif } = flags;
  const onOutput = [json && '--json', jsonl && '--jsonl', tap && '--tap'].filter(
    (name) => name !== undefined,
  );
  if (junit === STANDARD_OUTPUT) onOutput.push('--junit -');
  if (sarif === STANDARD_OUTPUT) onOutput.push('--sarif -');
  if (onOutput.length > 1)
    throw new UsageError(`${onOutput.join(' and ')}: standard output takes one of them`);
  const outputs: Output[] = [];
  const add = (writer: ReportWriter, target: string): void => {
    const file = target === STANDARD_OUTPUT ? undefined : target;
    if (file !== undefined) refuseTarget(file, images);
    outputs.push({ writer, file });
  };
  if (junit !== undefined) add((await import('../report/junit.ts')).junitWriter(only), junit);
  if (sarif !== undefined) add((await import('../report/sarif.ts')).sarifWriter(), sarif);
  if (tap) add((await import('../report/tap.ts')).tapWriter(only), STANDARD_OUTPUT);
  if (json) add((await import('../report/json.ts')).jsonWriter(), STANDARD_OUTPUT);
  if (jsonl) add((await import('../report/json.ts')).jsonLinesWriter(), STANDARD_OUTPUT);
  if (onOutput.length === 0 && !flags.quiet) {
    const { textWriter } = await import('../report/text.ts');
    const options = { colour: useColour(), verbose: flags.verbose ?? false };
    add(textWriter(options, images.length), STANDARD_OUTPUT);
  }
  return new Outputs(outputs);
}

export class Outputs {
  private readonly outputs: readonly Output[];

  constructor(outputs: readonly Output[]) {
    this.outputs = outputs;
  }

  /** Says what is to be said of an image when it is done. */
  image(report: CheckReport): void {
    for (const { writer, file } of this.outputs) if (file === undefined) print(writer.image(report));
  }

  /** Says the rest. Throws DeviceError for a file that cannot be written. */
  end(run: RunReport): void {
    for (const { writer, file } of this.outputs) {
      if (file === undefined) print(writer.end(run));
      else writeWhole(file, wholeOf(writer, run));
    }
  }
}

function* wholeOf(writer: ReportWriter, run: RunReport): Generator<string> {
  for (const report of run.reports) yield* writer.image(report);
  yield* writer.end(run);
}

/** Pieces joined to writes of a sensible size. */
function* batches(pieces: Iterable<string>): Generator<string> {
  let batch = '';
  for (const piece of pieces) {
    batch += piece;
    if (batch.length < BATCH) continue;
    yield batch;
    batch = '';
  }
  if (batch !== '') yield batch;
}

/** The same for whoever calls back with pieces. */
export class PrintBatch {
  private text = '';

  add(piece: string): void {
    this.text += piece;
    if (this.text.length >= BATCH) this.flush();
  }

  flush(): void {
    if (this.text !== '') writeOut(this.text);
    this.text = '';
  }
}

export function print(pieces: Iterable<string>): void {
  for (const batch of batches(pieces)) writeOut(batch);
}

/** What a path is; undefined for what is not there or cannot be told. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

/** Before any work is done: a file that must not or cannot be written. */
function refuseTarget(file: string, images: readonly string[]): void {
  const stat = statOf(file);
  if (stat?.isDirectory()) throw new DeviceError('DIRECTORY', `${file}: is a directory, not a file to write`);
  if (stat?.isBlockDevice()) throw new DeviceError('TYPE', `${file}: is a block device, not a file to write`);
  for (const image of images) {
    const other = stat && image !== STANDARD_OUTPUT ? statOf(image) : undefined;
    if (stat && other && stat.dev === other.dev && stat.ino === other.ino)
      throw new UsageError(`${file}: is the image itself, not a file to write`);
  }
  if (!stat && !statOf(dirname(file))) throw new DeviceError('ENOENT', `${file}: there is no such folder`);
}

/** Writes beside it and renames; what is no regular file (a pipe, a terminal) is written as it is. */
function writeWhole(path: string, pieces: Iterable<string>): void {
  let fresh: string | undefined;
  try {
    const stat = statOf(path);
    const file = stat ? realpathSync(path) : path;
    if (stat && !stat.isFile()) {
      writePieces(openSync(file, 'w'), pieces);
      return;
    }
    fresh = `${file}.${process.pid}.part`;
    writePieces(openSync(fresh, 'wx', stat?.mode), pieces);
    renameSync(fresh, file);
  } catch (error) {
    if (fresh !== undefined && (error as NodeJS.ErrnoException).code !== 'EEXIST')
      rmSync(fresh, { force: true });
    throw systemError(error, path);
  }
}

function writePieces(descriptor: number, pieces: Iterable<string>): void {
  try {
    for (const batch of batches(pieces)) {
      const bytes = Buffer.from(batch);
      for (let done = 0; done < bytes.length; ) done += writeSync(descriptor, bytes, done);
    }
  } finally {
    closeSync(descriptor);
  }
}
