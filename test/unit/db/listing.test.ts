/** Directories by name, files of commands and transcripts, over a small image in memory: no xfsprogs are needed. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../../../src/db/commands/table.ts';
import { openFilesystem } from '../../../src/db/filesystem.ts';
import { resultJson, Session } from '../../../src/db/session.ts';
import { temporaryDirectory } from '../../support/oracle.ts';
import { smallImage } from '../../support/smallimage.ts';

const { device, files, geometry } = smallImage();
const session = () => new Session(openFilesystem(device), COMMANDS);
const text = (s: Session, ...lines: string[]) => lines.map((line) => s.run(line).text).join('');
const alone = files.find(({ name }) => name === 'alone')!;

test('ls shows every name of the root directory with its inode, path goes there', () => {
  const s = session();
  const listed = text(s, 'ls /');
  expect(listed).toMatch(
    new RegExp(`^/:\\n8 +${geometry.rootino} +directory +0x0000002e +1 \\. \\(good\\)\\n`),
  );
  for (const { name, ino } of files) {
    expect(listed).toMatch(
      new RegExp(`^\\d+ +${ino} +regular +0x[0-9a-f]{8} +${name.length} ${name} \\(good\\)$`, 'm'),
    );
    expect(text(s, `ls -i /${name}`)).toBe(`${ino}\n`);
  }
  expect(text(s, 'path /alone', 'p v3.inumber')).toBe(`v3.inumber = ${alone.ino}\n`);
  expect(text(s, 'ls')).toBe('Not a directory\n');
  expect(text(s, 'path alone')).toBe('alone: Not a directory\n');
  expect(text(s, 'path /', 'path nosuch')).toBe('nosuch: No such file or directory\n');
  expect(s.exitCode).toBe(1);
  expect(JSON.parse(resultJson(s.run('ls -i /alone')))).toEqual({
    command: 'ls -i /alone',
    result: { path: '/alone', ino: alone.ino },
  });
});

test('a file of commands and a transcript of it', () => {
  const s = session();
  const script = join(temporaryDirectory(), 'script');
  const transcript = join(temporaryDirectory(), 'transcript');
  writeFileSync(script, 'sb 0\nprint \\\nmagicnum\nnosuch\nquit\necho not reached');
  expect(text(s, `log start ${transcript}`, `source ${script}`, 'log stop')).toBe(
    'magicnum = 0x58465342\ncommand nosuch not found\n',
  );
  expect(readFileSync(transcript, 'utf8')).toContain('magicnum = 0x58465342\ncommand nosuch not found\n');
  expect(s.failed).toBe(true);
});

test('the ring has every visit, and gives back the buffer with the current inode', () => {
  const s = session();
  text(s, `inode ${alone.ino}`, 'sb 0', 'back');
  expect(text(s, 'addr')).toContain(`inode ${alone.ino}, dir inode -1, type inode`);
  expect(text(s, 'forward', 'addr')).toContain('type sb');
  expect(text(s, 'forward')).toBe('no further entries\n');
});
