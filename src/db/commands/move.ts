/** Commands that go somewhere by address: inode, block, file block, or the field that points there. */
import { DADDR_BYTES } from '../../format/geometry.ts';
import { attrExtents, DINODE, dataExtents } from '../../format/inode.ts';
import { viewOf } from '../../format/struct.ts';
import { findNoting } from '../badmagic.ts';
import { NO_INO } from '../cursor.ts';
import { DbError } from '../error.ts';
import type { Fork } from '../extents.ts';
import { dataType, follow, goFileBlock, mapCurrent, visitInode } from '../follow.ts';
import { parseOptions } from '../options.ts';
import { parseNumber, parsePath } from '../path.ts';
import { type CommandRow, objectOf } from '../session.ts';
import { type DbType, typeNamed } from '../types.ts';
import { placeJson, placeText } from './place.ts';

const addr: CommandRow = {
  name: 'addr',
  alias: 'a',
  args: '[field-expression]',
  least: 0,
  most: 1,
  pushable: true,
  completes: 'field',
  summary: 'go to what a field points to',
  help: ['addr rootino            from a superblock to the root directory', 'addr u3.bmx[0].startblock'],
  run: ({ cursor }, [text]) => {
    if (text === undefined) {
      return {
        text: placeText('current', cursor.top, cursor.filesystem),
        json: placeJson(cursor.top, cursor.filesystem),
      };
    }
    objectOf(cursor);
    follow(cursor, findNoting(cursor, parsePath(text)));
    return undefined;
  },
};

const inode: CommandRow = {
  name: 'inode',
  args: '[inode#]',
  least: 0,
  most: 1,
  pushable: true,
  summary: 'go to an inode',
  run: ({ cursor }, [text]) => {
    if (text === undefined) {
      const { ino } = cursor.top;
      if (ino === NO_INO) throw new DbError('no current inode');
      return { text: `current inode number is ${ino}\n`, json: { ino } };
    }
    const value = parseNumber(text);
    if (value === undefined) throw new DbError(`bad value for inode number ${text}`);
    cursor.moveInode(value);
    return undefined;
  },
};

const daddr: CommandRow = {
  name: 'daddr',
  args: '[-r|-l] [daddr]',
  least: 0,
  most: 2,
  pushable: true,
  summary: 'go to a 512-byte unit of the device',
  help: ['-r counts on the realtime device (-R), -l on that of an external log (-l).'],
  run: ({ cursor }, args) => {
    const { filesystem, top } = cursor;
    const side = args[0] === '-r' ? 'realtime' : args[0] === '-l' ? 'log' : undefined;
    const [text, ...more] = side ? args.slice(1) : args;
    if (more.length > 0) throw new DbError(`bad daddr ${more[0]}`);
    if (side === 'log' && filesystem.geometry.logstart > 0) throw new DbError('filesystem has internal log');
    if (text === undefined) {
      const current = Math.floor((top.daddr * DADDR_BYTES + top.start) / DADDR_BYTES);
      return { text: `current daddr is ${current}\n`, json: { daddr: current } };
    }
    const value = parseNumber(text);
    const { dblocks, rblocks, logblocks } = filesystem.geometry;
    const blocks = side === 'log' ? logblocks : side === 'realtime' ? rblocks : dblocks;
    const end = BigInt(blocks) * BigInt(filesystem.blockBbs);
    if (value === undefined || value >= end) throw new DbError(`bad daddr ${text}`);
    cursor.move(typeNamed('data'), Number(value), 1, side ? { device: side } : {});
    return undefined;
  },
};

const fsblock: CommandRow = {
  name: 'fsblock',
  alias: 'fsb',
  args: '[fsb]',
  least: 0,
  most: 1,
  pushable: true,
  summary: 'go to a filesystem block',
  help: ['The number has the AG in its upper bits: see convert.'],
  run: ({ cursor }, [text]) => {
    const { filesystem, top } = cursor;
    const { geometry } = filesystem;
    if (text === undefined) {
      const fsbno = filesystem.daddrFsbno(Math.floor((top.daddr * DADDR_BYTES + top.start) / DADDR_BYTES));
      return { text: `current fsblock is ${fsbno}\n`, json: { fsbno } };
    }
    const value = parseNumber(text);
    const fsbno = Number(value ?? -1);
    const agno = geometry.fsbnoAgno(fsbno);
    const agbno = geometry.fsbnoAgbno(fsbno);
    const bad = value === undefined || agno >= geometry.agcount || agbno >= geometry.agblocks;
    if (bad) throw new DbError(`bad fsblock ${text}`);
    cursor.move(typeNamed('data'), geometry.agbnoDaddr(agno, agbno), filesystem.blockBbs);
    return undefined;
  },
};

