/**
 * What a check tells while it runs, for a display: the phase it is in and how much of it is done. Units are what the
 * phase counts (AGs, blocks, inodes); the total is an estimate to draw by, and may be passed or missed.
 */
import type { Device } from '../device/device.ts';

export interface Progress {
  /** A phase begins (and the one before is over): `total` units of work, called `unit` in the plural. */
  begin(phase: string, total: number, unit: string): void;
  /** So many units more are done. Cheap; may be called often. */
  advance(units: number): void;
}

/** What a check is given besides the image. */
export interface CheckOptions {
  readonly progress?: Progress | undefined;
  /** The device of an external log. */
  readonly logDevice?: Device | undefined;
  /** The device of the realtime section. */
  readonly rtDevice?: Device | undefined;
  /** Whoever runs the steps waits for what they yield: so the device may read beside the work. */
  readonly readAhead?: boolean | undefined;
}

/** What observing is given besides. */
export interface ObserveOptions extends CheckOptions {
  /** The device shows a replayed log whose recovery freed or mapped blocks and charged nobody for it. */
  readonly quotaBehind?: boolean | undefined;
}
