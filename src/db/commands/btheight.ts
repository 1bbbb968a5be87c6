/** `btheight`: how tall btrees of a number of records become. */
import { BTREE, LONG_HEADER, maxRecords, SHORT_HEADER } from '../../format/btree.ts';
import { DbError } from '../error.ts';
import { type Given, parseOptions } from '../options.ts';
import { parseNumber } from '../path.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import { integerJson, type Json } from '../value.ts';

/** Trees by xfs_db's names; the height none of them can pass on any filesystem. */
const TREES = [
  { name: 'bnobt', family: BTREE.bnobt, tallest: 7 },
  { name: 'cntbt', family: BTREE.cntbt, tallest: 7 },
  { name: 'inobt', family: BTREE.inobt, tallest: 6 },
  { name: 'finobt', family: BTREE.finobt, tallest: 6 },
  { name: 'bmapbt', family: BTREE.bmapbt, tallest: 14 },
  { name: 'refcountbt', family: BTREE.refcntbt, tallest: 6 },
  { name: 'rmapbt', family: BTREE.rmapbt, tallest: 9 },
] as const;

/** Headers of version 4 and 5, for geometries given by hand. */
const HEADERS: Readonly<Record<string, number>> = {
  short: 16,
  shortcrc: SHORT_HEADER.size,
  long: 24,
  longcrc: LONG_HEADER.size,
};

const MOST_BLOCK = 2_147_483_647;
const LEAST_BLOCK = 128;
const MOST_16 = 0xffff;
const USAGE = [
  'btheight [-b blksz] [-n recs] [-w max|min|absmax] btree types...',
  `Types: all ${TREES.map(({ name }) => name).join(' ')}`,
  'or record_bytes:key_bytes:ptr_bytes:header_type with a header of short, long, shortcrc or longcrc',
].join('\n');
const OUT_OF_RANGE = 'Numerical result out of range';

interface Fill {
  readonly leaf: number;
  readonly node: number;
}

interface Level {
  readonly records: bigint;
  readonly blocks: bigint;
}

/** Levels of a tree whose blocks hold that many; 64 bits wrap round. */
function levelsOf(records: bigint, fill: Fill): Level[] {
  const levels: Level[] = [];
  for (let left = records; left > 0n; ) {
    const per = BigInt(levels.length === 0 ? fill.leaf : fill.node);
    const blocks = BigInt.asUintN(64, left + per - 1n) / per;
    levels.push({ records: left, blocks });
    left = blocks === 1n ? 0n : blocks;
  }
  return levels;
}

const plural = (count: bigint | number, word: string) => `${count} ${word}${BigInt(count) === 1n ? '' : 's'}`;

function levelsText(levels: readonly Level[]): string {
  const total = levels.reduce((sum, { blocks }) => sum + blocks, 0n);
  const lines = levels.map(
    ({ records, blocks }, i) => `level ${i}: ${plural(records, 'record')}, ${plural(blocks, 'block')}\n`,
  );
  return `${lines.join('')}${plural(levels.length, 'level')}, ${plural(total, 'block')} total\n`;
}

/** Records of a full leaf and keys of a full node; throws DbError for a tag that makes none. */
function fullBlocks(tag: string, blocksize: number): Fill {
  const known = TREES.find(({ name }) => name === tag);
  if (known) {
    return { leaf: maxRecords(known.family, 0, blocksize), node: maxRecords(known.family, 1, blocksize) };
  }
  const bad = (text: string) => new DbError(text, true);
  const parts = tag.split(':').filter((part) => part !== '');
  const names = ['record size', 'key size', 'pointer size'];
  const sizes = names.map((name, i) => {
    const part = parts[i];
    if (part === undefined) throw bad(`${tag}: ${name} not found.`);
    const size = parseNumber(part);
    if (size === undefined || size > MOST_16) throw bad(`${part}: ${OUT_OF_RANGE}`);
    if (size === 0n) throw bad(`${tag}: ${name} cannot be zero.`);
    return Number(size);
  });
  const header = parts[3];
  if (header === undefined) throw bad(`${tag}: header type not found.`);
  const headerBytes = HEADERS[header];
  if (headerBytes === undefined) throw bad(`${header}: unrecognized btree header type.`);
  const room = blocksize - headerBytes;
  sizes.forEach((size, i) => {
    const limit = `must be less than selected block size (${room} bytes)`;
    if (size > room) throw bad(`${tag}: ${names[i]} ${limit}.`);
  });
  if (parts.length > 4) throw bad(`${tag}: unrecognized raw btree geometry.`);
  const [record, key, pointer] = sizes as [number, number, number];
  return { leaf: Math.floor(room / record), node: Math.floor(room / (key + pointer)) };
}

interface Wanted {
  readonly blocksize: number;
  readonly records: bigint;
  readonly which: 'both' | 'max' | 'min' | 'absmax';
}

