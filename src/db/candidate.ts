/** A buffer as the gates (gate.ts) want it: its bytes, where it is, and what of the filesystem their rules need. */
import { DADDR_BYTES } from '../format/geometry.ts';
import { viewOf } from '../format/struct.ts';
import type { Filesystem } from './filesystem.ts';
import type { Candidate } from './gate.ts';

export interface Buffer {
  readonly bytes: Uint8Array;
  readonly daddr: number;
  /** Made of several pieces. */
  readonly isMapped: boolean;
}

export function candidateAt(filesystem: Filesystem, { bytes, daddr, isMapped }: Buffer): Candidate {
  const { geometry, superblock } = filesystem;
  const { rbmino, rsumino, uquotino, gquotino, pquotino } = superblock;
  const agno = Math.floor((daddr * DADDR_BYTES) / (geometry.agblocks * geometry.blocksize));
  return {
    bytes,
    view: viewOf(bytes),
    daddr,
    geometry,
    agno: isMapped ? undefined : agno,
    hasLogDevice: filesystem.log !== undefined,
    internal: new Set([rbmino, rsumino, uquotino, gquotino, pquotino]),
    read: (offset, length) => filesystem.read(offset, length),
  };
}
