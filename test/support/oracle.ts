/**
 * The oracle: xfsprogs and the kernel's XFS, where this machine has them.
 *
 * `describeXfsprogs` needs the programs, `describeKernel` also root, XFS in the kernel and loop devices. Where
 * something is missing the group is skipped and the reason said on stderr; under CI=true that is a failing
 * test instead, so that a pipeline cannot go green without its oracle.
 *
 * Invariants: an image is mounted only after `xfs_repair -n` called it clean; every mount, loop device and
 * scratch folder has a guardian process that takes it down when this process ends in whatever way (a pipe to
 * it closes even on SIGKILL; jest's sandbox does not pass process events on to tests).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, test } from '@jest/globals';

export interface RunResult {
  /** Exit status; null when a signal (or the time limit) ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly signal: string | null;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  /** Milliseconds; default 60,000. */
  readonly timeout?: number;
  /** Added to the environment; undefined removes a name. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Runs as this user and group (root only). */
  readonly uid?: number;
}

/** Root folder of the repository. */
export const repository = fileURLToPath(new URL('../..', import.meta.url));

/** Lets mkfs.xfs make filesystems below 300 MB. */
export const smallFilesystems = { TEST_DIR: 'x', TEST_DEV: 'x', QA_CHECK_FS: 'x' } as const;

/** Runs a program to its end; a missing program is status 127, never an exception. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): RunResult {
  const env: NodeJS.ProcessEnv = { ...process.env, LC_ALL: 'C', ...options.env };
  for (const name of Object.keys(env)) if (env[name] === undefined) delete env[name];
  // Administration programs live in sbin, which is not on every user's PATH.
  env.PATH = `${env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`;
  const result = spawnSync(command, [...args], {
    env,
    encoding: 'utf8',
    timeout: options.timeout ?? 60_000,
    killSignal: 'SIGKILL',
    maxBuffer: 256 * 1024 * 1024,
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
  });
  // EACCES: not in the readable part of PATH, and some part of PATH is closed to this user.
  const failure = (result.error as NodeJS.ErrnoException | undefined)?.code;
  const missing = failure === 'ENOENT' || failure === 'EACCES';
  return {
    status: missing ? 127 : result.status,
    stdout: result.stdout ?? '',
    stderr: result.stderr ?? '',
    signal: result.signal,
  };
}

/** Runs a program that must succeed; the error carries what it printed. */
export function mustRun(command: string, args: readonly string[], options: RunOptions = {}): RunResult {
  const result = run(command, args, options);
  if (result.status !== 0) {
    throw new Error(
      `${command} ${args.join(' ')}: ${result.signal ?? `exit ${result.status}`}\n${result.stdout}${result.stderr}`,
    );
  }
  return result;
}

const NOBODY = 65534;

/**
 * Runs our own command line without the power of root over permissions: as user 65534, from a copy it can read
 * wherever the checkout lies. `temporaryDirectory()` is opened for it.
 */
export function xfskitUnprivileged(args: readonly string[]): RunResult {
  if (process.getuid?.() !== 0) return xfskit(args);
  const copy = join(temporaryDirectory(), 'xfskit-copy');
  for (const part of ['bin', 'dist']) cpSync(join(repository, part), join(copy, part), { recursive: true });
  chmodSync(temporaryDirectory(), 0o755);
  return run(process.execPath, [join(copy, 'bin', 'xfskit'), ...args], { uid: NOBODY, cwd: '/' });
}

/** Runs our own command line, as built into dist/. */
export function xfskit(args: readonly string[], options: RunOptions = {}): RunResult {
  return run(process.execPath, [join(repository, 'bin', 'xfskit'), ...args], options);
}

// --- what is missing here -------------------------------------------------------------------------------

let missingXfsprogs: string | undefined;
let missingKernel: string | undefined;
let probedXfsprogs = false;
let probedKernel = false;

