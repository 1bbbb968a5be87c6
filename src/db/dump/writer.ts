/**
 * The two formats of a metadata dump, as sinks: `write` takes what lies at an address of a device, in the order in
 * which it shall be in the dump. Memory is one buffer; what is full goes out at once.
 */
import { writeSync } from 'node:fs';
import { DeviceError } from '../../device/device.ts';
import { systemError } from '../../device/file.ts';
import {
  DUMP_BLOCK,
  DUMP_BLOCK_SECTORS,
  DUMP_COMPAT,
  DUMP_DEVICE,
  DUMP_DEVICE_SHIFT,
  DUMP_EXTENT,
  DUMP_HEADER,
  DUMP_INCOMPAT,
  DUMP_INFO,
  DUMP_MAGIC_V1,
  DUMP_MAGIC_V2,
  DUMP_SECTOR,
  DUMP_SECTOR_LOG,
} from '../../format/metadump.ts';
import { viewOf } from '../../format/struct.ts';

/** Whose addresses these are. */
export type DumpDevice = (typeof DUMP_DEVICE)[keyof typeof DUMP_DEVICE];

/** What the header tells of a dump. */
export interface DumpFlags {
  readonly obfuscated: boolean;
  readonly fullBlocks: boolean;
  readonly dirtyLog: boolean;
  readonly externalLog: boolean;
  readonly realtime: boolean;
}

export interface DumpSink {
  /** Announces `sectors` from sector `daddr` on; their bytes follow by `append`, all of them. */
  begin(daddr: number, sectors: number, device: DumpDevice): void;
  append(bytes: Uint8Array): void;
  /** The dump is complete. */
  finish(): void;
}

/** A whole run at once. */
export function writeRun(sink: DumpSink, daddr: number, bytes: Uint8Array): void {
  sink.begin(daddr, bytes.length / DUMP_SECTOR, DUMP_DEVICE.DATA);
  sink.append(bytes);
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4));

/** A descriptor, written in order and whole. A full pipe is waited for. */
export class DescriptorOutput {
  private readonly descriptor: number;
  private readonly name: string;

  constructor(descriptor: number, name: string) {
    this.descriptor = descriptor;
    this.name = name;
  }

  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      try {
        done += writeSync(this.descriptor, bytes, done, bytes.length - done);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EAGAIN') Atomics.wait(PAUSE, 0, 0, 2);
        else if (code === 'EPIPE') throw new DeviceError('EPIPE', `${this.name}: nobody reads any more`);
        else if (code !== 'EINTR') throw systemError(error, `${this.name}: write`);
      }
    }
  }
}

/** Version 1: blocks of 63 sectors behind a sector of addresses. */
export class DumpWriterV1 implements DumpSink {
  private readonly output: DescriptorOutput;
  private readonly buffer = new Uint8Array(BATCH * BLOCK_BYTES);
  private readonly view = viewOf(this.buffer);
  private readonly info: number;
  /** Blocks of the buffer that are full, and sectors in the one that is being filled. */
  private blocks = 0;
  private sectors = 0;
  private next = 0;

  constructor(output: DescriptorOutput, flags: DumpFlags) {
    this.output = output;
    this.info =
      DUMP_INFO.VALID |
      (flags.obfuscated ? DUMP_INFO.OBFUSCATED : 0) |
      (flags.fullBlocks ? DUMP_INFO.FULL_BLOCKS : 0) |
      (flags.dirtyLog ? DUMP_INFO.DIRTY_LOG : 0);
  }

  begin(daddr: number, _sectors: number, device: DumpDevice): void {
    if (device !== DUMP_DEVICE.DATA) throw new TypeError('version 1 knows one device');
    this.next = daddr;
  }

  append(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const base = this.blocks * BLOCK_BYTES;
      const take = Math.min(DUMP_BLOCK_SECTORS - this.sectors, (bytes.length - done) / DUMP_SECTOR);
      const data = base + (1 + this.sectors) * DUMP_SECTOR;
      this.buffer.set(bytes.subarray(done, done + take * DUMP_SECTOR), data);
      for (let i = 0; i < take; i++) {
        const at = base + DUMP_BLOCK.size + this.sectors * 8;
        this.view.setUint32(at, Math.floor(this.next / 2 ** 32));
        this.view.setUint32(at + 4, this.next % 2 ** 32);
        this.next++;
        this.sectors++;
      }
      done += take * DUMP_SECTOR;
      if (this.sectors === DUMP_BLOCK_SECTORS) this.endBlock();
    }
  }

  finish(): void {
    const base = this.blocks * BLOCK_BYTES;
    const used = base + DUMP_BLOCK.size + this.sectors * 8;
    this.buffer.fill(0, used, base + DUMP_SECTOR);
    this.head(base);
    this.output.write(this.buffer.subarray(0, base + (1 + this.sectors) * DUMP_SECTOR));
  }

  private endBlock(): void {
    this.head(this.blocks * BLOCK_BYTES);
    this.sectors = 0;
    this.blocks++;
    if (this.blocks < BATCH) return;
    this.output.write(this.buffer);
    this.blocks = 0;
  }

  private head(base: number): void {
    const header = DUMP_BLOCK.over(this.buffer, base);
    header.magic = DUMP_MAGIC_V1;
    header.count = this.sectors;
    header.blocklog = DUMP_SECTOR_LOG;
    header.info = this.info;
  }
}

const BLOCK_BYTES = (1 + DUMP_BLOCK_SECTORS) * DUMP_SECTOR;
/** Blocks that are collected before they are written. */
const BATCH = 32;

/** Version 2: extents of any length, of any device. */
export class DumpWriterV2 implements DumpSink {
  private readonly output: DescriptorOutput;
  private readonly buffer = new Uint8Array(2 ** 20);
  private used = 0;

  constructor(output: DescriptorOutput, flags: DumpFlags) {
    this.output = output;
    const bytes = new Uint8Array(DUMP_HEADER.size);
    const header = DUMP_HEADER.over(bytes);
    header.magic = DUMP_MAGIC_V2;
    header.version = 2;
    header.compat =
      (flags.obfuscated ? DUMP_COMPAT.OBFUSCATED : 0) |
      (flags.fullBlocks ? DUMP_COMPAT.FULL_BLOCKS : 0) |
      (flags.dirtyLog ? DUMP_COMPAT.DIRTY_LOG : 0) |
      (flags.externalLog ? DUMP_COMPAT.EXTERNAL_LOG : 0);
    header.incompat = flags.realtime ? DUMP_INCOMPAT.REALTIME : 0;
    this.append(bytes);
  }

  begin(daddr: number, sectors: number, device: DumpDevice): void {
    const bytes = new Uint8Array(DUMP_EXTENT.size);
    const view = viewOf(bytes);
    view.setUint32(0, Math.floor(daddr / 2 ** 32) + device * 2 ** (DUMP_DEVICE_SHIFT - 32));
    view.setUint32(4, daddr % 2 ** 32);
    view.setUint32(DUMP_EXTENT.offset.len, sectors);
    this.append(bytes);
  }

  append(bytes: Uint8Array): void {
    if (this.used + bytes.length > this.buffer.length) this.flush();
    if (bytes.length > this.buffer.length) {
      this.output.write(bytes);
      return;
    }
    this.buffer.set(bytes, this.used);
    this.used += bytes.length;
  }

  finish(): void {
    this.flush();
  }

  private flush(): void {
    this.output.write(this.buffer.subarray(0, this.used));
    this.used = 0;
  }
}
