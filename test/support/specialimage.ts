/**
 * Small images in memory with quota, or with a realtime section: this machine's kernel may have neither, so both are
 * written by hand into an image of our own mkfs, and AG indexes and counters are then built anew from the inodes.
 * That the results are sound is shown by xfs_repair in test/oracle/special.test.ts.
 */
import type { MemoryDevice } from '../../src/device/memory.ts';
import { sealCrc } from '../../src/format/checksum.ts';
import {
  DISK_DQUOT,
  DQBLK,
  DQTYPE,
  DQTYPE_BIGTIME,
  DQUOT_CRC_OFFSET,
  DQUOT_MAGIC,
  dquotsPerBlock,
  QFLAG,
  QUOTA_INODE_FIELD,
  QUOTA_TYPES,
  type QuotaType,
} from '../../src/format/dquot.ts';
import type { Geometry } from '../../src/format/geometry.ts';
import {
  DIFLAG,
  DIFLAG2,
  DINODE,
  FORK,
  INODE_CORE_BYTES,
  INODE_CRC_OFFSET,
  S_IFREG,
} from '../../src/format/inode.ts';
import { SB_CRC_OFFSET, SUPERBLOCK } from '../../src/format/superblock.ts';
import { buildAg } from '../../src/fs/space/build.ts';
import { checkImage } from '../../src/repair/check.ts';
import { contentsOf, stageAg, stageCounters } from '../../src/repair/plan.ts';
import { type SmallFile, smallImage } from './smallimage.ts';

/** An extent of a file in units of blocks; realtime files count blocks of the section. */
export interface PlacedExtent {
  readonly fileoff: number;
  readonly fsbno: number;
  readonly count: number;
  readonly unwritten?: boolean;
}

/** Builds every AG's indexes, and the counters, anew from what the inodes say. */
export function reindex(device: MemoryDevice): void {
  const { observation } = checkImage(device);
  const { geometry } = observation;
  const built = observation.ags.map((ag) => buildAg(geometry, contentsOf(geometry, ag)));
  for (const ag of built) stageAg(geometry, device, ag);
  stageCounters(observation, device, new Map(built.map((ag) => [ag.agno, ag])));
}

export function inodeBytes(device: MemoryDevice, geometry: Geometry, ino: number): Uint8Array {
  const at = geometry.inoByte(ino);
  return device.bytes.subarray(at, at + geometry.inodesize);
}

