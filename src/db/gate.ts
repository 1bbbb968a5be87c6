/**
 * The gate of a write: what the reference's write verifiers refuse, so that `write`, `fuzz` and `crc -r` refuse the
 * same. These rules are weaker than our own verifiers (src/format/verify*.ts), which say what is right; here it only
 * counts what the kernel would let pass. A CRC is never looked at: it is sealed after a write has passed.
 *
 * A refusal is the system's text for the error number that the reference gives.
 */
import { AGF, AGF_MAGIC } from '../format/agf.ts';
import { AGFL_HEADER, AGFL_MAGIC, agflSlots } from '../format/agfl.ts';
import { AGI, AGI_MAGIC, AGI_UNLINKED_BUCKETS } from '../format/agi.ts';
import { type AgBtreeName, BTREE, LONG_HEADER, maxRecords, SHORT_HEADER } from '../format/btree.ts';
import { maxLevels } from '../format/btreeheight.ts';
import { DQBLK, DQUOT_MAGIC, dquotsPerBlock } from '../format/dquot.ts';
import { DADDR_BYTES, type Geometry, NULL_AGBNO, NULL_AGINO } from '../format/geometry.ts';
import { DINODE, INODE_MAGIC } from '../format/inode.ts';
import { readCount64 } from '../format/kinds.ts';
import { viewOf } from '../format/struct.ts';
import { SYMLINK_HEADER, SYMLINK_MAGIC, SYMLINK_MAX } from '../format/symlink.ts';

export const CORRUPT = 'Structure needs cleaning';
export const INVALID = 'Invalid argument';
export const UNKNOWN = 'Function not implemented';
export type Refusal = typeof CORRUPT | typeof INVALID | typeof UNKNOWN;

/** A whole buffer, and where it is. */
export interface Candidate {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly daddr: number;
  readonly geometry: Geometry;
  /** AG of the buffer; undefined for one that is made of several pieces, which the reference gives none. */
  readonly agno: number | undefined;
  /** Whether a device for an external log was named; undefined: it does not matter. */
  readonly hasLogDevice?: boolean;
  /** Inodes that no directory entry may name: those of the realtime section and of quotas. */
  readonly internal: ReadonlySet<number>;
  /** Reads elsewhere: the AGF of the AG tells how tall its trees are. */
  readonly read: (offset: number, length: number) => Uint8Array;
}

export type Gate = (candidate: Candidate) => boolean;

/** First and last inode that an AG can have: whole clusters between its headers and its end. */
function aginoRange(geometry: Geometry, agno: number): { first: number; last: number } {
  const align = clusterAlign(geometry);
  const roundUp = (value: number) => Math.ceil(value / align) * align;
  const first = geometry.agbnoAgino(roundUp(agflBlock(geometry) + 1));
  const end = Math.floor(geometry.agLength(agno) / align) * align;
  return { first, last: geometry.agbnoAgino(end) - 1 };
}

/** Block of an AG that the AGFL is in. */
function agflBlock(geometry: Geometry): number {
  return Math.floor((3 * geometry.sectsize) / geometry.blocksize);
}

function clusterAlign({ blocksize, inodesize, inoalignmt }: Geometry): number {
  const wanted = (8192 * inodesize) / 256;
  const bytes = inoalignmt >= Math.floor(wanted / blocksize) ? wanted : 8192;
  const blocks = Math.max(1, Math.floor(bytes / blocksize));
  return inoalignmt >= blocks ? inoalignmt : 1;
}

/** Inodes that all AGs together can have. */
export function mostInodes(geometry: Geometry): number {
  let most = 0;
  for (let agno = 0; agno < geometry.agcount; agno++) {
    const { first, last } = aginoRange(geometry, agno);
    most += last - first + 1;
  }
  return most;
}

export function isAgino(geometry: Geometry, agno: number, agino: number): boolean {
  const { first, last } = aginoRange(geometry, agno);
  return agino >= first && agino <= last;
}

export function isIno(geometry: Geometry, ino: number): boolean {
  const agno = geometry.inoAgno(ino);
  return ino >= 0 && agno < geometry.agcount && isAgino(geometry, agno, geometry.inoAgino(ino));
}

function isBlockOfAg(geometry: Geometry, agno: number, agbno: number): boolean {
  return geometry.isAgbno(agno, agbno) && agbno > agflBlock(geometry);
}

