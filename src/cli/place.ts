/** Where in an image a filesystem lies: `--offset BYTES` or `--partition N`. */
import { type OpenOptions, openDevice } from '../device/open.ts';
import { findPartition } from '../device/partition.ts';
import { UsageError } from '../format/errors.ts';
import { parseOffset } from './offset.ts';

export interface PlaceFlags {
  readonly offset?: string | undefined;
  readonly partition?: string | undefined;
}

/** What the flags ask for, before any image is looked at. Throws UsageError. */
export function parsePlace(flags: PlaceFlags): { readonly offset: number; readonly partition?: number } {
  if (flags.partition === undefined) return { offset: parseOffset(flags.offset ?? '0') };
  if (flags.offset !== undefined) throw new UsageError('--offset and --partition exclude each other');
  const partition = /^\d{1,4}$/.test(flags.partition) ? Number(flags.partition) : 0;
  if (partition < 1) throw new UsageError(`--partition ${flags.partition}: partitions are counted from 1`);
  return { offset: 0, partition };
}

/** The same in bytes of this image. */
export function placeIn(image: string, flags: PlaceFlags): Pick<OpenOptions, 'offset' | 'length'> {
  const { offset, partition } = parsePlace(flags);
  if (partition === undefined) return { offset };
  const whole = openDevice(image);
  try {
    return findPartition(whole, partition);
  } finally {
    whole.close();
  }
}
