/**
 * Inode cores: fields that have one right value are given it, and the inode is sealed. What is left must pass the
 * verifier, or the inode stays as it is: a core that is wrong in a way that cannot be told right is not made to look
 * sound.
 *
 * The rules, by the field that the finding names: what nothing writes is zero; a flag that its file type or the
 * filesystem cannot have is cleared, and a hint goes with its flag; counters are what was found and counted.
 */
import { readBytes } from '../../device/device.ts';
import { BMBT_RECORD } from '../../format/btree.ts';
import { sealCrc } from '../../format/checksum.ts';
import type { Finding } from '../../format/findings.ts';
import { CHUNK_INODES, type Geometry, NULL_AGINO } from '../../format/geometry.ts';
import {
  attrExtents,
  DIFLAG,
  DIFLAG2,
  DINODE,
  dataExtents,
  dataForkBytes,
  FORK,
  INODE_CORE_BYTES,
  INODE_CRC_OFFSET,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from '../../format/inode.ts';
import { type Fields, viewOf } from '../../format/struct.ts';
import { countUsed, verifyDinode } from '../../format/verify.ts';
import type { ChunkColumns } from '../../fs/space/columns.ts';
import { type Change, type Fixes, type FixSite, groupBy, type Left } from './change.ts';

type Core = Fields<typeof DINODE.rows>;

/** An inode that is being mended. */
interface Patient {
  readonly core: Core;
  readonly bytes: Uint8Array;
  readonly geometry: Geometry;
  /** Type bits of the mode. */
  readonly type: number;
  /** Free by its own account and that of the inobt. */
  readonly free: boolean;
  readonly finding: Finding;
}

/** Mends one field; false when its right value is not known. */
type FieldFix = (patient: Patient) => boolean;

const flag = (bit: number): number => 1 << bit;
const DIRECTORY_FLAGS =
  flag(DIFLAG.RTINHERIT) | flag(DIFLAG.PROJINHERIT) | flag(DIFLAG.NOSYMLINKS) | flag(DIFLAG.EXTSZINHERIT);
const FLAGS_KNOWN = (1 << 15) - 1;
const FLAGS2_KNOWN =
  flag(DIFLAG2.DAX) |
  flag(DIFLAG2.REFLINK) |
  flag(DIFLAG2.COWEXTSIZE) |
  flag(DIFLAG2.BIGTIME) |
  flag(DIFLAG2.NREXT64);

function set(change: (patient: Patient) => void): FieldFix {
  return (patient) => {
    change(patient);
    return true;
  };
}
const clearFlag = (core: Core, bits: number): void => {
  core.flags &= ~bits;
};
const clearFlag2 = (core: Core, bit: number): void => {
  core.flags2 &= ~(1n << BigInt(bit));
};
/** Clears both hints of an extent size with the value they share. */
const dropExtsize = set(({ core }) => {
  clearFlag(core, flag(DIFLAG.EXTSIZE) | flag(DIFLAG.EXTSZINHERIT));
  core.extsize = 0;
});
const dropCowextsize = set(({ core }) => {
  clearFlag2(core, DIFLAG2.COWEXTSIZE);
  core.cowextsize = 0;
});
/** A flag of the other kind of inode, whose value may be that of its own flag. */
function dropHint(bit: number, other: number): FieldFix {
  return set(({ core }) => {
    clearFlag(core, flag(bit));
    if ((core.flags & flag(other)) === 0) core.extsize = 0;
  });
}

/** The lower half of a time: nanoseconds, or with bigtime what leads beyond the last second. */
function zeroNanoseconds(at: number): FieldFix {
  return set(({ bytes }) => viewOf(bytes).setUint32(at + 4, 0));
}

function mendFlags({ core, type, free }: Patient): boolean {
  if (core.mode === 0) {
    if (free) core.flags = 0;
    return free;
  }
  core.flags &= FLAGS_KNOWN;
  if (type !== S_IFDIR) core.flags &= ~(DIRECTORY_FLAGS & ~flag(DIFLAG.EXTSZINHERIT));
  return true;
}

function mendFlags2({ core, geometry }: Patient): boolean {
  const { features } = geometry;
  if (features.metadir) return false;
  core.flags2 &= BigInt(FLAGS2_KNOWN);
  if (!features.reflink) {
    clearFlag2(core, DIFLAG2.REFLINK);
    clearFlag2(core, DIFLAG2.COWEXTSIZE);
    core.cowextsize = 0;
  }
  return true;
}

/** Without the feature extents are counted in the old fields; with something in the new ones it is not so. */
function dropLargeCounts({ core }: Patient): boolean {
  if (core.big_nextents !== 0n) return false;
  clearFlag2(core, DIFLAG2.NREXT64);
  return true;
}

/** A format for a fork that is not there: unless something lies where its bytes were. */
function mendAttrFormat({ core, bytes, free }: Patient): boolean {
  if (core.forkoff !== 0) return false;
  const inUse = core.mode === 0 ? free : isEndEmpty(core, bytes);
  if (inUse) core.aformat = FORK.EXTENTS;
  return inUse;
}

/** Whether nothing lies behind the extents of either fork, as far as they are in the inode. */
function isEndEmpty(core: Core, bytes: Uint8Array): boolean {
  const view = viewOf(bytes);
  const border = INODE_CORE_BYTES + dataForkBytes(view, 0, bytes.length);
  const isEmpty = (format: number, from: number, extents: number, to: number): boolean => {
    if (format === FORK.BTREE) return true;
    const end = from + extents * BMBT_RECORD.size;
    return format === FORK.EXTENTS && end <= to && countUsed(bytes, end, to) === 0;
  };
  if (!isEmpty(core.format, INODE_CORE_BYTES, dataExtents(view, 0), border)) return false;
  return (
    core.forkoff === 0 ||
    core.aformat === FORK.LOCAL ||
    isEmpty(core.aformat, border, attrExtents(view, 0), bytes.length)
  );
}

const onlyFree =
  (change: (core: Core) => void): FieldFix =>
  ({ core, free }) => {
    if (free) change(core);
    return free;
  };

/** nlink 0 keeps its place in an unlinked list. */
function endList({ core, free }: Patient): boolean {
  if (core.mode === 0 ? !free : core.nlink === 0) return false;
  core.next_unlinked = NULL_AGINO;
  return true;
}

/** The number that the check counted. */
function counted({ finding }: Patient): number | undefined {
  const expected = Number(finding.expected);
  return finding.expected !== undefined && Number.isSafeInteger(expected) && expected >= 0
    ? expected
    : undefined;
}

const CORE_FIXES: Readonly<Record<string, FieldFix>> = {
  'v3.pad2': set(({ bytes }) => bytes.fill(0, DINODE.offset.pad2, DINODE.offset.pad2 + 12)),
  'core.dmevmask': set(({ core }) => {
    core.dmevmask = 0;
  }),
  'core.dmstate': set(({ core }) => {
    core.dmstate = 0;
  }),
  'core.onlink': set(({ core }) => {
    core.onlink = 0;
  }),
  'core.nrext64_pad': set(({ core }) => {
    core.anextents = 0;
  }),
  'core.v3_pad': ({ core, geometry }) => {
    if (geometry.features.nrext64) return false;
    core.big_nextents = 0n;
    return true;
  },
  'v3.nrext64': dropLargeCounts,
  'core.flags': mendFlags,
  'v3.flags2': mendFlags2,
  'v3.reflink': set(({ core }) => clearFlag2(core, DIFLAG2.REFLINK)),
  'v3.dax': set(({ core }) => clearFlag2(core, DIFLAG2.DAX)),
  'v3.bigtime': set(({ core }) => clearFlag2(core, DIFLAG2.BIGTIME)),
  'core.newrtbm': set(({ core }) => clearFlag(core, flag(DIFLAG.NEWRTBM))),
  'core.realtime': set(({ core }) => clearFlag(core, flag(DIFLAG.REALTIME))),
  'core.extsz': dropHint(DIFLAG.EXTSIZE, DIFLAG.EXTSZINHERIT),
  'core.extszinherit': dropHint(DIFLAG.EXTSZINHERIT, DIFLAG.EXTSIZE),
  'core.extsize': dropExtsize,
  'v3.cowextsz': dropCowextsize,
  'v3.cowextsize': dropCowextsize,
  'core.atime.nsec': zeroNanoseconds(DINODE.offset.atime),
  'core.mtime.nsec': zeroNanoseconds(DINODE.offset.mtime),
  'core.ctime.nsec': zeroNanoseconds(DINODE.offset.ctime),
  'v3.crtime.nsec': zeroNanoseconds(DINODE.offset.crtime),
  'core.atime': zeroNanoseconds(DINODE.offset.atime),
  'core.mtime': zeroNanoseconds(DINODE.offset.mtime),
  'core.ctime': zeroNanoseconds(DINODE.offset.ctime),
  'v3.crtime': zeroNanoseconds(DINODE.offset.crtime),
  'u3.dev': set(({ bytes }) => viewOf(bytes).setUint32(INODE_CORE_BYTES, 0)),
  'core.size': ({ core, type, free }) => {
    const special = type !== S_IFREG && type !== S_IFDIR && core.format === FORK.DEV;
    if (core.mode === 0 ? !free : !special) return false;
    core.size = 0n;
    return true;
  },
  'core.aformat': mendAttrFormat,
  'core.forkoff': onlyFree((core) => {
    core.forkoff = 0;
  }),
  'core.format': onlyFree((core) => {
    core.format = FORK.EXTENTS;
  }),
  'core.nextents': onlyFree((core) => {
    core.nextents = 0;
    core.anextents = 0;
    core.big_nextents = 0n;
  }),
  'core.nblocks': onlyFree((core) => {
    core.nblocks = 0;
  }),
  'core.nlinkv2': (patient) => {
    const { core, free } = patient;
    if (core.mode === 0) {
      if (free) core.nlink = 0;
      return free;
    }
    const links = counted(patient);
    if (patient.finding.code !== 'LINK_COUNT' || links === undefined) return false;
    core.nlink = links;
    return true;
  },
  next_unlinked: endList,
  nblocks: mendBlockCount,
  nextents: (patient) => setExtents(patient, false),
  anextents: (patient) => setExtents(patient, true),
  crc: () => true,
};

/**
 * The blocks that were found; fewer than counted only if there is nothing behind the extents that a counter, which
 * was lowered, may have cut off.
 */
function mendBlockCount(patient: Patient): boolean {
  const { core, bytes } = patient;
  const blocks = counted(patient);
  if (blocks === undefined || (blocks < core.nblocks && !isEndEmpty(core, bytes))) return false;
  core.nblocks = blocks;
  return true;
}

function setExtents(patient: Patient, attr: boolean): boolean {
  const { core } = patient;
  const count = counted(patient);
  if (count === undefined) return false;
  const wide = (core.flags2 & (1n << BigInt(DIFLAG2.NREXT64))) !== 0n;
  if (attr && !wide) core.anextents = count;
  else if (!attr && wide) core.big_nextents = BigInt(count);
  else core.nextents = count;
  return true;
}

/** Fixer of inode cores, link counts among them. */
export function fixInodes(site: FixSite, findings: readonly Finding[]): Fixes {
  const changes: Change[] = [];
  const left: Left[] = [];
  for (const [ino, mine] of groupBy(findings, (finding) => finding.where.ino)) {
    const reason = ino === undefined ? 'more of the kind than are listed' : whyNot(site, ino, mine);
    const change = reason === undefined ? mend(site, ino!, mine) : reason;
    if (typeof change === 'string') left.push(...mine.map((finding) => ({ finding, reason: change })));
    else changes.push(change);
  }
  return { changes, left };
}

/** Findings of the inode and its mappings, not of what its blocks hold or of who leads to it. */
const ITSELF = /^(INODE|BMBT)_/;
/** What is said of a mapping that may be damaged itself. */
const MAPPING = /^(MAPPING_CONTESTED|CROSS_LINK|RMAP_)/;

function whyNot({ check }: FixSite, ino: number, mine: readonly Finding[]): string | undefined {
  const known = new Set(mine);
  const his = check.findings.filter((f) => f.where.ino === ino);
  const other = his.find((f) => ITSELF.test(f.code) && !known.has(f));
  // Extents of a file that is not on the realtime device were read as if it were: that follows.
  if (other && !mine.some(isStrayRealtime))
    return `other damage of the inode cannot be mended: ${other.code}`;
  const links = mine.some(({ code }) => code === 'LINK_COUNT');
  if (links && check.observation.inodes.namesLost) {
    return 'some directory could not be read in full, so not all names are known';
  }
  const counts = mine.some(({ code }) => code === 'INODE_BLOCK_COUNT' || code === 'INODE_EXTENT_COUNT');
  if (counts && his.some(({ code }) => MAPPING.test(code)))
    return 'a mapping may be damaged, rather than what counts it';
  return undefined;
}

function isStrayRealtime({ where }: Finding): boolean {
  return where.field === 'core.realtime';
}

function mend({ geometry, device, check }: FixSite, ino: number, mine: readonly Finding[]): Change | string {
  const at = geometry.inoByte(ino);
  const bytes = readBytes(device, at, geometry.inodesize);
  const core = DINODE.over(bytes);
  const free = core.mode === 0 && isListedFree(check, geometry, ino);
  const type = core.mode & S_IFMT;
  const fields: string[] = [];
  const stray = mine.some(isStrayRealtime);
  for (const finding of mine) {
    // What is counted of a file that was taken for a realtime one follows.
    if (stray && finding.code === 'INODE_BLOCK_COUNT') continue;
    const field = finding.code === 'INODE_CRC' ? 'crc' : (finding.where.field ?? '');
    const fix = CORE_FIXES[field];
    if (!fix?.({ core, bytes, geometry, type, free, finding }))
      return `the right value of ${field} is not known`;
    if (!fields.includes(field)) fields.push(field);
  }
  const problem = verifyDinode(viewOf(bytes), 0, geometry, ino)[0];
  if (problem) return `the inode would still be damaged: ${problem.message}`;
  sealCrc(bytes, INODE_CRC_OFFSET);
  const torn = stray || fields.includes('crc');
  const mended = fields.filter((field) => field !== 'crc');
  const action = mended.length === 0 ? 'reseal' : `set right ${mended.join(', ')}`;
  return {
    action: `inode ${ino}: ${action}`,
    findings: mine,
    pieces: [{ offset: at, bytes }],
    ...(torn ? { suspect: { ino } } : {}),
  };
}

/** Whether the inobt has the inode, as a free one. */
function isListedFree(check: FixSite['check'], geometry: Geometry, ino: number): boolean {
  const chunks: ChunkColumns | undefined = check.observation.ags[geometry.inoAgno(ino)]?.inobt.records;
  const agino = geometry.inoAgino(ino);
  for (let i = 0; chunks && i < chunks.length; i++) {
    const bit = agino - chunks.startino[i]!;
    if (bit < 0 || bit >= CHUNK_INODES) continue;
    const free = bit > 31 ? chunks.freeHigh[i]! >>> (bit - 32) : chunks.freeLow[i]! >>> bit;
    return (free & 1) === 1;
  }
  return false;
}
