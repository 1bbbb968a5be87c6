/**
 * ICREATE items: a chunk of inodes, or a part of one, was made. It is made again as it was then, all inodes free,
 * whatever is there now: what happened to the inodes afterwards is logged behind it. Unless the blocks were freed
 * later: then each of its buffers was cancelled.
 */
import { sealCrc } from '../../../format/checksum.ts';
import { CHUNK_INODES, type Geometry, NULL_AGINO } from '../../../format/geometry.ts';
import { DINODE, INODE_MAGIC } from '../../../format/inode.ts';
import { BASIC_BLOCK } from '../../../format/log.ts';
import { LOG_ICREATE } from '../../../format/logitem.ts';
import type { LoggedItem } from '../assembly.ts';
import { LogError } from '../record.ts';
import type { ReplayContext } from './bufferitem.ts';

/** Bytes of an inode cluster for the smallest inodes. */
const CLUSTER_BYTES = 8192;
const SMALLEST_INODE = 256;

/** Blocks that inodes are read and logged in together. */
export function clusterBlocks(geometry: Geometry): number {
  const bytes = (CLUSTER_BYTES * geometry.inodesize) / SMALLEST_INODE;
  const blocks = Math.ceil(bytes / geometry.blocksize);
  // Without such an alignment clusters would not fall on whole chunks.
  const aligned = geometry.inoalignmt >= Math.floor(bytes / geometry.blocksize);
  return aligned ? Math.max(1, blocks) : Math.max(1, Math.floor(CLUSTER_BYTES / geometry.blocksize));
}

/** Replays an ICREATE item; true when it changed something. */
export function replayChunk(context: ReplayContext, item: LoggedItem): boolean {
  const head = item.regions[0]!;
  if (head.length < LOG_ICREATE.size) throw fault(`an item of ${head.length} bytes`);
  const { ag, agbno, count, isize, length, gen } = LOG_ICREATE.over(head);
  const { geometry, buffers, cancelled } = context;
  const inside = ag < geometry.agcount && agbno >= geometry.headerBlocks && length > 0;
  if (!inside || agbno + length > geometry.agLength(ag)) throw fault(`AG ${ag}, blocks ${agbno}+${length}`);
  if (isize !== geometry.inodesize) throw fault(`inodes of ${isize} bytes`);
  if (
    count > CHUNK_INODES * Math.max(1, geometry.inopblock / CHUNK_INODES) ||
    count !== length * geometry.inopblock
  )
    throw fault(`${count} inodes in ${length} blocks`);
  const step = Math.min(clusterBlocks(geometry), length);
  const basic = (step * geometry.blocksize) / BASIC_BLOCK;
  let freed = 0;
  for (let i = 0; i < length; i += step) {
    if (cancelled.has(geometry.agbnoDaddr(ag, agbno + i), basic)) freed++;
  }
  if (freed > 0) return false;
  for (let i = 0; i < length; i += step) {
    const buffer = buffers.read(geometry.agbnoDaddr(ag, agbno + i), basic);
    fillInodes(geometry, buffer.bytes, geometry.ino(ag, geometry.agbnoAgino(agbno + i)), gen);
    buffers.change(buffer, undefined);
  }
  return true;
}

function fillInodes(geometry: Geometry, bytes: Uint8Array, first: number, gen: number): void {
  const { inodesize } = geometry;
  bytes.fill(0);
  for (let at = 0, i = 0; at < bytes.length; at += inodesize, i++) {
    const inode = DINODE.over(bytes, at);
    inode.magic = INODE_MAGIC;
    inode.version = 3;
    inode.gen = gen;
    inode.next_unlinked = NULL_AGINO;
    inode.ino = first + i;
    inode.uuid = geometry.metaUuid;
    sealCrc(bytes, DINODE.offset.crc, at, inodesize);
  }
}

function fault(why: string): LogError {
  return new LogError('LOG_CORRUPT', `inode chunk item: ${why}`);
}
