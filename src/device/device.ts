/**
 * A device: where bytes are. Synchronous, because every reader in the suite is CPU-bound on what it has read.
 * Reads past the end are errors, never short: a caller that may meet the end asks `size` first.
 */

export interface Device {
  /** What messages call it, e.g. the path. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly writable: boolean;
  /** Why this would be refused for writing, e.g. `mounted on /home`: what is read may change meanwhile. */
  readonly busy?: string | undefined;
  /** Fills `into` from `offset` (bytes). Throws DeviceError on a read error or past the end. */
  read(offset: number, into: Uint8Array): void;
  /**
   * Begins to fill `into` from `offset`, all of it inside the device, beside other work. True when all of it came;
   * otherwise it is to be read in the ordinary way, which tells what is wrong. Never rejects.
   */
  readBeside?(offset: number, into: Uint8Array): Promise<boolean>;
  /** Writes all of `from` at `offset`. */
  write(offset: number, from: Uint8Array): void;
  /** Durable when it returns. */
  flush(): void;
  close(): void;
  /**
   * True when the range was known to read as zeros, without reading it, when the device was opened (a file just
   * created, grown or wholly sparse). Writes since then do not count: the caller knows what it wrote.
   */
  isFresh?(offset: number, length: number): boolean;
  /** Makes the whole device read as zeros and fresh, where that is cheap (regular files); false: not done. */
  discard?(): boolean;
  /** Tells a block device that nothing on it is needed any more; what it reads as then is open. False: not done. */
  trim?(): boolean;
  /** Makes a range read as zeros without writing them, where the system can do that; false: nothing was done. */
  punch?(offset: number, length: number): boolean;
}

/** Reads `length` bytes into fresh memory. */
export function readBytes(device: Device, offset: number, length: number): Uint8Array {
  const into = new Uint8Array(length);
  device.read(offset, into);
  return into;
}

/** Something is wrong with the file or device itself: missing, busy, read-only, too short, I/O error. Exit 8. */
export class DeviceError extends Error {
  readonly code: string;
  readonly data: Readonly<Record<string, unknown>>;
  constructor(code: string, message: string, data: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.name = 'DeviceError';
    this.code = code;
    this.data = data;
  }
  toJSON(): object {
    return { code: this.code, message: this.message, ...this.data };
  }
}
