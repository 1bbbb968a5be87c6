/**
 * Superblocks of a new filesystem, out of the plan.
 *
 * The primary has the true counters and inode numbers. Secondaries are as the superblock was before the root
 * directory was made: free space without AGFLs and inode chunk taken off, no inodes, inprogress 1; two of them (the
 * last AG's and the middle one's) know the root inode, which helps repair when the primary is lost.
 */
import { sealCrc } from '../format/checksum.ts';
import { SB_CRC_OFFSET, SB_MAGIC, SUPERBLOCK } from '../format/superblock.ts';
import { hasSectorBit, internalLogBlocks, log2Up, logStart, type Plan, rootBlocksEnd } from './plan.ts';

export interface Counters {
  readonly icount: number;
  readonly ifree: number;
  readonly fdblocks: number;
}

const VERSION_5 = 0x5 | 0x20 | 0x80 | 0x400 | 0x1000 | 0x2000 | 0x8000; // NLINK ALIGN LOGV2 EXTFLG DIRV2 MOREBITS
const DALIGN = 0x100;
const SECTOR = 0x800;
const BORG = 0x4000;
const ATTR = 0x10;
const FEATURES2 = 0x2 | 0x8 | 0x80 | 0x100; // lazy counters, attr2, 32-bit project ids, CRC
const FTYPE = 0x1;

const bit = (on: boolean, value: number): number => (on ? value : 0);

/** Fields that every superblock has in common; counters and inode numbers as before the root directory. */
function encodeCommon(plan: Plan): Uint8Array {
  const sector = new Uint8Array(plan.sectsize);
  const sb = SUPERBLOCK.over(sector);
  const f = plan.features;
  sb.magicnum = SB_MAGIC;
  sb.blocksize = plan.blocksize;
  sb.dblocks = plan.dblocks;
  sb.uuid = plan.uuid;
  sb.logstart = logStart(plan);
  sb.rootino = -1;
  sb.rbmino = -1;
  sb.rsumino = -1;
  sb.rextsize = plan.rextsize;
  if (plan.realtime) {
    sb.rblocks = plan.realtime.rblocks;
    sb.rextents = plan.realtime.rextents;
    sb.rextslog = plan.realtime.rextslog;
    sb.rbmblocks = plan.realtime.rbmblocks;
  }
  sb.agblocks = plan.agblocks;
  sb.agcount = plan.agcount;
  sb.logblocks = plan.logblocks;
  sb.versionnum =
    VERSION_5 |
    bit(plan.sunit > 0, DALIGN) |
    bit(hasSectorBit(plan), SECTOR) |
    bit(f.asciiCi, BORG) |
    // Parent pointers are attributes, so there are attributes from the start.
    bit(f.parent, ATTR);
  sb.sectsize = plan.sectsize;
  sb.inodesize = plan.inodesize;
  sb.inopblock = plan.blocksize / plan.inodesize;
  sb.fname = Buffer.from(plan.label).toString('latin1');
  sb.blocklog = Math.log2(plan.blocksize);
  sb.sectlog = Math.log2(plan.sectsize);
  sb.inodelog = Math.log2(plan.inodesize);
  sb.inopblog = Math.log2(plan.blocksize / plan.inodesize);
  sb.agblklog = log2Up(plan.agblocks);
  sb.inprogress = 1;
  sb.imax_pct = plan.imaxpct;
  sb.fdblocks = BigInt(plan.dblocks - plan.agcount * rootBlocksEnd(plan) - internalLogBlocks(plan));
  sb.inoalignmt = plan.inoalignmt;
  sb.unit = plan.sunit;
  sb.width = plan.swidth;
  sb.dirblklog = Math.log2(plan.dirblocksize / plan.blocksize);
  if (hasSectorBit(plan)) {
    sb.logsectlog = Math.log2(plan.logSectsize);
    sb.logsectsize = plan.logSectsize;
  }
  sb.logsunit = plan.logsunit;
  sb.features2 = FEATURES2;
  sb.bad_features2 = FEATURES2;
  sb.features_ro_compat =
    bit(f.finobt, 0x1) | bit(f.rmapbt, 0x2) | bit(f.reflink, 0x4) | bit(f.inobtcnt, 0x8);
  sb.features_incompat =
    FTYPE |
    bit(f.sparse, 0x2) |
    bit(f.bigtime, 0x8) |
    bit(f.nrext64, 0x20) |
    bit(f.exchrange, 0x40) |
    bit(f.parent, 0x80);
  sb.spino_align = plan.spinoAlign;
  return sector;
}

/** The primary superblock sector, sealed. `inProgress` marks a filesystem that is still being written. */
export function encodePrimary(
  plan: Plan,
  rootino: number,
  counters: Counters,
  inProgress: boolean,
): Uint8Array {
  const sector = encodeCommon(plan);
  const sb = SUPERBLOCK.over(sector);
  sb.rootino = rootino;
  sb.rbmino = rootino + 1;
  sb.rsumino = rootino + 2;
  sb.icount = BigInt(counters.icount);
  sb.ifree = BigInt(counters.ifree);
  sb.fdblocks = BigInt(counters.fdblocks);
  sb.frextents = BigInt(inProgress ? 0 : (plan.realtime?.rextents ?? 0));
  sb.inprogress = inProgress ? 1 : 0;
  sealCrc(sector, SB_CRC_OFFSET);
  return sector;
}

/** Makes the secondary superblock of any AG, sealed; each call gives the same two sectors again. */
export function secondaries(plan: Plan, rootino: number): (agno: number) => Uint8Array {
  const plain = encodeCommon(plan);
  sealCrc(plain, SB_CRC_OFFSET);
  const knowing = encodeCommon(plan);
  SUPERBLOCK.over(knowing).rootino = rootino;
  sealCrc(knowing, SB_CRC_OFFSET);
  const middle = plan.agcount > 2 ? Math.floor((plan.agcount - 1) / 2) : -1;
  return (agno) => (agno === plan.agcount - 1 || agno === middle ? knowing : plain);
}