/** Why tests with xfsprogs cannot run here; undefined when they can. */
export function whyNoXfsprogs(): string | undefined {
  if (!probedXfsprogs) {
    probedXfsprogs = true;
    const absent = ['mkfs.xfs', 'xfs_db', 'xfs_repair', 'xfs_io'].filter(
      (name) => run(name, ['-V']).status !== 0,
    );
    missingXfsprogs = absent.length > 0 ? `xfsprogs is not installed (${absent.join(', ')})` : undefined;
  }
  return missingXfsprogs;
}

/** Why tests that mount cannot run here; undefined when they can. */
export function whyNoKernel(): string | undefined {
  if (!probedKernel) {
    probedKernel = true;
    missingKernel = whyNoXfsprogs() ?? probeKernel();
  }
  return missingKernel;
}

function probeKernel(): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  if (!kernelKnowsXfs()) {
    run('modprobe', ['xfs']);
    if (!kernelKnowsXfs()) return 'this kernel has no XFS';
  }
  const folder = mkdtempSync(join(tmpdir(), 'xfskit-probe-'));
  try {
    const file = join(folder, 'probe');
    writeFileSync(file, '');
    truncateSync(file, 1024 * 1024);
    const attached = run('losetup', ['--find', '--show', file]);
    if (attached.status !== 0) return `loop devices do not work (${attached.stderr.trim()})`;
    run('losetup', ['--detach', attached.stdout.trim()]);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function kernelKnowsXfs(): boolean {
  try {
    return /\bxfs$/m.test(readFileSync('/proc/filesystems', 'latin1'));
  } catch {
    return false;
  }
}

const said = new Set<string>();

/** A group of tests that needs something: `why` says what is missing. Skipped loudly then, failing under CI=true. */
export function describeWith(why: () => string | undefined, name: string, body: () => void): void {
  const reason = why();
  if (reason === undefined) {
    describe(name, body);
    return;
  }
  if (process.env.CI === 'true') {
    describe(name, () => {
      test('has its oracle', () => {
        throw new Error(`CI=true, but ${reason}: "${name}" cannot be skipped here`);
      });
    });
    return;
  }
  if (!said.has(name)) process.stderr.write(`\n*** SKIPPED: "${name}": ${reason}\n`);
  said.add(name);
  describe.skip(name, body);
}

/** A group of tests that runs xfsprogs. */
export function describeXfsprogs(name: string, body: () => void): void {
  describeWith(whyNoXfsprogs, name, body);
}

/** One test that runs xfsprogs. */
export function testXfsprogs(name: string, body: () => void | Promise<void>, timeout?: number): void {
  describeWith(whyNoXfsprogs, name, () => test(name, body, timeout));
}

/** A group of tests that mounts or attaches loop devices (and runs xfsprogs). */
export function describeKernel(name: string, body: () => void): void {
  describeWith(whyNoKernel, name, body);
}

// --- scratch folders, mounts, loop devices ---------------------------------------------------------------

/** A process that runs `script` ($1..) when this one ends, unless it is dismissed first. */
function guard(script: string, args: readonly string[]): () => void {
  const child: ChildProcess = spawn('/bin/sh', ['-c', `cat >/dev/null; ${script}`, 'sh', ...args], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.unref();
  (child.stdin as unknown as { unref?: () => void }).unref?.();
  return () => {
    child.kill('SIGKILL');
  };
}

let scratch: string | undefined;

/** A scratch folder of this test file; gone when the file's tests have ended. */
export function temporaryDirectory(): string {
  if (scratch === undefined) {
    const folder = mkdtempSync(join(process.env.XFSKIT_SCRATCH ?? tmpdir(), 'xfskit-test-'));
    scratch = folder;
    const dismiss = guard('sleep 2; rm -rf --one-file-system -- "$1"', [folder]);
    scratchEnds.push(() => {
      rmSync(folder, { recursive: true, force: true });
      dismiss();
    });
  }
  return scratch;
}

const scratchEnds: (() => void)[] = [];
const undo = new Set<() => void>();

// Registered when a test file imports this module, so it runs after that file's own hooks and tests.
afterAll(() => {
  for (const takeDown of [...undo].reverse()) takeDown();
  for (const end of scratchEnds.splice(0)) end();
  scratch = undefined;
});

/**
 * `xfs_repair -n` on an image, with its external log and realtime device if it has them; clean is status 0. One AG is enough for it.
 * Without prefetching (-P) the verdict is the same, and a thousand AGs take half a second in place of nine.
 */
export function repairCheck(
  image: string,
  options: RunOptions = {},
  log?: string,
  realtime?: string,
): RunResult {
  const external = [
    ...(log === undefined ? [] : ['-l', log]),
    ...(realtime === undefined ? [] : ['-r', realtime]),
  ];
  return run('xfs_repair', ['-n', '-P', '-o', 'force_geometry', ...external, image], options);
}

/**
 * Mounts an image on `dir` (made when missing) and returns what unmounts it. Refuses an image that `xfs_repair -n`
 * does not call clean: a damaged image can take the machine down. `options` are mount options.
 */
export function mountImage(image: string, dir: string, options: readonly string[] = []): () => void {
  const log = options.find((option) => option.startsWith('logdev='))?.slice('logdev='.length);
  const checked = repairCheck(image, { timeout: 300_000 }, log);
  if (checked.status !== 0) {
    throw new Error(
      `not mounted: xfs_repair -n ${image} says ${checked.status}\n${checked.stdout}${checked.stderr}`,
    );
  }
  return mountAgain(image, dir, options);
}

/**
 * Mounts without asking xfs_repair, which does not replay a log: only for an image that it called clean and to which
 * nothing but the kernel has written since, as after a shutdown.
 */
export function mountAgain(image: string, dir: string, options: readonly string[] = []): () => void {
  mkdirSync(dir, { recursive: true });
  const dismiss = guard('umount -- "$1" || umount -l -- "$1"', [dir]);
  // nouuid: copies of one image may be mounted by two test files at once.
  const mounted = run('mount', ['-t', 'xfs', '-o', ['loop', 'nouuid', ...options].join(','), image, dir]);
  if (mounted.status !== 0) {
    dismiss();
    throw new Error(`mount ${image}: ${mounted.stderr.trim()}\n${run('dmesg', []).stdout.slice(-2000)}`);
  }
  let up = true;
  const unmount = (): void => {
    if (!up) return;
    up = false;
    undo.delete(unmount);
    const down = run('umount', [dir]);
    if (down.status !== 0) run('umount', ['-l', dir]);
    dismiss();
    if (down.status !== 0) throw new Error(`umount ${dir}: ${down.stderr.trim()}`);
  };
  undo.add(unmount);
  return unmount;
}

/** Mounts an image while `body` runs; unmounted however that ends. */
export function withMounted<T>(
  image: string,
  body: (mountPoint: string) => T,
  options: readonly string[] = [],
): T {
  const mountPoint = mkdtempSync(join(temporaryDirectory(), 'mnt-'));
  const unmount = mountImage(image, mountPoint, options);
  try {
    return body(mountPoint);
  } finally {
    unmount();
  }
}

/** Attaches a loop device; `detach` is also done when the tests of the file end. */
export function attachLoop(
  image: string,
  options: readonly string[] = [],
): { readonly device: string; readonly detach: () => void } {
  const device = mustRun('losetup', [...options, '--find', '--show', image]).stdout.trim();
  const dismiss = guard('losetup --detach "$1"', [device]);
  let up = true;
  const detach = (): void => {
    if (!up) return;
    up = false;
    undo.delete(detach);
    run('losetup', ['--detach', device]);
    dismiss();
  };
  undo.add(detach);
  return { device, detach };
}
