/** `diff`: one field changed is one field told, whatever the object; selectors; images that are not of one size. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../../../src/db/commands/table.ts';
import { compareFilesystems, type Difference } from '../../../src/db/diff/diff.ts';
import { pairElements } from '../../../src/db/diff/fields.ts';
import { openFilesystem } from '../../../src/db/filesystem.ts';
import { Session } from '../../../src/db/session.ts';
import { Stage } from '../../../src/db/stage.ts';
import type { Json } from '../../../src/db/value.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { temporaryDirectory, xfskit } from '../../support/oracle.ts';
import { emptyImage, smallImage } from '../../support/smallimage.ts';

const { device, files, geometry } = smallImage();
const { ino } = files.find(({ name }) => name === 'shared')!;
const original = openFilesystem(new MemoryDevice(device.bytes, 'original'));
const folder = mkdtempSync(join(temporaryDirectory(), 'diff-'));

/** A copy of the image after some lines of db. */
function after(...lines: string[]): MemoryDevice {
  const copy = new MemoryDevice(device.bytes.slice(), 'changed');
  const s = new Session(openFilesystem(new Stage(copy)), COMMANDS, { expert: true });
  for (const line of lines) expect([line, s.run(line).error]).toEqual([line, undefined]);
  return copy;
}

function differences(changed: MemoryDevice): readonly Difference[] {
  const found = compareFilesystems(original, openFilesystem(changed));
  expect(found.notes).toEqual([]);
  return found.differences;
}

/** Objects with the fields that differ, without their values. */
const names = (list: readonly Difference[]) =>
  list.map(({ object, fields }) => `${object}: ${fields.map(({ field }) => field).join(' ')}`);

function saved(image: MemoryDevice, name: string): string {
  const path = join(folder, name);
  writeFileSync(path, image.bytes);
  return path;
}

test('nothing', () => {
  expect(differences(after())).toEqual([]);
});

test.each([
  [['sb 0'], 'fdblocks', '77', 'sb 0: fdblocks crc'],
  [['sb 2'], 'rootino', '5', 'sb 2: rootino crc'],
  [['agf 1'], 'freeblks', '5', 'agf 1: freeblks crc'],
  [['agi 1'], 'unlinked[3]', '5', 'agi 1: unlinked[3] crc'],
  [['agfl 2'], 'bno[2]', '5', 'agfl 2: crc bno[2]'],
  [['agf 1', 'addr bnoroot'], 'recs[1].blockcount', '5', /^bnobt 1\/\d+: crc recs\[1\]\.blockcount$/],
  [['agf 2', 'addr rmaproot'], 'recs[3].owner', '5', /^rmapbt 2\/\d+: crc recs\[3\]\.owner$/],
  [['agf 2', 'addr refcntroot'], 'recs[1].refcount', '5', /^refcntbt 2\/\d+: crc recs\[1\]\.refcount$/],
  [['agi 0', 'addr root'], 'recs[1].freecount', '5', /^inobt 0\/\d+: crc recs\[1\]\.freecount$/],
  [[`inode ${ino}`], 'core.uid', '5', `inode ${ino}: core.uid v3.crc`],
  [[`inode ${ino}`], 'u3.bmx[0].startoff', '5', `inode ${ino}: v3.crc u3.bmx[0].startoff`],
  [
    [`inode ${geometry.rootino}`],
    'u3.sfdir3.list[1].offset',
    '5',
    `inode ${geometry.rootino}: v3.crc u3.sfdir3.list[1].offset`,
  ],
])('%s: %s', (way, field, value, expected) => {
  const found = names(differences(after(...way, `write -d ${field} ${value}`)));
  expect(found).toHaveLength(1);
  if (typeof expected === 'string') expect(found[0]).toBe(expected);
  else expect(found[0]).toMatch(expected);
});

