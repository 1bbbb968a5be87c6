/**
 * Buffers that replay changes, in memory until all items of one LSN are done: several checkpoints may bear the same
 * LSN, and if the first one's stamp were visible to the second, the second would be taken for done.
 *
 * A buffer is a run of basic blocks, as logged. The same bytes may be logged as buffers of several lengths (an
 * inode cluster, and blocks of a file before or after); when they overlap, the older one is written first.
 */
import type { Device } from '../../../device/device.ts';
import { sealCrc } from '../../../format/checksum.ts';
import { BASIC_BLOCK } from '../../../format/log.ts';
import type { BlockType } from '../../../format/registry.ts';
import { viewOf } from '../../../format/struct.ts';
import { LogError } from '../record.ts';

/** Longest buffer that anything logs: 64 KiB blocks, and inode clusters. */
const MOST_BASIC_BLOCKS = 1024;

export class ReplayBuffer {
  readonly daddr: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  dirty = false;
  /** What it is to be stamped and sealed as; undefined: left as it is. */
  type: BlockType | undefined;
  stamped = true;

  constructor(daddr: number, bytes: Uint8Array) {
    this.daddr = daddr;
    this.bytes = bytes;
    this.view = viewOf(bytes);
  }

  /** Basic block behind it. */
  get end(): number {
    return this.daddr + this.bytes.length / BASIC_BLOCK;
  }
}

/** Basic blocks, as a run for finding what overlaps. */
const RUN = 8;

function* runsOf({ daddr, end }: ReplayBuffer): Generator<number> {
  for (let run = Math.floor(daddr / RUN); run * RUN < end; run++) yield run;
}

export class ReplayBuffers {
  /** Buffers written so far, and bytes in them. */
  written = 0;
  private readonly device: Device;
  /** By daddr, in the order they were first asked for. */
  private readonly held = new Map<number, ReplayBuffer>();
  /** The same by the runs of `RUN` basic blocks that they touch, to find what overlaps. */
  private readonly runs = new Map<number, ReplayBuffer[]>();
  private lsn = 0n;

  constructor(device: Device) {
    this.device = device;
  }

  /** All that follows is of this LSN: what was changed under another is written. */
  begin(lsn: bigint): void {
    if (lsn !== this.lsn) this.submit();
    this.lsn = lsn;
  }

  /** The buffer of `count` basic blocks at `daddr`. Throws LogError for a place that is not on the device. */
  read(daddr: number, count: number): ReplayBuffer {
    const known = this.held.get(daddr);
    if (known && known.bytes.length === count * BASIC_BLOCK) return known;
    const offset = daddr * BASIC_BLOCK;
    const length = count * BASIC_BLOCK;
    if (!(daddr >= 0) || count < 1 || count > MOST_BASIC_BLOCKS || offset + length > this.device.size) {
      throw new LogError('LOG_CORRUPT', `a buffer of ${count} basic blocks at ${daddr} is not on the device`);
    }
    this.submitOverlapping(daddr, count);
    const bytes = new Uint8Array(length);
    this.device.read(offset, bytes);
    const buffer = new ReplayBuffer(daddr, bytes);
    this.held.set(daddr, buffer);
    for (const run of runsOf(buffer)) {
      const list = this.runs.get(run);
      if (list) list.push(buffer);
      else this.runs.set(run, [buffer]);
    }
    return buffer;
  }

  /** Declares a change; `type`: what it is stamped and sealed as when it is written. */
  change(buffer: ReplayBuffer, type: BlockType | undefined): void {
    buffer.dirty = true;
    buffer.type = type;
    buffer.stamped = true;
  }

  /** Declares a change that says nothing about what else the buffer has: it is sealed, and keeps the LSN it has. */
  changeUnstamped(buffer: ReplayBuffer, type: BlockType): void {
    if (buffer.dirty) return;
    buffer.dirty = true;
    buffer.type = type;
    buffer.stamped = false;
  }

  /** Stamps, seals and writes what was changed, and forgets everything. */
  submit(): void {
    for (const buffer of this.held.values()) this.write(buffer);
    this.held.clear();
    this.runs.clear();
  }

  private submitOverlapping(daddr: number, count: number): void {
    for (let run = Math.floor(daddr / RUN); run * RUN < daddr + count; run++) {
      for (const buffer of this.runs.get(run)?.slice() ?? []) {
        if (buffer.daddr >= daddr + count || buffer.end <= daddr) continue;
        this.write(buffer);
        this.forget(buffer);
      }
    }
  }

  private forget(buffer: ReplayBuffer): void {
    this.held.delete(buffer.daddr);
    for (const run of runsOf(buffer)) {
      const rest = this.runs.get(run)!.filter((other) => other !== buffer);
      if (rest.length > 0) this.runs.set(run, rest);
      else this.runs.delete(run);
    }
  }

  private write(buffer: ReplayBuffer): void {
    if (!buffer.dirty) return;
    const { type, bytes, view } = buffer;
    if (type?.crc !== undefined) {
      // Blocks of remote values are not logged in order, so their LSN stays all ones.
      if (buffer.stamped && type.lsn !== undefined && !(type.name === 'attr3' && type.form === 'remote')) {
        view.setBigUint64(type.lsn, this.lsn);
      }
      sealCrc(bytes, type.crc);
    }
    this.device.write(buffer.daddr * BASIC_BLOCK, bytes);
    buffer.dirty = false;
    this.written++;
  }
}
