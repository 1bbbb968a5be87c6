/**
 * The plan: every number of the filesystem to be, as plain data. `choose.ts` makes it out of options and target;
 * everything after it (geometry block, ownership, superblock, log, writing) reads nothing else.
 */
import { BTREE, maxRecords } from '../format/btree.ts';
import { heightForBlocks, heightForRecords } from '../format/btreeheight.ts';
import { CHUNK_INODES, Geometry, type GeometryFields } from '../format/geometry.ts';
import { isSince, type Profile } from './profile.ts';

export interface PlanFeatures {
  readonly finobt: boolean;
  readonly rmapbt: boolean;
  readonly reflink: boolean;
  readonly inobtcnt: boolean;
  readonly bigtime: boolean;
  readonly sparse: boolean;
  readonly nrext64: boolean;
  readonly exchrange: boolean;
  readonly parent: boolean;
  readonly asciiCi: boolean;
}

/** What the root directory hands down to new files. */
export interface Inheritance {
  readonly flags: number;
  /** Bits of flags2; small enough for a number. */
  readonly flags2: number;
  /** Blocks; 0: none. */
  readonly extsize: number;
  readonly cowextsize: number;
  readonly projid: number;
}

/** Realtime section on a device of its own, with a bitmap and a summary file in the data section. */
export interface RealtimePlan {
  /** Image or device. */
  readonly device: string;
  readonly rblocks: number;
  readonly rextents: number;
  readonly rextslog: number;
  /** Blocks of the bitmap and of the summary. */
  readonly rbmblocks: number;
  readonly rsumblocks: number;
}

/** Blocks of one AG; those of a file follow each other in the order of its content. */
export interface PlacedExtent {
  readonly agno: number;
  readonly agbno: number;
  readonly count: number;
}

/** Where the two files lie. */
export interface RealtimeFiles {
  readonly bitmap: readonly PlacedExtent[];
  readonly summary: readonly PlacedExtent[];
}

export interface Plan {
  /** Whose geometry block is printed. */
  readonly profile: Profile;
  readonly blocksize: number;
  readonly sectsize: number;
  readonly inodesize: number;
  readonly dirblocksize: number;
  readonly dblocks: number;
  readonly agblocks: number;
  readonly agcount: number;
  readonly agblklog: number;
  /** Stripe unit and width, blocks; 0: none. */
  readonly sunit: number;
  readonly swidth: number;
  /** Log stripe unit, bytes; 1: none. */
  readonly logsunit: number;
  readonly logblocks: number;
  /** Sector size of the log; another one than `sectsize` only where it is external. */
  readonly logSectsize: number;
  /** Device of an external log. */
  readonly logDevice: string | undefined;
  /** -1: the log is external. */
  readonly logAgno: number;
  readonly logAgbno: number;
  /** Alignment of inode chunks and of sparse pieces of them, blocks. */
  readonly inoalignmt: number;
  readonly spinoAlign: number;
  readonly imaxpct: number;
  /** Block of AG 0 where the chunk of the root directory starts. */
  readonly rootAgbno: number;
  readonly label: string;
  readonly uuid: string;
  readonly features: PlanFeatures;
  readonly inheritance: Inheritance;
  /** Blocks of a realtime extent, which is recorded without a realtime section too. */
  readonly rextsize: number;
  readonly realtime: (RealtimePlan & RealtimeFiles) | undefined;
}

/** A plan while the places in AG 0 are still to be found. */
export type Rootless = Omit<Plan, 'rootAgbno' | 'realtime'>;

/** sb_logstart: fsblock of an internal log, 0 for an external one. */
export function logStart(plan: Pick<Plan, 'logAgno' | 'logAgbno' | 'agblklog'>): number {
  return plan.logAgno < 0 ? 0 : plan.logAgno * 2 ** plan.agblklog + plan.logAgbno;
}

