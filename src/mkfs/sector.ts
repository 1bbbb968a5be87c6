/**
 * Block and sector sizes: what was asked for, else what the devices are made of. Sector sizes never fall below the
 * logical sector of a device, which is the least that it reads and writes.
 */
import { UsageError } from '../format/errors.ts';
import type { GivenOptions, SizeUnits } from './given.ts';
import { isSince } from './profile.ts';
import type { Topology } from './stripe.ts';
import type { SideTarget, Target } from './target.ts';

const MIN_SECTOR = 512;
const MAX_SECTOR = 32768;

/** Physical sector of a device, unless no sector of the filesystem can be that large. */
const usableSector = ({ physicalSector, logicalSector }: Topology): number =>
  physicalSector > MAX_SECTOR ? logicalSector : physicalSector;

/** Block size, and sector size of data and realtime section. Throws UsageError. */
export function chooseUnits(given: GivenOptions, target: Target, notices: string[]): SizeUnits {
  const { topology } = target;
  const blocksize = given.number('b.size') ?? 4096;
  if (blocksize < 1024) throw new UsageError(`block size ${blocksize}: version 5 needs at least 1024`);
  let sectsize = given.number('s.size') ?? given.number('s.sectsize') ?? given.number('d.sectsize');
  if (sectsize === undefined) {
    sectsize = usableSector(topology);
    // Since xfsprogs 6.18 the device of the realtime section has a say.
    if (target.realtime && isSince(given.profile, '6.18'))
      sectsize = Math.max(sectsize, usableSector(target.realtime.topology));
    if (blocksize < sectsize && blocksize >= topology.logicalSector) {
      const text =
        `block size ${blocksize} is less than device physical sector size ${sectsize}: ` +
        `switching to logical sector size ${topology.logicalSector}`;
      notices.push(text);
      sectsize = topology.logicalSector;
    }
  }
  if (blocksize < sectsize)
    throw new UsageError(`block size ${blocksize} cannot be smaller than sector size ${sectsize}`);
  if (sectsize < topology.logicalSector)
    throw new UsageError(`sector size ${sectsize} is below that of the device, ${topology.logicalSector}`);
  for (const side of [target.log, target.realtime])
    if (side && sectsize < side.topology.logicalSector)
      throw new UsageError(
        `sector size ${sectsize} is below that of ${side.name}, ${side.topology.logicalSector}`,
      );
  return { blocksize, sectsize };
}

/** Sector size of the log; `-s size` says that of both, unless `-l sectsize` comes after it. Throws UsageError. */
export function chooseLogSector(
  given: GivenOptions,
  units: SizeUnits,
  external: SideTarget | undefined,
  notices: string[],
): number {
  const ofLog = given.number('l.sectsize');
  const key = given.has('s.size') ? 's.size' : 's.sectsize';
  const ofBoth = given.number(key);
  const later = ofLog !== undefined && ofBoth !== undefined && given.isAfter(key, 'l.sectsize');
  const asked = later ? ofBoth : (ofLog ?? ofBoth);
  const ofDevice = isSince(given.profile, '6.12') ? external?.topology.logicalSector : MIN_SECTOR;
  const size = asked ?? (external ? ofDevice! : units.sectsize);
  if (!external && size !== units.sectsize)
    throw new UsageError(
      `-l sectsize=${size}: an internal log has the data's sector size, ${units.sectsize}`,
    );
  if (size > units.blocksize)
    throw new UsageError(`log sector size ${size} exceeds the block size ${units.blocksize}`);
  if (size > 512 && given.number('l.version') === 1)
    throw new UsageError(`log sector size ${size}: not with -l version=1`);
  if (size > units.sectsize)
    notices.push(
      `log sector size ${size} is above that of the data, ${units.sectsize}: Linux mounts no such filesystem`,
    );
  return size;
}
