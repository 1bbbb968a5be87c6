/**
 * Writes that come piece by piece, put together to long ones where they join. On a target that was made empty, long
 * stretches of zeros are left out, so that it stays sparse; unless something was written there before.
 */
import { type Device, DeviceError } from '../../device/device.ts';

const LONGEST = 2 ** 20;
const STRETCH = 2 ** 16;
const ZEROS = new Uint8Array(STRETCH);

export class RunWriter {
  readonly device: Device;
  private readonly buffer = new Uint8Array(LONGEST);
  private readonly there = new Uint8Array(STRETCH);
  private readonly limit: number;
  private start = 0;
  private used = 0;

  /** Nothing goes behind byte `limit`. */
  constructor(device: Device, limit: number) {
    this.device = device;
    this.limit = limit;
  }

  /** Throws DeviceError for bytes that lie outside. */
  put(offset: number, bytes: Uint8Array): void {
    if (!(offset >= 0) || offset + bytes.length > this.limit) {
      throw new DeviceError(
        'RANGE',
        `the dump has data for byte ${offset}, ${this.device.name} is to have ${this.limit}`,
      );
    }
    for (let done = 0; done < bytes.length; ) {
      if (offset + done !== this.start + this.used || this.used === LONGEST) {
        this.flush();
        this.start = offset + done;
      }
      const take = Math.min(bytes.length - done, LONGEST - this.used);
      this.buffer.set(bytes.subarray(done, done + take), this.used);
      this.used += take;
      done += take;
    }
  }

  /** Writes what is still held back. */
  flush(): void {
    const run = this.buffer.subarray(0, this.used);
    this.used = 0;
    if (run.length < STRETCH || !this.device.isFresh?.(this.start, run.length)) {
      if (run.length > 0) this.device.write(this.start, run);
      return;
    }
    let from = 0;
    for (let at = 0; at < run.length; at += STRETCH) {
      const stretch = run.subarray(at, at + STRETCH);
      if (!isZero(stretch) || !this.isHole(this.start + at, stretch.length)) continue;
      if (at > from) this.device.write(this.start + from, run.subarray(from, at));
      from = at + stretch.length;
    }
    if (from < run.length) this.device.write(this.start + from, run.subarray(from));
  }

  private isHole(offset: number, length: number): boolean {
    const there = this.there.subarray(0, length);
    this.device.read(offset, there);
    return isZero(there);
  }
}

function isZero(bytes: Uint8Array): boolean {
  return Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0;
}
