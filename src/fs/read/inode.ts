/**
 * An inode as its readers want it: where it is, its bytes, and the fields of its core as plain values. Reading says
 * whether its checksum holds and what makes it no inode; whether its fields make sense is for those who use them.
 */
import { crcIsGood } from '../../format/checksum.ts';
import { DIFLAG, DIFLAG2, DINODE, INODE_CRC_OFFSET, INODE_MAGIC, S_IFMT } from '../../format/inode.ts';
import { viewOf } from '../../format/struct.ts';
import { decodeTimestamp, type Timestamp } from '../../format/time.ts';
import { tryRead, type Volume } from './volume.ts';

export interface Inode {
  readonly ino: number;
  /** The whole inode. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly crcGood: boolean;
}

/** What `stat` would show, and the flags. */
export interface InodeFacts {
  readonly mode: number;
  /** Upper bits of mode. */
  readonly type: number;
  readonly uid: number;
  readonly gid: number;
  readonly nlink: number;
  /** Bytes; undefined when negative or 2^53 and more. */
  readonly size: number | undefined;
  readonly atime: Timestamp;
  readonly mtime: Timestamp;
  readonly ctime: Timestamp;
  readonly flags: number;
  readonly flags2: bigint;
  readonly isRealtime: boolean;
}

/** Whether an inode of this number can exist. */
export function isInoInside({ geometry }: Volume, ino: number): boolean {
  if (!Number.isSafeInteger(ino) || ino < 0) return false;
  const agno = geometry.inoAgno(ino);
  return agno < geometry.agcount && geometry.isAgbno(agno, geometry.aginoAgbno(geometry.inoAgino(ino)));
}

/** Reads an inode; undefined where none can be, where it cannot be read, or where its magic is missing. */
export function readInode(volume: Volume, ino: number): Inode | undefined {
  if (!isInoInside(volume, ino)) return undefined;
  const { geometry, device } = volume;
  const bytes = tryRead(device, geometry.inoByte(ino), geometry.inodesize);
  if (!bytes) return undefined;
  const view = viewOf(bytes);
  if (view.getUint16(DINODE.offset.magic) !== INODE_MAGIC) return undefined;
  return { ino, bytes, view, crcGood: crcIsGood(bytes, INODE_CRC_OFFSET) };
}

export function inodeFacts(inode: Inode): InodeFacts {
  const core = DINODE.at(inode.view);
  const isBigtime = (core.flags2 & (1n << BigInt(DIFLAG2.BIGTIME))) !== 0n;
  const size = Number(core.size);
  return {
    mode: core.mode,
    type: core.mode & S_IFMT,
    uid: core.uid,
    gid: core.gid,
    nlink: core.nlink,
    size: Number.isSafeInteger(size) && size >= 0 ? size : undefined,
    atime: decodeTimestamp(core.atime, isBigtime),
    mtime: decodeTimestamp(core.mtime, isBigtime),
    ctime: decodeTimestamp(core.ctime, isBigtime),
    flags: core.flags,
    flags2: core.flags2,
    isRealtime: (core.flags & (1 << DIFLAG.REALTIME)) !== 0,
  };
}
