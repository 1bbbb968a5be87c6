/**
 * The check of one image, from its path to its report. Whatever is wrong with it becomes part of the report: one
 * image among several must not keep the others from being checked.
 */
import { availableParallelism } from 'node:os';
import type { Device } from '../device/device.ts';
import { openDevice } from '../device/open.ts';
import { findPartition } from '../device/partition.ts';
import { WindowDevice } from '../device/window.ts';
import { CorruptionError } from '../format/errors.ts';
import { type Finding, isAbout, type Subject } from '../format/findings.ts';
import { type CheckResult, checkSteps, isDamaged } from '../repair/check.ts';
import type { CheckReport } from '../report/report.ts';
import { errorText, sayError } from './errorline.ts';
import { exitBits, exitOf } from './exit.ts';
import { inBreaths } from './interrupt.ts';
import { packingOf, pathOf, STANDARD_INPUT } from './packing.ts';
import { type PlaceFlags, parsePlace, placeIn } from './place.ts';
import type { ShownProgress } from './progress.ts';
import { checkRtDevice, refuseSides } from './sides.ts';

export interface CheckHow {
  /** What messages begin with, e.g. `xfskit check`. */
  readonly lead: string;
  readonly place: PlaceFlags;
  readonly quiet: boolean;
  /** Only what these are about is told, and counts. */
  readonly only?: ReadonlySet<Subject> | undefined;
  readonly limit?: number | undefined;
  readonly logDevice?: string | undefined;
  readonly rtDevice?: string | undefined;
  readonly progress?: ShownProgress | undefined;
}

/** Checks an image; never throws for what is wrong with it. Says what is no finding on stderr. */
export async function checkImageAt(image: string, how: CheckHow): Promise<CheckReport> {
  how.progress?.image(image);
  try {
    return await checkOpened(image, how);
  } catch (error) {
    how.progress?.clear();
    return failedReport(image, error, how.lead);
  } finally {
    how.progress?.clear();
  }
}

async function checkOpened(image: string, how: CheckHow): Promise<CheckReport> {
  const opened: Device[] = [];
  const open = (device: Device): Device => {
    opened.push(device);
    if (!how.quiet) warnWhenBusy(how.lead, device);
    return device;
  };
  try {
    const device = open(await openImage(image, how));
    const logDevice = how.logDevice === undefined ? undefined : open(openDevice(how.logDevice));
    const rtDevice = how.rtDevice === undefined ? undefined : open(openDevice(how.rtDevice));
    refuseSides(device, logDevice, rtDevice);
    return await checkDevice(image, { device, logDevice, rtDevice }, how);
  } finally {
    for (const device of opened) device.close();
  }
}

/** The image as a device: as it is, or unpacked. */
async function openImage(image: string, how: CheckHow): Promise<Device> {
  const path = pathOf(image);
  if (path !== STANDARD_INPUT && packingOf(path) === undefined)
    return openDevice(path, placeIn(path, how.place));
  const { offset, partition } = parsePlace(how.place);
  const { unpackImage } = await import('./unpack.ts');
  const whole = await unpackImage(path, how.progress);
  try {
    const place = partition === undefined ? { offset, length: undefined } : findPartition(whole, partition);
    return place.offset === 0 && !place.length ? whole : new WindowDevice(whole, place.offset, place.length);
  } catch (error) {
    whole.close();
    throw error;
  }
}

interface Devices {
  readonly device: Device;
  readonly logDevice: Device | undefined;
  readonly rtDevice: Device | undefined;
}

/** Checks; damage that stops a check (a superblock that is lost or contradicts itself) is a report of one finding. */
async function checkDevice(image: string, devices: Devices, how: CheckHow): Promise<CheckReport> {
  const limit = how.limit === undefined ? {} : { limit: how.limit };
  try {
    const { progress, only } = how;
    const { device, ...sides } = devices;
    const check = await inBreaths(
      checkSteps(device, { progress, readAhead: availableParallelism() > 1, ...sides }),
    );
    const all = [...check.roots, ...checkRtDevice(check.observation.geometry, sides.rtDevice)];
    const findings = only ? all.filter((finding) => isAbout(finding, only)) : all;
    const report = reportOf(image, check, exitOfFindings(findings, check, only));
    return { ...report, findings, ...limit, ...(only ? { only: [...only] } : {}) };
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    // Told whatever was asked for: nothing else is known.
    const findings = [error.finding];
    const { unfixed } = exitBits;
    return {
      image,
      findings,
      provisional: false,
      logState: 'not read',
      exit: unfixed,
      summary: {},
      stopped: true,
    };
  }
}

function exitOfFindings(
  findings: readonly Finding[],
  check: CheckResult,
  only: ReadonlySet<Subject> | undefined,
): number {
  const provisional = check.provisional && (only === undefined || only.has('log'));
  return isDamaged(findings) || provisional ? exitBits.unfixed : exitBits.clean;
}

/** The report of an image that cannot be looked at, told on stderr too. */
export function failedReport(image: string, error: unknown, lead: string): CheckReport {
  sayError(lead, error);
  const code = (error as { readonly code?: unknown }).code;
  return {
    image,
    findings: [],
    provisional: false,
    logState: 'not read',
    exit: exitOf(error).code,
    summary: {},
    error: { code: typeof code === 'string' ? code : 'INTERNAL', message: errorText(error) },
  };
}

/** What a mounted filesystem looks like may be half of a change. */
export function warnWhenBusy(lead: string, { name, busy }: Device): void {
  if (busy) process.stderr.write(`${lead}: ${name}: ${busy}; what is read may be changing\n`);
}

/** What a check has to say; repair adds what it did. */
export function reportOf(image: string, check: CheckResult, exit: number): CheckReport {
  const { observation, comparison, roots, provisional, log } = check;
  const { geometry } = observation;
  const unlinked = observation.unlinked.length;
  const { leakedExtents, leakedBlocks } = comparison;
  return {
    image,
    findings: roots,
    provisional,
    logState: log.state === 'clean' ? 'clean' : `${log.state}: ${log.detail}`,
    exit,
    summary: {
      AGs: geometry.agcount,
      'blocks (data)': geometry.dblocks,
      'block size': geometry.blocksize,
      'inodes in use': observation.inodesAllocated,
      ...(leakedExtents > 0
        ? { 'leaked CoW staging extents': leakedExtents, 'leaked CoW staging blocks': leakedBlocks }
        : {}),
      ...(unlinked > 0 ? { 'unlinked inodes': unlinked } : {}),
    },
  };
}
