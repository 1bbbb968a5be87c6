/** Sessions over a small image in memory: moving, following, converting, failing, completing, damaged images. */
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../../../src/db/commands/table.ts';
import { complete } from '../../../src/db/completion.ts';
import { openFilesystem } from '../../../src/db/filesystem.ts';
import { resultJson, Session } from '../../../src/db/session.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { smallImage } from '../../support/smallimage.ts';

const { device, files, geometry } = smallImage();
const session = () => new Session(openFilesystem(device), COMMANDS);
const text = (s: Session, ...lines: string[]) => lines.map((line) => s.run(line).text).join('');
/** A copy of the image with bytes changed. */
function damaged(change: (bytes: Uint8Array) => void): Session {
  const bytes = device.bytes.slice();
  change(bytes);
  return new Session(openFilesystem(new MemoryDevice(bytes, 'damaged')), COMMANDS);
}

test('names of commands and aliases are all different', () => {
  const names = COMMANDS.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias]));
  expect(new Set(names).size).toBe(names.length);
  for (const name of 'sb agf agi agfl inode fsblock fsb daddr addr a type print p stack push pop convert help quit q'.split(
    ' ',
  )) {
    expect(names).toContain(name);
  }
});

test('from the superblock to the root inode, and back', () => {
  const s = session();
  expect(text(s, 'sb 0', 'p magicnum blocksize')).toBe(
    `magicnum = 0x58465342\nblocksize = ${geometry.blocksize}\n`,
  );
  text(s, 'push', 'addr rootino');
  expect(text(s, 'p v3.inumber core.mode')).toBe(`v3.inumber = ${geometry.rootino}\ncore.mode = 040755\n`);
  expect(s.cursor.places).toHaveLength(2);
  text(s, 'pop');
  expect(s.cursor.top.type?.name).toBe('sb');
  expect(s.failed).toBe(false);
});

test('every AG btree root is reached from its header, with a good CRC', () => {
  for (const [header, root, type] of [
    ['agf', 'bnoroot', 'bnobt'],
    ['agf', 'cntroot', 'cntbt'],
    ['agf', 'rmaproot', 'rmapbt'],
    ['agf', 'refcntroot', 'refcntbt'],
    ['agi', 'root', 'inobt'],
    ['agi', 'free_root', 'finobt'],
  ]) {
    const s = session();
    text(s, `${header} 1`, `addr ${root}`);
    expect(s.cursor.top.type?.name).toBe(type);
    expect(text(s, 'p crc owner')).toMatch(/^crc = 0x[0-9a-f]+ \(correct\)\nowner = 1\n$/);
  }
});

test('the blocks of a file are those of its extents', () => {
  const s = session();
  const { ino } = files.find(({ name }) => name === 'shared')!;
  text(s, `inode ${ino}`);
  const fsbno = geometry.fsbno(2, 800);
  expect(text(s, 'bmap')).toBe(`data offset 0 startblock ${fsbno} (2/800) count 16 flag 0\n`);
  expect(text(s, 'dblock 3', 'fsblock')).toBe(`current fsblock is ${fsbno + 3}\n`);
  expect(text(s, 'dblock 99')).toBe('file data block is unmapped\n');
  text(s, `inode ${ino}`, 'addr u3.bmx[0].startblock');
  expect(s.cursor.top.daddr).toBe(geometry.fsbnoDaddr(fsbno));
});

test.each([
  ['nosuch', 'command nosuch not found'],
  ['sb 1 2', 'bad argument count 2 to sb, expected between 0 and 1 arguments'],
  ['convert', 'bad argument count 0 to convert, expected between 3 and 9 arguments'],
  ['stack 1', 'bad argument count 1 to stack, expected 0 arguments'],
  ['agf 99', 'bad allocation group number 99'],
  ['inode x', 'bad value for inode number x'],
  ['inode -1', 'bad inode number -1'],
  ['print nosuch', 'field nosuch not found'],
  ['print magicnum[1]', 'field magicnum is not an array'],
  ['print magicnum.x', 'field magicnum has no subfields'],
  ['print a..b', 'bad syntax in field name a..b'],
  ['addr magicnum', 'no next type for field magicnum'],
  ['addr logstart.x', 'field logstart has no subfields'],
  ['type nosuch', 'no such type nosuch'],
  ['push stack', 'no push form allowed for stack'],
  ['fsblock 99999999999999', 'bad fsblock 99999999999999'],
  ['convert agno 1 agno', 'result type same as argument'],
  ['convert fsb 1 agno 2 byte', 'conflicting conversion type agno'],
])('%s fails with one line, and the session stays where it was', (line, message) => {
  const s = session();
  text(s, 'sb 0');
  const result = s.run(line);
  expect(result.error).toBe(message);
  expect(result.text).toBe(`${message}\n`);
  expect(s.failed).toBe(true);
  expect(s.cursor.top.type?.name).toBe('sb');
});

