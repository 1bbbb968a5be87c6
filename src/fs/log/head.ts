/**
 * Log head and tail: where the log ends, and whether changes wait in it. Read-only.
 *
 * The log is a ring of 512-byte basic blocks. Each block written in a turn round the ring carries that turn's
 * cycle number in its first word (in the second, where the first is a record's magic), so the head is where the
 * cycle drops. The kernel writes up to 8 records of 256 KiB out of order, hence the last 4096 blocks before the
 * head may have holes and are looked at one by one. The last whole record before the head names the tail; the
 * log is clean when that record is nothing but an unmount operation and ends at the head.
 *
 * After a mount the blocks behind the head carry stand-in record headers of the cycle before: magic proves
 * nothing, cycles do.
 */
import { type Device, DeviceError } from '../../device/device.ts';
import { updateCrc32c } from '../../format/crc32c.ts';
import type { Geometry } from '../../format/geometry.ts';
import { LOG_HEADER_CRC_BYTES } from '../../format/log.ts';

const BB = 512;
const RECORD_MAGIC = 0xfeedbabe;
/** Basic blocks that may be in flight, and those of the largest single record. */
const MOST_IN_FLIGHT = 4096;
const MOST_RECORD = 512;
const MOST_RECORDS_IN_FLIGHT = 8;
const HEADER_COVERS = 32768;
const UNMOUNT_FLAG = 0x20;
/** Byte offsets in a record header. */
const AT = {
  cycle: 4,
  version: 8,
  length: 12,
  lsn: 16,
  tailLsn: 24,
  crc: 32,
  operations: 40,
  cycleData: 44,
  format: 300,
  uuid: 304,
  size: 320,
} as const;
const EXTENDED_CRC_BYTES = 260;

export interface LogHead {
  readonly state: 'clean' | 'dirty' | 'unreadable' | 'external';
  /** Cycle that the next record is written with, and the basic block where it goes. */
  readonly headCycle: number;
  readonly headBlock: number;
  readonly tailCycle: number;
  /** Equal to `headBlock` when clean. */
  readonly tailBlock: number;
  /** Basic block of the last record before the head; -1: there is none. */
  readonly lastRecord: number;
  readonly detail: string;
}

/**
 * Finds head and tail of the log; with `isLogDevice` of an external one, on the device that holds it. Never throws
 * for what the log holds: 'unreadable' then, and why.
 */
export function findLogHead(device: Device, geometry: Geometry, isLogDevice = false): LogHead {
  if (geometry.logstart === 0 && !isLogDevice)
    return result('external', 0, 0, 0, 0, 'the log is on another device');
  const start = isLogDevice ? 0 : geometry.fsbnoByte(geometry.logstart);
  const bytes = geometry.logblocks * geometry.blocksize;
  const inside = isLogDevice ? bytes > 0 : geometry.isFsbnoRange(geometry.logstart, geometry.logblocks);
  if (!inside || start + bytes > device.size) {
    return result('unreadable', 0, 0, 0, 0, `it leaves its AG or the device (${geometry.logblocks} blocks)`);
  }
  return findHeadAt(device, start, bytes / BB);
}

/** The same of a log of `blocks` basic blocks from byte `start` on, which the device holds. */
export function findHeadAt(device: Device, start: number, blocks: number): LogHead {
  try {
    return new LogScan(device, start, blocks).find();
  } catch (error) {
    if (error instanceof DeviceError) return result('unreadable', 0, 0, 0, 0, error.message);
    throw error;
  }
}

function result(
  state: LogHead['state'],
  headCycle: number,
  headBlock: number,
  tailCycle: number,
  tailBlock: number,
  detail: string,
  lastRecord = -1,
): LogHead {
  return { state, headCycle, headBlock, tailCycle, tailBlock, lastRecord, detail };
}

interface Record {
  /** Basic block of its header. */
  readonly block: number;
  readonly view: DataView;
  /** The search went round the end of the log to find it. */
  readonly wrapped: boolean;
}

class LogScan {
  private readonly device: Device;
  private readonly start: number;
  /** Basic blocks in the log. */
  private readonly size: number;
  /** Blocks read last; searches walk neighbours. */
  private readonly window = new Uint8Array(256 * BB);
  private readonly windowView = new DataView(this.window.buffer);
  private windowFirst = -1;

  constructor(device: Device, start: number, size: number) {
    this.device = device;
    this.start = start;
    this.size = size;
  }

