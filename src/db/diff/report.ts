/** A comparison as text and as JSON lines. */
import type { Json } from '../value.ts';
import type { Comparison, Difference } from './diff.ts';
import type { FieldChange } from './fields.ts';

/** More runs than these are only counted. */
const MOST_RUNS = 8;

export function comparisonText({ differences, notes }: Comparison): string {
  const out = differences.map(differenceText);
  for (const note of notes) out.push(`note: ${note}\n`);
  const count = differences.length;
  out.push(count === 0 ? 'no difference\n' : `${count} object${count === 1 ? ' differs' : 's differ'}\n`);
  return out.join('');
}

function differenceText(difference: Difference): string {
  const { object, path, was, is, blocks, runs = [], type } = difference;
  const title = path === undefined ? object : `${object} ${path}`;
  if (was !== undefined) return `${title}: ${was} -> ${is}\n`;
  if (blocks !== undefined) {
    const shown = runs.slice(0, MOST_RUNS).map(([from, count]) => rangeText(from, count));
    const more = runs.length > MOST_RUNS ? ` and ${runs.length - MOST_RUNS} more runs` : '';
    const where = type === 'log' ? 'log blocks' : difference.ino === undefined ? 'fsbno' : 'file blocks';
    return `${title}: ${blocks === 1 ? '1 block differs' : `${blocks} blocks differ`}, ${where} ${shown.join(' ')}${more}\n`;
  }
  if (difference.fields.length === 0) return `${title}: bytes differ\n`;
  return `${title}\n${difference.fields.map(changeText).join('')}`;
}

function changeText({ field, from, to }: FieldChange): string {
  if (from === undefined) return `  + ${field} = ${to}\n`;
  if (to === undefined) return `  - ${field} = ${from}\n`;
  return `  ${field} = ${from} -> ${to}\n`;
}

function rangeText(from: number, count: number): string {
  return count === 1 ? String(from) : `${from}-${from + count - 1}`;
}

/** An object each, then what it comes to. */
export function* comparisonRows({ differences, notes }: Comparison): Generator<Json> {
  for (const { fields, runs, ...rest } of differences) {
    yield {
      ...rest,
      ...(runs === undefined ? {} : { runs: runs.map(([from, count]) => ({ from, count })) }),
      fields: fields.map(({ field, from, to, fromJson, toJson }) => ({
        field,
        ...(from === undefined ? {} : { from: fromJson }),
        ...(to === undefined ? {} : { to: toJson }),
      })),
    };
  }
  yield { same: differences.length === 0 && notes.length === 0, objects: differences.length, notes };
}
