/** The log as xfs_logprint reads it, what its letters ask for, and how it ends when it gives up. */
import type { Device } from '../../device/device.ts';
import { BASIC_BLOCK, LOG_RECORD_MAGIC } from '../../format/log.ts';
import { viewOf } from '../../format/struct.ts';

export interface LogprintOptions {
  /** -b, -i and -q: details of buffers, inodes and quota records among transactions. */
  readonly buffers: boolean;
  readonly inodes: boolean;
  readonly quotas: boolean;
  /** -o: data of buffers. */
  readonly hex: boolean;
  /** -D: blocks as they are, nothing else. */
  readonly onlyData: boolean;
  /** -v: words that the cycle number displaced. */
  readonly overwritten: boolean;
  /** -n: operations are not taken apart. */
  readonly raw: boolean;
  /** Undone by -c. */
  readonly endsAtError: boolean;
  /** -s: first block. */
  readonly start: number | undefined;
  /** -f: the log lies alone in a file, so nothing is known of the filesystem. */
  readonly alone: boolean;
}

/** Takes a piece of the output. */
export type Print = (text: string) => void;

export const PROGRAM = 'xfs_logprint';
export const RECORD_LINE = `${'='.repeat(76)}\n`;
export const OPERATION_LINE = `${'-'.repeat(76)}\n`;

/** Ends the program with status 1 and a message on stderr. */
export class LogprintEnd extends Error {}

export class LogSource {
  readonly device: Device;
  /** Byte of the first block. */
  readonly start: number;
  /** Basic blocks. */
  readonly blocks: number;

  constructor(device: Device, start: number, blocks: number) {
    this.device = device;
    this.start = start;
    this.blocks = blocks;
  }

  /** Blocks from `block` on, on past the end of the log; fewer at the end of the device. Throws DeviceError. */
  read(block: number, count: number): Uint8Array {
    const at = this.start + block * BASIC_BLOCK;
    const there = Math.max(0, Math.floor((this.device.size - at) / BASIC_BLOCK));
    const bytes = new Uint8Array(Math.min(count, there) * BASIC_BLOCK);
    if (bytes.length > 0) this.device.read(at, bytes);
    return bytes;
  }
}

export function cycleOf(block: Uint8Array): number {
  const view = viewOf(block);
  const word = view.getUint32(0);
  return word === LOG_RECORD_MAGIC ? view.getUint32(4) : word;
}

/** Words of host order, eight in a line, each line after the number of its first word. */
export function wordsText(bytes: Uint8Array): string {
  const view = viewOf(bytes);
  const count = bytes.length >>> 2;
  let text = '';
  for (let i = 0; i < count; i++) {
    if (i % 8 === 0) text += `${i.toString(16).padStart(2)} `;
    text += `${view
      .getUint32(4 * i, true)
      .toString(16)
      .padStart(8)} `;
    if (i % 8 === 7) text += '\n';
  }
  return `${text}\n`;
}

/** Characters if all can be printed, else bytes in hex. */
export function nameText(bytes: Uint8Array): string {
  if (bytes.every((byte) => byte >= 0x20 && byte < 0x7f)) return `${Buffer.from(bytes).toString('latin1')}\n`;
  let text = '';
  bytes.forEach((byte, i) => {
    if (i % 16 === 0) text += `${i.toString(16).padStart(8, '0')} `;
    text += byte.toString(16).padStart(2, '0');
    if (i % 16 === 15) text += '\n';
    else if (i % 2 === 1) text += ' ';
  });
  return `${text}\n`;
}
