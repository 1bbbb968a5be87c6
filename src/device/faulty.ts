/**
 * A device that fails on purpose, for tests: the n-th read or write (counted from 0, each on its own) is torn,
 * lost, flipped or failed, or power goes and nothing from there on arrives. Deterministic: the same plan over
 * the same operations does the same damage.
 */
import { type Device, DeviceError } from './device.ts';

export type Fault =
  /** The operation throws EIO; a write changes nothing. */
  | { readonly on: 'read' | 'write'; readonly nth: number; readonly kind: 'fail' }
  /** Bit `bit` of the data is inverted on its way. */
  | { readonly on: 'read' | 'write'; readonly nth: number; readonly kind: 'flip'; readonly bit: number }
  /** Reported as done, but nothing is written. */
  | { readonly on: 'write'; readonly nth: number; readonly kind: 'lost' }
  /** Only the first `sectors` sectors of 512 bytes are written. */
  | { readonly on: 'write'; readonly nth: number; readonly kind: 'torn'; readonly sectors: number }
  /** This write and all later ones throw; reads too. */
  | { readonly on: 'write'; readonly nth: number; readonly kind: 'cut' };

export class FaultyDevice implements Device {
  readonly name: string;
  readonly size: number;
  readonly writable: boolean;
  /** Operations so far. */
  reads = 0;
  writes = 0;
  private readonly below: Device;
  private readonly faults: readonly Fault[];
  private dead = false;

  constructor(below: Device, faults: readonly Fault[]) {
    this.below = below;
    this.faults = faults;
    this.name = below.name;
    this.size = below.size;
    this.writable = below.writable;
  }

  read(offset: number, into: Uint8Array): void {
    const fault = this.faultOf('read', this.reads++);
    if (this.dead || fault?.kind === 'fail') throw this.error('read', offset, into.length);
    this.below.read(offset, into);
    if (fault?.kind === 'flip') flip(into, fault.bit);
  }

  write(offset: number, from: Uint8Array): void {
    const fault = this.faultOf('write', this.writes++);
    if (fault?.kind === 'cut') this.dead = true;
    if (this.dead || fault?.kind === 'fail') throw this.error('write', offset, from.length);
    if (fault?.kind === 'lost') return;
    if (fault?.kind === 'torn') {
      this.below.write(offset, from.subarray(0, fault.sectors * 512));
      return;
    }
    if (fault?.kind === 'flip') {
      const changed = from.slice();
      flip(changed, fault.bit);
      this.below.write(offset, changed);
      return;
    }
    this.below.write(offset, from);
  }

  flush(): void {
    if (this.dead) throw this.error('flush', 0, 0);
    this.below.flush();
  }
  close(): void {
    this.below.close();
  }

  private faultOf(on: 'read' | 'write', nth: number): Fault | undefined {
    return this.faults.find((fault) => fault.on === on && fault.nth === nth);
  }

  private error(what: string, offset: number, length: number): DeviceError {
    return new DeviceError(
      'EIO',
      `${this.name}: ${what} of ${length} bytes at ${offset}: input/output error`,
      {
        offset,
        length,
      },
    );
  }
}

function flip(bytes: Uint8Array, bit: number): void {
  const at = (bit >>> 3) % Math.max(1, bytes.length);
  if (bytes.length > 0) bytes[at] = bytes[at]! ^ (1 << (bit & 7));
}
