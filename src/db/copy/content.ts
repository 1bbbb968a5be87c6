/**
 * Content of a regular file, extent by extent in file order: what was never written stays a hole. Blocks that cannot
 * be read stay holes too, and are told of; the rest of the file is copied.
 */
import { ftruncateSync, writeSync } from 'node:fs';
import type { Device } from '../../device/device.ts';
import { type Extent, forkExtents } from '../../fs/read/extent.ts';
import type { Inode } from '../../fs/read/inode.ts';
import { tryReadInto, type Volume } from '../../fs/read/volume.ts';
import type { CopyReport } from './report.ts';

const PIECE = 2 ** 20;

export class ContentCopy {
  private readonly volume: Volume;
  private readonly realtime: Device | undefined;
  private readonly report: CopyReport;
  private readonly buffer = new Uint8Array(PIECE);

  constructor(volume: Volume, realtime: Device | undefined, report: CopyReport) {
    this.volume = volume;
    this.realtime = realtime;
    this.report = report;
  }

  /** Writes the content of `size` bytes into an empty file. Throws errors of the system. */
  copy(
    inode: Inode,
    file: { readonly descriptor: number; readonly size: number; readonly isRealtime: boolean },
    what: string,
  ): void {
    const { descriptor, size, isRealtime } = file;
    ftruncateSync(descriptor, size);
    const device = isRealtime ? this.realtime : this.volume.device;
    const tell = (text: string) => this.report.tell(`${what}: ${text}`);
    for (const extent of forkExtents(this.volume, inode, 'data', 0, tell)) {
      if (extent.unwritten) continue;
      if (!device) {
        tell('its content is on the realtime device, which was not named');
        return;
      }
      const byte = extent.fileoff * this.volume.geometry.blocksize;
      if (byte >= size) return;
      this.copyExtent(device, extent, file, what);
    }
  }

  private copyExtent(
    device: Device,
    { fileoff, fsbno, blocks }: Extent,
    file: { readonly descriptor: number; readonly size: number; readonly isRealtime: boolean },
    what: string,
  ): void {
    const { geometry } = this.volume;
    const { blocksize } = geometry;
    const from = file.isRealtime ? fsbno * blocksize : geometry.fsbnoByte(fsbno);
    const to = fileoff * blocksize;
    const length = Math.min(blocks * blocksize, file.size - to);
    for (let done = 0; done < length; done += PIECE) {
      const piece = this.buffer.subarray(0, Math.min(PIECE, length - done));
      if (tryReadInto(device, from + done, piece)) {
        this.put(file.descriptor, piece, to + done);
        continue;
      }
      for (let at = 0; at < piece.length; at += blocksize) {
        const block = piece.subarray(at, at + blocksize);
        if (tryReadInto(device, from + done + at, block)) this.put(file.descriptor, block, to + done + at);
        else this.report.tell(`${what}: ${block.length} bytes at ${to + done + at} cannot be read`);
      }
    }
  }

  private put(descriptor: number, bytes: Uint8Array, offset: number): void {
    for (let done = 0; done < bytes.length; ) {
      done += writeSync(descriptor, bytes, done, bytes.length - done, offset + done);
    }
    this.report.bytes += bytes.length;
  }
}
