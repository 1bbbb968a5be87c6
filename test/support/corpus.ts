/**
 * Real XFS images for tests: formatted by mkfs.xfs, filled by the kernel, unmounted, called clean by xfs_repair.
 *
 *   const image = await corpusImage('rmap4k');          // read only, shared by all test files
 *   const mine = await corpusCopy('rmap4k');            // a sparse copy to change
 *
 * Images are made on first use and kept in a folder of the temporary directory that is named after the version of
 * the recipe, the kernel and xfsprogs, so that test files (and later runs) share them. A lock folder with the
 * maker's process id keeps two workers from making the same image; an image appears by rename, whole. Folders
 * that nobody has used for a day are removed.
 */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { populate } from './corpus/populate.ts';
import { CORPUS, type CorpusRow } from './corpus/rows.ts';
import {
  attachLoop,
  mountImage,
  mustRun,
  run,
  smallFilesystems,
  temporaryDirectory,
  xfskit,
} from './oracle.ts';
import { fileDigest } from './tree.ts';

export { CORPUS, type CorpusRow } from './corpus/rows.ts';

/** Names of all images. */
export const corpusNames: readonly string[] = CORPUS.map((row) => row.name);

const DAY = 24 * 3600 * 1000;

let folder: string | undefined;

/** Everything that decides what an image holds. */
function recipeVersion(): string {
  const hash = createHash('sha256');
  const here = fileURLToPath(new URL('.', import.meta.url));
  for (const dir of [here, join(here, 'corpus')]) {
    for (const name of readdirSync(dir).sort()) {
      if (
        dir === here &&
        !['corpus.ts', 'tar.ts', 'xfsio.ts', 'random.ts', 'leak.ts', 'tree.ts'].includes(name)
      )
        continue;
      if (name.endsWith('.ts')) hash.update(readFileSync(join(dir, name)));
    }
  }
  hash.update(release()).update(run('mkfs.xfs', ['-V']).stdout);
  return hash.digest('hex').slice(0, 12);
}

