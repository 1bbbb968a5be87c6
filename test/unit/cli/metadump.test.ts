/** metadump and mdrestore as commands: what they refuse is one line and a status, and touches nothing. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { type RunResult, repository, run, temporaryDirectory, xfskit } from '../../support/oracle.ts';
import { emptyImage } from '../../support/smallimage.ts';

const scratch = (name: string) => join(temporaryDirectory(), name);
const image = () => {
  const path = scratch('disk.img');
  if (!existsSync(path)) writeFileSync(path, emptyImage(48 << 20).bytes);
  return path;
};

function expectRefused(result: RunResult, status: number, message: RegExp): void {
  expect(result.stdout).toBe('');
  expect(result.stderr.split('\n')).toHaveLength(2);
  expect(result.stderr).toMatch(message);
  expect(result.status).toBe(status);
}

test('there and back, by files and by a pipe', () => {
  const dump = scratch('dump');
  const bin = join(repository, 'bin', 'xfskit');
  expect(xfskit(['metadump', image(), dump])).toMatchObject({ status: 0, stdout: '', stderr: '' });
  const info = xfskit(['mdrestore', '-i', dump]);
  expect(info.stdout).toBe(`${dump}: obfuscated, clean log, zeroed metadata blocks\n`);
  expect(xfskit(['mdrestore', dump, scratch('one.img')])).toMatchObject({
    status: 0,
    stdout: '',
    stderr: '',
  });
  const pipe = `"$0" "$1" metadump -o -v 2 "$2" - | "$0" "$1" mdrestore - "$3"`;
  const piped = run('sh', ['-c', pipe, process.execPath, bin, image(), scratch('two.img')]);
  expect(piped).toMatchObject({ status: 0, stdout: '', stderr: '' });
  for (const name of ['one.img', 'two.img']) {
    expect(statSync(scratch(name)).size).toBe(48 << 20);
    expect(xfskit(['check', scratch(name)]).status).toBe(0);
  }
});

test('a longer file that was there is cut to the size of the filesystem', () => {
  const target = scratch('long.img');
  xfskit(['metadump', image(), scratch('dump')]);
  writeFileSync(target, Buffer.alloc(60 << 20, 0x55));
  expect(xfskit(['mdrestore', scratch('dump'), target]).status).toBe(0);
  expect(statSync(target).size).toBe(48 << 20);
  expect(xfskit(['check', target]).status).toBe(0);
});

test('progress is shown when asked for', () => {
  const { stdout } = xfskit(['metadump', '-g', image(), scratch('dump')]);
  expect(stdout).toMatch(/^\rCopying free space trees of AG 0 +/);
  expect(xfskit(['mdrestore', '-g', scratch('dump'), scratch('x.img')]).stdout).toMatch(/\r\d+ MB read +\n$/);
});

test('dumps that cannot be made', () => {
  const path = image();
  const before = statSync(path);
  expectRefused(xfskit(['metadump', path, path]), 8, /is the filesystem itself/);
  expectRefused(xfskit(['metadump', path, temporaryDirectory()]), 8, /is a directory/);
  expectRefused(xfskit(['metadump', path, scratch('no/such/folder')]), 8, /no such file/);
  expectRefused(xfskit(['metadump', scratch('missing'), scratch('x')]), 8, /no such file/);
  expectRefused(xfskit(['metadump', '-m', '0', path, scratch('x')]), 16, /bad max extent size 0/);
  expectRefused(xfskit(['metadump', '-v', '3', path, scratch('x')]), 16, /bad metadump version: 3/);
  expectRefused(xfskit(['metadump', path]), 16, /missing required argument/);
  writeFileSync(scratch('zeros'), Buffer.alloc(1 << 20));
  expectRefused(xfskit(['metadump', scratch('zeros'), scratch('x')]), 8, /no usable copy/);
  expect(existsSync(scratch('x'))).toBe(false);
  expect(statSync(path)).toMatchObject({ size: before.size, mtimeMs: before.mtimeMs });
});

test('a dump that finds no room leaves nothing behind', () => {
  if (!existsSync('/dev/full')) return;
  expectRefused(xfskit(['metadump', image(), '/dev/full']), 8, /no space left/);
  expect(existsSync('/dev/full')).toBe(true);
});

test('restores that are refused before the target is touched', () => {
  const dump = scratch('dump');
  xfskit(['metadump', image(), dump]);
  const kept = scratch('kept.img');
  writeFileSync(kept, 'kept');
  const short = scratch('short');
  writeFileSync(short, readFileSync(dump).subarray(0, 1000));
  expectRefused(xfskit(['mdrestore', short, kept]), 8, /cut off after \d+ bytes/);
  expectRefused(xfskit(['mdrestore', kept, kept]), 8, /not a metadata dump/);
  writeFileSync(scratch('packed'), Buffer.from('28b52ffd00000000', 'hex'));
  expectRefused(xfskit(['mdrestore', scratch('packed'), kept]), 8, /compressed: zstd -dc/);
  expectRefused(xfskit(['mdrestore', dump, dump]), 16, /is the dump itself/);
  expectRefused(xfskit(['mdrestore', dump]), 16, /a target is needed/);
  expectRefused(xfskit(['mdrestore', '-l', scratch('log'), dump, kept]), 16, /holds no external log/);
  expectRefused(xfskit(['mdrestore', temporaryDirectory(), kept]), 8, /is a directory/);
  expectRefused(xfskit(['mdrestore', scratch('missing'), kept]), 8, /no such file/);
  expectRefused(xfskit(['mdrestore', dump, temporaryDirectory()]), 8, /is a directory/);
  expectRefused(xfskit(['mdrestore', dump, '/dev/null']), 8, /character device/);
  expect(readFileSync(kept, 'utf8')).toBe('kept');
  expect(existsSync(scratch('log'))).toBe(false);
});

test('metadump and rdump from db', () => {
  const session = ['db', '-c', `metadump -o ${scratch('dbdump')}`, '-c', 'metadump -q x', '-c', 'metadump'];
  const result = xfskit([...session, image()]);
  expect(result.status).toBe(8);
  expect(result.stdout).toBe('');
  expect(result.stderr).toContain('bad option for metadump command\n');
  expect(result.stderr).toContain('too few options for metadump (no filename given)\n');
  xfskit(['metadump', '-o', image(), scratch('dump')]);
  expect(readFileSync(scratch('dbdump')).equals(readFileSync(scratch('dump')))).toBe(true);
  mkdirSync(scratch('out'));
  expect(xfskit(['db', '-c', `rdump ${scratch('out')}`, image()]).status).toBe(0);
});
