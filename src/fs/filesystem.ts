/**
 * An open filesystem that can be changed: a device (an overlay, so that nothing is final), its geometry, and the
 * metadata read so far. All changes go through `Transaction`, one at a time.
 *
 * Invariants: what is in the cache is verified, and equals the device unless a transaction is under way.
 */
import { type Device, DeviceError, readBytes } from '../device/device.ts';
import { UnsupportedFeature } from '../format/errors.ts';
import type { Geometry } from '../format/geometry.ts';
import { geometryOf } from '../format/superblock.ts';
import type { Timestamp } from '../format/time.ts';
import { verifySuperblock } from '../format/verify.ts';
import { corrupt, type MetaBuffer, type Piece } from './buffer.ts';
import type { PutOffWrites } from './putoff.ts';

const LARGEST_SECTOR = 32768;
/** Objects kept in memory between transactions. */
const CACHE_LIMIT = 16384;

export interface FileSystemOptions {
  /** Clock for inode times. Default: the system's. */
  readonly now?: () => Timestamp;
  /**
   * How many blocks the AGFL is kept at: `single` for one split a tree (xfsprogs up to 6.10), `double` for two as
   * kernels since 6.9 do. Default `double`.
   */
  readonly freeListRule?: 'single' | 'double';
  /** Whether an rmapbt's keys repeat the unwritten flag, as before xfsprogs 6.4. Default: they leave it out. */
  readonly unwrittenInKeys?: boolean;
  /** Of a series of operations: blocks made and freed in it are left as they were before. */
  readonly putOff?: PutOffWrites;
  /** What changed objects are stamped with; without it they keep the LSN they have. */
  readonly lsn?: bigint;
  /** Told what a transaction writes and what it freed. */
  readonly witness?: WriteWitness;
  /** Any 32-bit number, for generations of new inodes. Default: by chance. */
  readonly random?: () => number;
}

/** Hears of all changes, for a log of them. */
export interface WriteWitness {
  wrote(buffer: MetaBuffer): void;
  /** The bytes hold no metadata any more. */
  freed(piece: Piece): void;
}

export class FileSystem {
  readonly device: Device;
  readonly geometry: Geometry;
  readonly now: () => Timestamp;
  readonly freeListRule: 'single' | 'double';
  readonly unwrittenInKeys: boolean;
  readonly putOff: PutOffWrites | undefined;
  readonly lsn: bigint | undefined;
  readonly witness: WriteWitness | undefined;
  readonly random: () => number;
  /** Verified objects by byte offset. */
  readonly cache = new Map<number, MetaBuffer>();
  /** By AG: where a search for a free inode near `near` was given up, as first inodes of chunks. */
  readonly inodeSearches = new Map<number, { near: number; left: number; right: number }>();
  /** A transaction is under way. */
  busy = false;

  constructor(device: Device, geometry: Geometry, options: FileSystemOptions) {
    this.device = device;
    this.geometry = geometry;
    this.now = options.now ?? systemTime;
    this.freeListRule = options.freeListRule ?? 'double';
    this.unwrittenInKeys = options.unwrittenInKeys ?? false;
    this.putOff = options.putOff;
    this.lsn = options.lsn;
    this.witness = options.witness;
    this.random = options.random ?? (() => Math.floor(Math.random() * 2 ** 32));
  }

  /** Forgets what was read: the device was written past us. Only between transactions. */
  forget(): void {
    if (this.busy) throw new Error('the cache is in use by a transaction');
    this.cache.clear();
  }

  /** Keeps the cache within bounds; called when a transaction has ended. */
  trim(): void {
    if (this.cache.size > CACHE_LIMIT) this.cache.clear();
  }
}

function systemTime(): Timestamp {
  const ms = Date.now();
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanoseconds: (ms - seconds * 1000) * 1e6 };
}

/**
 * Opens the filesystem on a device for changes. Throws CorruptionError when the primary superblock is broken,
 * UnsupportedFeature for a format that we do not write.
 */
export function openFileSystem(device: Device, options: FileSystemOptions = {}): FileSystem {
  if (device.size < 512) throw new DeviceError('SIZE', `${device.name}: too short for a superblock`);
  const sector = readBytes(device, 0, Math.min(device.size, LARGEST_SECTOR));
  const problem = verifySuperblock(sector, device.size)[0];
  if (problem) {
    if (problem.field === 'versionnum') throw new UnsupportedFeature(`${device.name}: ${problem.message}`);
    corrupt('SB_FIELD', { agno: 0, structure: 'sb', field: problem.field }, `superblock: ${problem.message}`);
  }
  const geometry = geometryOf(sector);
  if (geometry.features.metadir) {
    throw new UnsupportedFeature(`${device.name}: metadata directories are not written`);
  }
  return new FileSystem(device, geometry, options);
}
