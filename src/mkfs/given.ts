/**
 * What was given on the command line and in a config file, checked against the option rows: unknown names, repetitions and conflicts
 * when it is collected, values when they are asked for (sizes in blocks or sectors need those two sizes first).
 * Every complaint is a UsageError of one line.
 */
import { UsageError } from '../format/errors.ts';
import {
  OPTION_GROUPS,
  OPTIONS,
  type OptionGroup,
  type OptionKey,
  type OptionRow,
  rowDefault,
} from './options.ts';
import { isSince, OUR_PROFILE, type Profile } from './profile.ts';

/** Bytes that the suffixes b and s stand for; 0: not known yet, the suffix is refused. */
export interface SizeUnits {
  readonly blocksize: number;
  readonly sectsize: number;
}

const SUFFIX: Readonly<Record<string, number>> = {
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
  e: 2 ** 60,
};

const rowOf = new Map<string, OptionRow>(OPTIONS.map((row) => [`${row.group}.${row.name}`, row]));
const spell = (row: OptionRow): string => `-${row.group} ${row.name}`;

/** An integer as C reads it with base 0 (decimal, 0x hex, leading 0 octal), and what follows it. */
function leadingInteger(text: string): { value: number; rest: string } | undefined {
  const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)(.*)$/s.exec(text);
  if (!match) return undefined;
  const digits = match[2]!;
  const value = /^0[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return { value: match[1] === '-' ? -value : value, rest: match[3]! };
}

/** Bytes that `text` means, or undefined when it is no size. */
export function parseSize(text: string, units: SizeUnits): number | undefined {
  const parsed = leadingInteger(text);
  if (!parsed) return undefined;
  if (parsed.rest === '') return parsed.value;
  const suffix = parsed.rest.toLowerCase();
  const factor = suffix === 'b' ? units.blocksize : suffix === 's' ? units.sectsize : (SUFFIX[suffix] ?? 0);
  return factor === 0 ? undefined : parsed.value * factor;
}

function readNumber(row: OptionRow, text: string, units: SizeUnits): number {
  const illegal = (why: string): never => {
    throw new UsageError(`${spell(row)}=${text}: ${why}`);
  };
  const word = row.words?.[text.toLowerCase()];
  if (word !== undefined) return word;
  let value: number;
  if (row.kind === 'size') {
    value = parseSize(text, row.defines ? NO_UNITS : units) ?? Number.NaN;
    if (Number.isNaN(value)) illegal('not a number with a suffix that is known here');
  } else {
    const parsed = leadingInteger(text);
    if (!parsed) return illegal(row.only ? `not a number; ${row.only.message}` : 'not a number');
    if (parsed.rest !== '') illegal('takes no suffix');
    value = parsed.value;
  }
  if (value < row.min) illegal(`the least is ${row.min}`);
  if (value > row.max) illegal(`the greatest is ${row.max}`);
  if (row.powerOfTwo && !Number.isInteger(Math.log2(value))) illegal('not a power of 2');
  return value;
}

const NO_UNITS: SizeUnits = { blocksize: 0, sectsize: 0 };
const groups = Object.keys(OPTION_GROUPS) as OptionGroup[];

export class GivenOptions {
  /** In the order in which they were given. */
  private readonly values = new Map<string, string>();
  profile: Profile = OUR_PROFILE;

  /** Takes one argument of `-group`, e.g. `agcount=4,su=64k`; as for mkfs.xfs it may be empty or end in a comma. */
  add(group: OptionGroup, argument: string): void {
    if (argument === '') return;
    for (const token of argument.replace(/,$/, '').split(',')) {
      const equals = token.indexOf('=');
      const name = equals < 0 ? token : token.slice(0, equals);
      this.set(`${group}.${name}`, equals < 0 ? '' : token.slice(equals + 1), token);
    }
  }