/** Changes an inode and seals it. */
export function changeInode(
  device: MemoryDevice,
  geometry: Geometry,
  ino: number,
  change: (inode: ReturnType<typeof DINODE.over>, view: DataView) => void,
): void {
  const bytes = inodeBytes(device, geometry, ino);
  change(DINODE.over(bytes), new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
  sealCrc(bytes, INODE_CRC_OFFSET);
}

/** Changes the superblock of an AG, usually the primary, and seals it. */
export function changeSuperblock(
  device: MemoryDevice,
  change: (sb: ReturnType<typeof SUPERBLOCK.over>) => void,
  agno = 0,
): void {
  const { sectsize, agblocks, blocksize } = SUPERBLOCK.over(device.bytes);
  const at = agno * agblocks * blocksize;
  const sector = device.bytes.subarray(at, at + sectsize);
  change(SUPERBLOCK.over(sector));
  sealCrc(sector, SB_CRC_OFFSET);
}

/** Writes a plain file of one link with these extents into a free inode. */
export function writeInode(
  device: MemoryDevice,
  geometry: Geometry,
  ino: number,
  size: number,
  extents: readonly PlacedExtent[],
): void {
  const { bigtime, nrext64 } = geometry.features;
  changeInode(device, geometry, ino, (inode, view) => {
    inode.mode = S_IFREG | 0o600;
    inode.format = FORK.EXTENTS;
    inode.aformat = FORK.EXTENTS;
    inode.nlink = 1;
    inode.size = BigInt(size);
    inode.nblocks = extents.reduce((sum, extent) => sum + extent.count, 0);
    if (nrext64) inode.big_nextents = BigInt(extents.length);
    else inode.nextents = extents.length;
    inode.flags2 =
      (bigtime ? 1n << BigInt(DIFLAG2.BIGTIME) : 0n) | (nrext64 ? 1n << BigInt(DIFLAG2.NREXT64) : 0n);
    extents.forEach((extent, i) => {
      packExtent(view, INODE_CORE_BYTES + 16 * i, extent);
    });
  });
}

export function packExtent(view: DataView, at: number, extent: PlacedExtent): void {
  const start = BigInt(extent.fsbno);
  const flag = extent.unwritten ? 1n << 63n : 0n;
  view.setBigUint64(at, flag | (BigInt(extent.fileoff) << 9n) | (start >> 43n));
  view.setBigUint64(at + 8, BigInt.asUintN(64, start << 21n) | BigInt(extent.count));
}

export interface QuotaImage {
  readonly device: MemoryDevice;
  readonly geometry: Geometry;
  readonly files: readonly SmallFile[];
  readonly inodes: Readonly<Record<QuotaType, number>>;
  /** Byte of the record of an id that has one. */
  dquotByte(type: QuotaType, id: number): number;
}

/** What is written of an id; use, limits and timers. */
type Use = { blocks: number; inodes: number; rtblocks: number };

/** Ids of the image's files: the first belongs to user 7, group 100, project 42, the next to the row below. */
const IDS = [
  { uid: 7, gid: 100, projid: 42 },
  { uid: 100_000, gid: 100, projid: 0x10007 },
  { uid: 0, gid: 0, projid: 42 },
] as const;
const ALL_FLAGS = Object.values(QFLAG).reduce((all, { acct, enfd, chkd }) => all | acct | enfd | chkd, 0);

/** Three files with owners, and all three types of quota, enforced and counted. */
export function quotaImage(options: readonly string[] = []): QuotaImage {
  const { device, geometry, files } = smallImage(options);
  return addQuota(device, geometry, files);
}

/** Gives the files of an image owners, and the image quota. */
export function addQuota(device: MemoryDevice, geometry: Geometry, files: readonly SmallFile[]): QuotaImage {
  const use = chargeFiles(device, geometry, files);
  const perBlock = dquotsPerBlock(geometry.blocksize);
  const first = files.at(-1)!.ino + 2;
  const inodes = { user: first, group: first + 1, project: first + 2 };
  const bytes = new Map<string, number>();
  let agbno = 900;
  for (const type of QUOTA_TYPES) {
    const numbers = [...use[type].keys()].map((id) => Math.floor(id / perBlock));
    const blocks = [...new Set(numbers)].sort((a, b) => a - b);
    const extents = blocks.map((fileoff) => ({ fileoff, fsbno: geometry.fsbno(2, (agbno += 2)), count: 1 }));
    for (const { fileoff, fsbno } of extents) {
      for (let slot = 0; slot < perBlock; slot++) {
        const id = fileoff * perBlock + slot;
        const byte = geometry.fsbnoByte(fsbno) + slot * DQBLK.size;
        bytes.set(`${type}/${id}`, byte);
        writeDquot(device, geometry, byte, type, id, use[type].get(id));
      }
    }
    writeInode(device, geometry, inodes[type], 0, extents);
  }
  changeSuperblock(device, (sb) => {
    sb.versionnum |= 0x40;
    sb.qflags = ALL_FLAGS;
    for (const type of QUOTA_TYPES) sb[QUOTA_INODE_FIELD[type]] = inodes[type];
  });
  reindex(device);
  const dquotByte = (type: QuotaType, id: number): number => {
    const byte = bytes.get(`${type}/${id}`);
    if (byte === undefined) throw new Error(`no record of ${type} ${id}`);
    return byte;
  };
  return { device, geometry, files, inodes, dquotByte };
}

/** Gives the files owners, and adds up what each uses. */
function chargeFiles(
  device: MemoryDevice,
  geometry: Geometry,
  files: readonly SmallFile[],
): Readonly<Record<QuotaType, ReadonlyMap<number, Use>>> {
  const use: Record<QuotaType, Map<number, Use>> = { user: new Map(), group: new Map(), project: new Map() };
  const charge = (type: QuotaType, id: number, blocks: number, rtblocks: number): void => {
    const so = use[type].get(id) ?? { blocks: 0, inodes: 0, rtblocks: 0 };
    use[type].set(id, {
      blocks: so.blocks + blocks,
      inodes: so.inodes + 1,
      rtblocks: so.rtblocks + rtblocks,
    });
  };
  const { rootino, rbmino, rsumino } = SUPERBLOCK.over(device.bytes);
  for (const ino of [rootino, rbmino, rsumino]) {
    const { nblocks } = DINODE.over(inodeBytes(device, geometry, ino));
    for (const type of QUOTA_TYPES) charge(type, 0, nblocks, 0);
  }
  files.forEach(({ ino }, i) => {
    const { uid, gid, projid } = IDS[i % IDS.length]!;
    changeInode(device, geometry, ino, (inode) => {
      inode.uid = uid;
      inode.gid = gid;
      inode.projid_lo = projid % 0x10000;
      inode.projid_hi = projid >>> 16;
      // A realtime file has nothing but realtime blocks while its extents fit the inode.
      const realtime = (inode.flags & (1 << DIFLAG.REALTIME)) !== 0;
      const [blocks, rtblocks] = realtime ? [0, inode.nblocks] : [inode.nblocks, 0];
      charge('user', uid, blocks, rtblocks);
      charge('group', gid, blocks, rtblocks);
      charge('project', projid, blocks, rtblocks);
    });
  });
  return use;
}

function writeDquot(
  device: MemoryDevice,
  geometry: Geometry,
  byte: number,
  type: QuotaType,
  id: number,
  use: Use | undefined,
): void {
  const bytes = device.bytes.subarray(byte, byte + DQBLK.size);
  bytes.fill(0);
  const record = DISK_DQUOT.over(bytes);
  record.magic = DQUOT_MAGIC;
  record.version = 1;
  record.type = DQTYPE[type] | (geometry.features.bigtime && id !== 0 ? DQTYPE_BIGTIME : 0);
  record.id = id;
  record.bcount = BigInt(use?.blocks ?? 0);
  record.icount = BigInt(use?.inodes ?? 0);
  record.rtbcount = BigInt(use?.rtblocks ?? 0);
  if (id === 7) {
    // Above its soft limit, so a timer runs.
    record.blk_softlimit = 2n;
    record.blk_hardlimit = 1000n;
    record.btimer = 500_000_000;
  }
  DQBLK.over(bytes).uuid = geometry.metaUuid;
  sealCrc(bytes, DQUOT_CRC_OFFSET, 0, DQBLK.size);
}
