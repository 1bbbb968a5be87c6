/**
 * A superblock in the log that makes the filesystem larger: what is logged behind it may lie in the new space. The
 * headers of new AGs are not logged, they are on disk before the superblock is.
 */
import type { Geometry } from '../../../format/geometry.ts';
import { geometryOf, SUPERBLOCK } from '../../../format/superblock.ts';
import { verifySuperblock } from '../../../format/verify.ts';
import { LogError } from '../record.ts';

/** The geometry by a superblock that was replayed. Throws LogError for one that cannot be. */
export function geometryAfter(before: Geometry, sector: Uint8Array, deviceBytes: number): Geometry {
  const { agcount, dblocks } = SUPERBLOCK.over(sector);
  if (agcount === before.agcount && dblocks === before.dblocks) return before;
  const fault = (why: string): LogError => new LogError('LOG_CORRUPT', `superblock in the log: ${why}`);
  if (agcount < before.agcount) throw fault(`${agcount} AGs, there are ${before.agcount}`);
  const problem = verifySuperblock(sector, deviceBytes)[0];
  if (problem) throw fault(problem.message);
  return geometryOf(sector);
}
