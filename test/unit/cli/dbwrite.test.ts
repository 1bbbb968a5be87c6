/** db from the command line where it writes: -x and -r, get and set, undo journals, images in use. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { temporaryDirectory, xfskit } from '../../support/oracle.ts';

const at = (name: string): string => join(temporaryDirectory(), name);

beforeAll(() => {
  expect(xfskit(['mkfs', '-q', '--unsupported', '-d', 'size=64m', at('base.img')]).status).toBe(0);
});

function copy(name: string): string {
  copyFileSync(at('base.img'), at(name));
  return at(name);
}

test('without -x, or with -r, the image is not written', () => {
  const image = copy('kept.img');
  const before = readFileSync(image);
  const plain = xfskit(['db', '-c', 'sb 0', '-c', 'write fname "abc"', image]);
  expect({ status: plain.status, stdout: plain.stdout }).toEqual({
    status: 8,
    stdout: 'command write not found\n',
  });
  const readOnly = xfskit(['db', '-x', '-r', '-p', 'me', '-c', 'sb 0', '-c', 'write fname "abc"', image]);
  expect(readOnly.stdout).toBe('me started in read only mode, writing disabled\n');
  expect(xfskit(['db', '-x', '-c', 'begin', '-c', 'label abc', image]).status).toBe(0);
  expect(readFileSync(image).equals(before)).toBe(true);
  expect(xfskit(['db', '--undo', at('no.undo'), '-c', 'label', image]).status).toBe(16);
});

test('set, get, undo', () => {
  const image = copy('set.img');
  const before = readFileSync(image);
  const journal = at('set.undo');
  expect(xfskit(['db', 'set', image, 'inode 128 core.uid', '0xfffffffe', '--undo', journal]).stdout).toBe(
    'core.uid = 4294967294\n',
  );
  expect(xfskit(['db', 'get', image, 'inode 128 core.uid']).stdout).toBe('4294967294\n');
  expect(xfskit(['db', 'get', image, 'inode 128 core.uid', '--json']).stdout).toBe('4294967294\n');
  expect(xfskit(['undo', journal, image]).status).toBe(0);
  expect(readFileSync(image).equals(before)).toBe(true);
});

test('what is refused says so and ends with 8; --force writes it', () => {
  const image = copy('force.img');
  const refused = xfskit(['db', 'set', image, 'agf 0 bnolevel', '77']);
  expect(refused.status).toBe(8);
  expect(refused.stdout).toMatch(/^write error: Structure needs cleaning\nbnolevel = \d\n$/);
  expect(xfskit(['db', 'set', image, 'agf 0 bnolevel', '77', '--force']).status).toBe(0);
  expect(xfskit(['db', 'get', image, 'agf 0 bnolevel']).stdout).toBe('77\n');
  for (const selector of ['agf 0 nosuch', 'nowhere 1 a', 'inode 99999999999 core.uid']) {
    const missing = xfskit(['db', 'get', image, selector]);
    expect([selector, missing.status, missing.stderr.split('\n').length]).toEqual([selector, 8, 2]);
  }
  expect(xfskit(['db', 'set', image, 'agf 0', '1']).status).toBe(16);
});

test('commands from standard input write as well', () => {
  const image = copy('stdin.img');
  writeFileSync(at('lines'), 'begin\nlabel piped\nstatus\ncommit\n');
  const piped = xfskit(['db', '-x', image], { input: readFileSync(at('lines'), 'utf8') });
  expect(piped.status).toBe(0);
  expect(piped.stdout).toContain('begun, 4 objects changed\n');
  expect(xfskit(['db', 'get', image, 'sb 3 fname']).stdout).toBe(
    '"piped\\000\\000\\000\\000\\000\\000\\000"\n',
  );
});
