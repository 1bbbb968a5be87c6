/**
 * From a dump back to a filesystem. Three steps: `readDumpHead` reads the header and the primary superblock and
 * believes both or refuses, before any target is touched; the caller then makes the targets as large as the head
 * says; `restoreDump` writes. Until the last byte is there, the primary superblock says "in progress", so that a
 * restore that was cut off mounts nowhere and no tool takes it for the whole.
 *
 * The final superblock is what the reference tool writes: quota inodes of 0 become null, bad_features2 a copy of
 * features2, fields without their feature and what lies behind the last field zeros, the checksum fresh.
 */
import { type Device, DeviceError } from '../../device/device.ts';
import { sealCrc } from '../../format/checksum.ts';
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
import { SB_CRC_OFFSET, SB_MAGIC, SUPERBLOCK } from '../../format/superblock.ts';
import type { DumpInput } from './reader.ts';
import { RunWriter } from './runs.ts';
import type { DumpFlags } from './writer.ts';

const LARGEST_SECTOR = 32768;
const SMALLEST_BLOCK = 512;
const LARGEST_BLOCK = 65536;
const PIECE = 2 ** 20;
/** First two bytes of compressed files, and what unpacks them. */
const PACKED: readonly (readonly [number, string])[] = [
  [0x28b5, 'zstd'],
  [0x1f8b, 'gzip'],
  [0xfd37, 'xz'],
];
const FEATURE_META_UUID = 0x4;
const FEATURE_METADIR = 0x100;
const FEATURE_ZONED = 0x200;

/** What is known before anything is written. */
export interface DumpHead {
  readonly version: 1 | 2;
  /** Undefined: an old dump, which does not tell. */
  readonly flags: DumpFlags | undefined;
  /** The primary superblock: one sector of the filesystem, as dumped. */
  readonly superblock: Uint8Array;
  /** What of the first block or extent was read so far, from sector 0 on. */
  readonly first: { readonly daddrs: readonly number[]; readonly bytes: Uint8Array };
  /** Bytes that the targets must have; 0 for one that is not needed. */
  readonly dataBytes: number;
  readonly logBytes: number;
  readonly realtimeBytes: number;
}

/** Reads the head of a dump. Throws DeviceError (NOTDUMP, SHORT, DUMP) for what is none or makes no sense. */
export function readDumpHead(input: DumpInput): DumpHead {
  const magic = input.takeOrEnd(4);
  const value = magic ? viewOf(magic).getUint32(0) : 0;
  if (value === DUMP_MAGIC_V1) return readHeadV1(input);
  if (value === DUMP_MAGIC_V2) return readHeadV2(input);
  const packed = PACKED.find(([first]) => first === value >>> 16);
  const hint = packed ? `, but compressed: ${packed[1]} -dc ... | xfskit mdrestore - TARGET` : '';
  throw new DeviceError('NOTDUMP', `${input.name}: not a metadata dump${hint}`);
}

function bad(input: DumpInput, what: string): DeviceError {
  return new DeviceError('DUMP', `${input.name}: ${what}`);
}

function readHeadV1(input: DumpInput): DumpHead {
  const sector = new Uint8Array(DUMP_SECTOR);
  sector.set(input.take(DUMP_SECTOR - 4), 4);
  const { blocklog, info } = DUMP_BLOCK.over(sector);
  if (blocklog !== DUMP_SECTOR_LOG) throw bad(input, `sectors of 2^${blocklog} bytes, not 512`);
  const daddrs = addressesOf(input, sector);
  if (daddrs.length === 0 || daddrs[0] !== 0) throw bad(input, 'the primary superblock does not come first');
  const bytes = input.take(daddrs.length * DUMP_SECTOR).slice();
  const flags = (info & DUMP_INFO.VALID) !== 0 && {
    obfuscated: (info & DUMP_INFO.OBFUSCATED) !== 0,
    fullBlocks: (info & DUMP_INFO.FULL_BLOCKS) !== 0,
    dirtyLog: (info & DUMP_INFO.DIRTY_LOG) !== 0,
    externalLog: false,
    realtime: false,
  };
  return headOf(input, { version: 1, flags: flags || undefined, first: { daddrs, bytes } });
}

