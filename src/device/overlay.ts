/**
 * Staged writes over an untouched device: what a repair plan becomes, and what is checked again before one byte
 * of the device below changes. Keeps whole 4 KiB pages; `runs()` gives back what was written, in disk order.
 */
import { type Device, DeviceError } from './device.ts';

const PAGE = 4096;

export class OverlayDevice implements Device {
  readonly name: string;
  readonly writable = true;
  private readonly below: Device;
  private readonly pages = new Map<number, Uint8Array>();

  constructor(below: Device) {
    this.below = below;
    this.name = below.name;
  }
  get size(): number {
    return this.below.size;
  }
  /** Number of staged pages. */
  get pageCount(): number {
    return this.pages.size;
  }

  read(offset: number, into: Uint8Array): void {
    if (this.pages.size === 0) {
      this.below.read(offset, into);
      return;
    }
    this.below.read(offset, into);
    const end = offset + into.length;
    for (let page = Math.floor(offset / PAGE); page * PAGE < end; page++) {
      const staged = this.pages.get(page);
      if (!staged) continue;
      const from = Math.max(offset, page * PAGE);
      const to = Math.min(end, page * PAGE + PAGE);
      into.set(staged.subarray(from - page * PAGE, to - page * PAGE), from - offset);
    }
  }

  write(offset: number, from: Uint8Array): void {
    const end = offset + from.length;
    if (offset < 0 || end > this.size) {
      throw new DeviceError(
        'RANGE',
        `${this.name}: write of ${from.length} bytes at ${offset} leaves its ${this.size} bytes`,
      );
    }
    for (let page = Math.floor(offset / PAGE); page * PAGE < end; page++) {
      const start = Math.max(offset, page * PAGE);
      const stop = Math.min(end, page * PAGE + PAGE);
      this.page(page).set(from.subarray(start - offset, stop - offset), start - page * PAGE);
    }
  }
  flush(): void {}
  close(): void {}

  /** Byte runs that differ from the device below, in disk order. */
  *runs(): Generator<{ offset: number; bytes: Uint8Array }> {
    const before = new Uint8Array(PAGE);
    for (const page of [...this.pages.keys()].sort((a, b) => a - b)) {
      const staged = this.pages.get(page)!;
      const old = before.subarray(0, staged.length);
      this.below.read(page * PAGE, old);
      // A sector is the least that a disk writes whole, so runs are whole sectors.
      for (let at = 0; at < staged.length; ) {
        let end = at;
        while (end < staged.length && !sameSector(staged, old, end)) end += 512;
        if (end > at)
          yield { offset: page * PAGE + at, bytes: staged.subarray(at, Math.min(end, staged.length)) };
        at = end > at ? end : at + 512;
      }
    }
  }

  private page(page: number): Uint8Array {
    let staged = this.pages.get(page);
    if (!staged) {
      staged = new Uint8Array(Math.min(PAGE, this.size - page * PAGE));
      this.below.read(page * PAGE, staged);
      this.pages.set(page, staged);
    }
    return staged;
  }
}

function sameSector(a: Uint8Array, b: Uint8Array, at: number): boolean {
  const end = Math.min(at + 512, a.length);
  for (let i = at; i < end; i++) if (a[i] !== b[i]) return false;
  return true;
}
