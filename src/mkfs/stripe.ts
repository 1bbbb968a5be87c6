/**
 * Stripe geometry of data and log, from options or from the device, into blocks.
 *
 * Options speak bytes (su), multiples of su (sw) or 512-byte units (sunit, swidth, log sunit). 0 and 0 given means
 * no stripe, as noalign does; with nothing given the device's own figures hold, if they are usable.
 */
import { UsageError } from '../format/errors.ts';
import { MAX_LOG_UNIT } from '../format/verifysuperblock.ts';
import type { GivenOptions, SizeUnits } from './given.ts';

/** What a device says of itself, bytes; 0: nothing. */
export interface Topology {
  readonly logicalSector: number;
  readonly physicalSector: number;
  readonly stripeUnit: number;
  readonly stripeWidth: number;
  /** No seeks: many threads may write at once. */
  readonly solidState: boolean;
}

export const PLAIN_FILE: Topology = {
  logicalSector: 512,
  physicalSector: 512,
  stripeUnit: 0,
  stripeWidth: 0,
  solidState: false,
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
  if (width > INT_MAX) return `stripe width of ${width} bytes is too large`;
  if (unit > width) return `stripe unit of ${unit} bytes exceeds the width of ${width}`;
  if (sectsize > 0 && unit % sectsize !== 0)
    return `stripe unit of ${unit} bytes is not in whole sectors of ${sectsize}`;
  if (unit === 0 && width > 0) return `stripe width of ${width} bytes without a unit`;
  if (unit > 0 && width % unit !== 0)
    return `stripe width of ${width} bytes is not in whole units of ${unit}`;
  return undefined;
}

/** Unit and width in bytes as the options say, or undefined when they say nothing. */
function stripeGiven(given: GivenOptions, units: SizeUnits): { unit: number; width: number } | undefined {
  if (given.has('d.sunit') !== given.has('d.swidth'))
    throw new UsageError('-d sunit and -d swidth go together');
  if (given.has('d.su') !== given.has('d.sw')) {
    if (given.number('d.su', units) || given.number('d.sw'))
      throw new UsageError('-d su and -d sw go together');
    return { unit: 0, width: 0 };
  }
  let unit: number;
  let width: number;
  if (given.has('d.su')) {
    unit = given.number('d.su', units)!;
    width = unit * given.number('d.sw')!;
    if (width / 512 > INT_MAX) throw new UsageError(`stripe width of ${width} bytes is too large`);
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
    const text = `the device reports a stripe unit of ${unit} and width of ${width} bytes, which cannot be: ignored`;
    notices.push(text);
    return none;
  }
  if (bytes < 2 ** 30) {
    const text = `stripe of the device (${unit} by ${width} bytes) ignored, as the filesystem is below 1 GiB`;
    notices.push(text);
    return none;
  }
  return { unit, width };
}

function logUnitBytes(given: GivenOptions, units: SizeUnits, logSectsize: number): number {
  const asked =
    given.number('l.su', units) ??
    (given.has('l.sunit') ? given.number('l.sunit')! * 512 : undefined) ??
    (logSectsize > 512 ? units.blocksize : 0);
  if (asked % units.blocksize !== 0)
    throw new UsageError(`log stripe unit of ${asked} bytes is not in whole blocks of ${units.blocksize}`);
  return asked;
}

/** Stripe of data and log in blocks. `bytes`: size of the data section. Throws UsageError. */
export function chooseStripe(
  given: GivenOptions,
  units: SizeUnits,
  topology: Topology,
  bytes: number,
  log: { readonly sectsize: number; readonly external: boolean; readonly stripeUnit: number },
  notices: string[],
): Stripe {
  const asked = given.flag('d.noalign') ? { unit: 0, width: 0 } : stripeGiven(given, units);
  let { unit, width } = asked ?? stripeOfDevice(topology, bytes, notices);
  if (unit % units.blocksize !== 0 || width % units.blocksize !== 0) {
    if (asked)
      throw new UsageError(
        `stripe unit of ${unit} or width of ${width} bytes is not in whole blocks of ${units.blocksize}`,
      );
    unit = 0;
    width = 0;
  }
  let logUnit = logUnitBytes(given, units, log.sectsize);
  if (logUnit === 0) logUnit = log.external ? log.stripeUnit : unit;
  if (logUnit > MAX_LOG_UNIT) {
    const text = `log stripe unit of ${logUnit} bytes is above 256 KiB: 32 KiB are used`;
    notices.push(text);
    logUnit = 32 * 1024;
  }
  return {
    sunit: unit / units.blocksize,
    swidth: width / units.blocksize,
    lsunit: Math.floor(logUnit / units.blocksize),
  };
}
