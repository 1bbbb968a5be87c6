/**
 * Partitions of a disk image: where number N lies, by its GPT (sectors of 512 or 4096 bytes, the backup table where
 * the first one is damaged) or its MBR (1 to 4 primary, from 5 on the chain of logical ones).
 *
 * Nothing of a table is trusted: a GPT counts when both its CRCs are right, and what is returned lies on the device.
 */
import { type Device, DeviceError, readBytes } from './device.ts';

export interface Partition {
  /** Bytes. */
  readonly offset: number;
  readonly length: number;
}

const SECTORS = [512, 4096];
const GPT_MAGIC = 'EFI PART';
const MAX_ENTRIES = 1024;
const MAX_LOGICAL = 256;
const EXTENDED = new Set([0x05, 0x0f, 0x85]);
const PROTECTIVE = 0xee;

/** CRC-32 as GPT uses it (that of Ethernet and zip). */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function inside(device: Device, offset: number, length: number): boolean {
  return offset >= 0 && length > 0 && offset + length <= device.size;
}

/** The partitions that the GPT header at `at` describes, by number less 1; undefined: there is none that is sound. */
function readGpt(device: Device, at: number, sector: number): (Partition | undefined)[] | undefined {
  if (!inside(device, at, sector)) return undefined;
  const header = readBytes(device, at, sector);
  const view = viewOf(header);
  if (String.fromCharCode(...header.subarray(0, 8)) !== GPT_MAGIC) return undefined;
  const headerBytes = view.getUint32(12, true);
  if (headerBytes < 92 || headerBytes > sector) return undefined;
  const crc = view.getUint32(16, true);
  view.setUint32(16, 0, true);
  if (crc32(header.subarray(0, headerBytes)) !== crc) return undefined;
  const first = Number(view.getBigUint64(72, true)) * sector;
  const count = view.getUint32(80, true);
  const size = view.getUint32(84, true);
  if (count > MAX_ENTRIES || size < 128 || size > 4096 || !inside(device, first, count * size))
    return undefined;
  const table = readBytes(device, first, count * size);
  if (crc32(table) !== view.getUint32(88, true)) return undefined;
  const entries = viewOf(table);
  return Array.from({ length: count }, (_, i) => {
    const entry = i * size;
    if (table.subarray(entry, entry + 16).every((byte) => byte === 0)) return undefined;
    const start = Number(entries.getBigUint64(entry + 32, true));
    const end = Number(entries.getBigUint64(entry + 40, true));
    return { offset: start * sector, length: (end - start + 1) * sector };
  });
}

interface MbrEntry extends Partition {
  readonly type: number;
}

function readMbr(device: Device, at: number): MbrEntry[] | undefined {
  if (!inside(device, at, 512)) return undefined;
  const sector = readBytes(device, at, 512);
  if (sector[510] !== 0x55 || sector[511] !== 0xaa) return undefined;
  const view = viewOf(sector);
  return [0, 1, 2, 3].map((i) => ({
    type: sector[446 + i * 16 + 4]!,
    offset: view.getUint32(446 + i * 16 + 8, true) * 512,
    length: view.getUint32(446 + i * 16 + 12, true) * 512,
  }));
}

/** Primary partitions, then the logical ones in the order of their chain. */
function partitionsOfMbr(device: Device, mbr: readonly MbrEntry[]): (Partition | undefined)[] {
  const found: (Partition | undefined)[] = mbr.map((entry) => (entry.type === 0 ? undefined : entry));
  const extended = mbr.find((entry) => EXTENDED.has(entry.type));
  let at = extended?.offset;
  for (let n = 0; extended && at !== undefined && n < MAX_LOGICAL; n++) {
    const [logical, next] = readMbr(device, at) ?? [];
    if (!logical || logical.type === 0) break;
    found.push({ offset: at + logical.offset, length: logical.length });
    at = next && EXTENDED.has(next.type) ? extended.offset + next.offset : undefined;
  }
  return found;
}

/** Where partition `number` (from 1) lies. Throws DeviceError when there is no table or no such partition. */
export function findPartition(device: Device, number: number): Partition {
  const fail = (why: string): never => {
    throw new DeviceError('PARTITION', `${device.name}: ${why}`, { partition: number });
  };
  const places = SECTORS.flatMap((sector) => [
    [sector, sector],
    [device.size - sector, sector],
  ]);
  let table: (Partition | undefined)[] | undefined;
  for (const [at, sector] of places) table ??= readGpt(device, at!, sector!);
  if (!table) {
    const mbr = readMbr(device, 0) ?? fail('holds no partition table (GPT or MBR)');
    if (mbr.some((entry) => entry.type === PROTECTIVE)) fail('its GPT is damaged');
    table = partitionsOfMbr(device, mbr);
  }
  const partition = table[number - 1] ?? fail(`has no partition ${number}`);
  if (!inside(device, partition.offset, partition.length))
    fail(`partition ${number} is said to lie at ${partition.offset}, ${partition.length} bytes: not inside`);
  return partition;
}
