/**
 * Addresses of blocks as people write them: an fsbno; `agno:agbno` or `agno/agbno`; or pairs of a unit and a value
 * as convert takes them (`daddr 1234`, `agno 1 agbno 17`, `byte 4096`).
 */
import { convertUnits, UNIT_NAMES } from './convert.ts';
import { DbError } from './error.ts';
import type { Filesystem } from './filesystem.ts';
import { parseNumber } from './path.ts';

export interface BlockRange {
  readonly agno: number;
  readonly agbno: number;
  readonly count: number;
}

const FSBNO_UNITS = ['fsblock', 'fsb', 'fsbno'];

/** Takes an address and then perhaps a count from `words`; throws DbError when they name no blocks of one AG. */
export function parseBlockRange(filesystem: Filesystem, words: readonly string[]): BlockRange {
  const { geometry } = filesystem;
  const { fsbno, rest } = takeAddress(filesystem, words);
  const agno = geometry.fsbnoAgno(fsbno);
  const agbno = geometry.fsbnoAgbno(fsbno);
  if (!geometry.isAgbno(agno, agbno)) throw new DbError(`bad block address ${words.join(' ')}`);
  if (rest.length > 1) throw new DbError(`bad words after the address: ${rest.join(' ')}`);
  const count = rest[0] === undefined ? 1n : parseNumber(rest[0]);
  if (count === undefined || count < 1n || count > BigInt(geometry.agLength(agno) - agbno)) {
    throw new DbError(
      `bad count ${rest[0]}: block ${agbno} is followed by ${geometry.agLength(agno) - agbno - 1}`,
    );
  }
  return { agno, agbno, count: Number(count) };
}

function takeAddress(
  filesystem: Filesystem,
  words: readonly string[],
): { fsbno: number; rest: readonly string[] } {
  const { geometry } = filesystem;
  const [first] = words;
  if (first === undefined) throw new DbError('no block address');
  const pair = /^([^:/]+)[:/]([^:/]+)$/.exec(first);
  if (pair) {
    const agno = parseNumber(pair[1]!);
    const agbno = parseNumber(pair[2]!);
    const inside = agno !== undefined && agbno !== undefined && geometry.isAgbno(Number(agno), Number(agbno));
    if (!inside) throw new DbError(`bad block address ${first}`);
    return { fsbno: geometry.fsbno(Number(agno), Number(agbno)), rest: words.slice(1) };
  }
  if (UNIT_NAMES.includes(first)) return takeUnits(filesystem, words);
  const value = parseNumber(first);
  if (value === undefined) throw new DbError(`bad block address ${first}`);
  return { fsbno: Number(value), rest: words.slice(1) };
}

function takeUnits(
  filesystem: Filesystem,
  words: readonly string[],
): { fsbno: number; rest: readonly string[] } {
  let end = 0;
  while (end + 1 < words.length && UNIT_NAMES.includes(words[end]!)) end += 2;
  if (end === 0) throw new DbError(`no value for unit ${words[0]}`);
  const rest = words.slice(end);
  // convert refuses to turn a unit into itself.
  if (end === 2 && FSBNO_UNITS.includes(words[0]!)) {
    const value = parseNumber(words[1]!);
    if (value === undefined) throw new DbError(`${words[1]} is not a number`);
    return { fsbno: Number(value), rest };
  }
  return {
    fsbno: Number(convertUnits([...words.slice(0, end), 'fsb'], filesystem.geometry, undefined)),
    rest,
  };
}
