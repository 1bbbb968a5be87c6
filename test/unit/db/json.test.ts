/**
 * Every command with --json: walks over all rows of the table, each with sample arguments, and looks at the lines that
 * come out. A row without samples fails, so that no command is added without one.
 *
 * The convention: one JSON document a line, `command` and `result` (or `error`); null where a command shows nothing;
 * whole numbers are numbers up to 2^53 and strings of their digits beyond; masks and LSNs `0x...`, modes `0o...`.
 */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { drawing } from '../../../src/cli/mapdrawing.ts';
import { COMMANDS } from '../../../src/db/commands/table.ts';
import { openFilesystem } from '../../../src/db/filesystem.ts';
import { type Result, resultLines, Session } from '../../../src/db/session.ts';
import { Stage } from '../../../src/db/stage.ts';
import type { Json } from '../../../src/db/value.ts';
import { MemoryDevice } from '../../../src/device/memory.ts';
import { temporaryDirectory } from '../../support/oracle.ts';
import { smallImage } from '../../support/smallimage.ts';

const { device, files, geometry } = smallImage();
const { ino } = files.find(({ name }) => name === 'shared')!;
const folder = mkdtempSync(join(temporaryDirectory(), 'json-'));
const image = join(folder, 'other.img');
const bytes = device.bytes.slice();
bytes[geometry.inoByte(ino) + 9] = 77;
writeFileSync(image, bytes);
writeFileSync(join(folder, 'commands'), 'sb 0\nprint magicnum rootino\nnosuch\n');

const INODE = `inode ${ino}`;
const fsbno = geometry.fsbno(2, 800);

/** Lines of which the last is the sample: with a result, or `silent`, or failing as `error`. */
interface Sample {
  readonly lines: readonly string[];
  readonly silent?: true;
  readonly error?: true;
}
const shows = (...lines: string[]): Sample => ({ lines });
const silent = (...lines: string[]): Sample => ({ lines, silent: true });
const fails = (...lines: string[]): Sample => ({ lines, error: true });

const SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  ablock: [fails(INODE, 'ablock 0')],
  addr: [silent('sb 0', 'addr rootino'), shows('sb 0', 'addr')],
  agf: [silent('agf 1'), silent('agf')],
  agfl: [silent('agfl 1')],
  agi: [silent('agi 1')],
  agresv: [shows('agresv 0')],
  attr_get: [fails(INODE, 'attr_get name'), shows(INODE, 'attr_set -v 5 name', 'attr_get name')],
  attr_list: [shows(INODE, 'attr_list'), shows(INODE, 'attr_set -v 5 name', 'attr_list')],
  attr_remove: [shows(INODE, 'attr_set -v 5 name', 'attr_remove name')],
  attr_set: [shows(INODE, 'attr_set -v 5 name')],
  back: [silent('sb 0', 'agf 0', 'back'), fails('back')],
  begin: [shows('begin')],
  blockfree: [silent('blockget', 'blockfree')],
  blockget: [shows('blockget -n'), shows('blockget -v')],
  blocktrash: [shows('agf 0', 'blocktrash -z -n 1')],
  blockuse: [shows('blockget -n', 'fsblock 1', 'blockuse')],
  bmap: [shows(INODE, 'bmap'), shows(INODE, 'bmap -d 2 3')],
  btdump: [shows('agf 0', 'addr bnoroot', 'btdump'), shows('agi 0', 'addr root', 'btdump -i')],
  btheight: [shows('btheight -n 1000000 bnobt'), shows('btheight -n 18446744073709551615 all')],
  commit: [shows('begin', 'agf 0', 'write -d freeblks 5', 'commit')],
  convert: [shows('convert agno 1 fsb'), shows('convert fsb 0xffffffffffffffff byte')],
  crc: [shows('agf 0', 'crc'), shows('agf 0', 'crc -i')],
  daddr: [silent('daddr 8'), shows('daddr 8', 'daddr')],
  dblock: [silent(INODE, 'dblock 0'), fails(INODE, 'dblock 999')],
  debug: [shows('debug 5'), shows('debug')],
  diff: [shows(`diff ${image}`), shows(`diff ${image} ${INODE}`), shows(`diff ${image} agf 0`)],
  dquot: [fails('dquot -u 0')],
  dump_iunlinked: [shows('dump_iunlinked')],
  echo: [shows('echo a b')],
  explain: [shows('agf 0', 'explain'), shows(INODE, 'explain core.size'), shows(INODE, 'explain u3')],
  forks: [shows(`forks ino ${ino}`)],
  forward: [silent('sb 0', 'agf 0', 'back', 'forward')],
  frag: [shows('frag'), shows('frag -v')],
  freesp: [shows('freesp -s'), shows('freesp -d')],
  fsblock: [silent(`fsblock ${fsbno}`), shows('fsblock 1', 'fsblock')],
  fsmap: [shows('fsmap')],
  fuzz: [shows('agf 0', 'fuzz -d freeblks ones'), fails('agf 0', 'fuzz')],
  hash: [shows('hash name')],
  hashcoll: [shows('hashcoll -s 1 -n 2 name')],
  help: [shows('help'), shows('help print')],
  info: [shows('info')],
  inode: [silent(INODE), shows(INODE, 'inode')],
  iunlink: [shows('iunlink'), shows('iunlink -n 3'), fails('iunlink -n 0')],
  label: [shows('label'), shows('label new')],
  link: [shows(`inode ${geometry.rootino}`, `link -i ${ino} again`)],
  log: [shows('log'), shows(`log start ${join(folder, 'transcript')}`)],
  logblock: [silent('logblock 0')],
  logformat: [silent('logformat')],
  logres: [shows('logres')],
  ls: [shows('ls /'), shows('ls -i /')],
  map: [shows('map'), shows('map -w 40 -a 1')],
  metadump: [shows(`metadump -o ${join(folder, 'dump')}`)],
  ncheck: [shows('blockget -n', 'ncheck')],
  owner: [shows(`owner ${fsbno} 32`), shows('owner 0')],
  parent: [fails('parent')],
  path: [shows('path /shared'), fails('path /nowhere')],
  pop: [silent('sb 0', 'push', 'pop')],
  print: [
    shows('sb 0', 'print'),
    shows(INODE, 'print'),
    shows('agfl 0', 'print'),
    shows('fsblock 1', 'print'),
    shows('fsblock 1', 'type text', 'print'),
    shows('agf 0', 'addr rmaproot', 'print'),
    fails('print'),
  ],
  push: [silent('sb 0', 'push agf 0')],
  quit: [silent('quit')],
  rdump: [shows(`rdump / ${join(folder, 'copies')}`)],
  ring: [shows('sb 0', 'agf 0', 'ring'), shows('ring')],
  rollback: [shows('begin', 'agf 0', 'write -d freeblks 5', 'rollback')],
  rtblock: [fails('rtblock 0')],
  rtconvert: [shows('rtconvert rtblock 1 rtx')],
  rtextent: [fails('rtextent 0')],
  sb: [silent('sb 1')],
  shares: [shows('shares /shared')],
  source: [shows(`source ${join(folder, 'commands')}`)],
  stack: [shows('sb 0', 'push', 'stack'), shows('stack')],
  status: [shows('status'), shows('begin', 'agf 0', 'write -d freeblks 5', 'status')],
  timelimit: [shows('timelimit'), shows('timelimit --compact')],
  type: [silent('fsblock 1', 'type bnobt'), shows('fsblock 1', 'type')],
  unlink: [shows(`inode ${geometry.rootino}`, 'unlink clone')],
  uuid: [shows('uuid'), shows('uuid 01234567-89ab-4cde-8f01-23456789abcd')],
  verify: [shows('agf 0', 'verify'), shows('agf 0', 'write -d seqno 7', 'verify')],
  version: [shows('version')],
  write: [shows(INODE, 'write core.uid 5'), shows('agf 0', 'write -d lsn 0xfffffffffffffff0')],
};

