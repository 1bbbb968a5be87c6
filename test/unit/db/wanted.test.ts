/** Which commands a session gets, by the lines it is to run. */
import { expect, test } from '@jest/globals';
import { COMMANDS } from '../../../src/db/commands/table.ts';
import { commandsFor } from '../../../src/db/commands/wanted.ts';

const names = async (...lines: string[]) => (await commandsFor(lines)).map((row) => row.name);

test('every command is there for a line that calls it, by its name and by its alias', async () => {
  for (const row of COMMANDS)
    for (const name of [row.name, row.alias ?? row.name]) {
      expect(await commandsFor([name])).toContain(row);
      expect(await commandsFor(['sb 0', `push ${name} 1`])).toContain(row);
    }
});

test('some are always there, the others when they are named, all when anything may be', async () => {
  const always = await names('print magicnum');
  expect(always).toEqual(expect.arrayContaining(['addr', 'agf', 'inode', 'print', 'push', 'sb', 'type']));
  expect(always.length).toBeLessThan(COMMANDS.length / 2);
  expect(always).toEqual([...always].sort());
  expect(await names('nothing such')).toEqual(always);
  expect(await names('inode 131;path "/a b"; ls')).toEqual([...always, 'ls', 'path'].sort());
  for (const line of ['help', '?', 'source file', 'help frag', 'diff other.img'])
    expect(await commandsFor([line])).toEqual(COMMANDS);
  expect(await commandsFor(undefined)).toEqual(COMMANDS);
});
