/**
 * `hashcoll`: other names with the hash of a given one, for trees in which many entries share a hash. The hash takes
 * seven bits a character, so five characters at the end bring any beginning to any hash; those that would not be
 * printable are tried again with another beginning.
 */
import { hashName, hashNameIgnoringCase } from '../../format/dahash.ts';
import { DbError } from '../error.ts';
import { parseOptions } from '../options.ts';
import { GlibcRandom } from '../random.ts';
import type { CommandRow, Output, Session } from '../session.ts';

const ENDING = 5;
/** A shorter beginning does not reach all bits of the hash. */
const SHORTEST = 12;
const LONGEST = 255;
const MOST_NAMES = 1_000_000;
/** About one in five tries gives a printable ending. */
const MOST_TRIES = 10_000;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';
const SLASH = 0x2f;

const rotate3 = (value: number) => ((value << 3) | (value >>> 29)) >>> 0;
const isPrintable = (c: number) => c > 0x20 && c < 0x7f && c !== SLASH;

/** Five characters that lead from the hash of a beginning to another one; undefined when some are not printable. */
function endingFor(beginning: number, hash: number, spare: number): number[] | undefined {
  const rest = (hash ^ rotate3(beginning)) >>> 0;
  const first = (rest >>> 28) | (spare << 4);
  const characters = [
    first,
    (rest >>> 21) & 0x7f,
    (rest >>> 14) & 0x7f,
    (rest >>> 7) & 0x7f,
    (rest ^ spare) & 0x7f,
  ];
  return characters.every(isPrintable) ? characters : undefined;
}

/** Another name of that hash. Throws DbError when none is found, as may be where case does not count. */
export function collidingName(name: Uint8Array, ignoresCase: boolean, random: GlibcRandom): Uint8Array {
  const hashOf = ignoresCase ? hashNameIgnoringCase : hashName;
  const hash = hashOf(name);
  const length = Math.min(LONGEST, Math.max(SHORTEST, name.length));
  const made = new Uint8Array(length);
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    for (let i = 0; i < length - ENDING; i++) made[i] = LETTERS.charCodeAt(random.next() % LETTERS.length);
    const ending = endingFor(hashOf(made.subarray(0, length - ENDING)), hash, random.next() % 8);
    if (!ending) continue;
    made.set(ending, length - ENDING);
    if (hashOf(made) === hash && Buffer.compare(made, name) !== 0) return made;
  }
  throw new DbError(`no other name with hash 0x${hash.toString(16)} found`);
}

function run({ cursor }: Session, args: readonly string[]): Output {
  const { options, rest } = parseOptions(args, 'n:s:', () => new DbError('bad option for hashcoll command'));
  const given = new Map(options);
  const number = (letter: string, fallback: number, most: number): number => {
    const text = given.get(letter);
    if (text === undefined) return fallback;
    if (!/^\d+$/.test(text) || Number(text) > most)
      throw new DbError(`bad number ${text} for hashcoll -${letter}`);
    return Number(text);
  };
  const count = number('n', 1, MOST_NAMES);
  const random = new GlibcRandom(number('s', Math.floor(Math.random() * 2 ** 32), 2 ** 32 - 1));
  if (rest.length === 0) throw new DbError('hashcoll wants a name');
  const { asciiCi } = cursor.filesystem.geometry.features;
  const names: string[] = [];
  for (const name of rest) {
    const bytes = Buffer.from(name, 'utf8');
    for (let i = 0; i < count; i++)
      names.push(Buffer.from(collidingName(bytes, asciiCi, random)).toString('latin1'));
  }
  return { text: names.map((name) => `${name}\n`).join(''), json: names };
}

export const HASHCOLL_COMMANDS: readonly CommandRow[] = [
  {
    name: 'hashcoll',
    args: '[-n count] [-s seed] name...',
    least: 1,
    most: Number.POSITIVE_INFINITY,
    summary: 'make names with the hash of a name',
    help: ['-n how many of each (1); -s the same seed gives the same names'],
    run,
  },
];