test('values of both sides, as db prints them and in JSON', () => {
  const [found] = differences(after('agf 1', 'write -d lsn 0xfffffffffffffff1'));
  const lsn = found!.fields.find(({ field }) => field === 'lsn')!;
  expect(lsn).toEqual({
    field: 'lsn',
    from: '0',
    to: '0xfffffffffffffff1',
    fromJson: '0x0',
    toJson: '0xfffffffffffffff1',
  });
});

test('bytes that no field covers are told as bytes', () => {
  const copy = new MemoryDevice(device.bytes.slice(), 'changed');
  const agf = geometry.agbnoByte(1, 0) + geometry.sectsize;
  copy.bytes[agf + 300] = 9;
  copy.bytes[agf + 301] = 9;
  const [found, ...more] = differences(copy);
  expect(more).toEqual([]);
  expect(found!.fields).toMatchObject([
    { field: 'crc', from: expect.stringContaining('correct'), to: expect.stringContaining('bad') },
    { field: 'bytes 300-301, of no field', from: '#0000', to: '#0909' },
  ]);
});

test('file content, log and free space are summed up', () => {
  const copy = new MemoryDevice(device.bytes.slice(), 'changed');
  const touch = (fsbno: number) => {
    copy.bytes[geometry.fsbnoByte(fsbno) + 100]! ^= 1;
  };
  // Of the shared extent: `shared` maps it from block 4 on, `clone` from 0.
  for (const agbno of [801, 802, 814]) touch(geometry.fsbno(2, agbno));
  touch(geometry.logstart + 3);
  touch(geometry.fsbno(0, 3000));
  expect(differences(copy)).toMatchObject([
    {
      object: `content of inode ${ino}`,
      path: '/shared',
      blocks: 3,
      runs: [
        [1, 2],
        [14, 1],
      ],
    },
    { object: 'log', blocks: 1, runs: [[3, 1]] },
    { object: 'space that is free or of nobody', blocks: 1 },
  ]);
});

test('one record more is one difference', () => {
  expect(pairElements(['a', 'b', 'c'], ['a', 'x', 'c'])).toEqual([
    [0, 0],
    [1, 1],
    [2, 2],
  ]);
  expect(pairElements(['a', 'c'], ['a', 'b', 'c'])).toEqual([[undefined, 1]]);
  expect(pairElements(['a', 'b', 'c'], ['c'])).toEqual([
    [0, undefined],
    [1, undefined],
  ]);
  expect(pairElements([], ['a'])).toEqual([[undefined, 0]]);
  expect(pairElements(['a', 'a'], ['a'])).toEqual([[1, undefined]]);
  const copy = after('agf 2', 'addr rmaproot');
  const view = new DataView(copy.bytes.buffer);
  const root = view.getUint32(geometry.agbnoByte(2, 0) + geometry.sectsize + 24);
  const block = geometry.agbnoByte(2, root);
  const count = view.getUint16(block + 6);
  copy.bytes.copyWithin(block + 56 + 24, block + 56 + 48, block + 56 + count * 24);
  view.setUint16(block + 6, count - 1);
  const [found, ...more] = differences(copy);
  expect(more).toEqual([]);
  expect(found!.fields.filter(({ field }) => /^recs/.test(field))).toMatchObject([
    { field: 'recs[2]', from: expect.stringMatching(/^\[startblock \d+, .*\]$/), to: undefined },
  ]);
});

