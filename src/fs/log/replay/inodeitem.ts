/**
 * INODE items: the core of an inode and, where they were changed, its forks. Skipped when the buffer of the inode
 * was freed later, or when the inode on disk is newer than the transaction; equal is not newer, for several
 * checkpoints may bear the same LSN.
 *
 * In the log the core is in the byte order of the machine; forks are as on disk, but for the root of a btree, which is
 * logged as a whole block header, keys, and pointers behind room for as many keys as fit the region.
 */
import { BMDR_HEADER, LONG_HEADER, maxRootKeys } from '../../../format/btree.ts';
import { crcIsGood, sealCrc } from '../../../format/checksum.ts';
import type { Geometry } from '../../../format/geometry.ts';
import {
  attrForkBytes,
  DIFLAG2,
  DINODE,
  dataForkBytes,
  FORK,
  INODE_CORE_BYTES,
  INODE_MAGIC,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from '../../../format/inode.ts';
import { LOG_INODE, LOG_INODE_32 } from '../../../format/logitem.ts';
import { viewOf } from '../../../format/struct.ts';
import type { LoggedItem } from '../assembly.ts';
import { LogError } from '../record.ts';
import type { ReplayContext } from './bufferitem.ts';
import type { ReplayBuffer } from './buffers.ts';
import { changeTreeOwner } from './treeowner.ts';

const FIELD = {
  DATA_LOCAL: 2,
  DATA_EXTENTS: 4,
  DATA_ROOT: 8,
  DEVICE: 0x10,
  ATTR_LOCAL: 0x40,
  ATTR_EXTENTS: 0x80,
  ATTR_ROOT: 0x100,
  DATA_OWNER: 0x200,
  ATTR_OWNER: 0x400,
} as const;
const DATA_FORK = FIELD.DATA_LOCAL | FIELD.DATA_EXTENTS | FIELD.DATA_ROOT;
const ATTR_FORK = FIELD.ATTR_LOCAL | FIELD.ATTR_EXTENTS | FIELD.ATTR_ROOT;
const ALL_ONES = 2n ** 64n - 1n;
const AT = { ...DINODE.offset };
/** Of the core, what is not in the log or means nothing there. */
const KEPT: ReadonlySet<string> = new Set(['next_unlinked', 'crc', 'lsn', 'onlink', 'pad2']);
/** Fields to be copied, as byte and width. All numbers, but for the UUID. */
const COPIED = Object.entries(AT)
  .sort((a, b) => a[1] - b[1])
  .map(([name, at], i, all) => ({ name, at, width: (all[i + 1]?.[1] ?? INODE_CORE_BYTES) - at }))
  .filter(({ name }) => !KEPT.has(name));

export interface InodeChange {
  readonly ino: number;
  readonly fields: number;
  readonly daddr: number;
  /** Basic blocks of the inode's buffer. */
  readonly count: number;
  /** Byte of the inode in it. */
  readonly at: number;
  readonly device: number;
  readonly core: Uint8Array;
  readonly data: Uint8Array | undefined;
  readonly attr: Uint8Array | undefined;
}

/** Takes an INODE item apart. Throws LogError when it contradicts itself. */
export function parseInode(item: LoggedItem): InodeChange {
  const head = item.regions[0]!;
  const short = head.length === LOG_INODE_32.size;
  if (!short && head.length < LOG_INODE.size) throw fault(undefined, `an item of ${head.length} bytes`);
  const fields = viewOf(head).getUint32(4, true);
  const { ino, blkno, len, boffset, rdev } = short ? LOG_INODE_32.over(head) : LOG_INODE.over(head);
  const core = item.regions[1];
  if (!core || core.length < INODE_CORE_BYTES) throw fault(Number(ino), 'its core is missing or too short');
  const data = fields & DATA_FORK ? item.regions[2] : undefined;
  const attr = fields & ATTR_FORK ? item.regions[fields & DATA_FORK ? 3 : 2] : undefined;
  if ((fields & DATA_FORK && !data) || (fields & ATTR_FORK && !attr))
    throw fault(Number(ino), 'a fork is missing');
  return {
    ino: Number(ino),
    fields,
    daddr: Number(blkno),
    count: len,
    at: boffset,
    device: rdev,
    core,
    data,
    attr,
  };
}

function fault(ino: number | undefined, why: string): LogError {
  return new LogError('LOG_CORRUPT', `inode item${ino === undefined ? '' : ` of ${ino}`}: ${why}`);
}

/** Replays an INODE item; true when it changed something. */
export function replayInode(context: ReplayContext, item: LoggedItem): boolean {
  const change = parseInode(item);
  const { geometry, buffers, cancelled, lsn } = context;
  if (cancelled.has(change.daddr, change.count)) return false;
  const buffer = buffers.read(change.daddr, change.count);
  const { at, ino } = change;
  context.split.noteInode(ino);
  if (at < 0 || at % geometry.inodesize !== 0 || at + geometry.inodesize > buffer.bytes.length)
    throw fault(ino, `byte ${at} of its buffer`);
  if (buffer.view.getUint16(at) !== INODE_MAGIC) throw fault(ino, 'there is no inode in its place');
  const own = buffer.view.getBigUint64(at + DINODE.offset.lsn);
  // A write that was torn may have brought the LSN and not the rest.
  const whole = (): boolean => crcIsGood(buffer.bytes, DINODE.offset.crc, at, geometry.inodesize);
  const newer = own !== 0n && own !== ALL_ONES && own > lsn && whole();
  if (!newer) {
    judge(geometry, change);
    copyCore(buffer, change, lsn);
    copyForks(geometry, buffer, change);
    sealCrc(buffer.bytes, DINODE.offset.crc, at, geometry.inodesize);
    buffers.change(buffer, undefined);
  }
  const named = changeOwners(context, buffer, change);
  return !newer || named;
}

/**
 * Blocks of extent btrees that two inodes exchanged come to bear their new owner; even where the inode is newer than
 * the transaction, for that says nothing about the blocks.
 */
function changeOwners(
  context: ReplayContext,
  buffer: ReplayBuffer,
  { ino, fields, at }: InodeChange,
): boolean {
  if (buffer.view.getUint16(at + AT.mode) === 0) return false;
  const inode = buffer.bytes.subarray(at, at + context.geometry.inodesize);
  const view = viewOf(inode);
  let changed = false;
  if (fields & FIELD.DATA_OWNER && view.getUint8(AT.format) === FORK.BTREE) {
    const fork = inode.subarray(INODE_CORE_BYTES, INODE_CORE_BYTES + dataForkBytes(view, 0, inode.length));
    changed = changeTreeOwner(context, ino, 'bmapbtd', fork);
  }
  if (fields & FIELD.ATTR_OWNER && view.getUint8(AT.aformat) === FORK.BTREE) {
    const fork = inode.subarray(inode.length - attrForkBytes(view, 0, inode.length));
    changed = changeTreeOwner(context, ino, 'bmapbta', fork) || changed;
  }
  return changed;
}

/** What the core must be, so that nothing is written that could not be read again. */
function judge(geometry: Geometry, { ino, core }: InodeChange): void {
  const log = viewOf(core);
  const magic = log.getUint16(AT.magic, true);
  const version = log.getUint8(AT.version);
  if (magic !== INODE_MAGIC) throw fault(ino, `magic 0x${magic.toString(16)}`);
  if (version !== 3) throw fault(ino, `version ${version}`);
  const type = log.getUint16(AT.mode, true) & S_IFMT;
  const format = log.getUint8(AT.format);
  const mapped = format === FORK.EXTENTS || format === FORK.BTREE;
  if (type === S_IFREG && !mapped) throw fault(ino, `a file of format ${format}`);
  if (type === S_IFDIR && !mapped && format !== FORK.LOCAL)
    throw fault(ino, `a directory of format ${format}`);
  const big = log.getBigUint64(AT.big_nextents, true);
  const small = log.getUint32(AT.nextents, true);
  const attr = log.getUint16(AT.anextents, true);
  const wide = hasFlag2(core, DIFLAG2.NREXT64);
  if (wide && (!geometry.features.nrext64 || attr !== 0)) throw fault(ino, 'wide extent counters');
  if (!wide && big !== 0n) throw fault(ino, 'padding that is not zero');
  const extents = (wide ? big : BigInt(attr)) + BigInt(small);
  const blocks = log.getBigUint64(AT.nblocks, true);
  if (extents > blocks) throw fault(ino, `${extents} extents of ${blocks} blocks`);
  const forkoff = log.getUint8(AT.forkoff);
  if (forkoff * 8 > geometry.inodesize - INODE_CORE_BYTES) throw fault(ino, `forkoff ${forkoff}`);
}

function hasFlag2(core: Uint8Array, flag: number): boolean {
  return (viewOf(core).getBigUint64(AT.flags2, true) & (1n << BigInt(flag))) !== 0n;
}

function copyCore(buffer: ReplayBuffer, { at, core, fields, device }: InodeChange, lsn: bigint): void {
  const times = hasFlag2(core, DIFLAG2.BIGTIME) ? 8 : 4;
  for (const { name, at: field, width } of COPIED) {
    // Old timestamps are two numbers.
    const number = name.endsWith('time') ? times : width;
    for (let i = 0; i < width; i++) {
      const from = width > 8 ? i : i - (i % number) + number - 1 - (i % number);
      buffer.bytes[at + field + i] = core[field + from]!;
    }
  }
  buffer.view.setUint16(at + AT.onlink, 0);
  buffer.view.setBigUint64(at + AT.lsn, lsn);
  buffer.bytes.fill(0, at + AT.pad2, at + AT.pad2 + 12);
  if (fields & FIELD.DEVICE) buffer.view.setUint32(at + INODE_CORE_BYTES, device);
}

function copyForks(geometry: Geometry, buffer: ReplayBuffer, change: InodeChange): void {
  const { at, ino, fields, data, attr } = change;
  const literal = geometry.inodesize - INODE_CORE_BYTES;
  const forkoff = buffer.view.getUint8(at + DINODE.offset.forkoff) * 8;
  const start = at + INODE_CORE_BYTES;
  const dataRoom = forkoff === 0 ? literal : forkoff;
  if (data) {
    const fork = buffer.bytes.subarray(start, start + dataRoom);
    copyFork(ino, fork, data, (fields & FIELD.DATA_ROOT) !== 0);
  }
  if (attr) {
    if (forkoff === 0) throw fault(ino, 'attributes without a fork for them');
    const fork = buffer.bytes.subarray(start + forkoff, start + literal);
    copyFork(ino, fork, attr, (fields & FIELD.ATTR_ROOT) !== 0);
  }
}

function copyFork(ino: number, fork: Uint8Array, region: Uint8Array, isRoot: boolean): void {
  if (isRoot) {
    copyRoot(ino, fork, region);
    return;
  }
  // Regions are padded to four bytes.
  if (region.length > fork.length + 3)
    throw fault(ino, `${region.length} bytes for a fork of ${fork.length}`);
  fork.set(region.subarray(0, fork.length));
}

/** From the form in memory (block header, keys, pointers) to that in the inode. */
function copyRoot(ino: number, fork: Uint8Array, region: Uint8Array): void {
  const header = LONG_HEADER.size;
  const from = viewOf(region);
  const to = viewOf(fork);
  const room = Math.floor((region.length - header) / 16);
  const most = maxRootKeys(fork.length);
  if (region.length < header) throw fault(ino, `a root of ${region.length} bytes`);
  const level = from.getUint16(LONG_HEADER.offset.level);
  const count = from.getUint16(LONG_HEADER.offset.numrecs);
  if (level < 1 || count < 1 || count > room || count > most) {
    throw fault(ino, `a root of level ${level} with ${count} keys, room for ${most}`);
  }
  to.setUint16(0, level);
  to.setUint16(2, count);
  const keys = BMDR_HEADER.size;
  for (let i = 0; i < count; i++) {
    to.setBigUint64(keys + 8 * i, from.getBigUint64(header + 8 * i));
    to.setBigUint64(keys + 8 * most + 8 * i, from.getBigUint64(header + 8 * room + 8 * i));
  }
}
