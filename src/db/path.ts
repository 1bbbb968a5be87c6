/**
 * Field paths: `core.nextents`, `recs[3].startblock`, `bu[0-2].name`. An index or range belongs to the name before
 * it; numbers are decimal or octal as in C, and have 32 bits. The grammar knows no blanks: the command line splits
 * there. A dot between two parts may be missing behind an index, as xfs_db has it.
 */
import { DbError } from './error.ts';

export interface Segment {
  readonly name: string;
  /** As written, in the row's own base; absent: all elements. */
  readonly low?: number;
  /** Absent: only `low`. */
  readonly high?: number;
}

interface Token {
  readonly kind: 'name' | 'number' | 'text' | '[' | '-' | ']' | '.';
  readonly text: string;
}

/** Hexadecimal digits beyond 9 are none here, though x is. */
const TOKENS = /([a-z][a-z0-9_]*)|([0-9][0-9xX]*)|([[\-\].])/y;

function tokensOf(path: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < path.length; ) {
    if (path[at] === '"') {
      const end = path.lastIndexOf('"');
      if (end === at) throw new DbError(`missing closing quote ${path.slice(at + 1)}`);
      tokens.push({ kind: 'text', text: path.slice(at + 1, end) });
      at = end + 1;
      continue;
    }
    TOKENS.lastIndex = at;
    const match = TOKENS.exec(path);
    if (!match) throw new DbError(`bad character in field ${path.slice(at)}`);
    const text = match[0];
    const kind = match[1] ? 'name' : match[2] ? 'number' : (text as Token['kind']);
    tokens.push({ kind, text });
    at += text.length;
  }
  return tokens;
}

/** Parses a path; throws DbError for bad syntax. */
export function parsePath(path: string): readonly Segment[] {
  const tokens = tokensOf(path);
  const segments: Segment[] = [];
  let at = 0;
  const bad = () => new DbError(`bad syntax in field name ${path}`);
  const take = (kind: Token['kind']): string => {
    const token = tokens[at++];
    if (token?.kind !== kind) throw bad();
    return token.text;
  };
  const number = () => {
    const value = parseNumber(take('number'));
    if (value === undefined) throw bad();
    return Number(BigInt.asIntN(32, value));
  };
  do {
    const name = take('name');
    if (tokens[at]?.kind !== '[') segments.push({ name });
    else {
      at++;
      const low = number();
      if (tokens[at]?.kind === '-') {
        at++;
        segments.push({ name, low, high: number() });
      } else segments.push({ name, low });
      take(']');
    }
    if (tokens[at]?.kind !== '.') continue;
    at++;
    if (at === tokens.length) throw bad();
  } while (at < tokens.length);
  return segments;
}

const LARGEST = 2n ** 64n - 1n;

/**
 * A whole number as C's strtoull reads it with base 0: larger ones are the largest there is, and a minus counts
 * back from 2^64. Undefined for anything else.
 */
export function parseNumber(text: string): bigint | undefined {
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(text);
  if (!match) return undefined;
  const digits = match[2]!;
  const value = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
  if (value > LARGEST) return LARGEST;
  return BigInt.asUintN(64, match[1] === '-' ? -value : value);
}
