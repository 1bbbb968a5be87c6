/**
 * The range of values that a verifier accepts for a field, found by asking it: other values are put into a copy of the
 * object, all else as it is. The rules themselves stay in one place, the verifiers.
 *
 * From a value that is accepted it goes up and down in growing steps and then halves the last one, so what it finds is
 * the range around that value: rules that leave gaps (powers of two) give the value alone.
 */
import type { Kind } from '../../format/kinds.ts';
import { viewOf } from '../../format/struct.ts';
import { concerns, type Subject } from './verdict.ts';

export interface Accepted {
  readonly low: bigint;
  readonly high: bigint;
  /** Every value that the field can hold. */
  readonly any: boolean;
  /** All ones is accepted as well, outside of the range. */
  readonly orNull: boolean;
}

/** The field: its kind, the bit it starts at, and its path. */
export interface Asked {
  readonly kind: Kind<unknown>;
  readonly bit: number;
  readonly path: string;
}

/** Undefined when no value was found that is accepted. */
export function acceptedRange(subject: Subject, { kind, bit, path }: Asked): Accepted | undefined {
  const { bytes } = subject;
  const copy = bytes.slice();
  const view = viewOf(copy);
  const current = kind.raw(viewOf(bytes), bit);
  const now = subject.judge(bytes);
  // What is wrong elsewhere is not this field's business.
  const elsewhere = new Set(now.filter(({ field }) => !concerns(path, field)).map(({ field }) => field));
  const accepts = (value: bigint): boolean => {
    kind.setRaw(view, bit, value);
    return subject.judge(copy).every(({ field }) => elsewhere.has(field));
  };
  const most = (1n << BigInt(kind.bits)) - 1n;
  const told = now
    .filter(({ field, expected }) => concerns(path, field) && typeof expected === 'number')
    .map(({ expected }) => BigInt(Math.trunc(expected as number)));
  const start = [current, ...told, 0n, 1n].find((value) => value >= 0n && value <= most && accepts(value));
  if (start === undefined) return undefined;
  const high = reach(most - start, (distance) => accepts(start + distance));
  const low = reach(start, (distance) => accepts(start - distance));
  const range = { low: start - low, high: start + high };
  const any = range.low === 0n && range.high === most;
  return { ...range, any, orNull: !any && range.high < most && kind.bits >= 32 && accepts(most) };
}

/** The largest distance up to `most` that is accepted, if all smaller ones are. */
function reach(most: bigint, accepts: (distance: bigint) => boolean): bigint {
  let good = 0n;
  let step = 1n;
  while (good < most) {
    const next = good + step > most ? most : good + step;
    if (!accepts(next)) return halve(good, next, accepts);
    good = next;
    step *= 2n;
  }
  return good;
}

function halve(low: bigint, high: bigint, accepts: (distance: bigint) => boolean): bigint {
  let good = low;
  let bad = high;
  while (bad - good > 1n) {
    const middle = (good + bad) / 2n;
    if (accepts(middle)) good = middle;
    else bad = middle;
  }
  return good;
}
