/**
 * mkfs options: one row per suboption. Spelling, type, range, default per profile, conflicts, the release that brought
 * it and help all come from the row; adding an option is adding a row (and the line in `choose.ts` that uses it).
 *
 * Spellings are mkfs.xfs's: `-d agcount=4,su=64k`, comma-joined or repeated, each suboption at most once; a config
 * file has a section per group and a `name=value` line per suboption. A `size` takes the suffixes b s k m g t p e,
 * `number` takes none; both read 0x as hex and a leading 0 as octal. Suffixes b and s mean blocks and sectors of the
 * filesystem to be, so the rows that define those two units (`defines`) cannot use them.
 */
import { MAX_AG_BYTES, MAX_LOG_BYTES, MAX_LOG_UNIT, MIN_AG_BYTES } from '../format/verifysuperblock.ts';
import { type Default, defaultIn, type Profile } from './profile.ts';

export type OptionGroup = 'b' | 'c' | 'd' | 'i' | 'l' | 'm' | 'n' | 'p' | 'r' | 's';

export interface OptionRow {
  readonly group: OptionGroup;
  readonly name: string;
  readonly kind: 'size' | 'number' | 'text';
  readonly min: number;
  readonly max: number;
  readonly powerOfTwo: boolean;
  /** Value of the bare name; absent: a value is required. */
  readonly bare?: number;
  /** Words that stand for a number, outside the range too. */
  readonly words?: Readonly<Record<string, number>>;
  /** Value when it is not given, where that is a plain number. */
  readonly otherwise?: Default;
  /** First profile that has it. */
  readonly since?: Profile;
  /** Keys that cannot be given together with this one. */
  readonly conflicts: readonly string[];
  /** This row defines the block or sector size, so suffixes b and s mean nothing in it. */
  readonly defines: boolean;
  /** The last one given holds, as with mkfs.xfs. */
  readonly repeats: boolean;
  /** Its text is the path of a file. */
  readonly path?: boolean;
  /** The one value that is possible, and what to say about any other. */
  readonly only?: { readonly value: number; readonly message: string };
  /** Rows that make it so whatever it says itself, as with mkfs.xfs; `later`: only if given after it. */
  readonly overruled?: { readonly by: readonly string[]; readonly later: boolean; readonly notice?: string };
  /** Another row that must not be off when this one is on. */
  readonly needs?: { readonly key: string; readonly message: string };
  /** Known, but always refused, with this message. */
  readonly refused?: string;
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
  repeats: false,
  ...extra,
});

/** A 0/1 switch; the bare name means 1. */
const flag = <G extends OptionGroup, N extends string>(group: G, name: N, help: string, extra: Extra = {}) =>
  option(group, name, 'number', help, { min: 0, max: 1, bare: 1, otherwise: 0, ...extra });

/** A switch that leaves no choice. */
const fixed = <G extends OptionGroup, N extends string>(
  group: G,
  name: N,
  value: number,
  message: string,
  extra: Extra = {},
) => flag(group, name, `always ${value}`, { otherwise: value, only: { value, message }, ...extra });

/** An option of later releases that we know and do not do. */
const refused = <G extends OptionGroup, N extends string>(group: G, name: N, message: string, extra: Extra) =>
  option(group, name, 'text', 'refused: not supported', { bare: 1, refused: message, ...extra });

const UINT_MAX = 2 ** 32 - 1;

/** Value of `-n version=ci`. */
export const ASCII_CI = -1;

const POWER = { powerOfTwo: true } as const;
const NO_GROUPS = 'realtime groups, zoned and internal realtime sections are not supported';
const NO_QUOTA_FLAGS =
  'quota flags need metadata directories, which are not supported: mount with quota options';
const NO_AUTOFSCK =
  'the autofsck property is not supported: set it on the mounted filesystem with xfs_property';
const NO_ATOMIC = 'a greatest atomic write cannot be asked for';
const NO_PROTO = 'prototype files are not supported: make the filesystem first, then copy into it';
const EXTERNAL = ['l.internal', 'l.agnum'] as const;
const THREADS = { max: 2 ** 31 - 1, bare: 1, words: { nr_cpus: 1 }, since: '6.12' } as const;
const SECTOR = { ...POWER, defines: true, min: 512, max: 32768 } as const;

