/** `label`, `uuid`, `version`: what all superblocks say in common, shown, and with -x changed in each of them. */

import { formatUuid, parseUuid } from '../../format/kinds.ts';
import { SUPERBLOCK } from '../../format/superblock.ts';
import { clearLog, findLog, NIL_UUID } from '../clearlog.ts';
import { DbError } from '../error.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import { changeSuperblock, pushSuperblock, readSuperblock } from '../superblocks.ts';
import { featureNames } from '../versiontext.ts';

const LABEL_BYTES = SUPERBLOCK.offset.blocklog - SUPERBLOCK.offset.fname;
const META_UUID = 0x4;
/** Ways to say that there shall be no label. */
const EMPTY_LABELS: ReadonlySet<string> = new Set(['--', '""', "''"]);

/** Throws DbError unless superblocks may be changed. */
function needExpert({ expert, writable, program, cursor }: Session): void {
  if (!expert || !writable) throw new DbError(`${program}: not in expert mode, writing disabled`);
  if (cursor.filesystem.geometry.features.needsRepair) {
    throw new DbError(`${program}: filesystem needs xfs_repair`);
  }
}

/** Calls `use` for each AG; a superblock that is none ends it, and `failure` says so after the reason. */
function eachAg(
  { cursor }: Session,
  failure: (agno: number) => string,
  use: (agno: number) => string,
): { text: string; failed: boolean } {
  let text = '';
  for (let agno = 0; agno < cursor.filesystem.geometry.agcount; agno++) {
    try {
      text += use(agno);
    } catch (error) {
      if (!(error instanceof DbError)) throw error;
      return { text: `${text}${error.message}\n${failure(agno)}\n`, failed: true };
    }
  }
  return { text, failed: false };
}

const bytesOf = (label: string) => Buffer.from(label, 'utf8');
/** Up to the first NUL, as C prints it. */
const shown = (label: string) => Buffer.from(label.split('\0')[0]!, 'latin1').toString('utf8');

function readLabel(session: Session): Output {
  let first: string | undefined;
  let last = '';
  const { text, failed } = eachAg(
    session,
    (agno) => `failed to read label in AG ${agno}`,
    (agno) => {
      last = readSuperblock(session.cursor, agno, (sb) => sb.fname);
      first ??= last;
      return last === first ? '' : `warning: AG ${agno} label differs\n`;
    },
  );
  if (failed) return { text, failed };
  return { text: `${text}label = "${shown(last)}"\n`, json: { label: shown(last) } };
}

function writeLabel(session: Session, wanted: string): Output {
  needExpert(session);
  const bytes = EMPTY_LABELS.has(wanted) ? bytesOf('') : bytesOf(wanted);
  const label = bytes.toString('latin1', 0, LABEL_BYTES);
  const lead =
    bytes.length > LABEL_BYTES
      ? `${session.program}: truncating label length from ${bytes.length} to ${LABEL_BYTES}\n`
      : '';
  const { text, failed } = eachAg(
    session,
    (agno) => `failed to set label in AG ${agno}`,
    (agno) =>
      (agno === 0 ? lead : '') +
      changeSuperblock(session.cursor, agno, (sb) => {
        sb.fname = label;
      }),
  );
  const said = failed ? '(null)' : shown(label);
  return { text: `writing all SBs\n${text}new label = "${said}"\n`, json: { label: said }, failed };
}

function readUuid(session: Session): Output {
  const { filesystem } = session.cursor;
  let first: string | undefined;
  let isDifferent = false;
  const { text, failed } = eachAg(
    session,
    (agno) => `failed to read UUID from AG ${agno}`,
    (agno) => {
      if (isDifferent) return '';
      const uuid = readSuperblock(session.cursor, agno, (sb) => sb.uuid);
      first ??= uuid;
      if (uuid === first) return '';
      isDifferent = true;
      return `warning: UUID in AG ${agno} differs to the primary SB\n`;
    },
  );
  if (failed) return { text, failed };
  const isInternal = filesystem.geometry.logstart !== 0;
  let warning = '';
  if (isInternal && filesystem.log) {
    warning = 'warning - external log specified for FS with an internal log\n';
  } else if (!isInternal && !filesystem.log) {
    warning = 'warning - no external log specified for FS with an external log\n';
  }
  return { text: `${text}${warning}UUID = ${first}\n`, json: { uuid: first! } };
}

/** UUID that an argument asks for, and what was said meanwhile; undefined when there is nothing to do. */
function wantedUuid(session: Session, word: string): { uuid: string; text: string } | undefined {
  const { cursor } = session;
  switch (word.toLowerCase()) {
    case 'generate':
      return { uuid: globalThis.crypto.randomUUID(), text: '' };
    case 'nil':
      return { uuid: NIL_UUID, text: '' };
    case 'rewrite': {
      const uuid = readSuperblock(cursor, 0, (sb) => sb.uuid);
      return { uuid, text: `old UUID = ${uuid}\n` };
    }
    case 'restore': {
      const sb = pushSuperblock(cursor, 0);
      if ((sb.features_incompat & META_UUID) === 0) return undefined;
      return { uuid: cursor.filesystem.geometry.metaUuid, text: '' };
    }
    default:
      if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(word)) throw new DbError('invalid UUID');
      return { uuid: formatUuid(parseUuid(word)), text: '' };
  }
}