function fileBlock(text: string): number {
  const value = parseNumber(text);
  if (value === undefined) throw new DbError(`bad block number ${text}`);
  return Number(value);
}

const dblock: CommandRow = {
  name: 'dblock',
  args: 'filoff',
  least: 1,
  most: 1,
  pushable: true,
  summary: 'set address to file offset (data fork)',
  help: ["The current inode's; the number counts filesystem blocks, also in a directory."],
  run: ({ cursor }, [text]) => {
    const fileoff = fileBlock(text!);
    let type: DbType | undefined;
    visitInode(cursor, () => {
      type = dataType(cursor);
    });
    if (!type) throw new DbError('no type for file data');
    goFileBlock(cursor, { type, fork: 'data', fileoff, unmapped: 'file data block is unmapped' });
    return undefined;
  },
};

const ablock: CommandRow = {
  name: 'ablock',
  args: 'filoff',
  least: 1,
  most: 1,
  pushable: true,
  summary: 'set address to file offset (attr fork)',
  help: ["The current inode's; the number counts filesystem blocks."],
  run: ({ cursor }, [text]) => {
    const fileoff = fileBlock(text!);
    const { type, data } = cursor.top;
    visitInode(cursor);
    if (!type) throw new DbError('no current inode');
    // As xfs_db has it, in the bytes of whatever is the current object.
    if (!data[DINODE.offset.forkoff]) throw new DbError('no attribute data for file');
    const block = { type: typeNamed('attr3'), fork: 'attr', fileoff } as const;
    goFileBlock(cursor, { ...block, unmapped: 'file attr block is unmapped' });
    return undefined;
  },
};

/** Forks to list when none is named: those that have extents. */
function mappedForks(inode: Uint8Array | undefined): Fork[] {
  if (!inode) return [];
  const view = viewOf(inode);
  return [
    ...(dataExtents(view, 0) > 0 ? (['data'] as const) : []),
    ...(attrExtents(view, 0) > 0 ? (['attr'] as const) : []),
  ];
}

const LAST_BLOCK = 2 ** 64;

/** First block and number of blocks; all without arguments, and one block without a length. */
function bmapRange([first, length]: readonly string[]): { from: number; end: number } {
  if (first === undefined) return { from: 0, end: LAST_BLOCK };
  const from = parseNumber(first);
  if (from === undefined) throw new DbError(`bad block number for bmap ${first}`);
  const blocks = length === undefined ? 1n : parseNumber(length);
  if (blocks === undefined) throw new DbError(`bad len for bmap ${length}`);
  return { from: Number(from), end: Number(BigInt.asUintN(64, from + blocks - 1n)) + 1 };
}

const bmap: CommandRow = {
  name: 'bmap',
  args: '[-ad] [block [len]]',
  least: 0,
  most: 3,
  summary: 'show block map for current file',
  help: ['-a  of the attribute fork', '-d  of the data fork'],
  run: ({ cursor }, args) => {
    if (cursor.top.ino === NO_INO) throw new DbError('no current inode');
    const { options, rest } = parseOptions(args, 'ad', () => new DbError('bad option for bmap command'));
    const given = (letter: string) => options.some(([option]) => option === letter);
    const named: Fork[] = [
      ...(given('d') ? (['data'] as const) : []),
      ...(given('a') ? (['attr'] as const) : []),
    ];
    const forks = named.length > 0 ? named : mappedForks(visitInode(cursor));
    const { from, end } = bmapRange(rest);
    const json = [];
    let text = '';
    for (const fork of forks) {
      const { geometry } = cursor.filesystem;
      const range = { from, count: end - from, most: Number.POSITIVE_INFINITY };
      const before = cursor.notes.length;
      const { extents } = mapCurrent(cursor, fork, range);
      // Each extent is looked up by itself, and so visits the inode and tells of a bad CRC once more.
      const said = cursor.notes
        .splice(before)
        .map((note) => `${note}\n`)
        .join('');
      text += said;
      for (const { fileoff, fsbno, blocks, unwritten } of extents) {
        const agno = geometry.fsbnoAgno(fsbno);
        const agbno = geometry.fsbnoAgbno(fsbno);
        text += `${fork} offset ${fileoff} startblock ${fsbno} (${agno}/${agbno}) count ${blocks} flag ${unwritten ? 1 : 0}\n${said}`;
        json.push({ fork, fileoff, fsbno, agno, agbno, blocks, unwritten });
      }
      if (extents.length > 0) visitInode(cursor, undefined, extents.length);
      cursor.notes.length = before;
    }
    return { text, json };
  },
};

export const MOVE_COMMANDS: readonly CommandRow[] = [addr, inode, daddr, fsblock, dblock, ablock, bmap];
