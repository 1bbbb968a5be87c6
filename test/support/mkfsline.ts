/** Random option lines of mkfs, and the comparison of what two programs make of one. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Geometry } from '../../src/format/geometry.ts';
import { geometryOf } from '../../src/format/superblock.ts';
import { mustRun } from './oracle.ts';
import { Random } from './random.ts';

export interface Line {
  readonly size: string;
  readonly options: readonly string[];
  /** Bytes as truncate takes them; the options name the files LOG and RT. */
  readonly log: string | undefined;
  readonly realtime: string | undefined;
}

const SMALL = ['16m', '20m', '33m', '64m', '100m', '128m', '130m', '200m', '299m', '300m', '310m', '777m'];
const MIDDLE = ['1g', '1500m', '2g', '5g', '9g', '1073741312', '3000000512', '4097m'];
const LARGE = ['20g', '100g', '400g', '513g', '1t', '3t', '4t', '4097g', '7t', '8193g', '12t', '15t', '16t'];

const LOG_UNITS = ['4k', '8k', '12k', '32k', '64k', '128k', '256k', '16b', '64s']
  .map((unit) => `su=${unit}`)
  .concat(['sunit=64', 'sunit=16', 'sunit=512', 'sunit=128']);

/** A line that has a fair chance of being taken. */
export function randomLine(seed: number): Line {
  const random = new Random(seed);
  const chance = (percent: number): boolean => random.below(100) < percent;
  const options: string[] = [];
  const give = (group: string, name: string, values: readonly (string | number)[]): void => {
    options.push(`-${group}`, `${name}=${random.pick(values)}`);
  };
  const maybe = (
    percent: number,
    group: string,
    name: string,
    values: readonly (string | number)[],
  ): void => {
    if (chance(percent)) give(group, name, values);
  };
  const sizes = random.pick([SMALL, MIDDLE, LARGE]);
  const size = random.pick(sizes);
  const block = chance(40) ? random.pick([1024, 2048, 4096, 8192, 16384, 32768, 65536]) : 4096;
  if (block !== 4096) give('b', 'size', [block]);
  const sectors = [512, 1024, 2048, 4096, 8192, 16384, 32768].filter((s) => s <= block);
  if (chance(20)) give('s', 'size', sectors);
  else maybe(6, 'd', 'sectsize', sectors);

  maybe(
    30,
    'i',
    'size',
    [512, 1024, 2048].filter((s) => s <= block / 2 || s === 512),
  );
  if (!options.includes('-i'))
    maybe(
      10,
      'i',
      'perblock',
      [2, 4, 8, 16, 32].filter((n) => block / n >= 512),
    );
  maybe(30, 'i', 'sparse', [0, 1]);
  maybe(20, 'i', 'nrext64', [0, 1]);
  maybe(20, 'i', 'maxpct', [0, 1, 33, 100]);
  maybe(10, 'i', 'attr', [2]);
  maybe(10, 'i', 'align', [1]);
  maybe(5, 'i', 'projid32bit', [1]);
  const realtime = chance(15);
  for (const name of ['finobt', 'bigtime', 'inobtcount']) maybe(20, 'm', name, [0, 1]);
  for (const name of ['rmapbt', 'reflink']) maybe(25, 'm', name, realtime ? [0] : [0, 1]);
  maybe(
    20,
    'n',
    'size',
    [4096, 8192, 16384, 32768, 65536].filter((s) => s >= block),
  );
  maybe(10, 'n', 'version', ['ci', 2]);
  if (chance(15)) options.push('-L', random.pick(['a', 'twelve bytes', 'x y']));
  if (sizes === LARGE) maybe(30, 'd', 'agcount', [1, 7, 33, 100, 1000]);
  else if (sizes === MIDDLE) maybe(30, 'd', 'agsize', ['16m', '64m', '100m', '1g', '20000b']);
  else maybe(30, 'd', 'agcount', [1, 2, 3, 4, 5, 6, 8, 13, 16, 17, 40]);
  const stripes = [
    'su=64k,sw=4',
    'su=16k,sw=10',
    'su=96k,sw=3',
    'su=1m,sw=2',
    'sunit=128,swidth=512',
    'su=512k,sw=2',
    'su=64k,sw=1',
    'su=192k,sw=5',
    'su=0,sw=0',
    'sunit=2048,swidth=8192',
    'noalign',
  ];
  if (chance(25)) options.push('-d', random.pick(stripes));
  maybe(10, 'd', 'extszinherit', [0, 1, 16, 17, 1024]);
  maybe(10, 'd', 'cowextsize', [0, 16, 17]);
  maybe(10, 'd', 'projinherit', [0, 5, 70000, 4294967295]);
  maybe(5, 'd', 'daxinherit', [0, 1]);
  // Repair takes no CoW hint on a directory that hands down the realtime flag, though mkfs.xfs makes it.
  if (!options.some((word) => word.startsWith('cowextsize=1'))) maybe(5, 'd', 'rtinherit', [0, 1]);
  const log = chance(20);
  if (log) {
    give('l', 'logdev', ['LOG']);
    maybe(40, 'l', 'sectsize', sectors.slice(0, 4));
  } else maybe(20, 'l', 'agnum', [0, 1, 2, 3]);
  maybe(20, 'l', 'size', ['10m', '20m', '64m', '70m', '100m', '20000b']);
  if (chance(20)) options.push('-l', random.pick(LOG_UNITS));
  maybe(5, 'l', 'lazy-count', [1]);
  maybe(5, 'l', 'version', [1, 2]);
  if (!log) maybe(5, 'l', 'internal', [1]);
  if (realtime) give('r', 'rtdev', ['RT']);
  maybe(realtime ? 50 : 5, 'r', 'extsize', ['4k', '64k', '1m', '100m', '1g']);
  return {
    size,
    options,
    log: log ? random.pick(['64m', '100m', '130m', '512m', '2037m']) : undefined,
    realtime: realtime
      ? random.pick(sizes === SMALL ? ['4m', '20m', '100m', '1g'] : ['100m', '10g', '100g'])
      : undefined,
  };
}

