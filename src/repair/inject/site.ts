/**
 * Where a defect is planted: a sound image, observed, with a seeded choice of places.
 */
import { type Device, readBytes } from '../../device/device.ts';
import { XfskitError } from '../../format/errors.ts';
import type { Geometry } from '../../format/geometry.ts';
import { type AgRecords, buildAg } from '../../fs/space/build.ts';
import { ExtentColumns } from '../../fs/space/columns.ts';
import { copyExtents } from '../../fs/space/runs.ts';
import type { CheckResult } from '../check.ts';
import type { AgObservation } from '../observation.ts';
import { contentsOf, stageAg, stageCounters } from '../plan.ts';

/** The image holds nothing that this kind of defect could be planted on. */
export class NothingToSpoil extends XfskitError {
  constructor(what: string) {
    super('NOTHING_TO_SPOIL', what);
  }
}

/** Small seeded generator (mulberry32): the same seed plants the same defect in the same image. */
function seededRandom(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

export class Site {
  readonly device: Device;
  readonly check: CheckResult;
  readonly geometry: Geometry;
  readonly random: (below: number) => number;

  constructor(device: Device, check: CheckResult, seed: number) {
    this.device = device;
    this.check = check;
    this.geometry = check.observation.geometry;
    this.random = seededRandom(seed);
  }

  /** A random element; undefined of an empty list. */
  pick<T>(list: readonly T[]): T | undefined {
    return list[this.random(list.length)];
  }

  /** Tries the AGs from a random one on until `attempt` gives a description of what it planted. */
  inSomeAg(attempt: (ag: AgObservation) => string | undefined, otherwise: string): string {
    const { ags } = this.check.observation;
    const first = this.random(ags.length);
    for (let k = 0; k < ags.length; k++) {
      const planted = attempt(ags[(first + k) % ags.length]!);
      if (planted !== undefined) return planted;
    }
    throw new NothingToSpoil(otherwise);
  }

  /** Rebuilds one AG with other records or further owners, and the superblock counters to match. */
  rewriteAg(
    ag: AgObservation,
    change: { owners?: ExtentColumns; tamper?: (records: AgRecords) => void },
  ): void {
    const contents = contentsOf(this.geometry, ag);
    const owners = copyExtents(contents.owners, new ExtentColumns());
    if (change.owners) copyExtents(change.owners, owners);
    const built = buildAg(this.geometry, { ...contents, owners }, change.tamper);
    stageAg(this.geometry, this.device, built);
    stageCounters(this.check.observation, this.device, new Map([[ag.agno, built]]));
  }

  /** Reads `length` bytes, lets `edit` change them, writes them back. */
  edit(offset: number, length: number, edit: (bytes: Uint8Array) => void): void {
    const bytes = readBytes(this.device, offset, length);
    edit(bytes);
    this.device.write(offset, bytes);
  }
}
