/** Regions of log items in xfs_logprint's words, where its two views agree: headers of items, intents, inode cores. */
import { DINODE } from '../../format/inode.ts';
import {
  LOG_ATTRI,
  LOG_EXTENT,
  LOG_ICREATE,
  LOG_INODE,
  LOG_INODE_32,
  LOG_MAP_EXTENT,
  LOG_PHYSICAL_EXTENT,
} from '../../format/logitem.ts';
import type { Struct } from '../../format/struct.ts';
import { viewOf } from '../../format/struct.ts';

export const ITEM = {
  EFI: 0x1236,
  EFD: 0x1237,
  INODE: 0x123b,
  BUF: 0x123c,
  DQUOT: 0x123d,
  QUOTAOFF: 0x123e,
  ICREATE: 0x123f,
  RUI: 0x1240,
  RUD: 0x1241,
  CUI: 0x1242,
  CUD: 0x1243,
  BUI: 0x1244,
  BUD: 0x1245,
  ATTRI: 0x1246,
  ATTRD: 0x1247,
} as const;

export const FIELD = {
  DATA_LOCAL: 2,
  DATA_EXTENTS: 4,
  DATA_ROOT: 8,
  DEVICE: 0x10,
  UUID: 0x20,
  ATTR_LOCAL: 0x40,
  ATTR_EXTENTS: 0x80,
  ATTR_ROOT: 0x100,
} as const;
export const DATA_FORK = FIELD.DATA_LOCAL | FIELD.DATA_EXTENTS | FIELD.DATA_ROOT;
export const ATTR_FORK = FIELD.ATTR_LOCAL | FIELD.ATTR_EXTENTS | FIELD.ATTR_ROOT;
const WIDE_COUNTERS = 0x10n;

/** At least `length` bytes: what a region does not have reads as zeros. */
export function atLeast(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) return bytes;
  const padded = new Uint8Array(length);
  padded.set(bytes);
  return padded;
}

/** A number of 64 bits as C prints it unsigned in hex. */
export function hex64(value: bigint): string {
  return BigInt.asUintN(64, value).toString(16);
}

export interface InodeHead {
  readonly size: number;
  readonly fields: number;
  readonly dsize: number;
  readonly ino: bigint;
  readonly blkno: bigint;
  readonly len: number;
  readonly boffset: number;
}

/** Undefined unless the region has one of the two lengths that there are. */
export function inodeHead(region: Uint8Array): InodeHead | undefined {
  const shape = [LOG_INODE, LOG_INODE_32].find(({ size }) => size === region.length);
  if (!shape) return undefined;
  const view = viewOf(region);
  const at = shape.offset as Readonly<Record<string, number>>;
  return {
    size: view.getUint16(2, true),
    fields: view.getUint32(4, true),
    dsize: view.getUint16(at.dsize!, true),
    ino: view.getBigUint64(at.ino!, true),
    blkno: view.getBigInt64(at.blkno!, true),
    len: view.getInt32(at.len!, true),
    boffset: view.getInt32(at.boffset!, true),
  };
}

/** Numbers of an inode core as logged. */
export function coreOf(region: Uint8Array) {
  const view = viewOf(atLeast(region, DINODE.size));
  const at = DINODE.offset;
  const u32 = (byte: number) => view.getUint32(byte, true);
  const u64 = (byte: number) => view.getBigUint64(byte, true);
  const flags2 = u64(at.flags2);
  const wide = (flags2 & WIDE_COUNTERS) !== 0n;
  // The seconds of old timestamps; of new ones their low half.
  const seconds = (byte: number) => BigInt(view.getInt32(byte, true));
  return {
    magic: view.getUint16(0, true),
    mode: view.getUint16(at.mode, true),
    version: view.getInt8(at.version),
    format: view.getInt8(at.format),
    nlink: u32(at.nlink),
    uid: u32(at.uid) | 0,
    gid: u32(at.gid) | 0,
    projidLow: view.getUint16(at.projid_lo, true),
    projidHigh: view.getUint16(at.projid_hi, true),
    flushiter: view.getUint16(at.big_nextents + 6, true),
    atime: seconds(at.atime),
    mtime: seconds(at.mtime),
    ctime: seconds(at.ctime),
    size: u64(at.size),
    nblocks: u64(at.nblocks),
    extsize: u32(at.extsize),
    nextents: wide ? u64(at.big_nextents) : BigInt(u32(at.nextents)),
    anextents: wide ? u32(at.nextents) : view.getUint16(at.anextents, true),
    forkoff: view.getUint8(at.forkoff),
    dmevmask: u32(at.dmevmask),
    dmstate: view.getUint16(at.dmstate, true),
    flags: view.getUint16(at.flags, true),
    gen: u32(at.gen),
    flags2,
    cowextsize: u32(at.cowextsize),
  };
}

/** `indent`: a tab where transactions are shown. */
export function createText(region: Uint8Array, indent: string): string {
  const { ag, agbno, count, isize, length, gen } = LOG_ICREATE.over(atLeast(region, LOG_ICREATE.size));
  return (
    `${indent}ICR:  #ag: ${ag}  agbno: 0x${agbno.toString(16)}  len: ${length}\n` +
    `${indent}      cnt: ${count}  isize: ${isize}    gen: 0x${gen.toString(16)}\n`
  );
}

const CORE = 16;

