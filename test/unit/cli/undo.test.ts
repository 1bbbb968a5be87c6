/** Undo from the outside: a repair is taken back to the byte, and never over somebody else's changes. */
import { createHash } from 'node:crypto';
import { closeSync, copyFileSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { temporaryDirectory, xfskit } from '../../support/oracle.ts';

const at = (name: string): string => join(temporaryDirectory(), name);

function hashOf(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

beforeAll(() => {
  expect(xfskit(['mkfs', '-q', '--unsupported', '-d', 'size=64m', at('leaky.img')]).status).toBe(0);
  expect(xfskit(['inject', 'leaked-cow', '--seed', '5', at('leaky.img')]).status).toBe(0);
});

test('repair, then undo: every byte is as before, and the damage is found again', () => {
  const [image, journal] = [at('undone.img'), at('undone.journal')];
  copyFileSync(at('leaky.img'), image);
  const before = hashOf(image);
  expect(xfskit(['repair', '--undo', journal, image]).status).toBe(1);
  expect(xfskit(['check', image]).status).toBe(0);
  const undone = xfskit(['undo', journal, image]);
  expect({ status: undone.status, stderr: undone.stderr }).toEqual({ status: 0, stderr: '' });
  expect(undone.stdout).toMatch(/: [1-9]\d* bytes in \d+ places are as they were before\n$/);
  expect(hashOf(image)).toBe(before);
  expect(xfskit(['check', image]).status).toBe(4);
});

test('a journal is no longer good once the image has changed, nor for another image', () => {
  const [image, journal] = [at('changed.img'), at('changed.journal')];
  copyFileSync(at('leaky.img'), image);
  expect(xfskit(['repair', '--undo', journal, image]).status).toBe(1);
  const fd = openSync(image, 'r+');
  writeSync(fd, 'label', 108); // sb_fname, in a sector that the repair wrote (its counters changed)
  closeSync(fd);
  const changed = hashOf(image);
  const refused = xfskit(['undo', journal, image]);
  expect(refused.status).toBe(8);
  expect(refused.stderr).toMatch(/^xfskit undo: [^\n]* has changed since [^\n]* was written[^\n]*\n$/);
  expect(hashOf(image)).toBe(changed);
  expect(xfskit(['mkfs', '-q', '--unsupported', '-d', 'size=72m', at('other.img')]).status).toBe(0);
  expect(xfskit(['undo', journal, at('other.img')]).status).toBe(8);
});

test('what is no journal is refused in a line', () => {
  const before = hashOf(at('leaky.img'));
  for (const [journal, why] of [
    [temporaryDirectory(), 'is a directory'],
    [at('never.journal'), 'no such file'],
    [at('leaky.img'), 'not usable'],
    ['/dev/null', 'not usable'],
  ] as const) {
    const refused = xfskit(['undo', journal, at('leaky.img')]);
    expect([refused.status, refused.stdout]).toEqual([8, '']);
    expect(refused.stderr).toMatch(/^xfskit undo: undo journal [^\n]*\n$/);
    expect(refused.stderr).toContain(why);
  }
  expect(hashOf(at('leaky.img'))).toBe(before);
});

test('without --undo the journal is gone after success, and one that is in the way stops a repair', () => {
  const image = at('plain.img');
  copyFileSync(at('leaky.img'), image);
  const before = hashOf(image);
  expect(xfskit(['repair', '--undo', at('leaky.img'), image]).status).toBe(8);
  expect(hashOf(image)).toBe(before);
  expect(xfskit(['repair', image]).status).toBe(1);
  expect(existsSync(`${image}.xfskit-undo`)).toBe(false);
});
