/** How the command starts: its bundle, the compiled form kept beside it, and what that costs. */
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
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
  const taken = () => {
    const script = `const { script } = require(process.argv[1]).compile();
      process.stdout.write(String(script.cachedDataRejected));`;
    return run(process.execPath, ['-e', script, join(root, 'bin', 'load.cjs')]).stdout;
  };
  const plain = start();
  expect(plain.status).toBe(0);
  expect(plain.stdout).toContain('xfs_db');
  expect(taken()).toBe('undefined');
  const make = () => run(process.execPath, [join(root, 'bin', 'cache.cjs')]);
  expect(make()).toMatchObject({ status: 0, stdout: '', stderr: '' });
  expect(caches().length).toBe(1);
  expect(taken()).toBe('false');
  expect(start()).toEqual(plain);
  // V8 with other flags refuses it.
  expect(start('--no-lazy')).toEqual(plain);
  // One that was cut off, or has a bad byte anywhere, which V8 would not see, is left alone; the next install mends it.
  const cache = join(root, 'dist', caches()[0]!);
  const sound = readFileSync(cache);
  for (const at of [undefined, 0, 100_000, sound.length / 2 - 1, sound.length / 2, sound.length - 50_000]) {
    if (at === undefined) truncateSync(cache, 1000);
    else
      writeFileSync(
        cache,
        sound.map((byte, i) => (i === at ? byte ^ 0x10 : byte)),
      );
    expect(taken()).toBe('undefined');
    expect(start()).toEqual(plain);
  }
  make();
  expect(taken()).toBe('false');
  // Of another bundle, be it as long to the byte, it is not taken.
  const bundle = join(root, 'dist', 'xfskit.js');
  const text = readFileSync(bundle, 'latin1');
  const hash = text.slice(-17, -1);
  writeFileSync(bundle, text.replace(hash, hash.split('').reverse().join('')));
  expect(taken()).toBe('undefined');
  make();
  expect(caches().length).toBe(1);
  expect(taken()).toBe('false');
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
