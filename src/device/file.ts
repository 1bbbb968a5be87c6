/**
 * An image file or a block device. Reads and writes are whole or an error: short transfers are continued and
 * EINTR is retried; every error of the system becomes a DeviceError naming what was done and where.
 * open.ts decides whether a path may be opened at all; this class trusts the descriptor it is given.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, fdatasyncSync, fstatSync, ftruncateSync, read, readSync, writeSync } from 'node:fs';
import { type Device, DeviceError } from './device.ts';

/** One system call moves at most this many bytes (Linux stops short of 2 GiB). */
const TRANSFER = 1 << 30;

export interface FileFacts {
  readonly name: string;
  readonly descriptor: number;
  /** Bytes. */
  readonly size: number;
  readonly writable: boolean;
  readonly isBlock: boolean;
  readonly busy?: string | undefined;
  /** Bytes from here to the end were known to be zeros when it was opened; `size` when none were. */
  readonly freshFrom: number;
}

export class FileDevice implements Device {
  readonly name: string;
  readonly size: number;
  readonly writable: boolean;
  readonly isBlock: boolean;
  readonly busy: string | undefined;
  private readonly descriptor: number;
  private freshFrom: number;
  private open = true;

  constructor(facts: FileFacts) {
    this.name = facts.name;
    this.size = facts.size;
    this.writable = facts.writable;
    this.isBlock = facts.isBlock;
    this.busy = facts.busy;
    this.descriptor = facts.descriptor;
    this.freshFrom = facts.freshFrom;
  }

  read(offset: number, into: Uint8Array): void {
    this.bound(offset, into.length, 'read');
    this.transfer('read', offset, into.length, (done, length) =>
      readSync(this.descriptor, into, done, length, offset + done),
    );
  }

  /** By a thread of Node's own pool. */
  readBeside(offset: number, into: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => {
      read(this.descriptor, into, 0, into.length, offset, (error, count) =>
        resolve(error === null && count === into.length),
      );
    });
  }

  write(offset: number, from: Uint8Array): void {
    if (!this.writable) throw new DeviceError('READONLY', `${this.name}: opened for reading only`);
    this.bound(offset, from.length, 'write');
    this.transfer('write', offset, from.length, (done, length) =>
      writeSync(this.descriptor, from, done, length, offset + done),
    );
  }

  flush(): void {
    try {
      fdatasyncSync(this.descriptor); // length and allocation included, times not
    } catch (error) {
      throw systemError(error, `${this.name}: flush`);
    }
  }

  close(): void {
    if (!this.open) return;
    this.open = false;
    closeSync(this.descriptor);
  }

  isFresh(offset: number, _length: number): boolean {
    return offset >= this.freshFrom;
  }

  discard(): boolean {
    if (this.isBlock || !this.writable) return false;
    try {
      ftruncateSync(this.descriptor, 0);
      ftruncateSync(this.descriptor, this.size);
    } catch (error) {
      throw systemError(error, `${this.name}: making it sparse`);
    }
    this.freshFrom = 0;
    return true;
  }

  trim(): boolean {
    if (!this.isBlock || !this.writable || process.platform !== 'linux') return false;
    // The kernel refuses while pages are dirty; -f: we hold the device exclusively ourselves.
    this.flush();
    const stdio = ['ignore', 'ignore', 'ignore', this.descriptor] as const;
    return spawnSync('blkdiscard', ['-f', '/proc/self/fd/3'], { stdio: [...stdio] }).status === 0;
  }

  punch(offset: number, length: number): boolean {
    if (this.isBlock || !this.writable || process.platform !== 'linux') return false;
    this.bound(offset, length, 'punch');
    // Node has no fallocate; the program of that name works on the descriptor that it inherits.
    const args = ['-p', '-o', String(offset), '-l', String(length), '/proc/self/fd/3'];
    const done = spawnSync('fallocate', args, { stdio: ['ignore', 'ignore', 'ignore', this.descriptor] });
    return done.status === 0;
  }

  private transfer(
    what: 'read' | 'write',
    offset: number,
    length: number,
    once: (done: number, length: number) => number,
  ): void {
    for (let done = 0; done < length; ) {
      let moved: number;
      try {
        moved = once(done, Math.min(TRANSFER, length - done));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EINTR') continue;
        throw systemError(error, `${this.name}: ${what} of ${length} bytes at ${offset}`, { offset, length });
      }
      if (moved === 0) {
        const now = this.isBlock ? '' : `, the file now has ${fstatSync(this.descriptor).size}`;
        throw new DeviceError(
          'SHORT',
          `${this.name}: ${what} of ${length} bytes at ${offset} stopped after ${done}${now}`,
          { offset, length },
        );
      }
      done += moved;
    }
  }

  private bound(offset: number, length: number, what: string): void {
    if (!Number.isSafeInteger(offset) || offset < 0 || offset + length > this.size) {
      throw new DeviceError(
        'RANGE',
        `${this.name}: ${what} of ${length} bytes at ${offset} leaves its ${this.size} bytes`,
        { offset, length },
      );
    }
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOENT: 'no such file',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'is a directory',
  ELOOP: 'too many symbolic links',
  EROFS: 'read-only filesystem',
  ENOSPC: 'no space left',
  EDQUOT: 'quota exceeded',
  EFBIG: 'larger than this filesystem allows',
  EIO: 'input/output error',
  EBUSY: 'busy',
  ENXIO: 'no such device',
  ENOMEDIUM: 'no medium',
  ENAMETOOLONG: 'name too long',
  EMFILE: 'too many open files',
  EEXIST: 'already exists',
};

/** An error of a system call as a DeviceError with the same code; other errors come back as they are. */
export function systemError(
  error: unknown,
  doing: string,
  data: Readonly<Record<string, unknown>> = {},
): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (error instanceof DeviceError || code === undefined) return error;
  return new DeviceError(code, `${doing}: ${REASONS[code] ?? code}`, data);
}
