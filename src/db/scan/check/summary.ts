/** The superblock's counters and version bits that blockget compares with what it counted. */
import type { SuperblockFields } from '../../filesystem.ts';

export interface SuperblockCounts {
  readonly icount: bigint;
  readonly ifree: bigint;
  readonly fdblocks: bigint;
  readonly frextents: bigint;
  readonly features2: number;
  readonly badFeatures2: number;
  readonly versionnum: number;
  readonly qflags: number;
  readonly hasQuota: boolean;
  readonly rextents: number;
  readonly rextsize: number;
  readonly rbmblocks: number;
  readonly rextslog: number;
}

export function countsOf(sb: SuperblockFields): SuperblockCounts {
  const isInode = (ino: number) => ino > 0;
  return {
    icount: sb.icount,
    ifree: sb.ifree,
    fdblocks: sb.fdblocks,
    frextents: sb.frextents,
    features2: sb.features2,
    badFeatures2: sb.bad_features2,
    versionnum: sb.versionnum,
    qflags: sb.qflags,
    hasQuota: isInode(sb.uquotino) || isInode(sb.gquotino) || isInode(sb.pquotino),
    rextents: sb.rextents,
    rextsize: sb.rextsize,
    rbmblocks: sb.rbmblocks,
    rextslog: sb.rextslog,
  };
}

const SHARED = 0x200;
/** Version 5 must have these of the old feature bits, and no others of the second word. */
const NEEDED = 0x20 | 0x80 | 0x400 | 0x1000 | 0x2000 | 0x8000;
const NEEDED2 = 0x2 | 0x8 | 0x80 | 0x100;
const KNOWN2 = NEEDED2 | 0x200;

/** Whether the version word and its features make a version that xfs_db knows. */
export function isGoodVersion(versionnum: number, features2: number): boolean {
  if ((versionnum & SHARED) !== 0) return false;
  switch (versionnum & 15) {
    case 5:
      return (
        (features2 & ~KNOWN2) === 0 && (versionnum & NEEDED) === NEEDED && (features2 & NEEDED2) === NEEDED2
      );
    case 4:
      return (
        (versionnum & 0x3000) === 0x3000 &&
        ((versionnum & 0x8000) === 0 || (features2 & ~(KNOWN2 & ~0x100)) === 0)
      );
    default:
      return false;
  }
}