/** Stretches of a file that hold data, by the system's account of its holes: [from, to). */
function dataOf(path: string): [number, number][] {
  const found: [number, number][] = [];
  const { stdout } = mustRun('xfs_io', ['-r', '-c', 'seek -a -r 0', path]);
  for (const [, what, offset] of stdout.matchAll(/^(DATA|HOLE)\t(\d+)$/gm)) {
    if (what === 'DATA') found.push([Number(offset), Number.POSITIVE_INFINITY]);
    else if (found.length > 0) found.at(-1)![1] = Number(offset);
  }
  return found;
}

/** Bytes of inodes that differ from run to run: [from, to) of those in use, and of the free ones. */
interface Varying {
  readonly used: readonly (readonly [number, number])[];
  readonly free: readonly (readonly [number, number])[];
}

const CHECKSUM = [100, 104] as const;
const TIMES = [[40, 56], CHECKSUM, [144, 152]] as const;
const GENERATION = [92, 96] as const;

/** What one release of mkfs.xfs leaves to the clock and to chance. */
const VARYING = {
  /** Times and checksums of the three inodes in use. */
  '6.1': { used: TIMES, free: [] },
  /** Access times and generation numbers as well, and the latter of free inodes too. */
  '6.12': { used: [[32, 40], GENERATION, ...TIMES], free: [GENERATION, CHECKSUM] },
  /** Nothing: clock and chance have been fixed. */
  nothing: { used: [], free: [] },
} as const satisfies Record<string, Varying>;

/** Blanks in an image, or a part of one that begins at byte `start`, what varies from run to run. */
export function blankVarying(
  bytes: Uint8Array,
  start: number,
  geometry: Geometry,
  release: keyof typeof VARYING,
): void {
  const varying: Varying = VARYING[release];
  const { inodesize, blocksize, rootino } = geometry;
  const inodes = Math.max(64, blocksize / inodesize);
  for (let i = 0; i < inodes; i++) {
    const inode = geometry.inoByte(rootino) + i * inodesize - start;
    for (const [from, to] of i < 3 ? varying.used : varying.free) {
      const end = Math.min(bytes.length, inode + to);
      if (end > 0 && inode + from < bytes.length) bytes.fill(0, Math.max(0, inode + from), end);
    }
  }
}

/** Where two files differ, byte for byte; of a filesystem all but what varies from run to run. */
export function differences(left: string, right: string, varying: keyof typeof VARYING = '6.1'): string[] {
  const a = openSync(left, 'r');
  const b = openSync(right, 'r');
  try {
    const size = fstatSync(a).size;
    if (size !== fstatSync(b).size) return [`sizes ${size} and ${fstatSync(b).size}`];
    const first = Buffer.alloc(512);
    readSync(b, first, 0, 512, 0);
    const geometry = first.toString('latin1', 0, 4) === 'XFSB' ? geometryOf(first) : undefined;
    const found: string[] = [];
    for (const [from, to] of [...dataOf(left), ...dataOf(right)]) {
      const end = Math.min(to, size);
      for (let at = from; at < end; at += 2 ** 22) {
        const [one, other] = [a, b].map((file) => {
          const bytes = Buffer.alloc(Math.min(2 ** 22, end - at));
          readSync(file, bytes, 0, bytes.length, at);
          if (geometry) blankVarying(bytes, at, geometry, varying);
          return bytes;
        });
        if (!one!.equals(other!)) found.push(`byte ${at + one!.findIndex((byte, i) => byte !== other![i])}`);
      }
    }
    return [...new Set(found)].slice(0, 5);
  } finally {
    closeSync(a);
    closeSync(b);
  }
}