const agf: Gate = ({ bytes, view, geometry, agno }) => {
  const f = AGF.over(bytes);
  const slots = agflSlots(geometry.sectsize);
  const { rmapbt, reflink } = geometry.features;
  const treeFits = (level: number, name: AgBtreeName) => level >= 1 && level <= maxLevels(name, geometry);
  return (
    geometry.isMetaUuid(view, AGF.offset.uuid) &&
    f.magicnum === AGF_MAGIC &&
    f.versionnum === 1 &&
    f.freeblks <= f.length &&
    f.flfirst < slots &&
    f.fllast < slots &&
    f.flcount <= slots &&
    f.length <= geometry.dblocks &&
    f.freeblks >= f.longest &&
    treeFits(f.bnolevel, 'bnobt') &&
    treeFits(f.cntlevel, 'cntbt') &&
    f.btreeblks <= f.length &&
    (agno === undefined || f.seqno === agno) &&
    (!rmapbt || (treeFits(f.rmaplevel, 'rmapbt') && f.rmapblocks <= f.length)) &&
    (!reflink || (treeFits(f.refcntlevel, 'refcntbt') && f.refcntblocks <= f.length))
  );
};

const agi: Gate = ({ bytes, view, geometry, agno }) => {
  const f = AGI.over(bytes);
  const most = maxLevels('inobt', geometry);
  const { finobt } = geometry.features;
  for (let i = 0; i < AGI_UNLINKED_BUCKETS; i++) {
    const agino = view.getUint32(AGI.offset.unlinked + 4 * i);
    // The reference takes the number for one of the whole filesystem.
    if (agino !== NULL_AGINO && !isIno(geometry, agino)) return false;
  }
  return (
    geometry.isMetaUuid(view, AGI.offset.uuid) &&
    f.magicnum === AGI_MAGIC &&
    f.versionnum === 1 &&
    f.level >= 1 &&
    f.level <= most &&
    (!finobt || (f.free_level >= 1 && f.free_level <= most)) &&
    (agno === undefined || f.seqno === agno)
  );
};

const agfl: Gate = ({ bytes, view, geometry, agno }) => {
  const f = AGFL_HEADER.over(bytes);
  for (let i = 0; i < agflSlots(geometry.sectsize); i++) {
    const agbno = view.getUint32(AGFL_HEADER.size + 4 * i);
    if (agbno !== NULL_AGBNO && agbno >= geometry.agblocks) return false;
  }
  return (
    f.magicnum === AGFL_MAGIC &&
    geometry.isMetaUuid(view, AGFL_HEADER.offset.uuid) &&
    (agno === undefined || f.seqno === agno)
  );
};

const LEVEL_OF: Readonly<Partial<Record<AgBtreeName, number>>> = {
  bnobt: AGF.offset.bnolevel,
  cntbt: AGF.offset.cntlevel,
  rmapbt: AGF.offset.rmaplevel,
  refcntbt: AGF.offset.refcntlevel,
};

/** One above the greatest level a block of this tree can have here: what the AGF says, where it says so. */
function levelsHere(candidate: Candidate, name: AgBtreeName): number {
  const { geometry, agno } = candidate;
  const at = LEVEL_OF[name];
  if (at === undefined || agno === undefined || agno >= geometry.agcount) return maxLevels(name, geometry);
  return viewOf(candidate.read(geometry.headerByte(agno, 1), geometry.sectsize)).getUint32(at);
}

function shortBlock(name: AgBtreeName): Gate {
  return (candidate) => {
    const { view, geometry, agno, daddr } = candidate;
    const at = SHORT_HEADER.offset;
    const { features } = geometry;
    const isThere = name === 'rmapbt' ? features.rmapbt : name === 'refcntbt' ? features.reflink : true;
    const level = view.getUint16(at.level);
    const agbno = Math.floor((daddr * DADDR_BYTES) / geometry.blocksize) % geometry.agblocks;
    const siblingFits = (byte: number) => {
      const sibling = view.getUint32(byte);
      if (sibling === NULL_AGBNO) return true;
      return sibling !== agbno && isBlockOfAg(geometry, agno ?? 0, sibling);
    };
    return (
      isThere &&
      view.getUint32(0) === BTREE[name].magic &&
      geometry.isMetaUuid(view, at.uuid) &&
      readCount64(view, at.bno) === daddr &&
      (agno === undefined || view.getUint32(at.owner) === agno) &&
      level < levelsHere(candidate, name) &&
      view.getUint16(at.numrecs) <= maxRecords(BTREE[name], level, geometry.blocksize) &&
      siblingFits(at.leftsib) &&
      siblingFits(at.rightsib)
    );
  };
}

/** Greatest height of a fork's tree, root in the inode included, for the most extents it can count. */
function bmbtLevels(geometry: Geometry): number {
  const { nrext64 } = geometry.features;
  const height = (extents: number, rootBytes: number) => {
    const leaf = maxRecords(BTREE.bmapbt, 0, geometry.blocksize) >>> 1;
    const node = maxRecords(BTREE.bmapbt, 1, geometry.blocksize) >>> 1;
    const root = Math.floor((rootBytes - 4) / 16);
    let blocks = Math.ceil(extents / leaf);
    let level = 1;
    for (; blocks > 1; level++) blocks = blocks <= root ? 1 : Math.ceil(blocks / node);
    return level;
  };
  const dataRoot = 6 * 16 + 4;
  const attrRoot = geometry.inodesize === 256 ? 52 : 3 * 16 + 4;
  const data = height(nrext64 ? 2 ** 48 - 1 : 2 ** 31 - 1, dataRoot);
  return Math.max(data, height(nrext64 ? 2 ** 32 - 1 : 2 ** 15 - 1, attrRoot));
}

