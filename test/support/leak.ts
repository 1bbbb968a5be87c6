/**
 * Images with what a crash leaves behind: CoW staging extents that no file will ever get, and unlinked inodes.
 *
 * `leakImage` has them under a CLEAN log, so that the metadata on disk is all there is: files with a CoW extent
 * size hint are cloned and written in places with direct I/O, other files are unlinked while open, the filesystem
 * is frozen (everything reaches its place on disk) and the image copied; then xfs_db writes a fresh log into the
 * copy. `dirtyImage` has a log that needs replay.
 *
 * The truth about the leaks is read from the refcount btree by xfs_db and must agree with what xfs_repair -n says.
 */
import {
  chmodSync,
  closeSync,
  copyFileSync,
  fstatSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { cached, makeFilesystem } from './corpus.ts';
import { mountImage, mustRun, repairCheck, run, temporaryDirectory } from './oracle.ts';
import { Random } from './random.ts';
import { readTree, type Tree } from './tree.ts';
import { xfsIo } from './xfsio.ts';

/** [agno, agbno, blocks], sorted. */
export type StagingExtent = readonly [number, number, number];

export interface LeakTruth {
  readonly staging: readonly StagingExtent[];
  /** Sum of their lengths. */
  readonly stagingBlocks: number;
  /** Numbers of inodes that are unlinked and still allocated, sorted. */
  readonly orphans: readonly number[];
  /** The tree as the kernel showed it just before the copy. */
  readonly tree: Tree;
}

export interface LeakImage extends LeakTruth {
  /** Shared: never write to it. */
  readonly image: string;
}

const BASE_BLOCKS = 256;

/** xfs_io commands that leave staging extents: clones of one file with a CoW hint, each written in one to three places. */
function leakCommands(random: Random, files: number, blockSize: number): string[] {
  const commands: string[] = [];
  for (let i = 0; i < files; i++) {
    commands.push(`open -f -d c${i}`, `cowextsize ${[65536, 131072, 262144][i % 3]}`, 'reflink -q base');
    for (let k = 0; k < 1 + (i % 3); k++) {
      const length = Math.max(blockSize, 4096);
      commands.push(`pwrite -q ${random.below(BASE_BLOCKS / 4) * 4 * blockSize} ${length}`);
    }
  }
  return commands;
}

/** Makes the leaks on a mounted filesystem; returns the open descriptors that keep them, and the orphans. */
function makeLeaks(root: string, seed: number, blockSize: number): { open: number[]; orphans: number[] } {
  const random = new Random(seed);
  const files = 30 + random.below(20);
  writeFileSync(join(root, 'base'), random.bytes(BASE_BLOCKS * blockSize));
  xfsIo(root, ['open base', 'fsync', ...leakCommands(random, files, blockSize)]);
  // Open descriptors keep the inodes in memory: the kernel frees staging extents when it drops an inode.
  const open = Array.from({ length: files }, (_, i) => openSync(join(root, `c${i}`), 'r'));
  const orphans: number[] = [];
  for (let i = 0; i < 25; i++) {
    const path = join(root, `orphan${i}`);
    const file = openSync(path, 'wx');
    writeSync(file, random.bytes(5000));
    fsyncSync(file);
    orphans.push(fstatSync(file).ino);
    unlinkSync(path);
    open.push(file);
  }
  return { open, orphans: orphans.sort((a, b) => a - b) };
}

/** Value of one field of the primary superblock. */
function superblockField(image: string, field: string): number {
  return Number(mustRun('xfs_db', ['-r', '-c', 'sb 0', '-c', `p ${field}`, image]).stdout.split(' = ')[1]);
}

/** Replaces the log by an empty one at a later cycle, as xfs_db does; xfs_db itself refuses a dirty log. */
function formatLog(image: string): void {
  const cycles = [...run('xfs_logprint', ['-t', image]).stdout.matchAll(/cycle: (\d+)/g)].map((m) =>
    Number(m[1]),
  );
  const start = superblockField(image, 'logstart');
  const converted = mustRun('xfs_db', ['-r', '-c', `convert fsblock ${start} byte`, image]).stdout;
  const offset = Number(/\((\d+)\)/.exec(converted)?.[1]);
  const length = superblockField(image, 'logblocks') * superblockField(image, 'blocksize');
  mustRun('fallocate', ['--zero-range', '-o', String(offset), '-l', String(length), image]);
  mustRun('xfs_db', ['-x', '-c', `logformat -c ${Math.max(1, ...cycles) + 1}`, image]);
}

/** CoW staging records of all refcount btrees, by xfs_db. */
export function stagingExtents(image: string): StagingExtent[] {
  const found: StagingExtent[] = [];
  for (let agno = 0; agno < superblockField(image, 'agcount'); agno++) {
    const dump = mustRun('xfs_db', [
      '-r',
      '-c',
      `agf ${agno}`,
      '-c',
      'addr refcntroot',
      '-c',
      'btdump',
      image,
    ]);
    for (const match of dump.stdout.matchAll(/\[(\d+),(\d+),1,1\]/g)) {
      found.push([agno, Number(match[1]), Number(match[2])]);
    }
  }
  return sortExtents(found);
}

/** What xfs_repair -n calls leftover. */
export function leftoverExtents(image: string): StagingExtent[] {
  const seen = new Map<string, StagingExtent>();
  for (const match of repairCheck(image).stderr.matchAll(/leftover CoW extent \((\d+)\/(\d+)\) len (\d+)/g)) {
    seen.set(match[0], [Number(match[1]), Number(match[2]), Number(match[3])]);
  }
  return sortExtents([...seen.values()]);
}

export function sortExtents(extents: readonly StagingExtent[]): StagingExtent[] {
  return [...extents].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
}

async function buildLeak(into: string, seed: number, options: readonly string[]): Promise<void> {
  const live = join(into, 'live');
  const image = join(into, 'image');
  makeFilesystem(live, 160, 10, options);
  const mountPoint = mkdtempSync(join(temporaryDirectory(), 'leak-'));
  const unmount = mountImage(live, mountPoint, ['noatime']);
  let truth: Pick<LeakTruth, 'orphans' | 'tree'>;
  let open: number[] = [];
  try {
    const made = makeLeaks(mountPoint, seed, superblockField(live, 'blocksize'));
    open = made.open;
    mustRun('sync', ['-f', mountPoint]);
    truth = { orphans: made.orphans, tree: readTree(mountPoint) };
    mustRun('xfs_io', ['-x', '-c', 'freeze', mountPoint]);
    try {
      mustRun('cp', ['--sparse=always', live, image]);
    } finally {
      mustRun('xfs_io', ['-x', '-c', 'thaw', mountPoint]);
    }
  } finally {
    for (const file of open) closeSync(file);
    unmount();
  }
  formatLog(image);
  unlinkSync(live);
  const staging = stagingExtents(image);
  if (staging.length < 10) throw new Error(`only ${staging.length} staging extents leaked`);
  const stagingBlocks = staging.reduce((sum, [, , blocks]) => sum + blocks, 0);
  const whole: LeakTruth = { ...truth, staging, stagingBlocks };
  writeFileSync(join(into, 'truth.json'), JSON.stringify(whole));
  chmodSync(image, 0o444);
}

/** An image with leaked CoW staging extents and unlinked inodes under a clean log. */
export async function leakImage(
  seed: number,
  options: readonly string[] = ['-m', 'rmapbt=1'],
): Promise<LeakImage> {
  const name = `leak-${seed}-${options.join('')}`.replace(/[^\w=,.-]/g, '_');
  const folder = await cached(name, (into) => buildLeak(into, seed, options));
  const truth = JSON.parse(readFileSync(join(folder, 'truth.json'), 'utf8')) as LeakTruth;
  return { ...truth, image: join(folder, 'image') };
}

export type DirtyKind = 'shutdown' | 'frozen' | 'powercut';

/**
 * An image whose log must be replayed: the filesystem shut down with its log flushed, copied while frozen (the log
 * holds the covering record and no unmount), or copied while it is at work.
 */
export async function dirtyImage(
  kind: DirtyKind,
  options: readonly string[] = ['-m', 'rmapbt=1'],
): Promise<string> {
  const name = `dirty-${kind}-${options.join('')}`.replace(/[^\w=,.-]/g, '_');
  return join(await cached(name, (into) => buildDirty(into, kind, options)), 'image');
}

async function buildDirty(into: string, kind: DirtyKind, options: readonly string[]): Promise<void> {
  const live = join(into, 'live');
  const image = join(into, 'image');
  makeFilesystem(live, 160, 10, options);
  const mountPoint = mkdtempSync(join(temporaryDirectory(), 'dirty-'));
  const unmount = mountImage(live, mountPoint);
  let open: number[] = [];
  try {
    open = makeLeaks(mountPoint, 7, superblockField(live, 'blocksize')).open;
    for (let i = 0; i < 300; i++) writeFileSync(join(mountPoint, `late${i}`), `late ${i}`);
    // One fsync writes the log up to here; the metadata itself is still to be written back.
    xfsIo(mountPoint, ['open late299', 'fsync']);
    if (kind === 'frozen') mustRun('xfs_io', ['-x', '-c', 'freeze', mountPoint]);
    if (kind === 'shutdown') mustRun('xfs_io', ['-x', '-c', 'shutdown -f', mountPoint]);
    if (kind !== 'shutdown') mustRun('cp', ['--sparse=always', live, image]);
    if (kind === 'frozen') mustRun('xfs_io', ['-x', '-c', 'thaw', mountPoint]);
  } finally {
    for (const file of open) closeSync(file);
    unmount();
  }
  if (kind === 'shutdown') copyFileSync(live, image);
  unlinkSync(live);
  // xfs_repair -n passes over a dirty log in silence; without -n it refuses with status 2.
  const refused = run('xfs_repair', [image]);
  if (refused.status !== 2)
    throw new Error(`${kind}: xfs_repair does not call the log dirty (${refused.status})`);
  chmodSync(image, 0o444);
}
