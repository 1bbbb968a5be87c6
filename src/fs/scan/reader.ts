/**
 * Bounded reads for scans of a whole filesystem, healthy or not.
 *
 * A scan must go on where the device ends or fails, so a read gives bytes or nothing and never throws for an
 * address that the image told. Objects that lie one behind another (inode chunks, leaves of a fresh btree) are read
 * together: where two requests touch, the second reads on to the end of the window.
 */
import { type Device, DeviceError } from '../../device/device.ts';
import { CHUNK_INODES, type Geometry } from '../../format/geometry.ts';

/** Larger windows leave the cache of a CPU core and are slower. */
const WINDOW_BYTES = 2 ** 16;

export class ScanReader {
  readonly device: Device;
  readonly geometry: Geometry;
  private readonly window: Uint8Array<ArrayBuffer>;
  private readonly windowView: DataView;
  /** Bytes of the device that the window holds. */
  private from = 0;
  private to = 0;
  /** End of the last request. */
  private last = -1;

  constructor(device: Device, geometry: Geometry) {
    this.device = device;
    this.geometry = geometry;
    const chunk = CHUNK_INODES * geometry.inodesize;
    this.window = new Uint8Array(Math.max(WINDOW_BYTES, chunk, geometry.blocksize));
    this.windowView = new DataView(this.window.buffer);
  }

  /** Fills `into` from `offset` (bytes); false when that is outside of the device or cannot be read. */
  read(offset: number, into: Uint8Array): boolean {
    if (!(offset >= 0) || offset + into.length > this.device.size) return false;
    try {
      this.device.read(offset, into);
      return true;
    } catch (error) {
      if (error instanceof DeviceError) return false;
      throw error;
    }
  }

  /** Reads a block by its place in an AG; the numbers may be any. */
  block(agno: number, agbno: number, into: Uint8Array): boolean {
    return this.read(this.geometry.agbnoByte(agno, agbno), into);
  }

  /**
   * Where in `buffered` the `length` bytes (an inode chunk at most) from `offset` are; -1 when they cannot be read. Valid
   * until the next call. Who knows how many bytes from there on will be asked for says so with `ahead`.
   */
  find(offset: number, length: number, ahead?: number): number {
    if (offset < this.from || offset + length > this.to) {
      if (!(offset >= 0) || length > this.window.length || offset + length > this.device.size) return -1;
      const useful = ahead ?? (offset === this.last ? this.window.length : 0);
      const wanted = Math.max(length, Math.min(useful, this.window.length, this.device.size - offset));
      this.from = this.to = 0;
      let size = wanted;
      if (!this.read(offset, this.window.subarray(0, size))) {
        // One bad sector must not hide its neighbours.
        size = length;
        if (wanted === size || !this.read(offset, this.window.subarray(0, size))) return -1;
      }
      this.from = offset;
      this.to = offset + size;
    }
    this.last = offset + length;
    return offset - this.from;
  }

  /** What `find` found. */
  get buffered(): DataView {
    return this.windowView;
  }
  get bufferedBytes(): Uint8Array {
    return this.window;
  }
}
