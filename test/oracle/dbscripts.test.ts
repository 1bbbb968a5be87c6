/**
 * db against xfs_db, script by script: random ones from a seed (XFSKIT_SEED moves it, XFSKIT_LONG runs more) over
 * images of many geometries, and hand-written ones for what random ones rarely hit. Standard output must be equal
 * byte for byte. Most run in this process; some through the drop-in, which must give what the session gave.
 */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { corpusCopy, corpusImage } from '../support/corpus.ts';
import {
  askProgram,
  askSession,
  type Difference,
  findDifference,
  learn,
  writeScript,
} from '../support/dbscripts.ts';
import { describeKernel, repository, run, temporaryDirectory } from '../support/oracle.ts';
import { Random } from '../support/random.ts';

const IMAGES = [
  'rmap4k',
  'b1k',
  'alloff',
  'nrext64',
  'b1k_n8k',
  'i2048',
  'metauuid',
  'sparse',
  's4096',
  'b64k',
  'extlog',
  'b4k_n64k',
];
const SCRIPTS = process.env.XFSKIT_LONG === '1' ? 300 : 35;
const SEED = Number(process.env.XFSKIT_SEED ?? 1);
const DROP_IN = [process.execPath, join(repository, 'bin', 'compat', 'xfs_db')];

/** xfs_db dies of some commands; what it printed before is compared, as far as it was not lost in its buffer. */
const PIPE_BUFFER = 4096;

function compare(image: string, script: readonly string[]): Difference | undefined {
  const theirs = askProgram(['xfs_db'], image, script);
  const { stdout } = askSession(image, script);
  if (theirs.signal !== null) {
    const sure = theirs.stdout.slice(0, Math.max(0, theirs.stdout.length - PIPE_BUFFER));
    return stdout.join('').startsWith(sure) ? undefined : findDifference(script, stdout, theirs.stdout);
  }
  return findDifference(script, stdout, theirs.stdout);
}

const NAVIGATION: readonly (readonly string[])[] = [
  ['push', 'stack', 'ring', 'print', 'addr', 'pop', 'stack', 'pop', 'pop', 'stack'],
  ['dblock 0', 'ablock 0', 'sb', 'ablock 0', 'dblock 0', 'inode', 'fsblock -1', 'addr'],
  ['inode 131', 'sb 0', 'back', 'stack', 'p v3.inumber', 'ring', 'ring 7', 'stack', 'ring', 'p'],
  ['agf 1', 'type data', 'stack', 'type agf', 'stack', 'type inode', 'stack', 'p v3.inumber', 'ring'],
  ['sb 4294967296', 'stack', 'agf 0x1', 'agf 08', 'agf -1', 'agf 1x'],
  ['inode 131', 'dblock 0', 'type attr3', 'p', 'type dir3', 'p crc', 'back', 'forward', 'forward'],
  ['inode 128', 'dblock 0', 'inode 172', 'bmap', 'ring', 'ablock 0', 'ring', 'bmap -ad', 'bmap -x'],
  [...Array.from({ length: 25 }, (_, i) => `daddr ${i}`), 'ring', 'back', 'back', 'sb 0', 'ring', 'forward'],
];

const FIELDS = [
  'addr unlinked',
  'addr unlinked[3]',
  'addr nosuch',
  'addr root[0]',
  'addr count',
  'addr uuid',
  'p unlinked[4-2]',
  'p unlinked[0xf]',
  'p unlinked[4294967297]',
  'p unlinked[3-3]',
  'p unlinked[64-64]',
  'p unlinked[-1]',
  'p unlinked[99999999999999999999999]',
  'p A',
  'p root A',
  'p nosuch foo[',
  'p "root"',
  'p "root',
  'p root.',
  'p .root',
  'p unlinked[2]root',
  'p root root count',
  'p _a',
  'p 1',
  'p -a',
];

const ARRAYS = [
  'agf 0',
  'p roots',
  'p levels',
  'p roots[1] levels[2]',
  'p roots[0-1]',
  'p levels[1-3]',
  'p levels[3]',
  'p levels.x',
  'addr roots',
  'addr roots[0]',
  'p',
];

