/** Staged edits: begin, status, commit, rollback, undo journals, and what a kill in the middle of a commit leaves. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../../../src/db/commands/table.ts';
import { openFilesystem } from '../../../src/db/filesystem.ts';
import { getField } from '../../../src/db/select.ts';
import { Session } from '../../../src/db/session.ts';
import { Stage, type StageOptions } from '../../../src/db/stage.ts';
import type { Device } from '../../../src/device/device.ts';
import { type Fault, FaultyDevice } from '../../../src/device/faulty.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { applyUndo } from '../../../src/device/undo.ts';
import { temporaryDirectory } from '../../support/oracle.ts';
import { smallImage } from '../../support/smallimage.ts';

const { device: pristine, geometry } = smallImage();
const copy = () => new MemoryDevice(pristine.bytes.slice(), 'copy');
const isPristine = (device: MemoryDevice) => Buffer.compare(device.bytes, pristine.bytes) === 0;

function open(device: Device, options: StageOptions = {}) {
  const session = new Session(openFilesystem(new Stage(device, options)), COMMANDS, { expert: true });
  const ask = (...lines: string[]) => lines.map((line) => session.run(line).text).join('');
  return { session, ask };
}

const EDITS = ['sb 0', 'write fname "one"', 'agf 1', 'write -d freeblks 5', 'agi 2', 'fuzz -d count add'];

test('between begin and commit the session sees the change, and the image does not', () => {
  const device = copy();
  const { ask } = open(device);
  ask('begin', ...EDITS);
  expect(ask('agf 1', 'p freeblks')).toBe('freeblks = 5\n');
  expect(isPristine(device)).toBe(true);
  const status = ask('status').split('\n');
  expect(status[0]).toBe('begun, 3 objects changed');
  expect(status.slice(1, 4).map((line) => line.split(',')[0])).toEqual([
    '  sb: AG 0 block 0',
    '  agf: AG 1 block 0',
    '  agi: AG 2 block 0',
  ]);
  expect(ask('commit')).toMatch(/^committed 1536 bytes in 3 places\n$/);
  expect(isPristine(device)).toBe(false);
  expect(open(device).ask('agf 1', 'p freeblks')).toBe('freeblks = 5\n');
});

test('rollback leaves nothing, not even under the cursor', () => {
  const device = copy();
  const { ask } = open(device);
  const before = ask('agf 1', 'p');
  ask('begin', 'write -d freeblks 5', 'rollback');
  expect(ask('p')).toBe(before);
  expect(ask('status')).toBe('not begun, 0 objects changed\n');
  expect(ask('commit', 'rollback', 'begin', 'begin')).toBe('nothing begun\nnothing begun\nalready begun\n');
  expect(isPristine(device)).toBe(true);
});

test('a session that ends before commit has written nothing', () => {
  const device = copy();
  open(device).ask('begin', ...EDITS);
  expect(isPristine(device)).toBe(true);
});

test('every commit has its own journal; undone in turn, the image is as it was', () => {
  const device = copy();
  const undoPath = join(temporaryDirectory(), 'edits.undo');
  const { ask } = open(device, { undoPath });
  ask('begin', ...EDITS, 'commit');
  const between = device.bytes.slice();
  ask('sb 0', 'write fname "two"');
  expect(existsSync(`${undoPath}.2`)).toBe(true);
  applyUndo(`${undoPath}.2`, device);
  expect(Buffer.compare(device.bytes, between)).toBe(0);
  applyUndo(undoPath, device);
  expect(isPristine(device)).toBe(true);
});

test('a journal that is there already stops the commit before the first write', () => {
  const device = copy();
  const undoPath = join(temporaryDirectory(), 'there.undo');
  open(copy(), { undoPath }).ask('sb 0', 'write fname "one"');
  const { session, ask } = open(device, { undoPath });
  ask('sb 0');
  expect(session.run('write fname "two"').error).toMatch(/already exists/);
  expect(session.failed).toBe(true);
  expect(isPristine(device)).toBe(true);
});

test('killed at any write of a commit, the journal takes the image back, and the superblock comes last', () => {
  const counting = new FaultyDevice(copy(), []);
  open(counting).ask('begin', ...EDITS, 'label abc', 'commit');
  expect(counting.writes).toBeGreaterThan(3);
  for (let nth = 0; nth < counting.writes; nth++) {
    for (const kind of ['cut', 'torn'] as const) {
      const device = copy();
      const faults: Fault[] = [
        ...(kind === 'torn' ? [{ on: 'write', nth, kind, sectors: 0 } as const] : []),
        { on: 'write', nth: kind === 'torn' ? nth + 1 : nth, kind: 'cut' },
      ];
      const undoPath = join(temporaryDirectory(), `${kind}-${nth}.undo`);
      const { session } = open(new FaultyDevice(device, faults), { undoPath });
      for (const line of ['begin', ...EDITS, 'label abc', 'commit']) session.run(line);
      const isLast = nth === counting.writes - 1;
      if (!(isLast && kind === 'torn')) expect(session.failed).toBe(true);
      expect(Buffer.from(device.bytes.subarray(108, 111)).toString('latin1')).not.toBe('abc');
      applyUndo(undoPath, device);
      expect(isPristine(device)).toBe(true);
    }
  }
});

test('a command that fails halfway leaves nothing of it staged', () => {
  const device = copy();
  const { session, ask } = open(device);
  ask('begin', 'sb 0', 'write fname "one"');
  const bad = new FaultyDevice(copy(), [{ on: 'read', nth: 400, kind: 'fail' }]);
  expect(bad.reads).toBe(0);
  expect(ask('write fname')).toBe('usage: write fieldname value\n');
  expect(ask('status').split('\n')[0]).toBe('begun, 1 objects changed');
  expect(session.cursor.filesystem.stage!.isOpen).toBe(true);
});

test('one field by one line, exact to 64 bits', () => {
  const { session } = open(copy());
  const root = `inode ${geometry.rootino}`;
  session.run(root);
  session.run('write v3.change_count 18446744073709551615');
  expect(getField(session, `${root} v3.change_count`)).toEqual({
    text: '18446744073709551615\n',
    json: '18446744073709551615',
  });
  expect(getField(session, 'agf 1 seqno')).toEqual({ text: '1\n', json: 1 });
  expect(getField(session, 'sb 0; agf 1; addr bnoroot; level')).toEqual({ text: '0\n', json: 0 });
  expect(getField(session, 'agf 1').text).toMatch(/^magicnum = /);
  expect(() => getField(session, '')).toThrow('an empty selector');
  expect(() => getField(session, 'label x y')).toThrow();
  expect(() => getField(session, 'quit fname')).toThrow('quit goes nowhere');
});