const longBlock: Gate = ({ view, geometry, daddr }) => {
  const at = LONG_HEADER.offset;
  const level = view.getUint16(at.level);
  const block = Math.floor((daddr * DADDR_BYTES) / geometry.blocksize);
  const fsbno = geometry.fsbno(Math.floor(block / geometry.agblocks), block % geometry.agblocks);
  const siblingFits = (byte: number) => {
    const sibling = readCount64(view, byte);
    if (sibling === -1) return true;
    const agno = geometry.fsbnoAgno(sibling);
    return (
      sibling !== fsbno &&
      agno < geometry.agcount &&
      isBlockOfAg(geometry, agno, geometry.fsbnoAgbno(sibling))
    );
  };
  return (
    view.getUint32(0) === BTREE.bmapbt.magic &&
    geometry.isMetaUuid(view, at.uuid) &&
    readCount64(view, at.bno) === daddr &&
    level <= bmbtLevels(geometry) &&
    view.getUint16(at.numrecs) <= maxRecords(BTREE.bmapbt, level, geometry.blocksize) &&
    siblingFits(at.leftsib) &&
    siblingFits(at.rightsib)
  );
};

/** Every inode of the cluster is looked at, not only the current one. */
const inode: Gate = ({ bytes, view, geometry, agno }) => {
  for (let at = 0; at + geometry.inodesize <= bytes.length; at += geometry.inodesize) {
    const next = view.getUint32(at + DINODE.offset.next_unlinked);
    const fits = next === NULL_AGINO || (agno !== undefined && isAgino(geometry, agno, next));
    const isInode = view.getUint16(at) === INODE_MAGIC && view.getInt8(at + DINODE.offset.version) === 3;
    if (!isInode || !fits) return false;
  }
  return true;
};

const BIGTIME_TYPE = 0x80;
const QUOTA_TYPES: ReadonlySet<number> = new Set([1, 2, 4]);
/** Limits, use and timer of a resource. */
const QUOTA_RULES = [
  ['blk_softlimit', 'bcount', 'btimer'],
  ['ino_softlimit', 'icount', 'itimer'],
  ['rtb_softlimit', 'rtbcount', 'rtbtimer'],
] as const;

const dquots: Gate = ({ bytes, view, geometry }) => {
  const count = Math.min(dquotsPerBlock(bytes.length), Math.floor(bytes.length / DQBLK.size));
  const first = DQBLK.over(bytes).diskdq.id;
  for (let i = 0; i < count; i++) {
    const at = i * DQBLK.size;
    const d = DQBLK.at(view, at).diskdq;
    if (!geometry.isMetaUuid(view, at + DQBLK.offset.uuid)) return false;
    if (d.magic !== DQUOT_MAGIC || d.version !== 1) return false;
    const isBigtime = (d.type & BIGTIME_TYPE) !== 0;
    if (!QUOTA_TYPES.has(d.type & ~BIGTIME_TYPE)) return false;
    if (isBigtime && (!geometry.features.bigtime || d.id === 0)) return false;
    if (d.id !== (first + i) >>> 0) return false;
    if (d.id === 0) continue;
    for (const [limit, use, timer] of QUOTA_RULES) {
      if (d[limit] !== 0n && d[use] > d[limit] && d[timer] === 0) return false;
    }
  }
  return true;
};

const symlink: Gate = ({ bytes, view, geometry, daddr }) => {
  const f = SYMLINK_HEADER.over(bytes);
  return (
    f.magic === SYMLINK_MAGIC &&
    geometry.isMetaUuid(view, SYMLINK_HEADER.offset.uuid) &&
    f.bno === BigInt(daddr) &&
    (f.offset + f.bytes) >>> 0 < SYMLINK_MAX &&
    f.owner !== 0
  );
};

/** By db type; types that are not here have rules of their own (sb, dir3, attr3) or none. */
export const GATES: Readonly<Record<string, Gate>> = {
  agf,
  agi,
  agfl,
  bnobt: shortBlock('bnobt'),
  cntbt: shortBlock('cntbt'),
  inobt: shortBlock('inobt'),
  finobt: shortBlock('finobt'),
  rmapbt: shortBlock('rmapbt'),
  refcntbt: shortBlock('refcntbt'),
  bmapbta: longBlock,
  bmapbtd: longBlock,
  inode,
  dqblk: dquots,
  symlink,
};
