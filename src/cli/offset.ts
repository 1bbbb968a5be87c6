/** `--offset BYTES`: where a filesystem starts inside an image; suffixes s (512), k, m, g, t. */
import { UsageError } from '../format/errors.ts';

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  s: 512,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
};

/** Bytes; throws UsageError for what is no non-negative whole number with a known suffix. */
export function parseOffset(text: string): number {
  const match = /^(0x[0-9a-f]+|\d+)([skmgt]?)$/i.exec(text);
  const value = match ? Number(match[1]) * UNITS[match[2]!.toLowerCase()]! : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    throw new UsageError(`--offset ${text}: not a number of bytes (suffixes: s k m g t)`);
  }
  return value;
}
