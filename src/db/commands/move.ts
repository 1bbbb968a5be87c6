/** Commands that go somewhere by address: inode, block, file block, or the field that points there. */
import { DADDR_BYTES } from '../../format/geometry.ts';
import { DINODE } from '../../format/inode.ts';
import { NO_INO } from '../cursor.ts';
import { DbError } from '../error.ts';
import { extentsFrom, type Fork } from '../extents.ts';
import { findField } from '../field.ts';
import { currentInode, dataType, follow, goFileBlock } from '../follow.ts';
import { parseNumber, parsePath } from '../path.ts';
import { type CommandRow, objectOf } from '../session.ts';
import { typeNamed } from '../types.ts';
import { placeJson, placeText } from './place.ts';

const addr: CommandRow = {
  name: 'addr',
  alias: 'a',
  args: '[field]',
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
    const { shape, scope } = objectOf(cursor);
    follow(cursor, findField(shape, scope, parsePath(text)));
    return undefined;
  },
};

const inode: CommandRow = {
  name: 'inode',
  args: '[ino]',
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
  args: '[fsbno]',
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
  args: 'fileoff',
  least: 1,
  most: 1,
  pushable: true,
  summary: 'go to a block of the current inode, data fork',
  run: ({ cursor }, [text]) => {
    const fileoff = fileBlock(text!);
    currentInode(cursor);
    const type = dataType(cursor);
    if (!type) throw new DbError('no type for file data');
    goFileBlock(cursor, type, 'data', fileoff, 'file data block is unmapped');
    return undefined;
  },
};

const ablock: CommandRow = {
  name: 'ablock',
  args: 'fileoff',
  least: 1,
  most: 1,
  pushable: true,
  summary: 'go to a block of the current inode, attribute fork',
  run: ({ cursor }, [text]) => {
    const fileoff = fileBlock(text!);
    const bytes = currentInode(cursor);
    const hasFork = bytes[DINODE.offset.forkoff] !== 0;
    if (!hasFork) throw new DbError('no attribute data for file');
    goFileBlock(cursor, typeNamed('attr3'), 'attr', fileoff, 'file attr block is unmapped');
    return undefined;
  },
};

const bmap: CommandRow = {
  name: 'bmap',
  args: '[-a|-d]',
  least: 0,
  most: 1,
  summary: 'list the extents of the current inode',
  run: ({ cursor }, [flag]) => {
    if (flag !== undefined && flag !== '-a' && flag !== '-d')
      throw new DbError('bad option for bmap command');
    const { filesystem } = cursor;
    const bytes = currentInode(cursor);
    const forks: Fork[] = flag === '-a' ? ['attr'] : flag === '-d' ? ['data'] : ['data', 'attr'];
    const json = [];
    let text = '';
    for (const fork of forks) {
      for (const { fileoff, fsbno, blocks, unwritten } of extentsFrom(filesystem, bytes, fork, 0)) {
        const agno = filesystem.geometry.fsbnoAgno(fsbno);
        const agbno = filesystem.geometry.fsbnoAgbno(fsbno);
        text += `${fork} offset ${fileoff} startblock ${fsbno} (${agno}/${agbno}) count ${blocks} flag ${unwritten ? 1 : 0}\n`;
        json.push({ fork, fileoff, fsbno, agno, agbno, blocks, unwritten });
      }
    }
    return { text, json };
  },
};

export const MOVE_COMMANDS: readonly CommandRow[] = [addr, inode, daddr, fsblock, dblock, ablock, bmap];
