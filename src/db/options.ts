/**
 * Options of a command as C's getopt takes them: letters may be run together, a value may be glued to its letter or
 * be the next word, options may stand behind other words, `--` ends them.
 */
import type { DbError } from './error.ts';
import { parseNumber } from './path.ts';

export interface Given {
  /** In the order given; a value where the letter takes one. */
  readonly options: readonly (readonly [letter: string, value: string | undefined])[];
  readonly rest: readonly string[];
}

/** `letters` as for getopt: `ab:c` has a value after b. Throws what `bad` makes for an unknown letter or no value. */
export function parseOptions(
  args: readonly string[],
  letters: string,
  bad: (letter: string) => DbError,
): Given {
  const options: [string, string | undefined][] = [];
  const rest: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (word === '--') {
      rest.push(...args.slice(i + 1));
      break;
    }
    if (word.length < 2 || word[0] !== '-') {
      rest.push(word);
      continue;
    }
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      const found = letter === ':' ? -1 : letters.indexOf(letter);
      if (found < 0) throw Object.assign(bad('?'), { option: `invalid option -- '${letter}'` });
      if (letters[found + 1] !== ':') {
        options.push([letter, undefined]);
        continue;
      }
      const value = at + 1 < word.length ? word.slice(at + 1) : args[++i];
      if (value === undefined) {
        throw Object.assign(bad('?'), { option: `option requires an argument -- '${letter}'` });
      }
      options.push([letter, value]);
      break;
    }
  }
  return { options, rest };
}

/** A number at the head of a text as C's atoi and strtol read it: what follows is passed over, none is 0. */
export function leadingNumber(text: string): number {
  const match = /^\s*([+-]?\d+)/.exec(text);
  return match ? Number(match[1]) : 0;
}

/** As C's strtoul reads it with base 0, cut to a 32-bit int. */
export function leadingUnsigned(text: string): number {
  const match = /^\s*[+-]?(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)/.exec(text);
  return Number(BigInt.asIntN(32, match ? parseNumber(match[0].trim())! : 0n));
}

/** The same as a 32-bit int. */
export function leadingInt(text: string): number {
  return Number(BigInt.asIntN(32, BigInt(Math.trunc(clampLong(leadingNumber(text))))));
}

function clampLong(value: number): number {
  return Math.min(Math.max(value, -(2 ** 63)), 2 ** 63 - 1024);
}