interface IntentHead {
  readonly size: number;
  readonly count: number;
  readonly id: bigint;
}

export function intentHead(region: Uint8Array): IntentHead {
  const view = viewOf(atLeast(region, CORE));
  return {
    size: view.getUint16(2, true),
    count: view.getUint32(4, true),
    id: view.getBigUint64(8, true),
  };
}

/** Extents of a free-space intent, four in a line. */
export function freedText(region: Uint8Array): string {
  const parts = extentsOf(region, LOG_EXTENT).map(
    (extent) => `(s: 0x${hex64(BigInt(extent.startblock))}, l: ${extent.len | 0}) `,
  );
  let text = '';
  parts.forEach((part, i) => {
    text += part;
    if (i % 4 === 3) text += '\n';
  });
  return parts.length % 4 === 0 ? text : `${text}\n`;
}

function mapText(region: Uint8Array): string {
  return extentsOf(region, LOG_MAP_EXTENT)
    .map(({ owner, startblock, startoff, len, flags }) => {
      const who = BigInt.asIntN(64, BigInt(owner));
      const where = `s: 0x${hex64(BigInt(startblock))}, l: ${len | 0}, own: ${who}, off: ${startoff}`;
      return `(${where}, f: 0x${flags.toString(16)}) \n`;
    })
    .join('');
}

function physicalText(region: Uint8Array): string {
  return extentsOf(region, LOG_PHYSICAL_EXTENT)
    .map(
      ({ startblock, len, flags }) =>
        `(s: 0x${hex64(BigInt(startblock))}, l: ${len | 0}, f: 0x${flags.toString(16)}) \n`,
    )
    .join('');
}

function extentsOf<T extends Struct>(region: Uint8Array, shape: T): ReturnType<T['over']>[] {
  const { count } = intentHead(region);
  const fit = Math.max(0, Math.floor((region.length - CORE) / shape.size));
  return Array.from(
    { length: Math.min(count, fit) },
    (_, i) => shape.over(region, CORE + i * shape.size) as ReturnType<T['over']>,
  );
}

/** Intents other than of free space, and their done items: the same in both views. */
const INTENTS: Readonly<
  Record<number, { name: string; extent?: Struct; text?: (region: Uint8Array) => string }>
> = {
  [ITEM.RUI]: { name: 'RUI', extent: LOG_MAP_EXTENT, text: mapText },
  [ITEM.CUI]: { name: 'CUI', extent: LOG_PHYSICAL_EXTENT, text: physicalText },
  [ITEM.BUI]: { name: 'BUI', extent: LOG_MAP_EXTENT, text: mapText },
  [ITEM.RUD]: { name: 'RUD' },
  [ITEM.CUD]: { name: 'CUD' },
  [ITEM.BUD]: { name: 'BUD' },
};

/** What is said of an intent or done item; `lost`: it was cut off, and its rest is in a later record. */
export interface Said {
  readonly text: string;
  /** Goes to stderr. */
  readonly complaint?: string;
  readonly lost: boolean;
}

/** Undefined for other types. `continued`: it goes on, or went on, in another record. */
export function intentText(type: number, region: Uint8Array, continued: boolean): Said | undefined {
  const row = INTENTS[type];
  if (!row) return undefined;
  const { name, extent } = row;
  const short = { text: `${name}: Not enough data to decode further\n`, lost: true };
  const { size, count, id } = intentHead(region);
  if (!extent) {
    if (region.length < CORE) return short;
    return { text: `${name}:  #regs: ${size}\t                 id: 0x${hex64(id)}\n`, lost: false };
  }
  if (continued && region.length < CORE) return short;
  const expected = CORE + count * extent.size;
  if (!continued && region.length !== expected) {
    const complaint = `bad size of ${name} format: ${region.length}; expected ${expected >>> 0}; nextents = ${count}`;
    return { text: '', complaint, lost: true };
  }
  const text = `${name}:  #regs: ${size}\tnum_extents: ${count | 0}  id: 0x${hex64(id)}\n`;
  if (continued) {
    return { text: `${text}${name} extent data skipped (CONTINUE set, no space)\n`, lost: false };
  }
  return { text: text + row.text!(region), lost: false };
}

/** Why the length of a free-space intent is wrong, if it is. */
export function freedFault(region: Uint8Array): string | undefined {
  const { count } = intentHead(region);
  const wide = CORE + count * LOG_EXTENT.size;
  const narrow = CORE + count * 12;
  if (region.length === wide || region.length === narrow) return undefined;
  return `bad size of efi format: ${region.length}; expected ${narrow >>> 0} or ${wide >>> 0}; nextents = ${count}`;
}

/** An attribute intent; undefined when it has another length. */
export function attributeHead(region: Uint8Array) {
  if (region.length !== LOG_ATTRI.size) return undefined;
  const { name_len: nameLength, value_len: valueLength } = LOG_ATTRI.over(region);
  const { size, id } = intentHead(region);
  const lengths = `name_len: ${nameLength | 0}, value_len: ${valueLength | 0}`;
  return { nameLength, valueLength, text: `ATTRI:  #regs: ${size}\t${lengths}  id: 0x${hex64(id)}\n` };
}

export function attributeFault(region: Uint8Array): string {
  return `bad size of attri format: ${region.length}; expected ${LOG_ATTRI.size}`;
}