function parse(session: Session, given: Given): Wanted {
  const { geometry } = session.cursor.filesystem;
  let wanted: Wanted = { blocksize: geometry.blocksize, records: 0n, which: 'both' };
  for (const [letter, value] of given.options) {
    if (letter === 'b') {
      wanted = { ...wanted, blocksize: sizeOf(value!, geometry.blocksize, geometry.sectsize) };
    } else if (letter === 'n') {
      const records = parseNumber(value!);
      if (records === undefined) throw new DbError(`${value}: ${OUT_OF_RANGE}`, true);
      wanted = { ...wanted, records };
    } else if (value === 'max' || value === 'min' || value === 'absmax') wanted = { ...wanted, which: value };
    else throw new DbError(USAGE);
  }
  if (wanted.which === 'absmax') return wanted;
  const limit = (name: string, bytes: number) =>
    new DbError(`The ${name} block size this command will consider is ${bytes} bytes.`, true);
  if (wanted.records === 0n) throw new DbError('Number of records must be greater than zero.', true);
  if (wanted.blocksize > MOST_BLOCK) throw limit('largest', MOST_BLOCK);
  if (wanted.blocksize < LEAST_BLOCK) throw limit('smallest', LEAST_BLOCK);
  return wanted;
}

/** A size with a suffix; what is no size is -1, which is too small. */
function sizeOf(text: string, blocksize: number, sectsize: number): number {
  const match = /^(0[xX][0-9a-fA-F]+|\d+)([bskmgtpe]?)$/i.exec(text);
  const number = match && parseNumber(match[1]!);
  if (!match || number === undefined || number === null) return -1;
  const suffix = match[2]!.toLowerCase();
  if (suffix === 'b') return Number(number) * blocksize;
  if (suffix === 's') return Number(number) * sectsize;
  const power = suffix === '' ? 0 : 'kmgtpe'.indexOf(suffix) + 1;
  return Number(number) * 1024 ** power;
}

interface Report {
  text: string;
  stderr: string;
  readonly json: Json[];
}

function reportTree(tag: string, wanted: Wanted, report: Report): void {
  if (wanted.which === 'absmax') {
    const known = TREES.find(({ name }) => name === tag);
    report.text += known ? `${tag}: ${known.tallest}\n` : `${tag}: Don't know how to report max height.\n`;
    if (known) report.json.push({ type: tag, levels: known.tallest });
    return;
  }
  const full = fullBlocks(tag, wanted.blocksize);
  if (wanted.which !== 'min') reportCase(tag, 'best', full, wanted, report);
  const half = { leaf: full.leaf >>> 1, node: full.node >>> 1 };
  if (wanted.which !== 'max') reportCase(tag, 'worst', half, wanted, report);
}

function reportCase(tag: string, name: 'best' | 'worst', fill: Fill, wanted: Wanted, report: Report): void {
  const least = name === 'best' ? { leaf: 2, node: 4 } : { leaf: 1, node: 2 };
  for (const place of ['leaf', 'node'] as const) {
    if (fill[place] >= least[place]) continue;
    throw new DbError(
      `${tag}: cannot calculate ${name} case scenario due to ${place} geometry underflow.`,
      true,
    );
  }
  const levels = levelsOf(wanted.records, fill);
  report.text +=
    `${tag}: ${name} case per ${wanted.blocksize}-byte block: ` +
    `${fill.leaf} records (leaf) / ${fill.node} keyptrs (node)\n${levelsText(levels)}`;
  report.json.push({
    type: tag,
    case: name,
    leafRecords: fill.leaf,
    nodeKeys: fill.node,
    levels: levels.map(({ records, blocks }) => ({
      records: integerJson(records),
      blocks: integerJson(blocks),
    })),
  });
}

function btheight(session: Session, args: readonly string[]): Output {
  const given = parseOptions(args, 'b:n:w:', () => new DbError(USAGE));
  const wanted = parse(session, given);
  if (given.rest.length === 0) throw new DbError(USAGE);
  const report: Report = { text: '', stderr: '', json: [] };
  const tags = given.rest.includes('all') ? TREES.map(({ name }) => name) : given.rest;
  for (const tag of tags) {
    try {
      reportTree(tag, wanted, report);
    } catch (error) {
      if (!(error instanceof DbError)) throw error;
      report.stderr += `${error.message}\n`;
    }
  }
  const { text, stderr, json } = report;
  return { text, json, ...(stderr === '' ? {} : { stderr, failed: true }) };
}

export const BTHEIGHT_COMMANDS: readonly CommandRow[] = [
  {
    name: 'btheight',
    args: '[-b blksz] [-n recs] [-w max|-w min] btree types...',
    least: 1,
    most: Number.POSITIVE_INFINITY,
    summary: 'compute btree heights',
    run: btheight,
  },
];
