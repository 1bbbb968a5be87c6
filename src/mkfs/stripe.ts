/**
 * Stripe geometry of data and log, from options or from the device, into blocks.
 *
 * Options speak bytes (su), multiples of su (sw) or 512-byte units (sunit, swidth, log sunit). 0 and 0 given means
 * no stripe, as noalign does; with nothing given the device's own figures hold, if they are usable.
 */
import { UsageError } from '../format/errors.ts';
import type { GivenOptions, SizeUnits } from './given.ts';
import { MAX_LOG_SUNIT_BYTES } from './options.ts';

/** What a device says of itself, bytes; 0: nothing. */
export interface Topology {
  readonly logicalSector: number;
  readonly physicalSector: number;
  readonly stripeUnit: number;
  readonly stripeWidth: number;
}

export const PLAIN_FILE: Topology = {
  logicalSector: 512,
  physicalSector: 512,
  stripeUnit: 0,
  stripeWidth: 0,
};

export interface Stripe {
  /** Blocks; 0: none. */
  readonly sunit: number;
  readonly swidth: number;
  /** Log stripe unit, blocks; 0: none. */
  readonly lsunit: number;
}

const INT_MAX = 2 ** 31 - 1;

/** Why unit and width (bytes) cannot go together, or undefined. */
function stripeProblem(unit: number, width: number, sectsize: number): string | undefined {
  if (width > INT_MAX) return `stripe width (${width}) is too large`;
  if (unit > width) return `stripe unit (${unit}) is larger than the stripe width (${width})`;
  if (sectsize > 0 && unit % sectsize !== 0)
    return `stripe unit (${unit}) must be a multiple of the sector size (${sectsize})`;
  if (unit === 0 && width > 0) return `invalid stripe width (${width}) and stripe unit of 0`;
  if (unit > 0 && width % unit !== 0)
    return `stripe width (${width}) must be a multiple of the stripe unit (${unit})`;
  return undefined;
}

/** Unit and width in bytes as the options say, or undefined when they say nothing. */
function stripeGiven(given: GivenOptions, units: SizeUnits): { unit: number; width: number } | undefined {
  if (given.has('d.sunit') !== given.has('d.swidth'))
    throw new UsageError('both data sunit and data swidth options must be specified');
  if (given.has('d.su') !== given.has('d.sw')) {
    if (given.number('d.su', units) || given.number('d.sw'))
      throw new UsageError('both data su and data sw options must be specified');
    return { unit: 0, width: 0 };
  }
  let unit: number;
  let width: number;
  if (given.has('d.su')) {
    unit = given.number('d.su', units)!;
    width = unit * given.number('d.sw')!;
    if (width / 512 > INT_MAX)
      throw new UsageError(
        `data stripe width (${width}) is too large of a multiple of the data stripe unit (${unit})`,
      );
  } else if (given.has('d.sunit')) {
    unit = given.number('d.sunit')! * 512;
    width = given.number('d.swidth')! * 512;
  } else return undefined;
  const problem = stripeProblem(unit, width, units.sectsize);
  if (problem) throw new UsageError(problem);
  return { unit, width };
}

/** The device's own stripe, where it makes sense on a filesystem of this size. */
function stripeOfDevice(
  topology: Topology,
  bytes: number,
  notices: string[],
): { unit: number; width: number } {
  const none = { unit: 0, width: 0 };
  const { stripeUnit: unit, stripeWidth: width } = topology;
  if (unit === 0 && width === 0) return none;
  if (stripeProblem(unit, width, 0)) {
    const text = `Volume reports invalid stripe unit (${unit}) and stripe width (${width}), ignoring.`;
    notices.push(text);
    return none;
  }
  if (bytes < 2 ** 30) {
    const text = `small data volume, ignoring data volume stripe unit ${unit / 512} and stripe width ${width / 512}`;
    notices.push(text);
    return none;
  }
  return { unit, width };
}

function logUnitBytes(given: GivenOptions, units: SizeUnits): number {
  const asked =
    given.number('l.su', units) ??
    (given.has('l.sunit') ? given.number('l.sunit')! * 512 : undefined) ??
    (units.sectsize > 512 ? units.blocksize : 0);
  if (asked % units.blocksize !== 0)
    throw new UsageError(
      `log stripe unit (${asked}) must be a multiple of the block size (${units.blocksize})`,
    );
  return asked;
}

/** Stripe of data and log in blocks. `bytes`: size of the data section. Throws UsageError. */
export function chooseStripe(
  given: GivenOptions,
  units: SizeUnits,
  topology: Topology,
  bytes: number,
  notices: string[],
): Stripe {
  const asked = given.flag('d.noalign', false) ? { unit: 0, width: 0 } : stripeGiven(given, units);
  let { unit, width } = asked ?? stripeOfDevice(topology, bytes, notices);
  if (unit % units.blocksize !== 0 || width % units.blocksize !== 0) {
    if (asked)
      throw new UsageError(
        `Stripe unit(${unit}) or stripe width(${width}) is not a multiple of the block size(${units.blocksize})`,
      );
    unit = 0;
    width = 0;
  }
  let logUnit = logUnitBytes(given, units);
  if (logUnit === 0) logUnit = unit;
  if (logUnit > MAX_LOG_SUNIT_BYTES) {
    const text =
      `log stripe unit (${logUnit} bytes) is too large (maximum is 256KiB)\n` +
      'log stripe unit adjusted to 32KiB';
    notices.push(text);
    logUnit = 32 * 1024;
  }
  return {
    sunit: unit / units.blocksize,
    swidth: width / units.blocksize,
    lsunit: Math.floor(logUnit / units.blocksize),
  };
}
