/** Commands about the session itself: `source`, `log`, `debug`. */
import { closeSync, openSync } from 'node:fs';
import { DbError } from '../error.ts';
import { leadingUnsigned } from '../options.ts';
import { parseNumber } from '../path.ts';
import { type CommandRow, type Result, resultValues } from '../session.ts';
import { integerJson } from '../value.ts';

/** One string of bytes for what may be a mixture of text and bytes. */
function bytesOf({ text, bytes }: Result): string {
  return bytes ? text : Buffer.from(text).toString('latin1');
}

const source: CommandRow = {
  name: 'source',
  args: 'source-file',
  least: 1,
  most: 1,
  completes: 'file',
  summary: 'run the commands of a file',
  help: ['A backslash at the end of a line joins the next one to it. Files may name further files.'],
  run: (session, [path]) => {
    if (!session.input.open(path!)) throw new DbError("can't open source");
    const results: Result[] = [];
    for (let line = session.input.next(); line !== undefined; line = session.input.next()) {
      const result = session.run(line);
      results.push(result);
      if (result.ends) break;
    }
    session.cursor.notes.length = 0;
    session.cursor.complaints.length = 0;
    const stderr = results.map((result) => result.stderr ?? '').join('');
    return {
      text: results.map(bytesOf).join(''),
      bytes: true,
      ...(stderr === '' ? {} : { stderr }),
      rows: function* () {
        for (const result of results) if (result.line.trim() !== '') yield* resultValues(result);
      },
    };
  },
};

const log: CommandRow = {
  name: 'log',
  args: '[stop|start <filename>]',
  least: 0,
  most: 2,
  summary: 'write what is shown into a file, too',
  run: (session, args) => {
    const [verb, path] = args;
    const say = (text: string, file: string | null) => ({ text: `${text}\n`, json: { log: file } });
    const { transcript } = session;
    // The name that the reference shows is always "start".
    if (args.length === 0) {
      return transcript ? say('logging to start', transcript.path) : say('no log file', null);
    }
    if (verb === 'stop' && args.length === 1) {
      if (!transcript) return say('no log file', null);
      closeSync(transcript.descriptor);
      session.transcript = undefined;
      return { text: '', json: { log: null } };
    }
    if (verb !== 'start' || path === undefined) throw new DbError('bad log command, ignored');
    if (transcript) throw new DbError('already logging to start');
    try {
      session.transcript = { path, descriptor: openSync(path, 'a') };
    } catch {
      throw new DbError(`can't open ${path} for writing`);
    }
    return { text: '', json: { log: path } };
  },
};

const debug: CommandRow = {
  name: 'debug',
  args: '[flagbits]',
  least: 0,
  most: 1,
  summary: 'set or show the bits that make xfs_db print its own data; here they change nothing',
  run: (session, [text]) => {
    if (text !== undefined) {
      const value = parseNumber(text);
      session.debug = value === undefined ? BigInt(leadingUnsigned(text)) : BigInt.asIntN(64, value);
      if (value === undefined) throw new DbError(`bad value for debug ${text}`);
    }
    return { text: `debug = ${session.debug}\n`, json: { debug: integerJson(session.debug) } };
  },
};

export const INPUT_COMMANDS: readonly CommandRow[] = [source, log, debug];
