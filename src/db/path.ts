/**
 * Field paths: `core.nextents`, `recs[3].startblock`, `bu[0-2].name`. An index or range belongs to the name before
 * it; numbers may be decimal, 0x... or 0... as in C. The grammar knows no blanks: the command line splits there.
 */
import { DbError } from './error.ts';

export interface Segment {
  readonly name: string;
  /** As written, in the row's own base; absent: all elements. */
  readonly low?: number;
  readonly high?: number;
}

const NAME = /[a-z][a-z0-9_]*/y;
const NUMBER = /0[xX][0-9a-fA-F]+|[0-9]+/y;

/** Parses a path; throws DbError for bad syntax. */
export function parsePath(text: string): readonly Segment[] {
  const segments: Segment[] = [];
  let at = 0;
  const bad = () => new DbError(`bad syntax in field name ${text}`);
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) throw bad();
    at += match[0].length;
    return match[0];
  };
  const number = () => {
    const digits = take(NUMBER);
    const value = parseNumber(digits);
    if (value === undefined || value > 0x7fffffffn) throw bad();
    return Number(value);
  };
  for (;;) {
    const name = take(NAME);
    if (text[at] === '[') {
      at++;
      const low = number();
      let high = low;
      if (text[at] === '-') {
        at++;
        high = number();
      }
      if (text[at] !== ']') throw bad();
      at++;
      segments.push({ name, low, high });
    } else segments.push({ name });
    if (at === text.length) return segments;
    if (text[at] !== '.') throw bad();
    at++;
  }
}

/** A whole number as C's strtoull reads it with base 0; undefined for anything else. */
export function parseNumber(text: string): bigint | undefined {
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text);
  if (!match) return undefined;
  const digits = match[2]!;
  const value = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
  return BigInt.asUintN(64, match[1] === '-' ? -value : value);
}
