/**
 * Blocks as they were before a series of transactions, for changes that must leave the same bytes as the reference: its
 * tools write blocks when they end, so one that an operation made and a later one frees never gets to the disk. We
 * write at every commit; what was freed gets its old bytes back.
 *
 * A block that somebody else has written meanwhile is on disk by then: it keeps what it holds.
 */
import { type Device, readBytes } from '../device/device.ts';
import type { Piece } from './buffer.ts';

/** Blocks remembered; the oldest count as written then. */
const MOST = 4096;

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

export class PutOffWrites {
  /** By byte offset: what is on the disk of the reference, and what is on ours. */
  private readonly blocks = new Map<number, { readonly old: Uint8Array; readonly written: Uint8Array }>();

  /** Called before `bytes` are written at a byte offset. */
  remember(device: Device, offset: number, bytes: Uint8Array): void {
    const now = readBytes(device, offset, bytes.length);
    const known = this.blocks.get(offset);
    const old = known && sameBytes(known.written, now) ? known.old : now;
    this.blocks.set(offset, { old, written: bytes.slice() });
    if (this.blocks.size <= MOST) return;
    for (const oldest of this.blocks.keys()) {
      this.blocks.delete(oldest);
      return;
    }
  }

  /** What lies in the piece was freed: writes back what was there before. */
  restore(device: Device, { offset, length }: Piece): void {
    for (const [at, { old, written }] of this.blocks) {
      if (at < offset || at >= offset + length) continue;
      if (sameBytes(readBytes(device, at, written.length), written)) device.write(at, old);
      this.blocks.delete(at);
    }
  }
}
