/**
 * The first inode chunk: root directory, realtime bitmap and summary inodes (which every filesystem has, realtime
 * section or not), and 61 or more free inodes.
 */
import { sealCrc } from '../format/checksum.ts';
import { CHUNK_INODES, type Geometry, NULL_AGINO } from '../format/geometry.ts';
import {
  DIFLAG,
  DIFLAG2,
  DINODE,
  FORK,
  INODE_CORE_BYTES,
  INODE_CRC_OFFSET,
  INODE_MAGIC,
  S_IFDIR,
  S_IFREG,
} from '../format/inode.ts';
import { SFDIR_HEADER_BYTES } from '../format/sfdir.ts';
import { encodeTimestamp, type Timestamp } from '../format/time.ts';
import { ChunkColumns } from '../fs/space/columns.ts';
import { chunkBlocks, type Plan } from './plan.ts';
import { isSince } from './profile.ts';

const USED_INODES = 3;
const EPOCH: Timestamp = { seconds: 0, nanoseconds: 0 };

/** What new inodes get that no plan tells. */
export interface Birth {
  readonly moment: Timestamp;
  /** Called for each inode in use, and once for all free ones. */
  readonly generation: () => number;
}

/** Inodes that one allocation makes: 64, or a whole block of them where a block holds more. */
const inodesMade = (plan: Plan): number => Math.max(CHUNK_INODES, plan.blocksize / plan.inodesize);

/** Records of the inode btrees for the first chunk. */
export function rootChunks(plan: Plan): ChunkColumns {
  const chunks = new ChunkColumns();
  const first = (plan.rootAgbno * plan.blocksize) / plan.inodesize;
  const all = 0xffffffff;
  for (let i = 0; i < inodesMade(plan); i += CHUNK_INODES) {
    const used = i === 0 ? USED_INODES : 0;
    chunks.push(first + i, 0, CHUNK_INODES, CHUNK_INODES - used, all, (all << used) >>> 0);
  }
  return chunks;
}

function fillUsed(bytes: Uint8Array, at: number, index: number, plan: Plan, birth: Birth): void {
  const inode = DINODE.over(bytes, at);
  const { bigtime, nrext64 } = plan.features;
  const root = index === 0;
  inode.mode = root ? S_IFDIR | 0o755 : S_IFREG;
  inode.format = root ? FORK.LOCAL : FORK.EXTENTS;
  inode.aformat = FORK.EXTENTS;
  inode.nlink = root ? 2 : 1;
  inode.mtime = encodeTimestamp(birth.moment, bigtime);
  inode.ctime = inode.mtime;
  inode.crtime = inode.mtime;
  const young = isSince(plan.profile, '6.12');
  // The access time of the bitmap inode has another meaning, and until xfsprogs 6.12 none was set at all.
  inode.atime = young && index !== 1 ? inode.mtime : encodeTimestamp(EPOCH, bigtime);
  inode.gen = young && !root ? birth.generation() : 0;
  inode.changecount = 2n;
  // The bitmap inode says that its bits mean free.
  inode.flags = index === 1 ? 1 << DIFLAG.NEWRTBM : 0;
  inode.flags2 =
    (bigtime ? 1n << BigInt(DIFLAG2.BIGTIME) : 0n) | (nrext64 ? 1n << BigInt(DIFLAG2.NREXT64) : 0n);
  if (!root) {
    fillRealtimeFile(inode, index, plan);
    return;
  }
  const { flags, flags2, extsize, cowextsize, projid } = plan.inheritance;
  inode.flags = flags;
  inode.flags2 |= BigInt(flags2);
  inode.extsize = extsize;
  inode.cowextsize = cowextsize;
  inode.projid_lo = projid & 0xffff;
  inode.projid_hi = projid >>> 16;
  inode.size = BigInt(SFDIR_HEADER_BYTES);
  // An empty shortform directory: no entries, no 8-byte numbers, and the root is its own parent.
  inode.view.setUint32(inode.byte + INODE_CORE_BYTES + 2, inode.ino);
}

/** Size and extents of the realtime bitmap (index 1) or summary (2); empty without a realtime section. */
function fillRealtimeFile(inode: ReturnType<typeof DINODE.over>, index: number, plan: Plan): void {
  if (!plan.realtime) return;
  const { bitmap, rbmblocks, summary, rsumblocks } = plan.realtime;
  const [extents, blocks] = index === 1 ? [bitmap, rbmblocks] : [summary, rsumblocks];
  inode.size = BigInt(blocks * plan.blocksize);
  inode.nblocks = blocks;
  // Since 6.12 each extent is a transaction.
  const changes = isSince(plan.profile, '6.12') ? extents.length : 1;
  inode.changecount = BigInt((index === 1 ? 3 : 2) + changes);
  if (plan.features.nrext64) inode.big_nextents = BigInt(extents.length);
  else inode.nextents = extents.length;
  let fileoff = 0n;
  extents.forEach(({ agno, agbno, count }, i) => {
    // A mapping is 1 + 54 + 52 + 21 bits: flag, file offset, start, count.
    const start = BigInt(agno * 2 ** plan.agblklog + agbno);
    const at = inode.byte + INODE_CORE_BYTES + 16 * i;
    inode.view.setBigUint64(at, (fileoff << 9n) | (start >> 43n));
    inode.view.setBigUint64(at + 8, BigInt.asUintN(64, start << 21n) | BigInt(count));
    fileoff += BigInt(count);
  });
}

/** Every inode of the first chunk, sealed; as many bytes as the chunk has. */
export function encodeRootChunk(plan: Plan, geometry: Geometry, birth: Birth): Uint8Array {
  const bytes = new Uint8Array(chunkBlocks(plan) * plan.blocksize);
  const generation = isSince(plan.profile, '6.12') ? birth.generation() : 0;
  for (let index = 0; index < inodesMade(plan); index++) {
    const at = index * plan.inodesize;
    const inode = DINODE.over(bytes, at);
    inode.magic = INODE_MAGIC;
    inode.version = 3;
    inode.next_unlinked = NULL_AGINO;
    inode.ino = geometry.rootino + index;
    inode.uuid = plan.uuid;
    inode.gen = generation;
    if (index < USED_INODES) fillUsed(bytes, at, index, plan, birth);
    sealCrc(bytes, INODE_CRC_OFFSET, at, plan.inodesize);
  }
  return bytes;
}