/** Why a log that is not clean stops it, in xfs_db's words. */
function dirtyText(program: string): string {
  return (
    'ERROR: The filesystem has valuable metadata changes in a log which needs to\n' +
    'be replayed.  Mount the filesystem to replay the log, and unmount it before\n' +
    `re-running ${program}.  If you are unable to mount the filesystem, then use\n` +
    'the xfs_repair -L option to destroy the log and attempt a repair.\n' +
    'Note that destroying the log may cause corruption -- please attempt a mount\n' +
    'of the filesystem before doing this.'
  );
}

/** Empties the log, with the new UUID in it, in the next cycle. Throws DbError when it may not. */
function renewLog(session: Session, uuid: string): string {
  const { filesystem } = session.cursor;
  const isInternal = filesystem.geometry.logstart !== 0;
  if (isInternal && filesystem.log) {
    throw new DbError('aborting - external log specified for FS with an internal log');
  }
  if (!isInternal && !filesystem.log) {
    throw new DbError('aborting - no external log specified for FS with an external log');
  }
  const { head, complaint } = findLog(filesystem);
  if (head.state === 'unreadable')
    throw new DbError(`${complaint}ERROR: cannot find log head/tail, run xfs_repair`);
  if (head.state !== 'clean') throw new DbError(complaint + dirtyText(session.program));
  clearLog(filesystem, { uuid, stripeUnit: filesystem.superblock.logsunit, cycle: head.headCycle + 1 });
  return `${complaint}Clearing log and setting UUID\n`;
}

function writeUuid(session: Session, word: string): Output {
  needExpert(session);
  const wanted = wantedUuid(session, word);
  if (!wanted) return { text: '' };
  const { uuid } = wanted;
  const { metaUuid } = session.cursor.filesystem.geometry;
  let lead = wanted.text;
  try {
    lead += `${renewLog(session, uuid)}writing all SBs\n`;
  } catch (error) {
    throw error instanceof DbError ? new DbError(lead + error.message) : error;
  }
  const { text, failed } = eachAg(
    session,
    (agno) => `failed to set UUID in AG ${agno}`,
    (agno) =>
      changeSuperblock(session.cursor, agno, (sb) => {
        const hasMeta = (sb.features_incompat & META_UUID) !== 0;
        if (!hasMeta && uuid !== metaUuid) {
          sb.features_incompat |= META_UUID;
          sb.meta_uuid = sb.uuid;
        } else if (hasMeta && uuid === metaUuid) {
          sb.features_incompat &= ~META_UUID;
          sb.meta_uuid = NIL_UUID;
        }
        sb.uuid = uuid;
      }),
  );
  return { text: `${lead}${text}new UUID = ${uuid}\n`, json: { uuid }, failed };
}

const ALWAYS_ON: Readonly<Record<string, string>> = {
  extflg: 'unwritten extents always enabled for v5 superblocks.\n',
  log2: 'Version 2 logs always enabled for v5 superblocks.\n',
};

function runVersion(session: Session, args: readonly string[]): Output {
  const { superblock } = session.cursor.filesystem;
  const { features_ro_compat, features_incompat } = superblock;
  let { versionnum, features2 } = superblock;
  let lead = '';
  if (args.length === 1) {
    const { expert, writable, program } = session;
    if (!expert || !writable) throw new DbError(`${program}: not in expert mode, writing disabled`);
    const told = ALWAYS_ON[args[0]!.toLowerCase()];
    if (told === undefined) throw new DbError(`${program}: Cannot change ${args[0]} on v5 superblocks.`);
    lead = told;
  } else if (args.length === 2) {
    [versionnum, features2] = args.map(leadingWord) as [number, number];
    versionnum &= 0xffff;
  }
  const names = featureNames({ versionnum, features2, features_ro_compat, features_incompat });
  const bits = `0x${versionnum.toString(16)}+0x${features2.toString(16)}`;
  return {
    text: `${lead}versionnum [${bits}] = ${names.join(',')}\n`,
    json: { versionnum, features2, features: names },
  };
}

/** As strtoul with base 0, cut to 32 bits. */
function leadingWord(word: string): number {
  const match = /^(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(word);
  if (!match) return 0;
  const digits = match[1]!;
  return Number(BigInt.asUintN(32, BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits)));
}

const label: CommandRow = {
  name: 'label',
  args: '[label]',
  least: 0,
  most: 1,
  pushable: true,
  summary: 'write/print FS label',
  help: ['label NAME    set it in every superblock (with -x), 12 bytes at most', 'label --      no label'],
  run: (session, [wanted]) => (wanted === undefined ? readLabel(session) : writeLabel(session, wanted)),
};

const uuid: CommandRow = {
  name: 'uuid',
  args: '[uuid]',
  least: 0,
  most: 1,
  pushable: true,
  summary: 'write/print FS uuid',
  help: [
    'uuid UUID       set it in every superblock and in the log, which is cleared (with -x)',
    'uuid generate   a random one; nil: zeros; rewrite: that of the first superblock to all',
    'uuid restore    the one that metadata carries',
  ],
  run: (session, [wanted]) => (wanted === undefined ? readUuid(session) : writeUuid(session, wanted)),
};

const version: CommandRow = {
  name: 'version',
  args: '[feature | [vnum fnum]]',
  least: 0,
  most: Number.POSITIVE_INFINITY,
  pushable: true,
  summary: 'set feature bit(s) in the sb version field',
  help: ['Shows the features; version VERSIONNUM FEATURES2 shows what these words would mean.'],
  run: runVersion,
};

export const LABEL_COMMANDS: readonly CommandRow[] = [label, uuid, version];
