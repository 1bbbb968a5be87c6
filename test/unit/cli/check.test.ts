/**
 * `xfskit check` for pipelines: several images, forms of report, what is asked for and what is not, exit status.
 */
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { SUBJECTS } from '../../../src/format/findings.ts';
import {
  mustRun,
  type RunResult,
  repository,
  run,
  temporaryDirectory,
  xfskit,
} from '../../support/oracle.ts';
import { checkSchema, junitFaults, sarifSchema } from '../../support/schemas.ts';

function path(name: string): string {
  return join(temporaryDirectory(), name);
}

function check(...args: string[]): RunResult {
  return xfskit(['check', ...args.map((arg) => (/\.(img|xml|sarif)$/.test(arg) ? path(arg) : arg))]);
}

beforeAll(() => {
  mustRun(process.execPath, [
    join(repository, 'bin', 'xfskit'),
    'mkfs',
    '-q',
    '--unsupported',
    '-d',
    'size=64m',
    path('clean.img'),
  ]);
  copyFileSync(path('clean.img'), path('leaked.img'));
  expect(xfskit(['inject', 'leaked-cow', path('leaked.img')]).status).toBe(0);
  copyFileSync(path('clean.img'), path('cut.img'));
  truncateSync(path('cut.img'), 40 * 2 ** 20);
  writeFileSync(path('zero.img'), new Uint8Array(2 ** 20));
});

test('several images: all are checked, whatever one of them is; one summary, the bits together', () => {
  const images = ['leaked.img', 'missing.img', 'zero.img', 'cut.img', 'clean.img'];
  const told = check(...images);
  expect(told.status).toBe(12);
  expect(
    told.stderr
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/^xfskit check: .*\//, '')),
  ).toEqual(['missing.img: no such file', 'zero.img: no XFS superblock (magic 0x0)']);
  expect(told.stdout).toMatch(/^5 images: 1 damaged, 2 failed, 1 provisional, 1 clean\n$/m);
  const states = [...told.stdout.matchAll(/^\S+\/(\w+\.img): (\w+)/gm)].map(([, image, state]) => [
    image,
    state,
  ]);
  expect(states).toEqual([
    ['leaked.img', 'damaged'],
    ['missing.img', 'failed'],
    ['zero.img', 'failed'],
    ['cut.img', 'provisional'],
    ['clean.img', 'clean'],
  ]);
  expect(check('clean.img', 'clean.img').status).toBe(0);
  expect(check('clean.img', 'missing.img').status).toBe(8);
});

test('every form tells of each image and is by its schema', () => {
  const images = ['leaked.img', 'missing.img', 'clean.img'];
  const json = check('--json', ...images);
  expect([json.status, checkSchema('run')(JSON.parse(json.stdout))]).toEqual([12, []]);
  expect(JSON.parse(json.stdout).images.map(({ state }: { state: string }) => state)).toEqual([
    'damaged',
    'failed',
    'clean',
  ]);
  const single = check('--json', 'missing.img');
  expect([single.status, checkSchema('report')(JSON.parse(single.stdout))]).toEqual([8, []]);
  const lines = check('--jsonl', ...images)
    .stdout.trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const valid = checkSchema();
  expect(lines.flatMap((line) => [...valid(line)])).toEqual([]);
  expect(lines.map(({ type }) => type)).toEqual(['finding', 'finding', 'image', 'image', 'image', 'summary']);
  const tap = check('--tap', ...images);
  expect(tap.stdout).toMatch(/^not ok \d+ - \S*missing\.img: image$/m);
  expect(tap.stdout.match(/^not ok/gm)?.length).toBe(2);
  const both = check('--junit', 'both.xml', '--sarif', 'both.sarif', '--jsonl', ...images);
  expect([both.status, both.stdout.trimEnd().split('\n').length]).toEqual([12, lines.length]);
  const xml = readFileSync(path('both.xml'), 'utf8');
  expect(junitFaults(xml)).toEqual([]);
  expect([xml.match(/<failure /g)?.length, xml.match(/<error /g)?.length]).toEqual([1, 1]);
  const sarif = JSON.parse(readFileSync(path('both.sarif'), 'utf8'));
  expect(sarifSchema()(sarif)).toEqual([]);
  expect(sarif.runs[0].invocations[0]).toMatchObject({ executionSuccessful: false, exitCode: 12 });
  expect(check('--junit', '-', ...images).stdout).toBe(xml);
});