const WORDS = [
  'echo "a  b" c\td',
  "echo a\\ b 'a b' \"open end",
  '',
  '  \t ',
  '#comment',
  'sb 0; print',
  'nosuch a b',
  'inode 5 6',
  'debug',
  'debug 0x10',
  'debug x',
  'debug -8',
  'debug 16x',
  'debug',
  'log',
  'log stop',
  'log foo',
  'log stop now',
  'source',
  'source /nonexistent/script',
  'quit now',
  'echo before',
  'quit',
  'echo after',
];

const PATHS = [
  'ls',
  'ls -i',
  'path /',
  'ls',
  'ls -i',
  'ls -i / /nosuch /dirs',
  'ls .',
  'path .',
  'path ..',
  'path nosuch',
  'path ""',
  'path //dirs//',
  'ls',
  'path /holes/x',
  'path dirs',
  'path',
  'path a b',
  'ls /dirs /files /holes',
  'ring',
];

describeKernel('scripts that a seed makes', () => {
  test.each(IMAGES)(
    'on %s',
    async (name) => {
      const image = await corpusImage(name);
      const facts = learn(image);
      const different: object[] = [];
      let lines = 0;
      for (let i = 0; i < SCRIPTS; i++) {
        const seed = SEED * 1_000_003 + i;
        const script = writeScript(facts, new Random(seed), 10 + (i % 4) * 10);
        lines += script.length;
        const difference = compare(image, script);
        if (difference && different.length < 4) {
          different.push({ seed, ...difference, script: difference.script.slice(-8) });
        }
      }
      expect(lines).toBeGreaterThan(SCRIPTS * 10);
      expect(different).toEqual([]);
    },
    600_000,
  );
});

describeKernel('scripts written by hand', () => {
  test.each(['rmap4k', 'b1k', 'alloff', 'b4k_n64k'])('on %s', async (name) => {
    const image = await corpusImage(name);
    const scripts = [...NAVIGATION, ['agi 0', ...FIELDS], ARRAYS, WORDS, PATHS];
    for (const script of scripts) expect(compare(image, script)).toBeUndefined();
  });

  test('a file of commands: joined lines, files in files, quit', async () => {
    const image = await corpusImage('rmap4k');
    const file = (name: string, text: string): string => {
      const path = join(temporaryDirectory(), name);
      writeFileSync(path, text);
      return path;
    };
    const inner = file('inner', 'echo two\nquit\necho not two\n');
    const outer = file('outer', `echo one \\\nand more\nsb 0\n\nsource ${inner}\necho three\n`);
    expect(compare(image, [`source ${outer}`, 'p magicnum', 'echo after'])).toBeUndefined();
    const itself = file('itself', '');
    writeFileSync(itself, `source ${itself}\n`);
    expect(askSession(image, [`source ${itself}`]).stdout.join('')).toBe("can't open source\n");
  });

  test('a transcript holds what was shown', async () => {
    const image = await corpusImage('rmap4k');
    const path = join(temporaryDirectory(), 'transcript');
    const script = [
      'log',
      `log start ${path}`,
      'log',
      'sb 0',
      'p magicnum',
      'log start x',
      'log stop',
      'echo x',
    ];
    const { stdout } = askSession(image, script);
    const ours = readFileSync(path, 'utf8');
    writeFileSync(path, '');
    expect(stdout.join('')).toBe(askProgram(['xfs_db'], image, script).stdout);
    expect(ours).toBe(readFileSync(path, 'utf8'));
  });

  test.each(['core.size 0', 'core.mode 030755', 'core.forkoff 60', 'v3.inumber 77'])(
    'ls and path where a directory has %s',
    async (change) => {
      const image = await corpusCopy('rmap4k');
      run('xfs_db', ['-x', '-c', 'path /dirs/block', '-c', `write -d ${change}`, image]);
      const script = [
        'ls /dirs/block',
        'path /dirs/block',
        'p core.size',
        'ls',
        'path 000000',
        'ls /dirs/block/x',
      ];
      expect(compare(image, script)).toBeUndefined();
      expect(askSession(image, script).stdout[0]).toBe('/dirs/block: Structure needs cleaning\n');
    },
  );

  test('where xfs_db is wrong, ours is not', async () => {
    const image = await corpusCopy('rmap4k');
    run('xfs_db', [
      '-x',
      '-c',
      'agf 1',
      '-c',
      'crc -i',
      '-c',
      'agf 0',
      '-c',
      'addr bnoroot',
      '-c',
      'crc -i',
      image,
    ]);
    // It reads the AGFs when it starts, and does not look at a CRC twice.
    const script = [
      'agf 1',
      'p crc',
      'agf 0',
      'addr bnoroot',
      'p crc',
      'addr',
      'agf 0',
      'addr bnoroot',
      'p crc',
    ];
    expect(askProgram(['xfs_db'], image, script).stdout.match(/\((bad|correct)\)/g)).toEqual([
      '(correct)',
      '(bad)',
      '(correct)',
    ]);
    expect(
      askSession(image, script)
        .stdout.join('')
        .match(/\((bad|correct)\)/g),
    ).toEqual(['(bad)', '(bad)', '(bad)']);
    // It never ends where an extent goes on behind the range that bmap is asked for.
    const facts = learn(image);
    const all = facts.inodes
      .map((ino) => askSession(image, [`inode ${ino}`, 'bmap -d']).stdout[1]!)
      .findIndex((text) =>
        /^data offset 0 startblock \d+ \(\d+\/\d+\) count ([4-9]|\d\d+) flag 0\n/.test(text),
      );
    const whole = askSession(image, [`inode ${facts.inodes[all]}`, 'bmap -d 1 2', 'bmap -d 2']).stdout;
    expect(whole[1]).toMatch(/^data offset 1 startblock \d+ \(\d+\/\d+\) count 2 flag 0\n$/);
    expect(whole[2]).toMatch(/^data offset 2 startblock \d+ \(\d+\/\d+\) count 1 flag 0\n$/);
  }, 60_000);
});

