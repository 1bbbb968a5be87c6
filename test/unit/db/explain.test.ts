/** `explain` and `verify`: every field of every kind of object, what is accepted, and damage that is planted. */
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../../../src/db/commands/table.ts';
import { openFilesystem } from '../../../src/db/filesystem.ts';
import { Session } from '../../../src/db/session.ts';
import { Stage } from '../../../src/db/stage.ts';
import type { Json } from '../../../src/db/value.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { smallImage } from '../../support/smallimage.ts';

const { device, files, geometry } = smallImage();
const { ino } = files.find(({ name }) => name === 'shared')!;

function session(): Session {
  // What is written stays in the stage: the image is the same for all.
  const stage = new Stage(new MemoryDevice(device.bytes, 'small image'));
  stage.isOpen = true;
  return new Session(openFilesystem(stage), COMMANDS, { expert: true });
}

/** Ways to every kind of object that the image has. */
const WAYS: readonly string[][] = [
  ['sb 0'],
  ['sb 1'],
  ['agf 1'],
  ['agi 1'],
  ['agfl 2'],
  ['agf 2', 'addr bnoroot'],
  ['agf 2', 'addr cntroot'],
  ['agf 2', 'addr rmaproot'],
  ['agf 2', 'addr refcntroot'],
  ['agi 0', 'addr root'],
  ['agi 0', 'addr free_root'],
  [`inode ${geometry.rootino}`],
  [`inode ${ino}`],
];

function at(way: readonly string[], s = session()): Session {
  for (const line of way) expect(s.run(line).error).toBeUndefined();
  return s;
}

type Facts = Record<string, Json>;
const facts = (s: Session, line: string) => s.run(line).json as Facts;

/** Paths of all leaves in what `print` gives as JSON. */
function* leaves(json: Json, path: string): Generator<string> {
  if (Array.isArray(json)) return;
  if (json === null || typeof json !== 'object' || 'state' in json) yield path;
  else
    for (const [name, inner] of Object.entries(json))
      yield* leaves(inner, path === '' ? name : `${path}.${name}`);
}

function fieldsAt(way: readonly string[]): string[] {
  const { fields } = facts(at(way), 'print') as { fields: Json };
  return [...leaves(fields, '')];
}

test.each(WAYS)('%s %s: sound, and each field tells what it is', (...way) => {
  const s = at(way);
  expect(facts(s, 'verify')).toMatchObject({ verdict: 'good', crc: 'correct', problems: [] });
  expect(s.run('verify').text).toMatch(/: CRC correct, nothing wrong\n$/);
  const object = facts(s, 'explain');
  expect(object).toMatchObject({ type: s.cursor.top.type!.name, verdict: 'good' });
  expect((object.fields as Json[]).length).toBeGreaterThan(0);
  for (const path of fieldsAt(way)) {
    const field = facts(s, `explain ${path}`);
    expect(field).toMatchObject({ field: path, verdict: 'good', problems: [] });
    expect(String(field.doc).length).toBeGreaterThan(0);
    expect(s.run(`explain ${path}`).text).toMatch(new RegExp(`^${path.replaceAll('.', '\\.')}: .*\\n  in `));
  }
});

test('the bytes that a field is said to be in are those that a write of it changes', () => {
  for (const way of WAYS) {
    for (const path of fieldsAt(way)) {
      const s = at(way);
      const { byte, bits, kind, value } = facts(s, `explain ${path}`) as Record<string, number>;
      if (/crc$/.test(path) || kind === ('uuid' as never) || typeof value !== 'number' || value > 2 ** 31)
        continue;
      const before = s.cursor.top.data.slice();
      if (s.run(`write -d ${path} ${value ^ 1}`).error !== undefined) continue;
      const after = s.cursor.top.data;
      const changed = [...before.keys()].filter((i) => before[i] !== after[i]);
      const inside = changed.filter((i) => i >= byte! && i < byte! + Math.ceil(bits! / 8) + 1);
      // The CRC changes with it.
      expect({ path, near: changed.length - inside.length <= 4 && inside.length > 0 }).toEqual({
        path,
        near: true,
      });
    }
  }
});

test('what a verifier accepts: its ends pass, what is beyond them does not', () => {
  let ranges = 0;
  for (const way of WAYS) {
    for (const path of fieldsAt(way)) {
      const { accepted } = facts(at(way), `explain ${path}`) as { accepted?: Record<string, never> };
      if (!accepted || accepted.any || !/^\d+$/.test(String(accepted.high))) continue;
      const verdictOf = (value: bigint): Json => {
        const s = at(way);
        if (s.run(`write -d ${path} ${value}`).error !== undefined) return 'not written';
        return facts(s, `explain ${path}`).verdict!;
      };
      const [low, high] = [BigInt(accepted.low!), BigInt(accepted.high!)];
      const said = { path, low: verdictOf(low), high: verdictOf(high) };
      // What makes the object another one is told of another field.
      expect(said).toEqual({ path, low: 'good', high: 'good' });
      ranges++;
    }
  }
  expect(ranges).toBeGreaterThan(100);
});

test.each([
  ['agf 1', 'freeblks', '0xffff', 'freeblks'],
  ['agf 1', 'seqno', '9', 'seqno'],
  ['agi 1', 'length', '7', 'length'],
  ['sb 0', 'agblklog', '3', 'agblklog'],
  [`inode ${ino}`, 'core.forkoff', '200', 'core.forkoff'],
  [`inode ${ino}`, 'v3.inumber', '5', 'v3.inumber'],
])('%s: %s of %s is found and explained', (way, field, value, named) => {
  const s = at([way]);
  s.run(`write -d ${field} ${value}`);
  const verdict = facts(s, 'verify') as { verdict: string; problems: { field: string }[] };
  expect(verdict.verdict).toBe('bad');
  expect(verdict.problems.map((problem) => problem.field)).toContain(named);
  const told = s.run(`explain ${field}`);
  expect(told.text).toContain('WRONG: ');
  expect((told.json as Facts).verdict).toBe('bad');
});

test('a bad CRC, and types that nobody judges', () => {
  const s = at(['agf 1']);
  s.run('write -c btreeblks 3');
  expect(facts(s, 'verify')).toMatchObject({
    verdict: 'bad',
    crc: 'bad',
    problems: [{ field: 'crc' }],
  });
  expect(s.run('explain crc').text).toContain('WRONG: crc ');
  expect(facts(at(['fsblock 1']), 'verify')).toMatchObject({
    verdict: 'unknown',
    unjudged: 'no verifier knows type data',
  });
  expect(session().run('verify').error).toBe('no current type');
  expect(session().run('explain').error).toBe('no current type');
  expect(at(['agf 0']).run('explain nosuch').error).toBe('field nosuch not found');
});

test('what a field points to, and the feature that it is there for', () => {
  expect(facts(at(['agf 0']), 'explain rmaproot')).toMatchObject({
    pointsTo: 'rmapbt',
    unit: 'agbno',
    needs: 'RMAPBT',
  });
  expect(facts(at(['agf 0']), 'explain refcntlevel')).toMatchObject({ needs: 'REFLINK' });
  expect(facts(at(['agi 0']), 'explain free_level')).toMatchObject({ needs: 'FINOBT' });
  expect(facts(at(['agf 0']), 'explain bnolevel')).not.toHaveProperty('needs');
  expect(facts(at(['agf 0', 'addr rmaproot']), 'explain')).toMatchObject({ needs: 'RMAPBT' });
});
