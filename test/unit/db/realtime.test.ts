/** Places on the log and in the realtime section, and the units there. */
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../../../src/db/commands/table.ts';
import { openFilesystem } from '../../../src/db/filesystem.ts';
import { convertRealtime } from '../../../src/db/rtconvert.ts';
import { Session } from '../../../src/db/session.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { SUPERBLOCK } from '../../../src/format/superblock.ts';
import { smallImage } from '../../support/smallimage.ts';

const SIZES = { blocksize: 4096, rextsize: 2, rbmblocks: 40 };
const convert = (line: string) => Number(convertRealtime(line.split(' '), SIZES));
const { device, files, geometry } = smallImage();

test('units of the realtime section', () => {
  expect(convert('rtx 5 byte')).toBe(5 * 8192);
  expect(convert('byte 40960 rtx')).toBe(5);
  expect(convert('rtblock 11 rtextent')).toBe(5);
  expect(convert('rtb 3 blkoff 100 byte')).toBe(3 * 4096 + 100);
  expect(convert('daddr 17 bboff 3 byte')).toBe(17 * 512 + 3);
  expect(convert('rtx 40000 rbmblock')).toBe(1);
  expect(convert('rtx 40000 rbmword')).toBe((40000 - 32768) / 32);
  expect(convert('rbmblock 1 rbmword 226 rtx')).toBe(40000);
  // Word number 21 * 40 + 30 of a file of 1024 words a block.
  expect(convert('rbmblock 30 rsumlog 21 rsumblock')).toBe(0);
  expect(convert('rbmblock 30 rsumlog 21 rsuminfo')).toBe(870);
  expect(convert('rbmblock 30 rsumlog 30 rsumblock')).toBe(1);
  expect(convert('rsumlog 1 rsuminfo 30 rsumblock 0 rbmblock')).toBe(30);
});

test.each([
  ['rtx 5 rtx', 'result type same as argument'],
  ['rtx 5 daddr 3 byte', 'conflicting conversion type daddr'],
  ['rtx five byte', 'five is not a number'],
  ['agno 1 byte', 'unknown conversion type agno'],
  ['rtx 1 rsumblock', 'need to set rsumlog'],
  ['rtx 1 rsumlog', 'cannot convert to rsumlog'],
  ['rtx 1', 'bad argument count 2 to rtconvert, expected 3,5,7,9 arguments'],
])('%s: %s', (line, message) => {
  expect(() => convert(line)).toThrow(message);
});

test('blocks of an internal log', () => {
  const session = new Session(openFilesystem(device), COMMANDS);
  expect(session.run('logblock').text).toBe('current address does not point to log\n');
  session.run('logblock 2');
  const log = geometry.fsbnoDaddr(geometry.logstart);
  expect(session.cursor.top).toMatchObject({ daddr: log + 2 * (geometry.blocksize / 512) });
  expect(session.run('logblock').text).toBe('current logblock is 2\n');
  session.run('sb 0');
  expect(session.run('lsb').text).toBe('current address not within internal log\n');
  expect(session.run(`logblock ${geometry.logblocks}`).text).toBe(`bad logblock ${geometry.logblocks}\n`);
  expect(session.run('daddr -l 0').text).toBe('filesystem has internal log\n');
});

/** The image told that its log, or its realtime section, is elsewhere. */
function sided(change: (sb: ReturnType<typeof SUPERBLOCK.over>) => void) {
  const bytes = device.bytes.slice();
  change(SUPERBLOCK.over(bytes));
  const filesystem = openFilesystem(new MemoryDevice(bytes, 'image'));
  const side = new MemoryDevice(
    Uint8Array.from({ length: 1 << 20 }, (_, i) => i >> 12),
    'side',
  );
  return { filesystem, side, session: new Session(filesystem, COMMANDS) };
}

test('an external log, named and not', () => {
  const { filesystem, side, session } = sided((sb) => {
    sb.logstart = 0;
    sb.logblocks = 256;
  });
  expect(session.run('logblock 3')).toMatchObject({ text: '', stderr: 'no external log specified\n' });
  filesystem.log = side;
  session.run('logblock 3');
  expect(session.cursor.top.data[0]).toBe(3);
  expect(session.run('stack').text).toContain('(logbno 3)');
  expect(session.run('logblock').text).toBe('current logblock is 3\n');
  session.run('daddr -l 40');
  expect(session.cursor.top).toMatchObject({ daddr: 40, device: 'log' });
  expect(session.cursor.top.data[0]).toBe(5);
  session.run('type text');
  expect(session.cursor.top).toMatchObject({ daddr: 40, device: 'log' });
});

test('realtime blocks and extents', () => {
  const { filesystem, side, session } = sided((sb) => {
    sb.rblocks = 256;
    sb.rextents = 64;
    sb.rextsize = 4;
    sb.rbmblocks = 1;
    sb.rextslog = 6;
  });
  expect(session.run('rtblock 1').text).toBe('realtime device not loaded, use -R.\n');
  filesystem.realtime = side;
  session.run('rtextent 3');
  expect(session.cursor.top.data[0]).toBe(12);
  expect(session.cursor.top.data).toHaveLength(4 * 4096);
  expect(session.run('rtextent').text).toBe('current rtextent is 3\n');
  expect(session.run('rtblock').text).toBe('current rtblock is 12\n');
  expect(session.run('rtblock 256').text).toBe('bad rtblock 256\n');
  session.run('sb 0');
  expect(session.run('rtblock').text).toBe('cursor does not point to rt device\n');
});

test('quota records, where there are none', () => {
  const session = new Session(openFilesystem(device), COMMANDS);
  expect(session.run('dquot 5').text).toBe('no user quota inode present\n');
  expect(session.run('dquot -g 5').text).toBe('no group quota inode present\n');
  expect(session.run('dquot -z 5').text).toBe('bad option for dquot command\n');
});

test('a quota record: the block of its id, and the slot of its id in it', () => {
  const bytes = device.bytes.slice();
  SUPERBLOCK.over(bytes).gquotino = files[0]!.ino;
  const session = new Session(openFilesystem(new MemoryDevice(bytes, 'quota')), COMMANDS);
  session.run('dquot -g 31');
  const place = {
    daddr: geometry.agbnoDaddr(0, 701),
    bbs: geometry.blocksize / 512,
    start: 136,
    length: 136,
  };
  expect(session.cursor.top).toMatchObject({ ...place, type: { name: 'dqblk' } });
  expect(session.run('p crc').text).toMatch(/^crc = 0x[0-9a-f]+ \(bad\)\n$/);
  // The file has 13 blocks of 30 records.
  expect(session.run('dquot -g 390').text).toBe('no group quota data for id 390\n');
});