/** Blocks of the data section that the log takes. */
export function internalLogBlocks(plan: Pick<Plan, 'logAgno' | 'logblocks'>): number {
  return plan.logAgno < 0 ? 0 : plan.logblocks;
}

export const log2Up = (value: number): number => Math.ceil(Math.log2(value));

/** Blocks of an AG that headers and btree roots take, before the AGFL. */
export function rootBlocksEnd(plan: Pick<Plan, 'sectsize' | 'blocksize' | 'features'>): number {
  const { finobt, rmapbt, reflink } = plan.features;
  return (
    Math.ceil((4 * plan.sectsize) / plan.blocksize) + 3 + Number(finobt) + Number(rmapbt) + Number(reflink)
  );
}

/**
 * Blocks that mkfs puts in the AGFL of an AG: for each free space btree and the rmapbt two, or one where an AG is
 * so small that the tree can never have a second level. (Kernels since 6.10 ask for less in that last case; the
 * place of the root inode depends on the number, and repair expects this one.)
 */
export function freeListBlocks(plan: Pick<Plan, 'profile' | 'blocksize' | 'agblocks' | 'features'>): number {
  const { profile, blocksize, agblocks, features } = plan;
  // A block for each level that a tree has or can gain; since 6.12 those of splitting all of them, leaf to root.
  const blocks = (tallest: number): number =>
    isSince(profile, '6.12') ? 2 * Math.min(2, tallest) - 2 : Math.min(2, tallest);
  const alloc = heightForRecords(BTREE.bnobt, Math.floor((agblocks + 1) / 2), blocksize);
  if (!features.rmapbt) return 2 * blocks(alloc);
  const rmap = features.reflink
    ? heightForBlocks(BTREE.rmapbt, agblocks, blocksize)
    : heightForRecords(BTREE.rmapbt, agblocks, blocksize);
  // xfsprogs 6.1 took roots for half full at least, so that fewer AGs are large enough for a second level.
  const half = Math.floor(maxRecords(BTREE.rmapbt, 1, blocksize) / 2);
  const low = profile === '6.1' && features.reflink && agblocks - 1 <= half;
  return 2 * blocks(alloc) + blocks(low ? 1 : rmap);
}

/** Blocks of one inode chunk; with inodes of 64 or more a block, one block. */
export function chunkBlocks(plan: Pick<Plan, 'blocksize' | 'inodesize'>): number {
  return Math.max(1, (CHUNK_INODES * plan.inodesize) / plan.blocksize);
}

/** Whether sector sizes are recorded: any that is not 512. */
export function hasSectorBit(plan: Pick<Plan, 'sectsize' | 'logSectsize'>): boolean {
  return plan.sectsize > 512 || plan.logSectsize > 512;
}

/** The geometry object that the rest of the suite works with. */
export function geometryOfPlan(plan: Plan): Geometry {
  const agino = (plan.rootAgbno * plan.blocksize) / plan.inodesize;
  const fields: GeometryFields = {
    blocksize: plan.blocksize,
    sectsize: plan.sectsize,
    inodesize: plan.inodesize,
    dblocks: plan.dblocks,
    agblocks: plan.agblocks,
    agcount: plan.agcount,
    agblklog: plan.agblklog,
    dirblklog: Math.log2(plan.dirblocksize / plan.blocksize),
    logstart: logStart(plan),
    logblocks: plan.logblocks,
    rootino: agino,
    inoalignmt: plan.inoalignmt,
    spinoAlign: plan.spinoAlign,
    rblocks: plan.realtime?.rblocks ?? 0,
    features: {
      ...plan.features,
      ftype: true,
      metaUuid: false,
      needsRepair: false,
      metadir: false,
      zoned: false,
      logV2: true,
      sectorBit: hasSectorBit(plan),
      stripeBit: plan.sunit > 0,
    },
    metaUuid: plan.uuid,
  };
  return new Geometry(fields);
}