  /** Takes one line of a config file; false when there is no such option. */
  addLine(section: string, name: string, value: string): boolean {
    const group = groups.find((g) => OPTION_GROUPS[g].section === section.toLowerCase());
    const key = `${group}.${name.toLowerCase()}`;
    if (!rowOf.has(key)) return false;
    this.set(key, value, `${name}=${value}`);
    return true;
  }

  private set(key: string, value: string, token: string): void {
    const row = rowOf.get(key);
    if (!row) {
      if (key.startsWith('p.')) throw new UsageError(rowOf.get('p.file')!.refused!);
      throw new UsageError(`unknown option -${key[0]} ${token}`);
    }
    if (this.values.has(key) && !row.repeats) throw new UsageError(`${spell(row)} option respecified`);
    for (const other of row.conflicts) {
      if (!this.values.has(other)) continue;
      throw new UsageError(`${spell(rowOf.get(other)!)} and ${spell(row)} exclude each other`);
    }
    if (value === '' && row.bare === undefined) throw new UsageError(`${spell(row)} needs a value`);
    this.values.set(key, value);
  }

  has(key: OptionKey): boolean {
    return this.values.has(key);
  }

  text(key: OptionKey): string | undefined {
    return this.values.get(key);
  }

  /** What was given, as one could give it again: a line per option. */
  lines(): string[] {
    return [...this.values].map(([key, value]) => `${key}=${value}`);
  }

  /** Whether `key` was given after `other`; both must have been. */
  isAfter(key: OptionKey, other: OptionKey): boolean {
    const order = [...this.values.keys()];
    return order.indexOf(key) > order.indexOf(other);
  }

  /** The value in the row's unit, checked against its range; undefined when not given. */
  number(key: OptionKey, units: SizeUnits = NO_UNITS): number | undefined {
    const given = this.values.get(key);
    if (given === undefined) return undefined;
    const row = rowOf.get(key)!;
    return given === '' ? row.bare : readNumber(row, given, units);
  }

  /** As `number`, with the profile's default for what is not given. */
  value(key: OptionKey, units?: SizeUnits): number {
    return this.number(key, units) ?? rowDefault(rowOf.get(key)!, this.profile) ?? 0;
  }

  /** A 0/1 option, or its default. */
  flag(key: OptionKey): boolean {
    return this.value(key) !== 0;
  }

  /** Holds the options to those of a profile that was asked for by name. */
  useProfile(profile: Profile): void {
    this.profile = profile;
    for (const [key, value] of this.values) {
      const row = rowOf.get(key)!;
      if (row.since === undefined || isSince(profile, row.since)) continue;
      const token = value === '' ? row.name : `${row.name}=${value}`;
      throw new UsageError(`unknown option -${row.group} ${token}: profile ${profile} does not have it`);
    }
  }

  /** The rules that rows state about each other and about version 5. Returns what is worth saying. */
  checkRules(): string[] {
    const notices: string[] = [];
    for (const key of this.values.keys()) {
      const row = rowOf.get(key)!;
      if (row.refused !== undefined) throw new UsageError(row.refused);
      if (row.only && this.number(key as OptionKey) !== row.only.value) {
        if (!this.isOverruled(row)) throw new UsageError(row.only.message);
        if (row.overruled?.notice !== undefined) notices.push(row.overruled.notice);
      }
      const needs = row.needs;
      if (needs && this.flag(key as OptionKey) && !this.flag(needs.key as OptionKey))
        throw new UsageError(needs.message);
    }
    return notices;
  }

  private isOverruled(row: OptionRow): boolean {
    const key = `${row.group}.${row.name}` as OptionKey;
    const by = row.overruled?.by.filter((other) => this.values.has(other)) ?? [];
    return by.some((other) => !row.overruled!.later || this.isAfter(other as OptionKey, key));
  }

  /** Reads every value, so that a wrong one is refused even where nothing depends on it. */
  checkValues(units: SizeUnits): void {
    for (const key of this.values.keys())
      if (rowOf.get(key)!.kind !== 'text') this.number(key as OptionKey, units);
  }
}
