/**
 * What the kernel says about a block device: sector sizes and stripe. Read from sysfs (`queue/` of the device, or of
 * the disk that a partition lies on). Image files have 512-byte sectors and no stripe; on an XFS, which tells what
 * direct I/O needs, they have the sectors of its device, as with mkfs.xfs.
 */
import { readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { SB_MAGIC } from '../format/superblock.ts';
import { PLAIN_FILE, type Topology } from './stripe.ts';

/** A value of the queue of the device, or of its disk; `otherwise` where there is none. */
function queueValue(device: string, name: string, otherwise = 0): number {
  for (const queue of [`${device}/queue`, `${device}/../queue`]) {
    try {
      const value = Number(readFileSync(`${queue}/${name}`, 'latin1'));
      return Number.isSafeInteger(value) && value >= 0 ? value : otherwise;
    } catch {
      // Not here: a partition has no queue of its own.
    }
  }
  return otherwise;
}

/** Folder in sysfs of the device of that number; Linux packs 12 bits of major and 20 of minor. */
function folderOf(device: number): string {
  const major = (device >>> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >>> 12) & 0xfff00);
  return `/sys/dev/block/${major}:${minor}`;
}

/** A file has the sectors of the XFS that it lies on, or, yet to be made, will lie on. */
function topologyOfFile(path: string, device: number | undefined): Topology {
  const place = device === undefined ? dirname(path) : path;
  try {
    // The superblock's magic is that of statfs too.
    if (Number(statfsSync(place).type) >>> 0 !== SB_MAGIC) return PLAIN_FILE;
    const sector = queueValue(folderOf(device ?? statSync(place).dev), 'logical_block_size') || 512;
    return { ...PLAIN_FILE, logicalSector: sector, physicalSector: sector };
  } catch {
    return PLAIN_FILE; // what is wrong with the path is said by who opens it
  }
}

/** Topology of the block device, file or file to be at `path`. */
export function readTopology(path: string): Topology {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isBlockDevice()) return topologyOfFile(path, stat?.dev);
  const device = folderOf(stat.rdev);
  const logicalSector = queueValue(device, 'logical_block_size') || 512;
  const physicalSector = queueValue(device, 'physical_block_size') || logicalSector;
  const unit = queueValue(device, 'minimum_io_size');
  const width = queueValue(device, 'optimal_io_size');
  // A device that names its sector as its best transfer says nothing about stripes.
  const striped = unit !== physicalSector && width !== physicalSector;
  return {
    logicalSector,
    physicalSector,
    stripeUnit: striped ? unit : 0,
    stripeWidth: striped ? width : 0,
    solidState: queueValue(device, 'rotational', 1) === 0,
  };
}