  find(): LogHead {
    const firstCycle = this.cycle(0);
    if (firstCycle === 0) return result('clean', 1, 0, 1, 0, 'the log is all zeros');
    const head = this.findHead(firstCycle);
    if (typeof head === 'string') return result('unreadable', 0, 0, 0, 0, head);
    const last = this.recordBefore(head);
    if (!last) return result('unreadable', 0, 0, 0, 0, `no record before its head, block ${head}`);
    const seen = this.judge(head, last);
    if (seen.state === 'clean') return seen;
    const whole = this.dropTorn(head, last);
    if (!whole) return result('unreadable', 0, 0, 0, 0, `no whole record before its head, block ${head}`);
    return this.judge(whole.head, whole.last);
  }

  /** Clean or dirty, by the last record. */
  private judge(head: number, last: Record): LogHead {
    const { view } = last;
    const wrong = headerFault(view, this.size);
    if (wrong) return result('unreadable', 0, 0, 0, 0, `record at block ${last.block}: ${wrong}`);
    const headCycle = view.getUint32(AT.cycle) + (last.wrapped || head === 0 ? 1 : 0);
    const tailCycle = view.getUint32(AT.tailLsn);
    const tailBlock = view.getUint32(AT.tailLsn + 4);
    if (tailBlock >= this.size) {
      const text = `record at block ${last.block}: tail ${tailBlock}, the log has ${this.size} blocks`;
      return result('unreadable', 0, 0, 0, 0, text);
    }
    // A mount has nothing to do either where the tail is at the head.
    if (this.isUnmount(head, last) || tailBlock === head)
      return result('clean', headCycle, head, headCycle, head, `head at ${headCycle}:${head}`, last.block);
    const text = `head at ${headCycle}:${head}, tail at ${tailCycle}:${tailBlock}`;
    return result('dirty', headCycle, head, tailCycle, tailBlock, text, last.block);
  }

  private isUnmount(head: number, last: Record): boolean {
    const { view } = last;
    const end = (last.block + headerBlocks(view) + view.getUint32(AT.length) / BB) % this.size;
    if (end !== head || view.getUint32(AT.operations) !== 1) return false;
    const operation = this.at((last.block + headerBlocks(view)) % this.size);
    return (this.windowView.getUint8(operation + 9) & UNMOUNT_FLAG) !== 0;
  }

  /** First block of the log that the next record may take, or why there is none. */
  private findHead(firstCycle: number): number | string {
    const { size } = this;
    const lastCycle = this.cycle(size - 1);
    let head: number;
    if (lastCycle === 0) {
      if (firstCycle !== 1) return `its first block has cycle ${firstCycle}, but its end was never written`;
      head = this.bisect(0);
      head = this.firstHole(head, (cycle) => cycle === 0) ?? head;
    } else if (firstCycle === lastCycle) {
      head = this.firstHole(size, (cycle) => cycle === lastCycle - 1) ?? size;
    } else {
      if (firstCycle !== lastCycle + 1) return `its first cycle is ${firstCycle}, its last ${lastCycle}`;
      head = this.bisect(lastCycle);
      head = this.findWrappedHole(head, lastCycle);
    }
    return this.backOverPartial(head) % size;
  }