test('conversions there and back', () => {
  const s = session();
  const byte = geometry.agbnoByte(2, 17);
  expect(text(s, `convert byte ${byte} fsb`)).toBe(
    `0x${geometry.fsbno(2, 17).toString(16)} (${geometry.fsbno(2, 17)})\n`,
  );
  for (const unit of ['fsb', 'daddr', 'ino']) {
    const value = /\((\d+)\)/.exec(text(s, `convert byte ${byte} ${unit}`))![1];
    expect(text(s, `convert ${unit} ${value} byte`)).toBe(`0x${byte.toString(16)} (${byte})\n`);
  }
  expect(text(s, 'agf 1', 'convert agbno 5 fsb')).toContain(`(${geometry.fsbno(1, 5)})`);
});

test('a result as one line of JSON', () => {
  const s = session();
  text(s, 'agf 1');
  const line = resultJson(s.run('print seqno uuid crc'));
  expect(line).not.toContain('\n');
  const { command, result } = JSON.parse(line);
  expect(command).toBe('print seqno uuid crc');
  expect(result).toMatchObject({
    type: 'agf',
    fields: { seqno: 1, uuid: geometry.metaUuid, crc: { state: 'correct' } },
  });
  expect(JSON.parse(resultJson(s.run('nosuch'))).error).toBe('command nosuch not found');
});

test('completion knows commands, types, units and the fields at hand', () => {
  const s = session();
  expect(complete(s, 'ag')).toEqual([['agf', 'agfl', 'agi', 'agresv'], 'ag']);
  expect(complete(s, 'type ino')[0]).toEqual(['inobt', 'inodata', 'inode']);
  expect(complete(s, 'convert fsb 1 ag')[0]).toContain('agbno');
  expect(complete(s, 'print mag')[0]).toEqual([]);
  text(s, 'sb 0');
  expect(complete(s, 'print mag')[0]).toEqual(['magicnum']);
  text(s, 'addr rootino');
  expect(complete(s, 'p core.mti')[0]).toEqual(['core.mtime']);
  expect(complete(s, 'push addr u3.sf')[0]).toEqual(['u3.sfdir3']);
  expect(complete(s, 'p nosuch.x')[0]).toEqual([]);
});

test('what is damaged is shown, with its CRC called bad', () => {
  const agf = geometry.headerByte(1, 1);
  const s = damaged((bytes) => {
    bytes[agf + 52] = 0xff;
    bytes[geometry.inoByte(geometry.rootino) + 2] = 0xff;
  });
  expect(text(s, 'agf 1', 'p crc')).toMatch(/^crc = 0x[0-9a-f]+ \(bad\)\n$/);
  expect(text(s, 'agf 0', 'p crc')).toMatch(/\(correct\)\n$/);
  expect(text(s, `inode ${geometry.rootino}`)).toBe(
    `Metadata CRC error detected for ino ${geometry.rootino}\n`,
  );
  expect(text(s, 'p v3.crc')).toContain('(bad)');
  expect(s.failed).toBe(false);
});

test('without a primary superblock a copy gives the geometry, with a warning', () => {
  const s = damaged((bytes) => bytes.fill(0, 0, 512));
  const { warnings, geometry: found } = s.cursor.filesystem;
  expect(warnings).toEqual([
    expect.stringContaining(`using the copy at byte ${geometry.agblocks * geometry.blocksize}`),
  ]);
  expect(found.agblocks).toBe(geometry.agblocks);
  expect(text(s, 'sb 0', 'p magicnum')).toBe('magicnum = 0\n');
  expect(text(s, 'agf 2', 'p crc')).toContain('(correct)');
});

test('what is no XFS at all is refused in one line', () => {
  expect(() => openFilesystem(new MemoryDevice(new Uint8Array(1 << 20), 'zeros'))).toThrow(
    'zeros: primary superblock: magicnum 0x0, expected 0x58465342, and no usable copy was found',
  );
  expect(() => openFilesystem(new MemoryDevice(new Uint8Array(100), 'tiny'))).toThrow('tiny: 100 bytes');
});

test('nothing is ever written', () => {
  const before = device.bytes.slice();
  text(
    session(),
    'sb 0',
    'push',
    'addr rootino',
    'print',
    'type data',
    'print',
    'ring',
    'back',
    'agfl 1',
    'print',
  );
  expect(Buffer.compare(before, device.bytes)).toBe(0);
});
