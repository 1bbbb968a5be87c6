/** `xfskit map` and db's `map` as commands: what they print, and what they refuse. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { temporaryDirectory, xfskit } from '../../support/oracle.ts';
import { smallImage } from '../../support/smallimage.ts';

let image: string;

beforeAll(() => {
  image = join(temporaryDirectory(), 'small.img');
  writeFileSync(image, smallImage().device.bytes);
});

test('draws the same picture as a command and in db, in ASCII where it is piped', () => {
  const { stdout, stderr, status } = xfskit(['map', '-w', '60', image]);
  expect([stderr, status]).toEqual(['', 0]);
  expect(stdout).toMatch(/^[ -~\n]*$/);
  expect(stdout).toMatch(/shared by 2 +8 /);
  expect(stdout.split('\n').every((line) => line.length <= 100)).toBe(true);
  expect(xfskit(['db', '-c', 'map -w 60', image]).stdout).toBe(stdout);
  expect(xfskit(['db', image], { input: 'map -w 60\n' }).stdout).toBe(stdout);
  expect(xfskit(['map', '--color', '-w', '60', image]).stdout).toContain('\u001b[');
});

test('gives JSON, of single AGs too', () => {
  const lines = (text: string) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const all = lines(xfskit(['map', '--json', image]).stdout);
  expect(all.map(({ agno }) => agno)).toEqual([undefined, 0, 1, 2]);
  const one = lines(xfskit(['map', '--json', '-a', '2', '-a', '2', image]).stdout);
  expect(one.slice(1)).toHaveLength(1);
  expect(one[1]!.use).toEqual(all[3]!.use);
  expect(lines(xfskit(['db', '-c', 'map --json -a 2', image]).stdout)).toEqual(one);
  const results = lines(xfskit(['db', '--json', '-c', 'map -a 2', image]).stdout).map(({ result }) => result);
  expect(results).toEqual(one);
});

test('refuses what makes no picture', () => {
  for (const args of [['-w', '7'], ['-w', 'wide'], ['-a', '3'], ['-a', '-1'], ['--html'], ['--what']])
    expect([args, xfskit(['map', ...args, image]).status]).toEqual([args, 16]);
  for (const args of ['-w 7', '-a 3', '--html', '-x', 'more'])
    expect([args, xfskit(['db', '-c', `map ${args}`, image]).status]).toEqual([args, 8]);
  expect(xfskit(['map', join(temporaryDirectory(), 'none')]).status).toBe(8);
});

test('never writes over the image, nor over anything that is no page', () => {
  const before = readFileSync(image);
  expect(xfskit(['map', '--html', image, image]).status).toBe(8);
  expect(xfskit(['db', '-c', `map --html ${image}`, image]).status).toBe(8);
  expect(xfskit(['map', '--html', temporaryDirectory(), image]).status).toBe(8);
  expect(xfskit(['map', '--html', join(temporaryDirectory(), 'no', 'folder'), image]).status).toBe(8);
  expect(readFileSync(image).equals(before)).toBe(true);
  const page = join(temporaryDirectory(), 'new.html');
  for (let i = 0; i < 2; i++) expect(xfskit(['map', '--html', page, image]).status).toBe(0);
  expect(existsSync(page)).toBe(true);
});