  /** First block whose cycle is `cycle`; block 0 has another, the last block has it. */
  private bisect(cycle: number): number {
    let low = 0;
    let high = this.size - 1;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.cycle(middle) === cycle) high = middle;
      else low = middle;
    }
    return high;
  }

  /** First block among those that may have been in flight before `head` for which `isHole` holds. */
  private firstHole(head: number, isHole: (cycle: number) => boolean): number | undefined {
    for (let block = Math.max(0, head - MOST_IN_FLIGHT); block < head; block++) {
      if (isHole(this.cycle(block))) return block;
    }
    return undefined;
  }

  /** As `firstHole`, where the blocks in flight may begin before the end of the log. */
  private findWrappedHole(head: number, lastCycle: number): number {
    const behind = Math.min(this.size, MOST_IN_FLIGHT) - head;
    for (let block = this.size - Math.max(0, behind); block < this.size; block++) {
      if (this.cycle(block) === lastCycle - 1) return block;
    }
    return this.firstHole(head, (cycle) => cycle === lastCycle) ?? head;
  }

  /** When the last record before `head` does not end there, it was not written in full: head goes before it. */
  private backOverPartial(head: number): number {
    for (let distance = 1; distance <= Math.min(MOST_RECORD + 1, this.size); distance++) {
      const block = head - distance;
      const at = this.at(block < 0 ? block + this.size : block);
      if (this.windowView.getUint32(at) !== RECORD_MAGIC) continue;
      const header = new DataView(this.window.buffer, at, BB);
      const blocks = headerBlocks(header) + header.getUint32(AT.length) / BB;
      if (blocks === distance) return head;
      return block < 0 ? block + this.size : block;
    }
    return head;
  }

  /** Last record before `head`, going back round the ring at most once. */
  private recordBefore(head: number): Record | undefined {
    for (let distance = 1; distance <= this.size; distance++) {
      const block = (head - distance + this.size) % this.size;
      const at = this.at(block);
      if (this.windowView.getUint32(at) !== RECORD_MAGIC) continue;
      const view = new DataView(this.window.slice(at, at + BB).buffer);
      return { block, view, wrapped: head - distance < 0 };
    }
    return undefined;
  }

  /** Drops records before the head whose CRC is wrong: they were being written when the power went. */
  private dropTorn(head: number, last: Record): { head: number; last: Record } | undefined {
    let at = { head, last };
    const chain: Record[] = [];
    for (let n = 0; n < MOST_RECORDS_IN_FLIGHT; n++) {
      chain.push(at.last);
      const before = this.recordBefore(at.last.block);
      if (!before || this.endOf(before) !== at.last.block) break;
      at = { head: at.last.block, last: before };
    }
    // Oldest first: all that follows a torn record counts as torn.
    for (let i = chain.length - 1; i >= 0; i--) {
      if (this.crcIsGood(chain[i]!)) continue;
      const before = i + 1 < chain.length ? chain[i + 1] : this.recordBefore(chain[i]!.block);
      if (!before) return undefined;
      const wrapped = before.block > chain[i]!.block;
      return { head: chain[i]!.block, last: { ...before, wrapped } };
    }
    return { head, last };
  }

  private endOf(record: Record): number {
    const blocks = headerBlocks(record.view) + Math.floor(record.view.getUint32(AT.length) / BB);
    return (record.block + blocks) % this.size;
  }

  /** A record without CRC passes: mkfs writes such. */
  private crcIsGood(record: Record): boolean {
    const { view } = record;
    if (headerFault(view, this.size)) return false;
    const stored = view.getUint32(AT.crc, true);
    if (stored === 0) return true;
    return LOG_HEADER_CRC_BYTES.some((bytes) => this.crcOf(record, bytes) === stored);
  }

  /** CRC of a record; `headerBytes` of its first header block count. */
  private crcOf(record: Record, headerBytes: number): number {
    const { view } = record;
    const header = new Uint8Array(view.buffer).slice(0, headerBytes);
    header.fill(0, AT.crc, AT.crc + 4);
    const length = view.getUint32(AT.length);
    let crc = updateCrc32c(0xffffffff, header, 0, header.length);
    const extended = Math.max(0, Math.ceil(length / HEADER_COVERS) - 1);
    for (let i = 1; i <= extended; i++) {
      const at = this.at((record.block + i) % this.size);
      crc = updateCrc32c(crc, this.window, at, at + EXTENDED_CRC_BYTES);
    }
    const data = record.block + headerBlocks(view);
    for (let i = 0; i < length / BB; i++) {
      const at = this.at((data + i) % this.size);
      crc = updateCrc32c(crc, this.window, at, at + BB);
    }
    return ~crc >>> 0;
  }

  /** Cycle of a basic block. */
  private cycle(block: number): number {
    const at = this.at(block);
    const first = this.windowView.getUint32(at);
    return first === RECORD_MAGIC ? this.windowView.getUint32(at + 4) : first;
  }

  /** Byte of basic block `block` in the window, which is read anew when the block is not in it. */
  private at(block: number): number {
    const blocks = Math.min(this.window.length / BB, this.size);
    if (this.windowFirst < 0 || block < this.windowFirst || block >= this.windowFirst + blocks) {
      this.windowFirst = Math.min(block - (block % blocks), this.size - blocks);
      this.device.read(this.start + this.windowFirst * BB, this.window.subarray(0, blocks * BB));
    }
    return (block - this.windowFirst) * BB;
  }
}

/** Header blocks of a record, by its buffer size (not by its length). */
function headerBlocks(header: DataView): number {
  if (header.getUint32(AT.version) !== 2) return 1;
  return Math.max(1, Math.ceil(header.getUint32(AT.size) / HEADER_COVERS));
}

/** Why a record header cannot be relied on. */
function headerFault(header: DataView, logBlocks: number): string | undefined {
  const version = header.getUint32(AT.version);
  if (version !== 1 && version !== 2) return `version ${version}`;
  const length = header.getUint32(AT.length);
  if (length === 0 || length % BB !== 0) return `length ${length}`;
  const blocks = headerBlocks(header) + length / BB;
  if (blocks > Math.min(logBlocks, MOST_RECORD + 8)) return `${blocks} blocks long`;
  return undefined;
}
