/**
 * The verbs of `write` on plain bytes: shifts, rotations, sequences, random bytes, fill. Numbers default where they
 * are -1 or missing; a verb may be cut short as far as it is still told apart.
 */
import { DbError } from './error.ts';

/** Numbers of a verb; undefined where none was given. */
interface Numbers {
  readonly start: number;
  readonly length: number;
  readonly first: number | undefined;
  readonly from: number | undefined;
  readonly to: number | undefined;
}

interface BlockVerb {
  readonly name: string;
  /** Letters it takes to tell it apart. */
  readonly least: number;
  readonly args: string;
  readonly fewest: number;
  readonly most: number;
  /** Index of the word for start; length follows it. */
  readonly startAt: number;
  /** Gives what the range becomes. */
  apply(range: Uint8Array, numbers: Numbers): Uint8Array;
}

const SHIFT = '[shiftcount] [start] [len]';

function shift(name: string, move: (range: Uint8Array, by: number) => Uint8Array): BlockVerb {
  return {
    name,
    least: 2,
    args: SHIFT,
    fewest: 0,
    most: 3,
    startAt: 2,
    apply: (range, { first = 1 }) => {
      if (first < 0 || first > range.length) throw new DbError(`shift of ${first} in ${range.length} bytes`);
      return move(range, first);
    },
  };
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/** Bytes going from `from` to `to` and round again; below the lesser one, when `from` is greater, as in xfs_db. */
function sequence(range: Uint8Array, numbers: Numbers): Uint8Array {
  const from = numbers.from === undefined || numbers.from > 255 ? 0 : numbers.from;
  const to = numbers.to === undefined || numbers.to > 255 ? 255 : numbers.to;
  const base = Math.min(from, to);
  const span = Math.abs(to - from) + 1;
  const step = from > to ? -1 : 1;
  let value = 0;
  return range.map(() => {
    const byte = value + base;
    value = (value + step) % span;
    return byte;
  });
}

const VERBS: readonly BlockVerb[] = [
  shift('lshift', (range, by) => joined(range.subarray(by), new Uint8Array(by))),
  shift('rshift', (range, by) => joined(new Uint8Array(by), range.subarray(0, range.length - by))),
  shift('lrot', (range, by) => joined(range.subarray(by), range.subarray(0, by))),
  shift('rrot', (range, by) =>
    joined(range.subarray(range.length - by), range.subarray(0, range.length - by)),
  ),
  {
    name: 'sequence',
    least: 3,
    args: '[from] [to] [start] [len]',
    fewest: 0,
    most: 4,
    startAt: 3,
    apply: sequence,
  },
  {
    name: 'random',
    least: 3,
    args: '[start] [len]',
    fewest: 0,
    most: 2,
    startAt: 1,
    apply: (range) => range.map(() => Math.floor(Math.random() * 256)),
  },
  {
    name: 'fill',
    least: 1,
    args: 'num [start] [len]',
    fewest: 1,
    most: 3,
    startAt: 2,
    apply: (range, { first = 0 }) => range.map(() => first & 0xff),
  },
];

function usage(lead: string): DbError {
  const lines = VERBS.map(({ name, args }) => `              ${name.padEnd(9)} ${args}\n`);
  return new DbError(`${lead}usage: write (in data mode)\n${lines.join('')}`);
}

/** What `data` becomes by a verb and its numbers. Throws DbError with the list of verbs for anything else. */
export function blockVerb(data: Uint8Array, words: readonly string[]): Uint8Array {
  const [name, ...rest] = words;
  if (name === undefined || words.length <= 1 || words.length > 5) throw usage('');
  const verb = VERBS.find((candidate) => isShortFor(name, candidate));
  if (!verb) throw usage('write: invalid subcommand\n');
  if (rest.length < verb.fewest || rest.length > verb.most) {
    throw usage(`write ${verb.name}: invalid number of arguments\n`);
  }
  const numbers = numbersOf(verb, rest, data.length);
  const { start, length } = numbers;
  if (start + length > data.length) {
    throw new DbError(`length (${length}) too large for data block size (${data.length})`);
  }
  if (start < 0 || length < 0) throw new DbError(`bad range: start ${start}, length ${length}`);
  const out = data.slice();
  out.set(verb.apply(data.slice(start, start + length), numbers), start);
  return out;
}

function numbersOf(verb: BlockVerb, words: readonly string[], size: number): Numbers {
  const at = (index: number) => (words[index - 1] === undefined ? undefined : toInt(words[index - 1]!));
  const start = at(verb.startAt) ?? 0;
  const length = at(verb.startAt + 1) ?? size - start;
  // The reference takes from and to only when the length is given as well.
  const isWhole = verb.name !== 'sequence' || words.length === 4;
  return {
    start,
    length,
    first: at(1),
    from: isWhole ? at(1) : undefined,
    to: isWhole ? at(2) : undefined,
  };
}

/** As strtoul with base 0 cut to an int; -1 is as if not given. */
function toInt(word: string): number | undefined {
  const match = /^\s*([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(word);
  if (!match) return 0;
  const digits = match[2]!;
  const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  const number = Number(BigInt.asIntN(32, match[1] === '-' ? -value : value));
  return number === -1 ? undefined : number;
}

/** Whether a word and a verb's name begin alike, one of them ending first, over enough letters. */
function isShortFor(word: string, { name, least }: BlockVerb): boolean {
  const length = Math.min(word.length, name.length);
  return word.slice(0, length) === name.slice(0, length) && (length >= least || word === name);
}
