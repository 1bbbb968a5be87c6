/** How the command starts: its bundle, the compiled form kept beside it, and what that costs. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { repository, run, temporaryDirectory } from '../../support/oracle.ts';

test('a start loads none of the costly parts of Node', () => {
  const loader = join(repository, 'bin', 'load.cjs');
  // What each costs is in docs/DESIGN.md, "One bundle"; `npm run bench` has the times.
  const script = `const before = new Set(process.moduleLoadList);
    require(process.argv[1]).load().main(['--version']).then(() => {
      process.stderr.write(process.moduleLoadList.filter((name) => !before.has(name)).join(' '));
    });`;
  const { status, stdout, stderr } = run(process.execPath, ['-e', script, loader]);
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^xfskit \d+/)]);
  expect(stderr).toMatch(/NativeModule/);
  expect(stderr).not.toMatch(/NativeModule (crypto|child_process|readline|os|zlib|worker_threads)\b/);
});

test('a command of db loads what it needs of the bundle, and no streams', () => {
  const image = join(temporaryDirectory(), 'image');
  expect(run(join(repository, 'bin', 'xfskit'), ['mkfs', '-q', '--unsupported', image, '64m']).status).toBe(
    0,
  );
  const script = `const before = new Set(process.moduleLoadList);
    const whole = new (require(process.argv[1]).Bundle)();
    const lines = ['sb 0', 'print', 'addr rootino', 'fsblock 1', 'stack'].flatMap((line) => ['-c', line]);
    whole.chunk(whole.entry).main(['db', ...lines, process.argv[2]]).then(() => {
      const more = process.moduleLoadList.filter((name) => !before.has(name)).join(' ');
      const bytes = whole.places.reduce((sum, [, length], i) => sum + (whole.scripts[i] ? length : 0), 0);
      process.stderr.write(JSON.stringify({ more, bytes }));
    });`;
  const loader = join(repository, 'bin', 'load.cjs');
  const { status, stdout, stderr } = run(process.execPath, ['-e', script, loader, image]);
  expect([status, stdout]).toEqual([0, expect.stringContaining('magicnum = 0x58465342')]);
  const { more, bytes } = JSON.parse(stderr);
  expect(more).not.toMatch(/NativeModule (stream|net|tty|crypto|child_process|readline|os)\b/);
  // Of some 1,240,000. A module that every session imports may cost a millisecond for each 100,000.
  expect(bytes).toBeGreaterThan(100_000);
  expect(bytes).toBeLessThan(350_000);
});

/** A copy of what is installed, in a folder of its own. */
function installed(): { readonly root: string; readonly caches: () => string[] } {
  const root = mkdtempSync(join(temporaryDirectory(), 'installed-'));
  for (const part of ['bin', 'dist']) cpSync(join(repository, part), join(root, part), { recursive: true });
  const caches = () => readdirSync(join(root, 'dist')).filter((name) => name.endsWith('.cache'));
  for (const name of caches()) rmSync(join(root, 'dist', name));
  return { root, caches };
}

