/**
 * mkfs options: one row per suboption. Spelling, type, range, default, conflicts and help all come from the row;
 * adding an option is adding a row (and the line in `choose.ts` that uses it).
 *
 * Spellings are mkfs.xfs's: `-d agcount=4,su=64k`, comma-joined or repeated, each suboption at most once. A
 * `size` takes the suffixes b s k m g t p e, `number` takes none; both read 0x as hex and a leading 0 as octal.
 * Suffixes b and s mean blocks and sectors of the filesystem to be, so the rows that define those two units
 * (`defines`) cannot use them.
 */
import { MAX_AG_BYTES, MAX_LOG_BYTES, MAX_LOG_UNIT, MIN_AG_BYTES } from '../format/verifysuperblock.ts';

export type OptionGroup = 'b' | 'd' | 'i' | 'l' | 'm' | 'n' | 's';

export interface OptionRow {
  readonly group: OptionGroup;
  readonly name: string;
  readonly kind: 'size' | 'number' | 'text';
  readonly min: number;
  readonly max: number;
  readonly powerOfTwo: boolean;
  /** Value of the bare name; absent: a value is required. */
  readonly bare?: number;
  /** Keys that cannot be given together with this one. */
  readonly conflicts: readonly string[];
  /** This row defines the block or sector size, so suffixes b and s mean nothing in it. */
  readonly defines: boolean;
  /** The one value that version 5 allows, and what to say about any other. */
  readonly only?: { readonly value: number; readonly message: string };
  /** Another row that must not be off. */
  readonly needs?: { readonly key: string; readonly message: string };
  readonly help: string;
}

type Extra = Partial<Omit<OptionRow, 'group' | 'name' | 'kind' | 'help'>>;

const option = <G extends OptionGroup, N extends string>(
  group: G,
  name: N,
  kind: OptionRow['kind'],
  help: string,
  extra: Extra = {},
): OptionRow & { group: G; name: N } => ({
  group,
  name,
  kind,
  help,
  min: 0,
  max: Number.MAX_SAFE_INTEGER,
  powerOfTwo: false,
  conflicts: [],
  defines: false,
  ...extra,
});

/** A 0/1 switch; the bare name means 1. */
const flag = <G extends OptionGroup, N extends string>(group: G, name: N, help: string, extra: Extra = {}) =>
  option(group, name, 'number', help, { min: 0, max: 1, bare: 1, ...extra });

/** A switch that version 5 no longer leaves open. */
const fixed = <G extends OptionGroup, N extends string>(
  group: G,
  name: N,
  value: number,
  message: string,
  extra: Extra = {},
) => flag(group, name, `always ${value}`, { only: { value, message }, ...extra });

const UINT_MAX = 2 ** 32 - 1;

const POWER = { powerOfTwo: true } as const;
const SECTOR = { ...POWER, defines: true, min: 512, max: 32768 } as const;