describeKernel('the drop-in', () => {
  test('prints what xfs_db prints, on both streams, and ends as it does', async () => {
    const image = await corpusImage('b1k');
    const facts = learn(image);
    for (let i = 0; i < 12; i++) {
      const script = writeScript(facts, new Random(SEED * 7919 + i), 12);
      const theirs = askProgram(['xfs_db'], image, script);
      if (theirs.signal !== null) continue;
      const ours = askProgram(DROP_IN, image, script);
      const plain = (text: string) => text.replace(/ at 0x[0-9a-f]+,/g, ' at 0x0,');
      const kept = (text: string) =>
        plain(text)
          .split('\n')
          .filter((line) => /^Metadata|option/.test(line));
      expect({ script, ...ours, stderr: kept(ours.stderr) }).toEqual({
        script,
        ...theirs,
        stderr: kept(theirs.stderr),
      });
    }
  }, 120_000);

  test('command lines', async () => {
    const image = await corpusImage('rmap4k');
    const small = join(temporaryDirectory(), 'small');
    writeFileSync(small, 'no filesystem');
    const noise = join(temporaryDirectory(), 'noise');
    writeFileSync(noise, Buffer.alloc(1 << 20, 0x5a));
    const rows: readonly { args: readonly string[]; input?: string; usage?: true }[] = [
      { args: [], usage: true },
      { args: ['-V'] },
      { args: ['-p', 'foo', '-V'] },
      { args: ['-z', image], usage: true },
      { args: ['-c'], usage: true },
      { args: [image, image], usage: true },
      { args: [image, '-c', 'sb 0', '-r', '-c', 'p magicnum'] },
      { args: ['-rc', 'sb 0', '-cp blocksize', '-f', '-F', '-p', 'me', '--', image] },
      { args: ['-i', '-c', 'nosuch', image] },
      { args: ['-c', 'path /nosuch', '-c', 'echo x', image] },
      { args: ['-c', 'ls -x', '-c', 'quit', '-c', 'echo x', image] },
      { args: ['-c', 'sb 0', `${image}.missing`] },
      { args: ['-c', 'sb 0', small] },
      { args: ['-c', 'sb 0', noise] },
      { args: ['-r', image], input: 'sb 0\np magicnum\n\nnosuch\necho \\\nquit\necho x\n' },
      { args: ['-r', image], input: '' },
    ];
    for (const { args, input, usage } of rows) {
      const options = { input: input ?? '', env: { TZ: 'UTC' } };
      const theirs = run('xfs_db', args, options);
      const ours = run(DROP_IN[0]!, [DROP_IN[1]!, ...args], options);
      const isHelp = args.includes('ls -x');
      expect({ args, status: ours.status }).toEqual({ args, status: theirs.status });
      if (!isHelp) expect({ args, stdout: ours.stdout }).toEqual({ args, stdout: theirs.stdout });
      expect({ args, says: ours.stderr !== '' }).toEqual({ args, says: theirs.stderr !== '' });
      if (usage) expect(ours.stderr).toMatch(/^Usage: xfs_db .*device$/m);
    }
  }, 120_000);

  test('the shell scripts of xfsprogs on top of it', async () => {
    const folder = join(temporaryDirectory(), 'path');
    mkdirSync(folder, { recursive: true });
    symlinkSync(DROP_IN[1]!, join(folder, 'xfs_db'));
    const image = await corpusImage('rmap4k');
    const rows: readonly { line: readonly string[]; writes?: true; reads?: readonly string[] }[] = [
      { line: ['xfs_admin', '-V'] },
      { line: ['xfs_admin', '-l', image] },
      { line: ['xfs_admin', '-u', image] },
      { line: ['xfs_admin', '-lu', image] },
      { line: ['xfs_admin', '-l', `${image}.missing`] },
      { line: ['xfs_info', image] },
      { line: ['xfs_ncheck', '-s', image] },
      { line: ['xfs_ncheck', '-i', '131', '-i', '128', image] },
      { line: ['xfs_ncheck', '-V'] },
      { line: ['xfs_metadump', '-V'] },
      { line: ['xfs_admin', '-L', 'a label', 'COPY'], writes: true },
      { line: ['xfs_admin', '-L', '--', 'COPY'], writes: true },
      { line: ['xfs_admin', '-U', '01234567-89ab-4cde-8f01-23456789abcd', 'COPY'], writes: true },
      { line: ['xfs_admin', '-U', 'nonsense', 'COPY'], writes: true },
      { line: ['xfs_admin', '-j', 'COPY'], writes: true },
      { line: ['xfs_admin', '-O', 'inobtcount=1', 'COPY'], writes: true },
    ];
    const copies = [await corpusCopy('rmap4k'), await corpusCopy('rmap4k')] as const;
    for (const { line, writes } of rows) {
      const ask = (path: string, copy: string) => {
        const args = line.slice(1).map((word) => (word === 'COPY' ? copy : word));
        const { status, stdout } = run(line[0]!, args, { env: { PATH: path, TZ: 'UTC' }, timeout: 120_000 });
        return { line, status, stdout: stdout.replaceAll(copy, 'COPY') };
      };
      const path = process.env.PATH ?? '';
      expect(ask(`${folder}:/usr/sbin:${path}`, copies[1])).toEqual(ask(`/usr/sbin:${path}`, copies[0]));
      if (writes) expect(run('cmp', copies).stdout).toBe('');
    }
  }, 240_000);
});

