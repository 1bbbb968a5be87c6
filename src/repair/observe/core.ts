/**
 * The inode core: offsets, and the rules its fields must keep by themselves. Facts: section 9.
 *
 * `coreFault` runs for every allocated inode of the filesystem, so it reads at fixed offsets and makes nothing
 * but the text of a fault. What concerns forks (formats, sizes, counts) is checked in fork.ts, where a fault
 * also means that blocks may be owned which we do not know of.
 */
import { NULL_AGINO } from '../../format/geometry.ts';
import type { Context } from './context.ts';

export const DINODE_MAGIC = 0x494e;
export const DINODE_CORE_BYTES = 176;
/** Byte offsets in a version 3 inode. */
export const DINODE_AT = {
  magic: 0,
  mode: 2,
  version: 4,
  format: 5,
  metatype: 6,
  nlink: 16,
  bigNextents: 24,
  size: 56,
  nblocks: 64,
  extsize: 72,
  nextents: 76,
  anextents: 80,
  forkoff: 82,
  aformat: 83,
  flags: 90,
  nextUnlinked: 96,
  crc: 100,
  flags2: 120,
  cowextsize: 128,
  ino: 152,
  uuid: 160,
} as const;

export const TYPE = { FIFO: 1, CHR: 2, DIR: 4, BLK: 6, REG: 8, LNK: 10, SOCK: 12 } as const;
export const FORMAT = { DEV: 0, LOCAL: 1, EXTENTS: 2, BTREE: 3 } as const;

export const FLAG_REALTIME = 0x1;
const FLAG_RTINHERIT = 0x100;
const FLAG_EXTSIZE = 0x800;
const FLAG_EXTSZINHERIT = 0x1000;
const KNOWN_FLAGS = 0x7fff;
export const FLAG2_REFLINK = 0x2;
const FLAG2_COWEXTSIZE = 0x4;
const FLAG2_BIGTIME = 0x8;
export const FLAG2_NREXT64 = 0x10;
/** DAX to NREXT64; METADATA (0x20) needs METADIR, which we refuse. */
const KNOWN_FLAGS2 = 0x1f;
const LARGEST_EXTENT = 2 ** 21 - 1;
const KNOWN_TYPES =
  (1 << TYPE.FIFO) |
  (1 << TYPE.CHR) |
  (1 << TYPE.DIR) |
  (1 << TYPE.BLK) |
  (1 << TYPE.REG) |
  (1 << TYPE.LNK) |
  (1 << TYPE.SOCK);

/** What the core of the allocated inode at `at` breaks, in words with the value; undefined when nothing. */
export function coreFault(context: Context, agno: number, view: DataView, at: number): string | undefined {
  const { features } = context.geometry;
  const mode = view.getUint16(at + DINODE_AT.mode);
  const type = mode >>> 12;
  if (((KNOWN_TYPES >>> type) & 1) === 0) return `mode 0${mode.toString(8)} has no known type`;
  const sizeHigh = view.getUint32(at + DINODE_AT.size);
  if (sizeHigh >= 0x80000000) return 'size is negative';
  if (type === TYPE.DIR || type === TYPE.LNK) {
    const empty = sizeHigh === 0 && view.getUint32(at + DINODE_AT.size + 4) === 0;
    if (empty && view.getUint32(at + DINODE_AT.nlink) !== 0) return 'size 0 of a directory or symlink';
  }
  const metatype = view.getUint16(at + DINODE_AT.metatype);
  if (metatype !== 0) return `metatype ${metatype}, expected 0`;
  const flags = view.getUint16(at + DINODE_AT.flags);
  if ((flags & ~KNOWN_FLAGS) !== 0) return `flags 0x${flags.toString(16)} has unknown bits`;
  if (view.getUint32(at + DINODE_AT.flags2) !== 0) return 'flags2 has unknown bits in its upper half';
  const flags2 = view.getUint32(at + DINODE_AT.flags2 + 4);
  if ((flags2 & ~KNOWN_FLAGS2) !== 0) return `flags2 0x${flags2.toString(16)} has unknown bits`;
  if (flags2 & FLAG2_BIGTIME && !features.bigtime) return 'BIGTIME without the feature';
  if (flags2 & FLAG2_NREXT64 && !features.nrext64) return 'NREXT64 without the feature';
  if (flags2 & FLAG2_REFLINK && flags & FLAG_REALTIME) return 'REFLINK on a realtime file';
  const pad = flags2 & FLAG2_NREXT64 ? view.getUint16(at + DINODE_AT.anextents) : bigPad(view, at);
  if (pad !== 0) return 'unused extent counter is not zero';
  const next = view.getUint32(at + DINODE_AT.nextUnlinked);
  if (next !== NULL_AGINO && !context.isAgino(agno, next)) return `next_unlinked ${next} is no inode`;
  return extentHintFault(context, view, at, type, flags) ?? cowHintFault(context, view, at, type, flags2);
}

function bigPad(view: DataView, at: number): number {
  return view.getUint32(at + DINODE_AT.bigNextents) | view.getUint32(at + DINODE_AT.bigNextents + 4);
}

/** extsize: only where its flag is, and the flag only where it may be. */
function extentHintFault(
  context: Context,
  view: DataView,
  at: number,
  type: number,
  flags: number,
): string | undefined {
  const extsize = view.getUint32(at + DINODE_AT.extsize);
  const hinted = flags & (FLAG_EXTSIZE | FLAG_EXTSZINHERIT);
  if (hinted === 0) return extsize === 0 ? undefined : `extsize ${extsize} without its flag`;
  if (flags & FLAG_EXTSIZE && type !== TYPE.REG) return 'EXTSIZE flag on something else than a file';
  if (flags & FLAG_EXTSZINHERIT && type !== TYPE.DIR) return 'EXTSZINHERIT flag outside a directory';
  if (extsize === 0) return 'extsize 0 with its flag set';
  if (extsize > LARGEST_EXTENT) return `extsize ${extsize}, at most ${LARGEST_EXTENT}`;
  const most = context.geometry.agblocks / 2;
  if (!(flags & (FLAG_REALTIME | FLAG_RTINHERIT)) && extsize > most)
    return `extsize ${extsize}, at most ${most}`;
  return undefined;
}

function cowHintFault(
  context: Context,
  view: DataView,
  at: number,
  type: number,
  flags2: number,
): string | undefined {
  const { features, agblocks } = context.geometry;
  const cowextsize = view.getUint32(at + DINODE_AT.cowextsize);
  if ((flags2 & FLAG2_COWEXTSIZE) === 0) {
    return cowextsize === 0 ? undefined : `cowextsize ${cowextsize} without its flag`;
  }
  if (!features.reflink) return 'COWEXTSIZE flag without reflink';
  if (type !== TYPE.REG && type !== TYPE.DIR) return 'COWEXTSIZE flag on neither file nor directory';
  const most = Math.min(LARGEST_EXTENT, agblocks / 2);
  if (cowextsize === 0 || cowextsize > most) return `cowextsize ${cowextsize}, expected 1 to ${most}`;
  return undefined;
}