describe('--only', () => {
  test('chooses what is told and what counts', () => {
    expect(check('--only', 'cow', 'leaked.img').status).toBe(4);
    const none = check('--only', 'log,rmap', '--only', 'superblock', 'leaked.img');
    expect(none.status).toBe(0);
    expect(none.stdout).not.toContain('LEAKED_COW');
    expect(none.stdout).toMatch(/leaked\.img: clean \(only log, rmap, superblock\)\n$/);
    const xml = check('--junit', '-', '--only', 'log,rmap', 'leaked.img').stdout;
    expect([...xml.matchAll(/<testcase name="(\w+)"/g)].map(([, name]) => name)).toEqual(['rmap', 'log']);
  });
  test('tells that the superblock is a copy', () => {
    copyFileSync(path('clean.img'), path('lost.img'));
    const bytes = readFileSync(path('lost.img'));
    bytes.fill(0, 0, 512);
    writeFileSync(path('lost.img'), bytes);
    const told = check('--json', '--only', 'superblock', 'lost.img');
    const report = JSON.parse(told.stdout);
    expect([told.status, report.findings[0].code]).toEqual([4, 'SB_LOST']);
    expect(checkSchema('report')(report)).toEqual([]);
  });
  test('an unknown subject is a usage error that lists them', () => {
    for (const word of ['bogus', '', 'rmap,', 'toString']) {
      const told = check('--only', word, 'leaked.img');
      expect([word, told.status, told.stdout]).toEqual([word, 16, '']);
      for (const subject of Object.keys(SUBJECTS)) expect(told.stderr).toContain(` ${subject}`);
    }
  });
});

test('--max-findings lists the worst and counts all', () => {
  const told = check('--json', '--max-findings', '1', 'leaked.img');
  const report = JSON.parse(told.stdout);
  expect(told.status).toBe(4);
  expect([report.findings.length, report.omitted, report.counts.error]).toEqual([1, 1, 2]);
  expect(check('--max-findings', '0', 'leaked.img').stdout).toMatch(/\(2 errors\)\n$/);
  expect(check('--junit', '-', '--max-findings', '0', 'leaked.img').stdout).toContain('failures="1"');
  for (const text of ['-1', 'x', '1.5', ''])
    expect(check('--max-findings', text, 'leaked.img').status).toBe(16);
});

