/** `blockget`, `blockuse`, `blockfree` and `ncheck`: what every block is, who has it, and what every inode is called. */
import { DADDR_BYTES } from '../../format/geometry.ts';
import { findLog } from '../clearlog.ts';
import { DbError } from '../error.ts';
import { parseOptions } from '../options.ts';
import { parseNumber } from '../path.ts';
import { Blockget } from '../scan/check/blockget.ts';
import { IS_LISTED, NO_INODE } from '../scan/check/inodetable.ts';
import { BLOCK_KINDS } from '../scan/check/kind.ts';
import { type NamedInode, namedInodes } from '../scan/check/link.ts';
import { countsOf } from '../scan/check/summary.ts';
import { BlockUsage } from '../scan/check/usage.ts';
import type { CommandRow, Output, Session } from '../session.ts';

/** What blockget found, until blockfree. */
const found = new WeakMap<Session, BlockUsage>();

/** What the last blockget of a session found. */
export function blockUsageOf(session: Session): BlockUsage | undefined {
  return found.get(session);
}

const DIRTY = `ERROR: The filesystem has valuable metadata changes in a log which needs to
be replayed.  Mount the filesystem to replay the log, and unmount it before
re-running PROGRAM.  If you are unable to mount the filesystem, then use
the xfs_repair -L option to destroy the log and attempt a repair.
Note that destroying the log may cause corruption -- please attempt a mount
of the filesystem before doing this.
`;

/** Why a filesystem is not looked at: its log. */
function logFault(session: Session): string | undefined {
  const { filesystem } = session.cursor;
  if (filesystem.geometry.logstart !== 0 && filesystem.log !== undefined)
    return 'aborting - external log specified for FS with an internal log\n';
  const { head, complaint } = findLog(filesystem);
  if (complaint !== '') session.cursor.notes.push(complaint.trimEnd());
  switch (head.state) {
    case 'external':
      return 'aborting - no external log specified for FS with an external log\n';
    case 'dirty':
      return DIRTY.replace('PROGRAM', session.program);
    case 'unreadable':
      return 'ERROR: cannot find log head/tail, run xfs_repair\n';
    default:
      return undefined;
  }
}

function blockget(session: Session, args: readonly string[]): Output {
  if (found.has(session)) throw new DbError('already have block usage information');
  const fault = logFault(session);
  if (fault !== undefined) {
    return { text: fault, json: { error: fault.trim() }, exitCode: 1, failed: true };
  }
  const { filesystem } = session.cursor;
  const { geometry, superblock } = filesystem;
  const fields = { ...countsOf(superblock), ...session.openingState().counters };
  const usage = new BlockUsage(geometry, Number(fields.icount));
  found.set(session, usage);
  takeOptions(session, usage, args);
  const sound = new Blockget(filesystem, usage, fields).run();
  const { messages, errors, serious } = usage;
  const bad = !sound || errors > 0;
  return {
    get text() {
      return messages.join('');
    },
    get json() {
      return { errors, serious, messages: messages.map((message) => message.trimEnd()) };
    },
    bytes: true,
    ...(bad ? { exitCode: sound ? 3 : 2, failed: true } : {}),
  };
}

/** As in xfs_db, an option that is refused leaves an empty usage behind. */
function takeOptions(session: Session, usage: BlockUsage, args: readonly string[]): void {
  const { options } = parseOptions(args, 'b:i:npstv', () => {
    session.exitCode = 1;
    return new DbError('bad option for blockget command');
  });
  for (const [letter, value] of options) {
    switch (letter) {
      case 'b':
        usage.asked.add(decimal(value!));
        break;
      case 'i': {
        const ino = decimal(value!);
        const row = usage.inodes.find(ino, true);
        if (row === NO_INODE) usage.say(`-i ${ino} bad inode number\n`);
        else usage.inodes.flags[row]! |= IS_LISTED;
        break;
      }
      case 'n':
        usage.options.names = true;
        break;
      case 'p':
        usage.options.prefix = `${session.cursor.filesystem.device.name}: `;
        break;
      case 's':
        usage.options.silent = true;
        break;
      case 't':
        usage.options.noFreeCheck = true;
        break;
      case 'v':
        usage.options.verbose = true;
        break;
    }
  }
}

