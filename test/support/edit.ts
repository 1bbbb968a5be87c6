/** Changes one metadata object of an image in memory, with a valid checksum, for as long as a test looks at it. */
import type { MemoryDevice } from '../../src/device/memory.ts';
import { sealCrc } from '../../src/format/checksum.ts';

export interface Place {
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
  readonly crcOffset: number;
}

/** Runs `look` while `change` is in effect, then puts the old bytes back. `seal: false` leaves the CRC stale. */
export function withEdit<T>(
  device: MemoryDevice,
  place: Place,
  change: (view: DataView, bytes: Uint8Array) => void,
  look: () => T,
  seal = true,
): T {
  const bytes = device.bytes.subarray(place.offset, place.offset + place.length);
  const before = bytes.slice();
  change(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), bytes);
  if (seal) sealCrc(bytes, place.crcOffset);
  try {
    return look();
  } finally {
    bytes.set(before);
  }
}
