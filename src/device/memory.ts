/** A device in memory: for tests and for staging. */
import { type Device, DeviceError } from './device.ts';

export class MemoryDevice implements Device {
  readonly name: string;
  readonly writable = true;
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array, name = 'memory') {
    this.bytes = bytes;
    this.name = name;
  }
  get size(): number {
    return this.bytes.length;
  }
  read(offset: number, into: Uint8Array): void {
    this.bound(offset, into.length, 'read');
    into.set(this.bytes.subarray(offset, offset + into.length));
  }
  write(offset: number, from: Uint8Array): void {
    this.bound(offset, from.length, 'write');
    this.bytes.set(from, offset);
  }
  flush(): void {}
  close(): void {}

  private bound(offset: number, length: number, what: string): void {
    if (offset < 0 || offset + length > this.size) {
      throw new DeviceError(
        'RANGE',
        `${this.name}: ${what} of ${length} bytes at ${offset} leaves its ${this.size} bytes`,
      );
    }
  }
}