/** Decimal digits at the head of a text; 0 without any. */
function decimal(text: string): number {
  return Number(/^\s*([+-]?\d+)/.exec(text)?.[1] ?? 0);
}

function need(session: Session): BlockUsage {
  const usage = found.get(session);
  if (!usage) throw new DbError('must run blockget first');
  return usage;
}

function blockuse(session: Session, args: readonly string[]): Output {
  const usage = need(session);
  const { filesystem, top } = session.cursor;
  const { geometry } = filesystem;
  const fsbno = filesystem.daddrFsbno(top.daddr + Math.floor(top.start / DADDR_BYTES));
  const agno = geometry.fsbnoAgno(fsbno);
  const agbno = geometry.fsbnoAgbno(fsbno);
  const bad = () => new DbError('bad option for blockuse command');
  let end = agbno;
  let names = false;
  for (const [letter, value] of parseOptions(args, 'c:n', bad).options) {
    if (letter === 'c') {
      const count = Number(parseNumber(value!) ?? 0);
      end = agbno + count - 1;
      if (count < 1 || end >= geometry.agblocks) throw new DbError(`bad blockuse count ${value}`);
    } else {
      if (!usage.options.names) throw new DbError('must run blockget -n first');
      names = true;
    }
  }
  const blocks = Array.from({ length: end - agbno + 1 }, (_, i) => {
    const row = usage.owner(agno, agbno + i);
    const path = names && row !== NO_INODE ? usage.inodes.path(row) : undefined;
    return {
      fsbno: geometry.fsbno(agno, agbno + i),
      agno,
      agbno: agbno + i,
      type: BLOCK_KINDS[usage.kind(agno, agbno + i)]!,
      ...(row === NO_INODE ? {} : { ino: usage.inodes.ino[row]! }),
      ...(path === undefined ? {} : { path }),
    };
  });
  const text = blocks.map((block) => {
    const inode = 'ino' in block ? ` inode ${block.ino}` : '';
    const path = 'path' in block ? ` ${block.path}` : '';
    return `block ${block.fsbno} (${block.agno}/${block.agbno}) type ${block.type}${inode}${path}\n`;
  });
  return { text: text.join(''), bytes: true, json: blocks };
}

function blockfree(session: Session): undefined {
  if (!found.delete(session)) throw new DbError('block usage information not allocated');
  return undefined;
}

function ncheck(session: Session, args: readonly string[]): Output {
  const usage = found.get(session);
  if (!usage?.options.names) throw new DbError('must run blockget -n first');
  const { options } = parseOptions(
    args,
    'i:s',
    (letter) => new DbError(`bad option -${letter} for ncheck command`),
  );
  const asked = options.filter(([letter]) => letter === 'i').map(([, value]) => decimal(value!));
  const security = options.some(([letter]) => letter === 's');
  const list = () => namedInodes(usage, asked, security);
  return {
    get text() {
      return [...list()].map(nameLine).join('');
    },
    bytes: true,
    rows: function* () {
      for (const { ino, path, isDirectory } of list()) yield { ino, path: textOf(path), isDirectory };
    },
  };
}

function nameLine({ ino, path, isDirectory }: NamedInode): string {
  return `${String(ino).padStart(11)} ${path}${isDirectory ? '/.' : ''}\n`;
}

/** Bytes of a name as text: UTF-8 where it is that. */
function textOf(path: string): string {
  const bytes = Buffer.from(path, 'latin1');
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return path;
  }
}

export const SCAN_COMMANDS: readonly CommandRow[] = [
  {
    name: 'blockget',
    alias: 'check',
    args: '[-s|-v] [-n] [-t] [-b bno]... [-i ino] ...',
    least: 0,
    most: Number.POSITIVE_INFINITY,
    summary: 'get block usage and check consistency',
    run: blockget,
  },
  {
    name: 'blockuse',
    args: '[-n] [-c blockcount]',
    least: 0,
    most: 3,
    summary: 'print usage for current block(s)',
    run: blockuse,
  },
  { name: 'blockfree', least: 0, most: 0, summary: 'free block usage information', run: blockfree },
  {
    name: 'ncheck',
    args: '[-s] [-i ino] ...',
    least: 0,
    most: Number.POSITIVE_INFINITY,
    summary: 'print inode-name pairs',
    run: ncheck,
  },
];
