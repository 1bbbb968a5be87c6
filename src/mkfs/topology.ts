/**
 * What the kernel says about a block device: sector sizes and stripe. Image files have 512-byte sectors and no
 * stripe. Read from sysfs (`queue/` of the device, or of the disk that a partition lies on).
 */
import { readFileSync, statSync } from 'node:fs';
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

/** Topology of the block device at `path`; of anything else that of a plain file. */
export function readTopology(path: string): Topology {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat?.isBlockDevice()) return PLAIN_FILE;
  // Linux packs 12 bits of major and 20 of minor.
  const major = (stat.rdev >>> 8) & 0xfff;
  const minor = (stat.rdev & 0xff) | ((stat.rdev >>> 12) & 0xfff00);
  const device = `/sys/dev/block/${major}:${minor}`;
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
