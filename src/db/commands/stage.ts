/**
 * `begin`, `status`, `commit`, `rollback`: several changes as one. Between begin and commit every command sees what
 * was staged, and the image does not change.
 */

import { DADDR_BYTES } from '../../format/geometry.ts';
import { BLOCK_TYPES, identify } from '../../format/registry.ts';
import { DbError } from '../error.ts';
import type { Filesystem } from '../filesystem.ts';
import type { CommandRow, Session } from '../session.ts';
import type { Stage } from '../stage.ts';

function stageOf({ cursor, program, expert }: Session): Stage {
  const { stage } = cursor.filesystem;
  if (!stage || !expert) throw new DbError(`${program}: not in expert mode, writing disabled`);
  return stage;
}

const begin: CommandRow = {
  name: 'begin',
  least: 0,
  most: 0,
  expert: true,
  summary: 'stage what follows, until commit or rollback',
  run: (session) => {
    const stage = stageOf(session);
    if (stage.isOpen) throw new DbError('already begun');
    for (const each of session.cursor.filesystem.stages) each.isOpen = true;
    return { text: '', json: { open: true } };
  },
};

/** Something that staged bytes lie in. */
interface Change {
  readonly what: string;
  readonly agno: number;
  readonly agbno: number;
  readonly daddr: number;
  /** Bytes that differ. */
  readonly bytes: number;
}

const HEADERS = ['sb', 'agf', 'agi', 'agfl'];

/** What a changed sector belongs to: an AG header by its place, an inode or other block by its content. */
function describe(filesystem: Filesystem, offset: number, length: number): { what: string; start: number } {
  const { geometry } = filesystem;
  const block = Math.floor(offset / geometry.blocksize);
  const inAg = offset - Math.floor(block / geometry.agblocks) * geometry.agblocks * geometry.blocksize;
  const sector = Math.floor(inAg / geometry.sectsize);
  if (sector < HEADERS.length) return { what: HEADERS[sector]!, start: offset - (inAg % geometry.sectsize) };
  const start = block * geometry.blocksize;
  const logByte = geometry.logstart === 0 ? -1 : geometry.fsbnoByte(geometry.logstart);
  const isLog = offset >= logByte && offset < logByte + geometry.logblocks * geometry.blocksize;
  if (logByte >= 0 && isLog) return { what: 'log', start: logByte };
  const known = (at: number) => {
    if (at + 512 > filesystem.device.size) return undefined;
    return identify(filesystem.read(at, Math.min(geometry.blocksize, filesystem.device.size - at)), geometry);
  };
  const inodeStart = offset - (offset % geometry.inodesize);
  const inode = known(inodeStart);
  if (inode?.name === 'inode')
    return { what: `inode ${inodeNumber(filesystem, inodeStart)}`, start: inodeStart };
  const type = BLOCK_TYPES.find((row) => row === known(start));
  return { what: type?.name ?? (length > 0 ? 'data' : 'nothing'), start };
}

function inodeNumber({ geometry }: Filesystem, offset: number): number {
  const block = Math.floor(offset / geometry.blocksize);
  const agino =
    geometry.agbnoAgino(block % geometry.agblocks) +
    Math.floor((offset % geometry.blocksize) / geometry.inodesize);
  return geometry.ino(Math.floor(block / geometry.agblocks), agino);
}

/** Objects with staged changes, in disk order. */
function listChanges(filesystem: Filesystem, stage: Stage): Change[] {
  const { geometry } = filesystem;
  const found = new Map<number, { what: string; bytes: number }>();
  for (const { offset, bytes } of stage.changes()) {
    const before = stage.readBelow(offset, bytes.length);
    for (let at = 0; at < bytes.length; at += DADDR_BYTES) {
      let different = 0;
      for (let i = at; i < Math.min(at + DADDR_BYTES, bytes.length); i++) {
        if (bytes[i] !== before[i]) different++;
      }
      if (different === 0) continue;
      const { what, start } = describe(filesystem, offset + at, different);
      const change = found.get(start) ?? { what, bytes: 0 };
      change.bytes += different;
      found.set(start, change);
    }
  }
  return [...found].map(([start, { what, bytes }]) => {
    const block = Math.floor(start / geometry.blocksize);
    return {
      what,
      agno: Math.floor(block / geometry.agblocks),
      agbno: block % geometry.agblocks,
      daddr: Math.floor(start / DADDR_BYTES),
      bytes,
    };
  });
}

const status: CommandRow = {
  name: 'status',
  least: 0,
  most: 0,
  expert: true,
  summary: 'show what is staged: objects, and bytes that differ',
  run: (session) => {
    const stage = stageOf(session);
    const changes = listChanges(session.cursor.filesystem, stage);
    const head = stage.isOpen ? 'begun' : 'not begun';
    const lines = changes.map(
      ({ what, agno, agbno, daddr, bytes }) =>
        `  ${what}: AG ${agno} block ${agbno}, daddr ${daddr}, ${bytes} bytes differ\n`,
    );
    return {
      text: `${head}, ${changes.length} objects changed\n${lines.join('')}`,
      json: { open: stage.isOpen, changes: changes.map((change) => ({ ...change })) },
    };
  },
};

const commit: CommandRow = {
  name: 'commit',
  least: 0,
  most: 0,
  expert: true,
  summary: 'write what is staged to the image',
  run: (session) => {
    const stage = stageOf(session);
    if (!stage.isOpen) throw new DbError('nothing begun');
    // The log before the image: a cleared log under old superblocks is a clean filesystem.
    for (const each of session.cursor.filesystem.stages) if (each !== stage) each.commit();
    const { summary, journal } = stage.commit();
    const undo = journal === undefined ? '' : `; undo journal ${journal}`;
    return {
      text: `committed ${summary.bytes} bytes in ${summary.runs} places${undo}\n`,
      json: { runs: summary.runs, bytes: summary.bytes, journal: journal ?? null },
    };
  },
};

const rollback: CommandRow = {
  name: 'rollback',
  least: 0,
  most: 0,
  expert: true,
  summary: 'forget what is staged',
  run: (session) => {
    const stage = stageOf(session);
    if (!stage.isOpen) throw new DbError('nothing begun');
    for (const each of session.cursor.filesystem.stages) each.rollback();
    return { text: '', json: { open: false } };
  },
};

export const STAGE_COMMANDS: readonly CommandRow[] = [begin, status, commit, rollback];