test('the compiled form: made by an install, taken by this bundle and this Node alone, never needed', () => {
  const { root, caches } = installed();
  const start = (...args: string[]) =>
    run(process.execPath, [...args, join(root, 'bin', 'xfskit'), 'help', 'db']);
  /** Of which packs the compiled form is taken: all of them, none, or one character for each. */
  const taken = (...command: string[]) => {
    const script = `const whole = new (require(process.argv[1]).Bundle)();
      const taken = whole.places.map((_, i) => whole.script(i).cachedDataRejected === false);
      process.stdout.write(taken.map(Number).join('').replace(/^(.)\\1+$/, '$1'));`;
    return run(process.execPath, ['-e', script, join(root, 'bin', 'load.cjs'), ...command]).stdout;
  };
  const plain = start();
  expect(plain.status).toBe(0);
  expect(plain.stdout).toContain('xfs_db');
  expect(taken()).toBe('0');
  const make = () => run(process.execPath, [join(root, 'bin', 'cache.cjs')]);
  expect(make()).toMatchObject({ status: 0, stdout: '', stderr: '' });
  // One for the settings of check, one for those of Node.
  expect(caches().length).toBe(2);
  expect([taken(), taken('check')]).toEqual(['1', '1']);
  expect(start()).toEqual(plain);
  // V8 with other flags refuses it.
  expect(start('--no-lazy')).toEqual(plain);
  // One that was cut off, or has a bad byte anywhere, which V8 would not see, is left alone; the next install mends it.
  const cache = join(root, 'dist', caches().find((name) => !name.includes('-check'))!);
  const sound = readFileSync(cache);
  for (const at of [0, 700, 100_000, sound.length >> 1, sound.length - 5000]) {
    writeFileSync(
      cache,
      sound.map((byte, i) => (i === at ? byte ^ 0x10 : byte)),
    );
    // A bad place of the table at the head makes it useless as a whole, any other the one pack it belongs to.
    expect(taken()).toMatch(at < 1000 ? /^0$/ : /^1*01*$/);
    expect(start()).toEqual(plain);
  }
  for (const length of [1000, sound.length - 5000, 0]) {
    writeFileSync(cache, sound.subarray(0, length));
    expect(taken()).toMatch(/0/);
    expect(start()).toEqual(plain);
  }
  make();
  expect(taken()).toBe('1');
  // Of another bundle, be it as long to the byte, it is not taken.
  const bundle = join(root, 'dist', 'xfskit.js');
  const text = readFileSync(bundle, 'latin1');
  const [hash] = /[0-9a-f]{16}/.exec(text)!;
  writeFileSync(bundle, text.replace(hash, hash.split('').reverse().join('')));
  expect(taken()).toBe('0');
  make();
  expect(caches().length).toBe(2);
  expect([taken(), taken('check')]).toEqual(['1', '1']);
});

test('a running process is not disturbed by an install', () => {
  const { root } = installed();
  const script = `const whole = new (require(process.argv[1]).Bundle)();
    const { main } = whole.chunk(whole.entry);
    for (const name of ['xfskit.js', 'xfskit.js.map']) require('node:fs').rmSync(process.argv[2] + '/' + name);
    main(['db', '--help']);`;
  const arguments_ = [join(root, 'bin', 'load.cjs'), join(root, 'dist')];
  const { status, stdout, stderr } = run(process.execPath, ['-e', script, ...arguments_]);
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^Usage: xfskit db .*\n/);
  expect(stdout).toContain('blockget');
});

test('without a bundle: one line that says what to do, and nothing for an install to complain of', () => {
  const { root } = installed();
  rmSync(join(root, 'dist'), { recursive: true });
  const missing = run(process.execPath, [join(root, 'bin', 'xfskit'), '--version']);
  expect(missing.status).toBe(8);
  expect(missing.stderr).toMatch(/^xfskit: .*xfskit\.js is missing: run "npm ci" .*\n$/);
  const dropIn = run(process.execPath, [join(root, 'bin', 'compat', 'mkfs.xfs'), 'x']);
  expect(dropIn.status).toBe(1);
  expect(dropIn.stderr).toMatch(/^mkfs\.xfs: .* is missing: .*\n$/);
  const cache = run(process.execPath, [join(root, 'bin', 'cache.cjs')]);
  expect(cache).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

test('started by a link, from elsewhere, and with traces in terms of the sources', () => {
  const link = join(temporaryDirectory(), 'linked');
  symlinkSync(join(repository, 'bin', 'xfskit'), link);
  expect(run(link, ['--version'], { cwd: '/' }).stdout).toMatch(/^xfskit \d/);
  const traced = run(link, ['db', '/nowhere'], { cwd: '/', env: { XFSKIT_DEBUG: '1' } });
  expect(traced.stderr).toContain('src/device/open.ts:');
});