function readHeadV2(input: DumpInput): DumpHead {
  const sector = new Uint8Array(DUMP_HEADER.size);
  sector.set(input.take(DUMP_HEADER.size - 4), 4);
  const header = DUMP_HEADER.over(sector);
  const unknown = header.incompat & ~DUMP_INCOMPAT.REALTIME;
  if (header.version !== 2) throw bad(input, `version ${header.version} of the format`);
  if (unknown !== 0) throw bad(input, `unknown features 0x${(unknown >>> 0).toString(16)}`);
  if (header.reserved !== 0n) throw bad(input, 'reserved field of the header is not zero');
  const { daddr, device, sectors } = readExtent(input)!;
  if (daddr !== 0 || device !== DUMP_DEVICE.DATA) {
    throw bad(input, 'the primary superblock does not come first');
  }
  if (sectors * DUMP_SECTOR > LARGEST_SECTOR) throw bad(input, `a superblock of ${sectors} sectors`);
  const bytes = input.take(sectors * DUMP_SECTOR).slice();
  const flags = {
    obfuscated: (header.compat & DUMP_COMPAT.OBFUSCATED) !== 0,
    fullBlocks: (header.compat & DUMP_COMPAT.FULL_BLOCKS) !== 0,
    dirtyLog: (header.compat & DUMP_COMPAT.DIRTY_LOG) !== 0,
    externalLog: (header.compat & DUMP_COMPAT.EXTERNAL_LOG) !== 0,
    realtime: (header.incompat & DUMP_INCOMPAT.REALTIME) !== 0,
  };
  const daddrs = Array.from({ length: sectors }, (_, i) => i);
  return headOf(input, { version: 2, flags, first: { daddrs, bytes } });
}

function headOf(
  input: DumpInput,
  { version, flags, first }: Pick<DumpHead, 'version' | 'flags' | 'first'>,
): DumpHead {
  const sb = SUPERBLOCK.over(padded(first.bytes, SUPERBLOCK.size));
  const { sectsize, blocksize, dblocks, rblocks, logblocks } = sb;
  if (sb.magicnum !== SB_MAGIC) throw bad(input, 'its first sector is no superblock of XFS');
  const isPower = (n: number, least: number, most: number) => n >= least && n <= most && (n & (n - 1)) === 0;
  if (!isPower(sectsize, DUMP_SECTOR, LARGEST_SECTOR)) throw bad(input, `a sector size of ${sectsize}`);
  if (!isPower(blocksize, SMALLEST_BLOCK, LARGEST_BLOCK)) throw bad(input, `a block size of ${blocksize}`);
  const sectors = sectsize / DUMP_SECTOR;
  const isWhole = first.daddrs.slice(0, sectors).every((daddr, i) => daddr === i);
  if (first.daddrs.length < sectors || !isWhole) throw bad(input, 'the primary superblock is not whole');
  const isZoned = (sb.features_incompat & FEATURE_ZONED) !== 0 && sb.rtstart > 0n;
  const dataBytes = (isZoned ? Number(sb.rtstart) + rblocks : dblocks) * blocksize;
  const realtimeBytes = isZoned ? 0 : rblocks * blocksize;
  for (const bytes of [dataBytes, realtimeBytes]) {
    if (!Number.isSafeInteger(bytes) || bytes < 0) throw bad(input, `a filesystem of ${bytes} bytes`);
  }
  if (dataBytes < sectsize) throw bad(input, `a filesystem of ${dataBytes} bytes`);
  return {
    version,
    flags,
    first,
    superblock: first.bytes.slice(0, sectsize),
    dataBytes,
    logBytes: version === 2 && flags?.externalLog ? logblocks * blocksize : 0,
    realtimeBytes: version === 2 && flags?.realtime ? realtimeBytes : 0,
  };
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) return bytes;
  const longer = new Uint8Array(length);
  longer.set(bytes);
  return longer;
}

/** Addresses of a block of version 1; throws for more than it can have. */
function addressesOf(input: DumpInput, sector: Uint8Array): number[] {
  const { count } = DUMP_BLOCK.over(sector);
  if (count > DUMP_BLOCK_SECTORS) throw bad(input, `a block of ${count} sectors, of which it can have 63`);
  const view = viewOf(sector);
  return Array.from({ length: count }, (_, i) => {
    const at = DUMP_BLOCK.size + i * 8;
    return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
  });
}

interface ExtentHead {
  readonly daddr: number;
  readonly device: number;
  readonly sectors: number;
}

/** Header of the next extent of version 2; undefined at the end when there may be one. */
function readExtent(input: DumpInput, mayEnd = false): ExtentHead | undefined {
  const bytes = mayEnd ? input.takeOrEnd(DUMP_EXTENT.size) : input.take(DUMP_EXTENT.size);
  if (!bytes) return undefined;
  const view = viewOf(bytes);
  const high = view.getUint32(0);
  const shift = DUMP_DEVICE_SHIFT - 32;
  const device = high >>> shift;
  const sectors = view.getUint32(DUMP_EXTENT.offset.len);
  if (sectors === 0) throw bad(input, `an empty extent after ${input.taken} bytes`);
  if (device > DUMP_DEVICE.REALTIME) throw bad(input, `an extent of device ${device}`);
  return { daddr: (high % 2 ** shift) * 2 ** 32 + view.getUint32(4), device, sectors };
}

/** The devices to be written, of at least the sizes that the head says. */
export interface RestoreTargets {
  readonly data: Device;
  readonly log?: Device | undefined;
  readonly realtime?: Device | undefined;
}