export const OPTIONS = [
  option('b', 'size', 'size', 'block size', { ...POWER, defines: true, min: 512, max: 65536 }),

  option('c', 'options', 'text', 'file with more options, an INI section for each group', { path: true }),

  option('d', 'agcount', 'number', 'allocation groups', {
    min: 1,
    max: UINT_MAX - 1,
    conflicts: ['d.agsize', 'd.concurrency'],
  }),
  option('d', 'agsize', 'size', 'size of an allocation group', {
    min: MIN_AG_BYTES,
    max: MAX_AG_BYTES,
    conflicts: ['d.agcount', 'd.concurrency'],
  }),
  option('d', 'size', 'size', 'size of the filesystem (default: all of the image)', { min: MIN_AG_BYTES }),
  flag('d', 'file', 'the image is a regular file, made anew, whatever it holds; needs size'),
  option('d', 'name', 'text', 'the image, in place of the argument', { path: true }),
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
  option('d', 'cowextsize', 'number', 'CoW extent size hint that new files inherit, blocks', {
    max: UINT_MAX,
    otherwise: 0,
    needs: { key: 'm.reflink', message: '-d cowextsize needs reflink' },
  }),
  option('d', 'extszinherit', 'number', 'extent size hint that new files inherit, blocks', {
    max: UINT_MAX,
    otherwise: 0,
  }),
  option('d', 'projinherit', 'number', 'project id that new files inherit', { max: UINT_MAX }),
  flag('d', 'daxinherit', 'new files inherit the DAX flag'),
  flag('d', 'rtinherit', 'new files inherit the realtime flag'),
  option('d', 'concurrency', 'number', 'threads that allocation groups shall serve; 0: no matter', {
    ...THREADS,
    conflicts: ['d.agcount', 'd.agsize'],
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
  flag('i', 'sparse', 'sparse inode chunks', { otherwise: 1 }),
  flag('i', 'nrext64', '64-bit extent counters', { otherwise: { first: 0, since: '6.6', later: 1 } }),
  flag('i', 'exchange', 'exchange of file ranges', {
    otherwise: { first: 0, since: '6.18', later: 1 },
    since: '6.12',
  }),
  refused('i', 'max_atomic_write', NO_ATOMIC, { since: '6.18' }),
  fixed('i', 'align', 1, 'version 5 always aligns inodes'),
  fixed('i', 'projid32bit', 1, 'version 5 always has 32-bit project ids'),
  fixed('i', 'attr', 2, 'version 5 always has attribute format 2', { max: 2 }),

  option('l', 'size', 'size', 'log size (default 1/2048 of the filesystem, at least 64 MiB)', {
    min: 2 * 2 ** 20,
    max: MAX_LOG_BYTES,
    conflicts: ['l.concurrency'],
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
  flag('l', 'internal', 'the log lies in the filesystem', {
    otherwise: 1,
    conflicts: ['l.sectsize', 'l.logdev', 'l.file'],
  }),
  option('l', 'agnum', 'number', 'allocation group of the log (default: the middle one)', {
    max: UINT_MAX,
    conflicts: ['l.logdev'],
  }),
  option('l', 'logdev', 'text', 'external log: image file or block device', {
    path: true,
    conflicts: [...EXTERNAL, 'l.name', 'l.concurrency'],
  }),
  option('l', 'name', 'text', 'as logdev', { path: true, conflicts: [...EXTERNAL, 'l.logdev'] }),
  flag('l', 'file', 'the external log is a regular file; with size it is made', {
    conflicts: ['l.internal', 'l.concurrency'],
  }),
  option('l', 'concurrency', 'number', 'threads that the log shall serve; 0: no matter', {
    ...THREADS,
    conflicts: ['l.size', 'l.file', 'l.logdev'],
  }),
  fixed('l', 'version', 2, 'version 5 always has version 2 logs', {
    min: 1,
    max: 2,
    overruled: {
      by: ['l.su', 'l.sunit'],
      later: false,
      notice: 'log stripe unit specified, using v2 logs',
    },
  }),
  fixed('l', 'lazy-count', 1, 'version 5 always has lazy counters'),
  option('l', 'sectsize', 'size', 'sector size of the log (an internal one has that of the data)', {
    ...SECTOR,
    conflicts: ['l.internal'],
  }),

  fixed('m', 'crc', 1, 'filesystems without CRCs (version 4) are not supported'),
  flag('m', 'finobt', 'free inode btree', { otherwise: 1 }),
  flag('m', 'inobtcount', 'inode btree block counts in the AGI', {
    otherwise: 1,
    needs: { key: 'm.finobt', message: '-m inobtcount needs finobt' },
  }),
  flag('m', 'rmapbt', 'reverse mapping btree', { otherwise: { first: 0, since: '6.6', later: 1 } }),
  flag('m', 'reflink', 'shared extents', { otherwise: 1 }),
  flag('m', 'bigtime', 'timestamps to the year 2486', { otherwise: 1 }),
  option('m', 'uuid', 'text', 'UUID (default: random)', { repeats: true }),
  refused('m', 'autofsck', NO_AUTOFSCK, { since: '6.12' }),
  fixed('m', 'metadir', 0, 'metadata directories (metadir) are not supported', { since: '6.18' }),
  fixed('m', 'uquota', 0, NO_QUOTA_FLAGS, { since: '6.18' }),
  fixed('m', 'gquota', 0, NO_QUOTA_FLAGS, { since: '6.18' }),
  fixed('m', 'pquota', 0, NO_QUOTA_FLAGS, { since: '6.18' }),
  fixed('m', 'uqnoenforce', 0, NO_QUOTA_FLAGS, { since: '6.18' }),
  fixed('m', 'gqnoenforce', 0, NO_QUOTA_FLAGS, { since: '6.18' }),
  fixed('m', 'pqnoenforce', 0, NO_QUOTA_FLAGS, { since: '6.18' }),

  option('n', 'size', 'size', 'directory block size (default 4096, or the block size if larger)', {
    ...POWER,
    min: 4096,
    max: 65536,
  }),
  option('n', 'version', 'number', '2, or ci for names without regard to ASCII case', {
    min: 2,
    max: 2,
    words: { ci: ASCII_CI },
    otherwise: 2,
  }),
  fixed('n', 'ftype', 1, 'version 5 always has file types in directories', {
    overruled: { by: ['m.crc'], later: true },
  }),
  flag('n', 'parent', 'parent pointers', {
    otherwise: { first: 0, since: '6.18', later: 1 },
    since: '6.12',
  }),

  refused('p', 'file', NO_PROTO, {}),
  refused('p', 'slashes_are_spaces', NO_PROTO, {}),
  refused('p', 'atime', NO_PROTO, { since: '6.18' }),

  option('r', 'rtdev', 'text', 'realtime section: image file or block device', {
    path: true,
    conflicts: ['r.name'],
  }),
  option('r', 'name', 'text', 'as rtdev', { path: true, conflicts: ['r.rtdev'] }),
  flag('r', 'file', 'the realtime section is a regular file; with size it is made'),
  option('r', 'size', 'size', 'size of the realtime section (default: all of its device)'),
  option('r', 'extsize', 'size', 'size of a realtime extent (default 4096, or the block size if larger)', {
    min: 4096,
    max: 2 ** 30,
  }),
  flag('r', 'noalign', 'ignore the stripe geometry of the realtime device'),
  refused('r', 'rgcount', NO_GROUPS, { since: '6.18' }),
  refused('r', 'rgsize', NO_GROUPS, { since: '6.18' }),
  refused('r', 'concurrency', NO_GROUPS, { since: '6.18' }),
  refused('r', 'zoned', NO_GROUPS, { since: '6.18' }),
  refused('r', 'start', NO_GROUPS, { since: '6.18' }),
  refused('r', 'reserved', NO_GROUPS, { since: '6.18' }),

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

interface GroupRow {
  readonly title: string;
  /** Section of a config file; a config file cannot name another. */
  readonly section?: string;
}

export const OPTION_GROUPS: Readonly<Record<OptionGroup, GroupRow>> = {
  b: { title: 'block size', section: 'block' },
  c: { title: 'config file' },
  d: { title: 'data section', section: 'data' },
  i: { title: 'inodes', section: 'inode' },
  l: { title: 'log', section: 'log' },
  m: { title: 'metadata', section: 'metadata' },
  n: { title: 'naming (directories)', section: 'naming' },
  p: { title: 'prototype file (refused)', section: 'proto' },
  r: { title: 'realtime section', section: 'realtime' },
  s: { title: 'sector size', section: 'sector' },
};

/** The default as help shows it. */
function describeDefault(row: OptionRow): string {
  const value = row.otherwise;
  if (value === undefined || row.only) return '';
  if (typeof value === 'number') return value === 0 && row.max === 1 ? '' : ` (default ${value})`;
  return ` (default ${value.first}, ${value.later} since ${value.since})`;
}

/** Help of every suboption of a group, a line each. */
export function describeGroup(group: OptionGroup): string[] {
  return OPTIONS.filter((row) => row.group === group && row.refused === undefined).map((row: OptionRow) => {
    const value = row.kind === 'text' ? '=text' : row.bare !== undefined && row.max === 1 ? '[=0|1]' : '=n';
    const spelled = `  -${group} ${row.name}${row.only ? `=${row.only.value}` : value}`;
    return spelled.padEnd(26) + row.help + describeDefault(row);
  });
}

/** Value of a row that is not given. */
export function rowDefault(row: OptionRow, profile: Profile): number | undefined {
  return row.otherwise === undefined ? undefined : defaultIn(row.otherwise, profile);
}
