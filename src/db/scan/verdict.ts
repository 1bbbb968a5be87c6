/**
 * The kernel's verdict on AG headers, as an error number: what its verifiers refuse when they read one. Coarser than
 * our own check, and what xfs_db goes by where it uses the kernel's code.
 */
import { AGF, AGF_CRC_OFFSET, AGF_MAGIC } from '../../format/agf.ts';
import { agflSlots } from '../../format/agfl.ts';
import { AGI, AGI_CRC_OFFSET, AGI_MAGIC, AGI_UNLINKED_BUCKETS } from '../../format/agi.ts';
import type { AgBtreeName } from '../../format/btree.ts';
import { maxLevels } from '../../format/btreeheight.ts';
import { crcIsGood } from '../../format/checksum.ts';
import { type Geometry, NULL_AGINO } from '../../format/geometry.ts';
import { readHeader } from '../../fs/scan/agheader.ts';
import type { ScanReader } from '../../fs/scan/reader.ts';

export const EIO = 5;
export const EINVAL = 22;
export const EFSBADCRC = 74;
export const EFSCORRUPTED = 117;

/** The kernel's verdict on an AGF: 0, or the error number. */
export function agfFault(sector: Uint8Array, geometry: Geometry, agno: number): number {
  if (!crcIsGood(sector.subarray(0, geometry.sectsize), AGF_CRC_OFFSET)) return EFSBADCRC;
  const agf = AGF.over(sector);
  const slots = agflSlots(geometry.sectsize);
  const { features } = geometry;
  const good =
    geometry.isMetaUuid(agf.view, AGF.offset.uuid) &&
    agf.magicnum === AGF_MAGIC &&
    agf.versionnum === 1 &&
    agf.seqno === agno &&
    agf.flfirst < slots &&
    agf.fllast < slots &&
    agf.flcount <= slots &&
    agf.length <= geometry.dblocks &&
    agf.freeblks >= agf.longest &&
    agf.freeblks <= agf.length &&
    agf.btreeblks <= agf.length &&
    !isBadLevel(geometry, agf.bnolevel, 'bnobt') &&
    !isBadLevel(geometry, agf.cntlevel, 'cntbt') &&
    !(features.rmapbt && (isBadLevel(geometry, agf.rmaplevel, 'rmapbt') || agf.rmapblocks > agf.length)) &&
    !(
      features.reflink &&
      (isBadLevel(geometry, agf.refcntlevel, 'refcntbt') || agf.refcntblocks > agf.length)
    );
  return good ? 0 : EFSCORRUPTED;
}

function isBadLevel(geometry: Geometry, level: number, tree: AgBtreeName): boolean {
  return level < 1 || level > maxLevels(tree, geometry);
}

/** The verdict on an AGI. */
export function agiFault(sector: Uint8Array, geometry: Geometry, agno: number): number {
  if (!crcIsGood(sector.subarray(0, geometry.sectsize), AGI_CRC_OFFSET)) return EFSBADCRC;
  const agi = AGI.over(sector);
  const good =
    geometry.isMetaUuid(agi.view, AGI.offset.uuid) &&
    agi.magicnum === AGI_MAGIC &&
    agi.versionnum === 1 &&
    agi.seqno === agno &&
    !isBadLevel(geometry, agi.level, 'inobt') &&
    !(geometry.features.finobt && isBadLevel(geometry, agi.free_level, 'finobt')) &&
    unlinkedAreInodes(agi.view, geometry);
  return good ? 0 : EFSCORRUPTED;
}

/** Heads of unlinked lists are judged as inodes of AG 0, whatever the AG. */
function unlinkedAreInodes(view: DataView, geometry: Geometry): boolean {
  for (let i = 0; i < AGI_UNLINKED_BUCKETS; i++) {
    const agino = view.getUint32(AGI.offset.unlinked + 4 * i);
    if (agino === NULL_AGINO) continue;
    const agno = geometry.inoAgno(agino);
    const agbno = geometry.aginoAgbno(geometry.inoAgino(agino));
    if (agno >= geometry.agcount || agbno < geometry.headerBlocks || agbno >= geometry.agLength(agno))
      return false;
  }
  return true;
}

export interface MountedState {
  /**
   * Counters as a mount makes them, from the AG headers: those of the superblock are only true after a clean
   * unmount. Absent where a header is refused or the sums make no sense; the superblock's stand then.
   */
  readonly counters?: { readonly icount: bigint; readonly ifree: bigint; readonly fdblocks: bigint };
  /** AG whose header was refused; xfs_db has its AGF in memory from then on and does not judge it again. */
  readonly refusedAgno?: number;
}

/** What xfs_db finds out from the AG headers when it opens a filesystem. */
export function mountedState(reader: ScanReader, rootino: number): MountedState {
  const { geometry } = reader;
  if (rootino === -1) return {};
  let icount = 0;
  let ifree = 0;
  let fdblocks = 0;
  for (let agno = 0; agno < geometry.agcount; agno++) {
    const agfSector = readHeader(reader, agno, 'agf');
    if (!agfSector || agfFault(agfSector, geometry, agno) !== 0) return { refusedAgno: agno };
    const agiSector = readHeader(reader, agno, 'agi');
    if (!agiSector || agiFault(agiSector, geometry, agno) !== 0) return { refusedAgno: agno };
    const agf = AGF.over(agfSector);
    const agi = AGI.over(agiSector);
    icount += agi.count;
    ifree += agi.freecount;
    fdblocks += agf.freeblks + agf.flcount + agf.btreeblks;
  }
  if (fdblocks > geometry.dblocks || ifree > icount) return {};
  return { counters: { icount: BigInt(icount), ifree: BigInt(ifree), fdblocks: BigInt(fdblocks) } };
}