/** Writes the dump whose head was read. `progress` gets the bytes read so far. Throws DeviceError. */
export function restoreDump(
  input: DumpInput,
  head: DumpHead,
  targets: RestoreTargets,
  progress: (bytes: number) => void,
): void {
  const { data, log, realtime } = targets;
  const writers = [
    new RunWriter(data, head.dataBytes),
    log && new RunWriter(log, head.logBytes),
    realtime && new RunWriter(realtime, head.realtimeBytes),
  ];
  const put = (device: number, daddr: number, bytes: Uint8Array): void => {
    const writer = writers[device];
    if (!writer)
      throw bad(input, `holds data of ${device === DUMP_DEVICE.LOG ? 'a log' : 'a realtime'} device`);
    if (device === DUMP_DEVICE.DATA && daddr === 0) bytes[SUPERBLOCK.offset.inprogress] = 1;
    writer.put(daddr * DUMP_SECTOR, bytes);
  };
  const { daddrs, bytes } = head.first;
  putSectors(put, daddrs, bytes);
  writers[0]!.flush();
  data.flush();
  if (head.version === 1) restoreBlocks(input, daddrs.length, put, progress);
  else restoreExtents(input, put, progress);
  for (const writer of writers) {
    writer?.flush();
    writer?.device.flush();
  }
  data.write(0, finalSuperblock(head.superblock));
  data.flush();
}

type Put = (device: number, daddr: number, bytes: Uint8Array) => void;

function putSectors(put: Put, daddrs: readonly number[], bytes: Uint8Array): void {
  for (let i = 0; i < daddrs.length; ) {
    let end = i + 1;
    while (end < daddrs.length && daddrs[end] === daddrs[end - 1]! + 1) end++;
    put(DUMP_DEVICE.DATA, daddrs[i]!, bytes.subarray(i * DUMP_SECTOR, end * DUMP_SECTOR));
    i = end;
  }
}

function restoreBlocks(
  input: DumpInput,
  firstCount: number,
  put: Put,
  progress: (bytes: number) => void,
): void {
  let count = firstCount;
  while (count === DUMP_BLOCK_SECTORS) {
    const sector = input.take(DUMP_SECTOR).slice();
    if (DUMP_BLOCK.over(sector).magic !== DUMP_MAGIC_V1) {
      throw bad(input, `no block header after ${input.taken - DUMP_SECTOR} bytes`);
    }
    const daddrs = addressesOf(input, sector);
    count = daddrs.length;
    if (count > 0) putSectors(put, daddrs, input.take(count * DUMP_SECTOR));
    progress(input.taken);
  }
}

function restoreExtents(input: DumpInput, put: Put, progress: (bytes: number) => void): void {
  for (let extent = readExtent(input, true); extent; extent = readExtent(input, true)) {
    const { daddr, device, sectors } = extent;
    for (let done = 0; done < sectors; ) {
      const take = Math.min(sectors - done, PIECE / DUMP_SECTOR);
      put(device, daddr + done, input.take(take * DUMP_SECTOR));
      done += take;
      progress(input.taken);
    }
  }
}

/** The primary superblock as it ends up. */
function finalSuperblock(dumped: Uint8Array): Uint8Array {
  const bytes = dumped.slice();
  const whole = padded(bytes, SUPERBLOCK.size);
  const sb = SUPERBLOCK.over(whole);
  sb.inprogress = 0;
  if ((sb.versionnum & 0xf) === 5) {
    for (const name of ['uquotino', 'gquotino', 'pquotino'] as const) if (sb[name] === 0) sb[name] = -1;
    sb.bad_features2 = sb.features2;
    const { metadirino, rtstart, meta_uuid } = SUPERBLOCK.offset;
    if (!(sb.features_incompat & FEATURE_META_UUID)) whole.fill(0, meta_uuid, metadirino);
    if (!(sb.features_incompat & FEATURE_METADIR)) whole.fill(0, metadirino, rtstart);
    if (!(sb.features_incompat & FEATURE_ZONED)) whole.fill(0, rtstart, SUPERBLOCK.size);
    whole.fill(0, SUPERBLOCK.size);
    sealCrc(whole, SB_CRC_OFFSET, 0, bytes.length);
  }
  return whole.subarray(0, bytes.length);
}

/** What `-i` says of a dump. */
export function describeDump(name: string, { version, flags }: Pick<DumpHead, 'version' | 'flags'>): string {
  if (!flags) return `${name}: no informational flags present\n`;
  const names = `${flags.obfuscated ? '' : 'not '}obfuscated`;
  const log = `${flags.dirtyLog ? 'dirty' : 'clean'} log`;
  const blocks = `${flags.fullBlocks ? 'full' : 'zeroed'} metadata blocks`;
  if (version === 1) return `${name}: ${names}, ${log}, ${blocks}\n`;
  const external = `external log contents are ${flags.externalLog ? '' : 'not '}dumped`;
  const realtime = `rt device contents are ${flags.realtime ? '' : 'not '}dumped`;
  return `${name}: ${names}, ${log}, ${external}, ${realtime}, ${blocks},\n`;
}
