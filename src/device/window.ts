/** A part of a device, from an offset on: a partition inside a disk image (`--offset`). */
import { type Device, DeviceError } from './device.ts';

export class WindowDevice implements Device {
  readonly name: string;
  readonly size: number;
  readonly writable: boolean;
  readonly busy: string | undefined;
  readonly readBeside?: (offset: number, into: Uint8Array) => Promise<boolean>;
  private readonly below: Device;
  private readonly start: number;

  /** Bytes `start` to `start + size` of `below`; to its end without `size`. */
  constructor(below: Device, start: number, size = below.size - start) {
    if (!Number.isSafeInteger(start) || start < 0 || !(size > 0) || start + size > below.size) {
      throw new DeviceError(
        'RANGE',
        `${below.name}: offset ${start} leaves nothing of its ${below.size} bytes`,
        { offset: start, size: below.size },
      );
    }
    this.below = below;
    this.start = start;
    this.size = size;
    this.name = below.name;
    this.writable = below.writable;
    this.busy = below.busy;
    if (below.readBeside) this.readBeside = (offset, into) => below.readBeside!(start + offset, into);
  }

  read(offset: number, into: Uint8Array): void {
    this.bound(offset, into.length, 'read');
    this.below.read(this.start + offset, into);
  }
  write(offset: number, from: Uint8Array): void {
    this.bound(offset, from.length, 'write');
    this.below.write(this.start + offset, from);
  }
  flush(): void {
    this.below.flush();
  }
  close(): void {
    this.below.close();
  }
  isFresh(offset: number, length: number): boolean {
    return this.below.isFresh?.(this.start + offset, length) ?? false;
  }
  punch(offset: number, length: number): boolean {
    this.bound(offset, length, 'punch');
    return this.below.punch?.(this.start + offset, length) ?? false;
  }

  private bound(offset: number, length: number, what: string): void {
    if (offset < 0 || offset + length > this.size) {
      throw new DeviceError(
        'RANGE',
        `${this.name}: ${what} of ${length} bytes at ${offset} leaves the ${this.size} bytes from offset ${this.start} on`,
        { offset, length },
      );
    }
  }
}