test('selectors, by the command line: one object, one field, one file', () => {
  const a = saved(after(), 'a.img');
  const b = saved(after('agf 1', 'write -d freeblks 5', `inode ${ino}`, 'write -d core.uid 9'), 'b.img');
  const run = (...words: string[]) => xfskit(['diff', a, b, ...words]);
  expect(run().stdout).toMatch(
    /^inode \d+ \/shared\n {2}core\.uid = 0 -> 9\n.*\nagf 1\n {2}freeblks = \d+ -> 5\n {2}crc = .*\n2 objects differ\n$/,
  );
  expect(run().status).toBe(1);
  expect(run('agf', '1').stdout).toMatch(/^agf 1\n {2}freeblks/);
  expect(run('agf 0')).toMatchObject({ status: 0, stdout: 'no difference\n' });
  expect(run('/shared').stdout).toMatch(
    /^inode \d+ \/shared\n {2}core\.uid = 0 -> 9\n {2}v3\.crc = .*\n1 object differs\n$/,
  );
  expect(run(`inode ${ino}`).status).toBe(1);
  expect(run('/clone')).toMatchObject({ status: 0, stdout: 'no difference\n' });
  expect(run(`inode ${ino} core.gid`)).toMatchObject({ status: 0, stdout: 'no difference\n' });
  expect(run(`inode ${ino} core.uid`).stdout).toBe(
    `inode ${ino} core.uid\n  core.uid = 0 -> 9\n1 object differs\n`,
  );
  expect(run('/shared core.uid').stdout).toBe('/shared core.uid\n  core.uid = 0 -> 9\n1 object differs\n');
  expect(xfskit(['db', 'get', b, 'path /shared core.uid']).stdout).toBe('9\n');
  expect(xfskit(['db', 'get', b, 'path /none core.uid']).status).toBe(8);
  expect(run('/nowhere')).toMatchObject({ status: 8, stdout: '' });
  expect(run('nosuch 1').stderr).toMatch(/^xfskit diff: .*\n$/);
  const lines = run('--json')
    .stdout.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, Json>);
  expect(lines).toMatchObject([
    {
      object: `inode ${ino}`,
      path: '/shared',
      fields: [{ field: 'core.uid', from: 0, to: 9 }, { field: 'v3.crc' }],
    },
    { object: 'agf 1', type: 'agf', agno: 1, fields: [{ field: 'freeblks', to: 5 }, { field: 'crc' }] },
    { same: false, objects: 2, notes: [] },
  ]);
});

test('exit status of db, and what is staged against what is on disk', () => {
  const a = saved(after(), 'c.img');
  const b = saved(after('agf 1', 'write -d freeblks 5'), 'd.img');
  expect(xfskit(['db', '-c', `diff ${b}`, a]).status).toBe(1);
  expect(xfskit(['db', '-c', `diff ${a}`, a]).status).toBe(0);
  expect(xfskit(['db', '-c', `diff ${b}`, '-c', 'nosuch', a]).status).toBe(8);
  expect(xfskit(['db', '-c', `diff ${join(folder, 'none')}`, a]).status).toBe(8);
  const staged = ['begin', 'agf 2', 'write -d freeblks 6', `diff ${a} agf 2`, 'rollback', `diff ${a}`];
  const { stdout } = xfskit(['db', '-x', ...staged.flatMap((line) => ['-c', line]), a]);
  expect(stdout).toMatch(/freeblks = 6 -> \d+\n/);
  expect(stdout).toMatch(/no difference\n$/);
});

test('images of other sizes, and of another make', () => {
  const small = emptyImage(48 << 20);
  const grown = emptyImage(64 << 20);
  const found = compareFilesystems(openFilesystem(small), openFilesystem(grown));
  expect(found.notes).toEqual([
    expect.stringMatching(/^agblocks \d+ and \d+, .*: addresses mean different things/),
  ]);
  expect(found.differences.map(({ object }) => object)).toEqual(['sb 0']);
  const cut = new MemoryDevice(device.bytes.slice(0, 40 << 20), 'cut off');
  const half = compareFilesystems(original, openFilesystem(cut));
  expect(half.differences).toEqual([]);
  expect(half.notes[0]).toMatch(/^\d+ and \d+ blocks: what only one of them has was not compared$/);
  const told = after('sb 0', 'write -d agcount 3000000', `write -d dblocks ${3_000_000 * geometry.agblocks}`);
  expect(() => compareFilesystems(original, openFilesystem(told))).toThrow(
    /^the superblock tells of 3000000 AGs, the device holds \d+$/,
  );
});