export const OPTIONS = [
  option('b', 'size', 'size', 'block size', { ...POWER, defines: true, min: 512, max: 65536 }),

  option('d', 'agcount', 'number', 'allocation groups', {
    min: 1,
    max: UINT_MAX - 1,
    conflicts: ['d.agsize'],
  }),
  option('d', 'agsize', 'size', 'size of an allocation group', {
    min: MIN_AG_BYTES,
    max: MAX_AG_BYTES,
    conflicts: ['d.agcount'],
  }),
  option('d', 'size', 'size', 'size of the filesystem (default: all of the image)', { min: MIN_AG_BYTES }),
  flag('d', 'file', 'the image is a regular file, made anew, whatever it holds; needs size'),
  option('d', 'name', 'text', 'the image, in place of the argument'),
  option('d', 'su', 'size', 'stripe unit', {
    max: UINT_MAX,
    conflicts: ['d.noalign', 'd.sunit', 'd.swidth'],
  }),
  option('d', 'sw', 'number', 'stripe width in stripe units', {
    max: UINT_MAX,
    conflicts: ['d.noalign', 'd.sunit', 'd.swidth'],
  }),
  option('d', 'sunit', 'number', 'stripe unit in 512-byte units', {
    max: UINT_MAX,
    conflicts: ['d.noalign', 'd.su', 'd.sw'],
  }),
  option('d', 'swidth', 'number', 'stripe width in 512-byte units', {
    max: UINT_MAX,
    conflicts: ['d.noalign', 'd.su', 'd.sw'],
  }),
  flag('d', 'noalign', 'ignore the stripe geometry of the device', {
    conflicts: ['d.su', 'd.sw', 'd.sunit', 'd.swidth'],
  }),
  option('d', 'sectsize', 'size', 'sector size, as -s size', {
    ...SECTOR,
    conflicts: ['s.size', 's.sectsize'],
  }),

  option('i', 'size', 'number', 'inode size (default 512)', {
    ...POWER,
    min: 256,
    max: 2048,
    conflicts: ['i.perblock'],
  }),
  option('i', 'perblock', 'number', 'inodes in a block', {
    ...POWER,
    min: 2,
    max: 256,
    conflicts: ['i.size'],
  }),
  option('i', 'maxpct', 'number', 'percent of space for inodes (default 25, 5 from 1 TiB, 1 from 50 TiB)', {
    max: 100,
  }),
  flag('i', 'sparse', 'sparse inode chunks (default 1)'),
  flag('i', 'nrext64', '64-bit extent counters (default 1)'),
  fixed('i', 'align', 1, 'version 5 always aligns inodes'),
  fixed('i', 'projid32bit', 1, 'version 5 always has 32-bit project ids'),
  fixed('i', 'attr', 2, 'version 5 always has attribute format 2', { max: 2 }),

  option('l', 'size', 'size', 'log size (default 1/2048 of the filesystem, at least 64 MiB)', {
    min: 2 * 2 ** 20,
    max: MAX_LOG_BYTES,
  }),
  option('l', 'su', 'size', 'log stripe unit', {
    min: 512,
    max: MAX_LOG_UNIT,
    conflicts: ['l.sunit'],
  }),
  option('l', 'sunit', 'number', 'log stripe unit in 512-byte units', {
    min: 1,
    max: MAX_LOG_UNIT / 512,
    conflicts: ['l.su'],
  }),
  fixed('l', 'internal', 1, 'external logs are not supported', { conflicts: ['l.sectsize'] }),
  option('l', 'agnum', 'number', 'allocation group of the log (default: the middle one)', { max: UINT_MAX }),
  fixed('l', 'version', 2, 'version 5 always has version 2 logs', { min: 1, max: 2 }),
  fixed('l', 'lazy-count', 1, 'version 5 always has lazy counters'),
  option('l', 'sectsize', 'size', 'must equal the sector size', { ...SECTOR, conflicts: ['l.internal'] }),

  fixed('m', 'crc', 1, 'filesystems without CRCs (version 4) are not supported'),
  flag('m', 'finobt', 'free inode btree (default 1)'),
  flag('m', 'inobtcount', 'inode btree block counts in the AGI (default 1)', {
    needs: { key: 'm.finobt', message: '-m inobtcount needs finobt' },
  }),
  flag('m', 'rmapbt', 'reverse mapping btree (default 1)'),
  flag('m', 'reflink', 'shared extents (default 1)'),
  flag('m', 'bigtime', 'timestamps to the year 2486 (default 1)'),
  option('m', 'uuid', 'text', 'UUID (default: random)'),

  option('n', 'size', 'size', 'directory block size (default 4096, or the block size if larger)', {
    ...POWER,
    min: 4096,
    max: 65536,
  }),
  fixed('n', 'version', 2, 'only version 2 directories without ascii-ci are supported', { min: 2, max: 2 }),
  fixed('n', 'ftype', 1, 'version 5 always has file types in directories'),

  option('s', 'size', 'size', 'sector size (default 512, or the device sector)', {
    ...SECTOR,
    conflicts: ['s.sectsize', 'd.sectsize'],
  }),
  option('s', 'sectsize', 'size', 'as size', { ...SECTOR, conflicts: ['s.size', 'd.sectsize'] }),
] as const;

type RowKey<R> = R extends { group: infer G extends string; name: infer N extends string }
  ? `${G}.${N}`
  : never;
export type OptionKey = RowKey<(typeof OPTIONS)[number]>;

export const OPTION_GROUPS: Readonly<Record<OptionGroup, string>> = {
  b: 'block size',
  d: 'data section',
  i: 'inodes',
  l: 'log',
  m: 'metadata',
  n: 'naming (directories)',
  s: 'sector size',
};

/** Help of every suboption of a group, a line each. */
export function describeGroup(group: OptionGroup): string[] {
  return OPTIONS.filter((row) => row.group === group).map((row) => {
    const value = row.kind === 'text' ? '=text' : row.bare !== undefined ? '[=0|1]' : '=n';
    return `  -${group} ${row.name}${row.only ? `=${row.only.value}` : value}`.padEnd(26) + row.help;
  });
}
