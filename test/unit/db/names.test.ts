/** Replaced names: same length, same hash, no two alike, nothing that cannot be in a name. */
import { expect, test } from '@jest/globals';
import { FingerprintSet } from '../../../src/db/dump/fingerprints.ts';
import { NameObfuscator } from '../../../src/db/dump/names.ts';
import { hashName, hashNameIgnoringCase } from '../../../src/format/dahash.ts';
import type { Geometry } from '../../../src/format/geometry.ts';
import { Random } from '../../support/random.ts';

const ROOT = 128;
function obfuscator(features: { asciiCi?: boolean; parent?: boolean } = {}): NameObfuscator {
  const all = { asciiCi: false, parent: false, ...features };
  return new NameObfuscator({ rootino: ROOT, features: all } as unknown as Geometry);
}
const bytes = (text: string) => Buffer.from(text, 'latin1');

test.each([false, true])('20,000 names of one directory, ignoring case: %s', (asciiCi) => {
  const names = obfuscator({ asciiCi });
  const random = new Random(7);
  const hash = asciiCi ? hashNameIgnoringCase : hashName;
  const seen = new Set<string>();
  const wrong: string[] = [];
  for (let i = 0; i < 20_000; i++) {
    const before = bytes(`${i.toString(36).padStart(5 + random.below(20), 'aB')}`);
    const after = Buffer.from(before);
    const changed = names.changeEntry(after, ROOT, 1000 + i) && !after.equals(before);
    const isName = !after.includes(0) && !after.includes(0x2f);
    if (!changed || !isName || hash(after) !== hash(before)) wrong.push(before.toString());
    seen.add(after.toString('latin1'));
  }
  expect(wrong).toEqual([]);
  expect(seen.size).toBe(20_000);
});

test('five bytes have few endings: when they are used up the name stays, and is told of', () => {
  const names = obfuscator();
  const results = Array.from({ length: 300 }, (_, i) => {
    const name = bytes('abcde');
    return { changed: names.changeEntry(name, ROOT, 1000 + i), text: name.toString('latin1') };
  });
  const changed = results.filter((result) => result.changed);
  expect(new Set(changed.map(({ text }) => text)).size).toBe(changed.length);
  expect(changed.length).toBeGreaterThan(100);
  expect(results.at(-1)).toEqual({ changed: false, text: 'abcde' });
  names.forget();
  expect(names.changeEntry(bytes('abcde'), ROOT, 1)).toBe(true);
});

test('short names, lost+found and what repair put there stay', () => {
  const names = obfuscator();
  const kept = (name: string, directory: number, ino: number) => {
    const changed = bytes(name);
    names.changeEntry(changed, directory, ino);
    return changed.toString('latin1') === name;
  };
  expect(kept('abcd', ROOT, 5)).toBe(true);
  expect(kept('lost+found', ROOT, 777)).toBe(true);
  expect(kept('12345', 777, 12345)).toBe(true);
  expect(kept('12346', 777, 12345)).toBe(false);
  expect(kept('12345', 778, 12345)).toBe(false);
  expect(kept('lost+found', 779, 780)).toBe(false);
});

test('parts of a path change, its slashes and dots do not', () => {
  const path = bytes('/some/where/../longer-name//x');
  obfuscator().changePath(path);
  const text = path.toString('latin1');
  expect(text).toMatch(/^\/some\/[^/]{5}\/\.\.\/[^/]{11}\/\/x$/s);
  expect(text).not.toContain('where');
});

test('a parent pointer gets the name of its entry, whichever comes first', () => {
  const names = obfuscator({ parent: true });
  for (const pointerFirst of [false, true]) {
    const [entry, pointer, other] = [bytes('some name'), bytes('some name'), bytes('some name')];
    const change = [
      () => names.changeEntry(entry, 200, 300),
      () => names.changeParentPointer(pointer, 200, 300),
    ];
    for (const step of pointerFirst ? change.reverse() : change) step();
    expect(entry.equals(pointer)).toBe(true);
    expect(entry.toString('latin1')).not.toBe('some name');
    names.changeEntry(other, 201, 301);
    expect(other.equals(entry)).toBe(false);
  }
});

test('the set of fingerprints holds what was added, and nothing else', () => {
  const set = new FingerprintSet();
  const random = new Random(3);
  const added = Array.from({ length: 5000 }, () => random.next() * 2 ** 21 + random.below(2 ** 21) + 1);
  for (const value of added) set.add(value);
  expect(set.size).toBe(new Set(added).size);
  expect(added.every((value) => set.has(value))).toBe(true);
  expect(added.filter((value) => set.has(value + 1)).length).toBeLessThan(3);
  set.clear();
  expect(set.size).toBe(0);
  expect(added.some((value) => set.has(value))).toBe(false);
});