function session(): Session {
  const stage = new Stage(new MemoryDevice(device.bytes.slice(), 'small image'));
  return new Session(openFilesystem(stage), COMMANDS, { expert: true, drawing });
}

/** Numbers anywhere in a value that JSON does not keep exactly. */
function inexact(value: Json, path = ''): string[] {
  if (typeof value === 'number')
    return Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER ? [] : [`${path} ${value}`];
  if (value === null || typeof value !== 'object') return [];
  return Object.entries(value).flatMap(([name, inner]) => inexact(inner as Json, `${path}.${name}`));
}

interface Line {
  readonly command: string;
  readonly result?: Json;
  readonly error?: string;
}

/** What is not as it should be about the JSON of a result. */
function complaints(result: Result, sample: Sample): string[] {
  const texts = [...resultLines(result)];
  if (texts.length === 0) return ['no line at all'];
  const found: string[] = [];
  for (const text of texts) {
    if (text.includes('\n')) found.push('a line with a line in it');
    const line = JSON.parse(text) as Line;
    if (typeof line.command !== 'string') found.push('no command');
    if ((line.result === undefined) === (line.error === undefined)) found.push('not one of result and error');
    found.push(...inexact(line as unknown as Json));
  }
  const isFailure = result.error !== undefined || /"error":/.test(texts.join());
  if (sample.error && !isFailure) found.push('should have failed');
  if (!sample.error && result.error !== undefined) found.push(`failed: ${result.error}`);
  const isNull = texts.length === 1 && (JSON.parse(texts[0]!) as Line).result === null;
  if (!sample.silent && !sample.error && isNull) found.push('shows nothing in JSON');
  if (sample.silent && result.text !== '' && isNull) found.push('shows something, but not in JSON');
  return found;
}

test('every command has samples here', () => {
  const names = COMMANDS.map(({ name }) => name);
  expect(names.filter((name) => !(name in SAMPLES))).toEqual([]);
  expect(Object.keys(SAMPLES).filter((name) => !names.includes(name))).toEqual([]);
});

const all = Object.entries(SAMPLES).flatMap(([name, samples]) =>
  samples.map((sample) => ({ name, sample, shown: sample.lines.join('; ') })),
);

test.each(all)('$name: $shown', ({ sample }) => {
  const s = session();
  for (const line of sample.lines.slice(0, -1)) expect(s.run(line).error).toBeUndefined();
  expect(complaints(s.run(sample.lines.at(-1)!), sample)).toEqual([]);
});

test('whole numbers are exact, whatever shows them', () => {
  const s = session();
  const value = (line: string) => JSON.parse([...resultLines(s.run(line))].join()).result as never;
  expect(value('convert agno 1 fsb')).toEqual({ value: geometry.fsbno(1, 0) });
  expect(value('convert fsb 0x7fffffffffffffff byte')).toMatchObject({
    value: expect.stringMatching(/^\d{17,20}$/),
  });
  s.run('agf 0');
  s.run('write -d lsn 0xfffffffffffffff1');
  expect(value('print lsn')).toEqual({ type: 'agf', fields: { lsn: '0xfffffffffffffff1' } });
  s.run('sb 0');
  s.run('write -d icount 9007199254740993');
  expect(value('print icount')).toEqual({ type: 'sb', fields: { icount: '9007199254740993' } });
  s.run('write -d icount 9007199254740991');
  expect(value('print icount')).toEqual({ type: 'sb', fields: { icount: 9007199254740991 } });
});
