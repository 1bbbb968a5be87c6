/**
 * Option rows in the words of a manual and of completion: what a value is called, what it may be, what it is when not
 * given, what it excludes. Nothing is told here that the row does not say.
 */
import { OPTION_GROUPS, OPTIONS, type OptionGroup, type OptionRow } from './options.ts';
import { PROFILES } from './profile.ts';

/** The same shape as report's, which this folder must not import. */
export interface SuboptionWords {
  readonly word: string;
  readonly help: string;
  readonly path?: boolean;
}

const spell = (key: string): string => `-${key.replace('.', ' ')}`;
const isSwitch = (row: OptionRow): boolean => row.bare !== undefined && row.max === 1;

const UNITS = ['', ' KiB', ' MiB', ' GiB', ' TiB'] as const;

/** Bytes as a reader wants them: exact, in the largest unit that keeps them whole. */
function readable(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (unit < UNITS.length - 1 && value >= 1024 && value % 1024 === 0)
    [value, unit] = [value / 1024, unit + 1];
  return `${value}${UNITS[unit] || ' bytes'}`;
}

function rangeOf(row: OptionRow): string[] {
  if (row.only) return [`Must be ${row.only.value}: ${row.only.message}.`];
  if (row.kind === 'text' || isSwitch(row)) return [];
  const show = row.kind === 'size' ? readable : String;
  const power = row.powerOfTwo ? 'A power of 2' : 'From';
  const words = Object.keys(row.words ?? {});
  if (row.min === row.max) return [`One of ${[...words, row.min].join(', ')}.`];
  const also = words.length > 0 ? `, or ${words.join(', ')}` : '';
  if (row.max === Number.MAX_SAFE_INTEGER) return row.min > 0 ? [`At least ${show(row.min)}${also}.`] : [];
  return [`${row.powerOfTwo ? `${power}, ` : `${power} `}${show(row.min)} to ${show(row.max)}${also}.`];
}

function defaultOf({ otherwise, only }: OptionRow): string[] {
  if (otherwise === undefined || only) return [];
  if (typeof otherwise === 'number') return [`Default ${otherwise}.`];
  const { first, since, later } = otherwise;
  const before = PROFILES.slice(0, PROFILES.indexOf(since));
  const after = PROFILES.slice(PROFILES.indexOf(since));
  const list = (some: readonly string[]): string =>
    `${some.length > 1 ? 'profiles' : 'profile'} ${some.join(', ')}`;
  return [`Default ${first} in ${list(before)}, ${later} in ${list(after)}.`];
}

function factsOf(row: OptionRow): string[] {
  const excludes = row.conflicts.map(spell).join(', ');
  return [
    ...rangeOf(row),
    ...defaultOf(row),
    ...(excludes === '' ? [] : [`Excludes ${excludes}.`]),
    ...(row.needs ? [`Needs ${spell(row.needs.key)}.`] : []),
    ...(row.since === undefined ? [] : [`Unknown to profiles before ${row.since}.`]),
    ...(row.repeats ? ['May be repeated; the last one holds.'] : []),
  ];
}

/** At most so many powers of two are offered as values. */
const MOST_VALUES = 12;

function valuesOf(row: OptionRow): (string | number)[] {
  if (row.only) return [row.only.value];
  if (isSwitch(row)) return [0, 1];
  const words = Object.keys(row.words ?? {});
  if (row.min === row.max) return [...words, row.min];
  if (!row.powerOfTwo || row.max / row.min > 2 ** MOST_VALUES) return words;
  const powers: number[] = [];
  for (let value = row.min; value <= row.max; value *= 2) powers.push(value);
  return [...words, ...powers];
}

function wordsOf(row: OptionRow): SuboptionWords[] {
  const { name, help } = row;
  const path = row.path === true;
  const values = path ? [] : valuesOf(row);
  const isOpen = path || values.length === 0 || row.words?.nr_cpus !== undefined;
  return [
    ...(row.bare === undefined || row.only ? [] : [{ word: name, help }]),
    ...(isOpen ? [{ word: `${name}=`, help, ...(path ? { path } : {}) }] : []),
    ...values.map((value) => ({ word: `${name}=${value}`, help })),
  ];
}

function suboptionsOf(group: OptionGroup) {
  const rows: readonly OptionRow[] = OPTIONS;
  return rows
    .filter((row) => row.group === group && row.refused === undefined)
    .map((row) => ({
      name: row.name,
      value: row.path ? 'file' : isSwitch(row) ? '0|1' : row.kind,
      bare: row.bare !== undefined,
      help: row.help,
      facts: factsOf(row),
      words: wordsOf(row),
    }));
}

/** All groups with the suboptions that are not refused altogether, in the order of the rows. */
export function suboptionGroups() {
  return (Object.keys(OPTION_GROUPS) as OptionGroup[])
    .map((group) => ({
      option: `-${group}`,
      title: OPTION_GROUPS[group].title,
      suboptions: suboptionsOf(group),
    }))
    .filter(({ suboptions }) => suboptions.length > 0);
}
