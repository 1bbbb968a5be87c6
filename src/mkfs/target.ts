/** What is to be formatted: sizes and topologies of the image and of the devices beside it. */
import { UsageError } from '../format/errors.ts';
import type { GivenOptions, SizeUnits } from './given.ts';
import type { Topology } from './stripe.ts';

/** An external log or a realtime section. */
export interface SideTarget {
  readonly name: string;
  /** Bytes; undefined: it is made, in the size that the options say. */
  readonly bytes: number | undefined;
  readonly topology: Topology;
  /** A regular file, which grows when more is written. */
  readonly isFile: boolean;
}

export interface Target {
  /** Bytes of the device or file; undefined: it does not exist yet, or is made anew. */
  readonly bytes: number | undefined;
  /** A regular file, all of which is formatted: it grows when more is needed. */
  readonly canGrow?: boolean;
  readonly topology: Topology;
  readonly log?: SideTarget | undefined;
  readonly realtime?: SideTarget | undefined;
}

const WHAT = { 'd.size': 'data', 'l.size': 'log', 'r.size': 'realtime' } as const;

/** A size option in blocks, cut to whole ones. */
export function blocksGiven(
  given: GivenOptions,
  key: keyof typeof WHAT,
  units: SizeUnits,
  notices: string[],
): number | undefined {
  const bytes = given.number(key, units);
  if (bytes === undefined) return undefined;
  const what = WHAT[key];
  if (bytes % 512 !== 0) throw new UsageError(`${what} size ${bytes} is not in whole units of 512`);
  if (!Number.isSafeInteger(bytes))
    throw new UsageError(`${what} size ${bytes}: more than this program can address (8 PiB)`);
  const blocks = Math.floor(bytes / units.blocksize);
  if (bytes % units.blocksize !== 0) {
    const text = `${what} size ${bytes} is not in whole blocks: ${blocks} of ${units.blocksize} are used`;
    notices.push(text);
  }
  return blocks;
}
