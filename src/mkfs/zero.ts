/**
 * Zeros: written only where something else is. What is known to be a hole is not even read, and a large stretch of a
 * file is made a hole by the system where that is possible, which is quicker than reading it.
 */
import type { Device } from '../device/device.ts';

const STEP_BYTES = 1024 * 1024;
/** From here on asking the system is quicker than reading. */
const PUNCH_BYTES = 32 * 1024 * 1024;

/** Makes `[offset, offset + length)` zeros, writing only where something else is found. */
export function zero(device: Device, offset: number, length: number): void {
  if (device.isFresh?.(offset, length)) return;
  if (length >= PUNCH_BYTES && device.punch?.(offset, length)) return;
  const zeros = new Uint8Array(Math.min(length, STEP_BYTES));
  const buffer = new Uint8Array(zeros.length);
  for (let at = offset; at < offset + length; at += STEP_BYTES) {
    const size = Math.min(STEP_BYTES, offset + length - at);
    if (device.isFresh?.(at, size)) continue;
    const here = buffer.subarray(0, size);
    device.read(at, here);
    if (Buffer.compare(here, zeros.subarray(0, size)) !== 0) device.write(at, zeros.subarray(0, size));
  }
}
