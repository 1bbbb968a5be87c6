/** Commands that go to the log, the realtime section and quota records; xfs_db has the first ones since 6.12. */

import { DQBLK, dquotsPerBlock } from '../../format/dquot.ts';
import { DADDR_BYTES } from '../../format/geometry.ts';
import { blockAt } from '../../fs/read/extent.ts';
import { readInode } from '../../fs/read/inode.ts';
import type { Cursor } from '../cursor.ts';
import { DbError } from '../error.ts';
import { visitInode } from '../follow.ts';
import { parseOptions } from '../options.ts';
import { parseNumber } from '../path.ts';
import { convertRealtime } from '../rtconvert.ts';
import type { CommandRow, Session } from '../session.ts';
import { typeNamed } from '../types.ts';
import { integerJson } from '../value.ts';

function numberBelow(text: string, end: number, what: string): number {
  const value = parseNumber(text);
  if (value === undefined || value >= BigInt(end)) throw new DbError(`bad ${what} ${text}`);
  return Number(value);
}

/** Where the current object begins on its device, in 512-byte units. */
function currentDaddr({ cursor: { top } }: Session): number {
  return Math.floor((top.daddr * DADDR_BYTES + top.start) / DADDR_BYTES);
}

const logblock: CommandRow = {
  name: 'logblock',
  alias: 'lsb',
  args: '[logbno]',
  least: 0,
  most: 1,
  pushable: true,
  summary: 'go to a block of the log, internal or external',
  run: (session, [text]) => {
    const { filesystem, top } = session.cursor;
    const { geometry, blockBbs } = filesystem;
    const { logstart, logblocks } = geometry;
    if (text !== undefined) {
      const block = numberBelow(text, logblocks, 'logblock');
      const type = typeNamed('data');
      if (logstart > 0) session.cursor.move(type, geometry.fsbnoDaddr(logstart + block), blockBbs);
      else session.cursor.move(type, block * blockBbs, blockBbs, { device: 'log' });
      return undefined;
    }
    const isLog = logstart > 0 ? top.type && !top.device : top.device === 'log';
    if (!isLog) throw new DbError('current address does not point to log');
    const daddr = currentDaddr(session);
    const block = logstart > 0 ? filesystem.daddrFsbno(daddr) - logstart : Math.floor(daddr / blockBbs);
    if (block < 0 || block >= logblocks) {
      throw new DbError(`current address not within ${logstart > 0 ? 'internal' : 'external'} log`);
    }
    return { text: `current logblock is ${block}\n`, json: { logblock: block } };
  },
};

const rtblock: CommandRow = {
  name: 'rtblock',
  alias: 'rtbno',
  args: '[rtbno]',
  least: 0,
  most: 1,
  pushable: true,
  summary: 'go to a block of the realtime section',
  run: (session, [text]) => {
    const { filesystem, top } = session.cursor;
    const { blockBbs, geometry } = filesystem;
    if (text !== undefined) {
      const block = numberBelow(text, geometry.rblocks, 'rtblock');
      session.cursor.move(typeNamed('data'), block * blockBbs, blockBbs, { device: 'realtime' });
      return undefined;
    }
    if (top.device !== 'realtime') throw new DbError('cursor does not point to rt device');
    const block = Math.floor(currentDaddr(session) / blockBbs);
    return { text: `current rtblock is ${block}\n`, json: { rtblock: block } };
  },
};

/** Longer realtime extents do not exist, bytes. */
const LONGEST_RTEXTENT = 2 ** 30;

const rtextent: CommandRow = {
  name: 'rtextent',
  alias: 'rtx',
  args: '[rtxno]',
  least: 0,
  most: 1,
  pushable: true,
  summary: 'go to an extent of the realtime section',
  run: (session, [text]) => {
    const { filesystem, top } = session.cursor;
    const { rextsize, rextents } = filesystem.superblock;
    const bbs = rextsize * filesystem.blockBbs;
    if (rextsize === 0 || bbs * DADDR_BYTES > LONGEST_RTEXTENT) {
      throw new DbError(`bad realtime extent size ${rextsize}`);
    }
    if (text !== undefined) {
      const extent = numberBelow(text, rextents, 'rtextent');
      session.cursor.move(typeNamed('data'), extent * bbs, bbs, { device: 'realtime' });
      return undefined;
    }
    if (top.device !== 'realtime') throw new DbError('cursor does not point to rt device');
    const extent = Math.floor(currentDaddr(session) / bbs);
    return { text: `current rtextent is ${extent}\n`, json: { rtextent: extent } };
  },
};

const rtconvert: CommandRow = {
  name: 'rtconvert',
  args: 'unit value [unit value]... unit',
  least: 3,
  most: 9,
  summary: 'turn an address in the realtime section into another unit',
  help: [
    'Units: rtblock rtx daddr byte bboff blkoff rbmblock rbmword rsumblock rsuminfo rsumlog',
    'rtconvert rbmblock 30 rsumlog 21 rsumblock',
  ],
  run: ({ cursor }, args) => {
    const { geometry, superblock } = cursor.filesystem;
    const { rextsize, rbmblocks } = superblock;
    const value = convertRealtime(args, { blocksize: geometry.blocksize, rextsize, rbmblocks });
    return { text: `0x${value.toString(16)} (${value})\n`, json: { value: integerJson(value) } };
  },
};

const QUOTAS = {
  u: { what: 'user', field: 'uquotino' },
  g: { what: 'group', field: 'gquotino' },
  p: { what: 'project', field: 'pquotino' },
} as const;

/** The inode of quotas is visited, and visited again to look up the block. */
function visitQuotas(cursor: Cursor, ino: number): void {
  cursor.push();
  cursor.tryInode(ino);
  visitInode(cursor);
  cursor.pop();
}

const dquot: CommandRow = {
  name: 'dquot',
  args: '[-g|-p|-u] id',
  least: 1,
  most: 2,
  pushable: true,
  summary: 'go to the quota record of a group, project or user',
  run: ({ cursor }, args) => {
    const { filesystem } = cursor;
    const { geometry } = filesystem;
    const bad = () => new DbError('bad option for dquot command');
    const { options, rest } = parseOptions(args, 'gpu', bad);
    const { what, field } = QUOTAS[(options.at(-1)?.[0] ?? 'u') as keyof typeof QUOTAS];
    if (rest.length !== 1) throw new DbError(`dquot command requires one ${what} id argument`);
    const ino = filesystem.superblock[field];
    if (ino === 0 || ino === -1) throw new DbError(`no ${what} quota inode present`);
    const value = parseNumber(rest[0]!);
    if (value === undefined) throw new DbError(`bad ${what} id for dquot ${rest[0]}`);
    const id = Number(BigInt.asUintN(32, value));
    const perBlock = dquotsPerBlock(geometry.blocksize);
    visitQuotas(cursor, ino);
    const inode = readInode(filesystem, ino);
    const block = inode && blockAt(filesystem, inode, 'data', Math.floor(id / perBlock));
    if (!block) throw new DbError(`no ${what} quota data for id ${id | 0}`);
    const start = (id % perBlock) * DQBLK.size;
    cursor.move(typeNamed('dqblk'), geometry.fsbnoDaddr(block.at), filesystem.blockBbs, {
      start,
      length: DQBLK.size,
    });
    return undefined;
  },
};

export const REALTIME_COMMANDS: readonly CommandRow[] = [logblock, rtblock, rtextent, rtconvert, dquot];
