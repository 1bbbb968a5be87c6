/** The per-inode reflink flag against which inodes really hold shared blocks. */

import type { Observation } from '../observation.ts';
import type { FindingSink } from '../sink.ts';
import type { AgExpectation } from './ag.ts';

/** Inodes whose data fork holds at least one block that another mapping holds too; sorted, each once. */
export function sharingInodes(ags: readonly AgExpectation[]): Float64Array {
  const found: number[] = [];
  for (const { space } of ags) {
    const { rmaps, refcounts } = space;
    let r = 0;
    for (let i = 0; i < rmaps.length; i++) {
      if (rmaps.owner[i]! < 0 || (rmaps.flags[i]! & 3) !== 0) continue;
      const start = rmaps.start[i]!;
      while (r < refcounts.length && !refcounts.cow[r] && refcounts.start[r]! + refcounts.count[r]! <= start)
        r++;
      if (r === refcounts.length || refcounts.cow[r]) break;
      if (refcounts.start[r]! < start + rmaps.count[i]!) {
        if (found.at(-1) !== rmaps.owner[i]) found.push(rmaps.owner[i]!);
      }
    }
  }
  const sorted = Float64Array.from(found).sort();
  let n = 0;
  for (let i = 0; i < sorted.length; i++)
    if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[n++] = sorted[i]!;
  return sorted.subarray(0, n);
}

export function compareReflinkFlags(
  observation: Observation,
  ags: readonly AgExpectation[],
  findings: FindingSink,
): void {
  const { flags, geometry, filesComplete } = observation;
  const sharing = sharingInodes(ags);
  const order = Uint32Array.from({ length: flags.length }, (_, i) => i);
  if (!isAscending(flags.ino, flags.length)) order.sort((a, b) => flags.ino[a]! - flags.ino[b]!);
  let s = 0;
  for (let k = 0; k < order.length; k++) {
    const i = order[k]!;
    const ino = flags.ino[i]!;
    while (s < sharing.length && sharing[s]! < ino) s++;
    const shares = s < sharing.length && sharing[s] === ino;
    const flagged = flags.reflink[i] === 1;
    const where = { agno: geometry.inoAgno(ino), ino, structure: 'inode', field: 'v3.reflink' };
    if (flagged && (!flags.regular[i] || !geometry.features.reflink)) {
      const why = geometry.features.reflink
        ? 'it is not a regular file'
        : 'the filesystem has no reflink feature';
      findings.add('REFLINK_FLAG_INVALID', where, `inode ${ino}: reflink flag set but ${why}`);
    } else if (shares && !flagged) {
      findings.add('REFLINK_FLAG_MISSING', where, `inode ${ino}: shares blocks without the reflink flag`);
    } else if (flagged && !shares && filesComplete) {
      findings.add('REFLINK_FLAG_STALE', where, `inode ${ino}: reflink flag set, nothing shared`);
    }
  }
}

function isAscending(values: Float64Array, length: number): boolean {
  for (let i = 1; i < length; i++) if (values[i]! < values[i - 1]!) return false;
  return true;
}
