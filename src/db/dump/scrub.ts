/**
 * A block on its way into a dump, and what is changed in it: space that holds nothing live is cleared, names are
 * replaced. Its checksum is computed anew when something changed and it was right before; a wrong one stays wrong,
 * because the dump is to show the damage.
 */
import { crcIsGood, sealCrc } from '../../format/checksum.ts';
import { viewOf } from '../../format/struct.ts';

const NOTHING = new Uint8Array(65536);

export class Scrub {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  private readonly crcOffset: number | undefined;
  private wasGood: boolean | undefined;

  /** `bytes` is exactly one object; without `crcOffset` it has no checksum. */
  constructor(bytes: Uint8Array, crcOffset: number | undefined) {
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.crcOffset = crcOffset;
  }

  /** To be called before anything else changes the bytes. */
  touch(): void {
    if (this.crcOffset === undefined) return;
    this.wasGood ??= crcIsGood(this.bytes, this.crcOffset);
  }

  /** Makes bytes `from` to `to` zeros; does nothing for an empty range or one that leaves the object. */
  clear(from: number, to: number): void {
    if (!(from < to) || from < 0 || to > this.bytes.length || this.isClear(from, to)) return;
    this.touch();
    this.bytes.fill(0, from, to);
  }

  private isClear(from: number, to: number): boolean {
    for (let at = from; at < to; at += NOTHING.length) {
      const end = Math.min(to, at + NOTHING.length);
      if (Buffer.compare(this.bytes.subarray(at, end), NOTHING.subarray(0, end - at)) !== 0) return false;
    }
    return true;
  }

  /** The checksum fits again, if it did before. */
  seal(): void {
    if (this.wasGood) sealCrc(this.bytes, this.crcOffset!);
  }
}
