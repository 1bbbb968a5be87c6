/** `metadump`: the metadata of the filesystem as a dump file. */
import { DeviceError } from '../../device/device.ts';
import { UsageError } from '../../format/errors.ts';
import { DUMP_LETTERS, dumpOrder, runDump } from '../dump/run.ts';
import { DbError } from '../error.ts';
import { parseOptions } from '../options.ts';
import type { CommandRow, Output, Session } from '../session.ts';

function metadump(session: Session, args: readonly string[]): Output {
  const { program } = session;
  // xfs_db tells all this on its standard error and ends with status 1.
  const failure = (message: string): Output => ({
    text: '',
    stderr: `${program}: ${message}\n`,
    exitCode: 1,
    failed: true,
  });
  let given: ReturnType<typeof parseOptions>;
  try {
    given = parseOptions(args, DUMP_LETTERS, () => new DbError('bad option for metadump command'));
  } catch (error) {
    if (error instanceof DbError) return failure(error.message);
    throw error;
  }
  const order = dumpOrder(given.options);
  if (typeof order === 'string') return failure(order);
  const [path, ...more] = given.rest;
  if (path === undefined || more.length > 0) {
    return failure('too few options for metadump (no filename given)');
  }
  try {
    runDump(session.cursor.filesystem, path, order, program);
  } catch (error) {
    if (error instanceof DeviceError || error instanceof UsageError) return failure(error.message);
    throw error;
  }
  return { text: '', json: { dump: path }, exitCode: 0 };
}

export const DUMP_COMMANDS: readonly CommandRow[] = [
  {
    name: 'metadump',
    args: '[-a] [-e] [-g] [-m max_extent] [-w] [-o] [-v 1|2] filename',
    least: 0,
    most: Number.POSITIVE_INFINITY,
    completes: 'file',
    summary: 'dump metadata to a file',
    help: [
      'Only metadata goes into the dump, with names replaced and unused space cleared; "-" is the standard output.',
      '-a  whole metadata blocks, unused space too',
      '-e  end at the first block that cannot be read',
      '-g  show progress',
      '-m  longest extent of a metadata file that is taken for real, blocks',
      '-o  names and attributes as they are',
      '-v  version of the format: 2 also holds an external log (-l)',
      '-w  tell of metadata that makes no sense',
    ],
    run: metadump,
  },
];
