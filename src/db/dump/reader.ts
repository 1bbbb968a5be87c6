/**
 * A dump being read, from a file or a pipe, front to back. Memory is one buffer; the end of the input where more
 * was promised is an error.
 */
import { readSync } from 'node:fs';
import { DeviceError } from '../../device/device.ts';
import { systemError } from '../../device/file.ts';

const BUFFER = 2 ** 20;
const PAUSE = new Int32Array(new SharedArrayBuffer(4));

export class DumpInput {
  readonly name: string;
  private readonly descriptor: number;
  private readonly buffer = new Uint8Array(BUFFER);
  private start = 0;
  private end = 0;
  /** Bytes taken so far. */
  taken = 0;

  constructor(descriptor: number, name: string) {
    this.descriptor = descriptor;
    this.name = name;
  }

  /** The next `length` bytes, at most a MiB; valid until the next call. Throws DeviceError when there are fewer. */
  take(length: number): Uint8Array {
    const bytes = this.takeOrEnd(length);
    if (!bytes) throw this.truncated();
    return bytes;
  }

  /** As `take`; undefined when the input ends exactly here. */
  takeOrEnd(length: number): Uint8Array | undefined {
    if (this.end - this.start < length) this.fill(length);
    const have = this.end - this.start;
    if (have === 0 && length > 0) return undefined;
    if (have < length) throw this.truncated();
    const bytes = this.buffer.subarray(this.start, this.start + length);
    this.start += length;
    this.taken += length;
    return bytes;
  }

  private truncated(): DeviceError {
    return new DeviceError('SHORT', `${this.name}: the dump is cut off after ${this.taken} bytes`);
  }

  private fill(length: number): void {
    this.buffer.copyWithin(0, this.start, this.end);
    this.end -= this.start;
    this.start = 0;
    while (this.end < length) {
      const got = this.readSome();
      if (got === 0) return;
      this.end += got;
    }
  }

  private readSome(): number {
    for (;;) {
      try {
        return readSync(this.descriptor, this.buffer, this.end, BUFFER - this.end, null);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') Atomics.wait(PAUSE, 0, 0, 5);
        else if (code === 'EOF') return 0;
        else if (code !== 'EINTR') throw systemError(error, `${this.name}: read`);
      }
    }
  }
}
