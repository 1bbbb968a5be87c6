/** `xfskit db` as a process: -c, pipes, JSON, exit codes, and images that are none. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { looksLikeCrash } from '../../support/cli.ts';
import { temporaryDirectory, xfskit } from '../../support/oracle.ts';
import { smallImage } from '../../support/smallimage.ts';

let image: string;
beforeAll(() => {
  image = join(temporaryDirectory(), 'db.img');
  writeFileSync(image, smallImage().device.bytes);
});

test('commands by -c run in order, with -r and -x accepted', () => {
  const result = xfskit(['db', '-r', '-x', '-c', 'sb 0', '-c', 'p magicnum', image]);
  expect(result).toMatchObject({ status: 0, stdout: 'magicnum = 0x58465342\n', stderr: '' });
});

test('a failed command: one line, exit 8, and the later ones still run', () => {
  const result = xfskit(['db', '-c', 'nosuch', '-c', 'sb 0', '-c', 'p agcount', image]);
  expect(result.status).toBe(8);
  expect(result.stdout).toMatch(/^command nosuch not found\nagcount = \d+\n$/);
});

test('commands from a pipe: no prompt, and quit ends it', () => {
  const input = 'sb 0\n\n  p magicnum\nquit\np agcount\n';
  expect(xfskit(['db', image], { input })).toMatchObject({ status: 0, stdout: 'magicnum = 0x58465342\n' });
  const last = xfskit(['db', image], { input: 'agf 1\np seqno' });
  expect(last).toMatchObject({ status: 0, stdout: 'seqno = 1\n' });
  expect(xfskit(['db', image], { input: 'p\n' })).toMatchObject({ status: 8, stdout: 'no current type\n' });
});

test('--json: one document a line, a command each', () => {
  const result = xfskit(['db', '--json', '-c', 'agi 1', '-c', 'p', '-c', 'nosuch', image]);
  expect(result.status).toBe(8);
  const documents = result.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(documents).toHaveLength(3);
  expect(documents[1].result.fields.unlinked).toHaveLength(64);
  expect(documents[2]).toEqual({ command: 'nosuch', error: 'command nosuch not found' });
});

test('the filesystem may start further on', () => {
  const inner = smallImage().device.bytes;
  const disk = new Uint8Array(inner.length + 2 ** 20);
  disk.set(inner, 2 ** 20);
  const path = join(temporaryDirectory(), 'disk.img');
  writeFileSync(path, disk);
  const result = xfskit(['db', '--offset', '1m', '-c', 'agf 1', '-c', 'p seqno', path]);
  expect(result).toMatchObject({ status: 0, stdout: 'seqno = 1\n' });
});

test.each([
  ['zeros', new Uint8Array(1 << 20)],
  ['short', new Uint8Array(100)],
  ['noise', Uint8Array.from({ length: 1 << 18 }, (_, i) => (i * 7919) >>> 3)],
])('%s: one line on stderr, exit 8', (name, content) => {
  const path = join(temporaryDirectory(), name);
  writeFileSync(path, content);
  const result = xfskit(['db', '-c', 'sb 0', '-c', 'p', path]);
  expect(result).toMatchObject({ status: 8, stdout: '' });
  expect(result.stderr).toMatch(/^xfskit db: .*\n$/);
  expect(looksLikeCrash(result)).toBe(false);
});

test('no image, or a directory', () => {
  expect(xfskit(['db', join(temporaryDirectory(), 'missing')]).status).toBe(8);
  expect(xfskit(['db', temporaryDirectory()]).status).toBe(8);
  expect(xfskit(['db']).status).toBe(16);
});
