/** `logformat`: writes an empty log of some cycle and stripe unit. */
import { clearLog, findLog } from '../clearlog.ts';
import { DbError } from '../error.ts';
import { parseOptions } from '../options.ts';
import type { CommandRow, Output, Session } from '../session.ts';

const LARGEST_UNIT = 256 * 1024;

/** As strtol with base 0, cut to an int. */
function toInt(text: string): number {
  const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text);
  if (!match) return 0;
  const digits = match[2]!;
  const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return Number(BigInt.asIntN(32, match[1] === '-' ? -value : value));
}

/** Failing here ends the session, as in xfs_db. */
const fail = (text: string): Output => ({ text: `${text}\n`, failed: true, ends: true });

function run(session: Session, args: readonly string[]): Output {
  const { filesystem } = session.cursor;
  const { blocksize } = filesystem.geometry;
  let cycle = -1;
  let unit = -1;
  let options: readonly (readonly [string, string | undefined])[];
  try {
    ({ options } = parseOptions(args, 'c:s:', () => new DbError('invalid option')));
  } catch (error) {
    if (error instanceof DbError) return fail(error.message);
    throw error;
  }
  for (const [letter, value] of options) {
    if (letter === 'c') {
      cycle = toInt(value!);
      if (cycle === 0) return fail('invalid cycle');
      continue;
    }
    unit = toInt(value!);
    if (unit > 1 && (unit % blocksize !== 0 || unit > LARGEST_UNIT)) return fail('invalid log stripe unit');
  }
  if (!session.writable) return fail(`${session.program} started in read only mode, writing disabled`);
  const { head, uuid, complaint } = findLog(filesystem);
  if (head.state === 'unreadable' || head.state === 'external')
    return fail(`${complaint}could not find log head/tail`);
  if (head.state !== 'clean') return fail(`${complaint}The log is dirty. Please mount to replay the log.`);
  if (cycle < 0) cycle = head.headCycle;
  if (unit < 0) unit = filesystem.superblock.logsunit;
  clearLog(filesystem, { uuid, stripeUnit: unit, cycle, filling: unit });
  return {
    text: `${complaint}Formatting the log to cycle ${cycle}, stripe unit ${unit} bytes.\n`,
    json: { cycle, stripeUnit: unit },
  };
}

const logformat: CommandRow = {
  name: 'logformat',
  args: '[-c cycle] [-s sunit]',
  least: 0,
  most: 4,
  expert: true,
  summary: 'reformat the log',
  help: [
    '-c CYCLE   of the new log; else that of the old',
    '-s BYTES   stripe unit; else that of the superblock',
    'A log in which changes wait is left alone.',
  ],
  run,
};

export const LOGFORMAT_COMMANDS: readonly CommandRow[] = [logformat];