describeKernel('help', () => {
  /** What `help` lists: names and the forms of their arguments. */
  function list(text: string): Map<string, string> {
    const rows = text.split('\n').filter((line) => line.includes(' -- '));
    return new Map(
      rows.map((line): [string, string] => {
        const head = line.split(' -- ')[0]!;
        const name = head.split(' ')[0]!;
        return [name, head.slice(name.length).trim()];
      }),
    );
  }

  test('has every command of xfs_db, with the arguments it has there', async () => {
    const image = await corpusImage('rmap4k');
    const theirs = list(run('xfs_db', ['-x', '-c', 'help', image]).stdout);
    const ours = list(run(DROP_IN[0]!, [DROP_IN[1]!, '-x', '-c', 'help', image]).stdout);
    // These take more here.
    const longer = ['agresv', 'daddr', 'metadump', 'ring'];
    expect(theirs.size).toBeGreaterThan(50);
    for (const [name, args] of theirs) {
      expect({ name, args: longer.includes(name) ? args : ours.get(name) }).toEqual({ name, args });
      expect(ours.has(name)).toBe(true);
      const help = run(DROP_IN[0]!, [DROP_IN[1]!, '-x', '-c', `help ${name}`, image]).stdout;
      expect(help).toMatch(new RegExp(`^${name} .*-- \\S`));
    }
  }, 60_000);
});
