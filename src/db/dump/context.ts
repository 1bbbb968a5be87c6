/**
 * What all parts of a dump share: the filesystem, the sink, the choices, and how reading goes on or stops when a
 * block cannot be read. Nothing here or in the parts throws for what the blocks hold.
 */
import { type Device, DeviceError } from '../../device/device.ts';
import { DADDR_BYTES, type Geometry } from '../../format/geometry.ts';
import { DUMP_DEVICE } from '../../format/metadump.ts';
import { tryRead, type Volume } from '../../fs/read/volume.ts';
import { NameObfuscator } from './names.ts';
import type { Scrub } from './scrub.ts';
import type { DumpSink } from './writer.ts';

export interface DumpOptions {
  /** Names and attribute values are replaced. */
  readonly obfuscate: boolean;
  /** What holds nothing live is cleared. */
  readonly clear: boolean;
  /** The first block that cannot be read ends the dump. */
  readonly stopOnError: boolean;
  /** Also tells of metadata that makes no sense. */
  readonly showWarnings: boolean;
  /** Longer extents of metadata files are taken for damage, blocks. */
  readonly maxExtent: number;
}

export interface DumpListener {
  warn(text: string): void;
  progress(text: string): void;
}

export class DumpContext implements Volume {
  readonly device: Device;
  readonly geometry: Geometry;
  readonly sink: DumpSink;
  readonly options: DumpOptions;
  readonly listener: DumpListener;
  readonly names: NameObfuscator;
  inodesCopied = 0;

  constructor(volume: Volume, sink: DumpSink, options: DumpOptions, listener: DumpListener) {
    this.device = volume.device;
    this.geometry = volume.geometry;
    this.sink = sink;
    this.options = options;
    this.listener = listener;
    this.names = new NameObfuscator(volume.geometry);
  }

  /** Whether blocks are changed at all on their way. */
  get changes(): boolean {
    return this.options.obfuscate || this.options.clear;
  }

  /** Said only when asked for: metadata that makes no sense. */
  doubt(text: () => string): void {
    if (this.options.showWarnings) this.listener.warn(text());
  }

  /** Reads bytes; undefined (and a warning) when they cannot be read. Throws DeviceError when that is to stop it. */
  read(offset: number, length: number, what: () => string): Uint8Array | undefined {
    const bytes = tryRead(this.device, offset, length);
    if (!bytes) this.cannotRead(what());
    return bytes;
  }

  cannotRead(what: string): void {
    const text = `cannot read ${what}`;
    if (this.options.stopOnError) throw new DeviceError('EIO', `${this.device.name}: ${text}`);
    this.listener.warn(text);
  }

  /** A finished block goes out. */
  emit(offset: number, block: Scrub): void {
    block.seal();
    this.emitBytes(offset, block.bytes);
  }

  emitBytes(offset: number, bytes: Uint8Array): void {
    this.sink.begin(offset / DADDR_BYTES, bytes.length / DADDR_BYTES, DUMP_DEVICE.DATA);
    this.sink.append(bytes);
  }
}
