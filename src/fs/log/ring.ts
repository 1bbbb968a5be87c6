/** The log as a ring of basic blocks: reads and writes of any length, round its end. */
import type { Device } from '../../device/device.ts';
import { BASIC_BLOCK } from '../../format/log.ts';

export class LogRing {
  readonly device: Device;
  /** Byte of basic block 0 on the device. */
  readonly start: number;
  /** Basic blocks. */
  readonly size: number;

  constructor(device: Device, start: number, size: number) {
    this.device = device;
    this.start = start;
    this.size = size;
  }

  /** `count` blocks from `block` on; they may go on at the start. At most the whole log. Throws DeviceError. */
  read(block: number, count: number): Uint8Array {
    const bytes = new Uint8Array(count * BASIC_BLOCK);
    for (const { at, from, length } of this.pieces(block, count)) {
      this.device.read(at, bytes.subarray(from, from + length));
    }
    return bytes;
  }

  /** Block that lies `distance` behind `block`. */
  after(block: number, distance: number): number {
    return (block + distance) % this.size;
  }

  /** Blocks from `from` up to, not with, `to`, going forward. */
  distance(from: number, to: number): number {
    return (to - from + this.size) % this.size;
  }

  private pieces(block: number, count: number): { at: number; from: number; length: number }[] {
    const before = Math.min(count, this.size - block) * BASIC_BLOCK;
    const pieces = [{ at: this.start + block * BASIC_BLOCK, from: 0, length: before }];
    const rest = count * BASIC_BLOCK - before;
    if (rest > 0) pieces.push({ at: this.start, from: before, length: rest });
    return pieces;
  }
}
