/** `freesp`: a histogram of free space, or all of it. */
import { DbError } from '../error.ts';
import { fixed, general } from '../number.ts';
import { leadingInt, parseOptions } from '../options.ts';
import { type Bucket, type BucketRule, makeBuckets, scanFreeSpace } from '../scan/freespace.ts';
import type { CommandRow, Output, Session } from '../session.ts';
import type { Json } from '../value.ts';

const USAGE = 'freesp arguments: [-bcds] [-a agno] [-e binsize] [-h h1]... [-m binmult]';

interface Wanted {
  readonly ags: readonly number[];
  readonly alignment: number;
  readonly bySize: boolean;
  readonly list: boolean;
  readonly summary: boolean;
  readonly rule: BucketRule;
}

function parse(args: readonly string[]): Wanted {
  const bad = () => new DbError(USAGE);
  const { options, rest } = parseOptions(args, 'A:a:bcde:h:m:s', bad);
  if (rest.length > 0) throw bad();
  const has = (letter: string) => options.some(([given]) => given === letter);
  const numbers = (letter: string) =>
    options.filter(([given]) => given === letter).map(([, value]) => leadingInt(value!));
  const rules = options.filter(([letter]) => 'behm'.includes(letter));
  // Only -h may be given more than once.
  if (rules.length > 1 && rules.some(([letter]) => letter !== 'h')) throw bad();
  return {
    ags: numbers('a'),
    alignment: numbers('A').at(-1) ?? 0,
    bySize: has('c'),
    list: has('d'),
    summary: has('s'),
    rule: ruleOf(rules[0]?.[0], numbers),
  };
}

/** A step or factor of 0 is none: one range then. */
function ruleOf(letter: string | undefined, numbers: (letter: string) => number[]): BucketRule {
  const step = numbers('e')[0] ?? 0;
  const factor = letter === undefined || letter === 'b' ? 2 : (numbers('m')[0] ?? 0);
  if (step !== 0) return { step };
  if (factor !== 0 && letter !== 'h' && letter !== 'e') return { factor };
  const starts = numbers('h').map((low) => (low === 0 ? 1 : low));
  return { starts: starts.includes(1) ? starts : [...starts, 1] };
}

function freesp({ cursor }: Session, args: readonly string[]): Output {
  const wanted = parse(args);
  const { filesystem } = cursor;
  const buckets = makeBuckets(wanted.rule, filesystem.geometry.agblocks);
  if (!buckets) throw new DbError(USAGE);
  const right = (value: number | string) => String(value).padStart(8);
  const list: string[] = [];
  const found: Json[] = [];
  const messages: string[] = [];
  let extents = 0;
  let blocks = 0;
  if (wanted.list) list.push(`${right('agno')} ${right('agbno')} ${right('len')}\n`);
  scanFreeSpace(filesystem, (agno) => wanted.ags.length === 0 || wanted.ags.includes(agno), {
    bySize: wanted.bySize,
    alignment: wanted.alignment,
    extent(agno, agbno, length) {
      if (wanted.list) {
        list.push(`${right(agno | 0)} ${right(agbno | 0)} ${right(length | 0)}\n`);
        found.push({ agno, agbno, blocks: length });
      }
      extents++;
      blocks += length;
      const bucket = bucketOf(buckets, length);
      if (!bucket) return;
      bucket.extents++;
      bucket.blocks += length;
    },
    message(text) {
      list.push(text);
      messages.push(text.trimEnd());
    },
  });
  const used = buckets.filter((bucket) => bucket.extents > 0);
  return {
    text: list.join('') + histogram(used, blocks) + (wanted.summary ? summary(extents, blocks) : ''),
    json: {
      extents,
      blocks,
      histogram: used.map((bucket) => ({ ...bucket })),
      ...(wanted.list ? { free: found } : {}),
      ...(messages.length > 0 ? { messages } : {}),
    },
  };
}

/** The first range that reaches `length`. */
function bucketOf(buckets: readonly Bucket[], length: number): Bucket | undefined {
  let low = 0;
  let high = buckets.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (buckets[middle]!.high >= length) high = middle;
    else low = middle + 1;
  }
  return buckets[low];
}

function histogram(used: readonly Bucket[], total: number): string {
  const line = (values: readonly (string | number)[], last: string) =>
    `${values.map((value) => String(value).padStart(7)).join(' ')} ${last.padStart(6)}\n`;
  let out = line(['from', 'to', 'extents', 'blocks'], 'pct');
  for (const { low, high, extents, blocks } of used)
    out += line([low, high, extents, blocks], fixed((blocks * 100) / total, 2));
  return out;
}

function summary(extents: number, blocks: number): string {
  return (
    `total free extents ${extents}\ntotal free blocks ${blocks}\n` +
    `average free extent size ${general(blocks / extents)}\n`
  );
}

export const FREESP_COMMANDS: readonly CommandRow[] = [
  {
    name: 'freesp',
    args: '[-bcdfs] [-A alignment] [-a agno]... [-e binsize] [-h h1]... [-m binmult]',
    least: 0,
    most: Number.POSITIVE_INFINITY,
    summary: 'summarize free space for filesystem',
    run: freesp,
  },
];
