/** The per-inode reflink flag against which inodes really hold shared blocks. */

import type { ExtentColumns } from '../../fs/space/columns.ts';
import { isShareable } from '../../fs/space/derive.ts';
import type { Observation } from '../observation.ts';
import { type InodeTable, MARK, NO_ROW } from '../observe/inodetable.ts';
import type { FindingSink } from '../sink.ts';

/** Inodes whose data fork holds at least one block that another mapping holds too: a bit for each row. */
export class SharingInodes {
  private readonly inodes: InodeTable;
  private readonly bits: Uint8Array;

  constructor(inodes: InodeTable) {
    this.inodes = inodes;
    this.bits = new Uint8Array(Math.ceil(inodes.length / 8));
  }

  has(row: number): boolean {
    return (this.bits[row >>> 3]! & (1 << (row & 7))) !== 0;
  }

  /** Takes the rmap records of an AG, in their order. */
  add(rmaps: ExtentColumns): void {
    const { start, count, owner, length } = rmaps;
    let before = -1;
    let beforeEnd = 0;
    let end = 0; // of all before
    for (let i = 0; i < length; i++) {
      if (!isShareable(rmaps, i)) continue;
      const from = start[i]!;
      // Of all extents behind another the next one begins first, so it tells whether that one shares.
      if (from < beforeEnd) this.mark(owner[before]!);
      if (from < end) this.mark(owner[i]!);
      before = i;
      beforeEnd = from + count[i]!;
      if (beforeEnd > end) end = beforeEnd;
    }
  }

  private mark(ino: number): void {
    const row = this.inodes.find(ino);
    if (row !== NO_ROW) this.bits[row >>> 3]! |= 1 << (row & 7);
  }
}

export function compareReflinkFlags(
  observation: Observation,
  sharing: SharingInodes,
  findings: FindingSink,
): void {
  const { inodes, geometry, filesComplete } = observation;
  for (let row = 0; row < inodes.length; row++) {
    const marks = inodes.marks[row]!;
    if (marks === 0) continue;
    const flagged = (marks & MARK.REFLINK) !== 0;
    const shares = sharing.has(row);
    if (!flagged && !shares) continue;
    const ino = inodes.ino(row);
    const where = { agno: geometry.inoAgno(ino), ino, structure: 'inode', field: 'v3.reflink' };
    if (flagged && ((marks & MARK.REGULAR) === 0 || !geometry.features.reflink)) {
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
