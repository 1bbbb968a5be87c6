/**
 * A temporary file for something that is to be read as a device: written once from the start, zeros as holes. It has
 * no name from the moment it is made, so it is gone when the process ends, however it ends.
 */
import { closeSync, ftruncateSync, openSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Device, DeviceError } from './device.ts';
import { FileDevice, systemError } from './file.ts';

/** What is all zeros in such pieces becomes a hole. */
const HOLE = 4096;
/** Bytes of the filesystem that holds it that are left to others. */
const RESERVE = 64 * 2 ** 20;
/** Bytes written between two looks at what is free. */
const LOOK = 16 * 2 ** 20;

const ZEROS = Buffer.alloc(HOLE);

export class SparseFile {
  private readonly folder: string;
  private readonly name: string;
  private readonly descriptor: number;
  /** Bytes so far, holes included. */
  private length = 0;
  private untilLook = 0;
  /** The piece that is being filled. */
  private readonly piece = Buffer.alloc(HOLE);
  private filled = 0;

  /** In `folder`; `name` is what messages call it. Throws DeviceError. */
  constructor(folder: string, name: string) {
    this.folder = folder;
    this.name = name;
    const random = Math.random().toString(36).slice(2);
    const path = join(folder, `xfskit-${process.pid}-${random}`);
    try {
      this.descriptor = openSync(path, 'wx+', 0o600);
      unlinkSync(path);
    } catch (error) {
      throw systemError(error, `${name}: a temporary file in ${folder}`);
    }
  }

  /** Appends. Throws DeviceError when it does not fit. */
  append(bytes: Uint8Array): void {
    let at = 0;
    if (this.filled > 0) {
      at = Math.min(HOLE - this.filled, bytes.length);
      this.piece.set(bytes.subarray(0, at), this.filled);
      this.filled += at;
      if (this.filled < HOLE) return;
      this.put(this.piece);
      this.filled = 0;
    }
    const whole = bytes.length - ((bytes.length - at) % HOLE);
    if (whole > at) this.put(bytes.subarray(at, whole));
    this.piece.set(bytes.subarray(whole));
    this.filled = bytes.length - whole;
  }

  /** The whole of it as a device, which closes it. Throws DeviceError. */
  finish(): Device {
    this.put(this.piece.subarray(0, this.filled));
    if (this.length === 0) throw new DeviceError('EMPTY', `${this.name}: is empty`);
    try {
      ftruncateSync(this.descriptor, this.length);
    } catch (error) {
      throw systemError(error, `${this.name}: a temporary file of ${this.length} bytes`);
    }
    const { name, descriptor, length: size } = this;
    return new FileDevice({ name, descriptor, size, writable: false, isBlock: false, freshFrom: size });
  }

  /** Of a file that was not finished. */
  drop(): void {
    closeSync(this.descriptor);
  }

  /** Pieces of HOLE bytes, the last may be shorter: runs that hold something are written, the rest left out. */
  private put(bytes: Uint8Array): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let start = -1;
    for (let at = 0; at < buffer.length; at += HOLE) {
      const end = Math.min(at + HOLE, buffer.length);
      const isZero = buffer.compare(ZEROS, 0, end - at, at, end) === 0;
      if (isZero && start >= 0) {
        this.write(buffer.subarray(start, at), this.length + start);
        start = -1;
      } else if (!isZero && start < 0) start = at;
    }
    if (start >= 0) this.write(buffer.subarray(start), this.length + start);
    this.length += buffer.length;
    if (!Number.isSafeInteger(this.length)) throw new DeviceError('RANGE', `${this.name}: too large`);
  }

  private write(bytes: Uint8Array, position: number): void {
    this.untilLook -= bytes.length;
    if (this.untilLook <= 0) this.look();
    try {
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.descriptor, bytes, done, bytes.length - done, position + done);
    } catch (error) {
      throw systemError(error, `${this.name}: unpacked into ${this.folder} (TMPDIR)`);
    }
  }

  /** A stream that unpacks into more than there is must not fill the disk to its last byte. */
  private look(): void {
    this.untilLook = LOOK;
    const { bavail, bsize } = statfsSync(this.folder);
    if (bavail * bsize > RESERVE + LOOK) return;
    const text = `${this.name}: unpacked it needs more than ${this.folder} (TMPDIR) has free`;
    throw new DeviceError('ENOSPC', `${text}, ${bavail * bsize} bytes`);
  }
}