/** The folder of cached images, made when missing. */
export function cacheFolder(): string {
  if (folder !== undefined) return folder;
  const parent = process.env.XFSKIT_SCRATCH ?? tmpdir();
  folder = join(parent, `xfskit-corpus-${recipeVersion()}`);
  mkdirSync(folder, { recursive: true });
  const now = Date.now();
  utimesSync(folder, now / 1000, now / 1000);
  for (const name of readdirSync(parent)) {
    if (!/^xfskit-corpus-[0-9a-f]{12}$/.test(name)) continue;
    const other = join(parent, name);
    try {
      if (now - statSync(other).mtimeMs > DAY) rmSync(other, { recursive: true, force: true });
    } catch {
      // Another run removed it first.
    }
  }
  return folder;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Takes the lock of `path`; false when another living process holds it. A lock of a dead one is broken. */
function takeLock(path: string): boolean {
  try {
    writeFileSync(`${path}.lock`, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  try {
    const holder = Number(readFileSync(`${path}.lock`, 'utf8'));
    const fresh = Date.now() - statSync(`${path}.lock`).mtimeMs < 2000;
    if ((holder > 0 && isRunning(holder)) || (holder === 0 && fresh)) return false;
    // Only one of several waiters can rename it away.
    renameSync(`${path}.lock`, `${path}.lock.${process.pid}`);
    rmSync(`${path}.lock.${process.pid}`, { force: true });
  } catch {
    // Released or broken by another in between.
  }
  return false;
}

/**
 * A cached folder `name`, made by `make` when nobody has made it yet. `make` gets a folder of its own that becomes
 * the cached one when it returns.
 */
export async function cached(name: string, make: (into: string) => void | Promise<void>): Promise<string> {
  const done = join(cacheFolder(), name);
  while (!existsSync(done)) {
    if (!takeLock(done)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      continue;
    }
    try {
      if (existsSync(done)) break;
      const making = mkdtempSync(`${done}.making-`);
      try {
        await make(making);
        renameSync(making, done);
      } finally {
        rmSync(making, { recursive: true, force: true });
      }
    } finally {
      rmSync(`${done}.lock`, { force: true });
    }
  }
  return done;
}

/**
 * Formats a new image of `sizeMiB`. A log size that mkfs.xfs finds too small is replaced by the smallest that it
 * takes (it says so in blocks, by the default block size if the options give none); 0 is its own default.
 */
export function makeFilesystem(
  image: string,
  sizeMiB: number,
  logMiB: number,
  options: readonly string[],
  log?: string,
  program: 'mkfs.xfs' | 'xfskit' = 'mkfs.xfs',
): void {
  writeFileSync(image, '');
  truncateSync(image, sizeMiB * 1024 * 1024);
  const make = (logBytes: number): { status: number | null; stderr: string } => {
    const size = logBytes > 0 ? [`size=${logBytes}`] : [];
    if (log !== undefined) {
      writeFileSync(log, '');
      truncateSync(log, logBytes);
      size.unshift(`logdev=${log}`);
    }
    const logOptions = size.length > 0 ? ['-l', size.join(',')] : [];
    const args = ['-q', '-f', '-K', ...logOptions, ...options, image];
    const env = smallFilesystems;
    return program === 'xfskit' ? xfskit(['mkfs', ...args], { env }) : run(program, args, { env });
  };
  let made = make(logMiB * 1024 * 1024);
  const least = /(?:minimum size is|must be at least) (\d+)/.exec(made.stderr);
  const given = options[options.indexOf('-b') + 1];
  const blockSize = options.includes('-b') ? Number(given?.split('=')[1]) : 4096;
  if (made.status !== 0 && least) made = make(Number(least[1]) * blockSize);
  if (made.status !== 0) throw new Error(`${program} ${options.join(' ')}: ${made.stderr}`);
}

async function build(row: CorpusRow, into: string): Promise<void> {
  const image = join(into, 'image');
  const log = row.externalLog ? join(into, 'log') : undefined;
  const seed = CORPUS.indexOf(row) + 1;
  const uuid = `0000${String(seed).padStart(4, '0')}-0000-4000-8000-000000000001`;
  makeFilesystem(image, row.sizeMiB, row.logMiB, [...row.mkfs, '-m', `uuid=${uuid}`], log);
  const loop = log === undefined ? undefined : attachLoop(log);
  const mountPoint = mkdtempSync(join(temporaryDirectory(), `corpus-`));
  try {
    const unmount = mountImage(image, mountPoint, loop ? [`logdev=${loop.device}`] : []);
    try {
      await populate(mountPoint, row, seed);
    } finally {
      unmount();
    }
  } finally {
    loop?.detach();
  }
  if (row.changeUuid) mustRun('xfs_admin', ['-U', '99999999-aaaa-4bbb-8ccc-dddddddddddd', image]);
  mustRun('xfs_repair', ['-n', '-o', 'force_geometry', ...(log ? ['-l', log] : []), image], {
    timeout: 300_000,
  });
  writeFileSync(join(into, 'digest'), fileDigest(image));
  for (const file of log ? [image, log] : [image]) chmodSync(file, 0o444);
}

export function corpusRow(name: string): CorpusRow {
  const row = CORPUS.find((candidate) => candidate.name === name);
  if (!row) throw new Error(`no corpus image "${name}"; there are ${corpusNames.join(' ')}`);
  return row;
}

/** Path of a clean image, shared: never write to it. Its external log, if it has one, is the file `log` beside it. */
export async function corpusImage(name: string): Promise<string> {
  const row = corpusRow(name);
  return join(await cached(name, (into) => build(row, into)), 'image');
}

/** Digest of a corpus image as it was made (`fileDigest`). */
export function corpusDigest(name: string): string {
  return readFileSync(join(cacheFolder(), name, 'digest'), 'utf8');
}

/** A sparse copy of an image in the test file's scratch folder, to change at will. */
export async function corpusCopy(name: string): Promise<string> {
  return copyImage(await corpusImage(name));
}

/** A sparse, writable copy of any image. */
export function copyImage(image: string): string {
  const copy = join(mkdtempSync(join(temporaryDirectory(), 'copy-')), 'image');
  mustRun('cp', ['--sparse=always', '--no-preserve=mode', image, copy]);
  return copy;
}
