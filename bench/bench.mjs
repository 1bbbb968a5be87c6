/**
 * `npm run bench [NAME...]`: our commands against xfsprogs', in turns, in one run; prints medians and ratios.
 *
 * Needs xfsprogs and, for the two reference images, their metadumps (`small.md.zst`, `share.md.zst`) in
 * XFSKIT_REFERENCE_IMAGES (default ../shared/images), zstd and xfs_mdrestore. What is missing is said and left out.
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROUNDS = 5;
/** Of our start with that of Node alone. */
const PAIRS = 25;
const root = resolve(import.meta.dirname, '..');
const images = process.env.XFSKIT_REFERENCE_IMAGES ?? resolve(root, '../shared/images');
const work = mkdtempSync(join(tmpdir(), 'xfskit-bench-'));
const xfskit = join(root, 'bin/xfskit');
const smallEnv = { ...process.env, TEST_DIR: 'x', TEST_DEV: 'x', QA_CHECK_FS: '1' };

process.on('exit', () => rmSync(work, { recursive: true, force: true }));

/** Wall seconds and peak MiB of one command; peak as the kernel counted it for the child (GNU time). */
function measure(command) {
  const report = join(work, 'time');
  const timed = existsSync('/usr/bin/time') ? ['/usr/bin/time', '-o', report, '-f', '%M'] : [];
  const start = process.hrtime.bigint();
  const [program, ...rest] = [...timed, ...command];
  const run = spawnSync(program, rest, { env: smallEnv, stdio: ['ignore', 'ignore', 'pipe'] });
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  if (run.error || run.status !== 0) throw new Error(`${command.join(' ')}: ${run.error ?? run.stderr}`);
  const peak =
    timed.length > 0 ? Number(readFileSync(report, 'utf8').trim().split('\n').at(-1)) / 1024 : Number.NaN;
  return { seconds, peak };
}

function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function compare(name, ours, theirs) {
  const a = [];
  const b = [];
  measure(ours);
  for (let round = 0; round < ROUNDS; round++) {
    a.push(measure(ours));
    b.push(measure(theirs));
  }
  const [wallA, wallB] = [a, b].map((runs) => median(runs.map((run) => run.seconds)));
  const [peakA, peakB] = [a, b].map((runs) => median(runs.map((run) => run.peak)));
  process.stdout.write(
    `${name.padEnd(14)} ${wallA.toFixed(3)} s  ${wallB.toFixed(3)} s  ratio ${(wallA / wallB).toFixed(2)}   ` +
      `${peakA.toFixed(0)} MiB  ${peakB.toFixed(0)} MiB  ratio ${(peakA / peakB).toFixed(2)}\n`,
  );
}

/**
 * What a command takes beyond Node's own start, in pairs of runs that follow each other: the median of the
 * differences of wall clock, in milliseconds. `prepare` is run before each pair.
 */