test('--quiet: the exit status tells, and errors are still said', () => {
  expect(check('-q', 'leaked.img')).toMatchObject({ status: 4, stdout: '', stderr: '' });
  expect(check('--quiet', 'clean.img')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  expect(check('--quiet', 'missing.img').stderr).toMatch(/: no such file\n$/);
  expect(JSON.parse(check('-q', '--json', 'clean.img').stdout).state).toBe('clean');
});

test('standard output takes one form', () => {
  for (const flags of [
    ['--json', '--tap'],
    ['--json', '--jsonl'],
    ['--junit', '-', '--sarif', '-'],
    ['--tap', '--sarif', '-'],
  ]) {
    const told = check(...flags, 'clean.img');
    expect([flags, told.status, told.stdout]).toEqual([flags, 16, '']);
  }
});

describe('files of reports', () => {
  test('a folder, the image itself and a folder that is not there are refused before any work', () => {
    mkdirSync(path('folder.xml'));
    symlinkSync(path('leaked.img'), path('link.xml'));
    const before = statSync(path('leaked.img'));
    const refused = [
      ['folder.xml', 8],
      ['leaked.img', 16],
      ['link.xml', 16],
    ] as const;
    for (const [file, status] of refused) {
      for (const option of ['--junit', '--sarif']) {
        const told = check(option, file, 'clean.img', 'leaked.img');
        expect([file, told.status, told.stdout]).toEqual([file, status, '']);
        expect(told.stderr).toMatch(/^xfskit check: [^\n]+\n$/);
      }
    }
    expect(check('--junit', path('nowhere/report.xml'), 'clean.img').status).toBe(8);
    expect(statSync(path('leaked.img')).mtimeMs).toBe(before.mtimeMs);
  });
  test('appear whole: what was there is replaced, through a link too, and nothing else is left', () => {
    writeFileSync(path('real.xml'), 'before', { mode: 0o600 });
    symlinkSync(path('real.xml'), path('there.xml'));
    expect(check('--junit', 'there.xml', 'clean.img').status).toBe(0);
    expect(readFileSync(path('real.xml'), 'utf8')).toMatch(/<\/testsuites>\n$/);
    expect(statSync(path('real.xml')).mode & 0o777).toBe(0o600);
    expect(readdirSync(temporaryDirectory()).filter((name) => name.endsWith('.part'))).toEqual([]);
    expect(check('--sarif', '/dev/null', 'clean.img').status).toBe(0);
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
    const full = check('--sarif', '/dev/full', 'leaked.img');
    expect([full.status, full.stderr]).toEqual([12, 'xfskit check: /dev/full: no space left\n']);
  });
});

test('--partition and --offset find the filesystem in a disk image', () => {
  const disk = path('disk.img');
  writeFileSync(disk, '');
  truncateSync(disk, 80 * 2 ** 20);
  const sector = new Uint8Array(512);
  const view = new DataView(sector.buffer);
  sector[446 + 4] = 0x83;
  view.setUint32(446 + 8, 2048, true);
  view.setUint32(446 + 12, (64 * 2 ** 20) / 512, true);
  sector.set([0x55, 0xaa], 510);
  const bytes = readFileSync(disk);
  bytes.set(sector, 0);
  bytes.set(readFileSync(path('leaked.img')), 2 ** 20);
  writeFileSync(disk, bytes);
  expect(check('--partition', '1', 'disk.img').status).toBe(4);
  expect(check('--offset', '1m', 'disk.img').status).toBe(4);
  expect(check('disk.img').status).toBe(8);
  expect(check('--partition', '2', 'disk.img')).toMatchObject({ status: 8, stdout: '' });
  for (const flags of [
    ['--partition', '0'],
    ['--partition', 'x'],
    ['--offset', 'x'],
    ['--partition', '1', '--offset', '0'],
  ])
    expect([flags, check(...flags, 'disk.img').status]).toEqual([flags, 16]);
});

test('-l looks into an external log, -r at the size of the realtime device', () => {
  const log = path('log.device');
  const rt = path('rt.device');
  for (const [file, size] of [
    [log, 64 * 2 ** 20],
    [rt, 32 * 2 ** 20],
  ] as const) {
    writeFileSync(file, '');
    truncateSync(file, size);
  }
  const place = [
    '-d',
    'size=64m',
    '-l',
    `logdev=${log},size=20m`,
    '-r',
    `rtdev=${rt}`,
    '-m',
    'rmapbt=0,reflink=0',
  ];
  const made = xfskit(['mkfs', '-q', '--unsupported', ...place, path('sides.img')]);
  expect([made.status, made.stderr.replace(/^Filesystems .*\n/, '')]).toEqual([0, '']);
  const logOf = (...flags: string[]): string => JSON.parse(check('--json', ...flags, 'sides.img').stdout).log;
  expect(logOf()).toMatch(/^external/);
  expect(logOf('-l', log)).toBe('clean');
  expect(check('-l', log, '-r', rt, 'sides.img').status).toBe(0);
  truncateSync(rt, 2 ** 20);
  const short = JSON.parse(check('--json', '-r', rt, 'sides.img').stdout);
  expect([short.exit, short.findings.map(({ code }: { code: string }) => code)]).toEqual([
    4,
    ['DEVICE_SHORT'],
  ]);
  expect(JSON.parse(check('--json', '--only', 'rmap', '-r', rt, 'sides.img').stdout).exit).toBe(0);
  writeFileSync(log, Buffer.alloc(20 * 2 ** 20, 'no log at all'));
  expect(logOf('-l', log)).toMatch(/^unreadable/);
  for (const [flag, file] of [
    ['-l', log],
    ['-r', rt],
  ] as const) {
    const told = check(flag, file, 'clean.img');
    expect([told.status, told.stderr]).toEqual([8, expect.stringMatching(/clean\.img: .*; -[lr] is for/)]);
    expect(check(flag, path('gone'), 'sides.img').status).toBe(8);
  }
});

test('a form that is not asked for costs nothing: its module is not evaluated', () => {
  const script = `const before = new Set(process.moduleLoadList);
    require(process.argv[1]).load().main(['check', '-q', process.argv[2]]).then(() => {
      process.stderr.write(process.moduleLoadList.filter((name) => !before.has(name)).join(' '));
    });`;
  const loader = join(repository, 'bin', 'load.cjs');
  const { stderr } = run(process.execPath, ['-e', script, loader, path('clean.img')]);
  expect(stderr).toMatch(/NativeModule/);
  expect(stderr).not.toMatch(
    /NativeModule (crypto|child_process|readline|zlib|stream\/web|worker_threads)\b/,
  );
});