function startUp(name, line, target, prepare = () => {}) {
  const timed = (command) => {
    const start = process.hrtime.bigint();
    const run = spawnSync(command[0], command.slice(1), {
      env: smallEnv,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const wall = Number(process.hrtime.bigint() - start) / 1e6;
    if (run.error || run.status !== 0) throw new Error(`${command.join(' ')}: ${run.error ?? run.stderr}`);
    return wall;
  };
  const pairs = [];
  for (let round = -1; round < PAIRS; round++) {
    prepare();
    const ours = timed([xfskit, ...line]);
    const bare = timed([process.execPath, '-e', '0']);
    if (round >= 0) pairs.push({ ours, bare });
  }
  const bare = median(pairs.map((pair) => pair.bare));
  const more = median(pairs.map((pair) => pair.ours - pair.bare));
  process.stdout.write(
    `${name.padEnd(18)} node -e 0 ${bare.toFixed(1)} ms, and ${more.toFixed(1)} ms more (wanted: ${target} at most)\n`,
  );
}

/** Restores a reference image; undefined, and said, when it cannot be had. */
function reference(name) {
  const dump = join(images, `${name}.md.zst`);
  const image = join(work, `${name}.img`);
  if (!existsSync(dump)) {
    process.stdout.write(`left out: ${dump} is missing\n`);
    return undefined;
  }
  const restored = spawnSync('sh', ['-c', 'zstd -dc "$1" | xfs_mdrestore - "$2"', 'sh', dump, image]);
  if (restored.status === 0) return image;
  process.stdout.write(`left out: ${name} could not be restored: ${restored.stderr}\n`);
  return undefined;
}

/** A filesystem with `files` files of 100 bytes, a thousand a directory, as in the reference image small. */
function populated(files) {
  const image = join(work, `files${files}.img`);
  const mountPoint = join(work, 'mount');
  writeFileSync(image, '');
  truncateSync(image, 2 ** 30 + files * 16384);
  measure(['mkfs.xfs', '-q', '-m', 'rmapbt=1,reflink=1', image]);
  if (files === 0) return image;
  mkdirSync(mountPoint, { recursive: true });
  measure(['mount', '-o', 'loop,noatime', image, mountPoint]);
  try {
    const content = Buffer.alloc(100, 'x');
    for (let i = 0; i < files; i++) {
      const folder = join(mountPoint, `d${Math.floor(i / 1000)}`);
      if (i % 1000 === 0) mkdirSync(folder);
      writeFileSync(join(folder, `f${i}`), content);
    }
  } finally {
    measure(['umount', mountPoint]);
  }
  return image;
}

/** Median of wall seconds and of peak MiB of some checks of an image. */
function cost(image) {
  const runs = Array.from({ length: ROUNDS }, () => measure([xfskit, 'check', image]));
  return {
    seconds: median(runs.map((run) => run.seconds)),
    peak: median(runs.map((run) => run.peak)),
  };
}

const benches = {
  /** What a file costs check beyond an empty filesystem, as their number grows. */
  growth() {
    if (process.getuid?.() !== 0) {
      process.stdout.write('left out: growth needs root, to mount what it fills\n');
      return;
    }
    const empty = cost(populated(0));
    for (const files of [10_000, 100_000, 1_000_000]) {
      const image = files === 1_000_000 ? reference('small') : populated(files);
      if (!image) continue;
      const { seconds, peak } = cost(image);
      rmSync(image);
      const micros = ((seconds - empty.seconds) / files) * 1e6;
      const bytes = ((peak - empty.peak) / files) * 2 ** 20;
      process.stdout.write(
        `check of ${String(files).padStart(7)} files  ${seconds.toFixed(3)} s, ${micros.toFixed(2)} us a file   ` +
          `${peak.toFixed(0)} MiB, ${bytes.toFixed(0)} bytes a file\n`,
      );
    }
  },
  small() {
    const image = reference('small');
    if (image) compare('check small', [xfskit, 'check', image], ['xfs_repair', '-n', image]);
  },
  share() {
    const image = reference('share');
    if (image) compare('check share', [xfskit, 'check', image], ['xfs_repair', '-n', image]);
  },
  mkfs() {
    const sparse = (name, bytes) => {
      const image = join(work, name);
      rmSync(image, { force: true });
      writeFileSync(image, '');
      truncateSync(image, bytes);
      return image;
    };
    const large = sparse('mkfs.img', 15 * 2 ** 40); // ext4 ends a file just below 16 TiB
    const small = sparse('mkfs1g.img', 2 ** 30);
    const both = (image, ...options) => [
      [xfskit, 'mkfs', '-f', ...options, image],
      ['mkfs.xfs', '-f', '-K', ...options, image],
    ];
    startUp('mkfs 1 GiB sparse', ['mkfs', '-q', small], 40, () => sparse('mkfs1g.img', 2 ** 30));
    startUp('mkfs 1 GiB -f', ['mkfs', '-q', '-f', small], 40);
    compare('mkfs -N 1 GiB', ...both(small, '-N'));
    compare('mkfs 1 GiB', ...both(small, '-q'));
    // Every round but the first finds what the round before left.
    compare('mkfs 15 TiB', ...both(large, '-q'));
  },
  scan() {
    const image = reference('small');
    for (const line of image ? ['frag', 'fsmap', 'blockget -n'] : [])
      compare(`db ${line}`, [xfskit, 'db', '-c', line, image], ['xfs_db', '-r', '-c', line, image]);
  },
  db() {
    const image = join(work, 'db.img');
    writeFileSync(image, '');
    truncateSync(image, 2 ** 30);
    measure([xfskit, 'mkfs', '-q', image]);
    startUp('db print sb', ['db', '-c', 'sb 0', '-c', 'print', image], 30);
    compare(
      'db print sb',
      [xfskit, 'db', '-c', 'sb 0', '-c', 'print', image],
      ['xfs_db', '-r', '-c', 'sb 0', '-c', 'print', image],
    );
  },
};

process.stdout.write('what           ours     theirs   wall          ours    theirs   peak memory\n');
const wanted = process.argv.slice(2);
for (const name of wanted.length > 0 ? wanted : Object.keys(benches)) {
  if (!benches[name]) throw new Error(`no bench is called ${name}: ${Object.keys(benches).join(' ')}`);
  benches[name]();
}
